// SPDX-License-Identifier: BSD-2-Clause
/* Packed virtqueues, VIRTIO 1.3, 2.8. */
#include "device/virtio/virtqueue_ring.h"

enum { EVENT_WRAP = 1 << 15, EVENT_FLAGS = 3 };

static struct virtq_packed_desc *descriptor(const struct virtqueue *queue, uint16_t slot)
{
    return (struct virtq_packed_desc *)(void *)queue->descriptors + slot;
}

/* An event suppression structure is one word of 32 bits, so that its halves belong together. */
static uint32_t *event_word(uint8_t *area)
{
    return (uint32_t *)(void *)area;
}

/* 2.8.1: available when AVAIL is the wrap counter and USED is not. */
static bool available(uint16_t flags, bool wrap)
{
    return !!(flags & VIRTQ_DESC_AVAIL) == wrap && !!(flags & VIRTQ_DESC_USED) != wrap;
}

/* Moves a ring position by `slots` (at most the ring's size); the wrap counter turns with it. */
static void advance(const struct virtqueue_state *s, uint16_t *slot, bool *wrap, uint16_t slots)
{
    *slot = (uint16_t)(*slot + slots);
    if (*slot >= s->setup.size) {
        *slot = (uint16_t)(*slot - s->setup.size);
        *wrap = !*wrap;
    }
}

unsigned virtqueue_packed_head(struct virtqueue *queue, uint16_t *head)
{
    const struct virtqueue_state *s = &queue->state;
    *head = s->next_avail;
    /* The flags are written last: the rest, and the rest of the chain, is visible after this. */
    uint16_t flags = ring_acquire(&descriptor(queue, s->next_avail)->flags);
    return available(flags, s->avail_wrap) ? VIRTQUEUE_OK : VIRTQUEUE_NOTHING;
}

void virtqueue_packed_pop(struct virtqueue *queue, const struct chain *chain)
{
    struct virtqueue_state *s = &queue->state;
    advance(s, &s->next_avail, &s->avail_wrap, chain->slots);
}

void virtqueue_packed_unpop(struct virtqueue *queue, const struct chain *chain)
{
    struct virtqueue_state *s = &queue->state;
    if (s->next_avail < chain->slots) {
        s->next_avail = (uint16_t)(s->next_avail + s->setup.size);
        s->avail_wrap = !s->avail_wrap;
    }
    s->next_avail = (uint16_t)(s->next_avail - chain->slots);
}

void virtqueue_packed_put(struct virtqueue *queue, const struct chain *chain, uint32_t bytes)
{
    struct virtqueue_state *s = &queue->state;
    struct virtq_packed_desc *to = descriptor(queue, s->next_used);
    unsigned flags = (s->used_wrap ? VIRTQ_DESC_AVAIL | VIRTQ_DESC_USED : 0u) |
                     (bytes != 0 ? VIRTQ_DESC_WRITE : 0u);
    ring_store(&to->length, bytes);
    ring_store(&to->id, chain->id);
    /* The first one's flags come last, at publish: until then the driver looks at none of them. */
    if (s->batch == 0) {
        s->batch_slot = s->next_used;
        s->batch_flags = (uint16_t)flags;
    } else {
        ring_store(&to->flags, (uint16_t)flags);
    }
    advance(s, &s->next_used, &s->used_wrap, chain->slots);
}

void virtqueue_packed_publish(struct virtqueue *queue)
{
    ring_release(&descriptor(queue, queue->state.batch_slot)->flags, queue->state.batch_flags);
}

bool virtqueue_packed_wants_interrupt(const struct virtqueue *queue)
{
    const struct virtqueue_state *s = &queue->state;
    uint32_t event = ring_load(event_word(queue->driver_area));
    unsigned flags = event >> 16 & EVENT_FLAGS;
    if (flags == VIRTQ_EVENT_DISABLE) {
        return false;
    }
    if (flags != VIRTQ_EVENT_DESC || !s->event_idx) {
        return true;
    }
    /* How far the event lies behind us; a negative distance, ahead, becomes huge. */
    unsigned lap = !!(event & EVENT_WRAP) != s->used_wrap ? s->setup.size : 0;
    uint32_t behind = s->next_used + lap - (event & (EVENT_WRAP - 1)) - 1;
    return behind < s->untold;
}

bool virtqueue_packed_arm(struct virtqueue *queue)
{
    const struct virtqueue_state *s = &queue->state;
    uint32_t wish = VIRTQ_EVENT_ENABLE << 16;
    if (s->event_idx) {
        wish = (uint32_t)VIRTQ_EVENT_DESC << 16 | (s->avail_wrap ? EVENT_WRAP : 0u) | s->next_avail;
    }
    ring_store(event_word(queue->device_area), wish);
    /* As in the split ring: our wish before our look. */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    return !available(ring_load(&descriptor(queue, s->next_avail)->flags), s->avail_wrap);
}

void virtqueue_packed_disarm(struct virtqueue *queue)
{
    /* With EVENT_IDX the event stays behind by itself, at the worst for one lap. */
    if (!queue->state.event_idx) {
        ring_store(event_word(queue->device_area), (uint32_t)VIRTQ_EVENT_DISABLE << 16);
    }
}
