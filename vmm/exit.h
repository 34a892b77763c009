/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include "vmm/vmm.h"

/*
 * Serves one exit of the vCPU, whose fault message is in the calling thread's message registers.
 * Returns the reply with which the vCPU goes on; its message registers are set. Not inlined:
 * debuggers and tests stop a VMM here.
 */
__attribute__((noinline)) seL4_MessageInfo_t exit_handle(struct vcpu *vcpu,
                                                         seL4_MessageInfo_t info);
