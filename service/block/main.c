// SPDX-License-Identifier: BSD-2-Clause
/*
 * The block service: one thread that waits for the device, for its clients and for root. What goes
 * where is server.c's business.
 */
#include <sel4/sel4.h>

#include "lib/aarch64/cpu.h"
#include "lib/check.h"
#include "link/process_start.h"
#include "link/timer.h"
#include "service/block/server.h"

static struct server server;

static const struct block_roster *const roster = (const struct block_roster *)PROCESS_ROSTER_VADDR;

/*
 * A call that is to be made: the last one before the service sleeps goes into the kernel with that,
 * which saves an entry for each request.
 */
static seL4_CPtr late;
static seL4_MessageInfo_t late_info;

static void call_later(seL4_CPtr cap, seL4_Word label)
{
    if (late != 0) {
        seL4_NBSend(late, late_info);
    }
    late = cap;
    late_info = seL4_MessageInfo_new(label, 0, 0, 0);
}

static void sleep(seL4_Word *badge)
{
    if (late != 0) {
        seL4_NBSendWait(late, late_info, SLOT_NOTIFICATION, badge);
        late = 0;
    } else {
        seL4_Wait(SLOT_NOTIFICATION, badge);
    }
}

/* After each pass the other services of this core have a turn. */
static void look(seL4_Word *badge)
{
    if (late != 0) {
        seL4_NBSend(late, late_info);
        late = 0;
    }
    seL4_Yield();
    seL4_Poll(SLOT_NOTIFICATION, badge);
}

static void signal_client(void *ctx, unsigned port)
{
    (void)ctx;
    call_later(SLOT_CLIENT_BASE + port, 0);
}

static void tell_root(void *ctx)
{
    (void)ctx;
    seL4_Signal(SLOT_ROOT);
}

static uint64_t now(void *ctx)
{
    (void)ctx;
    return counter_now();
}

static void set_alarm(void)
{
    struct timer_alarm *alarm = &((struct timer_link *)PROCESS_TIMER_VADDR)->alarm[0];
    uint64_t when = server_alarm(&server);
    if (when != 0 && timer_alarm_set(alarm, when)) {
        seL4_Signal(SLOT_TIMER);
    }
}

static void *memory_at(void *ctx, uint64_t vaddr)
{
    (void)ctx;
    return (void *)vaddr;
}

static void start(void)
{
    struct transport_registers registers =
        transport_mapped(PROCESS_DEVICE_VADDR + roster->device_offset);
    bool device = roster->device_present != 0, stats = roster->stats_present != 0;
    CHECK(roster->magic == BLOCK_ROSTER_MAGIC && roster->version == BLOCK_ROSTER_VERSION);
    server_init(&server, &(struct server_setup){
                             .roster = roster,
                             .links = (uint8_t *)PROCESS_LINK_VADDR,
                             .registers = device ? &registers : NULL,
                             .dma = {.vaddr = (uint8_t *)PROCESS_DMA_VADDR,
                                     .paddr = roster->dma_paddr,
                                     .size_bytes = roster->dma_bytes},
                             .stats = stats ? (struct block_stats *)PROCESS_STATS_VADDR : NULL,
                             .signal = signal_client,
                             .quiet = tell_root,
                             .memory = memory_at,
                             .now = now,
                             .counter_hz = counter_frequency_hz(),
    });
}

void process_main(const struct process_boot *boot)
{
    (void)boot;
    start();
    /*
     * An interrupt that nobody waits for stays masked until a request is given to the device: then
     * its acknowledgement enters the kernel together with the wait that follows, while the answer's
     * wake-up of the client has that place after an interrupt.
     */
    bool masked = false;
    seL4_Word badge = BLOCK_BADGE_IRQ; /* the one that root bound may have come already */
    for (;;) {
        server_event(&server, badge);
        bool more = server_run(&server);
        masked |= (badge & BLOCK_BADGE_IRQ) != 0 && roster->device_present != 0;
        if (masked && server_waits_for_device(&server)) {
            /* Its line is down: server_event has told the device. */
            call_later(SLOT_IRQ, IRQAckIRQ);
            masked = false;
        }
        badge = 0;
        if (more) {
            look(&badge);
        } else {
            set_alarm();
            sleep(&badge);
        }
    }
}
