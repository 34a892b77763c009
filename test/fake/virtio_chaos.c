// SPDX-License-Identifier: BSD-2-Clause
#include "test/fake/virtio_chaos.h"

#include <stdlib.h>
#include <string.h>

#include "lib/check.h"

enum {
    RAM_BYTES = 1 << 18,
    BUFFERS_AT = RAM_BYTES - (1 << 15), /* behind all rings */
    BUFFERS_BYTES = 1 << 15,
    STEPS_MAX = 300,
    STATUS = 0x70,
    QUEUE_NOTIFY = 0x50,
    INTERRUPT_ACK = 0x64,
    CONFIG = 0x100,
};

unsigned chaos_next(struct chaos *c)
{
    if (c->left == 0) {
        return 0;
    }
    c->left--;
    return *c->data++;
}

uint64_t chaos_bytes(struct chaos *c, unsigned count)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < count; i++) {
        value |= (uint64_t)chaos_next(c) << (8 * i);
    }
    return value;
}

bool chaos_more(struct chaos *c)
{
    return c->left != 0 && c->steps < STEPS_MAX;
}

static void set_level(void *ctx, bool high)
{
    struct chaos *c = ctx;
    CHECK(high != c->line);
    c->line = high;
}

void chaos_init(struct chaos *c, const uint8_t *data, size_t size)
{
    static uint8_t *ram; /* for all runs: to allocate costs more than a run */
    if (ram == NULL) {
        ram = aligned_alloc(4096, RAM_BYTES);
    }
    memset(c, 0, sizeof *c);
    c->data = data;
    c->left = size;
    c->port = (struct virtio_mmio_port){set_level, c};
    driver_init_at(&c->d, ram, RAM_BYTES);
}

void chaos_attach(struct chaos *c, struct virtio_device *device)
{
    c->d.device = device;
    virtio_mmio_init(&c->mmio, device, &c->port);
}

static void check(const struct chaos *c)
{
    CHECK(c->d.device->lock.users == 0);
    CHECK(c->line == (c->d.device->state.isr != 0));
    CHECK(c->d.device->state.left == 0 || c->d.deferred);
}

static uint64_t access(struct chaos *c, uint64_t offset, unsigned width, bool is_write,
                       uint64_t value)
{
    struct access a = {.offset = offset,
                       .value = is_write ? value : ~0ull,
                       .width_bytes = (uint8_t)width,
                       .is_write = is_write};
    CHECK(virtio_mmio_access(&c->mmio, &a) == OUTCOME_DONE);
    CHECK(is_write || width == 8 || a.value >> (8 * width) == 0);
    return a.value;
}

/* Any register, mostly in the way that has an effect. */
static void any_access(struct chaos *c)
{
    static const uint8_t registers[] = {0x10, 0x14, 0x20, 0x24, 0x30, 0x34, 0x38, 0x44,
                                        0x50, 0x60, 0x64, 0x70, 0x80, 0x84, 0x90, 0x94,
                                        0xa0, 0xa4, 0xac, 0xb0, 0xbc, 0xc0, 0xfc};
    unsigned what = chaos_next(c);
    bool is_write = what & 1;
    unsigned width = what & 2 ? 4 : 1u << (what >> 2 & 3);
    uint64_t offset = what & 16 ? registers[chaos_next(c) % sizeof registers]
                                : chaos_bytes(c, 2) % (VIRTIO_MMIO_SIZE - 7);
    uint64_t value = chaos_bytes(c, what & 32 ? 1 : 4);
    if (is_write && offset < CONFIG && offset != INTERRUPT_ACK && offset != QUEUE_NOTIFY) {
        c->honest = false;
    }
    access(c, offset, width, is_write, value);
}

static uint64_t some_features(struct chaos *c)
{
    static const uint64_t core[] = {VIRTIO_F_INDIRECT_DESC, VIRTIO_F_EVENT_IDX,
                                    VIRTIO_F_RING_PACKED, VIRTIO_F_RING_RESET, VIRTIO_F_IN_ORDER};
    unsigned which = chaos_next(c);
    uint64_t features = chaos_bytes(c, 3);
    for (unsigned i = 0; i < 5; i++) {
        features |= which >> i & 1 ? core[i] : 0;
    }
    return features & (which & 0x80 ? ~0ull : c->d.device->state.offered);
}

bool chaos_recover(struct chaos *c, uint64_t features)
{
    access(c, STATUS, 4, true, 0);
    check(c);
    CHECK(access(c, STATUS, 4, false, 0) == 0 && !c->line);
    c->honest = driver_start_sized(&c->d, features, 8);
    return c->honest;
}

static void start(struct chaos *c)
{
    uint64_t features = some_features(c);
    uint16_t size = (uint16_t)(1u << chaos_next(c) % 5);
    c->honest = driver_start_sized(&c->d, features, size);
    CHECK(c->d.used_bytes <= BUFFERS_AT);
}

/* A buffer with bytes of the input at its start; rarely one that cannot be. */
static struct fake_buffer some_buffer(struct chaos *c)
{
    unsigned shape = chaos_next(c);
    struct fake_buffer buffer = {FAKE_RAM_BASE + BUFFERS_AT + 8 * chaos_bytes(c, 2) % BUFFERS_BYTES,
                                 chaos_next(c), shape & 1};
    uint64_t room = FAKE_RAM_BASE + RAM_BYTES - buffer.address;
    if ((shape & 0xf0) == 0xf0) {
        buffer.length = (uint32_t)chaos_bytes(c, 4);
    } else if (shape & 2) {
        buffer.length *= 64;
    }
    if ((shape & 0xf0) != 0xf0 && buffer.length > room) {
        buffer.length = (uint32_t)room;
    }
    if (!buffer.writable) {
        unsigned filled = shape >> 2 & 3 ? 16 * (shape >> 2 & 3) : 0;
        for (unsigned i = 0; i < filled && i < buffer.length && i < room; i++) {
            c->d.ram.host[buffer.address - FAKE_RAM_BASE + i] = (uint8_t)chaos_next(c);
        }
    }
    return buffer;
}

static void request(struct chaos *c)
{
    struct fake_buffer buffers[4];
    unsigned queue = chaos_next(c) % c->d.device->queue_count;
    unsigned count = 1 + chaos_next(c) % 4;
    for (unsigned i = 0; i < count; i++) {
        buffers[i] = some_buffer(c);
    }
    if (c->d.queue[queue].size >= count) {
        driver_add(&c->d, queue, buffers, count);
        driver_kick(&c->d, queue);
    }
}

static void take(struct chaos *c)
{
    unsigned queue = chaos_next(c) % c->d.device->queue_count;
    uint16_t id;
    uint32_t written;
    while (c->honest && driver_take(&c->d, queue, &id, &written)) {
    }
}

static void poke(struct chaos *c)
{
    uint64_t at = chaos_bytes(c, 3) % (c->d.used_bytes + 8);
    unsigned count = 1u << chaos_next(c) % 4;
    uint64_t value = chaos_bytes(c, count);
    memcpy(c->d.ram.host + at, &value, count);
    c->honest = false;
}

void chaos_step(struct chaos *c)
{
    unsigned what = chaos_next(c) % 16;
    c->steps++;
    if (what < 2) {
        any_access(c);
    } else if (what == 2) {
        start(c);
    } else if (what < 10) {
        request(c);
    } else if (what < 12) {
        take(c);
    } else if (what == 12) {
        poke(c);
    } else if (what == 13) {
        access(c, INTERRUPT_ACK, 4, true, chaos_next(c));
    } else if (what == 14) {
        access(c, QUEUE_NOTIFY, 4, true, chaos_next(c));
    } else if (c->d.deferred) { /* one pass: a hostile queue may have work for ever */
        c->d.deferred = false;
        virtio_run(c->d.device);
    }
    check(c);
}
