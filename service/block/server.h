/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include "lib/log.h"
#include "service/block/driver_virtio.h"
#include "service/block/gpt.h"
#include "service/block/port.h"

/*
 * The block service without the kernel: ports, the device, and whose turn it is. Whoever runs it
 * calls server_run when something has happened, until it says that there is no more to do.
 *
 * Fairness: in each pass every port that has work gets one turn of PORT_QUANTUM sectors' worth (of
 * PORT_QUANTUM_MEMORY, where it is this process that moves the bytes: other services of the core
 * wait for the end of the pass), and no port has more than PORT_FLIGHT_MAX requests on the device.
 * A pass begins with the port that found the device full in the last one. While several have work,
 * turns are of PORT_QUANTUM_SHARED, and a port has not much more than PORT_SHARED_SECTORS on the
 * device, of a long request one part: so one that asks for little, one thing after the other, does
 * not wait long for one that asks for all that it can.
 *
 * A port that is over its rate limit is not read until it has some of its allowance again: its ring
 * fills, and its client feels it. Nothing is lost by a limit.
 */
struct server_setup {
    const struct block_roster *roster;
    uint8_t *links;                              /* port n's is at n * BLOCK_LINK_BYTES */
    const struct transport_registers *registers; /* NULL: there is no device */
    struct dma dma;
    struct block_stats *stats; /* NULL: nobody wants them, and no RAM is lent */
    void (*signal)(void *ctx, unsigned port);
    void (*quiet)(void *ctx); /* tells root that stats->quiet has changed. Optional */
    /* Memory of the process at an address that the roster gives. */
    void *(*memory)(void *ctx, uint64_t vaddr);
    uint64_t (*now)(void *ctx); /* the counter. Optional: then there are no limits */
    uint64_t counter_hz;
    void *ctx;
};

enum server_device {
    SERVER_NO_DEVICE = 0, /* or one that cannot be used */
    SERVER_LOADING,       /* the partition table is being read */
    SERVER_READY,
};

enum {
    SERVER_GPT_TOKEN = FLIGHT_MAX,
    SERVER_BUSY_PASSES = 64, /* so long, or twice, is a port that had work counted with */
};

struct server {
    struct server_setup setup;
    enum server_device device_state;
    struct driver_virtio driver;
    struct backend device;
    uint32_t ready, blocked;    /* ports */
    uint32_t limited;           /* ports that wait for their allowance */
    uint64_t alarm;             /* when the first of them has some again */
    uint64_t now;               /* of this pass */
    uint32_t busy, busy_before; /* ports that had work in these passes, and in those before them */
    uint32_t passes;
    uint32_t touched; /* ports that something was done for in this pass */
    uint32_t leaving; /* ports that root has closed and was not told yet that they are quiet */
    unsigned cursor;  /* the port with which the next pass begins */
    struct flights flights;
    struct gpt gpt;
    uint8_t *gpt_buffer;
    struct backend_segment gpt_segment;
    struct transfer gpt_transfer;
    bool gpt_reading;
    uint64_t resets_seen;
    struct log_limit reset_limit, bad_limit;
    uint64_t bad_seen[BLOCK_PORT_MAX];
    struct block_stats own_stats, *stats;
    struct port port[BLOCK_PORT_MAX];
};

/* Whether something was given to the device that it has not answered. */
static inline bool server_waits_for_device(const struct server *server)
{
    return server->device_state == SERVER_LOADING || server->flights.used_count != 0;
}

/* Starts the device, begins to read its partition table, looks at the roster. */
void server_init(struct server *server, const struct server_setup *setup);

/* What happened, as the badge of the service's notification says (link/block.h). */
void server_event(struct server *server, uint64_t badge);

/* When server_run has to be called though nothing has happened; 0: never. */
static inline uint64_t server_alarm(const struct server *server)
{
    return server->limited != 0 ? server->alarm : 0;
}

/* One pass. True when there is more to do at once; else sleep until something happens. */
bool server_run(struct server *server);
