// SPDX-License-Identifier: BSD-2-Clause
#include "service/block/disk.h"

#include <string.h>

#include "lib/range.h"

static const char *open_range(struct disk *disk, uint64_t first, uint64_t count)
{
    const struct block_info *whole = &disk->backend->limits.info;
    if (first > whole->sector_count) {
        return "range begins behind the end of the device";
    }
    if (count == 0) {
        count = whole->sector_count - first;
    }
    if (!range_contains((struct range){0, whole->sector_count}, first, count)) {
        return "range ends behind the end of the device";
    }
    if (!is_aligned(first | count, whole->block_bytes / BLOCK_SECTOR_BYTES)) {
        return "range is not of whole blocks of the device";
    }
    disk->first_sector = first;
    disk->sector_count = count;
    return NULL;
}

static const char *open_partition(struct disk *disk, const struct gpt_partition *partition,
                                  const struct gpt *gpt)
{
    if (partition == NULL) {
        return gpt->partition_count != 0 ? "no such partition, or several of this name"
                                         : "the device has no partition table";
    }
    return open_range(disk, partition->first_sector, partition->sector_count);
}

const char *disk_open(struct disk *disk, const struct block_port_info *info,
                      const struct backend *device, const struct gpt *gpt)
{
    char name[BLOCK_PARTITION_NAME_BYTES];
    const char *why;
    *disk = (struct disk){.backend = device};
    if (device->ops == NULL) {
        return "there is no device";
    }
    disk->read_only = (info->flags & BLOCK_PORT_READ_ONLY) != 0 ||
                      (device->limits.info.flags & BLOCK_READ_ONLY) != 0;
    switch (info->kind) {
    case BLOCK_PORT_RANGE:
        why = open_range(disk, info->range.first_sector, info->range.sector_count);
        break;
    case BLOCK_PORT_PARTITION_NAME:
        memcpy(name, info->partition_name, sizeof name);
        name[sizeof name - 1] = '\0';
        why = open_partition(disk, gpt_find_name(gpt, name), gpt);
        break;
    case BLOCK_PORT_PARTITION_INDEX:
        why = open_partition(disk, gpt_find_number(gpt, info->partition), gpt);
        break;
    default:
        why = "disk of an unknown kind";
        break;
    }
    return why;
}

bool disk_conflicts(const struct disk *a, const struct disk *b)
{
    return a->backend == b->backend && (!a->read_only || !b->read_only) &&
           range_overlaps((struct range){a->first_sector, a->sector_count},
                          (struct range){b->first_sector, b->sector_count});
}

static bool has_data(uint32_t type)
{
    return type == BLOCK_READ || type == BLOCK_WRITE;
}

enum block_status disk_check(const struct disk *disk, const struct block_request *request,
                             uint64_t data_bytes)
{
    if (request->type >= BLOCK_TYPES) {
        return BLOCK_UNSUPPORTED;
    }
    if (disk->backend == NULL || disk->backend->ops == NULL) {
        return BLOCK_ERROR;
    }
    if (request->type == BLOCK_FLUSH) {
        return BLOCK_OK;
    }
    const struct backend_limits *limits = &disk->backend->limits;
    uint32_t block_sectors = limits->info.block_bytes / BLOCK_SECTOR_BYTES;
    struct range sectors = {0, disk->sector_count};
    if (request->sector_count == 0 ||
        !range_contains(sectors, request->sector, request->sector_count) ||
        !is_aligned(request->sector | request->sector_count, block_sectors)) {
        return BLOCK_ERROR;
    }
    if (request->type != BLOCK_READ && disk->read_only) {
        return BLOCK_ERROR;
    }
    if (has_data(request->type) && (request->flags & BLOCK_DIRECT) != 0) {
        return BLOCK_OK;
    }
    if (has_data(request->type)) {
        uint64_t bytes = (uint64_t)request->sector_count * BLOCK_SECTOR_BYTES;
        bool good = is_aligned(request->data_offset, BLOCK_SECTOR_BYTES) &&
                    range_contains((struct range){0, data_bytes}, request->data_offset, bytes);
        return good ? BLOCK_OK : BLOCK_ERROR;
    }
    return limits->part_sectors[request->type] != 0 ? BLOCK_OK : BLOCK_UNSUPPORTED;
}
