// SPDX-License-Identifier: BSD-2-Clause
#include "link/ring.h"

#include <string.h>

#include "lib/check.h"

void ring_format(struct ring_shared *shared)
{
    atomic_store(&shared->head, 0);
    atomic_store(&shared->tail, 0);
    atomic_store(&shared->producer_wants, 0);
    atomic_store(&shared->consumer_wants, 1); /* the first write always signals */
}

static void open(struct ring *ring, struct ring_shared *shared, void *data, uint32_t size_bytes)
{
    CHECK(size_bytes != 0 && (size_bytes & (size_bytes - 1)) == 0);
    *ring = (struct ring){.shared = shared, .data = data, .size_bytes = size_bytes};
}

void ring_open_producer(struct ring *ring, struct ring_shared *shared, void *data,
                        uint32_t size_bytes)
{
    open(ring, shared, data, size_bytes);
    ring->index = atomic_load_explicit(&shared->head, memory_order_acquire);
}

void ring_open_consumer(struct ring *ring, struct ring_shared *shared, void *data,
                        uint32_t size_bytes)
{
    open(ring, shared, data, size_bytes);
    ring->index = atomic_load_explicit(&shared->tail, memory_order_acquire);
}

uint32_t ring_space(struct ring *ring)
{
    /*
     * Acquire: the consumer has read the bytes before it gave their space back. Sequentially
     * consistent for ring_wait_for_space, which must not look before its wish is seen.
     */
    uint32_t tail = atomic_load(&ring->shared->tail);
    uint32_t used = ring->index - tail;
    if (used > ring->size_bytes) {
        ring->bad_count++;
        return 0;
    }
    return ring->size_bytes - used;
}

uint32_t ring_used(struct ring *ring)
{
    /*
     * Acquire: the producer has written the bytes before it published them. Sequentially consistent
     * for ring_wait_for_data, which must not look before its wish is seen.
     */
    uint32_t head = atomic_load(&ring->shared->head);
    uint32_t used = head - ring->index;
    if (used > ring->size_bytes) {
        ring->bad_count++;
        return 0;
    }
    return used;
}

/* The part of a transfer at `index` that lies before the end of the data area. */
static uint32_t first_part(const struct ring *ring, uint32_t index, uint32_t size)
{
    uint32_t to_end = ring->size_bytes - (index & (ring->size_bytes - 1));
    return size < to_end ? size : to_end;
}

static uint8_t *byte_at(const struct ring *ring, uint32_t index)
{
    return ring->data + (index & (ring->size_bytes - 1));
}

/* Whatever the other side says, nothing is touched outside the data area. */
static void check_inside(const struct ring *ring, uint32_t offset, uint32_t size)
{
    CHECK(offset <= ring->size_bytes && size <= ring->size_bytes - offset);
}

void ring_put(struct ring *ring, uint32_t offset, const void *bytes, uint32_t size)
{
    check_inside(ring, offset, size);
    uint32_t index = ring->index + offset;
    uint32_t first = first_part(ring, index, size);
    memcpy(byte_at(ring, index), bytes, first);
    if (size != first) {
        memcpy(ring->data, (const uint8_t *)bytes + first, size - first);
    }
}

void ring_publish(struct ring *ring, uint32_t size, bool *signal)
{
    ring->index += size;
    /* Sequentially consistent: published before we look whether the consumer wants to know. */
    atomic_store(&ring->shared->head, ring->index);
    if (atomic_load(&ring->shared->consumer_wants) != 0) {
        atomic_store_explicit(&ring->shared->consumer_wants, 0, memory_order_relaxed);
        *signal = true;
    }
}

uint32_t ring_write(struct ring *ring, const void *bytes, uint32_t size, bool *signal)
{
    uint32_t space = ring_space(ring);
    uint32_t count = size < space ? size : space;
    if (count != 0) {
        ring_put(ring, 0, bytes, count);
        ring_publish(ring, count, signal);
    }
    return count;
}

void ring_view(const struct ring *ring, uint32_t offset, uint32_t size, struct ring_piece piece[2])
{
    check_inside(ring, offset, size);
    uint32_t index = ring->index + offset;
    uint32_t first = first_part(ring, index, size);
    piece[0] = (struct ring_piece){byte_at(ring, index), first};
    piece[1] = (struct ring_piece){ring->data, size - first};
}

void ring_peek(const struct ring *ring, uint32_t offset, void *bytes, uint32_t size)
{
    struct ring_piece piece[2];
    ring_view(ring, offset, size, piece);
    memcpy(bytes, piece[0].bytes, piece[0].size);
    if (piece[1].size != 0) {
        memcpy((uint8_t *)bytes + piece[0].size, piece[1].bytes, piece[1].size);
    }
}

void ring_discard(struct ring *ring, uint32_t size, bool *signal)
{
    ring->index += size;
    /* Sequentially consistent: given back before we look whether the producer wants to know. */
    atomic_store(&ring->shared->tail, ring->index);
    if (atomic_load(&ring->shared->producer_wants) != 0) {
        atomic_store_explicit(&ring->shared->producer_wants, 0, memory_order_relaxed);
        *signal = true;
    }
}

uint32_t ring_read(struct ring *ring, void *bytes, uint32_t size, bool *signal)
{
    uint32_t used = ring_used(ring);
    uint32_t count = size < used ? size : used;
    if (count != 0) {
        ring_peek(ring, 0, bytes, count);
        ring_discard(ring, count, signal);
    }
    return count;
}

bool ring_wait_for_room(struct ring *ring, uint32_t size)
{
    atomic_store(&ring->shared->producer_wants, 1);
    if (ring_space(ring) >= size) {
        atomic_store_explicit(&ring->shared->producer_wants, 0, memory_order_relaxed);
        return false;
    }
    return true;
}

bool ring_wait_for_space(struct ring *ring)
{
    return ring_wait_for_room(ring, 1);
}

bool ring_wait_for_data(struct ring *ring)
{
    atomic_store(&ring->shared->consumer_wants, 1);
    if (ring_used(ring) != 0) {
        atomic_store_explicit(&ring->shared->consumer_wants, 0, memory_order_relaxed);
        return false;
    }
    return true;
}

void ring_recover_producer(struct ring *ring)
{
    ring->index = atomic_load(&ring->shared->tail);
    atomic_store(&ring->shared->head, ring->index);
}

void ring_recover_consumer(struct ring *ring)
{
    ring->index = atomic_load(&ring->shared->head);
    atomic_store(&ring->shared->tail, ring->index);
}
