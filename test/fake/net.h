/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include "link/net.h"

/*
 * A network's neighbours for unit tests and fuzzers: root, who writes the roster and formats links,
 * and a client's end of a link.
 */
enum { FAKE_NET_HZ = 1000000, FAKE_NET_PORTS = 8 };

struct fake_net {
    struct net_roster roster;
    struct net_stats stats;
    struct net_link link[FAKE_NET_PORTS];
    uint64_t now;     /* of the counter */
    uint32_t signals; /* clients that were signalled; the test clears it */
    unsigned signalled[NET_PORT_MAX];
};

/* Root: all but the links, which fake_net_start formats; a client's row, then its start (which
 * formats its link). MAC 02:00:00:00:00:<port>. */
void fake_net_init(struct fake_net *f);
void fake_net_client(struct fake_net *f, unsigned port, uint32_t network, uint32_t flags);
void fake_net_start(struct fake_net *f, unsigned port);

/* A client's end, as a VMM has it. */
struct fake_client {
    struct net_link *link;
    struct ring out, in;
    bool signal; /* it would signal the service */
};

void fake_client_open(struct fake_client *c, struct net_link *link);
/* False: no room. */
bool fake_client_send(struct fake_client *c, const struct net_head *head, const uint8_t *bytes);
/* The next frame; its length, or 0: there is none. bytes has room for NET_FRAME_MAX. */
uint32_t fake_client_receive(struct fake_client *c, struct net_head *head, uint8_t *bytes);

/* An Ethernet frame of this length, from one port's address to another's (0xff: to all); the rest
 * of its bytes follow from `seed`. */
void fake_frame(uint8_t *bytes, uint32_t length, uint8_t from, uint8_t to, uint8_t seed);
