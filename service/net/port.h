/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include "lib/rate.h"
#include "service/net/frame.h"

/*
 * One client of the switch: its end of the link, what it may do, what it has done. Its rings are
 * memory that the client writes at any time; nothing that it writes there costs more than its own
 * frames.
 */
struct port {
    struct net_link *link;
    struct ring from, to; /* frames that it sends, and receives */
    uint64_t *counter;    /* NET_COUNTERS of them, in the page of statistics */
    uint32_t generation;  /* of the link that the rings are open on */
    bool seen;            /* generation means something */
    bool open;            /* the rings may be used */
    bool signal;          /* it wants to be told: the owner signals it and clears this */
    uint32_t network;
    uint32_t flags; /* enum net_client_flag */
    uint64_t mac;
    struct rate bytes, packets;
};

/*
 * Looks at the client's row and generation, and opens or closes the rings accordingly. False when
 * there is no such client now. A row that cannot be is as none.
 */
bool port_update(struct port *port, struct net_link *link, const struct net_client_info *info,
                 uint64_t counter_hz);

/* The next frame that it sends. It stays in the ring until port_done. Counts what is broken. */
enum net_result port_take(struct port *port, struct frame *frame);
void port_done(struct port *port, const struct frame *frame);

/* After NET_EMPTY. False: there is something now. True: it will signal. */
bool port_wait(struct port *port);

/* What it takes: enum net_offload. */
uint32_t port_accepts(const struct port *port);

/* Delivers a frame that it accepts. False, and counted: its ring is full. */
bool port_give(struct port *port, const struct frame *frame);
