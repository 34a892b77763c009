/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "link/net.h"

/*
 * Which port of which network an Ethernet address is behind. Bounded: a port that sends from ever
 * new addresses has at most ADDRESS_PORT_MAX of them in the table, and pushes out its own.
 *
 * Fixed addresses are those of the roster: they belong to their port, are never pushed out, and
 * nobody else is believed to have them. Learned ones go with age, and move with their owner.
 */
enum {
    ADDRESS_SETS = 64,
    ADDRESS_WAYS = 8,
    ADDRESS_PORT_MAX = 64,
    ADDRESS_AGE_S = 300, /* IEEE 802.1D, 7.9.2: the recommended value */
    ADDRESS_NOBODY = 0xff,
};

/* An address in a network, as one word. */
typedef uint64_t address_t;

static inline address_t address_of(uint32_t network, uint64_t mac)
{
    return 1ull << 63 | (uint64_t)(network & 0x7fff) << 48 | mac;
}

/* Six bytes as a number, the first one lowest; and whether it stands for many. */
static inline uint64_t address_mac(const uint8_t mac[NET_MAC_BYTES])
{
    return (uint64_t)mac[0] | (uint64_t)mac[1] << 8 | (uint64_t)mac[2] << 16 |
           (uint64_t)mac[3] << 24 | (uint64_t)mac[4] << 32 | (uint64_t)mac[5] << 40;
}

static inline bool address_is_multicast(uint64_t mac)
{
    return (mac & 1) != 0;
}

struct address_entry {
    address_t address; /* 0: free */
    uint64_t seen;     /* the tick at which a frame came from it last */
    uint8_t port;
    bool fixed;
};

struct address_table {
    uint64_t seed; /* so that nobody can choose addresses that collide */
    uint64_t age_ticks;
    uint32_t count;
    uint16_t learned[NET_PORT_MAX + 1]; /* of each port; the last one is the uplink */
    struct address_entry entry[ADDRESS_SETS][ADDRESS_WAYS];
};

void address_init(struct address_table *table, uint64_t seed, uint64_t age_ticks);

/* The port, or ADDRESS_NOBODY. */
uint8_t address_find(struct address_table *table, address_t address, uint64_t now);

/*
 * A frame came from this address through this port. False: the address is fixed to another one.
 * One that finds no place is not learned, which costs its frames' way to be unknown.
 */
bool address_learn(struct address_table *table, address_t address, uint8_t port, uint64_t now);

/* The roster gives this address to this port. */
void address_fix(struct address_table *table, address_t address, uint8_t port);

/* Forgets all that is behind a port. */
void address_forget(struct address_table *table, uint8_t port);
