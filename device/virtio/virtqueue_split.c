// SPDX-License-Identifier: BSD-2-Clause
/* Split virtqueues, VIRTIO 1.3, 2.7. */
#include "device/virtio/virtqueue_ring.h"

static struct virtq_avail *avail_ring(const struct virtqueue *queue)
{
    return (struct virtq_avail *)(void *)queue->driver_area;
}

static struct virtq_used *used_ring(const struct virtqueue *queue)
{
    return (struct virtq_used *)(void *)queue->device_area;
}

/* 2.7.7.1: behind the available ring, where the driver wants its next interrupt. */
static uint16_t *used_event(const struct virtqueue *queue)
{
    return &avail_ring(queue)->ring[queue->state.setup.size];
}

/* 2.7.10.1: behind the used ring, where we want the next notification. */
static uint16_t *avail_event(const struct virtqueue *queue)
{
    return (uint16_t *)&used_ring(queue)->ring[queue->state.setup.size];
}

unsigned virtqueue_split_head(struct virtqueue *queue, uint16_t *head)
{
    struct virtqueue_state *s = &queue->state;
    uint16_t size = s->setup.size;
    struct virtq_avail *avail = avail_ring(queue);
    if (s->next_avail == s->seen_avail) {
        /* What the driver wrote before it moved the index is visible after this. */
        s->seen_avail = ring_acquire(&avail->index);
        uint16_t ahead = (uint16_t)(s->seen_avail - s->next_avail);
        if (ahead == 0) {
            return VIRTQUEUE_NOTHING;
        }
        if (ahead > size) {
            return VIRTQUEUE_BAD_INDEX;
        }
    }
    *head = ring_load(&avail->ring[s->next_avail & (size - 1)]);
    return *head < size ? VIRTQUEUE_OK : VIRTQUEUE_BAD_HEAD;
}

void virtqueue_split_pop(struct virtqueue *queue, const struct chain *chain)
{
    (void)chain;
    queue->state.next_avail++;
}

void virtqueue_split_unpop(struct virtqueue *queue)
{
    queue->state.next_avail--;
}

void virtqueue_split_put(struct virtqueue *queue, const struct chain *chain, uint32_t bytes)
{
    struct virtqueue_state *s = &queue->state;
    struct virtq_used_element *element =
        &used_ring(queue)->ring[s->next_used & (s->setup.size - 1)];
    ring_store(&element->id, chain->id);
    ring_store(&element->length, bytes);
    s->next_used++;
}

void virtqueue_split_publish(struct virtqueue *queue)
{
    /* Data and elements before the index. */
    ring_release(&used_ring(queue)->index, queue->state.next_used);
}

bool virtqueue_split_wants_interrupt(const struct virtqueue *queue)
{
    const struct virtqueue_state *s = &queue->state;
    if (!s->event_idx) {
        return !(ring_load(&avail_ring(queue)->flags) & VIRTQ_AVAIL_NO_INTERRUPT);
    }
    uint16_t behind = (uint16_t)(s->next_used - ring_load(used_event(queue)) - 1);
    return behind < s->untold;
}

bool virtqueue_split_arm(struct virtqueue *queue)
{
    const struct virtqueue_state *s = &queue->state;
    if (s->event_idx) {
        ring_store(avail_event(queue), s->next_avail);
    } else {
        ring_store(&used_ring(queue)->flags, (uint16_t)0);
    }
    /* Our wish before this look: either we see the driver's buffer, or it sees our wish (2.7.13.4).
     */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    return ring_load(&avail_ring(queue)->index) == s->next_avail;
}

void virtqueue_split_disarm(struct virtqueue *queue)
{
    /* With EVENT_IDX the event stays behind by itself. */
    if (!queue->state.event_idx) {
        ring_store(&used_ring(queue)->flags, (uint16_t)VIRTQ_USED_NO_NOTIFY);
    }
}
