// SPDX-License-Identifier: BSD-2-Clause
/*
 * The socket relay: one thread that waits for its clients, its timer and root, and lets the relay
 * run until nothing moves any more.
 */
#include <sel4/sel4.h>

#include "lib/aarch64/cpu.h"
#include "lib/check.h"
#include "link/process_start.h"
#include "link/timer.h"
#include "service/vsock/relay.h"

static struct relay relay;

static void signal_client(void *ctx, unsigned port)
{
    (void)ctx;
    seL4_Signal(SLOT_CLIENT_BASE + port);
}

static uint64_t now(void *ctx)
{
    (void)ctx;
    return counter_now();
}

static void set_alarm(void)
{
    struct timer_alarm *alarm = &((struct timer_link *)PROCESS_TIMER_VADDR)->alarm[0];
    if (relay_alarm(&relay) != UINT64_MAX && timer_alarm_set(alarm, relay_alarm(&relay))) {
        seL4_Signal(SLOT_TIMER);
    }
}

static void take_events(seL4_Word badge)
{
    if ((badge & VSOCK_BADGE_ROSTER) != 0) {
        relay_roster_changed(&relay);
    }
    relay_signalled(&relay, (uint32_t)badge);
}

void process_main(const struct process_boot *boot)
{
    (void)boot;
    const struct vsock_roster *roster = (const struct vsock_roster *)PROCESS_ROSTER_VADDR;
    CHECK(relay_roster_valid(roster));
    relay_init(&relay, &(struct relay_runner){
                           .signal = signal_client,
                           .now = now,
                           .roster = roster,
                           .links = (uint8_t *)PROCESS_LINK_VADDR,
                           .link_stride = PROCESS_LINK_STRIDE,
                           .counter_hz = counter_frequency_hz(),
                       });
    /* Signals to the relay before us may have died with it. */
    seL4_Word badge = VSOCK_BADGE_ROSTER;
    for (;;) {
        take_events(badge);
        while (relay_run(&relay)) {
            /* Others must not wait until those who talk now have nothing more to say. */
            seL4_Yield();
            seL4_Poll(SLOT_NOTIFICATION, &badge);
            take_events(badge);
        }
        set_alarm();
        seL4_Wait(SLOT_NOTIFICATION, &badge);
    }
}
