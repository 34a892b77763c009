/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A ring of bytes between one producer and one consumer in two processes, in shared memory that the
 * other side may write at any time. Neither side ever waits for the other or believes it: an index
 * that cannot be is taken as "nothing there", counted, and bounded in effect to garbage in this
 * ring.
 *
 * Indices count bytes since the ring began and wrap at 2^32; the size is a power of two.
 *
 * Signalling: who is about to sleep first says so (`*_wants`) and then looks again; who makes
 * progress looks at the other's wish after publishing. Both are sequentially consistent, so at
 * least one of the two sees the other (store, then load, on both sides). Signals may be spurious
 * and are never lost while both sides live. A side that dies may take one with it, so a side that
 * opens a ring which has been in use signals the other side once, asked or not.
 * test/model/ring.pml is this protocol for a model checker.
 */
struct ring_shared {
    _Atomic uint32_t head;           /* the producer's: bytes ever written */
    _Atomic uint32_t producer_wants; /* the producer's: tell me when there is space */
    uint8_t pad0[56];                /* the two sides' words live in cache lines of their own */
    _Atomic uint32_t tail;           /* the consumer's: bytes ever read */
    _Atomic uint32_t consumer_wants; /* the consumer's: tell me when there is data */
    uint8_t pad1[56];
};

/* One side's private view. Never in shared memory. */
struct ring {
    struct ring_shared *shared;
    uint8_t *data;
    uint32_t size_bytes; /* a power of two */
    uint32_t index;      /* our own index: the shared copy is only for the other side */
    uint64_t bad_count;  /* how often the other side's index was impossible */
};

/* A fresh ring: to be called by the owner of the memory, before the other side is told of it. */
void ring_format(struct ring_shared *shared);

/* Attach as producer or as consumer, going on where the shared indices are (so that a side can
 * restart). */
void ring_open_producer(struct ring *ring, struct ring_shared *shared, void *data,
                        uint32_t size_bytes);
void ring_open_consumer(struct ring *ring, struct ring_shared *shared, void *data,
                        uint32_t size_bytes);

/* Producer: bytes that can be written now. */
uint32_t ring_space(struct ring *ring);

/*
 * Producer, for a record that must be seen whole: ring_put stores bytes `offset` behind what is
 * published, in as many calls and whatever order; ring_publish shows the first `size` of them to
 * the consumer. All of it lies within what ring_space said. *signal as with ring_write.
 */
void ring_put(struct ring *ring, uint32_t offset, const void *bytes, uint32_t size);
void ring_publish(struct ring *ring, uint32_t size, bool *signal);

/*
 * Producer: writes up to size bytes, publishes them, returns how many. *signal is set when the
 * consumer asked to be told (and left alone otherwise).
 */
uint32_t ring_write(struct ring *ring, const void *bytes, uint32_t size, bool *signal);

/* Producer: asks to be told when there is space. False when there is some now: do not sleep. */
bool ring_wait_for_space(struct ring *ring);

/*
 * The same for `size` bytes of space, 1 <= size <= size_bytes: false when there are as many now.
 * The signal may come when there are fewer: look, and ask again.
 */
bool ring_wait_for_room(struct ring *ring, uint32_t size);

/* Consumer: bytes that can be read now. */
uint32_t ring_used(struct ring *ring);

/* Consumer: copies up to size bytes out and frees their space; *signal as with ring_write. */
uint32_t ring_read(struct ring *ring, void *bytes, uint32_t size, bool *signal);

/*
 * Consumer: copies the bytes [offset, offset + size) out and leaves them in the ring. They lie
 * within what ring_used said. The producer may change them afterwards: what has been checked is
 * the copy.
 */
void ring_peek(const struct ring *ring, uint32_t offset, void *bytes, uint32_t size);

/*
 * Consumer: where the bytes [offset, offset + size) lie, which is in one piece or two (the second
 * has size 0 then). For one copy from ring to ring; the producer may change them at any time.
 */
struct ring_piece {
    const uint8_t *bytes;
    uint32_t size;
};
void ring_view(const struct ring *ring, uint32_t offset, uint32_t size, struct ring_piece piece[2]);

/* Consumer: frees `size` bytes, of what ring_used said; *signal as with ring_write. */
void ring_discard(struct ring *ring, uint32_t size, bool *signal);

/* Consumer: asks to be told when there is data. False when there is some now: do not sleep. */
bool ring_wait_for_data(struct ring *ring);

/*
 * All of it; or as much as there is room for, or data, and then the other side has been asked to
 * tell when there is more.
 */
uint32_t ring_write_or_wait(struct ring *ring, const void *bytes, uint32_t size, bool *signal);
uint32_t ring_read_or_wait(struct ring *ring, void *bytes, uint32_t size, bool *signal);

/*
 * For one side only, the one that outlives the other: makes the ring empty at the index that the
 * other side shows, whatever that is. For when bad_count rises, as it does after the other side
 * began anew while we still stored indices of the old ring; nothing would move any more.
 */
void ring_recover_producer(struct ring *ring);
void ring_recover_consumer(struct ring *ring);
