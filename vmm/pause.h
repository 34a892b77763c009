/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include "vmm/vmm.h"

/*
 * Keeps all vCPUs from running, wherever they are, and lets them go on as if nothing had been. A
 * vCPU that is in the guest loses its scheduling context; one whose exit is being served stops
 * before its handler replies. Event thread only.
 */
void pause_all(void);
void pause_end(void);

/* On a handler, between an exit and its reply: waits while the VM is paused. */
void pause_here(struct vcpu *vcpu);
