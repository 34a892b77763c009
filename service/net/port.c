// SPDX-License-Identifier: BSD-2-Clause
#include "service/net/port.h"

#include "service/net/address.h"

static void open(struct port *port)
{
    struct net_link *link = port->link;
    ring_open_consumer(&port->from, &link->to_service, link->to_service_data, NET_RING_BYTES);
    ring_open_producer(&port->to, &link->to_client, link->to_client_data, NET_RING_BYTES);
    port->open = true;
    /* Used before or not: a signal may have died with the service before us (link/ring.h). */
    port->signal = true;
}

/*
 * A link that root has formatted starts at zero, but this process may have stored an index of the
 * old link after that: put our own indices right. If the client has already gone by a wrong one,
 * port_take and port_give find the ring impossible and recover it.
 */
static void restart(const struct port *port)
{
    atomic_store(&port->link->to_service.tail, 0);
    atomic_store(&port->link->to_client.head, 0);
}

static bool row_valid(const struct net_client_info *info)
{
    return info->kind == NET_CLIENT_VM && info->network < NET_NETWORK_MAX &&
           !net_mac_is_multicast(info->mac);
}

bool port_update(struct port *port, struct net_link *link, const struct net_client_info *info,
                 uint64_t counter_hz)
{
    uint32_t generation = atomic_load(&info->generation);
    bool usable = row_valid(info) && generation != 0 && (generation & 1) == 0;
    if (usable && !(port->open && port->generation == generation)) {
        port->link = link;
        if (port->seen && port->generation != generation) {
            restart(port);
        }
        open(port);
    } else if (!usable) {
        port->open = false;
    }
    port->seen = true;
    port->generation = generation;
    if (port->open) {
        port->network = info->network;
        port->flags = info->flags;
        port->mac = address_mac(info->mac);
        rate_set(&port->bytes, info->bytes_per_s, info->burst_bytes, counter_hz);
        rate_set(&port->packets, info->packets_per_s, info->burst_packets, counter_hz);
        uint32_t up = (info->flags & NET_CLIENT_DOWN) == 0;
        port->signal |= atomic_exchange(&link->up, up) != up;
    }
    return port->open;
}

enum net_result port_take(struct port *port, struct frame *frame)
{
    uint64_t bad = port->from.bad_count;
    enum net_result result = net_peek_start(&port->from, &frame->start, &port->signal);
    if (result == NET_FRAME) {
        /* What a client says of checksums that it verified itself is worth nothing to others. */
        frame->start.head.flags &= NET_NEEDS_CSUM;
        frame->start.head.pad = 0;
        net_view_bytes(&port->from, NET_ETHERNET_BYTES,
                       frame->start.head.length - NET_ETHERNET_BYTES, frame->rest);
    } else if (port->from.bad_count != bad) {
        port->counter[NET_BROKEN_RINGS]++;
        if (result == NET_EMPTY) { /* the index, not a record */
            ring_recover_consumer(&port->from);
            port->signal = true;
        }
    }
    return result;
}

void port_done(struct port *port, const struct frame *frame)
{
    net_done(&port->from, &frame->start.head, &port->signal);
}

bool port_wait(struct port *port)
{
    return ring_wait_for_data(&port->from);
}

uint32_t port_accepts(const struct port *port)
{
    return atomic_load_explicit(&port->link->accepts, memory_order_relaxed);
}

bool port_give(struct port *port, const struct frame *frame)
{
    uint64_t bad = port->to.bad_count;
    if (!net_begin_start(&port->to, &frame->start)) {
        if (port->to.bad_count != bad) {
            port->counter[NET_BROKEN_RINGS]++;
            ring_recover_producer(&port->to);
        }
        port->counter[NET_DROP_FULL]++;
        return false;
    }
    net_put_bytes(&port->to, NET_ETHERNET_BYTES, frame->rest[0].bytes, frame->rest[0].size);
    if (frame->rest[1].size != 0) {
        net_put_bytes(&port->to, NET_ETHERNET_BYTES + frame->rest[0].size, frame->rest[1].bytes,
                      frame->rest[1].size);
    }
    net_publish(&port->to, &frame->start.head, &port->signal);
    port->counter[NET_RECEIVED_FRAMES]++;
    port->counter[NET_RECEIVED_BYTES] += frame->start.head.length;
    return true;
}
