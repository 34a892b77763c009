// SPDX-License-Identifier: BSD-2-Clause
#include "service/net/switch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "service/net/checksum.h"
#include "test/fake/net.h"

enum { ALL = 0xff, CAPTURE_BYTES = 65536, UPLINK_QUEUE = 8 };

/* The outside: frames that come and go, as the driver would hand them over. */
struct outside {
    uint8_t in[UPLINK_QUEUE][2048], out[UPLINK_QUEUE][2048];
    uint32_t in_length[UPLINK_QUEUE];
    struct net_head out_head[UPLINK_QUEUE];
    unsigned in_begin, in_end, out_count, flushes;
    uint32_t accepts;
};

struct fixture {
    struct fake_net net;
    struct net_switch sw;
    struct fake_client client[FAKE_NET_PORTS];
    struct outside outside;
    _Alignas(8) uint8_t capture[CAPTURE_BYTES];
    uint8_t bytes[NET_FRAME_MAX], got[NET_FRAME_MAX];
    struct net_head head;
};

static uint32_t outside_accepts(void *ctx)
{
    return ((struct outside *)ctx)->accepts;
}

static bool outside_send(void *ctx, const struct frame *frame)
{
    struct outside *o = ctx;
    if (o->out_count == UPLINK_QUEUE) {
        return false;
    }
    uint8_t *to = o->out[o->out_count];
    assert_true(frame->start.head.length <= sizeof o->out[0]);
    memcpy(to, frame->start.ethernet, NET_ETHERNET_BYTES);
    memcpy(to + NET_ETHERNET_BYTES, frame->rest[0].bytes, frame->rest[0].size);
    if (frame->rest[1].size != 0) {
        memcpy(to + NET_ETHERNET_BYTES + frame->rest[0].size, frame->rest[1].bytes,
               frame->rest[1].size);
    }
    o->out_head[o->out_count++] = frame->start.head;
    return true;
}

static bool outside_receive(void *ctx, struct frame *frame)
{
    struct outside *o = ctx;
    if (o->in_begin == o->in_end) {
        return false;
    }
    uint32_t length = o->in_length[o->in_begin];
    *frame = (struct frame){
        .start.head = {.length = length},
        .rest = {{o->in[o->in_begin] + NET_ETHERNET_BYTES, length - NET_ETHERNET_BYTES}},
    };
    memcpy(frame->start.ethernet, o->in[o->in_begin], NET_ETHERNET_BYTES);
    return true;
}

static void outside_done(void *ctx)
{
    ((struct outside *)ctx)->in_begin++;
}

static void outside_flush(void *ctx)
{
    ((struct outside *)ctx)->flushes++;
}

static bool outside_wait(void *ctx)
{
    struct outside *o = ctx;
    return o->in_begin == o->in_end;
}

static const struct uplink_ops outside_ops = {
    outside_accepts, outside_send, outside_receive, outside_done, outside_flush, outside_wait,
};

static void note_signal(void *ctx, unsigned client)
{
    struct fixture *f = ctx;
    f->net.signals |= 1u << client;
    f->net.signalled[client]++;
}

static uint64_t now(void *ctx)
{
    return ((struct fixture *)ctx)->net.now;
}

static void start_service(struct fixture *f)
{
    switch_init(&f->sw, &(struct switch_runner){
                            .signal = note_signal,
                            .now = now,
                            .ctx = f,
                            .uplink = &outside_ops,
                            .uplink_ctx = &f->outside,
                            .roster = &f->net.roster,
                            .stats = &f->net.stats,
                            .links = (uint8_t *)f->net.link,
                            .link_stride = sizeof f->net.link[0],
                            .counter_hz = FAKE_NET_HZ,
                            .seed = 42,
                        });
    switch_roster_changed(&f->sw);
}

static void start_client(struct fixture *f, unsigned port)
{
    fake_net_start(&f->net, port);
    fake_client_open(&f->client[port], &f->net.link[port]);
}

static void run(struct fixture *f)
{
    unsigned turns = 0;
    while (switch_run(&f->sw)) {
        assert_true(++turns < 1000);
    }
}

/* Ports 0, 1, 2 in network 0, 3 and 4 in network 1; the uplink belongs to network 0. */
static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    fake_net_init(&f->net);
    f->net.roster.capture[0].vaddr = (uintptr_t)f->capture;
    f->net.roster.capture[0].bytes = CAPTURE_BYTES;
    f->net.roster.capture_snap = 128;
    f->net.roster.uplink_network = 0;
    for (unsigned i = 0; i < 5; i++) {
        fake_net_client(&f->net, i, i / 3, 0);
        start_client(f, i);
    }
    start_service(f);
    run(f);
    f->net.signals = 0;
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    free(*state);
    return 0;
}

static bool send(struct fixture *f, unsigned from, unsigned to, uint32_t length)
{
    fake_frame(f->bytes, length, (uint8_t)from, (uint8_t)to, (uint8_t)length);
    bool sent = fake_client_send(&f->client[from], &(struct net_head){.length = length}, f->bytes);
    switch_signalled(&f->sw, 1u << from);
    return sent;
}

/* What was sent last arrives at these ports, once, and nowhere else. */
static void expect_at(struct fixture *f, uint32_t ports, uint32_t length)
{
    run(f);
    for (unsigned i = 0; i < 5; i++) {
        uint32_t got = fake_client_receive(&f->client[i], &f->head, f->got);
        assert_int_equal(got, (ports >> i & 1) != 0 ? length : 0);
        if (got != 0) {
            assert_memory_equal(f->got, f->bytes, length);
            assert_int_equal(fake_client_receive(&f->client[i], &f->head, f->got), 0);
        }
    }
}

static uint64_t count(const struct fixture *f, unsigned port, enum net_counter counter)
{
    return f->net.stats.port[port][counter];
}

static void a_frame_reaches_its_addressee_and_nobody_else(void **state)
{
    struct fixture *f = *state;
    for (uint32_t length = 14; length <= 1518; length += 47) {
        send(f, 0, 1, length);
        expect_at(f, 1u << 1, length);
        send(f, 1, 2, length);
        expect_at(f, 1u << 2, length);
    }
    assert_int_equal(count(f, 0, NET_SENT_FRAMES), 33);
    assert_int_equal(count(f, 1, NET_RECEIVED_FRAMES), 33);
    assert_int_equal(count(f, 1, NET_RECEIVED_BYTES), count(f, 0, NET_SENT_BYTES));
    assert_int_equal(f->outside.out_count, 0);
}

static void broadcasts_stay_in_their_network(void **state)
{
    struct fixture *f = *state;
    send(f, 0, ALL, 60);
    expect_at(f, 1u << 1 | 1u << 2, 60);
    send(f, 4, ALL, 60);
    expect_at(f, 1u << 3, 60);
    assert_int_equal(f->outside.out_count, 0); /* nobody may use the uplink here */
    assert_int_equal(count(f, 0, NET_FLOODED), 1);
}

static void networks_never_mix(void **state)
{
    struct fixture *f = *state;
    send(f, 0, 3, 60);
    expect_at(f, 0, 60);
    send(f, 3, 0, 60);
    expect_at(f, 0, 60);
    /* nor by a lie about who it is */
    fake_frame(f->bytes, 60, 0, 1, 0);
    fake_client_send(&f->client[3], &(struct net_head){.length = 60}, f->bytes);
    switch_signalled(&f->sw, 1u << 3);
    expect_at(f, 0, 60);
    assert_int_equal(count(f, 3, NET_DROP_SPOOFED), 1);
}

static void only_its_own_address_may_be_sent_from(void **state)
{
    struct fixture *f = *state;
    fake_frame(f->bytes, 60, 1, 2, 0); /* port 0 says that it is port 1 */
    fake_client_send(&f->client[0], &(struct net_head){.length = 60}, f->bytes);
    switch_signalled(&f->sw, 1);
    expect_at(f, 0, 60);
    fake_frame(f->bytes, 60, 77, 2, 0);
    fake_client_send(&f->client[0], &(struct net_head){.length = 60}, f->bytes);
    switch_signalled(&f->sw, 1);
    expect_at(f, 0, 60);
    assert_int_equal(count(f, 0, NET_DROP_SPOOFED), 2);
    assert_int_equal(count(f, 0, NET_SENT_FRAMES), 0);
    send(f, 2, 1, 60); /* and nobody believed it */
    expect_at(f, 1u << 1, 60);
}

static void a_bridge_may_send_from_any_but_others_addresses(void **state)
{
    struct fixture *f = *state;
    f->net.roster.client[2].flags = NET_CLIENT_ANY_SOURCE;
    switch_roster_changed(&f->sw);
    send(f, 0, 77, 60); /* unknown: to bridges only */
    expect_at(f, 1u << 2, 60);
    fake_frame(f->bytes, 60, 77, 0, 1);
    fake_client_send(&f->client[2], &(struct net_head){.length = 60}, f->bytes);
    switch_signalled(&f->sw, 1u << 2);
    expect_at(f, 1u << 0, 60);
    send(f, 0, 77, 60); /* learned */
    expect_at(f, 1u << 2, 60);
    assert_int_equal(count(f, 0, NET_FLOODED), 1);
    fake_frame(f->bytes, 60, 1, 0, 1); /* port 1's */
    fake_client_send(&f->client[2], &(struct net_head){.length = 60}, f->bytes);
    switch_signalled(&f->sw, 1u << 2);
    expect_at(f, 0, 60);
    assert_int_equal(count(f, 2, NET_DROP_SPOOFED), 1);
    send(f, 2, 2, 60); /* to itself */
    expect_at(f, 0, 60);
    assert_int_equal(count(f, 2, NET_DROP_FILTERED), 1);
    f->bytes[6] |= 1; /* from many */
    fake_client_send(&f->client[2], &(struct net_head){.length = 60}, f->bytes);
    switch_signalled(&f->sw, 1u << 2);
    expect_at(f, 0, 60);
    assert_int_equal(count(f, 2, NET_DROP_SPOOFED), 2);
}

static void learned_addresses_age(void **state)
{
    struct fixture *f = *state;
    f->net.roster.client[2].flags = NET_CLIENT_ANY_SOURCE;
    switch_roster_changed(&f->sw);
    fake_frame(f->bytes, 60, 77, 0, 1);
    fake_client_send(&f->client[2], &(struct net_head){.length = 60}, f->bytes);
    switch_signalled(&f->sw, 1u << 2);
    expect_at(f, 1u << 0, 60);
    f->net.now += (ADDRESS_AGE_S + 1ull) * FAKE_NET_HZ;
    send(f, 0, 77, 60);
    expect_at(f, 1u << 2, 60);
    assert_int_equal(count(f, 0, NET_FLOODED), 1);
}

static void a_full_receiver_loses_frames_and_holds_up_nobody(void **state)
{
    struct fixture *f = *state;
    unsigned sent = 0, room = NET_RING_BYTES / net_record_bytes(1514);
    for (unsigned i = 0; i < 2 * room; i++) {
        sent += send(f, 0, 1, 1514);
        run(f);
    }
    assert_int_equal(sent, 2 * room);
    assert_int_equal(count(f, 1, NET_RECEIVED_FRAMES), room);
    assert_int_equal(count(f, 1, NET_DROP_FULL), room);
    send(f, 0, 2, 60);
    run(f);
    assert_int_equal(fake_client_receive(&f->client[2], &f->head, f->got), 60);
    while (fake_client_receive(&f->client[1], &f->head, f->got) != 0) {
    }
    send(f, 0, 1, 60);
    run(f);
    assert_int_equal(fake_client_receive(&f->client[1], &f->head, f->got), 60);
}

static void everybody_gets_a_turn(void **state)
{
    struct fixture *f = *state;
    while (send(f, 0, 2, 60)) {
    }
    send(f, 1, 2, 100);
    switch_run(&f->sw); /* one round only */
    assert_int_equal(count(f, 1, NET_SENT_FRAMES), 1);
    assert_int_equal(count(f, 0, NET_SENT_FRAMES), SWITCH_QUANTUM);
    /* Long ones are more work. */
    run(f);
    while (fake_client_receive(&f->client[2], &f->head, f->got) != 0) {
    }
    uint64_t before = count(f, 0, NET_SENT_FRAMES);
    struct net_head large = {.length = 60000,
                             .flags = NET_NEEDS_CSUM,
                             .gso_type = NET_GSO_TCP4,
                             .gso_size = 1448,
                             .csum_start = 34,
                             .csum_offset = 16};
    atomic_store(&f->net.link[2].accepts, NET_OFFLOADS);
    fake_frame(f->bytes, 60000, 0, 2, 0);
    while (fake_client_send(&f->client[0], &large, f->bytes)) {
    }
    switch_signalled(&f->sw, 1);
    switch_run(&f->sw);
    assert_in_range(count(f, 0, NET_SENT_FRAMES) - before, 1, 2);
}

static void a_limited_port_waits_for_its_allowance(void **state)
{
    struct fixture *f = *state;
    f->net.roster.client[0].bytes_per_s = 15140;
    f->net.roster.client[0].burst_bytes = 1514 * 5 - 1;
    switch_roster_changed(&f->sw);
    for (unsigned i = 0; i < 20; i++) {
        send(f, 0, 1, 1514);
    }
    run(f);
    assert_int_equal(count(f, 0, NET_SENT_FRAMES), 5);
    assert_int_equal(count(f, 0, NET_THROTTLED), 1);
    uint64_t alarm = switch_alarm(&f->sw);
    assert_in_range(alarm, f->net.now + 1, f->net.now + FAKE_NET_HZ / 10);
    switch_signalled(&f->sw, 1); /* it can ring as often as it likes */
    run(f);
    assert_int_equal(count(f, 0, NET_SENT_FRAMES), 5);
    assert_int_equal(count(f, 0, NET_THROTTLED), 1);
    send(f, 2, 1, 60); /* others are not limited */
    run(f);
    assert_int_equal(count(f, 2, NET_SENT_FRAMES), 1);
    for (unsigned i = 0; i < 10; i++) {
        f->net.now = switch_alarm(&f->sw);
        run(f);
    }
    assert_int_equal(count(f, 0, NET_SENT_FRAMES), 15);
    assert_in_range(f->net.now, alarm + FAKE_NET_HZ * 8 / 10, alarm + FAKE_NET_HZ);
    assert_int_equal(count(f, 0, NET_DROP_FULL) + count(f, 1, NET_DROP_FULL), 0);
    f->net.roster.client[0].bytes_per_s = 0; /* root takes the limit away */
    switch_roster_changed(&f->sw);
    run(f);
    assert_int_equal(count(f, 0, NET_SENT_FRAMES), 20);
    assert_int_equal(switch_alarm(&f->sw), 0);
}

static void packets_are_limited_too(void **state)
{
    struct fixture *f = *state;
    f->net.roster.client[0].packets_per_s = 100;
    f->net.roster.client[0].burst_packets = 10;
    switch_roster_changed(&f->sw);
    for (unsigned i = 0; i < 50; i++) {
        send(f, 0, 1, 60);
    }
    run(f);
    assert_in_range(count(f, 0, NET_SENT_FRAMES), 10, 11);
    f->net.now += FAKE_NET_HZ / 10;
    run(f);
    assert_in_range(count(f, 0, NET_SENT_FRAMES), 20, 21);
}

static void signals_are_sent_only_to_who_asked(void **state)
{
    struct fixture *f = *state;
    assert_true(ring_wait_for_data(&f->client[1].in));
    send(f, 0, 1, 60);
    send(f, 0, 1, 60);
    run(f);
    assert_int_equal(f->net.signals, 1u << 1);
    f->net.signals = 0;
    f->net.signalled[1] = 0;
    send(f, 0, 1, 60); /* it has not looked yet */
    run(f);
    assert_int_equal(f->net.signals, 0);
    /* A sender that waits for room is told. */
    while (send(f, 0, 1, 1514)) {
    }
    assert_true(net_wait_for_room(&f->client[0].out, &(struct net_head){.length = 1514}));
    run(f);
    assert_int_equal(f->net.signals, 1u << 0);
}

static void a_client_that_restarts_begins_anew(void **state)
{
    struct fixture *f = *state;
    for (unsigned i = 0; i < 10; i++) {
        send(f, 0, 1, 500);
        send(f, 1, 0, 500);
        run(f);
    }
    while (fake_client_receive(&f->client[1], &f->head, f->got) != 0) {
    }
    send(f, 0, 1, 500); /* not taken yet when it dies */
    start_client(f, 0);
    /* what this service stores last into what it still believes to be the old link */
    atomic_store(&f->net.link[0].to_service.tail, f->sw.port[0].from.index);
    atomic_store(&f->net.link[0].to_client.head, f->sw.port[0].to.index);
    switch_roster_changed(&f->sw);
    assert_int_equal(fake_client_receive(&f->client[0], &f->head, f->got), 0);
    assert_int_equal(count(f, 0, NET_SENT_FRAMES), 10);
    assert_true((f->sw.due & 1) != 0); /* it is told: it may have seen a stale index */
    send(f, 0, 2, 60);
    expect_at(f, 1u << 2, 60);
}

/* It started while the service still stored indices of its old link, and has already gone by them.
 */
static void a_client_that_saw_stale_indices_recovers(void **state)
{
    struct fixture *f = *state;
    for (unsigned i = 0; i < 100; i++) {
        send(f, 0, 1, 1500);
        send(f, 1, 0, 1500);
        run(f);
        fake_client_receive(&f->client[1], &f->head, f->got);
    }
    start_client(f, 0);
    /* the old service's last stores */
    atomic_store(&f->net.link[0].to_service.tail, f->sw.port[0].from.index);
    atomic_store(&f->net.link[0].to_client.head, f->sw.port[0].to.index);
    while (fake_client_receive(&f->client[0], &f->head, f->got) != 0) { /* old frames */
    }
    f->sw.port[0].from.index += 12345 * NET_ALIGN; /* and ours is of another life, too */
    send(f, 0, 1, 60);
    switch_roster_changed(&f->sw);
    run(f);
    while (fake_client_receive(&f->client[1], &f->head, f->got) != 0) {
    }
    send(f, 0, 1, 60);
    run(f);
    send(f, 0, 1, 60);
    run(f);
    assert_int_equal(fake_client_receive(&f->client[1], &f->head, f->got), 60);
    send(f, 1, 0, 60); /* the first may find the ring impossible */
    run(f);
    send(f, 1, 0, 61);
    run(f);
    uint32_t last = 0, length;
    while ((length = fake_client_receive(&f->client[0], &f->head, f->got)) != 0) {
        last = length;
    }
    assert_int_equal(last, 61);
}

static void a_service_that_restarts_goes_on_where_the_rings_are(void **state)
{
    struct fixture *f = *state;
    send(f, 0, 1, 60);
    run(f);
    send(f, 0, 1, 70);
    send(f, 1, 0, 80);
    start_service(f);
    run(f);
    assert_int_equal(f->net.signals & 0x1f, 0x1f); /* all are told, whatever died with the other */
    assert_int_equal(fake_client_receive(&f->client[1], &f->head, f->got), 60);
    assert_int_equal(fake_client_receive(&f->client[1], &f->head, f->got), 70);
    assert_int_equal(fake_client_receive(&f->client[0], &f->head, f->got), 80);
}

static void hands_off_while_root_changes_a_link(void **state)
{
    struct fixture *f = *state;
    atomic_fetch_add(&f->net.roster.client[1].generation, 1);
    switch_roster_changed(&f->sw);
    send(f, 0, 1, 60);
    expect_at(f, 0, 60);
    send(f, 1, 0, 60);
    expect_at(f, 0, 60);
    f->net.roster.client[0].kind = NET_CLIENT_NONE;
    switch_roster_changed(&f->sw);
    send(f, 0, 2, 60);
    expect_at(f, 0, 60);
    assert_int_equal(count(f, 0, NET_SENT_FRAMES), 1);
}

static void rows_that_cannot_be_are_as_none(void **state)
{
    struct fixture *f = *state;
    f->net.roster.client[1].network = NET_NETWORK_MAX;
    f->net.roster.client[2].mac[0] = 1;
    switch_roster_changed(&f->sw);
    send(f, 0, ALL, 60);
    expect_at(f, 0, 60);
}

/* A UDP frame in IPv4 with the pseudo header's sum in its place. */
static struct net_head partial_frame(struct fixture *f, uint32_t length)
{
    fake_frame(f->bytes, length, 0, 1, 9);
    memcpy(f->bytes + 12, "\x08\x00\x45", 3);
    f->bytes[40] = 0x12;
    f->bytes[41] = 0x34;
    return (struct net_head){
        .length = length, .flags = NET_NEEDS_CSUM, .csum_start = 34, .csum_offset = 6};
}

static void partial_checksums_pass_untouched_to_who_takes_them(void **state)
{
    struct fixture *f = *state;
    struct net_head head = partial_frame(f, 1000);
    atomic_store(&f->net.link[1].accepts, NET_OFFLOAD_CSUM);
    fake_client_send(&f->client[0], &head, f->bytes);
    switch_signalled(&f->sw, 1);
    run(f);
    assert_int_equal(fake_client_receive(&f->client[1], &f->head, f->got), 1000);
    assert_memory_equal(f->got, f->bytes, 1000);
    assert_memory_equal(&f->head, &head, sizeof head);
    assert_int_equal(count(f, 1, NET_COMPLETED), 0);
}

static void and_are_completed_for_who_does_not(void **state)
{
    struct fixture *f = *state;
    struct net_head head = partial_frame(f, 1001);
    head.flags |= NET_DATA_VALID; /* says who? */
    f->bytes[0] = 0xff;           /* to all: one takes them, one does not */
    atomic_store(&f->net.link[2].accepts, NET_OFFLOAD_CSUM);
    fake_client_send(&f->client[0], &head, f->bytes);
    switch_signalled(&f->sw, 1);
    run(f);
    assert_int_equal(fake_client_receive(&f->client[2], &f->head, f->got), 1001);
    assert_memory_equal(f->got, f->bytes, 1001);
    assert_int_equal(f->head.flags, NET_NEEDS_CSUM);
    assert_int_equal(fake_client_receive(&f->client[1], &f->head, f->got), 1001);
    assert_int_equal(f->head.flags, 0);
    checksum_complete(f->bytes, 1001, 34, 6);
    assert_memory_equal(f->got, f->bytes, 1001);
    assert_int_equal(count(f, 1, NET_COMPLETED), 1);
}

static void long_frames_are_cut_for_who_does_not_take_them(void **state)
{
    struct fixture *f = *state;
    fake_frame(f->bytes, 54 + 4000, 0, 1, 9);
    memcpy(f->bytes + 12, "\x08\x00\x45", 3);
    f->bytes[23] = 6;
    f->bytes[46] = 0x50;
    struct net_head head = {.length = 4054,
                            .flags = NET_NEEDS_CSUM,
                            .gso_type = NET_GSO_TCP4,
                            .gso_size = 1448,
                            .csum_start = 34,
                            .csum_offset = 16};
    fake_client_send(&f->client[0], &head, f->bytes);
    switch_signalled(&f->sw, 1);
    run(f);
    uint32_t done = 0, length;
    while ((length = fake_client_receive(&f->client[1], &f->head, f->got)) != 0) {
        assert_int_equal(f->head.flags, 0);
        assert_int_equal(f->head.gso_type, NET_GSO_NONE);
        assert_memory_equal(f->got + 54, f->bytes + 54 + done, length - 54);
        done += length - 54;
    }
    assert_int_equal(done, 4000);
    assert_int_equal(count(f, 1, NET_SEGMENTS), 3);
    atomic_store(&f->net.link[1].accepts, NET_OFFLOADS);
    fake_client_send(&f->client[0], &head, f->bytes);
    switch_signalled(&f->sw, 1);
    run(f);
    assert_int_equal(fake_client_receive(&f->client[1], &f->head, f->got), 4054);
    assert_memory_equal(&f->head, &head, sizeof head);
    /* One that says it is TCP and is not: dropped for who needs it cut. */
    atomic_store(&f->net.link[1].accepts, NET_OFFLOAD_CSUM);
    f->bytes[23] = 17;
    fake_client_send(&f->client[0], &head, f->bytes);
    switch_signalled(&f->sw, 1);
    expect_at(f, 0, 0);
    assert_int_equal(count(f, 0, NET_DROP_INVALID), 1);
}

static void what_bridges_keep_to_themselves_is_dropped(void **state)
{
    struct fixture *f = *state;
    fake_frame(f->bytes, 60, 0, 1, 0);
    memcpy(f->bytes, "\x01\x80\xc2\x00\x00\x0e", 6);
    fake_client_send(&f->client[0], &(struct net_head){.length = 60}, f->bytes);
    switch_signalled(&f->sw, 1);
    expect_at(f, 0, 60);
    f->bytes[5] = 0x10; /* the first one behind them */
    fake_client_send(&f->client[0], &(struct net_head){.length = 60}, f->bytes);
    switch_signalled(&f->sw, 1);
    expect_at(f, 1u << 1 | 1u << 2, 60);
    assert_int_equal(count(f, 0, NET_DROP_FILTERED), 1);
}

static void frames_longer_than_the_mtu_are_dropped(void **state)
{
    struct fixture *f = *state;
    send(f, 0, 1, 1519);
    expect_at(f, 0, 0);
    assert_int_equal(count(f, 0, NET_DROP_FILTERED), 1);
}

static void a_broken_ring_hurts_its_client_only(void **state)
{
    struct fixture *f = *state;
    const struct net_head bad = {.length = 5};
    ring_put(&f->client[0].out, 0, &bad, sizeof bad);
    ring_publish(&f->client[0].out, 32, &f->client[0].signal);
    switch_signalled(&f->sw, 1);
    send(f, 2, 1, 60);
    expect_at(f, 1u << 1, 60);
    assert_int_equal(count(f, 0, NET_BROKEN_RINGS), 1);
    atomic_store(&f->net.link[0].to_service.head, 0x80000000);
    switch_signalled(&f->sw, 1);
    send(f, 2, 1, 60);
    expect_at(f, 1u << 1, 60);
    assert_int_equal(count(f, 0, NET_BROKEN_RINGS), 2);
    atomic_store(&f->net.link[0].to_client.tail, 0x80000000);
    send(f, 2, 0, 60);
    run(f);
    assert_int_equal(count(f, 0, NET_BROKEN_RINGS), 3);
    assert_int_equal(count(f, 0, NET_DROP_FULL), 1);
}

/* Our own index does not fit the client's, however that came about. */
static void indices_that_do_not_fit_are_put_right(void **state)
{
    struct fixture *f = *state;
    f->sw.port[0].from.index += 1 << 24;
    send(f, 0, 1, 60);
    run(f);
    send(f, 0, 1, 70);
    run(f);
    assert_int_equal(fake_client_receive(&f->client[1], &f->head, f->got), 70);
    f->sw.port[1].to.index += 1 << 24;
    send(f, 0, 1, 80);
    run(f);
    f->client[1].in.index = atomic_load(&f->net.link[1].to_client.tail);
    send(f, 0, 1, 90);
    run(f);
    assert_int_equal(fake_client_receive(&f->client[1], &f->head, f->got), 90);
    assert_int_equal(count(f, 0, NET_BROKEN_RINGS) + count(f, 1, NET_BROKEN_RINGS), 2);
}

static void a_pulled_cable(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(atomic_load(&f->net.link[1].up), 1);
    f->net.roster.client[1].flags = NET_CLIENT_DOWN;
    switch_roster_changed(&f->sw);
    assert_int_equal(atomic_load(&f->net.link[1].up), 0);
    send(f, 0, 1, 60);
    expect_at(f, 0, 60);
    send(f, 1, 0, 60);
    expect_at(f, 0, 60);
    assert_int_equal(count(f, 1, NET_DROP_FILTERED), 1);
    f->net.roster.client[1].flags = 0;
    switch_roster_changed(&f->sw);
    assert_int_equal(atomic_load(&f->net.link[1].up), 1);
    send(f, 0, 1, 60);
    expect_at(f, 1u << 1, 60);
}

/* Root leaves the flag as it is when a client, or the service, starts anew. */
static void a_cable_stays_pulled_over_restarts(void **state)
{
    struct fixture *f = *state;
    f->net.roster.client[1].flags = NET_CLIENT_DOWN;
    switch_roster_changed(&f->sw);
    start_client(f, 1);
    switch_roster_changed(&f->sw);
    assert_int_equal(atomic_load(&f->net.link[1].up), 0);
    start_service(f);
    assert_int_equal(atomic_load(&f->net.link[1].up), 0);
    send(f, 0, 1, 60);
    expect_at(f, 0, 60);
    f->net.signals = 0;
    f->net.roster.client[1].flags = 0;
    switch_roster_changed(&f->sw);
    run(f);
    assert_int_equal(f->net.signals & 1u << 1, 1u << 1); /* its guest is told */
    assert_int_equal(atomic_load(&f->net.link[1].up), 1);
    send(f, 0, 1, 60);
    expect_at(f, 1u << 1, 60);
}

static void come_from_outside(struct fixture *f, uint8_t from, uint8_t to, uint32_t length)
{
    struct outside *o = &f->outside;
    if (o->in_begin == o->in_end) {
        o->in_begin = o->in_end = 0;
    }
    fake_frame(f->bytes, length, from, to, 3);
    memcpy(o->in[o->in_end], f->bytes, length);
    o->in_length[o->in_end++] = length;
    switch_uplink_ready(&f->sw);
}

static void the_uplink_is_for_who_may_use_it(void **state)
{
    struct fixture *f = *state;
    f->net.roster.client[0].flags = NET_CLIENT_UPLINK;
    f->net.roster.client[3].flags = NET_CLIENT_UPLINK; /* of a network that has none */
    switch_roster_changed(&f->sw);
    send(f, 0, 200, 60);
    expect_at(f, 0, 60);
    assert_int_equal(f->outside.out_count, 1);
    assert_memory_equal(f->outside.out[0], f->bytes, 60);
    assert_int_equal(f->outside.flushes, 1);
    send(f, 1, 200, 60);
    expect_at(f, 0, 60);
    send(f, 3, 200, 60);
    expect_at(f, 0, 60);
    assert_int_equal(f->outside.out_count, 1);
    come_from_outside(f, 200, 0, 60);
    expect_at(f, 1u << 0, 60);
    come_from_outside(f, 200, 1, 60);
    expect_at(f, 0, 60);
    come_from_outside(f, 200, ALL, 60);
    expect_at(f, 1u << 0, 60);
    come_from_outside(f, 200, 3, 60);
    expect_at(f, 0, 60);
    send(f, 0, ALL, 60);
    expect_at(f, 1u << 1 | 1u << 2, 60);
    assert_int_equal(f->outside.out_count, 2);
    send(f, 1, 200, 60); /* learned now, but it may not */
    expect_at(f, 0, 60);
    assert_int_equal(f->outside.out_count, 2);
}

static void nobody_outside_can_be_one_of_ours(void **state)
{
    struct fixture *f = *state;
    f->net.roster.client[0].flags = NET_CLIENT_UPLINK;
    switch_roster_changed(&f->sw);
    come_from_outside(f, 1, 0, 60);
    expect_at(f, 0, 60);
    assert_int_equal(count(f, NET_UPLINK, NET_DROP_SPOOFED), 1);
    send(f, 0, 1, 60);
    expect_at(f, 1u << 1, 60);
}

static void a_full_uplink_drops(void **state)
{
    struct fixture *f = *state;
    f->net.roster.client[0].flags = NET_CLIENT_UPLINK;
    switch_roster_changed(&f->sw);
    for (unsigned i = 0; i < UPLINK_QUEUE + 3; i++) {
        send(f, 0, 200, 60);
    }
    run(f);
    assert_int_equal(count(f, NET_UPLINK, NET_DROP_FULL), 3);
    assert_int_equal(count(f, NET_UPLINK, NET_RECEIVED_FRAMES), UPLINK_QUEUE);
}

static unsigned captured(struct fixture *f, uint64_t *position)
{
    uint8_t record[256];
    unsigned records = 0;
    while (capture_read((const struct capture_shared *)f->capture, CAPTURE_BYTES, position, record,
                        sizeof record) != 0) {
        records++;
    }
    return records;
}

static void frames_of_captured_ports_are_kept(void **state)
{
    struct fixture *f = *state;
    uint64_t position = 0;
    send(f, 0, 2, 60);
    run(f);
    assert_int_equal(captured(f, &position), 0);
    f->net.roster.client[1].flags = NET_CLIENT_CAPTURE;
    switch_roster_changed(&f->sw);
    send(f, 1, 0, 60);
    send(f, 0, 1, 1500);
    send(f, 0, 2, 60);
    run(f);
    assert_int_equal(captured(f, &position), 2);
    f->net.roster.client[0].flags = NET_CLIENT_CAPTURE;
    switch_roster_changed(&f->sw);
    send(f, 0, 1, 60); /* once, not twice */
    run(f);
    assert_int_equal(captured(f, &position), 1);
    send(f, 2, ALL, 60); /* to two of them, and once in the capture */
    run(f);
    assert_int_equal(captured(f, &position), 1);
    f->net.roster.client[3].flags = NET_CLIENT_CAPTURE; /* its network keeps nothing */
    switch_roster_changed(&f->sw);
    send(f, 3, 4, 60);
    run(f);
    assert_int_equal(captured(f, &position), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_frame_reaches_its_addressee_and_nobody_else),
        TEST(broadcasts_stay_in_their_network),
        TEST(networks_never_mix),
        TEST(only_its_own_address_may_be_sent_from),
        TEST(a_bridge_may_send_from_any_but_others_addresses),
        TEST(learned_addresses_age),
        TEST(a_full_receiver_loses_frames_and_holds_up_nobody),
        TEST(everybody_gets_a_turn),
        TEST(a_limited_port_waits_for_its_allowance),
        TEST(packets_are_limited_too),
        TEST(signals_are_sent_only_to_who_asked),
        TEST(a_client_that_restarts_begins_anew),
        TEST(a_client_that_saw_stale_indices_recovers),
        TEST(a_service_that_restarts_goes_on_where_the_rings_are),
        TEST(hands_off_while_root_changes_a_link),
        TEST(rows_that_cannot_be_are_as_none),
        TEST(partial_checksums_pass_untouched_to_who_takes_them),
        TEST(and_are_completed_for_who_does_not),
        TEST(long_frames_are_cut_for_who_does_not_take_them),
        TEST(what_bridges_keep_to_themselves_is_dropped),
        TEST(frames_longer_than_the_mtu_are_dropped),
        TEST(a_broken_ring_hurts_its_client_only),
        TEST(indices_that_do_not_fit_are_put_right),
        TEST(a_pulled_cable),
        TEST(a_cable_stays_pulled_over_restarts),
        TEST(the_uplink_is_for_who_may_use_it),
        TEST(nobody_outside_can_be_one_of_ours),
        TEST(a_full_uplink_drops),
        TEST(frames_of_captured_ports_are_kept),
    };
    return cmocka_run_group_tests_name("switch", tests, NULL, NULL);
}
