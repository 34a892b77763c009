/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include "device/virtio/virtio_net.h"
#include "test/fake/virtio_driver.h"

/* A guest's network driver, on test/fake/virtio_driver.h: honest, with bounce buffers. */
enum {
    GUEST_QUEUE_SIZE = 64,
    GUEST_SEND_BYTES = 300 * 1024, /* of memory for frames in flight */
    GUEST_QUEUES = 2 * 4 + 1,
};

struct guest_head { /* 5.1.6 */
    uint8_t flags, gso_type;
    uint16_t header_length, gso_size, csum_start, csum_offset, buffer_count;
};

struct net_guest {
    struct fake_driver d;
    uint64_t send_memory;
    uint32_t send_at;
    unsigned sending; /* frames that the device has not given back */
    struct {
        uint64_t address[VIRTQUEUE_SIZE_MAX]; /* by id */
        uint32_t length[VIRTQUEUE_SIZE_MAX];
    } posted[GUEST_QUEUES];
};

void net_guest_init(struct net_guest *g);
void net_guest_fini(struct net_guest *g);
void net_guest_attach(struct net_guest *g, struct virtio_net *net);
/* Takes the device into service; no receive buffers yet. */
bool net_guest_start(struct net_guest *g, uint64_t features);

/* Adds receive buffers of this size, in two spans if `cut` is not 0, and kicks. */
void net_guest_post(struct net_guest *g, unsigned queue, uint32_t size, unsigned count,
                    uint32_t cut);

/* Sends, as one span, or cut into spans of `cut` bytes. False: the queue is full. */
bool net_guest_send(struct net_guest *g, unsigned queue, const struct guest_head *head,
                    const uint8_t *bytes, uint32_t length, uint32_t cut);
/* Takes back what the device has sent. */
void net_guest_reap(struct net_guest *g, unsigned queue);

/*
 * The next frame that was received, put together, and its length; 0: none. The buffers are posted
 * again. CHECKs what the device promises: buffer counts, lengths.
 */
uint32_t net_guest_receive(struct net_guest *g, unsigned queue, struct guest_head *head,
                           uint8_t *bytes);

/* A control command: its answer, or FAKE_NO_ANSWER. */
uint32_t net_guest_command(struct net_guest *g, unsigned queue, uint8_t class, uint8_t command,
                           const void *data, uint32_t size);
