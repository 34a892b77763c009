/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include "device/virtio/virtqueue.h"
#include "lib/virtio.h"

/* Between virtqueue.c and the two ring formats; for nobody else. */

/*
 * Loads and stores of words that the driver may change at the same time: each is exactly one. For
 * an atomic store the compiler would compute the address first.
 */
#define ring_load(pointer)           __atomic_load_n(pointer, __ATOMIC_RELAXED)
#define ring_acquire(pointer)        __atomic_load_n(pointer, __ATOMIC_ACQUIRE)
#define ring_store(pointer, value)   (*(volatile __typeof__(*(pointer)) *)(pointer) = (value))
#define ring_release(pointer, value) __atomic_store_n(pointer, value, __ATOMIC_RELEASE)

/* A descriptor in guest memory: two words, at any alignment when it is in an indirect table. */
typedef uint64_t __attribute__((may_alias, aligned(1))) virtqueue_word;

/* The second word of both formats: length in the low half; flags where each has them. */
struct virtqueue_raw {
    uint64_t address, rest;
};

static inline struct virtqueue_raw virtqueue_load(const uint8_t *table, uint32_t index)
{
    const volatile virtqueue_word *words =
        (const volatile virtqueue_word *)(table + 16 * (uint64_t)index);
    return (struct virtqueue_raw){words[0], words[1]};
}

/* Instead of a fault: nothing is available. */
enum { VIRTQUEUE_NOTHING = VIRTQUEUE_FAULT_COUNT };

/* Which heads (split) or buffer ids (packed) are in flight. */
static inline bool virtqueue_flies(const struct virtqueue_state *s, uint16_t id)
{
    return s->in_flight[id / 64] >> (id % 64) & 1;
}

static inline void virtqueue_take_off(struct virtqueue_state *s, uint16_t id)
{
    s->in_flight[id / 64] |= 1ull << (id % 64);
}

static inline void virtqueue_land(struct virtqueue_state *s, uint16_t id)
{
    s->in_flight[id / 64] &= ~(1ull << (id % 64));
}

/*
 * Of each format: *_head finds the descriptor that the next chain begins with, for which it returns
 * a fault, VIRTQUEUE_OK or VIRTQUEUE_NOTHING; *_pop moves on behind that chain.
 */
unsigned virtqueue_split_head(struct virtqueue *queue, uint16_t *head);
void virtqueue_split_pop(struct virtqueue *queue, const struct chain *chain);
void virtqueue_split_unpop(struct virtqueue *queue);
void virtqueue_split_put(struct virtqueue *queue, const struct chain *chain, uint32_t bytes);
void virtqueue_split_publish(struct virtqueue *queue);
bool virtqueue_split_wants_interrupt(const struct virtqueue *queue);
bool virtqueue_split_arm(struct virtqueue *queue);
void virtqueue_split_disarm(struct virtqueue *queue);

unsigned virtqueue_packed_head(struct virtqueue *queue, uint16_t *head);
void virtqueue_packed_pop(struct virtqueue *queue, const struct chain *chain);
void virtqueue_packed_unpop(struct virtqueue *queue, const struct chain *chain);
void virtqueue_packed_put(struct virtqueue *queue, const struct chain *chain, uint32_t bytes);
void virtqueue_packed_publish(struct virtqueue *queue);
bool virtqueue_packed_wants_interrupt(const struct virtqueue *queue);
bool virtqueue_packed_arm(struct virtqueue *queue);
void virtqueue_packed_disarm(struct virtqueue *queue);
