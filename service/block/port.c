// SPDX-License-Identifier: BSD-2-Clause
#include "service/block/port.h"

#include <stddef.h>
#include <string.h>

#include "lib/check.h"

/* ---- the pool of flights --------------------------------------------------------------------- */

void flights_init(struct flights *flights)
{
    for (uint32_t i = 0; i < FLIGHT_MAX; i++) {
        flights->flight[i].next = i + 1 < FLIGHT_MAX ? i + 2 : 0;
    }
    flights->free_first = 1;
    flights->used_count = 0;
}

static uint32_t take_flight(struct port *port, struct flights *flights)
{
    uint32_t index = flights->free_first - 1;
    CHECK(flights->free_first != 0);
    flights->free_first = flights->flight[index].next;
    flights->flight[index].sectors = 0;
    flights->used_count++;
    port->in_flight++;
    return index;
}

static void give_flight(struct port *port, struct flights *flights, uint32_t index)
{
    flights->flight[index].next = flights->free_first;
    flights->free_first = index + 1;
    flights->used_count--;
    port->in_flight--;
    port->sectors_in_flight -= flights->flight[index].sectors;
}

/* ---- the life of a client -------------------------------------------------------------------- */

void port_init(struct port *port, uint8_t number, struct block_link *link,
               struct block_port_stats *stats)
{
    memset(port, 0, sizeof *port);
    port->number = number;
    port->link = link;
    port->stats = stats;
    port->current = FLIGHT_NONE;
}

/* What has not reached the backend yet will not do so any more. */
static void close(struct port *port, struct flights *flights)
{
    uint32_t index = port->current;
    port->state = PORT_CLOSED;
    port->current = FLIGHT_NONE;
    if (index != FLIGHT_NONE) {
        flights->flight[index].transfer.submitted = true;
        if (transfer_done(&flights->flight[index].transfer)) {
            give_flight(port, flights, index);
        }
    }
}

void port_follow(struct port *port, const struct block_port_info *info, struct flights *flights)
{
    uint32_t generation = atomic_load(&info->generation);
    port->seen = generation;
    bool exists = info->kind != BLOCK_PORT_NONE && (generation & 1) == 0 && generation != 0;
    if (port->state != PORT_CLOSED && (!exists || generation != port->generation)) {
        close(port, flights);
    }
    if (exists && port->state == PORT_CLOSED) {
        port->generation = generation;
        port->state = PORT_STARTING;
    }
}

static void write_info(const struct port *port, const struct block_port_info *info)
{
    struct block_info told = {.block_bytes = BLOCK_SECTOR_BYTES, .flags = BLOCK_READ_ONLY};
    if (port->disk.backend != NULL && port->disk.backend->ops != NULL) {
        told = port->disk.backend->limits.info;
        told.sector_count = port->disk.sector_count;
        told.flags |= port->disk.read_only ? (uint32_t)BLOCK_READ_ONLY : 0;
    }
    told.flags |= guest_present(&port->guest) ? (uint32_t)BLOCK_DIRECT_OK : 0;
    memcpy(told.serial, info->serial, sizeof told.serial);
    memcpy(&port->link->info, &told, sizeof told);
}

void port_attach(struct port *port, const struct block_port_info *info)
{
    struct block_link *link = port->link;
    uint64_t attached = atomic_load(&link->attached);
    CHECK(port->state == PORT_STARTING && port->in_flight == 0);
    port->attachment = 1;
    if (attached >> 32 == port->generation) {
        /* We are a new service for a client that runs: on from where the rings are. */
        port->attachment = (uint32_t)attached + 1 != 0 ? (uint32_t)attached + 1 : 1;
    } else {
        /*
         * Root has formatted the link, but this process may have stored an index of the old one
         * after that. The client does not look before it sees its session.
         */
        atomic_store(&link->requests.tail, 0);
        atomic_store(&link->replies.head, 0);
    }
    ring_open_consumer(&port->requests, &link->requests, link->request_data, BLOCK_REQUESTS_BYTES);
    ring_open_producer(&port->replies, &link->replies, link->reply_data, BLOCK_REPLIES_BYTES);
    port->data_paddr =
        info->link_paddr != 0 ? info->link_paddr + offsetof(struct block_link, data) : 0;
    write_info(port, info);
    /* Release: whoever sees this word sees the rest. */
    atomic_store(&link->attached, (uint64_t)port->generation << 32 | port->attachment);
    port->state = PORT_OPEN;
    port->credit = 0;
    port->signal = true;
    port->stats->attaches++;
}

/* ---- requests -------------------------------------------------------------------------------- */

static void reply(struct port *port, uint32_t id, enum block_status status)
{
    struct block_reply record = {.id = id, .attachment = port->attachment, .status = status};
    port->stats->errors += status != BLOCK_OK;
    if (ring_space(&port->replies) < sizeof record) {
        port->bad_count++; /* there was room before, so the client took it back: its own loss */
        return;
    }
    ring_write(&port->replies, &record, sizeof record, &port->signal);
}

static void count(struct port *port, const struct block_request *request)
{
    port->stats->requests[request->type]++;
    if (request->type == BLOCK_READ) {
        port->stats->sectors_read += request->sector_count;
    } else if (request->type == BLOCK_WRITE) {
        port->stats->sectors_written += request->sector_count;
    }
}

/* Goes on submitting the current flight. False when the backend has enough of it, or of all. */
static bool run_current(struct port *port, struct flights *flights)
{
    uint32_t index = port->current;
    struct transfer *transfer = &flights->flight[index].transfer;
    if (port->shared && transfer->parts != 0) {
        return false; /* one part of a long one at a time: others do not wait for all of it */
    }
    bool room = transfer_run(transfer, index, &port->credit);
    if (transfer->submitted) {
        port->current = FLIGHT_NONE;
        if (transfer_done(transfer)) {
            reply(port, flights->flight[index].id, transfer->status);
            give_flight(port, flights, index);
        }
    }
    return room;
}

/* Where the data of a request are. False: not where a client has any. */
static bool find_data(const struct port *port, const struct block_request *request,
                      struct backend_segment segment[BLOCK_SEGMENT_MAX])
{
    bool data = request->type == BLOCK_READ || request->type == BLOCK_WRITE;
    if (data && (request->flags & BLOCK_DIRECT) != 0) {
        return guest_present(&port->guest) &&
               guest_resolve(&port->guest, request, port->link->segments[request->id], segment);
    }
    uint32_t offset = data ? request->data_offset : 0;
    segment[0] = (struct backend_segment){
        .bytes = port->link->data + offset,
        .paddr = port->data_paddr != 0 ? port->data_paddr + offset : 0,
        .length = data ? request->sector_count * BLOCK_SECTOR_BYTES : 0,
    };
    return true;
}

/* An answer without the disk. */
static void refuse(struct port *port, const struct block_request *request, enum block_status status)
{
    reply(port, request->id, BLOCK_ERROR > status ? BLOCK_ERROR : status);
}

static void accept(struct port *port, struct flights *flights, const struct block_request *request,
                   uint64_t now)
{
    port->credit -= PORT_REQUEST_COST;
    rate_take(&port->request_rate, 1, now); /* a bad one is work as well */
    if (request->attachment != port->attachment) {
        return; /* meant for a service before us: it is sent again */
    }
    enum block_status status = disk_check(&port->disk, request, BLOCK_DATA_BYTES);
    if (status != BLOCK_OK || request->id >= BLOCK_FLIGHT_MAX) {
        port->bad_count += request->id >= BLOCK_FLIGHT_MAX;
        refuse(port, request, status);
        return;
    }
    uint32_t index = take_flight(port, flights);
    struct flight *flight = &flights->flight[index];
    if (!find_data(port, request, flight->segment)) {
        give_flight(port, flights, index);
        port->bad_count++;
        refuse(port, request, BLOCK_ERROR);
        return;
    }
    count(port, request);
    if (request->type != BLOCK_FLUSH) {
        rate_take(&port->sector_rate, request->sector_count, now);
    }
    flight->id = request->id;
    flight->generation = port->generation;
    flight->port = port->number;
    flight->sectors =
        request->sector_count < PORT_SHARED_SECTORS ? request->sector_count : PORT_SHARED_SECTORS;
    port->sectors_in_flight += flight->sectors;
    transfer_init(&flight->transfer, &port->disk, request, flight->segment);
    port->current = index;
}

/* Room for the answers to all that is in flight, and one more. */
static bool has_room(struct port *port, const struct flights *flights)
{
    if (port->shared && port->sectors_in_flight >= PORT_SHARED_SECTORS) {
        return false;
    }
    return flights->free_first != 0 && port->in_flight < PORT_FLIGHT_MAX &&
           ring_space(&port->replies) >= (port->in_flight + 1) * sizeof(struct block_reply);
}

static int64_t quantum_of(const struct port *port)
{
    if (port->shared) {
        return PORT_QUANTUM_SHARED;
    }
    return port->disk.backend == &port->ram ? PORT_QUANTUM_MEMORY : PORT_QUANTUM;
}

void port_set_limits(struct port *port, const struct block_port_info *info, uint64_t counter_hz)
{
    rate_set(&port->request_rate, info->requests_per_s, 0, counter_hz);
    rate_set(&port->sector_rate, info->sectors_per_s, 0, counter_hz);
}

uint64_t port_allowed_at(const struct port *port)
{
    uint64_t requests = rate_when(&port->request_rate), sectors = rate_when(&port->sector_rate);
    return requests > sectors ? requests : sectors;
}

static bool is_allowed(const struct port *port, uint64_t now)
{
    return rate_pass(&port->request_rate, now) && rate_pass(&port->sector_rate, now);
}

enum port_progress port_turn(struct port *port, struct flights *flights, uint64_t now)
{
    struct block_request request;
    int64_t quantum = quantum_of(port);
    CHECK(port->state == PORT_OPEN);
    port->credit += quantum;
    if (port->credit > quantum) {
        port->credit = quantum;
    }
    while (port->credit > 0) {
        if (port->current != FLIGHT_NONE) {
            port->worked = true;
            if (!run_current(port, flights)) {
                return PORT_BLOCKED;
            }
        } else if (!has_room(port, flights)) {
            return PORT_BLOCKED;
        } else if (ring_used(&port->requests) >= sizeof request) {
            if (!is_allowed(port, now)) {
                port->stats->limited++;
                return PORT_LIMITED;
            }
            ring_read(&port->requests, &request, sizeof request, &port->signal);
            port->worked = true;
            accept(port, flights, &request, now);
        } else if (ring_wait_for_data(&port->requests) ||
                   ring_used(&port->requests) < sizeof request) {
            return PORT_ASLEEP; /* a part of a record will not become a whole one: bad client */
        }
    }
    return PORT_MORE;
}

void port_complete(struct port *port, struct flights *flights, uint32_t index,
                   enum block_status status)
{
    struct flight *flight = &flights->flight[index];
    transfer_part_done(&flight->transfer, status);
    if (!transfer_done(&flight->transfer)) {
        return;
    }
    if (port->state == PORT_OPEN && flight->generation == port->generation) {
        reply(port, flight->id, flight->transfer.status);
    }
    give_flight(port, flights, index);
}

uint64_t port_bad_count(const struct port *port)
{
    return port->bad_count + port->requests.bad_count + port->replies.bad_count;
}
