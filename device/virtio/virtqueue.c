// SPDX-License-Identifier: BSD-2-Clause
#include "device/virtio/virtqueue.h"

#include <string.h>

#include "device/virtio/virtqueue_ring.h"
#include "lib/check.h"

const char *virtqueue_fault_text(enum virtqueue_fault fault)
{
    static const char *const texts[VIRTQUEUE_FAULT_COUNT] = {
        [VIRTQUEUE_OK] = "no fault",
        [VIRTQUEUE_BAD_SETUP] = "ring size or addresses cannot be",
        [VIRTQUEUE_BAD_INDEX] = "more available than the queue has room for",
        [VIRTQUEUE_BAD_HEAD] = "head out of range",
        [VIRTQUEUE_TWICE] = "head is in flight already",
        [VIRTQUEUE_BAD_NEXT] = "chain leaves its table",
        [VIRTQUEUE_TOO_LONG] = "chain too long",
        [VIRTQUEUE_BAD_ADDRESS] = "buffer outside memory",
        [VIRTQUEUE_BAD_ORDER] = "readable buffer after a writable one",
        [VIRTQUEUE_BAD_INDIRECT] = "indirect table not allowed",
    };
    return fault < VIRTQUEUE_FAULT_COUNT ? texts[fault] : "unknown fault";
}

enum virtqueue_fault virtqueue_add(const struct virtqueue *queue, struct chain *chain,
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

const uint8_t *virtqueue_table(const struct virtqueue *queue, uint64_t address, uint32_t length,
                               uint16_t flags, uint32_t *count, enum virtqueue_fault *fault)
{
    if (!queue->state.indirect || flags & VIRTQ_DESC_NEXT || length == 0 || length % 16 != 0) {
        *fault = VIRTQUEUE_BAD_INDIRECT;
        return NULL;
    }
    *count = length / 16;
    *fault = VIRTQUEUE_BAD_ADDRESS;
    return ram_span(queue->ram, (gpa_t){address}, length);
}

static bool good_size(const struct virtqueue_state *s, uint16_t size_max)
{
    uint16_t size = s->setup.size;
    return size != 0 && size <= size_max && size <= VIRTQUEUE_SIZE_MAX &&
           (s->packed || (size & (size - 1)) == 0);
}

/* Finds the three areas in guest memory; size was checked. */
static bool find_areas(struct virtqueue *queue)
{
    const struct virtqueue_setup *setup = &queue->state.setup;
    struct virtqueue_shape shape = queue->state.packed ? virtqueue_packed_shape(setup->size)
                                                       : virtqueue_split_shape(setup->size);
    const uint64_t address[3] = {setup->descriptor_address, setup->driver_address,
                                 setup->device_address};
    uint8_t *area[3];
    for (unsigned i = 0; i < 3; i++) {
        area[i] = ram_span(queue->ram, (gpa_t){address[i]}, shape.bytes[i]);
        if (area[i] == NULL || !is_aligned(address[i], shape.alignment[i])) {
            return false;
        }
    }
    queue->descriptors = area[0];
    queue->driver_area = area[1];
    queue->device_area = area[2];
    return true;
}

bool virtqueue_open(struct virtqueue *queue, const struct ram *ram,
                    const struct virtqueue_setup *setup, uint16_t size_max, uint64_t features)
{
    struct virtqueue_state *s = &queue->state;
    /* Atomic accesses to aligned guest addresses are aligned here, too. */
    CHECK(is_aligned(ram->base.value, 16) && is_aligned((uint64_t)(uintptr_t)ram->host, 16));
    *queue = (struct virtqueue){
        .ram = ram,
        .state =
            {
                    .setup = *setup,
                    .packed = features & VIRTIO_F_RING_PACKED,
                    .event_idx = features & VIRTIO_F_EVENT_IDX,
                    .in_order = features & VIRTIO_F_IN_ORDER,
                    .indirect = features & VIRTIO_F_INDIRECT_DESC,
                    .armed = true,
                    .avail_wrap = true,
                    .used_wrap = true,
                    },
    };
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
    chain->readable_count = chain->writable_count = 0;
    chain->readable_bytes = chain->writable_bytes = 0;
    enum virtqueue_result result =
        s->packed ? virtqueue_packed_pop(queue, chain) : virtqueue_split_pop(queue, chain);
    if (result == VIRTQUEUE_CHAIN) {
        virtqueue_take_off(s, chain->id);
        s->flight = (uint16_t)(s->flight + chain->slots);
        chain->position = s->popped++;
    }
    return result;
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
