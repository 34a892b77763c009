// SPDX-License-Identifier: BSD-2-Clause
#include "test/fake/block_device.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "lib/check.h"

enum { SECTOR = 512 };

struct virtio_blk_config *fake_block_config(struct fake_block *device)
{
    return (struct virtio_blk_config *)(void *)device->virtio.config;
}

void fake_block_init(struct fake_block *device, uint64_t features, uint64_t sector_count,
                     uint32_t queue_size)
{
    memset(device, 0, sizeof *device);
    fake_virtio_init(&device->virtio, VIRTIO_TYPE_BLOCK, features, queue_size);
    device->sector_count = sector_count;
    device->stable = calloc(sector_count, SECTOR);
    device->cache = calloc(sector_count, SECTOR);
    struct virtio_blk_config *config = fake_block_config(device);
    config->capacity = sector_count;
    config->max_discard_sectors = 4096;
    config->max_write_zeroes_sectors = 4096;
    config->blk_size = SECTOR;
    config->seg_max = (features & VIRTIO_BLK_F_SEG_MAX) != 0 ? 62 : 0;
}

void fake_block_fini(struct fake_block *device)
{
    free(device->stable);
    free(device->cache);
}

unsigned fake_block_take(struct fake_block *device)
{
    while (device->held_count < FAKE_HELD_MAX &&
           fake_virtio_pop(&device->virtio, 0, &device->held[device->held_count])) {
        device->held_count++;
    }
    return device->held_count;
}

static uint8_t *sectors(struct fake_block *device, uint64_t sector, uint64_t count)
{
    /* A driver that asks for more than there is would be a mistake of ours. */
    CHECK(sector <= device->sector_count && count <= device->sector_count - sector);
    return device->cache + sector * SECTOR;
}

/* Moves data between the disk and segments [first, last). */
static uint32_t move(struct fake_block *device, const struct fake_held *buffer, unsigned first,
                     unsigned last, uint64_t sector, bool read)
{
    uint32_t bytes = 0, seg_max = fake_block_config(device)->seg_max;
    CHECK(last - first <= (seg_max != 0 ? seg_max : 1));
    for (unsigned i = first; i < last; i++) {
        bytes += buffer->segment[i].bytes;
    }
    CHECK(bytes % SECTOR == 0);
    uint8_t *at = sectors(device, sector, bytes / SECTOR);
    for (unsigned i = first; i < last; i++) {
        uint32_t size = buffer->segment[i].bytes;
        memcpy(read ? buffer->segment[i].host : at, read ? at : buffer->segment[i].host, size);
        at += size;
    }
    return bytes;
}

static void clear(struct fake_block *device, const struct fake_held *buffer, bool zeroes)
{
    struct virtio_blk_range range;
    CHECK(buffer->readable == 2 && buffer->segment[1].bytes == sizeof range);
    memcpy(&range, buffer->segment[1].host, sizeof range);
    CHECK(range.sector_count != 0 && range.sector_count <= 4096);
    CHECK((range.flags & ~(zeroes ? 1u : 0u)) == 0);
    memset(sectors(device, range.sector, range.sector_count), 0,
           (size_t)range.sector_count * SECTOR);
}

static void carry_out(struct fake_block *device, const struct fake_held *buffer)
{
    struct virtio_blk_header header;
    unsigned last = buffer->readable + buffer->writable - 1;
    uint32_t written = 1;
    uint8_t status = device->fail_status;
    CHECK(buffer->readable >= 1 && buffer->segment[0].bytes == sizeof header);
    CHECK(buffer->writable >= 1 && buffer->segment[last].bytes == 1);
    memcpy(&header, buffer->segment[0].host, sizeof header);
    CHECK(header.type < 16 && header.reserved == 0);
    device->request_count[header.type]++;
    device->fail_status = 0;
    if (status == 0) {
        switch (header.type) {
        case VIRTIO_BLK_IN:
            CHECK(buffer->readable == 1 && buffer->writable >= 2);
            written += move(device, buffer, 1, last, header.sector, true);
            break;
        case VIRTIO_BLK_OUT:
            CHECK(buffer->readable >= 2 && buffer->writable == 1);
            move(device, buffer, 1, last, header.sector, false);
            break;
        case VIRTIO_BLK_FLUSH:
            CHECK((device->virtio.accepted & VIRTIO_BLK_F_FLUSH) != 0);
            memcpy(device->stable, device->cache, device->sector_count * SECTOR);
            break;
        case VIRTIO_BLK_DISCARD:
        case VIRTIO_BLK_WRITE_ZEROES:
            clear(device, buffer, header.type == VIRTIO_BLK_WRITE_ZEROES);
            break;
        default:
            CHECK(false && "the driver sent a type that it has not negotiated");
        }
    }
    *buffer->segment[last].host = status;
    fake_virtio_push(&device->virtio, 0, buffer->id, device->lies_about_length ? 0 : written);
}

bool fake_block_answer(struct fake_block *device)
{
    if (device->held_count == 0) {
        return false;
    }
    unsigned which = device->shuffle != 0 ? device->shuffle++ * 7 % device->held_count : 0;
    struct fake_held buffer = device->held[which];
    device->held_count--;
    memmove(&device->held[which], &device->held[which + 1],
            (device->held_count - which) * sizeof buffer);
    carry_out(device, &buffer);
    return true;
}

unsigned fake_block_run(struct fake_block *device)
{
    unsigned count = 0;
    while (fake_block_take(device) != 0) {
        count += fake_block_answer(device);
    }
    return count;
}
