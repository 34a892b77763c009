/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include "link/capture.h"
#include "service/net/address.h"
#include "service/net/port.h"

/*
 * The learning switch: takes frames from ports and the uplink, and delivers each to where its
 * destination is. What a port can reach is decided by its network, whatever it writes into frames.
 *
 * Fairness: ports take turns, each with at most SWITCH_QUANTUM units of work; a frame costs a unit
 * for each delivery, one more for each 4 KiB of it, and one for each segment that is cut from it.
 * A receiver whose ring is full loses the frame, and nobody waits for it. A sender that has used
 * up its allowance is left alone until it has some again: its ring fills and its guest feels it.
 */
enum {
    SWITCH_QUANTUM = 16,
    SWITCH_NOBODY = ADDRESS_NOBODY,
};

/* A way out of the machine: driver_virtio.c, or a test's. Never blocks. */
struct uplink_ops {
    /* What it takes: enum net_offload. */
    uint32_t (*accepts)(void *ctx);
    /* Copies the frame and sends it with the next flush. False: no room. */
    bool (*send)(void *ctx, const struct frame *frame);
    /* The next frame that came, which stays until `done`. False: there is none. */
    bool (*receive)(void *ctx, struct frame *frame);
    void (*done)(void *ctx);
    /* What was sent goes out, what was received makes room for more. */
    void (*flush)(void *ctx);
    /* Asks for an interrupt at the next frame. False: there is one now. */
    bool (*wait)(void *ctx);
};

/* What the switch needs from whoever runs it. */
struct switch_runner {
    void (*signal)(void *ctx, unsigned client);
    uint64_t (*now)(void *ctx); /* the counter */
    void *ctx;
    const struct uplink_ops *uplink; /* NULL: none */
    void *uplink_ctx;
    const struct net_roster *roster; /* its fixed part is valid: switch_roster_valid */
    struct net_stats *stats;         /* zeroed */
    uint8_t *links;                  /* link of port p at p * link_stride */
    uint64_t link_stride;
    uint64_t counter_hz;
    uint64_t seed;
};

struct net_switch {
    struct switch_runner runner;
    struct port port[NET_PORT_MAX];
    struct address_table table;
    struct capture capture[NET_NETWORK_MAX];
    uint32_t mtu;
    uint32_t uplink_network;
    uint32_t active;    /* ports that may have frames */
    uint32_t throttled; /* ports that wait for their allowance */
    uint64_t alarm;     /* when the first of them has some again */
    uint32_t due;       /* ports that are to be signalled */
    uint32_t turn;
    bool uplink_active, uplink_dirty;
    uint64_t now; /* of this turn */
    /* Ports by what the roster says of them; only those that are open and not down. */
    uint32_t members[NET_NETWORK_MAX];
    uint32_t bridges, uplinked;
    /* A frame that has to be changed for a receiver, and a frame cut from it. */
    bool whole_made;
    uint8_t whole[NET_FRAME_MAX];
    uint8_t part[NET_MTU_MAX + NET_ETHERNET_BYTES + NET_VLAN_BYTES];
};

/* The parts of a roster that hold for good: magic, version, MTU. */
bool switch_roster_valid(const struct net_roster *roster);

/* Then come switch_roster_changed and the first switch_run. */
void switch_init(struct net_switch *sw, const struct switch_runner *runner);

/* Root has changed the roster, or it is looked at for the first time. */
void switch_roster_changed(struct net_switch *sw);

/* Bit n: client n has signalled. */
void switch_signalled(struct net_switch *sw, uint32_t clients);

/* The uplink's interrupt. */
void switch_uplink_ready(struct net_switch *sw);

/* One turn of each port that has something. True when there is more to do now. */
bool switch_run(struct net_switch *sw);

/* The tick at which switch_run has to be called again without any signal; 0: it has not. */
uint64_t switch_alarm(const struct net_switch *sw);
