/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include "lib/runs.h"
#include "lib/virtio_blk.h"
#include "service/block/backend.h"
#include "service/virtio/transport.h"

/*
 * A virtio block device as a backend (VIRTIO 1.3, 5.2). Data of parts with physical addresses, in
 * not more segments than the device takes, go straight between it and the client's link, or the RAM
 * of the client's VM; others through a copy in DMA memory.
 *
 * A device that breaks the rules of its queue, or says that it needs a reset, is reset and gets all
 * that was in flight again: requests bear it. If that does not help, everything fails.
 */
enum {
    DRIVER_PART_SECTORS = 512,
    DRIVER_RING_BYTES = 128 << 10,  /* of DMA memory: queue and headers; the rest is for copies */
    DRIVER_DMA_BYTES_MIN = 1 << 20, /* less is refused */
    DRIVER_RESET_MAX = 3,           /* resets in a row without a request that succeeds */
};

/* What the device reads and writes for one request, beside the data. */
struct driver_record {
    struct virtio_blk_header header;
    struct virtio_blk_range range;
    uint8_t status;
    uint8_t pad[31];
};

struct driver_slot {
    struct backend_part part;
    uint32_t token;
    uint32_t copy_start, copy_pages; /* in the copies' memory; copy_pages 0: none */
    uint32_t segments;               /* of the data, as the device gets them; 1 without any */
};

struct driver_done {
    uint32_t token;
    enum block_status status;
};

struct driver_virtio {
    bool alive;
    bool needs_reset; /* the device said so */
    bool lost;        /* it could not be reset: nobody knows what it still writes to */
    struct transport transport;
    struct vring vring;
    struct dma ring_dma;
    struct driver_record *record; /* by id */
    uint8_t *copies;
    uint64_t copies_paddr;
    uint32_t copies_pages;
    uint32_t segments_max; /* of a request's data */
    struct runs copies_taken;
    uint32_t resets_in_a_row;
    uint64_t reset_count, request_count;
    const char *why;                         /* what went wrong last, for people */
    struct driver_slot slot[VRING_SIZE_MAX]; /* by id */
    struct driver_slot saved[VRING_SIZE_MAX];
    struct driver_done failed[VRING_SIZE_MAX]; /* without the device */
    uint32_t failed_count;
};

/* Starts the device; sets the backend up. False: `why` says why not. */
bool driver_virtio_open(struct driver_virtio *driver, const struct transport_registers *registers,
                        const struct dma *dma, struct backend *backend);

/* It interrupted: to be called before parts are taken and the interrupt is acknowledged. */
void driver_virtio_interrupt(struct driver_virtio *driver);
