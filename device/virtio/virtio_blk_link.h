/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include "device/virtio/virtio_blk.h"
#include "link/block_client.h"

/*
 * A block link (link/block.h) as the backend of a virtio block device: copies between guest memory
 * and the link's data area, cuts large requests into pieces, and survives a restart of the service.
 * With zero copy, if the service takes direct requests as well, nothing is copied but what no
 * segments of such a request can say: a block in more than BLOCK_SEGMENT_MAX pieces. A driver's
 * reset then ends when the service has answered all that it has.
 *
 * At most one request is sent in part; as long as there is one, no other is taken.
 */
enum {
    VIRTIO_BLK_PIECE_BYTES = 256 << 10, /* of one request of the link */
    VIRTIO_BLK_EVENT_MAX = 256,         /* replies that one event takes */
};

/* A request of the device. */
struct virtio_blk_job {
    const struct virtio_blk_request *request; /* the device's; not looked at when cancelled */
    uint32_t sent_sectors;
    uint32_t pieces; /* on the link */
    uint32_t direct; /* of these, those whose data are not copied */
    bool all_sent, cancelled;
    uint8_t status; /* enum virtio_blk_status: the worst so far */
};

/* A request of the link. */
struct virtio_blk_piece {
    uint32_t job;
    uint32_t offset, bytes; /* of the job's data */
    bool direct;
};

struct virtio_blk_link {
    struct virtio_blk *blk;
    bool zero_copy;
    void (*signal)(void *ctx); /* the service */
    void *ctx;
    uint64_t copied_bytes; /* between guest memory and the link */
    uint32_t current;      /* index of the job that is sent in part, + 1; 0: none */
    struct block_client client;
    struct virtio_blk_job job[VIRTIO_BLK_FLIGHT_MAX];
    struct virtio_blk_piece piece[BLOCK_FLIGHT_MAX];
};

/* Opens the link. `blk` may be initialised after it, with no other backend than this.
 * zero_copy: what the VM's description says. */
void virtio_blk_link_open(struct virtio_blk_link *link, struct block_link *shared, bool zero_copy,
                          struct virtio_blk *blk, void (*signal)(void *ctx), void *ctx);

/*
 * Before the device is initialised: whether the service has attached, and then what the disk is
 * like. The service signals when it has.
 */
bool virtio_blk_link_ready(struct virtio_blk_link *link, struct virtio_blk_disk *disk);

/* The service has signalled. True: there is more to do, call again soon. Takes the device's lock.
 */
bool virtio_blk_link_event(struct virtio_blk_link *link);

/* What the device calls: as in struct virtio_blk_backend. */
bool virtio_blk_link_submit(void *ctx, uint32_t id, const struct virtio_blk_request *request);
void virtio_blk_link_kick(void *ctx);
enum virtio_blk_cancel virtio_blk_link_cancel(void *ctx, uint32_t id);
