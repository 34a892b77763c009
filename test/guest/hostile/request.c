// SPDX-License-Identifier: BSD-2-Clause
#include "test/guest/hostile/attack.h"

struct virtio_blk_header *const header = (struct virtio_blk_header *)rings.buffer;
uint8_t *const status = rings.buffer + 64;
uint8_t *const data = rings.buffer + 1024;

void make_request(uint32_t type)
{
    bool reads = type == VIRTIO_BLK_IN;
    *header = (struct virtio_blk_header){.type = type};
    *status = UNTOUCHED;
    put_desc(HEADER, (uint64_t)header, sizeof *header, VIRTQ_DESC_NEXT, DATA);
    put_desc(DATA, (uint64_t)data, SECTOR_BYTES,
             (uint16_t)(VIRTQ_DESC_NEXT | (reads ? VIRTQ_DESC_WRITE : 0)), STATUS);
    put_desc(STATUS, (uint64_t)status, 1, VIRTQ_DESC_WRITE, 0);
}

uint8_t status_now(void)
{
    return *(volatile uint8_t *)status;
}

bool honest(void)
{
    if (!device_start(0)) {
        return false;
    }
    for (unsigned i = 0; i < SECTOR_BYTES; i++) {
        data[i] = (uint8_t)(i * 7);
    }
    make_request(VIRTIO_BLK_OUT);
    submit(HEADER);
    if (!wait_used(1) || status_now() != VIRTIO_BLK_OK) {
        return false;
    }
    for (unsigned i = 0; i < SECTOR_BYTES; i++) {
        data[i] = 0;
    }
    make_request(VIRTIO_BLK_IN);
    submit(HEADER);
    if (!wait_used(2) || status_now() != VIRTIO_BLK_OK) {
        return false;
    }
    for (unsigned i = 0; i < SECTOR_BYTES; i++) {
        if (*(volatile uint8_t *)&data[i] != (uint8_t)(i * 7)) {
            return false;
        }
    }
    return true;
}

bool refused(uint16_t head)
{
    submit(head);
    return status_has(VIRTIO_NEEDS_RESET);
}

bool dealt_with(uint16_t index)
{
    for (unsigned i = 0; i < 1000000; i++) {
        if (*(volatile uint16_t *)&rings.used.index == index ||
            (mmio_read(MMIO_STATUS) & VIRTIO_NEEDS_RESET) != 0) {
            return true;
        }
    }
    return false;
}
