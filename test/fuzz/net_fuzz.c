// SPDX-License-Identifier: BSD-2-Clause
/*
 * The switch with hostile clients. Ports 0 and 1 and 2 are in network 0, 3 and 4 in network 1; 0 is
 * hostile, 4 is a hostile bridge, the others are honest. The input is what the hostile ones write
 * into their links, what root changes, and when whoever restarts. At all times:
 *   - every frame that an honest port receives can be, and its source is an address that a port of
 *     its network may send from;
 *   - a frame between two honest ports arrives unchanged, in a bounded number of turns, whatever
 * the others do (port 2 empties its ring first);
 *   - a turn ends.
 */
#include <string.h>

#include "lib/check.h"
#include "service/net/switch.h"
#include "test/fake/net.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PORTS = 5, HOSTILE = 0, BRIDGE = 4, TURNS = 64, CAPTURE_BYTES = 4096, HEADERS = 256 };

static struct {
    struct fake_net net;
    struct net_switch sw;
    struct fake_client client[PORTS];
    _Alignas(8) uint8_t capture[CAPTURE_BYTES];
    uint8_t bytes[NET_FRAME_MAX], got[NET_FRAME_MAX];
    const uint8_t *data;
    size_t left;
    uint8_t seed;
} t;

static uint32_t next(void)
{
    if (t.left == 0) {
        return 0;
    }
    t.left--;
    return *t.data++;
}

static uint32_t next_16(void)
{
    uint32_t low = next();
    return low | next() << 8;
}

static uint32_t next_32(void)
{
    uint32_t low = next_16();
    return low | next_16() << 16;
}

static void note_signal(void *ctx, unsigned client)
{
    (void)ctx;
    CHECK(client < PORTS);
    t.net.signals |= 1u << client;
}

static uint64_t now(void *ctx)
{
    (void)ctx;
    return t.net.now;
}

static void start_service(void)
{
    switch_init(&t.sw, &(struct switch_runner){
                           .signal = note_signal,
                           .now = now,
                           .roster = &t.net.roster,
                           .stats = &t.net.stats,
                           .links = (uint8_t *)t.net.link,
                           .link_stride = sizeof t.net.link[0],
                           .counter_hz = FAKE_NET_HZ,
                           .seed = 1,
                       });
    switch_roster_changed(&t.sw);
}

static void start_client(unsigned port)
{
    fake_net_start(&t.net, port);
    fake_client_open(&t.client[port], &t.net.link[port]);
    switch_roster_changed(&t.sw);
}

static void run(void)
{
    for (unsigned i = 0; i < TURNS && switch_run(&t.sw); i++) {
    }
}

static void check_received(unsigned port, uint32_t length)
{
    unsigned network = port / 3;
    unsigned source = t.got[11];
    bool of_a_port = memcmp(t.got + 6, "\x02\0\0\0\0", 5) == 0 && source < PORTS;
    CHECK(length <= NET_FRAME_MAX);
    if (network == 0) { /* no bridge there */
        CHECK(of_a_port && source / 3 == 0 && source != port);
    } else {
        CHECK(!of_a_port || source != port); /* a bridge may have what is another network's */
    }
}

static void receive_all(unsigned port)
{
    struct net_head head;
    uint32_t length;
    while ((length = fake_client_receive(&t.client[port], &head, t.got)) != 0) {
        check_received(port, length);
    }
    if (t.client[port].signal) {
        t.client[port].signal = false;
        switch_signalled(&t.sw, 1u << port);
    }
}

/* From port 1 to port 2, whose ring is empty; nobody limits port 1. */
static void honest_frame(uint32_t length)
{
    struct net_head head = {.length = length};
    bool arrived = false;
    run();
    receive_all(1);
    receive_all(2);
    fake_frame(t.bytes, length, 1, 2, t.seed++);
    if (!fake_client_send(&t.client[1], &head, t.bytes)) {
        return; /* behind many others of its own: cannot be, but that is not what is tested here */
    }
    switch_signalled(&t.sw, 1u << 1);
    /* Hostile ones may fill the ring of port 2 in each turn, so it reads in each turn. */
    for (unsigned i = 0; i < TURNS && !arrived; i++) {
        switch_run(&t.sw);
        uint32_t got;
        while ((got = fake_client_receive(&t.client[2], &head, t.got)) != 0) {
            check_received(2, got);
            arrived |= got == length && memcmp(t.got, t.bytes, length) == 0;
        }
    }
    CHECK(arrived);
}

static void hostile_words(struct net_link *link)
{
    uint32_t which = next(), value = next_32();
    struct ring_shared *ring = (which & 8) != 0 ? &link->to_service : &link->to_client;
    switch (which & 7) {
    case 0:
        atomic_store(&ring->head, value);
        break;
    case 1:
        atomic_store(&ring->tail, value);
        break;
    case 2:
        atomic_fetch_add(&ring->head, value & 0xffff);
        break;
    case 3:
        atomic_fetch_add(&ring->tail, value & 0xffff);
        break;
    case 4:
        atomic_store(&link->accepts, value);
        break;
    case 5:
        atomic_store(&ring->producer_wants, value);
        atomic_store(&ring->consumer_wants, value >> 1);
        break;
    case 6: /* bytes anywhere in the data */
        link->to_service_data[value % NET_RING_BYTES] = (uint8_t)(value >> 24);
        break;
    default:
        memset(&link->magic, (int)value & 0xff, 64);
        break;
    }
}

/* A frame with any head and any beginning. */
static void hostile_frame(unsigned port)
{
    struct fake_client *c = &t.client[port];
    struct net_head head = {
        .length = next_16() | (next() & 1) << 16,
        .flags = (uint8_t)next(),
        .gso_type = (uint8_t)next(),
        .gso_size = (uint16_t)next_16(),
        .csum_start = (uint16_t)next(),
        .csum_offset = (uint16_t)next(),
    };
    uint32_t record = net_record_bytes(head.length <= NET_FRAME_MAX ? head.length : 100);
    uint32_t to = next();
    fake_frame(t.bytes, HEADERS, (uint8_t)port, (uint8_t)to, t.seed++);
    for (uint32_t i = next() % 80, at = next() % 80; i != 0; i--) {
        t.bytes[(at + i) % 128] = (uint8_t)next();
    }
    if (ring_space(&c->out) < record) {
        return;
    }
    ring_put(&c->out, 0, &head, sizeof head);
    ring_put(&c->out, sizeof head, t.bytes, record - (uint32_t)sizeof head);
    ring_publish(&c->out, record, &c->signal);
    switch_signalled(&t.sw, 1u << port);
}

/* TCP in IPv4 or IPv6, long, as a driver would send it; then a few bytes wrong. */
static void hostile_tcp(unsigned port)
{
    bool is_ip6 = (next() & 1) != 0;
    uint32_t tcp = is_ip6 ? 54 : 34, length = tcp + 20 + next_16() % 60000;
    struct net_head head = {
        .length = length,
        .flags = NET_NEEDS_CSUM,
        .gso_type = is_ip6 ? NET_GSO_TCP6 : NET_GSO_TCP4,
        .gso_size = (uint16_t)(next_16() % 2000),
        .csum_start = (uint16_t)tcp,
        .csum_offset = 16,
    };
    fake_frame(t.bytes, HEADERS, (uint8_t)port, (uint8_t)(next() % PORTS), t.seed++);
    memcpy(t.bytes + 12, is_ip6 ? "\x86\xdd\x60" : "\x08\x00\x45", 3);
    t.bytes[is_ip6 ? 20 : 23] = 6;
    t.bytes[tcp + 12] = 0x50;
    for (uint32_t i = next() % 4; i != 0; i--) {
        t.bytes[12 + next() % 70] = (uint8_t)next();
    }
    fake_client_send(&t.client[port], &head, t.bytes);
    switch_signalled(&t.sw, 1u << port);
}

static void root_changes(void)
{
    uint32_t what = next(), value = next_32();
    unsigned port = (what & 1) != 0 ? HOSTILE : BRIDGE;
    struct net_client_info *info = &t.net.roster.client[port];
    switch (what >> 1 & 3) {
    case 0:
        info->bytes_per_s = value;
        info->burst_bytes = value >> 8;
        break;
    case 1:
        info->packets_per_s = value;
        break;
    case 2: /* hands off, until the next start */
        atomic_fetch_or(&info->generation, 1);
        break;
    default:
        info->flags = (info->flags & NET_CLIENT_ANY_SOURCE) |
                      (value & (NET_CLIENT_CAPTURE | NET_CLIENT_DOWN | NET_CLIENT_UPLINK));
        break;
    }
    switch_roster_changed(&t.sw);
}

static void step(void)
{
    uint32_t what = next();
    unsigned port = (what & 0x80) != 0 ? HOSTILE : BRIDGE;
    switch (what & 15) {
    case 0:
    case 1:
        hostile_words(&t.net.link[port]);
        switch_signalled(&t.sw, 1u << port);
        break;
    case 2:
    case 3:
    case 4:
        hostile_frame(port);
        break;
    case 5:
    case 6:
        hostile_tcp(port);
        break;
    case 7:
        root_changes();
        break;
    case 8:
        if ((atomic_load(&t.net.roster.client[port].generation) & 1) != 0) {
            atomic_fetch_add(&t.net.roster.client[port].generation, 1);
        }
        start_client(port);
        break;
    case 9:
        start_service();
        break;
    case 10:
        t.net.now += next_32();
        break;
    case 11:
        honest_frame(NET_FRAME_MIN + next_16() % 1500);
        break;
    case 12:
        receive_all(1 + next() % 3);
        break;
    case 13: /* which offloads port 2 takes */
        atomic_store(&t.net.link[2].accepts, next() & NET_OFFLOADS);
        break;
    default:
        run();
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    t.data = data;
    t.left = size;
    t.seed = 0;
    fake_net_init(&t.net);
    /* What hostile ones publish without writing it. */
    memset(t.net.link[HOSTILE].to_service_data, 0, NET_RING_BYTES);
    memset(t.net.link[BRIDGE].to_service_data, 0, NET_RING_BYTES);
    t.net.roster.capture[0].vaddr = (uintptr_t)t.capture;
    t.net.roster.capture[0].bytes = CAPTURE_BYTES;
    t.net.roster.capture_snap = 96;
    for (unsigned i = 0; i < PORTS; i++) {
        fake_net_client(&t.net, i, i / 3, i == BRIDGE ? NET_CLIENT_ANY_SOURCE : 0);
    }
    start_service();
    for (unsigned i = 0; i < PORTS; i++) {
        start_client(i);
    }
    for (unsigned i = 0; i < 300 && t.left != 0; i++) {
        step();
    }
    for (unsigned i = 1; i <= 3; i++) {
        receive_all(i);
    }
    honest_frame(100);
    return 0;
}
