// SPDX-License-Identifier: BSD-2-Clause
#include "device/virtio/virtio_net_parts.h"

enum { TRIES = 4 };

/* 5.1.6.2: what the driver says of the frame. False: it was not negotiated, or cannot be. */
static bool read_head(const struct virtio_net *net, const struct chain *chain,
                      struct net_head *head)
{
    struct virtio_net_head guest;
    if (chain->writable_count != 0 || chain_read(chain, 0, &guest, sizeof guest) != sizeof guest) {
        return false;
    }
    *head = (struct net_head){.length = chain->readable_bytes - VIRTIO_NET_HEAD_BYTES};
    if ((guest.flags & NET_NEEDS_CSUM) != 0) {
        if (!virtio_has(&net->device, VIRTIO_NET_F_CSUM)) {
            return false;
        }
        head->flags = NET_NEEDS_CSUM;
        head->csum_start = guest.csum_start;
        head->csum_offset = guest.csum_offset;
    }
    if (guest.gso_type != NET_GSO_NONE) {
        uint64_t feature =
            guest.gso_type == NET_GSO_TCP4 ? VIRTIO_NET_F_HOST_TSO4 : VIRTIO_NET_F_HOST_TSO6;
        if (!virtio_has(&net->device, feature)) {
            return false;
        }
        head->gso_type = guest.gso_type;
        head->gso_size = guest.gso_size;
        /* A hint, which may be nonsense (5.1.6.2.1). */
        head->header_length = guest.header_length <= head->length ? guest.header_length : 0;
    }
    return net_head_valid(head);
}

static void put(struct virtio_net *net, const struct chain *chain)
{
    uint32_t skip = VIRTIO_NET_HEAD_BYTES, offset = 0;
    for (unsigned i = 0; i < chain->readable_count; i++) {
        const struct chain_segment *segment = &chain->segment[i];
        if (skip >= segment->length) {
            skip -= segment->length;
            continue;
        }
        virtio_net_far_call(net, put, net->far_ctx, offset, segment->bytes + skip,
                            segment->length - skip);
        offset += segment->length - skip;
        skip = 0;
    }
}

/* Remembers on which pair the guest talks to whom. */
static void learn_flow(struct virtio_net *net, unsigned queue, const struct chain *chain)
{
    uint8_t bytes[VIRTIO_NET_FLOW_BYTES];
    uint32_t size = chain_read(chain, VIRTIO_NET_HEAD_BYTES, bytes, sizeof bytes);
    net->state.flow[virtio_net_flow(bytes, size)] = (uint8_t)(queue / 2);
}

/* Room for the frame? VIRTIO_BLOCKED: no, and the far side will say when there is. */
static enum virtio_progress begin(struct virtio_net *net, const struct net_head *head)
{
    for (unsigned i = 0; i < TRIES; i++) {
        if (virtio_net_far_call(net, begin, net->far_ctx, head)) {
            return VIRTIO_EMPTY;
        }
        if (virtio_net_far_call(net, wait_room, net->far_ctx, head)) {
            return VIRTIO_BLOCKED;
        }
    }
    return VIRTIO_AGAIN; /* it says so and says so not: nobody waits for that */
}

static void send(struct virtio_net *net, unsigned queue, const struct net_head *head)
{
    const struct chain *chain = &net->device.chain;
    put(net, chain);
    virtio_net_far_call(net, publish, net->far_ctx);
    net->counter[VIRTIO_NET_SENT_FRAMES]++;
    net->counter[VIRTIO_NET_SENT_BYTES] += head->length;
    if (net->state.pairs > 1) {
        learn_flow(net, queue, chain);
    }
}

/* The chain that was popped. VIRTIO_EMPTY: it is done. */
static enum virtio_progress transmit_one(struct virtio_net *net, unsigned queue, unsigned *budget)
{
    struct net_head head;
    if (!read_head(net, &net->device.chain, &head)) {
        net->counter[VIRTIO_NET_SENT_INVALID]++;
        return VIRTIO_EMPTY;
    }
    enum virtio_progress progress = begin(net, &head);
    if (progress == VIRTIO_EMPTY) {
        send(net, queue, &head);
        virtio_net_pay(budget, head.length);
    } else if (progress == VIRTIO_BLOCKED) {
        net->counter[VIRTIO_NET_SENT_BLOCKED]++;
        net->state.blocked |= 1u << queue;
    }
    return progress;
}

enum virtio_progress virtio_net_transmit(struct virtio_net *net, unsigned queue, unsigned *budget)
{
    struct virtio_device *device = &net->device;
    struct chain *chain = &device->chain;
    enum virtio_progress progress = VIRTIO_AGAIN;
    while (*budget != 0) {
        --*budget;
        if (!virtio_pop(device, queue, chain)) {
            progress = VIRTIO_EMPTY;
            break;
        }
        progress = transmit_one(net, queue, budget);
        if (progress != VIRTIO_EMPTY) {
            virtio_unpop(device, queue, chain);
            break;
        }
        virtio_put(device, queue, chain, 0);
        progress = VIRTIO_AGAIN;
    }
    virtio_publish(device, queue);
    return progress;
}
