// SPDX-License-Identifier: BSD-2-Clause
/* The relay's clients: who is there, whose turn it is. */
#include "service/vsock/relay.h"

#include <string.h>

#include "lib/check.h"

enum {
    RECORDS_MAX = 32, /* of one client, in one pass */
    LINES_AT_ONCE = 5,
};

bool relay_roster_valid(const struct vsock_roster *roster)
{
    return roster->magic == VSOCK_ROSTER_MAGIC && roster->version == VSOCK_ROSTER_VERSION;
}

/* Asks the client to begin anew, and touches no ring before it has. */
static void begin(struct relay_port *port)
{
    port->life = vsock_next_life(atomic_load(&port->link->service_life));
    port->is_attached = false;
    atomic_store(&port->link->service_life, port->life);
    port->signal = true;
}

static void leave(struct relay *relay, unsigned number)
{
    if (relay->port[number].is_attached) {
        relay_drop(relay, number);
        relay->port[number].is_attached = false;
    }
}

static void update(struct relay *relay, unsigned number)
{
    const struct vsock_port_info *info = &relay->runner.roster->port[number];
    struct relay_port *port = &relay->port[number];
    uint32_t generation = atomic_load(&info->generation);
    bool is_up = info->is_used != 0 && generation != 0 && (generation & 1) == 0;
    if (port->is_up && is_up && port->generation == generation) {
        return;
    }
    leave(relay, number);
    port->is_up = is_up;
    port->generation = generation;
    if (is_up) {
        begin(port);
        relay->active |= 1u << number;
    }
}

void relay_init(struct relay *relay, const struct relay_runner *runner)
{
    memset(relay, 0, sizeof *relay);
    relay->runner = *runner;
    relay->alarm = UINT64_MAX;
    relay->now = runner->now(runner->ctx);
    for (unsigned i = 0; i < VSOCK_PORT_MAX; i++) {
        relay->port[i].link =
            (struct vsock_link *)(void *)(runner->links + i * runner->link_stride);
    }
}

void relay_roster_changed(struct relay *relay)
{
    relay->now = relay->runner.now(relay->runner.ctx);
    for (unsigned i = 0; i < VSOCK_PORT_MAX; i++) {
        update(relay, i);
    }
}

void relay_signalled(struct relay *relay, uint32_t ports)
{
    relay->active |= ports;
}

/* Has the client answered our life, or left it? */
static bool attach(struct relay *relay, unsigned number)
{
    struct relay_port *port = &relay->port[number];
    bool is_same = atomic_load(&port->link->client_life) == port->life;
    if (port->is_attached && !is_same) {
        leave(relay, number);
        begin(port);
    } else if (!port->is_attached && is_same) {
        memset(port->leg, 0, sizeof port->leg);
        ring_open_consumer(&port->from, &port->link->to_service, port->link->to_service_data,
                           VSOCK_CONTROL_BYTES);
        ring_open_producer(&port->to, &port->link->to_client, port->link->to_client_data,
                           VSOCK_CONTROL_BYTES);
        port->is_attached = true;
        port->is_broken = false;
    }
    return port->is_attached;
}

/* Whose number is no client's any more: the signal was on its way. */
static bool is_there(struct relay *relay, unsigned number)
{
    return relay->port[number].is_up && attach(relay, number);
}

/* Its records; true when there are more. */
static bool read_records(struct relay *relay, unsigned number)
{
    struct relay_port *port = &relay->port[number];
    struct vsock_record record;
    for (unsigned i = 0; i < RECORDS_MAX && !port->is_broken; i++) {
        if (vsock_record_read(&port->from, &record, &port->signal)) {
            relay_obey(relay, number, &record);
        } else if (port->from.bad_count != 0) {
            port->is_broken = true;
        } else if (ring_wait_for_data(&port->from)) {
            return false;
        } else if (ring_used(&port->from) < sizeof record) {
            port->is_broken = true; /* half a record */
        }
    }
    return !port->is_broken;
}

static void serve(struct relay *relay, unsigned number)
{
    struct relay_port *port = &relay->port[number];
    relay->active &= ~(1u << number);
    if (!is_there(relay, number)) {
        return;
    }
    if (read_records(relay, number)) {
        relay->active |= 1u << number;
    }
    for (unsigned i = 0; i < VSOCK_CHANNELS && !port->is_broken; i++) {
        if (port->leg[i].phase == LEG_LINKED) {
            relay_move(relay, number, i);
        }
    }
}

/* A rule may be found broken in somebody else's turn. Dropping one may break another. */
static void end_broken(struct relay *relay)
{
    for (unsigned i = 0; i < VSOCK_PORT_MAX; i++) {
        struct relay_port *port = &relay->port[i];
        if (port->is_broken && port->is_attached) {
            if (log_limit_pass(&relay->complaints, LINES_AT_ONCE)) {
                log_warning("%.15s broke a rule of its socket link: its connections are reset",
                            relay->runner.roster->port[i].name);
            }
            leave(relay, i);
            begin(port);
        }
        port->is_broken = false;
    }
}

static void send_signals(struct relay *relay)
{
    for (unsigned i = 0; i < VSOCK_PORT_MAX; i++) {
        if (relay->port[i].signal) {
            relay->port[i].signal = false;
            relay->runner.signal(relay->runner.ctx, i);
        }
    }
}

bool relay_run(struct relay *relay)
{
    relay->now = relay->runner.now(relay->runner.ctx);
    if (relay->now >= relay->alarm) {
        relay->alarm = relay_expire(relay);
    }
    for (uint32_t turn = relay->active; turn != 0; turn &= turn - 1) {
        serve(relay, (unsigned)__builtin_ctz(turn));
    }
    end_broken(relay);
    send_signals(relay);
    return relay->active != 0;
}

uint64_t relay_alarm(const struct relay *relay)
{
    return relay->alarm;
}
