/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include "vmm/sysreg.h"

/*
 * The guest's physical timer (CNTP_*; Arm ARM, "The Generic Timer in AArch64 state"). Its registers
 * trap, the counter under it does not: guests read CNTPCT_EL0 themselves. It rings PPI 14 (INTID
 * 30).
 */

/* A sysreg_port's timer function; on the vCPU's handler. */
void ptimer_access(void *ctx, enum sysreg_timer which, struct sysreg_access *access);

/* Event thread: an alarm rang, raise what is due. */
void ptimer_event(void);

/* The vCPU starts (again): its timer is off. */
void ptimer_reset(unsigned vcpu);
