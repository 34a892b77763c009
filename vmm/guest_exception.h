/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include "vmm/abort.h"

/*
 * Makes the guest take an exception for what it did: counted, and logged in lines that grow
 * scarcer. Only on the vCPU's handler.
 */

/*
 * Synchronous external abort: nothing answers at the address of a data access, or of a fetch. `why`
 * is for the log; NULL: no device is there.
 */
void guest_exception_abort(struct vcpu *vcpu, const struct abort *abort, bool is_write,
                           const char *why);
void guest_exception_fetch(struct vcpu *vcpu, const struct abort *abort);

/* Undefined instruction; `what` is for the log. */
void guest_exception_undefined(struct vcpu *vcpu, const char *what);
