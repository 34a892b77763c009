/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include "link/vsock.h"

/*
 * The client's end of a socket link (link/vsock.h has the rules), for one thread at a time. The
 * relay may be dead, restarting or hostile: nothing here waits for it, and what it writes is
 * checked. When it breaks a rule, or its rings cannot be, the client leaves: `is_there` is false
 * until the relay begins anew.
 */
enum vsock_channel_phase {
    VSOCK_CHANNEL_FREE,
    VSOCK_CHANNEL_ASKED, /* OPEN is on its way */
    VSOCK_CHANNEL_OPEN,
    VSOCK_CHANNEL_LEFT, /* we have sent CLOSE, the relay has not */
};

struct vsock_client {
    struct vsock_link *link;
    void (*signal)(void *ctx);
    void *ctx;
    bool is_there;   /* the relay */
    bool due;        /* it is to be signalled */
    uint32_t life;   /* of the relay, that we know of */
    uint64_t broken; /* how often it broke a rule */
    struct ring out, in;
    struct vsock_client_channel {
        struct ring out, in;
        uint8_t phase;   /* enum vsock_channel_phase */
        bool far_ended;  /* nothing comes behind what is in the ring */
        bool far_closed; /* the same, and nothing is taken any more */
    } channel[VSOCK_CHANNELS];
};

/* False: root has not formatted the link. */
bool vsock_client_open(struct vsock_client *client, struct vsock_link *link,
                       void (*signal)(void *ctx), void *ctx);

/* Looks at the relay's life. True: it is another one, so all channels and offers are gone. */
bool vsock_client_attach(struct vsock_client *client);

/* The relay has broken a rule: leaves it. vsock_client_attach will be true. */
void vsock_client_leave(struct vsock_client *client);

/* Asks for a connection, or takes one that was offered. The channel; -1: no relay, or no room. */
int vsock_client_ask(struct vsock_client *client, const struct vsock_address *address);
int vsock_client_take(struct vsock_client *client, uint32_t offer);
void vsock_client_refuse(struct vsock_client *client, uint32_t offer);

/* For channels that are ours to close. flags: enum vsock_link_flag. */
void vsock_client_end(struct vsock_client *client, unsigned channel, uint8_t flags);
void vsock_client_close(struct vsock_client *client, unsigned channel);

/*
 * Moves bytes; returns how many. If fewer than asked for, the relay will signal when there are
 * more, or is room for more.
 */
uint32_t vsock_client_write(struct vsock_client *client, unsigned channel, const uint8_t *bytes,
                            uint32_t count);
uint32_t vsock_client_read(struct vsock_client *client, unsigned channel, uint8_t *bytes,
                           uint32_t count);

/*
 * The next record of the relay that means something to the caller, checked: OFFER, WITHDRAW, or
 * ACCEPT, END, CLOSE of a channel that is ours. False: none, and the relay will signal.
 */
bool vsock_client_next(struct vsock_client *client, struct vsock_record *record);

/* Signals the relay if something that was done above deserves it: at the end of a pass. */
void vsock_client_flush(struct vsock_client *client);
