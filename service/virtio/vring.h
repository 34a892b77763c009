/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/virtio.h"
#include "service/virtio/dma.h"

/*
 * The driver's side of one split virtqueue (VIRTIO 1.3, 2.7). Every number that the device writes
 * is checked: a device that lies gets its queue declared broken, never an access outside.
 *
 * A buffer has an id from vring_add until vring_take hands it back; ids are below the queue's size,
 * so the caller keeps what belongs to a buffer in an array.
 *
 * Not for use by two threads at once.
 */
enum { VRING_SIZE_MAX = 256, VRING_SEGMENT_MAX = 18 };

struct vring_segment {
    uint64_t paddr;
    uint32_t bytes;
};

/* As struct virtq_avail and virtq_used, which the device reads and writes at the same time. */
struct vring_avail {
    _Atomic uint16_t flags;
    _Atomic uint16_t index;
    uint16_t ring[];
};

struct vring_used {
    _Atomic uint16_t flags;
    _Atomic uint16_t index;
    struct virtq_used_element ring[];
};

struct vring {
    uint16_t size; /* a power of two */
    bool event_idx, broken;
    uint16_t free_head;  /* first of the free descriptors, which are chained by next_free */
    uint16_t free_count; /* free descriptors */
    uint16_t added;      /* our copy of the available index, ahead of the published one */
    uint16_t published;
    uint16_t taken; /* our index into the used ring */
    struct virtq_split_desc *desc;
    struct vring_avail *avail;
    struct vring_used *used;
    _Atomic uint16_t *used_event;        /* ours; valid with event_idx */
    const _Atomic uint16_t *avail_event; /* the device's; valid with event_idx */
    struct virtq_split_desc *tables;     /* VRING_SEGMENT_MAX for each id; NULL: no indirection */
    uint64_t desc_paddr, avail_paddr, used_paddr, tables_paddr;
    uint16_t next_free[VRING_SIZE_MAX];
    uint16_t length[VRING_SIZE_MAX];         /* descriptors of the buffer in flight; 0: none */
    uint32_t writable_bytes[VRING_SIZE_MAX]; /* what the device may write into it */
};

/*
 * Lays a queue out in DMA memory. size: a power of two up to VRING_SIZE_MAX; features: what has
 * been negotiated. False when there is too little memory.
 */
bool vring_init(struct vring *vring, struct dma *dma, uint16_t size, uint64_t features);

/* How many buffers of this many segments can be added now. */
uint16_t vring_room(const struct vring *vring, unsigned segments);

/*
 * Adds a buffer: first `readable` segments that the device reads, then `writable` that it writes;
 * together 1 .. VRING_SEGMENT_MAX, none empty. Returns its id, or -1 when there is no room. The
 * device does not see it before vring_publish.
 */
int vring_add(struct vring *vring, const struct vring_segment *segments, unsigned readable,
              unsigned writable);

/* The id that the next buffer will have, if there is room for it. */
static inline uint16_t vring_next_id(const struct vring *vring)
{
    return vring->free_head;
}

/* Shows the device what has been added. True when it wants to be notified. */
bool vring_publish(struct vring *vring);

enum vring_result {
    VRING_EMPTY = 0,
    VRING_TAKEN,
    VRING_BROKEN, /* the device broke the rules: nothing more comes out of this queue; reset it */
};

/* The next buffer that the device is done with, and how much it says that it wrote, at most what
 * the buffer has. */
enum vring_result vring_take(struct vring *vring, uint16_t *id, uint32_t *written_bytes);

/* Asks for an interrupt at the next used buffer. False when there is one already: take it first. */
bool vring_wait(struct vring *vring);

/* Whether this id is in flight. */
static inline bool vring_holds(const struct vring *vring, uint16_t id)
{
    return id < vring->size && vring->length[id] != 0;
}
