// SPDX-License-Identifier: BSD-2-Clause
#include "service/block/transfer.h"

#include "lib/check.h"

static bool has_data(uint32_t type)
{
    return type == BLOCK_READ || type == BLOCK_WRITE;
}

void transfer_init(struct transfer *transfer, const struct disk *disk,
                   const struct block_request *request, uint8_t *data, uint64_t data_paddr)
{
    bool flush = request->type == BLOCK_FLUSH;
    *transfer = (struct transfer){
        .backend = disk->backend,
        .next = {.type = (enum block_type)request->type,
                 .flags = request->flags & BLOCK_UNMAP,
                 .sector = flush ? 0 : disk->first_sector + request->sector,
                 .sector_count = flush ? 0 : request->sector_count,
                 .data = data,
                 .data_paddr = data_paddr},
    };
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
    return part;
}

static void advance(struct transfer *transfer, uint32_t sector_count)
{
    struct backend_part *next = &transfer->next;
    next->sector += sector_count;
    next->sector_count -= sector_count;
    if (has_data(next->type)) {
        next->data += (uint64_t)sector_count * BLOCK_SECTOR_BYTES;
        next->data_paddr += next->data_paddr != 0 ? (uint64_t)sector_count * BLOCK_SECTOR_BYTES : 0;
    }
    transfer->submitted = next->sector_count == 0;
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
