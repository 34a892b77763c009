// SPDX-License-Identifier: BSD-2-Clause
/* Interrupts that a guest with one vCPU causes itself: SGI to self, virtual timer, WFI. */
#include "bench/guest/guest.h"

#include <stddef.h>

enum {
    SAMPLES = 256,
    SGI = 1,
    AHEAD_TICKS = 2000,  /* 32 us */
    SLEEP_TICKS = 62500, /* 1 ms */
    TICK_PERIOD = 6250,  /* 100 us */
    TICK_LOOP = 300000,  /* rounds of the loop that ticks interrupt: some 600 us */
    TICK_REPEATS = 8,
};

static volatile bool taken;
static volatile uint64_t entered_at;
static volatile uint64_t ticks_taken;
static volatile uint64_t tick_period; /* 0: the timer is to ring once */
static volatile uint64_t tick_next;

void guest_interrupt(uint64_t entered, unsigned intid)
{
    entered_at = entered;
    taken = true;
    if (intid != IRQ_VTIMER) {
        return;
    }
    if (tick_period == 0) {
        timer_off();
        return;
    }
    ticks_taken++;
    tick_next += tick_period;
    timer_set(tick_next);
}

static void measure_sgi(void)
{
    struct mean mean = {0};
    gic_eoi = (struct mean){0};
    gic_eoi_wanted = true;
    for (unsigned i = 0; i < SAMPLES; i++) {
        taken = false;
        dither();
        uint64_t started = counter();
        gic_send_sgi(SGI, 0);
        while (!taken) {
        }
        mean_add(&mean, entered_at - started);
    }
    gic_eoi_wanted = false;
    say_result("irq.sgi_self", mean.ticks, mean.count);
    say_result("irq.eoi", gic_eoi.ticks, gic_eoi.count);
}

static void measure_deadline(const char *name, const char *eoi_name, uint64_t ahead, bool sleep)
{
    struct mean mean = {0};
    gic_eoi = (struct mean){0};
    gic_eoi_wanted = eoi_name != NULL;
    for (unsigned i = 0; i < SAMPLES; i++) {
        taken = false;
        dither();
        uint64_t deadline = counter() + ahead;
        timer_set(deadline);
        while (!taken) {
            if (sleep) {
                wait_for_interrupt();
            }
        }
        mean_add(&mean, entered_at - deadline);
    }
    gic_eoi_wanted = false;
    say_result(name, mean.ticks, mean.count);
    if (eoi_name != NULL) {
        say_result(eoi_name, gic_eoi.ticks, gic_eoi.count);
    }
}

static uint64_t spin(void)
{
    uint64_t started = counter();
    for (unsigned i = 0; i < TICK_LOOP; i++) {
        __asm__ volatile("");
    }
    return counter() - started;
}

static uint64_t spin_best(void)
{
    uint64_t best = UINT64_MAX;
    for (unsigned i = 0; i < TICK_REPEATS; i++) {
        uint64_t ticks = spin();
        best = ticks < best ? ticks : best;
    }
    return best;
}

/* A tick as Linux has it without high resolution timers, but for what Linux does in it. */
static uint64_t spin_with_ticks(void)
{
    ticks_taken = 0;
    tick_period = TICK_PERIOD;
    tick_next = counter() + tick_period;
    timer_set(tick_next);
    uint64_t ticks = spin();
    timer_off();
    tick_period = 0;
    return ticks;
}

/*
 * A periodic tick in full: what a loop takes longer with ticks than without, in the best case. The
 * two loads tell the harness, which may look at QEMU's log, where the ticks begin and end.
 */
static void measure_tick(void)
{
    uint64_t alone = spin_best();
    uint64_t best = UINT64_MAX;
    uint64_t total = 0;
    (void)*(volatile uint32_t *)(NOWHERE + 0x10);
    for (unsigned i = 0; i < TICK_REPEATS; i++) {
        uint64_t each = (spin_with_ticks() - alone) * TICK_LOOP / ticks_taken;
        best = each < best ? each : best;
        total += ticks_taken;
    }
    (void)*(volatile uint32_t *)(NOWHERE + 0x20);
    say_result("timer.tick", best, TICK_LOOP);
    say_result("timer.tick.total", total, 1);
}

void guest_main(uint64_t tree)
{
    (void)tree;
    gic_open();
    gic_enable(SGI);
    gic_enable(IRQ_VTIMER);
    irq_unmask();
    measure_sgi();
    measure_deadline("timer.deadline", "timer.eoi", AHEAD_TICKS, false);
    measure_tick();
    measure_deadline("wfi.wake", NULL, SLEEP_TICKS, true);
    say_end();
}
