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

/* `index`: our own word in shared memory. */
static void open(struct ring *ring, struct ring_shared *shared, void *data, uint32_t size_bytes,
                 const _Atomic uint32_t *index)
{
    CHECK(size_bytes != 0 && (size_bytes & (size_bytes - 1)) == 0);
    *ring = (struct ring){
        .shared = shared,
        .data = data,
        .size_bytes = size_bytes,
        .index = atomic_load_explicit(index, memory_order_acquire),
    };
}

void ring_open_producer(struct ring *ring, struct ring_shared *shared, void *data,
                        uint32_t size_bytes)
{
    open(ring, shared, data, size_bytes, &shared->head);
}

void ring_open_consumer(struct ring *ring, struct ring_shared *shared, void *data,
                        uint32_t size_bytes)
{
    open(ring, shared, data, size_bytes, &shared->tail);
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

/*
 * The part of the bytes [offset, offset + size) that lies before the end of the data area; the
 * rest is at its beginning. Whatever the other side says, nothing is touched outside the area.
 */
struct part {
    uint8_t *bytes;
    uint32_t size;
};

static struct part first_part(const struct ring *ring, uint32_t offset, uint32_t size)
{
    CHECK(offset <= ring->size_bytes && size <= ring->size_bytes - offset);
    uint32_t at = (ring->index + offset) & (ring->size_bytes - 1);
    uint32_t to_end = ring->size_bytes - at;
    return (struct part){ring->data + at, size < to_end ? size : to_end};
}

void ring_put(struct ring *ring, uint32_t offset, const void *bytes, uint32_t size)
{
    struct part first = first_part(ring, offset, size);
    memcpy(first.bytes, bytes, first.size);
    if (size != first.size) {
        memcpy(ring->data, (const uint8_t *)bytes + first.size, size - first.size);
    }
}

/* Shows the other side our index, `size` further on. */
static void move(struct ring *ring, uint32_t size, bool *signal, _Atomic uint32_t *index,
                 _Atomic uint32_t *other_wants)
{
    ring->index += size;
    /* Sequentially consistent: shown before we look whether the other side wants to know. */
    atomic_store(index, ring->index);
    if (atomic_load(other_wants) != 0) {
        atomic_store_explicit(other_wants, 0, memory_order_relaxed);
        *signal = true;
    }
}

void ring_publish(struct ring *ring, uint32_t size, bool *signal)
{
    move(ring, size, signal, &ring->shared->head, &ring->shared->consumer_wants);
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
    struct part first = first_part(ring, offset, size);
    piece[0] = (struct ring_piece){first.bytes, first.size};
    piece[1] = (struct ring_piece){ring->data, size - first.size};
}

void ring_peek(const struct ring *ring, uint32_t offset, void *bytes, uint32_t size)
{
    struct part first = first_part(ring, offset, size);
    memcpy(bytes, first.bytes, first.size);
    if (size != first.size) {
        memcpy((uint8_t *)bytes + first.size, ring->data, size - first.size);
    }
}

void ring_discard(struct ring *ring, uint32_t size, bool *signal)
{
    move(ring, size, signal, &ring->shared->tail, &ring->shared->producer_wants);
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

uint32_t ring_write_or_wait(struct ring *ring, const void *bytes, uint32_t size, bool *signal)
{
    uint32_t done = 0;
    do {
        done += ring_write(ring, (const uint8_t *)bytes + done, size - done, signal);
    } while (done < size && !ring_wait_for_space(ring));
    return done;
}

uint32_t ring_read_or_wait(struct ring *ring, void *bytes, uint32_t size, bool *signal)
{
    uint32_t done = 0;
    do {
        done += ring_read(ring, (uint8_t *)bytes + done, size - done, signal);
    } while (done < size && !ring_wait_for_data(ring));
    return done;
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
