// SPDX-License-Identifier: BSD-2-Clause
#include <string.h>

#include "device/virtio/virtio_net_parts.h"
#include "lib/check.h"

enum {
    TYPE_AT = 12, /* in the Ethernet header */
    IP_AT = 14,
    IP4_PROTOCOL = 9,
    IP6_PROTOCOL = 6,
    IP6_BYTES = 40,
    TCP = 6,
    UDP = 17,
};

static uint32_t load(const uint8_t *at)
{
    uint32_t word;
    memcpy(&word, at, sizeof word);
    return word;
}

/* Exclusive or of both ends' parts, so that both directions have the same hash. */
unsigned virtio_net_flow(const uint8_t *bytes, uint32_t size)
{
    uint32_t hash = 0, ports = 0, protocol = 0;
    if (size >= IP_AT + 20 && bytes[TYPE_AT] == 0x08 && bytes[TYPE_AT + 1] == 0x00) {
        const uint8_t *ip = bytes + IP_AT;
        bool is_fragment = ((ip[6] & 0x3f) | ip[7]) != 0;
        hash = load(ip + 12) ^ load(ip + 16);
        protocol = is_fragment ? 0 : ip[IP4_PROTOCOL];
        ports = IP_AT + (ip[0] & 15u) * 4;
    } else if (size >= IP_AT + IP6_BYTES && bytes[TYPE_AT] == 0x86 && bytes[TYPE_AT + 1] == 0xdd) {
        const uint8_t *ip = bytes + IP_AT;
        for (unsigned i = 8; i < IP6_BYTES; i += 4) {
            hash ^= load(ip + i);
        }
        protocol = ip[IP6_PROTOCOL];
        ports = IP_AT + IP6_BYTES;
    }
    if ((protocol == TCP || protocol == UDP) && ports + 4 <= size) {
        uint32_t both = load(bytes + ports);
        hash ^= (both ^ both >> 16) & 0xffff;
    }
    _Static_assert(VIRTIO_NET_FLOWS == 256, "the hash gives eight bits");
    return hash * 0x9e3779b1u >> 24;
}

static bool listed(const struct virtio_net_filter *filter, const uint8_t *mac)
{
    for (unsigned i = 0; i < filter->count; i++) {
        if (memcmp(filter->mac[i], mac, NET_MAC_BYTES) == 0) {
            return true;
        }
    }
    return filter->too_many;
}

/* 5.1.6.5.1 and .2: does the driver want frames to the next one's address? */
static bool wanted(const struct virtio_net *net)
{
    static const uint8_t broadcast[NET_MAC_BYTES] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    const struct virtio_net_state *s = &net->state;
    if (!s->filters || s->mode[VIRTIO_NET_PROMISCUOUS]) {
        return true;
    }
    uint8_t mac[NET_MAC_BYTES];
    virtio_net_far_call(net, copy, net->far_ctx, 0, mac, sizeof mac);
    if (!net_mac_is_multicast(mac)) {
        return !s->mode[VIRTIO_NET_NO_UNICAST] &&
               (s->mode[VIRTIO_NET_ALL_UNICAST] || memcmp(mac, s->config.mac, NET_MAC_BYTES) == 0 ||
                listed(&s->filter[0], mac));
    }
    if (memcmp(mac, broadcast, NET_MAC_BYTES) == 0) {
        return !s->mode[VIRTIO_NET_NO_BROADCAST];
    }
    return !s->mode[VIRTIO_NET_NO_MULTICAST] &&
           (s->mode[VIRTIO_NET_ALL_MULTICAST] || listed(&s->filter[1], mac));
}

/* The next frame that the guest wants; NULL: none is there. Unwanted ones are taken off. */
static const struct net_head *next_frame(struct virtio_net *net, unsigned *budget)
{
    const struct net_head *head;
    while (*budget != 0 && (head = virtio_net_far_call(net, peek, net->far_ctx)) != NULL) {
        if (net_head_accepted(head, net->state.accepts) && wanted(net)) {
            return head;
        }
        net->counter[VIRTIO_NET_RECEIVED_UNWANTED]++;
        virtio_net_far_call(net, done, net->far_ctx);
        --*budget;
    }
    return NULL;
}

static bool is_open(const struct virtio_net *net, unsigned queue)
{
    return net->device.queue[queue].ring.state.open;
}

/* The queue for the next frame. Buffers that wait for more of their kind decide, if there are any.
 */
static unsigned queue_for(const struct virtio_net *net, const struct net_head *head,
                          unsigned fallback)
{
    if (net->gather.count != 0) {
        return net->gather.queue;
    }
    if (net->state.pairs == 1) {
        return is_open(net, 0) ? 0 : fallback;
    }
    uint8_t bytes[VIRTIO_NET_FLOW_BYTES];
    uint32_t size = head->length < sizeof bytes ? head->length : sizeof bytes;
    virtio_net_far_call(net, copy, net->far_ctx, 0, bytes, size);
    unsigned pair = net->state.flow[virtio_net_flow(bytes, size)];
    unsigned queue = 2 * (pair % net->state.pairs);
    return is_open(net, queue) ? queue : fallback;
}

enum gathered { ENOUGH, TOO_FEW, TOO_MANY, BROKEN };

/* Takes buffers until there is room for `need` bytes. */
static enum gathered gather(struct virtio_net *net, unsigned queue, uint32_t need)
{
    struct virtio_net_gather *g = &net->gather;
    bool merge = virtio_has(&net->device, VIRTIO_NET_F_MRG_RXBUF);
    if (g->count == 0) {
        g->queue = queue;
        g->room = g->segments = 0;
    }
    while (g->room < need) {
        struct chain *chain = &g->chain[g->count];
        if ((g->count != 0 && !merge) || g->count == VIRTIO_NET_MERGE_MAX ||
            g->segments > VIRTQUEUE_SIZE_MAX) {
            return TOO_MANY;
        }
        chain_init(chain, g->segment + g->segments, VIRTQUEUE_SIZE_MAX);
        if (!virtio_pop(&net->device, queue, chain)) {
            return virtio_alive(&net->device) ? TOO_FEW : BROKEN;
        }
        /* 5.1.6.3.1: a buffer takes at least a head; and it is written, not read. */
        if (chain->readable_count != 0 || chain->writable_bytes < VIRTIO_NET_HEAD_BYTES) {
            virtio_break(&net->device, "receive buffer too small or not writable");
            return BROKEN;
        }
        g->segments += chain->writable_count;
        g->room = chain->writable_bytes > UINT32_MAX - g->room ? UINT32_MAX
                                                               : g->room + chain->writable_bytes;
        g->count++;
    }
    return ENOUGH;
}

/* Gives the last buffers back until `count` are left. */
static void give_back(struct virtio_net *net, unsigned count)
{
    struct virtio_net_gather *g = &net->gather;
    while (g->count > count) {
        virtio_unpop(&net->device, g->queue, &g->chain[--g->count]);
    }
}

void virtio_net_give_back(struct virtio_net *net)
{
    give_back(net, 0);
}

/* Copies the frame's bytes from `offset` on to a chain's bytes from `skip` on; returns how many. */
static uint32_t fill(struct virtio_net *net, const struct chain *chain, uint32_t skip,
                     uint32_t offset, uint32_t left)
{
    const uint32_t begin = offset;
    for (unsigned i = 0; i < chain->writable_count && left != 0; i++) {
        const struct chain_segment *segment = &chain->segment[i];
        if (skip >= segment->length) {
            skip -= segment->length;
            continue;
        }
        uint32_t size = segment->length - skip < left ? segment->length - skip : left;
        virtio_net_far_call(net, copy, net->far_ctx, offset, segment->bytes + skip, size);
        offset += size;
        left -= size;
        skip = 0;
    }
    return offset - begin;
}

static struct virtio_net_head guest_head(const struct virtio_net *net, const struct net_head *head,
                                         unsigned buffers)
{
    struct virtio_net_head guest = {.gso_type = head->gso_type, .buffer_count = (uint16_t)buffers};
    if ((head->flags & NET_NEEDS_CSUM) != 0) {
        guest.flags = NET_NEEDS_CSUM;
        guest.csum_start = head->csum_start;
        guest.csum_offset = head->csum_offset;
    } else if ((net->state.accepts & NET_OFFLOAD_CSUM) != 0) {
        guest.flags = head->flags & NET_DATA_VALID;
    }
    if (head->gso_type != NET_GSO_NONE) {
        guest.gso_size = head->gso_size;
        guest.header_length = head->header_length;
    }
    return guest;
}

/* How many of the gathered buffers the frame fills. */
static unsigned needed(const struct virtio_net_gather *g, uint32_t need)
{
    unsigned count = 0;
    for (uint32_t room = 0; room < need; count++) {
        CHECK(count < g->count);
        room = g->chain[count].writable_bytes > need - room ? need
                                                            : room + g->chain[count].writable_bytes;
    }
    return count;
}

/* The frame into the gathered buffers; the driver sees it when the queue is published. */
static void deliver(struct virtio_net *net, const struct net_head *head)
{
    struct virtio_net_gather *g = &net->gather;
    uint32_t skip = VIRTIO_NET_HEAD_BYTES, offset = 0;
    unsigned count = needed(g, VIRTIO_NET_HEAD_BYTES + head->length);
    struct virtio_net_head guest = guest_head(net, head, count);
    give_back(net, count);
    chain_write(&g->chain[0], 0, &guest, sizeof guest);
    for (unsigned i = 0; i < count; i++) {
        uint32_t size = fill(net, &g->chain[i], skip, offset, head->length - offset);
        virtio_put(&net->device, g->queue, &g->chain[i], skip + size);
        offset += size;
        skip = 0;
    }
    g->count = 0;
    net->counter[VIRTIO_NET_RECEIVED_FRAMES]++;
    net->counter[VIRTIO_NET_RECEIVED_BYTES] += head->length;
}

enum step { GO_ON, NO_FRAME, NO_BUFFERS, STOPPED };

/* One frame. *to: the queue that it went to, or whose buffers are too few. */
static enum step receive_one(struct virtio_net *net, unsigned queue, unsigned *to, unsigned *budget)
{
    const struct net_head *head = next_frame(net, budget);
    if (head == NULL && *budget != 0) {
        if (virtio_net_far_call(net, wait_frame, net->far_ctx)) {
            return NO_FRAME;
        }
        --*budget;
    }
    if (head == NULL) {
        return GO_ON;
    }
    *to = queue_for(net, head, queue);
    uint32_t length = head->length;
    switch (gather(net, *to, VIRTIO_NET_HEAD_BYTES + length)) {
    case ENOUGH:
        deliver(net, head);
        break;
    case TOO_MANY:
        give_back(net, 0);
        net->counter[VIRTIO_NET_RECEIVED_TOO_LONG]++;
        break;
    case TOO_FEW:
        return NO_BUFFERS;
    case BROKEN:
        return STOPPED;
    }
    virtio_net_far_call(net, done, net->far_ctx);
    --*budget;
    virtio_net_pay(budget, length);
    return GO_ON;
}

/* Asks for a kick when there are more buffers. False: there are some now. */
static bool wait_for_buffers(struct virtio_net *net, unsigned queue)
{
    return virtqueue_arm(&net->device.queue[queue].ring);
}

enum virtio_progress virtio_net_receive(struct virtio_net *net, unsigned queue, unsigned *budget)
{
    uint32_t filled = 0; /* queues */
    enum virtio_progress progress = VIRTIO_AGAIN;
    while (*budget != 0 && progress == VIRTIO_AGAIN) {
        unsigned to = queue;
        switch (receive_one(net, queue, &to, budget)) {
        case GO_ON:
            filled |= 1u << to;
            break;
        case NO_BUFFERS:
            /* Buffers in this queue are no work: only the one that is short of them is waited for.
             */
            if (wait_for_buffers(net, to)) {
                progress = VIRTIO_BLOCKED;
            } else {
                --*budget; /* a driver that adds one at each look gets no further than this */
            }
            break;
        case NO_FRAME:
        case STOPPED:
            progress = VIRTIO_BLOCKED;
            break;
        }
    }
    for (; filled != 0; filled &= filled - 1) {
        virtio_publish(&net->device, (unsigned)__builtin_ctz(filled));
    }
    return progress;
}
