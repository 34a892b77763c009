/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "device/virtio/virtio.h"
#include "lib/runs.h"
#include "lib/virtio_blk.h"

/*
 * The block device, VIRTIO 1.3, 5.2: multi-queue, flush, discard, write zeroes, identification,
 * topology. Checks what the driver asks for and passes it to a backend, which answers in any order.
 * A driver that does not negotiate FLUSH gets writes that are stable when they are answered
 * (5.2.5).
 *
 * Back-pressure: what the backend does not take stays in the virtqueue.
 *
 * After a reset the backend may still be busy with requests of before. Nothing new is started
 * before all of them have ended, so that an old write cannot overtake a new one. As long as one of
 * them may touch guest memory, the driver sees that the reset is not over (2.4.1, 2.6.1).
 */
enum {
    VIRTIO_BLK_QUEUE_MAX = 8,
    VIRTIO_BLK_QUEUE_SIZE = 128,
    VIRTIO_BLK_SEG_MAX = VIRTIO_BLK_QUEUE_SIZE - 2, /* told to the driver; it may have more */
    VIRTIO_BLK_FLIGHT_MAX = 128,                    /* requests with the backend */
    VIRTIO_BLK_SPANS = RUNS_MAX,                    /* of data, in all requests together */
    VIRTIO_BLK_CLEAR_SECTORS_MAX = 1 << 21,         /* of one discard or write zeroes */
};

/* What the backend's disk is like. Units as in 5.2.4. */
struct virtio_blk_disk {
    uint64_t capacity;
    uint32_t block_bytes; /* a power of two from 512 on */
    bool read_only, has_flush, has_discard, has_write_zeroes;
    uint8_t physical_block_exp, alignment_offset;
    uint16_t min_io_size;
    uint32_t opt_io_size;
    uint8_t serial[VIRTIO_BLK_ID_BYTES]; /* text, NUL-padded */
};

/* A request for the backend, checked: in range, writable if it writes, data of the exact length. */
struct virtio_blk_request {
    enum virtio_blk_type type; /* not VIRTIO_BLK_GET_ID */
    bool unmap;                /* VIRTIO_BLK_WRITE_ZEROES: the sectors may be freed, too */
    uint64_t sector;
    uint32_t sector_count;            /* of 512 bytes; 0 for a flush */
    const struct chain_segment *data; /* guest memory, until the request ends */
    uint32_t data_count;
};

/* What has become of a request that was cancelled. */
enum virtio_blk_cancel {
    VIRTIO_BLK_ENDED,    /* virtio_blk_complete does not follow */
    VIRTIO_BLK_GOES_ON,  /* it follows; guest memory is not touched any more */
    VIRTIO_BLK_HOLDS_ON, /* it follows; guest memory may be touched until then (zero copy) */
};

/* All under the device's lock; must not call back. */
struct virtio_blk_backend {
    /*
     * Takes a request; virtio_blk_complete follows later. False: it cannot now; when it can,
     * virtio_blk_resume follows. `request` stays where it is until the request ends.
     */
    bool (*submit)(void *ctx, uint32_t id, const struct virtio_blk_request *request);
    /* Some requests were submitted: carry them out. */
    void (*kick)(void *ctx);
    /* The driver has reset the device or the queue: it wants no answer, and its memory back. */
    enum virtio_blk_cancel (*cancel)(void *ctx, uint32_t id);
};

enum virtio_blk_state {
    VIRTIO_BLK_FREE = 0,
    VIRTIO_BLK_FLIES,  /* with the backend */
    VIRTIO_BLK_WAITS,  /* its data are written, its flush is to be submitted */
    VIRTIO_BLK_ORPHAN, /* with the backend, but the driver has reset the device or the queue */
};

struct virtio_blk_flight {
    uint8_t state;
    bool then_flush; /* the driver did not negotiate FLUSH, and this writes */
    bool holds;      /* an orphan that may touch guest memory */
    uint8_t queue;
    uint32_t next; /* free list: index + 1 */
    struct chain chain;
    uint8_t *status; /* the byte in guest memory */
    uint32_t span_start, span_count;
    struct virtio_blk_request request;
};

struct virtio_blk {
    struct virtio_device device;
    const struct virtio_blk_backend *backend;
    void *backend_ctx;
    struct virtio_blk_config config;
    struct virtio_blk_disk disk;
    uint32_t free_first; /* index + 1 */
    uint32_t orphan_count, wait_count;
    uint32_t hold_count[VIRTIO_BLK_QUEUE_MAX]; /* of orphans that hold on to guest memory */
    uint32_t blocked, put; /* queues that wait for the backend; that have answers to be shown */
    struct runs spans_taken;
    struct chain_segment span[VIRTIO_BLK_SPANS];
    struct virtio_blk_flight flight[VIRTIO_BLK_FLIGHT_MAX];
    struct chain_segment segments[VIRTQUEUE_SIZE_MAX]; /* of device.chain */
};

/* backend NULL: a link, and backend_ctx is its struct virtio_blk_link; always, in a VMM. */
void virtio_blk_init(struct virtio_blk *blk, const struct virtio_blk_disk *disk,
                     unsigned queue_count, const struct virtio_blk_backend *backend,
                     void *backend_ctx, const struct ram *ram, const struct virtio_port *port,
                     uint32_t mutex_id);

/* (L) A request has ended. Before the lock is given back, virtio_blk_resume. */
void virtio_blk_complete(struct virtio_blk *blk, uint32_t id, enum virtio_blk_status status);

/* (L) Shows the driver what was completed, and goes on with what the backend did not take. */
void virtio_blk_resume(struct virtio_blk *blk);

/* (L) The disk has another size. */
void virtio_blk_resize(struct virtio_blk *blk, uint64_t capacity);
