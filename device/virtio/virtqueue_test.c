// SPDX-License-Identifier: BSD-2-Clause
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
// clang-format on

#include "device/virtio/virtqueue.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/virtio.h"
#include "test/fake/virtio_driver.h"

enum { SIZE = 8, BYTES = 256 };

#define PACKED   VIRTIO_F_RING_PACKED
#define INDIRECT VIRTIO_F_INDIRECT_DESC
#define EVENT    VIRTIO_F_EVENT_IDX

static struct {
    struct fake_driver d;
    struct fake_queue *q; /* the driver's side of queue 0 */
    struct virtqueue queue;
    struct chain chain;
    struct chain_segment segments[VIRTQUEUE_SIZE_MAX];
} t;

static struct virtqueue_setup setup_of(const struct fake_queue *q)
{
    return (struct virtqueue_setup){q->descriptor_address, q->driver_address, q->device_address,
                                    q->size};
}

static void make(uint16_t size, uint64_t features)
{
    t.d.used_bytes = 0;
    t.q = &t.d.queue[0];
    driver_make_queue(&t.d, t.q, size, features);
    struct virtqueue_setup setup = setup_of(t.q);
    assert_true(virtqueue_open(&t.queue, &t.d.ram, &setup, VIRTQUEUE_SIZE_MAX, features));
    chain_init(&t.chain, t.segments, VIRTQUEUE_SIZE_MAX);
}

static int set_up(void **state)
{
    (void)state;
    memset(&t, 0, sizeof t);
    driver_init(&t.d);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    driver_fini(&t.d);
    return 0;
}

static enum virtqueue_result pop(void)
{
    return virtqueue_pop(&t.queue, &t.chain);
}

static void push(uint32_t written)
{
    virtqueue_put(&t.queue, &t.chain, written);
    virtqueue_publish(&t.queue);
}

/* The pop finds this fault, and again, until the queue is opened anew. */
static void expect_fault(enum virtqueue_fault fault)
{
    assert_int_equal(pop(), VIRTQUEUE_BROKEN);
    assert_int_equal(t.queue.state.fault, fault);
    assert_int_equal(pop(), VIRTQUEUE_BROKEN);
    assert_true(virtqueue_arm(&t.queue));
    uint16_t size = t.q->size;
    uint64_t features = (t.q->packed ? PACKED : 0) | (t.q->indirect ? INDIRECT : 0);
    make(size, features);
    struct fake_buffer buffer = {FAKE_RAM_BASE, 16, false};
    driver_add(&t.d, 0, &buffer, 1);
    assert_int_equal(pop(), VIRTQUEUE_CHAIN);
}

static struct virtq_split_desc *split(unsigned i)
{
    return (struct virtq_split_desc *)(void *)t.q->descriptors + i;
}

static struct virtq_packed_desc *packed(unsigned i)
{
    return (struct virtq_packed_desc *)(void *)t.q->descriptors + i;
}

static struct virtq_avail *avail(void)
{
    return (struct virtq_avail *)(void *)t.q->driver_area;
}

/* Makes descriptor 0 on, written by hand, available. */
static void offer(void)
{
    avail()->ring[avail()->index % t.q->size] = 0;
    avail()->index++;
}

static void a_set_up_that_cannot_be_is_refused(void **state)
{
    (void)state;
    const struct {
        uint64_t features;
        struct virtqueue_setup setup;
    } bad[] = {
        {0,      {FAKE_RAM_BASE, FAKE_RAM_BASE, FAKE_RAM_BASE, 0}                      },
        {0,      {FAKE_RAM_BASE, FAKE_RAM_BASE, FAKE_RAM_BASE, 24}                     },
        {0,      {FAKE_RAM_BASE, FAKE_RAM_BASE, FAKE_RAM_BASE, 128}                    }, /* above size_max */
        {0,      {FAKE_RAM_BASE, FAKE_RAM_BASE, FAKE_RAM_BASE, 0xffff}                 },
        {0,      {FAKE_RAM_BASE + 8, FAKE_RAM_BASE, FAKE_RAM_BASE, 8}                  },
        {0,      {FAKE_RAM_BASE, FAKE_RAM_BASE + 1, FAKE_RAM_BASE, 8}                  },
        {0,      {FAKE_RAM_BASE, FAKE_RAM_BASE, FAKE_RAM_BASE + 2, 8}                  },
        {0,      {0, FAKE_RAM_BASE, FAKE_RAM_BASE, 8}                                  },
        {0,      {FAKE_RAM_BASE, 0, FAKE_RAM_BASE, 8}                                  },
        {0,      {FAKE_RAM_BASE, FAKE_RAM_BASE, 0, 8}                                  },
        {0,      {FAKE_RAM_BASE + FAKE_RAM_BYTES - 64, FAKE_RAM_BASE, FAKE_RAM_BASE, 8}},
        {0,      {FAKE_RAM_BASE, FAKE_RAM_BASE + FAKE_RAM_BYTES - 20, FAKE_RAM_BASE, 8}},
        {0,      {FAKE_RAM_BASE, FAKE_RAM_BASE, FAKE_RAM_BASE + FAKE_RAM_BYTES - 68, 8}},
        {0,      {~0ull << 4, FAKE_RAM_BASE, FAKE_RAM_BASE, 8}                         },
        {PACKED, {FAKE_RAM_BASE, FAKE_RAM_BASE, FAKE_RAM_BASE, 0}                      },
        {PACKED, {FAKE_RAM_BASE, FAKE_RAM_BASE, FAKE_RAM_BASE, 65}                     },
        {PACKED, {FAKE_RAM_BASE + 4, FAKE_RAM_BASE, FAKE_RAM_BASE, 8}                  },
        {PACKED, {FAKE_RAM_BASE, FAKE_RAM_BASE + 2, FAKE_RAM_BASE, 8}                  },
        {PACKED, {FAKE_RAM_BASE, FAKE_RAM_BASE, FAKE_RAM_BASE + 2, 8}                  },
        {PACKED, {FAKE_RAM_BASE, FAKE_RAM_BASE + FAKE_RAM_BYTES, FAKE_RAM_BASE, 8}     },
        {PACKED, {FAKE_RAM_BASE, FAKE_RAM_BASE, FAKE_RAM_BASE - 4, 8}                  },
    };
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(virtqueue_open(&t.queue, &t.d.ram, &bad[i].setup, 64, bad[i].features));
        assert_int_equal(t.queue.state.fault, VIRTQUEUE_BAD_SETUP);
        assert_int_equal(virtqueue_pop(&t.queue, &t.chain), VIRTQUEUE_BROKEN);
        assert_true(virtqueue_arm(&t.queue));
        virtqueue_disarm(&t.queue);
        assert_false(virtqueue_wants_interrupt(&t.queue));
    }
    /* Rings that end with memory are right; a packed one may have any size. */
    const uint64_t end = FAKE_RAM_BASE + FAKE_RAM_BYTES;
    struct virtqueue_setup last = {end - 128, end - 22, end - 72, 8};
    assert_true(virtqueue_open(&t.queue, &t.d.ram, &last, 64, 0));
    struct virtqueue_setup odd = {end - 112, end - 4, end - 4, 7};
    assert_true(virtqueue_open(&t.queue, &t.d.ram, &odd, 64, PACKED));
}

static const uint64_t variants[] = {
    0,      EVENT,          INDIRECT,          EVENT | INDIRECT,
    PACKED, PACKED | EVENT, PACKED | INDIRECT, PACKED | EVENT | INDIRECT,
};
enum { VARIANTS = sizeof variants / sizeof variants[0] };

static uint32_t seed;

static uint32_t chance(uint32_t below)
{
    seed = seed * 1664525u + 1013904223u;
    return (seed >> 8) % below;
}

/* What a chain in flight was made of, by id. */
struct record {
    struct fake_buffer buffers[SIZE];
    unsigned count;
    struct chain chain;
    struct chain_segment segments[SIZE];
    bool popped;
};

static void add_at_random(struct record *records)
{
    struct record r = {.count = 1 + chance(4)};
    unsigned readable = chance(r.count + 1);
    for (unsigned i = 0; i < r.count; i++) {
        r.buffers[i] = (struct fake_buffer){FAKE_RAM_BASE + 0x8000 + chance(0x8000), 1 + chance(99),
                                            i >= readable};
    }
    uint16_t id = driver_add(&t.d, 0, r.buffers, r.count);
    if (id != FAKE_NO_ID) {
        records[id] = r;
    }
}

static bool pop_one(struct record *records)
{
    struct chain_segment segments[SIZE];
    struct chain chain;
    chain_init(&chain, segments, SIZE);
    enum virtqueue_result result = virtqueue_pop(&t.queue, &chain);
    if (result == VIRTQUEUE_EMPTY) {
        return false;
    }
    assert_int_equal(result, VIRTQUEUE_CHAIN);
    struct record *r = &records[chain.id];
    assert_int_equal(chain.readable_count + chain.writable_count, r->count);
    uint32_t bytes[2] = {0, 0};
    for (unsigned i = 0; i < r->count; i++) {
        assert_ptr_equal(segments[i].bytes,
                         driver_at(&t.d, r->buffers[i].address, r->buffers[i].length));
        assert_int_equal(segments[i].length, r->buffers[i].length);
        assert_int_equal(i >= chain.readable_count, r->buffers[i].writable);
        bytes[r->buffers[i].writable] += r->buffers[i].length;
    }
    assert_int_equal(chain.readable_bytes, bytes[0]);
    assert_int_equal(chain.writable_bytes, bytes[1]);
    memcpy(r->segments, segments, sizeof segments);
    r->chain = chain;
    r->chain.segment = r->segments;
    r->popped = true;
    return true;
}

/* Any of those in flight: out of order. */
static void push_at_random(struct record *records, uint16_t size)
{
    for (unsigned tries = 0; tries < 4; tries++) {
        struct record *r = &records[chance(size)];
        if (r->popped) {
            virtqueue_put(&t.queue, &r->chain, r->chain.writable_bytes);
            virtqueue_publish(&t.queue);
            r->popped = false;
            return;
        }
    }
}

static void run_at_random(uint16_t size, uint64_t features)
{
    struct record records[VIRTQUEUE_SIZE_MAX] = {0};
    unsigned taken = 0;
    make(size, features);
    for (unsigned step = 0; step < 20000; step++) {
        uint16_t id;
        uint32_t written;
        switch (chance(5)) {
        case 0:
        case 1:
            add_at_random(records);
            break;
        case 2:
            pop_one(records);
            break;
        case 3:
            push_at_random(records, size);
            break;
        default:
            if (driver_take(&t.d, 0, &id, &written)) {
                assert_int_equal(written, records[id].chain.writable_bytes);
                taken++;
            }
            break;
        }
    }
    assert_true(taken > 1000);
}

static void chains_come_as_they_were_made_and_go_back_in_any_order(void **state)
{
    (void)state;
    for (unsigned i = 0; i < VARIANTS; i++) {
        run_at_random(SIZE, variants[i]);
        run_at_random(variants[i] & PACKED ? 7 : 4, variants[i]);
    }
}

static void the_longest_chain_and_one_more(void **state)
{
    (void)state;
    for (unsigned i = 0; i < VARIANTS; i++) {
        make(SIZE, variants[i]);
        struct fake_buffer buffers[SIZE + 1];
        for (unsigned b = 0; b <= SIZE; b++) {
            buffers[b] = (struct fake_buffer){FAKE_RAM_BASE + 100 * b, 1 + b, b >= 3};
        }
        assert_int_not_equal(driver_add(&t.d, 0, buffers, SIZE), FAKE_NO_ID);
        assert_int_equal(pop(), VIRTQUEUE_CHAIN);
        assert_int_equal(t.chain.readable_count, 3);
        assert_int_equal(t.chain.writable_count, SIZE - 3);
        push(0);
        if (variants[i] & INDIRECT) {
            driver_add(&t.d, 0, buffers, SIZE + 1);
            expect_fault(VIRTQUEUE_TOO_LONG);
        }
    }
}

static void a_chain_longer_than_its_storage_is_too_long(void **state)
{
    (void)state;
    for (unsigned i = 0; i < VARIANTS; i++) {
        make(SIZE, variants[i]);
        struct fake_buffer buffers[4];
        for (unsigned b = 0; b < 4; b++) {
            buffers[b] = (struct fake_buffer){FAKE_RAM_BASE, 1, false};
        }
        t.chain.segment_max = 4;
        driver_add(&t.d, 0, buffers, 4);
        assert_int_equal(pop(), VIRTQUEUE_CHAIN);
        t.chain.segment_max = 3;
        push(0);
        driver_add(&t.d, 0, buffers, 4);
        expect_fault(VIRTQUEUE_TOO_LONG);
    }
}

/* Buffers at the borders of memory, and what is wrong with those beyond them. */
static void buffers_lie_in_memory(void **state)
{
    (void)state;
    const uint64_t end = FAKE_RAM_BASE + FAKE_RAM_BYTES;
    const struct {
        uint64_t address;
        uint32_t length;
        bool good;
    } cases[] = {
        {FAKE_RAM_BASE,     1,                  true },
        {end - 1,           1,                  true },
        {FAKE_RAM_BASE,     FAKE_RAM_BYTES,     true },
        {end - 1,           2,                  false},
        {end,               1,                  false},
        {FAKE_RAM_BASE - 1, 1,                  false},
        {FAKE_RAM_BASE - 1, 2,                  false},
        {0,                 1,                  false},
        {~0ull,             1,                  false},
        {~0ull,             2,                  false}, /* wraps to 0 */
        {~0ull - 0xfff,     0x2000,             false},
        {FAKE_RAM_BASE,     0xfffffff0,         false},
        {FAKE_RAM_BASE,     FAKE_RAM_BYTES + 1, false},
    };
    for (unsigned i = 0; i < VARIANTS; i++) {
        for (unsigned c = 0; c < sizeof cases / sizeof cases[0]; c++) {
            make(SIZE, variants[i]);
            struct fake_buffer buffers[2] = {
                {FAKE_RAM_BASE,    1,               false        },
                {cases[c].address, cases[c].length, (bool)(c & 1)}
            };
            driver_add(&t.d, 0, buffers, 2);
            if (cases[c].good) {
                assert_int_equal(pop(), VIRTQUEUE_CHAIN);
            } else {
                expect_fault(VIRTQUEUE_BAD_ADDRESS);
            }
        }
    }
}

/* An empty buffer is no fault, wherever it is, and takes no span. */
static void empty_buffers_are_skipped(void **state)
{
    (void)state;
    for (unsigned i = 0; i < VARIANTS; i++) {
        make(SIZE, variants[i]);
        const struct fake_buffer buffers[] = {
            {0,             0, false},
            {FAKE_RAM_BASE, 5, false},
            {0,             0, true },
            {FAKE_RAM_BASE, 7, true }
        };
        driver_add(&t.d, 0, buffers, 4);
        assert_int_equal(pop(), VIRTQUEUE_CHAIN);
        assert_int_equal(t.chain.readable_count, 1);
        assert_int_equal(t.chain.writable_count, 1);
        push(7);
        driver_add(&t.d, 0, buffers, 1);
        assert_int_equal(pop(), VIRTQUEUE_CHAIN);
        assert_int_equal(t.chain.readable_count + t.chain.writable_count, 0);
        push(0);
    }
}

static void writable_before_readable_is_refused(void **state)
{
    (void)state;
    for (unsigned i = 0; i < VARIANTS; i++) {
        make(SIZE, variants[i]);
        const struct fake_buffer buffers[] = {
            {FAKE_RAM_BASE, 1, false},
            {FAKE_RAM_BASE, 1, true },
            {FAKE_RAM_BASE, 1, false}
        };
        driver_add(&t.d, 0, buffers, 3);
        expect_fault(VIRTQUEUE_BAD_ORDER);
    }
}

/* 2.7.4.1: the sum of all lengths fits 32 bits. */
static void a_chain_of_4_gib_is_too_long(void **state)
{
    (void)state;
    struct fake_driver *d = &t.d;
    /* Memory of 2 GiB that is never touched; the rings are in the real first part. */
    d->ram.size_bytes = 1ull << 31;
    for (unsigned i = 0; i < VARIANTS; i++) {
        make(SIZE, variants[i]);
        struct fake_buffer buffers[] = {
            {FAKE_RAM_BASE, 0x7fffffff, false},
            {FAKE_RAM_BASE, 0x7fffffff, true },
            {FAKE_RAM_BASE, 1,          true },
            {FAKE_RAM_BASE, 1,          true }
        };
        driver_add(d, 0, buffers, 3);
        assert_int_equal(pop(), VIRTQUEUE_CHAIN);
        assert_int_equal(t.chain.writable_bytes, 0x80000000u);
        push(0x80000000u);
        driver_add(d, 0, buffers, 4);
        expect_fault(VIRTQUEUE_TOO_LONG);
    }
}

static void the_available_index_leads_by_at_most_the_size(void **state)
{
    (void)state;
    make(SIZE, 0);
    for (unsigned i = 0; i < SIZE; i++) {
        *split(i) = (struct virtq_split_desc){FAKE_RAM_BASE, 1, 0, 0};
        avail()->ring[i] = (uint16_t)i;
    }
    avail()->index = SIZE;
    for (unsigned i = 0; i < SIZE; i++) {
        assert_int_equal(pop(), VIRTQUEUE_CHAIN);
    }
    assert_int_equal(pop(), VIRTQUEUE_EMPTY);
    avail()->index = 2 * SIZE + 1;
    expect_fault(VIRTQUEUE_BAD_INDEX);
    make(SIZE, 0);
    avail()->index = 0xffff; /* backwards */
    expect_fault(VIRTQUEUE_BAD_INDEX);
}

static void a_head_is_below_the_size(void **state)
{
    (void)state;
    const uint16_t heads[] = {SIZE, 0x7fff, 0xffff};
    for (unsigned i = 0; i < 3; i++) {
        make(SIZE, 0);
        avail()->ring[0] = heads[i];
        avail()->index = 1;
        expect_fault(VIRTQUEUE_BAD_HEAD);
        make(SIZE, PACKED);
        *packed(0) = (struct virtq_packed_desc){FAKE_RAM_BASE, 1, heads[i], VIRTQ_DESC_AVAIL};
        expect_fault(VIRTQUEUE_BAD_HEAD);
    }
}

static void a_head_flies_once(void **state)
{
    (void)state;
    make(SIZE, 0);
    *split(0) = (struct virtq_split_desc){FAKE_RAM_BASE, 1, 0, 0};
    offer();
    offer();
    assert_int_equal(pop(), VIRTQUEUE_CHAIN);
    push(0);
    assert_int_equal(pop(), VIRTQUEUE_CHAIN); /* back meanwhile: right */
    offer();
    expect_fault(VIRTQUEUE_TWICE);

    make(SIZE, PACKED);
    *packed(0) = (struct virtq_packed_desc){FAKE_RAM_BASE, 1, 3, VIRTQ_DESC_AVAIL};
    *packed(1) = *packed(0);
    assert_int_equal(pop(), VIRTQUEUE_CHAIN);
    expect_fault(VIRTQUEUE_TWICE);
}

static void loops_end(void **state)
{
    (void)state;
    make(SIZE, 0);
    *split(0) = (struct virtq_split_desc){FAKE_RAM_BASE, 1, VIRTQ_DESC_NEXT, 1};
    *split(1) = (struct virtq_split_desc){FAKE_RAM_BASE, 1, VIRTQ_DESC_NEXT, 0};
    offer();
    expect_fault(VIRTQUEUE_TOO_LONG);

    make(SIZE, 0);
    *split(0) = (struct virtq_split_desc){0, 0, VIRTQ_DESC_NEXT, 0}; /* of empty buffers, too */
    offer();
    expect_fault(VIRTQUEUE_TOO_LONG);

    make(SIZE, PACKED);
    for (unsigned i = 0; i < SIZE; i++) {
        *packed(i) =
            (struct virtq_packed_desc){FAKE_RAM_BASE, 0, 0, VIRTQ_DESC_AVAIL | VIRTQ_DESC_NEXT};
    }
    expect_fault(VIRTQUEUE_TOO_LONG);
}

static void next_stays_in_its_table(void **state)
{
    (void)state;
    make(SIZE, 0);
    *split(0) = (struct virtq_split_desc){FAKE_RAM_BASE, 1, VIRTQ_DESC_NEXT, SIZE};
    offer();
    expect_fault(VIRTQUEUE_BAD_NEXT);

    /* An index of the ring, but not of the table. */
    make(SIZE, INDIRECT);
    struct virtq_split_desc table[2] = {
        {FAKE_RAM_BASE, 1, VIRTQ_DESC_NEXT, 2},
        {FAKE_RAM_BASE, 1, 0,               0}
    };
    *split(0) = (struct virtq_split_desc){driver_put(&t.d, table, sizeof table), sizeof table,
                                          VIRTQ_DESC_INDIRECT, 0};
    offer();
    expect_fault(VIRTQUEUE_BAD_NEXT);
}

/* Offers one descriptor with INDIRECT and `flags` at a table that would be right. */
static void offer_table(uint64_t features, uint64_t address, uint32_t length, uint16_t flags)
{
    make(SIZE, features);
    uint16_t both = (uint16_t)(flags | VIRTQ_DESC_INDIRECT);
    *(struct virtq_split_desc *)driver_at(&t.d, FAKE_RAM_BASE + 0x8000, 32) =
        (struct virtq_split_desc){FAKE_RAM_BASE, 1, 0, 0};
    if (features & PACKED) {
        *packed(0) =
            (struct virtq_packed_desc){address, length, 0, (uint16_t)(both | VIRTQ_DESC_AVAIL)};
    } else {
        *split(0) = (struct virtq_split_desc){address, length, both, 1};
        offer();
    }
}

static void bad_indirect_tables_are_refused(void **state)
{
    (void)state;
    const uint64_t at = FAKE_RAM_BASE + 0x8000, end = FAKE_RAM_BASE + FAKE_RAM_BYTES;
    const uint64_t formats[] = {0, PACKED};
    for (unsigned i = 0; i < 2; i++) {
        uint64_t format = formats[i];
        offer_table(format | INDIRECT, at, 16, 0);
        assert_int_equal(pop(), VIRTQUEUE_CHAIN);
        offer_table(format | INDIRECT, at, 16, VIRTQ_DESC_WRITE); /* means nothing here */
        assert_int_equal(pop(), VIRTQUEUE_CHAIN);
        offer_table(format, at, 16, 0); /* not negotiated */
        expect_fault(VIRTQUEUE_BAD_INDIRECT);
        offer_table(format | INDIRECT, at, 0, 0);
        expect_fault(VIRTQUEUE_BAD_INDIRECT);
        offer_table(format | INDIRECT, at, 24, 0);
        expect_fault(VIRTQUEUE_BAD_INDIRECT);
        offer_table(format | INDIRECT, at, 16, VIRTQ_DESC_NEXT);
        expect_fault(VIRTQUEUE_BAD_INDIRECT);
        offer_table(format | INDIRECT, end - 16, 32, 0);
        expect_fault(VIRTQUEUE_BAD_ADDRESS);
        offer_table(format | INDIRECT, ~0ull - 15, 32, 0);
        expect_fault(VIRTQUEUE_BAD_ADDRESS);
        offer_table(format | INDIRECT, at, 0xfffffff0, 0);
        expect_fault(VIRTQUEUE_BAD_ADDRESS);
        /* Nested. */
        offer_table(format | INDIRECT, at, 16, 0);
        struct virtq_split_desc *inner = driver_at(&t.d, at, 16);
        inner->address = at;
        inner->length = 16;
        *(uint16_t *)(void *)((uint8_t *)inner + (i == 0 ? 12 : 14)) = VIRTQ_DESC_INDIRECT;
        expect_fault(VIRTQUEUE_BAD_INDIRECT);
    }
}

/* 2.7.5.3.2: normal descriptors, then one that refers to a table. */
static void a_table_may_follow_descriptors(void **state)
{
    (void)state;
    make(SIZE, INDIRECT);
    struct virtq_split_desc table[3] = {
        {FAKE_RAM_BASE + 1, 2, VIRTQ_DESC_NEXT,  2},
        {FAKE_RAM_BASE + 9, 9, VIRTQ_DESC_WRITE, 0}, /* in nobody's chain */
        {FAKE_RAM_BASE + 2, 3, VIRTQ_DESC_WRITE, 0}
    };
    *split(0) = (struct virtq_split_desc){FAKE_RAM_BASE, 1, VIRTQ_DESC_NEXT, 5};
    *split(5) = (struct virtq_split_desc){driver_put(&t.d, table, sizeof table), sizeof table,
                                          VIRTQ_DESC_INDIRECT, 0};
    offer();
    assert_int_equal(pop(), VIRTQUEUE_CHAIN);
    assert_int_equal(t.chain.readable_count, 2);
    assert_int_equal(t.chain.readable_bytes, 3);
    assert_int_equal(t.chain.writable_bytes, 3);
}

/* More slots in flight than the ring has: a driver that turns the ring under our feet. */
static void a_packed_ring_is_not_overtaken(void **state)
{
    (void)state;
    make(SIZE, PACKED);
    for (unsigned i = 0; i < SIZE; i++) {
        *packed(i) = (struct virtq_packed_desc){
            FAKE_RAM_BASE, 1, (uint16_t)(i / 4),
            (uint16_t)(VIRTQ_DESC_AVAIL | (i % 4 < 3 ? VIRTQ_DESC_NEXT : 0))};
    }
    assert_int_equal(pop(), VIRTQUEUE_CHAIN);
    assert_int_equal(pop(), VIRTQUEUE_CHAIN);
    assert_int_equal(pop(), VIRTQUEUE_EMPTY);
    *packed(0) = (struct virtq_packed_desc){FAKE_RAM_BASE, 1, 5, VIRTQ_DESC_USED};
    expect_fault(VIRTQUEUE_BAD_INDEX);
}

static void what_is_put_is_seen_when_it_is_published(void **state)
{
    (void)state;
    for (unsigned i = 0; i < VARIANTS; i++) {
        make(SIZE, variants[i]);
        struct fake_buffer buffer = {FAKE_RAM_BASE, 10, true};
        uint16_t id;
        uint32_t written;
        for (unsigned round = 0; round < 9; round++) {
            for (unsigned k = 0; k < 3; k++) {
                driver_add(&t.d, 0, &buffer, 1);
            }
            for (uint32_t k = 0; k < 3; k++) {
                assert_int_equal(pop(), VIRTQUEUE_CHAIN);
                virtqueue_put(&t.queue, &t.chain, k);
                assert_false(driver_take(&t.d, 0, &id, &written));
            }
            virtqueue_publish(&t.queue);
            virtqueue_publish(&t.queue);
            for (unsigned k = 0; k < 3; k++) {
                assert_true(driver_take(&t.d, 0, &id, &written));
                assert_int_equal(written, k);
            }
            assert_false(driver_take(&t.d, 0, &id, &written));
        }
    }
}

static void an_unpopped_chain_comes_again(void **state)
{
    (void)state;
    for (unsigned i = 0; i < VARIANTS; i++) {
        make(SIZE, variants[i]);
        for (unsigned round = 0; round < 3 * SIZE; round++) {
            struct fake_buffer buffers[] = {
                {FAKE_RAM_BASE + round, 10, false},
                {FAKE_RAM_BASE + round, 10, true }
            };
            struct chain_segment segments[2];
            struct chain second;
            uint16_t id;
            uint32_t written;
            chain_init(&second, segments, 2);
            driver_add(&t.d, 0, buffers, 2);
            driver_add(&t.d, 0, buffers, 1);
            assert_int_equal(pop(), VIRTQUEUE_CHAIN);
            assert_int_equal(virtqueue_pop(&t.queue, &second), VIRTQUEUE_CHAIN);
            virtqueue_unpop(&t.queue, &second);
            virtqueue_unpop(&t.queue, &t.chain);
            assert_int_equal(t.queue.state.flight, 0);
            assert_int_equal(pop(), VIRTQUEUE_CHAIN);
            assert_int_equal(t.chain.writable_bytes, 10);
            push(1);
            assert_int_equal(pop(), VIRTQUEUE_CHAIN);
            assert_int_equal(t.chain.writable_bytes, 0);
            push(0);
            assert_true(driver_take(&t.d, 0, &id, &written) && driver_take(&t.d, 0, &id, &written));
        }
    }
}

static void serve(unsigned count)
{
    struct fake_buffer buffer = {FAKE_RAM_BASE, 10, true};
    for (unsigned i = 0; i < count; i++) {
        assert_int_not_equal(driver_add(&t.d, 0, &buffer, 1), FAKE_NO_ID);
        assert_int_equal(pop(), VIRTQUEUE_CHAIN);
        push(1);
    }
}

static void take(unsigned count)
{
    uint16_t id;
    uint32_t written;
    for (unsigned i = 0; i < count; i++) {
        assert_true(driver_take(&t.d, 0, &id, &written));
    }
}

static void interrupts_come_when_the_driver_wants_them(void **state)
{
    (void)state;
    for (unsigned i = 0; i < VARIANTS; i++) {
        make(SIZE, variants[i]);
        assert_false(virtqueue_wants_interrupt(&t.queue)); /* nothing to tell */
        for (unsigned round = 0; round < 5 * SIZE; round++) {
            driver_listen(&t.d, 0, 0);
            serve(1);
            assert_true(virtqueue_wants_interrupt(&t.queue));
            assert_false(virtqueue_wants_interrupt(&t.queue));
            driver_mute(&t.d, 0);
            serve(2);
            assert_false(virtqueue_wants_interrupt(&t.queue));
            take(3);
        }
    }
}

static void with_event_idx_the_third_one_interrupts(void **state)
{
    (void)state;
    const uint64_t formats[] = {EVENT, EVENT | PACKED};
    for (unsigned i = 0; i < 2; i++) {
        make(SIZE, formats[i]);
        for (unsigned round = 0; round < 5 * SIZE; round++) {
            driver_listen(&t.d, 0, 2);
            serve(1);
            assert_false(virtqueue_wants_interrupt(&t.queue));
            serve(1);
            assert_false(virtqueue_wants_interrupt(&t.queue));
            serve(1);
            assert_true(virtqueue_wants_interrupt(&t.queue));
            serve(1);
            assert_false(virtqueue_wants_interrupt(&t.queue));
            take(4);
            /* In one go, and past the event. */
            driver_listen(&t.d, 0, 1);
            serve(3);
            assert_true(virtqueue_wants_interrupt(&t.queue));
            take(3);
        }
    }
}

static void the_driver_kicks_when_the_queue_is_armed(void **state)
{
    (void)state;
    for (unsigned i = 0; i < VARIANTS; i++) {
        make(SIZE, variants[i]);
        struct fake_buffer buffer = {FAKE_RAM_BASE, 10, true};
        for (unsigned round = 0; round < 5 * SIZE; round++) {
            assert_true(virtqueue_arm(&t.queue));
            driver_add(&t.d, 0, &buffer, 1);
            assert_true(driver_wants_kick(t.q));
            virtqueue_disarm(&t.queue);
            driver_add(&t.d, 0, &buffer, 1);
            assert_false(driver_wants_kick(t.q));
            assert_false(virtqueue_arm(&t.queue)); /* there is something: do not sleep */
            assert_int_equal(pop(), VIRTQUEUE_CHAIN);
            push(0);
            assert_false(virtqueue_arm(&t.queue));
            assert_int_equal(pop(), VIRTQUEUE_CHAIN);
            push(0);
            take(2);
        }
    }
}

static void the_state_is_all_that_a_queue_needs(void **state)
{
    (void)state;
    for (unsigned i = 0; i < VARIANTS; i++) {
        make(SIZE, variants[i]);
        for (unsigned round = 0; round < 3 * SIZE; round++) {
            struct virtqueue other = {.state = t.queue.state};
            assert_true(virtqueue_reopen(&other, &t.d.ram));
            t.queue = other;
            serve(1);
            take(1);
        }
        t.queue.state.setup.device_address = 0;
        assert_false(virtqueue_reopen(&t.queue, &t.d.ram));
        assert_int_equal(pop(), VIRTQUEUE_EMPTY);
    }
}

/* The driver's memory changes while it is looked at: what was checked is what is used. */
static atomic_bool flip_stop;

static void *flip(void *ctx)
{
    volatile struct virtq_split_desc *desc = ctx;
    while (!atomic_load(&flip_stop)) {
        desc->address = FAKE_RAM_BASE;
        desc->length = 16;
        desc->address = ~0ull - 7;
        desc->length = ~0u;
        desc->flags = desc->flags ^ VIRTQ_DESC_INDIRECT;
    }
    return NULL;
}

static void a_descriptor_rewritten_meanwhile_is_checked_as_it_is_used(void **state)
{
    (void)state;
    unsigned chains = 0, faults = 0;
    make(SIZE, INDIRECT);
    pthread_t thread;
    atomic_store(&flip_stop, false);
    assert_int_equal(pthread_create(&thread, NULL, flip, split(0)), 0);
    for (unsigned i = 0; i < 100000; i++) {
        offer();
        switch (pop()) {
        case VIRTQUEUE_CHAIN:
            for (unsigned k = 0; k < (unsigned)t.chain.readable_count + t.chain.writable_count;
                 k++) {
                uint64_t at = (uint64_t)(t.segments[k].bytes - t.d.ram.host);
                assert_true(
                    range_contains((struct range){0, FAKE_RAM_BYTES}, at, t.segments[k].length));
            }
            push(0);
            chains++;
            break;
        default:
            faults++;
            t.queue.state.fault = VIRTQUEUE_OK;
            t.queue.state.next_avail++;
            break;
        }
    }
    atomic_store(&flip_stop, true);
    pthread_join(thread, NULL);
    assert_true(chains + faults == 100000);
}

/*
 * Two cores. Who sleeps must be woken. Where one side only looks, and the queue holds one chain,
 * the two meet at the moment that matters, between "wake me" and the look after it, again and
 * again: a missing fence shows in less than a second.
 */
enum { PASSES = 200000 };

static struct {
    sem_t kicked, interrupted;
    bool device_sleeps, driver_sleeps;
    atomic_bool stop; /* the device has given up */
} two;

static bool wait_on(sem_t *semaphore)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 10;
    return sem_timedwait(semaphore, &until) == 0;
}

/* Waits for an interrupt, unless something is used by then. False: in vain. */
static bool driver_waits(void)
{
    bool woken = true;
    driver_listen(&t.d, 0, 0);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (!driver_has_used(&t.d, 0)) {
        woken = wait_on(&two.interrupted);
    }
    driver_mute(&t.d, 0);
    return woken;
}

static void *drive(void *ctx)
{
    struct fake_buffer buffer = {FAKE_RAM_BASE + 0x8000, 8, true};
    unsigned added = 0, taken = 0;
    uint16_t id;
    uint32_t written;
    (void)ctx;
    while (taken < PASSES && !atomic_load(&two.stop)) {
        while (added < PASSES && driver_add(&t.d, 0, &buffer, 1) != FAKE_NO_ID) {
            added++;
            if (driver_wants_kick(t.q)) {
                sem_post(&two.kicked);
            }
        }
        if (driver_take(&t.d, 0, &id, &written)) {
            taken++;
        } else if (two.driver_sleeps && !driver_waits()) {
            return "the driver waits in vain for an interrupt";
        }
    }
    return NULL;
}

static void run_on_two_cores(uint16_t size, uint64_t features)
{
    make(size, features);
    driver_mute(&t.d, 0);
    virtqueue_disarm(&t.queue);
    sem_init(&two.kicked, 0, 0);
    sem_init(&two.interrupted, 0, 0);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, drive, NULL), 0);
    unsigned done = 0;
    bool woken = true;
    while (done < PASSES && woken) {
        enum virtqueue_result result = pop();
        assert_int_not_equal(result, VIRTQUEUE_BROKEN);
        if (result == VIRTQUEUE_CHAIN) {
            push(8);
            done++;
            if (virtqueue_wants_interrupt(&t.queue)) {
                sem_post(&two.interrupted);
            }
        } else if (two.device_sleeps && virtqueue_arm(&t.queue)) {
            woken = wait_on(&two.kicked);
            virtqueue_disarm(&t.queue);
        }
    }
    void *complaint;
    atomic_store(&two.stop, !woken);
    pthread_join(thread, &complaint);
    assert_true(woken);
    assert_ptr_equal(complaint, NULL);
}

static void nobody_sleeps_for_ever_on_two_cores(void **state)
{
    (void)state;
    const uint64_t formats[] = {0, EVENT, PACKED, PACKED | EVENT};
    for (unsigned i = 0; i < 4; i++) {
        two.device_sleeps = two.driver_sleeps = true;
        run_on_two_cores(SIZE, formats[i]);
        two.driver_sleeps = false;
        run_on_two_cores(1, formats[i]);
        two.driver_sleeps = true;
        two.device_sleeps = false;
        run_on_two_cores(1, formats[i]);
    }
}

static void faults_have_texts(void **state)
{
    (void)state;
    for (unsigned i = 0; i <= VIRTQUEUE_FAULT_COUNT; i++) {
        assert_non_null(virtqueue_fault_text((enum virtqueue_fault)i));
    }
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_set_up_that_cannot_be_is_refused),
        TEST(chains_come_as_they_were_made_and_go_back_in_any_order),
        TEST(the_longest_chain_and_one_more),
        TEST(a_chain_longer_than_its_storage_is_too_long),
        TEST(buffers_lie_in_memory),
        TEST(empty_buffers_are_skipped),
        TEST(writable_before_readable_is_refused),
        TEST(a_chain_of_4_gib_is_too_long),
        TEST(the_available_index_leads_by_at_most_the_size),
        TEST(a_head_is_below_the_size),
        TEST(a_head_flies_once),
        TEST(loops_end),
        TEST(next_stays_in_its_table),
        TEST(bad_indirect_tables_are_refused),
        TEST(a_table_may_follow_descriptors),
        TEST(a_packed_ring_is_not_overtaken),
        TEST(what_is_put_is_seen_when_it_is_published),
        TEST(an_unpopped_chain_comes_again),
        TEST(interrupts_come_when_the_driver_wants_them),
        TEST(with_event_idx_the_third_one_interrupts),
        TEST(the_driver_kicks_when_the_queue_is_armed),
        TEST(the_state_is_all_that_a_queue_needs),
        TEST(a_descriptor_rewritten_meanwhile_is_checked_as_it_is_used),
        TEST(nobody_sleeps_for_ever_on_two_cores),
        TEST(faults_have_texts),
    };
    return cmocka_run_group_tests_name("virtqueue", tests, NULL, NULL);
}
