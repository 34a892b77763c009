// SPDX-License-Identifier: BSD-2-Clause
/*
 * The life cycle of a VM, told by its own guest. The machine's counter goes on from one life to the
 * next: the first life ends by a reset at an appointed time, the second one by a power-off, after
 * which its description lets it start again.
 */
#include "bench/guest/guest.h"

/* When the lives end, on the machine's counter. A VM's own counter begins with its VMM. */
#define RESET_AT (2000ul * TICKS_PER_MS)
#define OFF_AT   (2600ul * TICKS_PER_MS)

static void end_life(uint64_t at, uint32_t function)
{
    sleep_until(at - TICKS_PER_MS);
    spin_until(at);
    psci(function, 0, 0, 0);
}

void guest_main(uint64_t tree)
{
    uint64_t entered = counter_of_machine(), age = counter();
    (void)tree;
    sleep_open();
    if (entered < RESET_AT) {
        end_life(RESET_AT, (uint32_t)PSCI_SYSTEM_RESET);
    }
    if (entered < OFF_AT) {
        say_result("reset_to_guest", entered - RESET_AT, 1);
        say_result("start", age, 1);
        say_result("off_at", OFF_AT, 1);
        say_result("end", 0, 0);
        end_life(OFF_AT, (uint32_t)PSCI_SYSTEM_OFF);
    }
    /* The watcher on the same core saw when its VMM was made, and knows when the last life ended.
     */
    say_result("off_at", OFF_AT, 1);
    say_result("made_at", entered - age, 1);
    for (;;) {
        wait_for_interrupt();
    }
}
