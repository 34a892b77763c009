/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include "service/net/switch.h"
#include "service/virtio/transport.h"

/*
 * The uplink through a real virtio-net device of the machine (VIRTIO 1.3, 5.1): one pair of queues,
 * fixed buffers in DMA memory, checksums left to the device when it does them. The device is not
 * believed: what it says of a frame is checked as what a client says, and one that breaks the rules
 * of its queues is reset, UPLINK_RESTARTS times at most.
 */
enum {
    UPLINK_QUEUE_SIZE = 128,
    UPLINK_RESTARTS = 8,
};

struct uplink_virtio {
    struct transport_registers registers;
    struct dma dma;
    uint32_t frame_max;
    struct transport transport;
    struct vring receive, send;
    bool running;
    bool up; /* the cable is in */
    unsigned restarts;
    uint8_t *buffers; /* receive ones, then those to send */
    uint32_t buffer_bytes;
    uint16_t receive_buffer[VRING_SIZE_MAX]; /* by id, which buffer */
    uint16_t send_buffer[VRING_SIZE_MAX];
    uint16_t free_send[UPLINK_QUEUE_SIZE];
    uint16_t free_send_count;
    uint16_t taken;     /* the receive buffer that the switch looks at */
    uint64_t bad_count; /* frames from the device that cannot be */
};

/* All of `ctx` is a struct uplink_virtio. */
extern const struct uplink_ops uplink_virtio_ops;

/* Takes the device into service. False: there is none, or it does not do what we need. */
bool uplink_virtio_start(struct uplink_virtio *uplink, const struct transport_registers *registers,
                         const struct dma *dma, uint32_t mtu);

/* The device's interrupt. */
void uplink_virtio_interrupt(struct uplink_virtio *uplink);
