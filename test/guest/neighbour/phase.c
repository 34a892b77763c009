// SPDX-License-Identifier: BSD-2-Clause
#include "test/guest/neighbour/phase.h"

#include "test/guest/hostile/guest.h"

uint64_t phase_ticks(uint64_t ms)
{
    uint64_t hz;
    __asm__ volatile("mrs %0, cntfrq_el0" : "=r"(hz));
    return hz / 1000 * ms;
}

uint64_t phase_now(void)
{
    return machine_now() / phase_ticks(PHASE_MS);
}

uint64_t phase_begin(uint64_t number)
{
    return number * phase_ticks(PHASE_MS);
}
