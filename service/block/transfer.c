// SPDX-License-Identifier: BSD-2-Clause
#include "service/block/transfer.h"

#include "lib/check.h"
#include "lib/range.h"

static bool has_data(uint32_t type)
{
    return type == BLOCK_READ || type == BLOCK_WRITE;
}

void transfer_init(struct transfer *transfer, const struct disk *disk,
                   const struct block_request *request, const struct backend_segment *segments)
{
    bool flush = request->type == BLOCK_FLUSH;
    *transfer = (struct transfer){
        .backend = disk->backend,
        .next = {.type = (enum block_type)request->type,
                 .flags = request->flags & BLOCK_UNMAP,
                 .sector = flush ? 0 : disk->first_sector + request->sector,
                 .sector_count = flush ? 0 : request->sector_count,
                 .segment = segments},
    };
}

/* Cuts the part to as many segments as the backend takes, but not to less than a block. */
static void fit_segments(const struct backend_limits *limits, struct backend_part *part)
{
    uint64_t wanted = (uint64_t)part->sector_count * BLOCK_SECTOR_BYTES;
    uint64_t bytes = part->segment->length - part->offset;
    for (uint32_t i = 1; i < limits->part_segments && bytes < wanted; i++) {
        bytes += part->segment[i].length;
    }
    if (bytes < wanted) {
        uint32_t block = limits->info.block_bytes / BLOCK_SECTOR_BYTES;
        uint32_t sectors = (uint32_t)align_down(bytes / BLOCK_SECTOR_BYTES, block);
        part->sector_count = sectors != 0 ? sectors : block;
    }
}

/* What is left, but not more than the backend takes at once. */
static struct backend_part next_part(const struct transfer *transfer)
{
    struct backend_part part = transfer->next;
    uint32_t most = transfer->backend->limits.part_sectors[part.type];
    if (part.sector_count > most && part.type != BLOCK_FLUSH) {
        CHECK(most != 0);
        part.sector_count = most;
    }
    if (has_data(part.type)) {
        fit_segments(&transfer->backend->limits, &part);
    }
    return part;
}

static void advance(struct transfer *transfer, uint32_t sector_count)
{
    struct backend_part *next = &transfer->next;
    next->sector += sector_count;
    next->sector_count -= sector_count;
    transfer->submitted = next->sector_count == 0;
    if (has_data(next->type)) {
        next->offset += sector_count * BLOCK_SECTOR_BYTES; /* below 2^32: as all the data are */
        while (!transfer->submitted && next->offset >= next->segment->length) {
            next->offset -= next->segment->length;
            next->segment++;
        }
    }
}

/* In sectors: a part that is left to a device is one piece of work, however large. */
static int64_t cost(const struct backend_part *part, enum backend_answer answer)
{
    bool large = answer == BACKEND_QUEUED && part->sector_count > TRANSFER_COST_MAX;
    return large ? TRANSFER_COST_MAX : part->sector_count;
}

bool transfer_run(struct transfer *transfer, uint32_t token, int64_t *budget)
{
    while (!transfer->submitted && *budget > 0) {
        struct backend_part part = next_part(transfer);
        enum block_status status = BLOCK_OK;
        enum backend_answer answer =
            transfer->backend->ops->submit(transfer->backend->ctx, &part, token, &status);
        if (answer == BACKEND_FULL) {
            return false;
        }
        transfer->parts += answer == BACKEND_QUEUED;
        *budget -= cost(&part, answer);
        advance(transfer, part.sector_count);
        if (status > transfer->status) {
            transfer->status = status;
        }
    }
    return true;
}

void transfer_part_done(struct transfer *transfer, enum block_status status)
{
    CHECK(transfer->parts != 0);
    transfer->parts--;
    if (status > transfer->status) {
        transfer->status = status;
    }
}
