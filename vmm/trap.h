/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include "vmm/vmm.h"

/* Instructions that trap: WFI, WFE, smc, system registers. Only on the vCPU's handler. */

/* Serves a firmware call. False: the vCPU has been set to go on elsewhere, its registers are not
 * touched. */
typedef bool trap_firmware(struct vcpu *vcpu, const struct smccc_call *call, uint64_t *result);

/* Serves the trap with this syndrome (ESR_EL2). */
void trap_handle(struct vcpu *vcpu, uint64_t syndrome, trap_firmware *firmware);

/* A firmware call whose arguments are in the registers; steps over the instruction. */
void trap_firmware_call(struct vcpu *vcpu, trap_firmware *firmware);
