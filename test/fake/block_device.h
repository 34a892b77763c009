/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include "lib/virtio_blk.h"
#include "test/fake/virtio_device.h"

/*
 * A virtio block device for tests of drivers: a disk in memory, requests taken when the test says
 * so and answered in any order. Writes land in `cache` and reach `sector` at a flush, so that a
 * test sees what a power cut would leave.
 */
enum { FAKE_HELD_MAX = 256 };

struct fake_block {
    struct fake_virtio virtio;
    uint64_t sector_count;
    uint8_t *stable, *cache;
    struct fake_held held[FAKE_HELD_MAX]; /* taken and not answered */
    unsigned held_count;
    unsigned shuffle;       /* not 0: answers come in an order that depends on it */
    uint8_t fail_status;    /* not 0: the next request fails with it */
    bool lies_about_length; /* says that it wrote nothing */
    uint64_t request_count[16];
};

void fake_block_init(struct fake_block *device, uint64_t features, uint64_t sector_count,
                     uint32_t queue_size);
void fake_block_fini(struct fake_block *device);

struct virtio_blk_config *fake_block_config(struct fake_block *device);

/* Takes what is available. Returns how many it holds. */
unsigned fake_block_take(struct fake_block *device);

/* Carries one that is held out and answers it. False: there is none. */
bool fake_block_answer(struct fake_block *device);

/* Takes and answers until nothing is left; how many. */
unsigned fake_block_run(struct fake_block *device);
