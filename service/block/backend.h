/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "link/block.h"

/*
 * What carries requests out: the virtio device (driver_virtio.c) or memory (ramdisk.c). Takes parts
 * of requests that are not longer than it said; sectors are its own, from 0.
 */
struct backend_limits {
    struct block_info info;             /* of the whole of it; no serial text */
    uint32_t part_sectors[BLOCK_TYPES]; /* the most that one part may have; 0: type unsupported */
    uint32_t part_segments; /* of data: how many it takes as they are. A single block in more than
                               that is its own problem */
};

/* Data in one piece, for the device as well. */
struct backend_segment {
    uint8_t *bytes;
    uint64_t paddr; /* where a device finds them; 0: it cannot */
    uint32_t length;
};

struct backend_part {
    enum block_type type;
    uint32_t flags;
    uint64_t sector;
    uint32_t sector_count;
    /* BLOCK_READ, BLOCK_WRITE: the data begin at `offset`, below its length, of this segment and go
     * on in the next ones. Segments and data stay where they are until the part is done. */
    const struct backend_segment *segment;
    uint32_t offset;
};

/* Copies to, or from, the data of a BLOCK_READ or BLOCK_WRITE; the other side is in one piece. */
void backend_scatter(const struct backend_part *part, const uint8_t *from);
void backend_gather(const struct backend_part *part, uint8_t *to);

enum backend_answer {
    BACKEND_DONE,   /* at once: *status says how */
    BACKEND_QUEUED, /* `take` will say */
    BACKEND_FULL,   /* not now: again when something has been taken */
};

struct backend_ops {
    enum backend_answer (*submit)(void *ctx, const struct backend_part *part, uint32_t token,
                                  enum block_status *status);
    /* Carries out what was submitted, if it waits for that. Optional. */
    void (*kick)(void *ctx);
    /* The next part that is done. Optional, for one that never queues. */
    bool (*take)(void *ctx, uint32_t *token, enum block_status *status);
};

struct backend {
    const struct backend_ops *ops; /* NULL: there is none, everything fails */
    void *ctx;
    struct backend_limits limits;
};
