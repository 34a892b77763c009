// SPDX-License-Identifier: BSD-2-Clause
/* Connections: how they begin, move and end. */
#include "service/vsock/leg.h"

#include <string.h>

#include "lib/check.h"
#include "lib/format.h"
#include "service/vsock/relay.h"

enum {
    /*
     * Free room in a client's ring of records that others' offers leave alone: an honest client
     * that is slow finds at most four records for each of its channels there, and must not be
     * broken by those who offer.
     */
    OFFER_ROOM = 3 * VSOCK_CONTROL_BYTES / 4,
    WITHDRAW_ROOM = VSOCK_CONTROL_BYTES / 2,
};
_Static_assert(4 * VSOCK_CHANNELS * sizeof(struct vsock_record) <= WITHDRAW_ROOM,
               "the channels' own records always have room");

static struct leg *leg_at(struct relay *relay, unsigned port, unsigned channel)
{
    return &relay->port[port].leg[channel];
}

static void set_deadline(struct relay *relay, struct leg *leg, unsigned seconds)
{
    leg->deadline = relay->now + seconds * relay->runner.counter_hz;
    relay->alarm = leg->deadline < relay->alarm ? leg->deadline : relay->alarm;
}

/* ---- records to clients ------------------------------------------------------------------------
 */

/* A client without room for what belongs to its own channels does not read: it is broken. */
static void tell(struct relay *relay, unsigned port, struct vsock_record record)
{
    struct relay_port *p = &relay->port[port];
    if (!vsock_record_write(&p->to, &record, &p->signal)) {
        p->is_broken = true;
        relay->active |= 1u << port;
    }
}

static void withdraw(struct relay *relay, const struct leg *asker)
{
    struct relay_port *target = &relay->port[asker->far_port];
    if (ring_space(&target->to) >= WITHDRAW_ROOM) {
        tell(relay, asker->far_port,
             (struct vsock_record){.operation = VSOCK_LINK_WITHDRAW, .offer = asker->offer});
    }
}

/* Our CLOSE. The other side of the connection is somebody else's business. */
static void shut(struct relay *relay, unsigned port, unsigned channel, bool reset)
{
    struct leg *leg = leg_at(relay, port, channel);
    leg->phase = leg->closed ? LEG_FREE : LEG_SHUT;
    leg->deadline = 0;
    tell(relay, port,
         (struct vsock_record){.operation = VSOCK_LINK_CLOSE,
                               .channel = (uint8_t)channel,
                               .flags = reset ? VSOCK_LINK_RESET : 0});
}

/* Both sides of a linked leg. */
static void end(struct relay *relay, unsigned port, unsigned channel, bool reset)
{
    const struct leg *leg = leg_at(relay, port, channel);
    unsigned far_port = leg->far_port, far_channel = leg->far_channel;
    shut(relay, port, channel, reset);
    if (far_port != LEG_HOST) {
        shut(relay, far_port, far_channel, reset);
    }
}

/* ---- moving ------------------------------------------------------------------------------------
 */

static bool is_broken(struct relay *relay, unsigned port, const struct ring *ring)
{
    if (ring->bad_count != 0) {
        relay->port[port].is_broken = true;
        relay->active |= 1u << port;
    }
    return ring->bad_count != 0;
}

/* Whoever waits has said so before he looks again: then nothing gets lost between the two. */
static bool has_more(struct leg *from, struct leg *to)
{
    if (ring_used(&from->from) == 0) {
        return !ring_wait_for_data(&from->from);
    }
    return ring_space(&to->to) != 0 || !ring_wait_for_space(&to->to);
}

/* From the client of one leg to that of another. */
static void forward(struct relay *relay, unsigned port, unsigned channel)
{
    struct leg *from = leg_at(relay, port, channel);
    unsigned far_port = from->far_port, far_channel = from->far_channel;
    struct leg *to = leg_at(relay, far_port, far_channel);
    uint32_t used = ring_used(&from->from), space = ring_space(&to->to);
    uint32_t count = used < space ? used : space;
    if (to->deaf || to->closed) {
        ring_discard(&from->from, used, &relay->port[port].signal);
    } else if (count != 0) {
        struct ring_piece piece[2];
        ring_view(&from->from, 0, count, piece);
        ring_put(&to->to, 0, piece[0].bytes, piece[0].size);
        ring_put(&to->to, piece[0].size, piece[1].bytes, piece[1].size);
        ring_publish(&to->to, count, &relay->port[far_port].signal);
        ring_discard(&from->from, count, &relay->port[port].signal);
    }
    bool more = has_more(from, to);
    if (is_broken(relay, port, &from->from) || is_broken(relay, far_port, &to->to)) {
        return;
    }
    if (more) {
        relay->active |= 1u << port;
    } else if (ring_used(&from->from) == 0 && from->closed) {
        end(relay, port, channel, false);
    } else if (ring_used(&from->from) == 0 && from->ended && !from->told_end) {
        from->told_end = true;
        tell(relay, far_port,
             (struct vsock_record){.operation = VSOCK_LINK_END,
                                   .channel = (uint8_t)far_channel,
                                   .flags = VSOCK_LINK_SENDS_NO_MORE});
    }
}

static struct host_facts facts_of(const struct relay *relay, unsigned port)
{
    const struct vsock_port_info *info = &relay->runner.roster->port[port];
    struct host_facts facts = {.cid = info->cid, .starts = info->starts};
    format(facts.name, sizeof facts.name, "%.15s", info->name);
    facts.uptime_s = (relay->now - info->started) / relay->runner.counter_hz;
    return facts;
}

/* The control plane answers, as long as there is room for an answer. */
static void serve_host(struct relay *relay, unsigned port, unsigned channel)
{
    struct leg *leg = leg_at(relay, port, channel);
    struct relay_port *p = &relay->port[port];
    const struct host_facts facts = facts_of(relay, port);
    char answer[HOST_ANSWER_MAX];
    uint8_t byte;
    /* A ringful at the most: others wait. */
    for (uint32_t left = VSOCK_RING_BYTES; left != 0 && ring_space(&leg->to) >= HOST_ANSWER_MAX &&
                                           ring_read(&leg->from, &byte, 1, &p->signal) == 1;
         left--) {
        uint32_t length = host_take(&leg->host, byte, &facts, answer);
        ring_write(&leg->to, answer, length, &p->signal);
    }
    bool is_empty = ring_used(&leg->from) == 0;
    bool waits =
        is_empty ? ring_wait_for_data(&leg->from) : ring_wait_for_room(&leg->to, HOST_ANSWER_MAX);
    if (is_broken(relay, port, &leg->from) || is_broken(relay, port, &leg->to)) {
        return;
    }
    if (!waits) {
        relay->active |= 1u << port;
    } else if (is_empty && (leg->ended || leg->closed)) {
        end(relay, port, channel, false);
    }
}

void relay_move(struct relay *relay, unsigned port, unsigned channel)
{
    const struct leg *leg = leg_at(relay, port, channel);
    if (leg->far_port == LEG_HOST) {
        serve_host(relay, port, channel);
        return;
    }
    unsigned far_port = leg->far_port, far_channel = leg->far_channel;
    forward(relay, port, channel);
    if (leg->phase == LEG_LINKED && !relay->port[port].is_broken) {
        forward(relay, far_port, far_channel);
    }
}

/* ---- beginning ---------------------------------------------------------------------------------
 */

static void open_rings(struct relay *relay, unsigned port, unsigned channel)
{
    struct vsock_link *link = relay->port[port].link;
    struct leg *leg = leg_at(relay, port, channel);
    memset(leg, 0, sizeof *leg);
    ring_open_consumer(&leg->from, &link->channel[channel].to_service,
                       link->data[channel].to_service, VSOCK_RING_BYTES);
    ring_open_producer(&leg->to, &link->channel[channel].to_client, link->data[channel].to_client,
                       VSOCK_RING_BYTES);
}

/* The port to which this one may connect under this CID; VSOCK_PORT_MAX: none. */
static unsigned find_target(const struct relay *relay, unsigned port, uint64_t cid)
{
    const struct vsock_port_info *info = relay->runner.roster->port;
    for (unsigned i = 0; i < VSOCK_PORT_MAX; i++) {
        if (relay->port[i].is_attached && !relay->port[i].is_broken && info[i].cid == cid &&
            i != port && (info[port].reaches & 1u << i) != 0) {
            return i;
        }
    }
    return VSOCK_PORT_MAX;
}

static uint32_t offer_number(struct relay *relay, unsigned port, unsigned channel)
{
    return (uint32_t)++relay->offer_count << 16 | port << 8 | channel;
}

static void offer(struct relay *relay, unsigned port, unsigned channel, unsigned target,
                  const struct vsock_address *wanted)
{
    struct leg *leg = leg_at(relay, port, channel);
    if (ring_space(&relay->port[target].to) < OFFER_ROOM) {
        shut(relay, port, channel, true);
        return;
    }
    leg->phase = LEG_ASKING;
    leg->far_port = (uint8_t)target;
    leg->offer = offer_number(relay, port, channel);
    set_deadline(relay, leg, VSOCK_OFFER_S);
    tell(relay, target,
         (struct vsock_record){
             .operation = VSOCK_LINK_OFFER,
             .offer = leg->offer,
             .address = {relay->runner.roster->port[port].cid, wanted->guest_port,
                         wanted->far_port}
    });
}

static void accept(struct relay *relay, unsigned port, unsigned channel, unsigned far_port,
                   unsigned far_channel)
{
    struct leg *leg = leg_at(relay, port, channel);
    leg->phase = LEG_LINKED;
    leg->deadline = 0;
    leg->far_port = (uint8_t)far_port;
    leg->far_channel = (uint8_t)far_channel;
    tell(relay, port,
         (struct vsock_record){.operation = VSOCK_LINK_ACCEPT, .channel = (uint8_t)channel});
    relay->active |= 1u << port;
}

static void open(struct relay *relay, unsigned port, const struct vsock_record *r)
{
    open_rings(relay, port, r->channel);
    if (r->address.far_cid == VSOCK_HOST_CID && r->address.far_port == VSOCK_HOST_PORT) {
        accept(relay, port, r->channel, LEG_HOST, 0);
        return;
    }
    unsigned target = find_target(relay, port, r->address.far_cid);
    if (target == VSOCK_PORT_MAX) {
        shut(relay, port, r->channel, true);
    } else {
        offer(relay, port, r->channel, target, &r->address);
    }
}

/* The leg that made this offer to this port; NULL: it does not any more. */
static struct leg *find_asker(struct relay *relay, unsigned target, uint32_t number)
{
    unsigned port = number >> 8 & 0xff, channel = number & 0xff;
    if (port >= VSOCK_PORT_MAX || channel >= VSOCK_CHANNELS) {
        return NULL;
    }
    struct leg *leg = leg_at(relay, port, channel);
    return leg->phase == LEG_ASKING && leg->far_port == target && leg->offer == number ? leg : NULL;
}

static void take(struct relay *relay, unsigned port, const struct vsock_record *r)
{
    const struct leg *asker = find_asker(relay, port, r->offer);
    struct leg *leg = leg_at(relay, port, r->channel);
    open_rings(relay, port, r->channel);
    if (asker == NULL) {
        shut(relay, port, r->channel, true);
        return;
    }
    leg->phase = LEG_LINKED;
    leg->far_port = r->offer >> 8 & 0xff;
    leg->far_channel = r->offer & 0xff;
    accept(relay, leg->far_port, leg->far_channel, port, r->channel);
}

static void refuse(struct relay *relay, unsigned port, const struct vsock_record *r)
{
    if (find_asker(relay, port, r->offer) != NULL) {
        shut(relay, r->offer >> 8 & 0xff, r->offer & 0xff, true);
    }
}

/* ---- ending ------------------------------------------------------------------------------------
 */

static void client_ends(struct relay *relay, unsigned port, const struct vsock_record *r)
{
    struct leg *leg = leg_at(relay, port, r->channel);
    bool newly_deaf = !leg->deaf && (r->flags & VSOCK_LINK_TAKES_NO_MORE) != 0;
    leg->ended |= (r->flags & VSOCK_LINK_SENDS_NO_MORE) != 0;
    leg->deaf |= newly_deaf;
    if (newly_deaf && leg->far_port != LEG_HOST) {
        tell(relay, leg->far_port,
             (struct vsock_record){.operation = VSOCK_LINK_END,
                                   .channel = leg->far_channel,
                                   .flags = VSOCK_LINK_TAKES_NO_MORE});
    }
}

static void client_closes(struct relay *relay, unsigned port, unsigned channel)
{
    struct leg *leg = leg_at(relay, port, channel);
    leg->closed = true;
    switch (leg->phase) {
    case LEG_ASKING:
        withdraw(relay, leg);
        shut(relay, port, channel, false);
        break;
    case LEG_LINKED: /* what it has sent before may still have to be moved */
        set_deadline(relay, leg, VSOCK_LINGER_S);
        break;
    default:
        leg->phase = LEG_FREE;
        break;
    }
}

/* Which phases of a channel a record makes sense in; one that never does breaks the rules. */
static bool is_possible(const struct leg *leg, unsigned operation)
{
    switch (operation) {
    case VSOCK_LINK_OPEN:
    case VSOCK_LINK_TAKE:
        return leg->phase == LEG_FREE;
    case VSOCK_LINK_END: /* it may cross our CLOSE */
        return !leg->closed && (leg->phase == LEG_LINKED || leg->phase == LEG_SHUT);
    case VSOCK_LINK_CLOSE:
        return !leg->closed && leg->phase != LEG_FREE;
    default:
        return operation == VSOCK_LINK_REFUSE;
    }
}

void relay_obey(struct relay *relay, unsigned port, const struct vsock_record *r)
{
    if (r->channel >= VSOCK_CHANNELS ||
        !is_possible(leg_at(relay, port, r->channel), r->operation)) {
        relay->port[port].is_broken = true;
        return;
    }
    switch (r->operation) {
    case VSOCK_LINK_OPEN:
        open(relay, port, r);
        break;
    case VSOCK_LINK_TAKE:
        take(relay, port, r);
        break;
    case VSOCK_LINK_REFUSE:
        refuse(relay, port, r);
        break;
    case VSOCK_LINK_END:
        if (leg_at(relay, port, r->channel)->phase == LEG_LINKED) {
            client_ends(relay, port, r);
        }
        break;
    default:
        client_closes(relay, port, r->channel);
        break;
    }
}

static void expire(struct relay *relay, unsigned port, unsigned channel)
{
    const struct leg *leg = leg_at(relay, port, channel);
    if (leg->phase == LEG_ASKING) {
        withdraw(relay, leg);
        shut(relay, port, channel, true);
    } else {
        end(relay, port, channel, true);
    }
}

uint64_t relay_expire(struct relay *relay)
{
    uint64_t next = UINT64_MAX;
    for (unsigned i = 0; i < VSOCK_PORT_MAX * VSOCK_CHANNELS; i++) {
        unsigned port = i / VSOCK_CHANNELS, channel = i % VSOCK_CHANNELS;
        const struct leg *leg = leg_at(relay, port, channel);
        if (leg->deadline != 0 && leg->deadline <= relay->now) {
            expire(relay, port, channel);
        } else if (leg->deadline != 0 && leg->deadline < next) {
            next = leg->deadline;
        }
    }
    return next;
}

void relay_drop(struct relay *relay, unsigned port)
{
    for (unsigned i = 0; i < VSOCK_PORT_MAX * VSOCK_CHANNELS; i++) {
        unsigned far_port = i / VSOCK_CHANNELS, channel = i % VSOCK_CHANNELS;
        struct leg *leg = leg_at(relay, far_port, channel);
        bool is_open = leg->phase == LEG_ASKING || leg->phase == LEG_LINKED;
        if (far_port == port && leg->phase == LEG_ASKING) {
            withdraw(relay, leg);
        } else if (far_port != port && is_open && leg->far_port == port) {
            shut(relay, far_port, channel, true);
        }
    }
    memset(relay->port[port].leg, 0, sizeof relay->port[port].leg);
}
