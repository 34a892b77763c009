// SPDX-License-Identifier: BSD-2-Clause
/* Requests that are answered with an error, or the device asks for a reset; nothing else. And any
 * bytes to the other devices. */
#include "test/guest/hostile/attack.h"

bool wrong_directions(void)
{
    if (!device_start(0)) {
        return false;
    }
    /* A header that only the device may write, and a read into what only it may read. */
    make_request(VIRTIO_BLK_IN);
    put_desc(HEADER, (uint64_t)header, sizeof *header, VIRTQ_DESC_NEXT | VIRTQ_DESC_WRITE, DATA);
    submit(HEADER);
    if (!dealt_with(1) || !device_start(0)) {
        return false;
    }
    make_request(VIRTIO_BLK_IN);
    put_desc(DATA, (uint64_t)data, SECTOR_BYTES, VIRTQ_DESC_NEXT, STATUS);
    data[0] = UNTOUCHED;
    submit(HEADER);
    return dealt_with(1) && *(volatile uint8_t *)data == UNTOUCHED;
}

bool lengths(void)
{
    static const struct {
        uint32_t header, data, status;
    } odd[] = {
        {0,  SECTOR_BYTES,     1},
        {1,  SECTOR_BYTES,     1},
        {15, SECTOR_BYTES,     1},
        {16, 0,                1},
        {16, 511,              1},
        {16, SECTOR_BYTES,     0},
        {16, SECTOR_BYTES + 1, 0},
        {0,  0,                0},
        {16, 0x00f00000,       1},
    };
    for (unsigned i = 0; i < sizeof odd / sizeof odd[0]; i++) {
        if (!device_start(0)) {
            return false;
        }
        make_request(VIRTIO_BLK_OUT);
        put_desc(HEADER, (uint64_t)header, odd[i].header, VIRTQ_DESC_NEXT, DATA);
        put_desc(DATA, (uint64_t)data, odd[i].data, VIRTQ_DESC_NEXT, STATUS);
        put_desc(STATUS, (uint64_t)status, odd[i].status, VIRTQ_DESC_WRITE, 0);
        submit(HEADER);
        if (!dealt_with(1) || status_now() == VIRTIO_BLK_OK) {
            return false;
        }
    }
    return true;
}

bool requests_that_cannot_be(void)
{
    static const struct {
        uint32_t type;
        uint64_t sector;
    } odd[] = {
        {VIRTIO_BLK_IN,           UINT64_MAX},
        {VIRTIO_BLK_OUT,          UINT64_MAX},
        {VIRTIO_BLK_OUT,          1ull << 55},
        {VIRTIO_BLK_IN,           1ull << 32},
        {0xffffffff,              0         },
        {2,                       0         },
        {VIRTIO_BLK_DISCARD,      0         },
        {VIRTIO_BLK_WRITE_ZEROES, 0         },
    };
    for (unsigned i = 0; i < sizeof odd / sizeof odd[0]; i++) {
        if (!device_start(0)) {
            return false;
        }
        make_request(odd[i].type);
        header->sector = odd[i].sector;
        submit(HEADER);
        if (!dealt_with(1) || status_now() == VIRTIO_BLK_OK) {
            return false;
        }
    }
    return true;
}

bool discards_of_nonsense(void)
{
    const uint64_t features = VIRTIO_BLK_F_DISCARD | VIRTIO_BLK_F_WRITE_ZEROES;
    static const struct virtio_blk_range odd[] = {
        {UINT64_MAX,     1,          0         },
        {0,              UINT32_MAX, 0         },
        {UINT64_MAX - 1, UINT32_MAX, 0         },
        {0,              8,          UINT32_MAX},
    };
    for (unsigned i = 0; i < 2 * sizeof odd / sizeof odd[0]; i++) {
        if (!device_start(features)) {
            return true; /* the disk does neither */
        }
        make_request(i % 2 == 0 ? VIRTIO_BLK_DISCARD : VIRTIO_BLK_WRITE_ZEROES);
        *(struct virtio_blk_range *)data = odd[i / 2];
        put_desc(DATA, (uint64_t)data, sizeof odd[0], VIRTQ_DESC_NEXT, STATUS);
        submit(HEADER);
        if (!dealt_with(1) || status_now() == VIRTIO_BLK_OK) {
            return false;
        }
    }
    return true;
}

static bool noise(uint32_t type)
{
    enum { ROUNDS = 64, QUEUES = 3 };
    uint32_t random = 1;
    if (!device_find(type)) {
        return true; /* this VM has none */
    }
    for (unsigned round = 0; round < ROUNDS; round++) {
        if (!device_reset() || !device_negotiate(VIRTIO_F_VERSION_1)) {
            return false;
        }
        for (unsigned i = 0; i < BUFFER_BYTES; i++) {
            random = random * 1664525 + 1013904223;
            rings.buffer[i] = (uint8_t)(random >> 24);
        }
        for (unsigned i = 0; i < QUEUE_SIZE; i++) {
            random = random * 1664525 + 1013904223;
            put_desc(i, (uint64_t)rings.buffer + (random >> 22), (random >> 8) % 1024,
                     (uint16_t)(i % 4 == 3 ? VIRTQ_DESC_WRITE : VIRTQ_DESC_NEXT),
                     (uint16_t)(i + 1));
            rings.avail.ring[i] = (uint16_t)i;
        }
        rings.avail.index = QUEUE_SIZE;
        for (unsigned queue = 0; queue < QUEUES; queue++) {
            queue_open(queue, &rings);
        }
        device_go();
        for (unsigned queue = 0; queue < QUEUES; queue++) {
            mmio_write(MMIO_QUEUE_NOTIFY, queue);
        }
    }
    return device_reset();
}

bool noise_to_others(void)
{
    return noise(VIRTIO_TYPE_NET) && noise(VIRTIO_TYPE_ENTROPY) && noise(VIRTIO_TYPE_CONSOLE);
}
