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

/*
 * Writes what the data cache holds of [start, start + size) back to memory (DC CVAC; the kernel
 * allows it at EL0 with KernelAArch64UserCacheEnable). CTR_EL0.DminLine is the line's size in
 * words, as a power of two.
 */
static inline void cache_clean(const void *start, uint64_t size_bytes)
{
    uint64_t type;
    __asm__ volatile("mrs %0, ctr_el0" : "=r"(type));
    uint64_t line = 4ull << (type >> 16 & 15);
    for (uint64_t at = (uint64_t)start & ~(line - 1); at < (uint64_t)start + size_bytes;
         at += line) {
        __asm__ volatile("dc cvac, %0" ::"r"(at) : "memory");
    }
    __asm__ volatile("dsb sy" ::: "memory");
}
