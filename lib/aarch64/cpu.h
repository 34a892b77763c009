/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdint.h>

/* What a process at EL0 may do with its core (needs the kernel's KernelArmExportPCNTUser). */

/* The physical counter (Arm ARM D13, CNTPCT_EL0), not read ahead of earlier instructions. */
static inline uint64_t counter_now(void)
{
    uint64_t ticks;
    __asm__ volatile("isb; mrs %0, cntpct_el0" : "=r"(ticks)::"memory");
    return ticks;
}

/* Its frequency in Hz (CNTFRQ_EL0). */
static inline uint64_t counter_frequency_hz(void)
{
    uint64_t hz;
    __asm__ volatile("mrs %0, cntfrq_el0" : "=r"(hz));
    return hz;
}
