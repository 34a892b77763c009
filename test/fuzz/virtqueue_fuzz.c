// SPDX-License-Identifier: BSD-2-Clause
/*
 * A virtqueue and its driver, of any format. The driver begins honest: then every chain comes as it
 * was made, in order, and goes back as it was put. Sooner or later it writes anything anywhere into
 * the rings and tables: then what is popped still lies in memory, in the right order and within the
 * bounds, or the queue is broken; and a broken queue is as new when it is opened again.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "device/virtio/virtqueue.h"
#include "lib/check.h"
#include "lib/virtio.h"
#include "test/fake/input.h"
#include "test/fake/virtio_driver.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { STEPS_MAX = 400, RAM_BYTES = 32768, SIZE_MOST = 16, BUFFERS_AT = 16384 };

struct record {
    struct fake_buffer buffers[SIZE_MOST];
    unsigned count;
};

struct popped {
    struct chain chain;
    struct chain_segment segments[SIZE_MOST];
    bool used;
};

static struct {
    struct fake_driver d;
    struct virtqueue queue;
    uint64_t features;
    uint16_t size;
    bool honest;
    unsigned added, taken, waiting; /* chains; waiting: added and not popped */
    struct record record[VIRTQUEUE_SIZE_MAX];
    uint32_t put[VIRTQUEUE_SIZE_MAX];
    struct popped popped[SIZE_MOST];
    struct popped *last; /* the last pop, if nothing happened since */
} t;

static void open_queue(void)
{
    struct fake_queue *q = &t.d.queue[0];
    t.d.used_bytes = 0;
    driver_make_queue(&t.d, q, t.size, t.features);
    const struct virtqueue_setup setup = {q->descriptor_address, q->driver_address,
                                          q->device_address, t.size};
    CHECK(virtqueue_open(&t.queue, &t.d.ram, &setup, SIZE_MOST, t.features));
    CHECK(t.d.used_bytes <= BUFFERS_AT);
    memset(t.popped, 0, sizeof t.popped);
    t.last = NULL;
    t.honest = true;
    t.added = t.taken = t.waiting = 0;
}

static void add(void)
{
    struct record r = {.count = 1 + input_8() % (t.size < 5 ? t.size : 5)};
    unsigned readable = input_8() % (r.count + 1);
    for (unsigned i = 0; i < r.count; i++) {
        r.buffers[i] = (struct fake_buffer){FAKE_RAM_BASE + BUFFERS_AT + 16 * input_8(),
                                            1 + input_8(), i >= readable};
    }
    uint16_t id = t.honest ? driver_add(&t.d, 0, r.buffers, r.count) : FAKE_NO_ID;
    if (id != FAKE_NO_ID) {
        t.record[id] = r;
        t.added++;
        t.waiting++;
    }
}

static void check_chain(const struct chain *chain)
{
    unsigned count = (unsigned)chain->readable_count + chain->writable_count;
    uint64_t readable = 0, writable = 0;
    CHECK(count <= t.size && chain->id < t.size && chain->slots <= t.size);
    for (unsigned i = 0; i < count; i++) {
        const struct chain_segment *s = &chain->segment[i];
        CHECK(s->length != 0 && s->bytes >= t.d.ram.host &&
              range_contains((struct range){0, RAM_BYTES}, (uint64_t)(s->bytes - t.d.ram.host),
                             s->length));
        *(i < chain->readable_count ? &readable : &writable) += s->length;
    }
    CHECK(readable == chain->readable_bytes && writable == chain->writable_bytes);
    if (t.honest) {
        const struct record *r = &t.record[chain->id];
        CHECK(count == r->count);
        for (unsigned i = 0; i < count; i++) {
            CHECK(chain->segment[i].length == r->buffers[i].length &&
                  chain->segment[i].bytes ==
                      t.d.ram.host + (r->buffers[i].address - FAKE_RAM_BASE));
            CHECK((i >= chain->readable_count) == r->buffers[i].writable);
        }
    }
}

static void pop(void)
{
    struct popped *to = NULL;
    for (unsigned i = 0; i < SIZE_MOST && to == NULL; i++) {
        to = t.popped[i].used ? NULL : &t.popped[i];
    }
    if (to == NULL) {
        return;
    }
    chain_init(&to->chain, to->segments, SIZE_MOST);
    switch (virtqueue_pop(&t.queue, &to->chain)) {
    case VIRTQUEUE_CHAIN:
        check_chain(&to->chain);
        CHECK(t.queue.state.flight <= t.size);
        CHECK(!t.honest || t.waiting-- != 0);
        to->used = true;
        t.last = to;
        break;
    case VIRTQUEUE_EMPTY:
        CHECK(!t.honest || t.waiting == 0);
        break;
    case VIRTQUEUE_BROKEN:
        CHECK(!t.honest && t.queue.state.fault != VIRTQUEUE_OK);
        CHECK(virtqueue_pop(&t.queue, &to->chain) == VIRTQUEUE_BROKEN);
        open_queue();
        break;
    }
}

/* Any chain in flight; with IN_ORDER, the first one. */
static struct popped *choose(void)
{
    struct popped *found = NULL;
    unsigned start = input_8();
    for (unsigned i = 0; i < SIZE_MOST; i++) {
        struct popped *p = &t.popped[(start + i) % SIZE_MOST];
        if (p->used && (found == NULL || ((t.features & VIRTIO_F_IN_ORDER) &&
                                          p->chain.position == t.queue.state.put))) {
            found = p;
        }
    }
    return found;
}

static void put(void)
{
    struct popped *p = choose();
    if (p == NULL) {
        return;
    }
    uint32_t written = p->chain.writable_bytes == 0 ? 0 : input_8() % (p->chain.writable_bytes + 1);
    virtqueue_put(&t.queue, &p->chain, written);
    t.put[p->chain.id] = written;
    p->used = false;
    t.last = NULL;
    if (input_8() & 1) {
        virtqueue_publish(&t.queue);
    }
}

static void unpop(void)
{
    if (t.last != NULL) {
        virtqueue_unpop(&t.queue, &t.last->chain);
        t.last->used = false;
        t.last = NULL;
        t.waiting++;
    }
}

static void take(void)
{
    uint16_t id;
    uint32_t written;
    virtqueue_publish(&t.queue);
    if (t.honest && driver_take(&t.d, 0, &id, &written)) {
        CHECK(written == t.put[id]);
        t.taken++;
        CHECK(t.taken <= t.added);
    }
}

/* Anywhere in the rings and tables, or a descriptor with one thing wrong. */
static void poke(void)
{
    static const uint8_t widths[] = {1, 2, 4, 8};
    unsigned width = widths[input_8() % 4];
    uint64_t at = input_bytes(2) % (t.d.used_bytes - 8);
    uint64_t value = input_bytes(width);
    memcpy(t.d.ram.host + at, &value, width);
    t.honest = false;
}

/* A whole descriptor, nearly right, with flags of any kind; and it is made available. */
static void poke_descriptor(void)
{
    struct fake_queue *q = &t.d.queue[0];
    unsigned slot = input_8() % t.size, flags = input_8() & 7;
    uint64_t address = FAKE_RAM_BASE + 16 * input_bytes(2) % (RAM_BYTES + 64);
    uint32_t length = input_8() & 1 ? 16 * (input_8() % 20) : (uint32_t)input_bytes(4);
    unsigned more = input_8();
    t.honest = false;
    if (q->packed) {
        *(struct virtq_packed_desc *)(void *)(q->descriptors +
                                              16 * slot) = (struct virtq_packed_desc){
            address, length, (uint16_t)(more % (t.size + 1u)),
            (uint16_t)(flags | (t.queue.state.avail_wrap ? VIRTQ_DESC_AVAIL : VIRTQ_DESC_USED))};
        return;
    }
    *(struct virtq_split_desc *)(void *)(q->descriptors + 16 * slot) = (struct virtq_split_desc){
        address, length, (uint16_t)flags, (uint16_t)(more % (t.size + 1u))};
    struct virtq_avail *avail = (struct virtq_avail *)(void *)q->driver_area;
    avail->ring[avail->index % t.size] = (uint16_t)slot;
    avail->index++;
}

static void step(void)
{
    switch (input_8() % 16) {
    case 0:
    case 1:
    case 2:
        add();
        break;
    case 3:
    case 4:
    case 5:
        pop();
        break;
    case 6:
    case 7:
        put();
        break;
    case 8:
        unpop();
        break;
    case 9:
    case 10:
        take();
        break;
    case 11: {
        bool sleep = virtqueue_arm(&t.queue);
        CHECK(!t.honest || sleep == (t.waiting == 0));
        break;
    }
    case 12:
        virtqueue_publish(&t.queue);
        virtqueue_wants_interrupt(&t.queue);
        virtqueue_disarm(&t.queue);
        break;
    case 13: {
        struct virtqueue other = {.state = t.queue.state};
        CHECK(virtqueue_reopen(&other, &t.d.ram));
        t.queue = other;
        break;
    }
    case 14:
        poke_descriptor();
        break;
    default:
        poke();
        break;
    }
}

/* All that an honest driver added comes back. */
static void end(void)
{
    struct popped *p;
    while (t.honest && t.taken < t.added) {
        unsigned before = t.taken;
        pop();
        if ((p = choose()) != NULL) {
            t.put[p->chain.id] = 0;
            virtqueue_put(&t.queue, &p->chain, 0);
            p->used = false;
        }
        take();
        CHECK(t.taken != before);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint64_t features[] = {VIRTIO_F_RING_PACKED, VIRTIO_F_EVENT_IDX,
                                        VIRTIO_F_INDIRECT_DESC, VIRTIO_F_IN_ORDER};
    memset(&t, 0, sizeof t);
    input_open(data, size);
    unsigned first = input_8();
    for (unsigned i = 0; i < 4; i++) {
        t.features |= first >> i & 1 ? features[i] : 0;
    }
    t.size = t.features & VIRTIO_F_RING_PACKED ? (uint16_t)(1 + input_8() % SIZE_MOST)
                                               : (uint16_t)(1u << input_8() % 5);
    static uint8_t *ram; /* to allocate costs more than a run */
    if (ram == NULL) {
        ram = aligned_alloc(4096, RAM_BYTES);
    }
    driver_init_at(&t.d, ram, RAM_BYTES);
    open_queue();
    for (unsigned steps = 0; !input_over() && steps < STEPS_MAX; steps++) {
        step();
    }
    end();
    return 0;
}
