// SPDX-License-Identifier: BSD-2-Clause
#include "test/guest/neighbour/queue.h"

void queue_init(struct queue *queue, unsigned number, struct rings *at)
{
    *queue = (struct queue){.rings = at, .device = device, .number = number};
    at->avail.index = at->used.index = 0;
    queue_open(number, at);
}

void queue_put(struct queue *queue, unsigned i, uint64_t address, uint32_t length, uint16_t flags)
{
    volatile struct virtq_split_desc *desc = &queue->rings->split[i];
    desc->address = address;
    desc->length = length;
    desc->flags = flags;
    desc->next = (uint16_t)(i + 1);
}

void queue_add(struct queue *queue, uint16_t head)
{
    volatile uint16_t *index = &queue->rings->avail.index;
    ((volatile uint16_t *)queue->rings->avail.ring)[*index % QUEUE_SIZE] = head;
    /* The entry before the index. */
    __asm__ volatile("dmb ish" ::: "memory");
    *index = (uint16_t)(*index + 1);
}

void queue_notify(const struct queue *queue)
{
    device = queue->device;
    mmio_write(MMIO_QUEUE_NOTIFY, queue->number);
}

int queue_take(struct queue *queue)
{
    const volatile struct virtq_used_element *used = queue->rings->used.ring;
    if (*(volatile uint16_t *)&queue->rings->used.index == queue->taken) {
        return -1;
    }
    /* The index before the entry. */
    __asm__ volatile("dmb ish" ::: "memory");
    return (int)(used[queue->taken++ % QUEUE_SIZE].id % QUEUE_SIZE);
}
