// SPDX-License-Identifier: BSD-2-Clause
/*
 * Requests to a disk: one at a time, sleeping until it is back, and 32 at a time. The first disk
 * that there is.
 */
#include "bench/guest/guest.h"
#include "bench/io/driver.h"
#include "lib/virtio_blk.h"

enum {
    SAMPLES = 128,
    DEPTH = 32,
    DEEP_REQUESTS = 128, /* the VMM's event thread can do them without a pause */
    DEEP_ROUNDS = 4,
    REST_MS = 20, /* then it has its budget again */
    LARGE = 32768,
    SECTOR = 512,
};

static struct driver_queue queue;
static uint8_t data[DEPTH][LARGE] __attribute__((aligned(4096)));
static struct virtio_blk_header header[DEPTH];
static volatile uint8_t status[DEPTH];
static uint64_t errors;

static void add(unsigned place, uint32_t type, uint32_t bytes)
{
    bool reads = type == VIRTIO_BLK_IN;
    header[place] = (struct virtio_blk_header){.type = type, .sector = place * (LARGE / SECTOR)};
    status[place] = 0xff;
    const struct driver_buffer chain[] = {
        {&header[place], sizeof header[place], false},
        {data[place],    bytes,                reads},
        {&status[place], 1,                    true },
    };
    driver_add(&queue, place, chain, 3);
}

static int take(void)
{
    int place = driver_take(&queue, 0);
    if (place >= 0) {
        errors += status[place] != VIRTIO_BLK_OK;
    }
    return place;
}

static void sort(uint64_t *values, unsigned count)
{
    for (unsigned i = 1; i < count; i++) {
        uint64_t value = values[i];
        unsigned at = i;
        for (; at > 0 && values[at - 1] > value; at--) {
            values[at] = values[at - 1];
        }
        values[at] = value;
    }
}

/* The mean of the middle half: a kernel's own tick is in some of them. */
static void say_middle(const char *name, uint64_t *ticks, unsigned count)
{
    uint64_t sum = 0;
    sort(ticks, count);
    for (unsigned i = count / 4; i < count - count / 4; i++) {
        sum += ticks[i];
    }
    say_result(name, sum, count - 2 * (count / 4));
}

__attribute__((noinline)) static void one(uint32_t type, uint32_t bytes)
{
    add(0, type, bytes);
    driver_kick(&queue);
    driver_wait(&queue);
    take();
}

static void shallow(const char *name, uint32_t type, uint32_t bytes)
{
    static uint64_t ticks[SAMPLES];
    for (unsigned i = 0; i < 8; i++) {
        one(type, bytes);
    }
    driver_kicks = driver_interrupts = 0;
    for (unsigned i = 0; i < SAMPLES; i++) {
        dither();
        uint64_t started = counter();
        one(type, bytes);
        ticks[i] = counter() - started;
    }
    uint64_t kicks = driver_kicks, interrupts = driver_interrupts;
    say_middle(name, ticks, SAMPLES);
    say("bench %s.kicks %lu %u", name, (unsigned long)kicks, SAMPLES);
    say("bench %s.interrupts %lu %u", name, (unsigned long)interrupts, SAMPLES);
}

/* 32 are in flight all the time: what comes back is sent again at once. */
static uint64_t deep_round(uint32_t type, uint32_t bytes)
{
    unsigned sent = 0, done = 0;
    spin_until(counter_of_machine() + REST_MS * TICKS_PER_MS);
    uint64_t started = counter();
    for (; sent < DEPTH; sent++) {
        add(sent, type, bytes);
    }
    driver_kick(&queue);
    while (done < DEEP_REQUESTS) {
        int place;
        driver_wait(&queue);
        driver_disarm(&queue);
        while ((place = take()) >= 0) {
            done++;
            if (sent < DEEP_REQUESTS) {
                add((unsigned)place, type, bytes);
                sent++;
            }
        }
        driver_kick(&queue);
    }
    return counter() - started;
}

static void deep(const char *name, uint32_t type, uint32_t bytes)
{
    enum { ALL = DEEP_ROUNDS * DEEP_REQUESTS };
    uint64_t best = UINT64_MAX;
    driver_kicks = driver_interrupts = 0;
    for (unsigned i = 0; i < DEEP_ROUNDS; i++) {
        uint64_t ticks = deep_round(type, bytes);
        best = ticks < best ? ticks : best;
    }
    uint64_t kicks = driver_kicks, interrupts = driver_interrupts;
    say_result(name, best, DEEP_REQUESTS);
    say("bench %s.kicks %lu %u", name, (unsigned long)kicks, ALL);
    say("bench %s.interrupts %lu %u", name, (unsigned long)interrupts, ALL);
}

void guest_main(uint64_t tree)
{
    (void)tree;
    gic_open();
    irq_unmask();
    if (!driver_open(VIRTIO_TYPE_BLOCK, &queue, 1, VIRTIO_BLK_F_FLUSH)) {
        say("no disk");
        say_end();
    }
    shallow("read_4k", VIRTIO_BLK_IN, 4096);
    shallow("write_4k", VIRTIO_BLK_OUT, 4096);
    shallow("read_32k", VIRTIO_BLK_IN, LARGE);
    shallow("write_32k", VIRTIO_BLK_OUT, LARGE);
    shallow("read_512", VIRTIO_BLK_IN, SECTOR);
    deep("read_4k_qd32", VIRTIO_BLK_IN, 4096);
    deep("write_4k_qd32", VIRTIO_BLK_OUT, 4096);
    deep("read_32k_qd32", VIRTIO_BLK_IN, LARGE);
    if (errors != 0) {
        say("%lu requests failed", (unsigned long)errors);
        for (;;) {
            wait_for_interrupt();
        }
    }
    say_end();
}
