// SPDX-License-Identifier: BSD-2-Clause
/*
 * The ring with a hostile other side. Each step of the input is an operation of ours or a word that
 * the other side writes at that moment. Whatever it writes: no access outside the data area, no
 * transfer larger than asked for or than the ring, our own index moves by what was transferred.
 * While the other side has not lied yet, the bytes must be right as well.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/check.h"
#include "link/ring.h"

enum { SIZE_MAX_LOG2 = 7 };

struct world {
    struct ring_shared shared;
    struct ring producer, consumer;
    uint8_t *data;
    uint32_t written, read; /* honest totals; a byte's value follows from its number */
    bool honest;
};

static uint8_t byte_at(uint32_t number)
{
    return (uint8_t)(number * 167u >> 2);
}

static void do_write(struct world *w, uint32_t size)
{
    uint8_t bytes[256];
    bool signal = false;
    uint32_t before = w->producer.index;
    for (uint32_t i = 0; i < size; i++) {
        bytes[i] = byte_at(w->written + i);
    }
    uint32_t count = ring_write(&w->producer, bytes, size, &signal);
    CHECK(count <= size && count <= w->producer.size_bytes);
    CHECK(w->producer.index - before == count);
    CHECK(!signal || count != 0);
    w->written += count;
    CHECK(!w->honest || w->written - w->read <= w->producer.size_bytes);
    CHECK(!w->honest || count == size || w->written - w->read == w->producer.size_bytes);
}

static void do_read(struct world *w, uint32_t size)
{
    uint8_t *bytes = malloc(size + 1u); /* exact, for the address sanitizer */
    bool signal = false;
    uint32_t before = w->consumer.index;
    uint32_t count = ring_read(&w->consumer, bytes, size, &signal);
    CHECK(count <= size && count <= w->consumer.size_bytes);
    CHECK(w->consumer.index - before == count);
    CHECK(!signal || count != 0);
    for (uint32_t i = 0; w->honest && i < count; i++) {
        CHECK(bytes[i] == byte_at(w->read + i));
    }
    w->read += count;
    CHECK(!w->honest || count == size || w->read == w->written);
    free(bytes);
}

/* A record in two pieces, the second one first, published at once. */
static void do_put(struct world *w, uint32_t size, uint32_t cut)
{
    uint8_t bytes[256];
    bool signal = false;
    if (ring_space(&w->producer) < size) {
        return;
    }
    for (uint32_t i = 0; i < size; i++) {
        bytes[i] = byte_at(w->written + i);
    }
    cut = size != 0 ? cut % size : 0;
    ring_put(&w->producer, cut, bytes + cut, size - cut);
    ring_put(&w->producer, 0, bytes, cut);
    CHECK(ring_space(&w->producer) >= size || !w->honest);
    ring_publish(&w->producer, size, &signal);
    w->written += size;
}

static void do_peek(struct world *w, uint32_t size, uint32_t offset)
{
    struct ring_piece piece[2];
    bool signal = false;
    uint32_t used = ring_used(&w->consumer);
    size = size < used ? size : used;
    offset = size != 0 ? offset % size : 0;
    uint8_t *bytes = malloc(size + 1u);
    ring_peek(&w->consumer, offset, bytes, size - offset);
    ring_view(&w->consumer, offset, size - offset, piece);
    CHECK(piece[0].size + piece[1].size == size - offset);
    CHECK(piece[0].bytes >= w->data && piece[1].bytes == w->data);
    for (uint32_t i = 0; i < size - offset; i++) {
        CHECK(!w->honest || bytes[i] == byte_at(w->read + offset + i));
        CHECK(bytes[i] ==
              (i < piece[0].size ? piece[0].bytes[i] : piece[1].bytes[i - piece[0].size]));
    }
    CHECK(ring_used(&w->consumer) == used); /* all is still there */
    ring_discard(&w->consumer, size - offset, &signal);
    w->read += size - offset;
    free(bytes);
}

/* The side that outlives the other finds the indices impossible: they are not afterwards. */
static void do_recover(struct world *w, bool producer)
{
    if (producer) {
        ring_recover_producer(&w->producer);
        CHECK(ring_space(&w->producer) == w->producer.size_bytes);
    } else {
        ring_recover_consumer(&w->consumer);
        CHECK(ring_used(&w->consumer) == 0);
    }
    w->honest = false; /* what was in the ring is gone */
}

static void step(struct world *w, uint8_t what, uint32_t value)
{
    uint32_t size = w->producer.size_bytes;
    switch (what % 18) {
    case 0:
    case 1:
        do_write(w, value % 256);
        break;
    case 2:
    case 3:
        do_read(w, value % 256);
        break;
    case 4:
        CHECK(ring_space(&w->producer) <= size);
        CHECK(ring_used(&w->consumer) <= size);
        break;
    case 5:
        CHECK(!ring_wait_for_data(&w->consumer) || !w->honest || w->read == w->written);
        break;
    case 6:
        CHECK(!ring_wait_for_space(&w->producer) || !w->honest || w->written - w->read == size);
        break;
    case 7: /* a side restarts */
        ring_open_consumer(&w->consumer, &w->shared, w->data, size);
        ring_open_producer(&w->producer, &w->shared, w->data, size);
        break;
    case 8:
        w->honest = false;
        atomic_store(&w->shared.head, value);
        break;
    case 9:
        w->honest = false;
        atomic_store(&w->shared.tail, value);
        break;
    case 10:
        w->honest = false;
        atomic_fetch_add(&w->shared.head, value & 0xff);
        break;
    case 11:
    case 12:
        do_put(w, value % 256, value >> 8);
        break;
    case 13:
    case 14:
        do_peek(w, value % 256, value >> 8);
        break;
    case 15:
        do_recover(w, (value & 1) != 0);
        break;
    case 16:
        CHECK(size < value % 200 + 1 || !w->honest ||
              ring_wait_for_room(&w->producer, value % 200 + 1) ==
                  (size - (w->written - w->read) < value % 200 + 1));
        break;
    default:
        atomic_store(&w->shared.producer_wants, value);
        atomic_store(&w->shared.consumer_wants, value >> 1);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    struct world w = {.honest = true};
    if (size < 5) {
        return 0;
    }
    uint32_t bytes = 1u << (input[0] % (SIZE_MAX_LOG2 + 1)), start;
    memcpy(&start, input + 1, 4);
    w.data = malloc(bytes);
    ring_format(&w.shared);
    atomic_store(&w.shared.head,
                 start); /* a ring that has been in use: 32-bit wrap is near or far */
    atomic_store(&w.shared.tail, start);
    ring_open_producer(&w.producer, &w.shared, w.data, bytes);
    ring_open_consumer(&w.consumer, &w.shared, w.data, bytes);
    for (size_t at = 5; at + 5 <= size; at += 5) {
        uint32_t value;
        memcpy(&value, input + at + 1, 4);
        step(&w, input[at], value);
    }
    free(w.data);
    return 0;
}
