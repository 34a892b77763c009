// SPDX-License-Identifier: BSD-2-Clause
#include "test/guest/neighbour/phase.h"

#include "test/guest/hostile/guest.h"

enum {
    SETTLE_MS = 4,
    EARLY_MS = 1,
};

uint64_t phase_ticks(uint64_t ms)
{
    uint64_t hz;
    __asm__ volatile("mrs %0, cntfrq_el0" : "=r"(hz));
    return hz / 1000 * ms * PHASE_SLOWNESS;
}

uint64_t phase_now(void)
{
    return machine_now() / phase_ticks(PHASE_MS);
}

uint64_t phase_begin(uint64_t number)
{
    return number * phase_ticks(PHASE_MS);
}

struct phase_window phase_window(uint64_t number, enum phase_slot slot)
{
    /* The windows of disk and network are two periods of an event thread's budget. */
    static const uint8_t end_ms[SLOT_COUNT] = {10, 35, PHASE_MS};
    uint64_t begin = phase_begin(number);
    return (struct phase_window){
        .begin = begin + phase_ticks((slot == 0 ? 0 : end_ms[slot - 1]) + SETTLE_MS),
        .end = begin + phase_ticks(end_ms[slot] - EARLY_MS),
    };
}
