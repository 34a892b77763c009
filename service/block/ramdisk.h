/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include "service/block/backend.h"

/*
 * A disk in memory. Its first page is a head that says whether the disk has been filled, so that
 * what a guest wrote outlives this service; then the sectors. Or a file, read-only.
 */
enum {
    RAMDISK_HEAD_BYTES = 4096,
    RAMDISK_PART_SECTORS = 32,      /* of one part: a piece of work */
    RAMDISK_FILL_BYTES = 256 << 10, /* the same for filling it */
};

struct ramdisk_head {
    uint32_t magic; /* there, when the disk has been filled */
};

struct ramdisk {
    struct ramdisk_head *head; /* NULL: `bytes` is read-only */
    uint8_t *bytes;
    uint64_t size_bytes;
    const uint8_t *file;
    uint64_t file_bytes, filled_bytes;
};

/*
 * memory: zeroed once, of memory_bytes with its head; NULL: the disk is the file. file may be NULL.
 * A file that is larger than the disk is cut. Sets the backend up; false when there is nothing to
 * have a disk in.
 */
bool ramdisk_open(struct ramdisk *disk, void *memory, uint64_t memory_bytes, const void *file,
                  uint64_t file_bytes, struct backend *backend);

/* Goes on filling it. True when there is more to do. */
bool ramdisk_fill(struct ramdisk *disk);
