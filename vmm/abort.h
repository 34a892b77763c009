/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include "vmm/vmm.h"

/* An access of the guest that stage 2 did not let through. */
struct abort {
    uint64_t pc;
    gpa_t address;     /* as the kernel found it out: see docs/kernel.md on when it is wrong */
    uint64_t syndrome; /* ESR_EL2 */
    bool is_fetch;
};

/* Serves it by a device, or aborts into the guest; the vCPU's registers are then as they must be.
 */
void abort_handle(struct vcpu *vcpu, const struct abort *abort);
