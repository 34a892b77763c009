// SPDX-License-Identifier: BSD-2-Clause
/*
 * Packets to the switch and through it. The same guest is the one that measures and, in another VM,
 * the one that sends back what it gets: the last byte of its MAC address says which.
 */
#include "bench/guest/guest.h"
#include "bench/io/driver.h"

enum {
    RECEIVE,
    TRANSMIT,
    HEADER_BYTES = 12, /* VIRTIO 1.3, 5.1.6, with VERSION_1 */
    MINIMUM = 60,      /* 64 bytes on a wire, with the checksum that is not there */
    MAXIMUM = 1514,
    BUFFER_BYTES = 2048,
    BURST = 32,
    SAMPLES = 128,
    BURSTS = 8,
    WARM = 8,
    WAIT_MS = 50,

    MAC_LAST = 0x0a000100 + 5, /* in the first device's configuration */
    ROLE_PAIR = 1,             /* measures with an echo at the other end */
    ROLE_ECHO = 2,
    ROLE_ALONE = 3, /* measures with nobody at the other end */
    BURST_AT = 14,  /* in the frame: how many come together */
};

struct packet {
    uint8_t header[HEADER_BYTES];
    uint8_t frame[BUFFER_BYTES - HEADER_BYTES];
};

static struct driver_queue queues[2];
static struct packet received[BURST], sent[BURST];
static const uint8_t echo_address[6] = {2, 0xbe, 0, 0, 0, 2},
                     our_address[6] = {2, 0xbe, 0, 0, 0, 1};

/* All are taken by the switch before another one is sent: so one set of buffers is enough. */
static void send(unsigned count, uint32_t bytes)
{
    for (unsigned i = 0; i < count; i++) {
        sent[i].frame[BURST_AT] = (uint8_t)count;
        const struct driver_buffer buffer = {&sent[i], HEADER_BYTES + bytes, false};
        driver_add(&queues[TRANSMIT], i, &buffer, 1);
    }
    driver_disarm(&queues[TRANSMIT]);
    driver_kick(&queues[TRANSMIT]);
}

static void reap(unsigned count)
{
    while (count != 0) {
        if (driver_take(&queues[TRANSMIT], 0) >= 0) {
            count--;
        } else {
            driver_wait(&queues[TRANSMIT]);
        }
    }
}

static void offer(unsigned place)
{
    const struct driver_buffer buffer = {&received[place], sizeof received[place], true};
    driver_add(&queues[RECEIVE], place, &buffer, 1);
}

/* Takes packets until it has as many as each of them says; their buffers are offered again. Returns
 * their number. */
static unsigned receive(uint32_t *bytes)
{
    unsigned count = 0, wanted = 1;
    while (count < wanted) {
        int place = driver_take(&queues[RECEIVE], bytes);
        if (place < 0) {
            driver_wait(&queues[RECEIVE]);
            continue;
        }
        wanted = received[place].frame[BURST_AT];
        offer((unsigned)place);
        count++;
    }
    *bytes -= HEADER_BYTES;
    driver_disarm(&queues[RECEIVE]);
    driver_kick(&queues[RECEIVE]);
    return count;
}

static void address(const uint8_t to[6], const uint8_t from[6])
{
    for (unsigned i = 0; i < BURST; i++) {
        for (unsigned at = 0; at < 6; at++) {
            sent[i].frame[at] = to[at];
            sent[i].frame[6 + at] = from[at];
        }
        sent[i].frame[12] = 0x88; /* a type for experiments: no protocol */
        sent[i].frame[13] = 0xb5;
    }
}

static uint64_t rounds(unsigned count, unsigned burst, uint32_t bytes, bool answered)
{
    uint64_t started = counter();
    for (unsigned i = 0; i < count; i++) {
        uint32_t got;
        send(burst, bytes);
        if (answered) {
            receive(&got);
        }
        reap(burst);
    }
    return counter() - started;
}

static void measure_rounds(const char *name, unsigned burst, uint32_t bytes, bool answered)
{
    unsigned count = burst == 1 ? SAMPLES : BURSTS;
    uint64_t best = UINT64_MAX;
    rounds(WARM, burst, bytes, answered);
    for (unsigned i = 0; i < 4; i++) {
        spin_until(counter_of_machine() + 20 * TICKS_PER_MS);
        uint64_t ticks = rounds(count, burst, bytes, answered);
        best = ticks < best ? ticks : best;
    }
    driver_kicks = driver_interrupts = 0;
    rounds(count, burst, bytes, answered);
    uint64_t kicks = driver_kicks, interrupts = driver_interrupts;
    unsigned packets = count * burst;
    say_result(name, best, packets);
    say("bench %s.kicks %lu %u", name, (unsigned long)kicks, packets);
    say("bench %s.interrupts %lu %u", name, (unsigned long)interrupts, packets);
}

static void measure_all(bool answered)
{
    measure_rounds(answered ? "pair_64" : "alone_64", 1, MINIMUM, answered);
    measure_rounds(answered ? "pair_1514" : "alone_1514", 1, MAXIMUM, answered);
    measure_rounds(answered ? "pair_64_burst32" : "alone_64_burst32", BURST, MINIMUM, answered);
    measure_rounds(answered ? "pair_1514_burst32" : "alone_1514_burst32", BURST, MAXIMUM, answered);
}

/* Sends back as many as it was told come at once. */
static _Noreturn void echo(void)
{
    address(our_address, echo_address);
    for (;;) {
        uint32_t bytes;
        unsigned burst = receive(&bytes);
        send(burst, bytes);
        reap(burst);
    }
}

void guest_main(uint64_t tree)
{
    (void)tree;
    gic_open();
    irq_unmask();
    if (!driver_open(VIRTIO_TYPE_NET, queues, 2, 1ull << 5 /* MAC */)) {
        say("no network");
        say_end();
    }
    for (unsigned i = 0; i < BURST; i++) {
        offer(i);
    }
    driver_disarm(&queues[RECEIVE]);
    driver_kick(&queues[RECEIVE]);
    uint8_t role = *(volatile uint8_t *)(uintptr_t)MAC_LAST;
    if (role == ROLE_ECHO) {
        echo();
    }
    address(echo_address, our_address);
    for (unsigned i = 0; i < BURST; i++) {
        sent[i].frame[11] = role; /* the switch lets nobody use another address */
    }
    sleep_open();
    sleep_until(counter_of_machine() + WAIT_MS * TICKS_PER_MS);
    measure_all(role == ROLE_PAIR);
    say_end();
}
