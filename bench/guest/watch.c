// SPDX-License-Identifier: BSD-2-Clause
/*
 * A neighbour on a core: always has something to do, and sees when it does not get its turn by the
 * gaps in its own reading of the machine's counter.
 */
#include "bench/guest/guest.h"

enum {
    GAP_MIN_TICKS = 20,    /* longer than a round of the loop */
    GAP_LONG_TICKS = 6250, /* 100 us: more than an interrupt */
    GAPS_MAX = 16,
};

static struct gap {
    uint64_t began, ended;
} gaps[GAPS_MAX];

void guest_main(uint64_t tree)
{
    (void)tree;
    const uint64_t from = 2500ul * TICKS_PER_MS, to = 3000ul * TICKS_PER_MS;
    sleep_open();
    sleep_until(from - TICKS_PER_MS);
    spin_until(from);
    unsigned count = 0;
    uint64_t lost = 0, before = counter_of_machine();
    while (before < to) {
        uint64_t now = counter_of_machine();
        if (now - before > GAP_MIN_TICKS) {
            lost += now - before;
        }
        if (now - before > GAP_LONG_TICKS && count < GAPS_MAX) {
            gaps[count++] = (struct gap){before, now};
        }
        before = now;
    }
    for (unsigned i = 0; i < count; i++) {
        say_result("gap", gaps[i].began, gaps[i].ended);
    }
    say_result("lost", lost, to - from);
    say_result("end", 0, 0);
    /* QEMU, which counts time, takes no input once no timer is set in the whole machine. */
    for (uint64_t next = to;;) {
        sleep_until(next += 1000ul * TICKS_PER_MS);
    }
}
