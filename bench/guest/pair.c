// SPDX-License-Identifier: BSD-2-Clause
/* An SGI from one vCPU to another one, which sleeps. The description says on which cores they are.
 */
#include "bench/guest/guest.h"

enum { SAMPLES = 128, SGI = 1, WAIT_TICKS = 62500 };

static volatile uint64_t entered_at;
static volatile unsigned taken;
static volatile bool rang;

#define PSCI_CPU_ON 0xc4000003ul

extern const uint8_t _start[];

void guest_interrupt(uint64_t entered, unsigned intid)
{
    if (intid == SGI) {
        entered_at = entered;
        taken++;
    } else {
        timer_off();
        rang = true;
    }
}

void guest_second(void)
{
    gic_open();
    gic_enable(SGI);
    irq_unmask();
    for (;;) {
        wait_for_interrupt();
    }
}

/*
 * Sleeps while the other one works: with `-icount` QEMU runs one core at a time, and a core that
 * spins may keep those with higher numbers from running at all.
 */
static void wait(void)
{
    rang = false;
    timer_set(counter() + WAIT_TICKS);
    while (!rang) {
        wait_for_interrupt();
    }
}

void guest_main(uint64_t tree)
{
    (void)tree;
    struct mean mean = {0};
    gic_open();
    gic_enable(IRQ_VTIMER);
    irq_unmask();
    if (psci(PSCI_CPU_ON, 1, (uint64_t)_start, 0) != 0) {
        say("no second vCPU");
    }
    wait();
    for (unsigned i = 0; i < SAMPLES; i++) {
        dither();
        uint64_t started = counter();
        gic_send_sgi(SGI, 1);
        wait();
        mean_add(&mean, entered_at - started);
    }
    if (taken != SAMPLES) {
        say("%u of %u arrived", taken, SAMPLES);
    }
    say_result("irq.sgi_other", mean.ticks, mean.count);
    say_end();
}
