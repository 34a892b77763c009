// SPDX-License-Identifier: BSD-2-Clause
#include "test/fake/net.h"

#include <string.h>

#include "lib/check.h"

void fake_net_init(struct fake_net *f)
{
    memset(&f->roster, 0, sizeof f->roster);
    memset(&f->stats, 0, sizeof f->stats);
    memset(f->signalled, 0, sizeof f->signalled);
    f->signals = 0;
    f->roster.magic = NET_ROSTER_MAGIC;
    f->roster.version = NET_ROSTER_VERSION;
    f->roster.mtu = NET_MTU_DEFAULT;
    f->roster.uplink_network = NET_NO_UPLINK;
    f->now = 1000ull * FAKE_NET_HZ;
}

void fake_net_client(struct fake_net *f, unsigned port, uint32_t network, uint32_t flags)
{
    struct net_client_info *info = &f->roster.client[port];
    info->kind = NET_CLIENT_VM;
    info->network = network;
    info->flags = flags;
    memset(info->mac, 0, sizeof info->mac);
    info->mac[0] = 2;
    info->mac[5] = (uint8_t)port;
}

void fake_net_start(struct fake_net *f, unsigned port)
{
    atomic_fetch_add(&f->roster.client[port].generation, 1);
    net_link_format(&f->link[port], f->roster.client[port].mac, (uint16_t)f->roster.mtu);
    atomic_fetch_add(&f->roster.client[port].generation, 1);
}

void fake_client_open(struct fake_client *c, struct net_link *link)
{
    *c = (struct fake_client){.link = link};
    ring_open_producer(&c->out, &link->to_service, link->to_service_data, NET_RING_BYTES);
    ring_open_consumer(&c->in, &link->to_client, link->to_client_data, NET_RING_BYTES);
}

bool fake_client_send(struct fake_client *c, const struct net_head *head, const uint8_t *bytes)
{
    if (!net_begin(&c->out, head)) {
        return false;
    }
    net_put_bytes(&c->out, 0, bytes, head->length);
    net_publish(&c->out, head, &c->signal);
    return true;
}

uint32_t fake_client_receive(struct fake_client *c, struct net_head *head, uint8_t *bytes)
{
    enum net_result result = net_peek(&c->in, head, &c->signal);
    CHECK(result != NET_BROKEN); /* the service is honest */
    if (result == NET_EMPTY) {
        return 0;
    }
    net_peek_bytes(&c->in, 0, bytes, head->length);
    net_done(&c->in, head, &c->signal);
    return head->length;
}

void fake_frame(uint8_t *bytes, uint32_t length, uint8_t from, uint8_t to, uint8_t seed)
{
    for (uint32_t i = NET_ETHERNET_BYTES; i < length; i++) {
        bytes[i] = (uint8_t)(i * 13 + seed);
    }
    memset(bytes, to == 0xff ? 0xff : 0, NET_MAC_BYTES);
    bytes[0] = to == 0xff ? 0xff : 2;
    bytes[5] = to;
    memset(bytes + 6, 0, NET_MAC_BYTES);
    bytes[6] = 2;
    bytes[11] = from;
    bytes[12] = 0x88; /* an experimental type (IEEE 802) */
    bytes[13] = 0xb5;
}
