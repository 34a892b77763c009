/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include "lib/log.h"
#include "link/vsock.h"
#include "service/vsock/leg.h"

/*
 * The socket relay: moves bytes between channels of its clients' links (link/vsock.h) and lets
 * nobody connect but to whom root allows. It keeps no byte: what the other side has no room for
 * stays in the sender's ring. Pure.
 *
 * Clients are hostile: one that breaks a rule of the link loses its connections and begins anew. A
 * client that does nothing holds up its own connections only, and for VSOCK_OFFER_S or
 * VSOCK_LINGER_S those who wait for it.
 */
enum {
    VSOCK_OFFER_S = 30,  /* that a guest has to answer; its peer may be less patient */
    VSOCK_LINGER_S = 10, /* that the last bytes of a closed connection wait for their reader */
};

struct relay_port {
    struct vsock_link *link;
    uint32_t generation;  /* root's, that we know of */
    uint32_t life;        /* what we told the client */
    bool is_up;           /* root has started the client */
    bool is_attached;     /* and it has answered: its rings may be used */
    bool is_broken;       /* it broke a rule in this pass */
    bool signal;          /* it wants to be told */
    struct ring from, to; /* records */
    struct leg leg[VSOCK_CHANNELS];
};

struct relay_runner {
    void (*signal)(void *ctx, unsigned port); /* the client */
    uint64_t (*now)(void *ctx);               /* ticks */
    void *ctx;
    const struct vsock_roster *roster;
    uint8_t *links; /* of port n at n * link_stride */
    uint64_t link_stride;
    uint64_t counter_hz;
};

struct relay {
    struct relay_runner runner;
    uint64_t now;
    uint64_t alarm;       /* the first of all deadlines, or before it; UINT64_MAX: none */
    uint32_t active;      /* bit for each port that may have something to do */
    uint16_t offer_count; /* makes numbers of offers differ */
    struct log_limit complaints;
    struct relay_port port[VSOCK_PORT_MAX];
};

/* Does the roster look like one? */
bool relay_roster_valid(const struct vsock_roster *roster);

/* Then relay_roster_changed. */
void relay_init(struct relay *relay, const struct relay_runner *runner);

/* Root has started or stopped clients. */
void relay_roster_changed(struct relay *relay);

/* Clients have signalled: a bit for each. */
void relay_signalled(struct relay *relay, uint32_t ports);

/* One pass over all that has something to do. True: there is more. */
bool relay_run(struct relay *relay);

/* When relay_run must be called at the latest, in ticks; UINT64_MAX: only after a signal. */
uint64_t relay_alarm(const struct relay *relay);

/* ---- between the files of this folder ---------------------------------------------------------
 */

/* A record of the client. */
void relay_obey(struct relay *relay, unsigned port, const struct vsock_record *record);

/* Moves what can be moved, either way, on one channel. */
void relay_move(struct relay *relay, unsigned port, unsigned channel);

/* Ends what has waited too long. Returns the next deadline, UINT64_MAX: none. */
uint64_t relay_expire(struct relay *relay);

/* All connections of a port, and those that ask for one, are reset; its legs are free. */
void relay_drop(struct relay *relay, unsigned port);
