// SPDX-License-Identifier: BSD-2-Clause
#include "service/net/switch.h"

#include <string.h>

#include "lib/check.h"
#include "service/net/checksum.h"
#include "service/net/segment.h"

enum { UNIT_SHIFT = 12 }; /* a unit of work for each 4 KiB */

/* Bridges keep these to themselves (IEEE 802.1D, 7.12.6): 01:80:c2:00:00:00 to :0f. */
#define LINK_LOCAL      0x0000c28001ull
#define LINK_LOCAL_MASK 0xf0ffffffffffull

static struct net_link *link_of(const struct net_switch *sw, unsigned port)
{
    return (struct net_link *)(sw->runner.links + port * sw->runner.link_stride);
}

static uint64_t *counters(const struct net_switch *sw, unsigned port)
{
    return sw->runner.stats->port[port];
}

bool switch_roster_valid(const struct net_roster *roster)
{
    return roster->magic == NET_ROSTER_MAGIC && roster->version == NET_ROSTER_VERSION &&
           roster->mtu >= NET_MTU_MIN && roster->mtu <= NET_MTU_MAX;
}

void switch_init(struct net_switch *sw, const struct switch_runner *runner)
{
    const struct net_roster *roster = runner->roster;
    memset(sw, 0, sizeof *sw);
    sw->runner = *runner;
    CHECK(switch_roster_valid(roster));
    sw->mtu = roster->mtu;
    sw->uplink_network = runner->uplink != NULL ? roster->uplink_network : NET_NO_UPLINK;
    sw->uplink_active = runner->uplink != NULL;
    address_init(&sw->table, runner->seed, ADDRESS_AGE_S * runner->counter_hz);
    for (unsigned i = 0; i < NET_NETWORK_MAX; i++) {
        const struct net_capture_info *info = &roster->capture[i];
        capture_open(&sw->capture[i], (void *)(uintptr_t)info->vaddr, info->bytes,
                     roster->capture_snap);
    }
    for (unsigned i = 0; i < NET_PORT_MAX; i++) {
        sw->port[i].counter = counters(sw, i);
    }
    runner->stats->version = NET_STATS_VERSION;
    runner->stats->magic = NET_STATS_MAGIC;
}

static void update_port(struct net_switch *sw, unsigned i)
{
    struct port *port = &sw->port[i];
    const struct net_client_info *info = &sw->runner.roster->client[i];
    uint64_t mac = port->mac;
    uint32_t network = port->network, bit = 1u << i;
    bool was_open = port->open, new_link = port->generation != atomic_load(&info->generation);
    bool open = port_update(port, link_of(sw, i), info, sw->runner.counter_hz);
    if (was_open && (!open || new_link || mac != port->mac || network != port->network)) {
        address_forget(&sw->table, (uint8_t)i);
    }
    if (open) {
        address_fix(&sw->table, address_of(port->network, port->mac), (uint8_t)i);
        sw->active |= bit;
        sw->due |= port->signal ? bit : 0;
    } else {
        sw->active &= ~bit;
    }
    sw->throttled &= ~bit;
    if (open && (port->flags & NET_CLIENT_DOWN) == 0) {
        sw->members[port->network] |= bit;
        sw->bridges |= (port->flags & NET_CLIENT_ANY_SOURCE) != 0 ? bit : 0;
        sw->uplinked |= (port->flags & NET_CLIENT_UPLINK) != 0 ? bit : 0;
    }
}

void switch_roster_changed(struct net_switch *sw)
{
    memset(sw->members, 0, sizeof sw->members);
    sw->bridges = sw->uplinked = 0;
    for (unsigned i = 0; i < NET_PORT_MAX; i++) {
        update_port(sw, i);
    }
    sw->runner.stats->addresses = sw->table.count;
}

void switch_signalled(struct net_switch *sw, uint32_t clients)
{
    sw->active |= clients & ~sw->throttled;
}

void switch_uplink_ready(struct net_switch *sw)
{
    sw->uplink_active = sw->runner.uplink != NULL;
}

/* ---- delivering ------------------------------------------------------------------------------ */

static uint32_t accepts(const struct net_switch *sw, unsigned to)
{
    return to == NET_UPLINK ? sw->runner.uplink->accepts(sw->runner.uplink_ctx)
                            : port_accepts(&sw->port[to]);
}

static bool give_uplink(struct net_switch *sw, const struct frame *frame)
{
    uint64_t *counter = counters(sw, NET_UPLINK);
    sw->uplink_dirty = true;
    if (!sw->runner.uplink->send(sw->runner.uplink_ctx, frame)) {
        counter[NET_DROP_FULL]++;
        return false;
    }
    counter[NET_RECEIVED_FRAMES]++;
    counter[NET_RECEIVED_BYTES] += frame->start.head.length;
    return true;
}

/* Delivers a frame that its receiver accepts. */
static bool give(struct net_switch *sw, unsigned to, const struct frame *frame)
{
    if (to == NET_UPLINK) {
        return give_uplink(sw, frame);
    }
    struct port *port = &sw->port[to];
    bool given = port_give(port, frame);
    sw->due |= port->signal ? 1u << to : 0;
    return given;
}

/* The frame in one piece that its sender cannot write; made once for all receivers. */
static void make_whole(struct net_switch *sw, const struct frame *frame)
{
    uint8_t *at = sw->whole + NET_ETHERNET_BYTES;
    if (sw->whole_made) {
        return;
    }
    memcpy(sw->whole, frame->start.ethernet, NET_ETHERNET_BYTES);
    memcpy(at, frame->rest[0].bytes, frame->rest[0].size);
    if (frame->rest[1].size != 0) {
        memcpy(at + frame->rest[0].size, frame->rest[1].bytes, frame->rest[1].size);
    }
    sw->whole_made = true;
    if (frame->start.head.gso_type == NET_GSO_NONE) {
        checksum_complete(sw->whole, frame->start.head.length, frame->start.head.csum_start,
                          frame->start.head.csum_offset);
    }
}

/* Delivers private bytes, which need nothing from their receiver. */
static bool give_bytes(struct net_switch *sw, unsigned to, const uint8_t *bytes, uint32_t length)
{
    struct frame frame = {
        .start.head = {.length = length},
        .rest = {{bytes + NET_ETHERNET_BYTES, length - NET_ETHERNET_BYTES}},
    };
    memcpy(frame.start.ethernet, bytes, NET_ETHERNET_BYTES);
    return give(sw, to, &frame);
}

/* Returns the work that it was. */
static unsigned give_segments(struct net_switch *sw, unsigned from, unsigned to,
                              const struct frame *frame)
{
    struct segment segment;
    unsigned work = 1;
    uint32_t length;
    if (!segment_begin(&segment, &frame->start.head, sw->whole,
                       sw->mtu + NET_ETHERNET_BYTES + NET_VLAN_BYTES)) {
        counters(sw, from)[NET_DROP_INVALID]++;
        return work;
    }
    while ((length = segment_next(&segment, sw->part)) != 0) {
        work++;
        if (!give_bytes(sw, to, sw->part, length)) {
            break; /* the receiver asks for what it misses */
        }
        counters(sw, to)[NET_SEGMENTS]++;
    }
    return work;
}

static unsigned deliver(struct net_switch *sw, unsigned from, unsigned to,
                        const struct frame *frame)
{
    unsigned work = 1 + (frame->start.head.length >> UNIT_SHIFT);
    if (net_head_accepted(&frame->start.head, accepts(sw, to))) {
        give(sw, to, frame);
        return work;
    }
    make_whole(sw, frame);
    if (frame->start.head.gso_type != NET_GSO_NONE) {
        return work + give_segments(sw, from, to, frame);
    }
    counters(sw, to)[NET_COMPLETED]++;
    give_bytes(sw, to, sw->whole, frame->start.head.length);
    return 2 * work;
}

/* ---- where to ---------------------------------------------------------------------------------
 */

static uint32_t network_of(const struct net_switch *sw, unsigned from)
{
    return from == NET_UPLINK ? sw->uplink_network : sw->port[from].network;
}

/* The ports that this one can reach, and whether it reaches the uplink. */
static uint32_t reach(const struct net_switch *sw, unsigned from, bool *uplink)
{
    if (from == NET_UPLINK) {
        *uplink = false;
        return sw->members[sw->uplink_network] & sw->uplinked;
    }
    uint32_t network = sw->port[from].network, bit = 1u << from;
    *uplink = network == sw->uplink_network && (sw->uplinked & bit) != 0 &&
              (sw->runner.roster->uplink_flags & NET_CLIENT_DOWN) == 0;
    return sw->members[network] & ~bit;
}

static unsigned drop(struct net_switch *sw, unsigned from, enum net_counter why)
{
    counters(sw, from)[why]++;
    return 1;
}

static void capture(struct net_switch *sw, unsigned from, const struct frame *frame)
{
    uint64_t hz = sw->runner.counter_hz, now = sw->now;
    capture_add(&sw->capture[network_of(sw, from)],
                &(struct capture_packet){
                    .bytes = {frame->start.ethernet, frame->rest[0].bytes, frame->rest[1].bytes},
                    .size = {NET_ETHERNET_BYTES,    frame->rest[0].size,  frame->rest[1].size },
                    .time_ns = (sw->runner.roster->epoch_s + now / hz) * 1000000000 +
                               now % hz * 1000000000 / hz,
    });
}

static bool captured(const struct net_switch *sw, unsigned port)
{
    uint32_t flags = port == NET_UPLINK ? sw->runner.roster->uplink_flags : sw->port[port].flags;
    return (flags & NET_CLIENT_CAPTURE) != 0;
}

static bool reaches_captured(const struct net_switch *sw, uint32_t ports, bool uplink)
{
    bool any = uplink && captured(sw, NET_UPLINK);
    for (; ports != 0 && !any; ports &= ports - 1) {
        any = captured(sw, (unsigned)__builtin_ctz(ports));
    }
    return any;
}

static unsigned flood(struct net_switch *sw, unsigned from, uint32_t ports, bool uplink,
                      const struct frame *frame)
{
    unsigned work = 1;
    counters(sw, from)[NET_FLOODED]++;
    if (!captured(sw, from) && reaches_captured(sw, ports, uplink)) {
        capture(sw, from, frame);
    }
    for (; ports != 0; ports &= ports - 1) {
        work += deliver(sw, from, (unsigned)__builtin_ctz(ports), frame);
    }
    return uplink ? work + deliver(sw, from, NET_UPLINK, frame) : work;
}

/* May this port send from this address? */
static bool source_allowed(struct net_switch *sw, unsigned from, uint64_t source)
{
    if (from != NET_UPLINK && (sw->port[from].flags & NET_CLIENT_ANY_SOURCE) == 0) {
        return source == sw->port[from].mac;
    }
    return !address_is_multicast(source) &&
           address_learn(&sw->table, address_of(network_of(sw, from), source), (uint8_t)from,
                         sw->now);
}

/* To one that is known; nobody else sees it. */
static unsigned send_to(struct net_switch *sw, unsigned from, unsigned to, uint32_t ports,
                        bool uplink, const struct frame *frame)
{
    bool reached = to == NET_UPLINK ? uplink : (ports >> to & 1) != 0;
    if (!reached) {
        return drop(sw, from, NET_DROP_FILTERED);
    }
    if (captured(sw, to) && !captured(sw, from)) {
        capture(sw, from, frame);
    }
    return deliver(sw, from, to, frame);
}

/* One frame; returns the work that it was. */
static unsigned forward(struct net_switch *sw, unsigned from, const struct frame *frame)
{
    bool uplink;
    uint32_t ports = reach(sw, from, &uplink);
    uint64_t destination = address_mac(frame->start.ethernet);
    sw->whole_made = false;
    if (!source_allowed(sw, from, address_mac(frame->start.ethernet + NET_MAC_BYTES))) {
        return drop(sw, from, NET_DROP_SPOOFED);
    }
    if ((frame->start.head.gso_type == NET_GSO_NONE &&
         frame->start.head.length > sw->mtu + NET_ETHERNET_BYTES + NET_VLAN_BYTES) ||
        (destination & LINK_LOCAL_MASK) == LINK_LOCAL) {
        return drop(sw, from, NET_DROP_FILTERED);
    }
    counters(sw, from)[NET_SENT_FRAMES]++;
    counters(sw, from)[NET_SENT_BYTES] += frame->start.head.length;
    if (captured(sw, from)) {
        capture(sw, from, frame);
    }
    if (address_is_multicast(destination)) {
        return flood(sw, from, ports, uplink, frame);
    }
    unsigned to = address_find(&sw->table, address_of(network_of(sw, from), destination), sw->now);
    if (to == SWITCH_NOBODY) {
        /* All other ports have one address, and this is not it. */
        return flood(sw, from, ports & sw->bridges, uplink, frame);
    }
    return send_to(sw, from, to, ports, uplink, frame);
}

/* ---- turns ----------------------------------------------------------------------------------- */

static void flush(struct net_switch *sw)
{
    for (uint32_t due = sw->due; due != 0; due &= due - 1) {
        unsigned i = (unsigned)__builtin_ctz(due);
        sw->port[i].signal = false;
        sw->runner.signal(sw->runner.ctx, i);
    }
    sw->due = 0;
    if (sw->uplink_dirty) {
        sw->uplink_dirty = false;
        sw->runner.uplink->flush(sw->runner.uplink_ctx);
    }
}

static uint64_t allowed_at(const struct port *port)
{
    uint64_t bytes = rate_when(&port->bytes), packets = rate_when(&port->packets);
    return bytes > packets ? bytes : packets;
}

static void throttle(struct net_switch *sw, unsigned i)
{
    uint64_t when = allowed_at(&sw->port[i]);
    sw->port[i].counter[NET_THROTTLED]++;
    if (sw->throttled == 0 || when < sw->alarm) {
        sw->alarm = when;
    }
    sw->throttled |= 1u << i;
    sw->active &= ~(1u << i);
}

static void pay(struct net_switch *sw, struct port *port, const struct net_head *head)
{
    uint32_t packets = head->gso_type == NET_GSO_NONE ? 1 : head->length / head->gso_size + 1;
    rate_take(&port->bytes, head->length, sw->now);
    rate_take(&port->packets, packets, sw->now);
}

/* One frame of this port; false: its turn is over. */
static bool serve_frame(struct net_switch *sw, unsigned i, unsigned *work)
{
    struct port *port = &sw->port[i];
    struct frame frame;
    if (!rate_pass(&port->bytes, sw->now) || !rate_pass(&port->packets, sw->now)) {
        throttle(sw, i);
        return false;
    }
    switch (port_take(port, &frame)) {
    case NET_FRAME:
        pay(sw, port, &frame.start.head);
        *work += (port->flags & NET_CLIENT_DOWN) != 0 ? drop(sw, i, NET_DROP_FILTERED)
                                                      : forward(sw, i, &frame);
        port_done(port, &frame);
        return true;
    case NET_BROKEN:
        *work += SWITCH_QUANTUM / 4; /* an honest one never gets here */
        return true;
    default:
        if (port_wait(port)) {
            sw->active &= ~(1u << i);
            return false;
        }
        *work += 1;
        return true;
    }
}

static void serve_port(struct net_switch *sw, unsigned i)
{
    unsigned work = 0;
    if (!sw->port[i].open) {
        sw->active &= ~(1u << i);
        return;
    }
    while (work < SWITCH_QUANTUM && serve_frame(sw, i, &work)) {
    }
    sw->due |= sw->port[i].signal ? 1u << i : 0;
    flush(sw);
}

static void serve_uplink(struct net_switch *sw)
{
    const struct uplink_ops *ops = sw->runner.uplink;
    struct frame frame;
    unsigned work = 0;
    bool down = (sw->runner.roster->uplink_flags & NET_CLIENT_DOWN) != 0 ||
                sw->uplink_network >= NET_NETWORK_MAX;
    while (work < SWITCH_QUANTUM && ops->receive(sw->runner.uplink_ctx, &frame)) {
        work += down ? drop(sw, NET_UPLINK, NET_DROP_FILTERED) : forward(sw, NET_UPLINK, &frame);
        ops->done(sw->runner.uplink_ctx);
        sw->uplink_dirty = true;
    }
    flush(sw);
    sw->uplink_active = work >= SWITCH_QUANTUM || !ops->wait(sw->runner.uplink_ctx);
}

/* Lets those go on that have some allowance again; the others' first is the new alarm. */
static void release_throttled(struct net_switch *sw)
{
    if (sw->throttled == 0 || sw->now < sw->alarm) {
        return;
    }
    uint64_t alarm = UINT64_MAX;
    for (uint32_t left = sw->throttled; left != 0; left &= left - 1) {
        unsigned i = (unsigned)__builtin_ctz(left);
        uint64_t when = allowed_at(&sw->port[i]);
        if (when <= sw->now) {
            sw->throttled &= ~(1u << i);
            sw->active |= 1u << i;
        } else if (when < alarm) {
            alarm = when;
        }
    }
    sw->alarm = alarm;
}

bool switch_run(struct net_switch *sw)
{
    sw->now = sw->runner.now(sw->runner.ctx);
    release_throttled(sw);
    /* Who is first has the receivers' rings to itself, so that goes round. */
    unsigned first = sw->turn++ % NET_PORT_MAX;
    uint32_t turn = first == 0 ? sw->active : sw->active >> first | sw->active << (32 - first);
    for (; turn != 0; turn &= turn - 1) {
        serve_port(sw, ((unsigned)__builtin_ctz(turn) + first) % NET_PORT_MAX);
    }
    if (sw->uplink_active) {
        serve_uplink(sw);
    }
    flush(sw);
    sw->runner.stats->addresses = sw->table.count;
    return sw->active != 0 || sw->uplink_active;
}

uint64_t switch_alarm(const struct net_switch *sw)
{
    return sw->throttled != 0 ? sw->alarm : 0;
}
