/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include "link/net.h"

/*
 * The client's end of a net link, for one thread at a time. The service may be dead, restarting or
 * hostile: nothing here waits for it, and what it writes is checked.
 *
 * The service signals the client when something that was waited for has happened, and whenever it
 * begins anew; the client then looks at all again: room, frames, net_client_up.
 */
struct net_client {
    struct net_link *link;
    struct ring out, in;
    struct net_parameters parameters;
    struct net_head sending; /* of the frame that was begun */
    struct net_head next;    /* of the frame that was peeked at */
    bool due;                /* the service is to be signalled */
    void (*signal)(void *ctx);
    void *ctx;
};

/* Attaches to a link that root has formatted. False: it is none. */
bool net_client_open(struct net_client *client, struct net_link *link, void (*signal)(void *ctx),
                     void *ctx);

/* Does the service carry frames? */
bool net_client_up(const struct net_client *client);

/* Says which frames the service may send: enum net_offload. */
void net_client_accept(struct net_client *client, uint32_t offloads);

/* Sending: begin, false when there is no room; put all of its bytes; publish. */
bool net_client_begin(struct net_client *client, const struct net_head *head);
void net_client_put(struct net_client *client, uint32_t offset, const void *bytes, uint32_t size);
void net_client_publish(struct net_client *client);
/* Asks to be signalled when there is room for such a frame. False: there is now. */
bool net_client_wait_room(struct net_client *client, const struct net_head *head);

/* Receiving: the next frame's head, NULL when there is none; its bytes; and off with it. */
const struct net_head *net_client_peek(struct net_client *client);
void net_client_copy(const struct net_client *client, uint32_t offset, void *to, uint32_t size);
void net_client_done(struct net_client *client);
/* Asks to be signalled when there is a frame. False: there is one now. */
bool net_client_wait_frame(struct net_client *client);
/* Throws all frames away that are there now. */
void net_client_discard(struct net_client *client);

/* Signals the service if something that was done above deserves it: at the end of a pass. */
void net_client_flush(struct net_client *client);
