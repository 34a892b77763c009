// SPDX-License-Identifier: BSD-2-Clause
#include "service/block/ramdisk.h"

#include <string.h>

#include "lib/check.h"

enum { HEAD_MAGIC = 0x52414d44 /* "RAMD" */ };

static enum backend_answer submit(void *ctx, const struct backend_part *part, uint32_t token,
                                  enum block_status *status)
{
    struct ramdisk *disk = ctx;
    uint8_t *at = disk->bytes + part->sector * BLOCK_SECTOR_BYTES;
    uint64_t size = (uint64_t)part->sector_count * BLOCK_SECTOR_BYTES;
    (void)token;
    CHECK(part->sector <= disk->size_bytes / BLOCK_SECTOR_BYTES &&
          size <= disk->size_bytes - part->sector * BLOCK_SECTOR_BYTES);
    CHECK(part->type == BLOCK_READ || part->type == BLOCK_FLUSH || disk->head != NULL);
    *status = BLOCK_OK;
    switch (part->type) {
    case BLOCK_READ:
        backend_scatter(part, at);
        break;
    case BLOCK_WRITE:
        backend_gather(part, at);
        break;
    case BLOCK_DISCARD:
    case BLOCK_WRITE_ZEROES:
        memset(at, 0, size);
        break;
    default: /* BLOCK_FLUSH: memory is as stable as it gets */
        break;
    }
    return BACKEND_DONE;
}

bool ramdisk_open(struct ramdisk *disk, void *memory, uint64_t memory_bytes, const void *file,
                  uint64_t file_bytes, struct backend *backend)
{
    static const struct backend_ops ops = {.submit = submit};
    bool writable = memory != NULL && memory_bytes > RAMDISK_HEAD_BYTES;
    uint64_t bytes = writable ? memory_bytes - RAMDISK_HEAD_BYTES : file_bytes;
    if (!writable && (memory != NULL || file == NULL)) {
        return false;
    }
    *disk = (struct ramdisk){
        .head = writable ? memory : NULL,
        /* Nothing is written there without a head. */
        .bytes = writable ? (uint8_t *)memory + RAMDISK_HEAD_BYTES : (uint8_t *)(uintptr_t)file,
        .size_bytes = bytes,
        .file = writable ? file : NULL,
        .file_bytes = file_bytes < bytes ? file_bytes : bytes,
    };
    *backend = (struct backend){
        .ops = &ops,
        .ctx = disk,
        .limits.info = {.sector_count = bytes / BLOCK_SECTOR_BYTES,
                        .block_bytes = BLOCK_SECTOR_BYTES,
                        .flags = writable ? BLOCK_HAS_DISCARD | BLOCK_HAS_WRITE_ZEROES
                                          : BLOCK_READ_ONLY},
        .limits.part_segments = BLOCK_SEGMENT_MAX,
    };
    for (unsigned type = 0; type < BLOCK_TYPES; type++) {
        backend->limits.part_sectors[type] = RAMDISK_PART_SECTORS;
    }
    return true;
}

bool ramdisk_fill(struct ramdisk *disk)
{
    if (disk->head == NULL || disk->head->magic == HEAD_MAGIC) {
        return false;
    }
    uint64_t left = disk->file != NULL ? disk->file_bytes - disk->filled_bytes : 0;
    uint64_t count = left < RAMDISK_FILL_BYTES ? left : RAMDISK_FILL_BYTES;
    if (count != 0) {
        memcpy(disk->bytes + disk->filled_bytes, disk->file + disk->filled_bytes, count);
        disk->filled_bytes += count;
        return true;
    }
    /* The mark after the bytes, should this process be stopped between. */
    __atomic_store_n(&disk->head->magic, HEAD_MAGIC, __ATOMIC_RELEASE);
    return false;
}
