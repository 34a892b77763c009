/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include "lib/rate.h"
#include "link/block.h"
#include "service/block/disk.h"
#include "service/block/guest.h"
#include "service/block/ramdisk.h"
#include "service/block/transfer.h"

/*
 * One client of the service: its end of the link, its disk, its requests. Nothing that the client
 * does costs more than a bounded piece of work at its turn, or memory that is not its own.
 */
enum {
    PORT_FLIGHT_MAX = 64,      /* requests of one port that are carried out at once */
    PORT_QUANTUM = 512,        /* sectors' worth of work in one turn of a port that is alone .. */
    PORT_QUANTUM_MEMORY = 128, /* .. whose disk is memory, so that the work is our core's */
    PORT_QUANTUM_SHARED = 32,  /* .. and of one of several */
    PORT_SHARED_SECTORS = 256, /* of one of several that the device may have */
    PORT_REQUEST_COST = 8,     /* of a request, beside its sectors */
    PORT_TURN_REQUESTS_MAX = PORT_QUANTUM / PORT_REQUEST_COST,
};

enum port_state {
    PORT_CLOSED = 0, /* no client, or root works on its link */
    PORT_STARTING,   /* waits: for what an earlier client has in flight, for its disk */
    PORT_OPEN,
};

/* A request that is being carried out. All ports share a pool of them. */
struct flight {
    struct transfer transfer;
    uint32_t id;         /* the client's number */
    uint32_t generation; /* of the client that wants the answer */
    uint8_t port;
    uint32_t sectors; /* as they count against PORT_SHARED_SECTORS */
    uint32_t next;    /* free list: index + 1 */
    struct backend_segment segment[BLOCK_SEGMENT_MAX]; /* the transfer's */
};

enum { FLIGHT_MAX = 256, FLIGHT_NONE = 0xffffffff };

struct flights {
    struct flight flight[FLIGHT_MAX];
    uint32_t free_first; /* index + 1; 0: none */
    uint32_t used_count;
};

struct port {
    enum port_state state;
    uint32_t generation; /* of the client */
    uint32_t seen;       /* what the roster said when it was looked at last; odd: hands off */
    uint32_t attachment;
    uint8_t number;
    bool worked;        /* did something in a turn: the owner clears this */
    bool shared;        /* others have work, too: set by the owner */
    bool signal;        /* the client wants to be told: the owner signals it and clears this */
    uint32_t in_flight; /* of all its clients, the earlier ones included */
    uint32_t sectors_in_flight; /* of what the device has to do for these */
    uint32_t current;           /* flight that is not submitted completely, or FLIGHT_NONE */
    int64_t credit;             /* for this turn; below 0: overdrawn */
    uint64_t data_paddr;        /* of the link's data area; 0: unknown */
    uint64_t bad_count;         /* what no honest client does */
    struct block_link *link;
    struct ring requests, replies;
    bool disk_open; /* the disk is what the present client gets */
    struct disk disk;
    struct guest guest; /* the RAM of the present client's VM, if it is lent */
    struct backend ram; /* a RAM disk is the port's own */
    struct ramdisk ramdisk;
    struct block_port_stats *stats;
    struct rate request_rate, sector_rate; /* of all its clients: a new one does not begin anew */
};

void port_init(struct port *port, uint8_t number, struct block_link *link,
               struct block_port_stats *stats);

void flights_init(struct flights *flights);

/*
 * Looks at the roster: closes the port, or makes it STARTING, when its client went or came. The
 * rings are touched by nothing but port_attach, port_turn and port_complete.
 */
void port_follow(struct port *port, const struct block_port_info *info, struct flights *flights);

/* STARTING, nothing in flight, disk and guest open: tells the client what the disk is like, and
 * attaches. */
void port_attach(struct port *port, const struct block_port_info *info);

/* Closed by root, and nothing of any client of it is in flight: no RAM is touched for it. */
static inline bool port_quiet(const struct port *port)
{
    return port->state == PORT_CLOSED && (port->seen & 1) != 0 && port->in_flight == 0;
}

enum port_progress {
    PORT_ASLEEP,  /* no request; the client will signal */
    PORT_MORE,    /* wants another turn */
    PORT_BLOCKED, /* until something has been completed, or the client signals */
    PORT_LIMITED, /* until port_allowed_at */
};

/*
 * OPEN: one turn. `now` is the counter's value, of which nothing depends without a limit. A request
 * is taken when there is anything left of the allowance, and then pays all that it asks for.
 */
enum port_progress port_turn(struct port *port, struct flights *flights, uint64_t now);

/* Takes the limits from the roster. */
void port_set_limits(struct port *port, const struct block_port_info *info, uint64_t counter_hz);

/* The tick from which on it has some of its allowance again. */
uint64_t port_allowed_at(const struct port *port);

/* A part of a flight is done; `port` is the flight's. */
void port_complete(struct port *port, struct flights *flights, uint32_t index,
                   enum block_status status);

/* Things that no honest client does, the rings included. */
uint64_t port_bad_count(const struct port *port);
