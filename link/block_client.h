/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/runs.h"
#include "link/block.h"

/*
 * The client's end of a block link. Believes nothing that the service writes: a reply that cannot
 * be is dropped and counted, data that come back may be any bytes but lie where they should.
 *
 * A request: block_client_take a number and room for its data, fill the data in, block_client_send;
 * later block_client_receive says that it is done; use its data, block_client_give. Nothing here
 * waits. Not for use by two threads at once.
 */
enum { BLOCK_CLIENT_NONE = -1 };

enum block_flight_state {
    BLOCK_FLIGHT_FREE = 0,
    BLOCK_FLIGHT_TAKEN,  /* the caller's: not sent yet, or answered */
    BLOCK_FLIGHT_UNSENT, /* is to be sent as soon as there is room in the ring */
    BLOCK_FLIGHT_SENT,
};

struct block_flight {
    struct block_request request;
    uint16_t state;
    uint16_t pages; /* of data, from request.data_offset */
    uint32_t next;  /* free list: number + 1 */
};

struct block_client {
    struct block_link *link;
    struct ring requests, replies;
    uint32_t session;
    uint32_t attachment; /* 0: no service yet */
    bool signal;         /* the service wants to be told: the owner signals it and clears this */
    struct block_info info;
    struct runs pages;
    uint32_t free_first; /* of the numbers: number + 1; 0: none */
    uint32_t unsent_count;
    uint64_t bad_count; /* things the service said that cannot be */
    struct block_flight flight[BLOCK_FLIGHT_MAX];
};

/* The link must have been formatted; nothing of it is touched yet but the session. */
void block_client_open(struct block_client *client, struct block_link *link);

/*
 * Follows the service. True when one has attached: the first time (`info` is there now, checked),
 * or anew (what was in flight has been sent again).
 */
bool block_client_update(struct block_client *client);

static inline bool block_client_attached(const struct block_client *client)
{
    return client->attachment != 0;
}

/* A number and room for this many bytes of data (0: none; up to BLOCK_DATA_BYTES);
 * BLOCK_CLIENT_NONE when there is no room now, or no service. */
int block_client_take(struct block_client *client, uint32_t data_bytes);

/* The room that belongs to the number. */
uint8_t *block_client_data(const struct block_client *client, int id);

/* Sends it; may be answered as soon as the service has been signalled. */
void block_client_send(struct block_client *client, int id, enum block_type type, uint32_t flags,
                       uint64_t sector, uint32_t sector_count);

/* Zero copy: whether the service says that it takes data in the RAM of the client's VM. */
static inline bool block_client_direct(const struct block_client *client)
{
    return (client->info.flags & BLOCK_DIRECT_OK) != 0;
}

/* The same for a BLOCK_READ or BLOCK_WRITE with its data in these pieces of RAM, which are as long
 * as the sectors. The number was taken without room for data. */
void block_client_send_direct(struct block_client *client, int id, enum block_type type,
                              uint64_t sector, const struct block_segment *segments,
                              uint32_t segment_count);

/* The next that has been answered, or BLOCK_CLIENT_NONE. */
int block_client_receive(struct block_client *client, enum block_status *status);

/* The number and its data are free again. Only before it was sent or after it was answered. */
void block_client_give(struct block_client *client, int id);

/* Asks to be signalled at the next answer. False: there is one already, do not sleep. */
bool block_client_wait(struct block_client *client);

/* How often the service said what cannot be, the rings included. */
uint64_t block_client_bad_count(const struct block_client *client);
