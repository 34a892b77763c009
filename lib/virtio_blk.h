/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdint.h>

/*
 * The block device of VIRTIO 1.3, 5.2: what both its device side (device/virtio/virtio_blk.c) and
 * its driver side (service/block/driver_virtio.c) need. Little-endian.
 */

/* 5.2.3 */
#define VIRTIO_BLK_F_SIZE_MAX     (1ull << 1)
#define VIRTIO_BLK_F_SEG_MAX      (1ull << 2)
#define VIRTIO_BLK_F_RO           (1ull << 5)
#define VIRTIO_BLK_F_BLK_SIZE     (1ull << 6)
#define VIRTIO_BLK_F_FLUSH        (1ull << 9)
#define VIRTIO_BLK_F_TOPOLOGY     (1ull << 10)
#define VIRTIO_BLK_F_CONFIG_WCE   (1ull << 11)
#define VIRTIO_BLK_F_MQ           (1ull << 12)
#define VIRTIO_BLK_F_DISCARD      (1ull << 13)
#define VIRTIO_BLK_F_WRITE_ZEROES (1ull << 14)

/* 5.2.4, up to the fields for write zeroes */
struct virtio_blk_config {
    uint64_t capacity; /* in sectors of 512 bytes, as all sectors are */
    uint32_t size_max, seg_max;
    uint16_t cylinders;
    uint8_t heads, track_sectors;
    uint32_t blk_size;
    uint8_t physical_block_exp, alignment_offset;
    uint16_t min_io_size;
    uint32_t opt_io_size;
    uint8_t writeback, unused0;
    uint16_t num_queues;
    uint32_t max_discard_sectors, max_discard_seg, discard_sector_alignment;
    uint32_t max_write_zeroes_sectors, max_write_zeroes_seg;
    uint8_t write_zeroes_may_unmap, unused1[3];
    uint32_t max_secure_erase_sectors, max_secure_erase_seg, secure_erase_sector_alignment;
};
_Static_assert(sizeof(struct virtio_blk_config) == 72, "VIRTIO 1.3, 5.2.4");

/* 5.2.6 */
enum virtio_blk_type {
    VIRTIO_BLK_IN = 0,
    VIRTIO_BLK_OUT = 1,
    VIRTIO_BLK_FLUSH = 4,
    VIRTIO_BLK_GET_ID = 8,
    VIRTIO_BLK_DISCARD = 11,
    VIRTIO_BLK_WRITE_ZEROES = 13,
};

enum virtio_blk_status {
    VIRTIO_BLK_OK = 0,
    VIRTIO_BLK_IOERR = 1,
    VIRTIO_BLK_UNSUPP = 2,
};

struct virtio_blk_header {
    uint32_t type;
    uint32_t reserved;
    uint64_t sector;
};

/* One of the segments of a discard or write zeroes request. */
struct virtio_blk_range {
    uint64_t sector;
    uint32_t sector_count;
    uint32_t flags;
};

enum {
    VIRTIO_BLK_UNMAP = 1, /* flag of a range, with write zeroes only */
    VIRTIO_BLK_ID_BYTES = 20,
};
