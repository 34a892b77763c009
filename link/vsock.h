/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "link/ring.h"

/*
 * The link between the socket relay (service/vsock) and one client (a VMM): connections of its
 * guest to the host and to other guests. The memory is root's, so it outlives both sides; root
 * formats it when the client starts.
 *
 * A connection has a channel of its own: two rings of bytes, so that one whose receiver is slow
 * holds nobody else up, and the room in a ring is all the credit that there is. What is not bytes
 * goes through two rings of records, one each way.
 *
 * The client gives channels out, for both who asks and who is asked. A channel is over when each
 * side has sent one CLOSE for it; who has sent it touches the channel's rings no more, but for
 * reading what is in them. A ring's bytes belong before the END or CLOSE that follows them.
 *
 * Lives: the relay writes another `service_life`, an odd number, when it begins, or begins anew
 * with this client; the client forgets all channels, formats the rings, and answers with the same
 * number in `client_life`. Before that the relay touches no ring. A client that finds the relay
 * impossible writes 0, and the relay begins anew. An even number is root's word that the relay is
 * dead.
 */
enum {
    VSOCK_PORT_MAX = 32, /* clients of the relay */
    VSOCK_CHANNELS =
        32, /* twice what a guest can have, since a channel ends after its connection */
    VSOCK_RING_BYTES = 16384,
    VSOCK_CONTROL_BYTES = 16384,
    VSOCK_HOST_CID = 2,  /* VIRTIO 1.3, 5.10.4 */
    VSOCK_CID_MIN = 3,   /* of guests */
    VSOCK_HOST_PORT = 1, /* where the control plane answers, at VSOCK_HOST_CID */
};

/* A connection as its guest has it; both sides of a connection differ in who is far. */
struct vsock_address {
    uint64_t far_cid;
    uint32_t far_port, guest_port;
};

enum vsock_link_operation {
    /* The client. */
    VSOCK_LINK_OPEN = 1, /* channel, address: the guest wants this; ACCEPT or CLOSE answers */
    VSOCK_LINK_TAKE,     /* channel, offer: the guest has accepted it; here it is */
    VSOCK_LINK_REFUSE,   /* offer: it has not */
    /* The relay. */
    VSOCK_LINK_OFFER,    /* offer, address: somebody wants this; TAKE or REFUSE answers */
    VSOCK_LINK_WITHDRAW, /* offer: nobody wants it any more. TAKE may cross it, CLOSE follows */
    VSOCK_LINK_ACCEPT,   /* channel */
    /* Both. */
    VSOCK_LINK_END,   /* channel, flags: VSOCK_LINK_SENDS_NO_MORE, VSOCK_LINK_TAKES_NO_MORE */
    VSOCK_LINK_CLOSE, /* channel, flags: VSOCK_LINK_RESET of the relay only */
};

enum vsock_link_flag {
    VSOCK_LINK_SENDS_NO_MORE = 1,
    VSOCK_LINK_TAKES_NO_MORE = 2,
    VSOCK_LINK_RESET = 1, /* what is in the channel's ring counts no more */
};

struct vsock_record {
    uint8_t operation; /* enum vsock_link_operation */
    uint8_t channel;
    uint8_t flags; /* enum vsock_link_flag */
    uint8_t pad;
    uint32_t offer; /* the relay's number for it */
    struct vsock_address address;
    uint64_t pad2;
};
_Static_assert(sizeof(struct vsock_record) == 32, "a record divides the ring");

enum { VSOCK_LINK_MAGIC = 0x56534b4c /* "VSKL" */, VSOCK_LINK_VERSION = 1 };

struct vsock_channel {
    struct ring_shared to_service, to_client;
};

struct vsock_link {
    uint32_t magic;
    uint32_t version;
    _Atomic uint32_t service_life; /* the relay's, or root's; 0 after the format */
    _Atomic uint32_t client_life;
    uint8_t pad0[64 - 4 * 4]; /* the rings' words have cache lines of their own */
    struct ring_shared to_service, to_client;
    struct vsock_channel channel[VSOCK_CHANNELS];
    uint8_t pad[12288 - 64 - (2 + 2 * VSOCK_CHANNELS) * sizeof(struct ring_shared)];
    uint8_t to_service_data[VSOCK_CONTROL_BYTES];
    uint8_t to_client_data[VSOCK_CONTROL_BYTES];
    struct vsock_channel_data {
        uint8_t to_service[VSOCK_RING_BYTES];
        uint8_t to_client[VSOCK_RING_BYTES];
    } data[VSOCK_CHANNELS];
};
_Static_assert(sizeof(struct vsock_link) <= 2 * 1024 * 1024, "link fits its window");

/* For root, before the client is started. */
void vsock_link_format(struct vsock_link *link);

/* For root: the relay is dead. */
void vsock_link_detach(struct vsock_link *link);

static inline bool vsock_is_life(uint32_t life)
{
    return (life & 1) != 0;
}

/* The relay's life after this one, or after the one that ended with it. */
static inline uint32_t vsock_next_life(uint32_t life)
{
    return (life + 1) | 1;
}

/* Takes the next record, if there is a whole one. */
bool vsock_record_read(struct ring *ring, struct vsock_record *record, bool *signal);

/* Sends one. False: there is no room. */
bool vsock_record_write(struct ring *ring, const struct vsock_record *record, bool *signal);

/* ---- what root tells the relay: root writes, the relay reads. One page. ---------------------- */

struct vsock_port_info {
    char name[16]; /* the VM's, NUL-terminated */
    uint64_t cid;
    uint32_t is_used; /* 0: there is no such port */
    uint32_t reaches; /* bit for each port to which its guest may connect */
    uint64_t started; /* when the VM was started last, in ticks of the counter */
    uint32_t starts;
    /* 0 until the client has been started. Odd while it does not run, or root changes its link:
       hands off. Changes at each start. */
    _Atomic uint32_t generation;
    uint64_t pad;
};

enum { VSOCK_ROSTER_MAGIC = 0x56534b52 /* "VSKR" */, VSOCK_ROSTER_VERSION = 1 };

struct vsock_roster {
    uint32_t magic;
    uint32_t version;
    struct vsock_port_info port[VSOCK_PORT_MAX];
};
_Static_assert(sizeof(struct vsock_roster) <= 4096, "roster is one page");

/* Badges on the relay's notification: bit n for client n, and these. */
#define VSOCK_BADGE_ROSTER (1ull << 33)
#define VSOCK_BADGE_TIMER  (1ull << 34)
