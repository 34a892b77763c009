/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "device/virtio/virtio.h"

/* The entropy device, VIRTIO 1.3, 5.4. */
enum {
    VIRTIO_RNG_QUEUES = 1,
    VIRTIO_RNG_REQUEST_MAX = 256, /* bytes that one request gets at the most: 5.4.6.1 allows that */
};

struct virtio_rng_port {
    /*
     * Random bytes; returns how many it has, 0 when it must wait: then virtio_rng_ready follows.
     * Under the device's lock: must not call back.
     */
    size_t (*draw)(void *ctx, uint8_t *bytes, size_t count);
    void *ctx;
};

struct virtio_rng {
    struct virtio_device device;
    const struct virtio_rng_port *source;
    struct chain_segment segments[VIRTQUEUE_SIZE_MAX]; /* of device.chain */
};

void virtio_rng_init(struct virtio_rng *rng, const struct virtio_rng_port *source,
                     const struct ram *ram, const struct virtio_port *port, uint32_t mutex_id);

/* The source has bytes again, after a draw that returned none. */
void virtio_rng_ready(struct virtio_rng *rng);
