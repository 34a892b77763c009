/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include "service/block/disk.h"

enum { TRANSFER_COST_MAX = 64 }; /* of a part that a device carries out */

/* A request that is being carried out: cut into parts of what the backend takes. */
struct transfer {
    const struct backend *backend;
    struct backend_part next; /* all that has not been submitted yet */
    uint32_t parts;           /* submitted and not done */
    enum block_status status; /* the worst so far */
    bool submitted;           /* all of it */
};

/* A request for which disk_check said BLOCK_OK. segments: all of its data, and they stay. */
void transfer_init(struct transfer *transfer, const struct disk *disk,
                   const struct block_request *request, const struct backend_segment *segments);

/*
 * Submits parts while *budget is above 0, and lowers it by their sectors; the last one may overdraw
 * it. False when the backend is full.
 */
bool transfer_run(struct transfer *transfer, uint32_t token, int64_t *budget);

/* A part of it is done. */
void transfer_part_done(struct transfer *transfer, enum block_status status);

/* All is done: transfer->status is the answer. */
static inline bool transfer_done(const struct transfer *transfer)
{
    return transfer->submitted && transfer->parts == 0;
}
