// SPDX-License-Identifier: BSD-2-Clause
#include "link/net.h"

#include <string.h>

enum { HEAD = sizeof(struct net_head), START = HEAD + NET_ETHERNET_BYTES };

void net_link_format(struct net_link *link, const uint8_t mac[NET_MAC_BYTES], uint16_t mtu)
{
    memset(link, 0, 4096); /* all but the frames */
    ring_format(&link->to_service);
    ring_format(&link->to_client);
    memcpy(link->mac, mac, NET_MAC_BYTES);
    link->mtu = mtu;
    link->takes = NET_OFFLOADS;
    link->version = NET_LINK_VERSION;
    link->magic = NET_LINK_MAGIC;
}

void net_link_detach(struct net_link *link)
{
    atomic_store(&link->up, 0);
}

bool net_link_parameters(const struct net_link *link, struct net_parameters *parameters)
{
    if (link->magic != NET_LINK_MAGIC || link->version != NET_LINK_VERSION) {
        return false;
    }
    /* The service can write here, too: copy, then check the copy. */
    memcpy(parameters->mac, link->mac, NET_MAC_BYTES);
    parameters->mtu = *(const volatile uint16_t *)&link->mtu;
    parameters->takes = *(const volatile uint32_t *)&link->takes & NET_OFFLOADS;
    if ((parameters->takes & NET_OFFLOAD_CSUM) == 0) {
        parameters->takes = 0;
    }
    return !net_mac_is_multicast(parameters->mac) && parameters->mtu >= NET_MTU_MIN &&
           parameters->mtu <= NET_MTU_MAX;
}

static bool gso_valid(const struct net_head *head)
{
    return (head->gso_type == NET_GSO_TCP4 || head->gso_type == NET_GSO_TCP6) &&
           (head->flags & NET_NEEDS_CSUM) != 0 && head->gso_size >= NET_GSO_SIZE_MIN &&
           head->header_length <= head->length;
}

bool net_head_valid(const struct net_head *head)
{
    if (head->length < NET_FRAME_MIN || head->length > NET_FRAME_MAX ||
        (head->flags & ~(NET_NEEDS_CSUM | NET_DATA_VALID)) != 0) {
        return false;
    }
    /* The checksum's two bytes lie in the frame, behind the Ethernet header; no sum wraps. */
    if ((head->flags & NET_NEEDS_CSUM) != 0 &&
        (head->csum_start < NET_ETHERNET_BYTES ||
         (uint32_t)head->csum_start + head->csum_offset + 2 > head->length)) {
        return false;
    }
    return head->gso_type == NET_GSO_NONE || gso_valid(head);
}

bool net_head_accepted(const struct net_head *head, uint32_t accepts)
{
    uint32_t wanted = (head->flags & NET_NEEDS_CSUM) != 0 ? NET_OFFLOAD_CSUM : 0;
    if (head->gso_type != NET_GSO_NONE) {
        wanted |= head->gso_type == NET_GSO_TCP4 ? NET_OFFLOAD_TSO4 : NET_OFFLOAD_TSO6;
    }
    return (wanted & ~accepts) == 0;
}

/* The first bytes of the next record, its head to begin with. */
static enum net_result peek(struct ring *ring, void *start, uint32_t size, bool *signal)
{
    uint32_t used = ring_used(ring);
    if (used == 0) {
        return NET_EMPTY;
    }
    if (used >= size) { /* every frame has an Ethernet header */
        const struct net_head *head = start;
        ring_peek(ring, 0, start, size);
        if (net_head_valid(head) && net_record_bytes(head->length) <= used) {
            return NET_FRAME;
        }
    }
    ring->bad_count++;
    ring_discard(ring, used, signal);
    return NET_BROKEN;
}

enum net_result net_peek(struct ring *ring, struct net_head *head, bool *signal)
{
    return peek(ring, head, HEAD, signal);
}

enum net_result net_peek_start(struct ring *ring, struct net_start *start, bool *signal)
{
    return peek(ring, start, START, signal);
}

void net_peek_bytes(const struct ring *ring, uint32_t offset, void *bytes, uint32_t size)
{
    ring_peek(ring, HEAD + offset, bytes, size);
}

void net_view_bytes(const struct ring *ring, uint32_t offset, uint32_t size,
                    struct ring_piece piece[2])
{
    ring_view(ring, HEAD + offset, size, piece);
}

void net_done(struct ring *ring, const struct net_head *head, bool *signal)
{
    ring_discard(ring, net_record_bytes(head->length), signal);
}

static bool begin(struct ring *ring, const void *start, uint32_t size)
{
    const struct net_head *head = start;
    if (ring_space(ring) < net_record_bytes(head->length)) {
        return false;
    }
    ring_put(ring, 0, start, size);
    return true;
}

bool net_begin(struct ring *ring, const struct net_head *head)
{
    return begin(ring, head, HEAD);
}

bool net_begin_start(struct ring *ring, const struct net_start *start)
{
    return begin(ring, start, START);
}

void net_put_bytes(struct ring *ring, uint32_t offset, const void *bytes, uint32_t size)
{
    ring_put(ring, HEAD + offset, bytes, size);
}

void net_publish(struct ring *ring, const struct net_head *head, bool *signal)
{
    ring_publish(ring, net_record_bytes(head->length), signal);
}

bool net_wait_for_room(struct ring *ring, const struct net_head *head)
{
    return ring_wait_for_room(ring, net_record_bytes(head->length));
}
