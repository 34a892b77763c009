// SPDX-License-Identifier: BSD-2-Clause
/*
 * The interrupt of a real device: the board's PL031, which the guest has for itself. Its alarm
 * rings when the match register is set to the present second, so the store that does it is when the
 * device interrupts; no hypervisor sees that store.
 */
#include "bench/guest/guest.h"

enum {
    SAMPLES = 256,
    DR = 0x00,
    MR = 0x04,
    IMSC = 0x10,
    ICR = 0x1c,
    PATIENCE = 100000, /* rounds: the second may have changed before the store */
};

static volatile bool taken;
static volatile uint64_t entered_at;

static volatile uint32_t *clock_register(uint32_t offset)
{
    return (volatile uint32_t *)(uintptr_t)(RTC_BASE + offset);
}

void guest_interrupt(uint64_t entered, unsigned intid)
{
    if (intid == IRQ_RTC) {
        entered_at = entered;
        taken = true;
        *clock_register(ICR) = 1;
    }
}

static bool ring(struct mean *mean)
{
    taken = false;
    dither();
    uint32_t now_s = *clock_register(DR);
    uint64_t started = counter();
    *clock_register(MR) = now_s;
    for (unsigned i = 0; i < PATIENCE; i++) {
        if (taken) {
            mean_add(mean, entered_at - started);
            return true;
        }
    }
    return false;
}

void guest_main(uint64_t tree)
{
    (void)tree;
    struct mean mean = {0};
    gic_open();
    gic_enable(IRQ_RTC);
    irq_unmask();
    *clock_register(ICR) = 1;
    *clock_register(IMSC) = 1;
    gic_eoi_wanted = true;
    for (unsigned i = 0; i < SAMPLES;) {
        i += ring(&mean);
    }
    gic_eoi_wanted = false;
    say_result("irq.device", mean.ticks, mean.count);
    say_result("irq.device_eoi", gic_eoi.ticks, gic_eoi.count);
    say_end();
}
