// SPDX-License-Identifier: BSD-2-Clause
#include "vmm/clock.h"

#include "lib/aarch64/cpu.h"
#include "lib/check.h"
#include "lib/start_only.h"
#include "link/map.h"
#include "vmm/irq.h"
#include "vmm/vmm.h"

static uint64_t now_s(void *ctx)
{
    (void)ctx;
    return vmm.boot->epoch_s + counter_now() / counter_frequency_hz();
}

static const struct rtc_pl031_port port = {
    .now_s = now_s,
    .set_level = irq_set_level,
    .ctx = (void *)(uintptr_t)(GIC_SPI_BASE + MAP_PL031_SPI),
};

/* The counter when the clock's next second of interest begins. */
static void set_alarm(void)
{
    struct timer_alarm *alarm =
        &((struct timer_link *)PROCESS_TIMER_VADDR)->alarm[TIMER_ALARM_CLOCK];
    uint64_t next_s = rtc_pl031_next_s(&vmm.rtc);
    uint64_t deadline = TIMER_NEVER;
    if (next_s != RTC_PL031_NEVER) {
        deadline =
            next_s <= vmm.boot->epoch_s ? 0 : (next_s - vmm.boot->epoch_s) * counter_frequency_hz();
    }
    if (timer_alarm_set(alarm, deadline)) {
        seL4_Signal(SLOT_TIMER);
    }
}

static enum outcome access_clock(void *state, struct access *access)
{
    enum outcome outcome = rtc_pl031_access(state, access);
    if (access->is_write) {
        set_alarm();
    }
    return outcome;
}

enum { IRQ_CLOCK = GIC_SPI_BASE + MAP_PL031_SPI };

static bool is_board_clock; /* passed through: root has mapped it, its interrupt is SLOT_IRQ */

START_ONLY void clock_pass_through(void)
{
    is_board_clock = true;
    gic_set_forwarded(&vmm.gic, IRQ_CLOCK);
    clock_ended(); /* the VM before may have left it unacknowledged */
}

void clock_interrupt(void)
{
    gic_set_level(&vmm.gic, 0, IRQ_CLOCK, true);
}

void clock_ended(void)
{
    if (is_board_clock) { /* seL4_IRQHandler_Ack, without its answer (irq.c) */
        seL4_NBSendWithMRs(SLOT_IRQ, seL4_MessageInfo_new(IRQAckIRQ, 0, 0, 0), NULL, NULL, NULL,
                           NULL);
    }
}

START_ONLY void clock_init(void)
{
    rtc_pl031_init(&vmm.rtc, &port, MUTEX_RTC);
    bus_add(&vmm.bus, &(struct bus_window){
                          .range = {MAP_PL031_BASE, MAP_PL031_SIZE},
                          .access = access_clock,
                          .state = &vmm.rtc,
    });
}

void clock_event(void)
{
    if (is_board_clock) {
        return;
    }
    rtc_pl031_tick(&vmm.rtc);
    set_alarm();
}
