// SPDX-License-Identifier: BSD-2-Clause
/*
 * The network service: one thread that waits for its clients, the uplink's interrupt, its timer and
 * root, and lets the switch run until nothing moves any more.
 */
#include <sel4/sel4.h>

#include "lib/aarch64/cpu.h"
#include "lib/check.h"
#include "lib/log.h"
#include "link/process_start.h"
#include "link/timer.h"
#include "service/net/switch.h"
#include "service/net/uplink_virtio.h"

static struct net_switch the_switch;
static struct uplink_virtio uplink;
static struct net_stats *const stats = (struct net_stats *)PROCESS_STATS_VADDR;

static void signal_client(void *ctx, unsigned client)
{
    (void)ctx;
    seL4_Signal(SLOT_CLIENT_BASE + client);
}

static uint64_t now(void *ctx)
{
    (void)ctx;
    return counter_now();
}

static bool start_uplink(const struct net_roster *roster)
{
    if (roster->uplink_network == NET_NO_UPLINK) {
        return false;
    }
    const struct transport_registers registers =
        transport_mapped(PROCESS_DEVICE_VADDR + roster->device_offset);
    const struct dma dma = {
        .vaddr = (uint8_t *)PROCESS_DMA_VADDR,
        .paddr = roster->dma_paddr,
        .size_bytes = roster->dma_bytes,
    };
    if (!uplink_virtio_start(&uplink, &registers, &dma, roster->mtu)) {
        log_error("no uplink: there is no virtio-net device that can be used");
        return false;
    }
    return true;
}

static void set_alarm(void)
{
    struct timer_alarm *alarm = &((struct timer_link *)PROCESS_TIMER_VADDR)->alarm[0];
    uint64_t when = switch_alarm(&the_switch);
    if (when != 0 && timer_alarm_set(alarm, when)) {
        seL4_Signal(SLOT_TIMER);
    }
}

static void take_events(seL4_Word badge)
{
    if ((badge & NET_BADGE_ROSTER) != 0) {
        switch_roster_changed(&the_switch);
    }
    if ((badge & NET_BADGE_IRQ) != 0) {
        uplink_virtio_interrupt(&uplink);
        stats->uplink_up = uplink.running && uplink.up;
        seL4_IRQHandler_Ack(SLOT_IRQ);
        switch_uplink_ready(&the_switch);
    }
    switch_signalled(&the_switch, (uint32_t)badge);
}

void process_main(const struct process_boot *boot)
{
    (void)boot;
    const struct net_roster *roster = (const struct net_roster *)PROCESS_ROSTER_VADDR;
    CHECK(switch_roster_valid(roster));
    bool has_uplink = start_uplink(roster);
    stats->uplink_up = 0; /* and not what the service before us left */
    switch_init(&the_switch, &(struct switch_runner){
                                 .signal = signal_client,
                                 .now = now,
                                 .uplink = has_uplink ? &uplink_virtio_ops : NULL,
                                 .uplink_ctx = &uplink,
                                 .roster = roster,
                                 .stats = stats,
                                 .links = (uint8_t *)PROCESS_LINK_VADDR,
                                 .link_stride = PROCESS_LINK_STRIDE,
                                 .counter_hz = counter_frequency_hz(),
                                 .seed = counter_now(),
                             });
    switch_roster_changed(&the_switch);
    /* The interrupt that root bound may have come already, and signals to the service before us. */
    seL4_Word badge = has_uplink ? NET_BADGE_IRQ : 0;
    for (;;) {
        take_events(badge);
        while (switch_run(&the_switch)) {
            /* Others must not wait until those who talk now have nothing more to say: neither
             * clients nor the other services of this core. */
            seL4_Yield();
            seL4_Poll(SLOT_NOTIFICATION, &badge);
            take_events(badge);
        }
        set_alarm();
        seL4_Wait(SLOT_NOTIFICATION, &badge);
    }
}
