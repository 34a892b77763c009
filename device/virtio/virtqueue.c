// SPDX-License-Identifier: BSD-2-Clause
#include "device/virtio/virtqueue.h"

#include <string.h>

#include "device/virtio/virtqueue_ring.h"
#include "lib/check.h"

/* In the order of enum virtqueue_fault, and one for none of them. */
static const char fault_texts[] = "no fault\0"
                                  "ring size or addresses cannot be\0"
                                  "more available than the queue has room for\0"
                                  "head out of range\0"
                                  "head is in flight already\0"
                                  "chain leaves its table\0"
                                  "chain too long\0"
                                  "buffer outside memory\0"
                                  "readable buffer after a writable one\0"
                                  "indirect table not allowed\0"
                                  "unknown fault";

const char *virtqueue_fault_text(enum virtqueue_fault fault)
{
    const char *text = fault_texts;
    for (unsigned i = 0; i < fault && i < VIRTQUEUE_FAULT_COUNT; i++) {
        text += strlen(text) + 1;
    }
    return text;
}

/* Appends a buffer to the chain, if it may be there. An empty one takes no span. */
static enum virtqueue_fault add(const struct virtqueue *queue, struct chain *chain,
                                uint64_t address, uint32_t length, uint16_t flags)
{
    bool writable = flags & VIRTQ_DESC_WRITE;
    unsigned count = (unsigned)chain->readable_count + chain->writable_count;
    if (!writable && chain->writable_count != 0) {
        return VIRTQUEUE_BAD_ORDER;
    }
    if (length == 0) {
        return VIRTQUEUE_OK;
    }
    if (count == chain->segment_max ||
        length > UINT32_MAX - chain->readable_bytes - chain->writable_bytes) {
        return VIRTQUEUE_TOO_LONG;
    }
    uint8_t *bytes = ram_span(queue->ram, (gpa_t){address}, length);
    if (bytes == NULL) {
        return VIRTQUEUE_BAD_ADDRESS;
    }
    chain->segment[count] = (struct chain_segment){bytes, length};
    if (writable) {
        chain->writable_count++;
        chain->writable_bytes += length;
    } else {
        chain->readable_count++;
        chain->readable_bytes += length;
    }
    return VIRTQUEUE_OK;
}

/*
 * Follows the chain from its head, for at most as many descriptors as the queue has: a loop, too,
 * ends there. One that refers to an indirect table does not count; in a split ring it may come last
 * (2.7.5.3.2), in a packed one all of the table belongs to the chain, in order (2.8.7).
 */
static enum virtqueue_fault walk(const struct virtqueue *queue, struct chain *chain, uint32_t index)
{
    const struct virtqueue_state *s = &queue->state;
    const uint8_t *table = queue->descriptors;
    uint32_t count = s->setup.size, left = count;
    bool nested = false;
    for (;;) {
        struct virtqueue_raw raw = virtqueue_load(table, index);
        uint32_t length = (uint32_t)raw.rest;
        uint16_t flags = (uint16_t)(raw.rest >> (s->packed ? 48 : 32));
        if (!nested) {
            chain->slots++;
            chain->id = (uint16_t)(raw.rest >> 32); /* packed: that of the last one, 2.8.5 */
        }
        if (__builtin_expect(flags & VIRTQ_DESC_INDIRECT, 0)) {
            if (nested || !s->indirect || flags & VIRTQ_DESC_NEXT || length == 0 ||
                length % 16 != 0) {
                return VIRTQUEUE_BAD_INDIRECT;
            }
            table = ram_span(queue->ram, (gpa_t){raw.address}, length);
            if (table == NULL) {
                return VIRTQUEUE_BAD_ADDRESS;
            }
            nested = true;
            index = 0;
            count = length / 16;
            if (s->packed && count > left) {
                return VIRTQUEUE_TOO_LONG;
            }
            continue;
        }
        enum virtqueue_fault fault = add(queue, chain, raw.address, length, flags);
        index++;
        if (fault != VIRTQUEUE_OK ||
            (nested && s->packed ? index == count : !(flags & VIRTQ_DESC_NEXT))) {
            return fault;
        }
        if (!s->packed) {
            index = (uint16_t)(raw.rest >> 48);
            if (index >= count) {
                return VIRTQUEUE_BAD_NEXT;
            }
        } else if (index == count) {
            index = 0;
        }
        if (--left == 0) {
            return VIRTQUEUE_TOO_LONG;
        }
    }
}

/* The next chain, of an open queue; it may not be one that is in flight. */
static unsigned take(struct virtqueue *queue, struct chain *chain)
{
    struct virtqueue_state *s = &queue->state;
    uint16_t head;
    unsigned fault =
        s->packed ? virtqueue_packed_head(queue, &head) : virtqueue_split_head(queue, &head);
    if (fault != VIRTQUEUE_OK) {
        return fault;
    }
    chain->readable_count = chain->writable_count = chain->slots = 0;
    chain->readable_bytes = chain->writable_bytes = 0;
    fault = walk(queue, chain, head);
    if (fault != VIRTQUEUE_OK) {
        return fault;
    }
    if (!s->packed) {
        chain->id = head;
        chain->slots = 1;
    }
    if (chain->id >= s->setup.size) {
        return VIRTQUEUE_BAD_HEAD;
    }
    if (virtqueue_flies(s, chain->id)) {
        return VIRTQUEUE_TWICE;
    }
    return s->flight + chain->slots > s->setup.size ? VIRTQUEUE_BAD_INDEX : VIRTQUEUE_OK;
}

static bool good_size(const struct virtqueue_state *s, uint16_t size_max)
{
    uint16_t size = s->setup.size;
    return size != 0 && size <= size_max && size <= VIRTQUEUE_SIZE_MAX &&
           (s->packed || (size & (size - 1)) == 0);
}

static uint8_t *find_area(const struct virtqueue *queue, uint64_t address, uint32_t size_bytes,
                          uint32_t alignment)
{
    return is_aligned(address, alignment) ? ram_span(queue->ram, (gpa_t){address}, size_bytes)
                                          : NULL;
}

/* Finds the three areas in guest memory (2.7, 2.8.10.1); size was checked. */
static bool find_areas(struct virtqueue *queue)
{
    const struct virtqueue_setup *setup = &queue->state.setup;
    bool packed = queue->state.packed;
    uint32_t size = setup->size;
    queue->descriptors = find_area(queue, setup->descriptor_address, 16 * size, 16);
    queue->driver_area =
        find_area(queue, setup->driver_address, packed ? 4 : 6 + 2 * size, packed ? 4 : 2);
    queue->device_area = find_area(queue, setup->device_address, packed ? 4 : 6 + 8 * size, 4);
    return queue->descriptors != NULL && queue->driver_area != NULL && queue->device_area != NULL;
}

bool virtqueue_open(struct virtqueue *queue, const struct ram *ram,
                    const struct virtqueue_setup *setup, uint16_t size_max, uint64_t features)
{
    struct virtqueue_state *s = &queue->state;
    /* Atomic accesses to aligned guest addresses are aligned here, too. */
    CHECK(is_aligned(ram->base.value, 16) && is_aligned((uint64_t)(uintptr_t)ram->host, 16));
    memset(queue, 0, sizeof *queue);
    queue->ram = ram;
    s->setup = *setup;
    s->packed = features & VIRTIO_F_RING_PACKED;
    s->event_idx = features & VIRTIO_F_EVENT_IDX;
    s->in_order = features & VIRTIO_F_IN_ORDER;
    s->indirect = features & VIRTIO_F_INDIRECT_DESC;
    s->armed = s->avail_wrap = s->used_wrap = true;
    s->open = good_size(s, size_max) && find_areas(queue);
    s->fault = s->open ? VIRTQUEUE_OK : VIRTQUEUE_BAD_SETUP;
    return s->open;
}

void virtqueue_close(struct virtqueue *queue)
{
    memset(queue, 0, sizeof *queue);
}

bool virtqueue_reopen(struct virtqueue *queue, const struct ram *ram)
{
    struct virtqueue_state *s = &queue->state;
    queue->ram = ram;
    s->open = s->open && good_size(s, VIRTQUEUE_SIZE_MAX) && find_areas(queue);
    return s->open;
}

enum virtqueue_result virtqueue_pop(struct virtqueue *queue, struct chain *chain)
{
    struct virtqueue_state *s = &queue->state;
    if (__builtin_expect(!s->open || s->fault != VIRTQUEUE_OK, 0)) {
        return s->fault != VIRTQUEUE_OK ? VIRTQUEUE_BROKEN : VIRTQUEUE_EMPTY;
    }
    unsigned fault = take(queue, chain);
    if (fault == VIRTQUEUE_NOTHING) {
        return VIRTQUEUE_EMPTY;
    }
    if (fault != VIRTQUEUE_OK) {
        s->fault = (uint8_t)fault;
        return VIRTQUEUE_BROKEN;
    }
    if (s->packed) {
        virtqueue_packed_pop(queue, chain);
    } else {
        virtqueue_split_pop(queue, chain);
    }
    virtqueue_take_off(s, chain->id);
    s->flight = (uint16_t)(s->flight + chain->slots);
    chain->position = s->popped++;
    return VIRTQUEUE_CHAIN;
}

/* The chain is one that is in flight. */
static void land(struct virtqueue_state *s, const struct chain *chain)
{
    CHECK(s->open && chain->id < s->setup.size && virtqueue_flies(s, chain->id));
    CHECK(chain->slots <= s->flight);
    virtqueue_land(s, chain->id);
    s->flight = (uint16_t)(s->flight - chain->slots);
}

void virtqueue_unpop(struct virtqueue *queue, const struct chain *chain)
{
    struct virtqueue_state *s = &queue->state;
    land(s, chain);
    s->popped--;
    CHECK(chain->position == s->popped);
    if (s->packed) {
        virtqueue_packed_unpop(queue, chain);
    } else {
        virtqueue_split_unpop(queue);
    }
}

void virtqueue_put(struct virtqueue *queue, const struct chain *chain, uint32_t written_bytes)
{
    struct virtqueue_state *s = &queue->state;
    CHECK(written_bytes <= chain->writable_bytes);
    CHECK(!s->in_order || chain->position == s->put);
    land(s, chain);
    if (s->packed) {
        virtqueue_packed_put(queue, chain, written_bytes);
    } else {
        virtqueue_split_put(queue, chain, written_bytes);
    }
    s->put++;
    s->batch++;
    s->untold += chain->slots;
}

void virtqueue_publish(struct virtqueue *queue)
{
    struct virtqueue_state *s = &queue->state;
    if (s->batch == 0) {
        return;
    }
    if (s->packed) {
        virtqueue_packed_publish(queue);
    } else {
        virtqueue_split_publish(queue);
    }
    s->batch = 0;
}

bool virtqueue_wants_interrupt(struct virtqueue *queue)
{
    struct virtqueue_state *s = &queue->state;
    CHECK(s->batch == 0);
    if (!s->open || s->untold == 0) {
        return false;
    }
    /* What was published before this look: either the driver sees it, or we see its wish. */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    bool wants = s->untold > s->setup.size || (s->packed ? virtqueue_packed_wants_interrupt(queue)
                                                         : virtqueue_split_wants_interrupt(queue));
    s->untold = 0;
    return wants;
}

bool virtqueue_arm(struct virtqueue *queue)
{
    struct virtqueue_state *s = &queue->state;
    if (!s->open || s->fault != VIRTQUEUE_OK) {
        return true;
    }
    s->armed = true;
    return s->packed ? virtqueue_packed_arm(queue) : virtqueue_split_arm(queue);
}

void virtqueue_disarm(struct virtqueue *queue)
{
    struct virtqueue_state *s = &queue->state;
    if (!s->open || !s->armed || s->fault != VIRTQUEUE_OK) {
        return;
    }
    s->armed = false;
    if (s->packed) {
        virtqueue_packed_disarm(queue);
    } else {
        virtqueue_split_disarm(queue);
    }
}
