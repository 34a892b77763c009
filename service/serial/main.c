// SPDX-License-Identifier: BSD-2-Clause
/*
 * The serial service: one thread that waits for the UART, for its clients and for root, and moves
 * bytes until none moves any more. What goes where is console.c's business.
 */
#include <sel4/sel4.h>
#include <string.h>

#include "lib/aarch64/cpu.h"
#include "lib/log.h"
#include "link/process_start.h"
#include "link/timer.h"
#include "service/serial/console.h"
#include "service/serial/driver.h"

static struct console console;
static uint64_t start_ticks;

/* Composed bytes on their way into the UART's FIFO. */
static uint8_t sending[256];
static uint32_t sending_begin, sending_end;

/* ---- the console's port ---------------------------------------------------------------------- */

static void signal_client(void *ctx, unsigned client)
{
    (void)ctx;
    seL4_Signal(SLOT_CLIENT_BASE + client);
}

static enum control_result request(void *ctx, enum control_request what, unsigned client,
                                   unsigned argument)
{
    (void)ctx;
    seL4_SetMR(0, client);
    seL4_SetMR(1, argument);
    seL4_MessageInfo_t reply = seL4_Call(SLOT_CONTROL, seL4_MessageInfo_new(what, 0, 0, 2));
    bool understood = seL4_MessageInfo_get_label(reply) == 0 &&
                      seL4_MessageInfo_get_length(reply) >= 1 && seL4_GetMR(0) == CONTROL_OK;
    return understood ? CONTROL_OK : CONTROL_ERROR;
}

/* Root maps it for good, as large as it says in its list, from which `network` is. */
static const struct capture_shared *captured(void *ctx, unsigned network, uint64_t *bytes)
{
    const struct control_reply *reply = (const struct control_reply *)PROCESS_REPLY_VADDR;
    (void)ctx;
    *bytes = (uint64_t)reply->capture[network].memory_mib << 20;
    return (const struct capture_shared *)(PROCESS_CAPTURE_VADDR +
                                           network * PROCESS_CAPTURE_STRIDE);
}

static uint64_t now_ms(void *ctx)
{
    (void)ctx;
    uint64_t per_ms = counter_frequency_hz() / 1000;
    return (counter_now() - start_ticks) / (per_ms != 0 ? per_ms : 1);
}

/*
 * Our own log lines. An error is most likely a failed CHECK, after which nothing here runs any
 * more: straight to the UART, as far as it takes it.
 */
static void log_here(enum log_level level, const char *line, size_t length)
{
    static const char before[] = "\r\n[serial] ";
    if (level != LOG_ERROR) {
        console_log(&console, level, line, length);
        return;
    }
    driver_write((const uint8_t *)before, sizeof before - 1);
    for (unsigned tries = 0; length != 0 && tries < 1000000; tries++) {
        uint32_t sent = driver_write((const uint8_t *)line, (uint32_t)length);
        line += sent;
        length -= sent;
    }
    driver_write((const uint8_t *)"\r\n", 2);
}

/* ---- moving bytes ---------------------------------------------------------------------------- */

/* True when something came. */
static bool receive(void)
{
    uint8_t bytes[CONSOLE_INPUT_MAX];
    uint32_t count = driver_read(bytes, console_input_room(&console));
    console_input(&console, bytes, count);
    return count != 0;
}

/* True when something went. */
static bool transmit(void)
{
    bool sent = false;
    for (;;) {
        if (sending_begin == sending_end) {
            sending_begin = 0;
            sending_end = (uint32_t)console_output(&console, sending, sizeof sending);
        }
        uint32_t count = driver_write(sending + sending_begin, sending_end - sending_begin);
        sending_begin += count;
        sent |= count != 0;
        if (sending_begin != sending_end || sending_end == 0) {
            return sent;
        }
    }
}

/* Some clients are looked at again soon. */
static void set_alarm(void)
{
    struct timer_alarm *alarm = &((struct timer_link *)PROCESS_TIMER_VADDR)->alarm[0];
    uint64_t linger = CONSOLE_LINGER_US * (counter_frequency_hz() / 1000000);
    if (console_lingers(&console) != 0 && timer_alarm_set(alarm, counter_now() + linger)) {
        seL4_Signal(SLOT_TIMER);
    }
}

/* A bounded piece of it. True when there is more to do at once. */
static bool move_some(void)
{
    bool more = console_run(&console);
    more |= receive();
    return more | (transmit() && console_waits(&console));
}

static void take_events(seL4_Word badge)
{
    if ((badge & SERIAL_BADGE_ROSTER) != 0) {
        console_roster_changed(&console);
    }
    if ((badge & SERIAL_BADGE_TIMER) != 0) {
        console_signalled(&console, console_lingers(&console));
    }
    console_signalled(&console, (uint32_t)badge);
}

/*
 * Until none moves any more. Who talks without end keeps neither other clients nor other services
 * waiting. True when the UART's interrupt came meanwhile.
 */
static bool move_all(void)
{
    bool interrupt = false;
    while (move_some()) {
        seL4_Word badge = 0;
        seL4_Yield();
        seL4_Poll(SLOT_NOTIFICATION, &badge);
        take_events(badge);
        interrupt |= (badge & SERIAL_BADGE_IRQ) != 0;
    }
    set_alarm();
    driver_listen(console_input_room(&console) != 0, sending_begin != sending_end);
    return interrupt;
}

void process_main(const struct process_boot *boot)
{
    (void)boot;
    start_ticks = counter_now();
    driver_init(PROCESS_DEVICE_VADDR);
    log_open(log_here, LOG_DEBUG);
    console_init(&console, &(struct console_port){
                               .signal = signal_client,
                               .request = request,
                               .now_ms = now_ms,
                               .captured = captured,
                               .roster = (const struct serial_roster *)PROCESS_ROSTER_VADDR,
                               .reply = (const struct control_reply *)PROCESS_REPLY_VADDR,
                               .links = (uint8_t *)PROCESS_SERIAL_VADDR,
                           });
    seL4_Word badge = SERIAL_BADGE_IRQ; /* the one that root bound may have come already */
    for (;;) {
        if (move_all() || (badge & SERIAL_BADGE_IRQ) != 0) {
            /* Its line stays up until the FIFOs have been served, so not before that. */
            seL4_IRQHandler_Ack(SLOT_IRQ);
        }
        seL4_Wait(SLOT_NOTIFICATION, &badge);
        take_events(badge);
    }
}
