/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include "device/virtio/virtio_net.h"
#include "link/net_client.h"

/* Between the files of the network device; for nobody else. */

/* 5.1.6: before each frame, in both directions. */
struct virtio_net_head {
    uint8_t flags, gso_type;
    uint16_t header_length, gso_size, csum_start, csum_offset, buffer_count;
};
_Static_assert(sizeof(struct virtio_net_head) == VIRTIO_NET_HEAD_BYTES, "5.1.6");

/* 5.1.2: receive queue, transmit queue of each pair; then control. */
static inline bool virtio_net_is_transmit(unsigned queue)
{
    return (queue & 1) != 0;
}

/*
 * Calls a function of the far side; its arguments begin with far_ctx. In a VMM that is always a
 * link, called directly; on the host there are others.
 */
#define virtio_net_far_call(net, function, ...)                                                    \
    (virtio_net_is_linked(net) ? net_client_##function(__VA_ARGS__)                                \
                               : (net)->far->function(__VA_ARGS__))

static inline bool virtio_net_is_linked(const struct virtio_net *net)
{
    return !__STDC_HOSTED__ || net->far == NULL;
}

/* What a frame of this length costs of a budget beyond the chain that it came in. */
static inline void virtio_net_pay(unsigned *budget, uint32_t length)
{
    unsigned pieces = length / 4096;
    *budget -= pieces < *budget ? pieces : *budget;
}

/* Where a flow's frames are to come: by the first bytes of one of them, of either direction. */
enum { VIRTIO_NET_FLOW_BYTES = 80 };
unsigned virtio_net_flow(const uint8_t *bytes, uint32_t size);

enum virtio_progress virtio_net_transmit(struct virtio_net *net, unsigned queue, unsigned *budget);
enum virtio_progress virtio_net_receive(struct virtio_net *net, unsigned queue, unsigned *budget);
enum virtio_progress virtio_net_control(struct virtio_net *net, unsigned queue, unsigned *budget);

/* Gives the receive buffers back that were taken for a frame and were not enough. */
void virtio_net_give_back(struct virtio_net *net);

/* What features allow the far side to send. */
uint32_t virtio_net_offloads(uint64_t features);
