// SPDX-License-Identifier: BSD-2-Clause
/*
 * Sockets from end to end on the host: two guests' drivers, their devices, their links, and the
 * relay between them. Drivers use the queues as Linux does; nothing here is made up but the kernel.
 */
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
// clang-format on

#include <stdlib.h>
#include <string.h>

#include "device/virtio/virtio_vsock_link.h"
#include "service/vsock/relay.h"
#include "test/fake/virtio_driver.h"

enum {
    GUESTS = 3,
    RX = 0,
    TX = 1,
    EVENT = 2,
    REQUEST = 1,
    RESPONSE = 2,
    RST = 3,
    SHUTDOWN = 4,
    RW = 5,
    CREDIT_UPDATE = 6,
    CREDIT_REQUEST = 7,
    ALLOC = 20000, /* what a guest promises */
    HZ = 1000,
    PORT = 80,
    ROOM = 4096, /* of a receive buffer */
    STREAM = 200000,
};

struct __attribute__((packed)) header {
    uint64_t source_cid, target_cid;
    uint32_t source_port, target_port;
    uint32_t length;
    uint16_t type, operation;
    uint32_t flags, alloc, forwarded;
};

struct guest {
    struct fake_driver d;
    struct virtio_vsock_link device;
    unsigned number;
    uint32_t received; /* fwd_cnt */
    struct header packet;
    uint8_t payload[ROOM];
};

static struct {
    struct guest guest[GUESTS];
    struct vsock_link *link;
    struct vsock_roster roster;
    struct relay relay;
    uint64_t now;
    uint32_t to_relay, to_guest; /* signals on their way */
} t;

static const uint64_t cids[GUESTS] = {3, 4, 0xfffffffe};

static void signal_relay(void *ctx)
{
    const struct guest *guest = ctx;
    t.to_relay |= 1u << guest->number;
}

static void signal_guest(void *ctx, unsigned port)
{
    (void)ctx;
    assert_true(port < GUESTS);
    t.to_guest |= 1u << port;
}

static uint64_t now(void *ctx)
{
    (void)ctx;
    return t.now;
}

/* Both event threads and the relay, until nobody has anything to do. */
static void settle(void)
{
    bool more = true;
    for (unsigned i = 0; more; i++) {
        assert_true(i < 1000);
        relay_signalled(&t.relay, t.to_relay);
        t.to_relay = 0;
        more = relay_run(&t.relay);
        uint32_t signals = t.to_guest;
        t.to_guest = 0;
        for (unsigned g = 0; g < GUESTS; g++) {
            if ((signals & 1u << g) != 0) {
                more |= virtio_vsock_link_event(&t.guest[g].device);
            }
        }
        more |= t.to_relay != 0 || t.to_guest != 0;
    }
}

static void start_relay(void)
{
    relay_init(&t.relay, &(struct relay_runner){
                             .signal = signal_guest,
                             .now = now,
                             .roster = &t.roster,
                             .links = (uint8_t *)t.link,
                             .link_stride = sizeof *t.link,
                             .counter_hz = HZ,
                         });
    relay_roster_changed(&t.relay);
}

/* Root and the VMM start a VM. */
static void start_guest(unsigned number)
{
    struct guest *guest = &t.guest[number];
    struct vsock_port_info *info = &t.roster.port[number];
    atomic_fetch_or(&info->generation, 1);
    relay_roster_changed(&t.relay);
    vsock_link_format(&t.link[number]);
    info->starts++;
    info->started = t.now;
    atomic_fetch_add(&info->generation, 1);
    relay_roster_changed(&t.relay);
    guest->number = number;
    driver_init(&guest->d);
    assert_true(virtio_vsock_link_init(&guest->device, &(struct virtio_vsock_link_setup){
                                                           .link = &t.link[number],
                                                           .signal = signal_relay,
                                                           .ctx = guest,
                                                           .guest_cid = cids[number],
                                                           .ram = &guest->d.ram,
                                                           .port = &guest->d.port,
                                                           .mutex_id = number,
                                                       }));
    driver_attach(&guest->d, &guest->device.vsock.device);
    assert_true(driver_start(&guest->d, VIRTIO_F_RING_PACKED));
    guest->received = 0;
}

static int set_up(void **state)
{
    (void)state;
    memset(&t, 0, sizeof t);
    t.link = calloc(VSOCK_PORT_MAX, sizeof *t.link);
    assert_non_null(t.link);
    t.now = 1000 * HZ;
    t.roster = (struct vsock_roster){.magic = VSOCK_ROSTER_MAGIC, .version = VSOCK_ROSTER_VERSION};
    for (unsigned i = 0; i < GUESTS; i++) {
        t.roster.port[i] = (struct vsock_port_info){.cid = cids[i], .is_used = 1};
        t.roster.port[i].name[0] = (char)('a' + i);
    }
    t.roster.port[0].reaches = 1u << 1; /* a may connect to b, and that is all */
    assert_true(relay_roster_valid(&t.roster));
    start_relay();
    for (unsigned i = 0; i < GUESTS; i++) {
        start_guest(i);
    }
    settle();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    for (unsigned i = 0; i < GUESTS; i++) {
        driver_fini(&t.guest[i].d);
    }
    free(t.link);
    return 0;
}

/* ---- a guest -----------------------------------------------------------------------------------
 */

/* The guest sends; from and to are ports. */
static void send_with(unsigned number, uint64_t cid, uint32_t from, uint32_t to, struct header h,
                      const void *payload)
{
    struct guest *guest = &t.guest[number];
    uint8_t packet[sizeof h + 20000];
    h.source_cid = cids[number];
    h.target_cid = cid;
    h.source_port = from;
    h.target_port = to;
    h.type = 1;
    h.alloc = ALLOC;
    h.forwarded = guest->received;
    memcpy(packet, &h, sizeof h);
    if (h.length != 0) {
        memcpy(packet + sizeof h, payload, h.length);
    }
    assert_int_equal(driver_request(&guest->d, TX, packet, (uint32_t)sizeof h + h.length, NULL, 0),
                     0);
    settle();
}

static void send(unsigned number, uint64_t cid, uint32_t from, uint32_t to, uint16_t operation)
{
    send_with(number, cid, from, to, (struct header){.operation = operation}, NULL);
}

static void shut(unsigned number, uint64_t cid, uint32_t from, uint32_t to, uint32_t flags)
{
    send_with(number, cid, from, to, (struct header){.operation = SHUTDOWN, .flags = flags}, NULL);
}

static void send_data(unsigned number, uint64_t cid, uint32_t from, uint32_t to, const void *bytes,
                      uint32_t count)
{
    send_with(number, cid, from, to, (struct header){.operation = RW, .length = count}, bytes);
}

/* A packet for the guest: its operation; -1: there is none, and its driver is started anew. */
static int receive(unsigned number)
{
    struct guest *guest = &t.guest[number];
    uint8_t packet[sizeof guest->packet + ROOM];
    uint32_t got = driver_request(&guest->d, RX, NULL, 0, packet, sizeof packet);
    if (got == FAKE_NO_ANSWER) {
        return -1;
    }
    assert_in_range(got, sizeof guest->packet, sizeof packet);
    memcpy(&guest->packet, packet, sizeof guest->packet);
    memcpy(guest->payload, packet + sizeof guest->packet, got - sizeof guest->packet);
    assert_int_equal(guest->packet.length, got - sizeof guest->packet);
    guest->received += guest->packet.length;
    settle();
    return guest->packet.operation;
}

static void expect(unsigned number, uint16_t operation, uint64_t cid)
{
    assert_int_equal(receive(number), operation);
    assert_int_equal(t.guest[number].packet.source_cid, cid);
}

/* a connects from its port to b's PORT. */
static void connect(uint32_t from)
{
    send(0, cids[1], from, PORT, REQUEST);
    expect(1, REQUEST, cids[0]);
    assert_int_equal(t.guest[1].packet.source_port, from);
    assert_int_equal(t.guest[1].packet.target_port, PORT);
    send(1, cids[0], PORT, from, RESPONSE);
    expect(0, RESPONSE, cids[1]);
    assert_int_equal(t.guest[0].packet.target_port, from);
}

/* Nothing of a connection is left anywhere. */
static void expect_nothing_left(void)
{
    settle();
    for (unsigned g = 0; g < GUESTS; g++) {
        for (unsigned i = 0; i < VIRTIO_VSOCK_CONNECTIONS; i++) {
            assert_int_equal(t.guest[g].device.end[i].phase, VSOCK_END_NONE);
        }
        for (unsigned i = 0; i < VSOCK_CHANNELS; i++) {
            assert_int_equal(t.guest[g].device.client.channel[i].phase, VSOCK_CHANNEL_FREE);
            assert_int_equal(t.relay.port[g].leg[i].phase, LEG_FREE);
        }
        assert_int_equal(t.guest[g].device.client.broken, 0);
    }
}

/* ---- tests -------------------------------------------------------------------------------------
 */

static void guests_talk_and_leave(void **state)
{
    (void)state;
    connect(1000);
    send_data(0, cids[1], 1000, PORT, "ping", 4);
    expect(1, RW, cids[0]);
    assert_memory_equal(t.guest[1].payload, "ping", 4);
    send_data(1, cids[0], PORT, 1000, "pong!", 5);
    expect(0, RW, cids[1]);
    assert_memory_equal(t.guest[0].payload, "pong!", 5);
    /* Half of it ends; the other half goes on. */
    shut(0, cids[1], 1000, PORT, 2);
    expect(1, SHUTDOWN, cids[0]);
    assert_int_equal(t.guest[1].packet.flags, 2);
    send_data(1, cids[0], PORT, 1000, "more", 4);
    expect(0, RW, cids[1]);
    /* b closes: a hears of it, and answers. */
    shut(1, cids[0], PORT, 1000, 3);
    expect(1, RST, cids[0]);
    while (receive(0) == SHUTDOWN && t.guest[0].packet.flags != 3) {
    }
    assert_int_equal(t.guest[0].packet.operation, SHUTDOWN);
    assert_int_equal(t.guest[0].packet.flags, 3);
    send(0, cids[1], 1000, PORT, RST);
    expect_nothing_left();
}

static void who_may_not_is_refused(void **state)
{
    (void)state;
    static const struct {
        unsigned guest;
        uint64_t cid;
        uint32_t port;
    } refused[] = {
        {0, 0xfffffffe,     PORT               }, /* not in its description */
        {1, 3,              PORT               }, /* the other way */
        {2, 3,              PORT               },
        {0, 3,              PORT               },
        {0, 99,             PORT               },
        {0, 0,              PORT               },
        {0, 1,              PORT               },
        {0, VSOCK_HOST_CID, VSOCK_HOST_PORT + 1},
        {0, 0x100000004,    PORT               },
    };
    for (unsigned i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        send(refused[i].guest, refused[i].cid, 7, refused[i].port, REQUEST);
        expect(refused[i].guest, RST, refused[i].cid);
        assert_int_equal(t.guest[refused[i].guest].packet.source_port, refused[i].port);
    }
    for (unsigned i = 0; i < GUESTS; i++) {
        assert_int_equal(t.guest[i].device.vsock.device.counter[VIRTIO_COUNT_INTERRUPT] != 0, true);
    }
    /* Nobody listens at b's. */
    send(0, cids[1], 7, 81, REQUEST);
    expect(1, REQUEST, cids[0]);
    send(1, cids[0], 81, 7, RST);
    expect(0, RST, cids[1]);
    expect_nothing_left();
}

static uint8_t pattern(uint32_t i)
{
    return (uint8_t)(i * 31 + i / 253);
}

/* b does not read for a while; a sends as much as it may, and all arrives in order. */
static void a_stream_arrives_whole_at_a_slow_reader(void **state)
{
    (void)state;
    static uint8_t bytes[STREAM];
    for (uint32_t i = 0; i < STREAM; i++) {
        bytes[i] = pattern(i);
    }
    connect(1000);
    uint32_t sent = 0, got = 0, full = 0;
    for (unsigned turn = 0; got < STREAM; turn++) {
        send(0, cids[1], 1000, PORT, CREDIT_REQUEST);
        expect(0, CREDIT_UPDATE, cids[1]);
        uint32_t credit = VIRTIO_VSOCK_BUFFER - (sent - t.guest[0].packet.forwarded);
        uint32_t piece = credit < 3001 ? credit : 3001;
        piece = piece < STREAM - sent ? piece : STREAM - sent;
        full += credit == 0;
        /* b sleeps for some turns, until nothing goes any more. */
        if (piece != 0 && (turn % 64 < 32 || got == sent)) {
            send_data(0, cids[1], 1000, PORT, bytes + sent, piece);
            sent += piece;
        } else if (got != sent) {
            send(1, cids[0], PORT, 1000, CREDIT_UPDATE);
            int operation = receive(1);
            assert_true(operation == RW || operation == CREDIT_REQUEST);
            const struct guest *b = &t.guest[1];
            assert_memory_equal(b->payload, bytes + got, b->packet.length);
            got += b->packet.length;
        }
    }
    assert_in_range(full, 10, 1000);
}

/* What was sent before the end comes before the end, though nobody is left who could send it. */
static void a_closed_connection_delivers_what_it_has(void **state)
{
    (void)state;
    static uint8_t bytes[8000];
    for (uint32_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = pattern(i);
    }
    connect(1000);
    send_data(0, cids[1], 1000, PORT, bytes, sizeof bytes);
    shut(0, cids[1], 1000, PORT, 3);
    expect(0, RST, cids[1]);
    uint32_t got = 0;
    int operation;
    while ((operation = receive(1)) == RW ||
           (operation == SHUTDOWN && t.guest[1].packet.flags != 3)) {
        assert_memory_equal(t.guest[1].payload, bytes + got, t.guest[1].packet.length);
        got += t.guest[1].packet.length;
    }
    assert_int_equal(operation, SHUTDOWN);
    assert_int_equal(got, sizeof bytes);
    send(1, cids[0], PORT, 1000, RST);
    expect_nothing_left();
}

static void the_host_answers(void **state)
{
    (void)state;
    t.now += 77 * HZ;
    send(2, VSOCK_HOST_CID, 5, VSOCK_HOST_PORT, REQUEST);
    expect(2, RESPONSE, VSOCK_HOST_CID);
    static const char question[] = "name\r\n\ncid\nuptime\nstarts\nx\n";
    static const char answer[] = "ok c\nok 4294967294\nok 77\nok 1\nerror no such word, try help\n";
    send_data(2, VSOCK_HOST_CID, 5, VSOCK_HOST_PORT, question, sizeof question - 1);
    expect(2, RW, VSOCK_HOST_CID);
    assert_int_equal(t.guest[2].packet.length, sizeof answer - 1);
    assert_memory_equal(t.guest[2].payload, answer, sizeof answer - 1);
    /* The end of the guest's half is the end of the connection. */
    shut(2, VSOCK_HOST_CID, 5, VSOCK_HOST_PORT, 2);
    int operation;
    while ((operation = receive(2)) == SHUTDOWN && t.guest[2].packet.flags != 3) {
    }
    assert_int_equal(operation, SHUTDOWN);
    send(2, VSOCK_HOST_CID, 5, VSOCK_HOST_PORT, RST);
    expect_nothing_left();
}

/* One of the two VMs is made anew, or stops for good. */
static void a_vm_that_goes_away_resets_its_peers(void **state)
{
    (void)state;
    connect(1000);
    send(0, VSOCK_HOST_CID, 5, VSOCK_HOST_PORT, REQUEST);
    expect(0, RESPONSE, VSOCK_HOST_CID);
    driver_fini(&t.guest[1].d);
    start_guest(1);
    settle();
    expect(0, RST, cids[1]);
    send_data(0, VSOCK_HOST_CID, 5, VSOCK_HOST_PORT, "starts\n", 7);
    expect(0, RW, VSOCK_HOST_CID); /* the others are untouched */
    connect(1000);
    send_data(0, cids[1], 1000, PORT, "ping", 4);
    expect(1, RW, cids[0]);
    atomic_fetch_or(&t.roster.port[1].generation, 1);
    relay_roster_changed(&t.relay);
    settle();
    expect(0, RST, cids[1]);
    send(0, cids[1], 1001, PORT, REQUEST);
    expect(0, RST, cids[1]);
}

static void a_relay_that_is_made_anew_resets_all(void **state)
{
    (void)state;
    struct guest *a = &t.guest[0];
    connect(1000);
    uint32_t event = ~0u;
    assert_int_equal(driver_request(&a->d, EVENT, NULL, 0, &event, 4), FAKE_NO_ANSWER);
    /* Root tells of its death; the next one may never come. */
    for (unsigned i = 0; i < GUESTS; i++) {
        vsock_link_detach(&t.link[i]);
        virtio_vsock_link_event(&t.guest[i].device);
    }
    uint16_t id;
    uint32_t written;
    assert_true(driver_take(&a->d, EVENT, &id, &written));
    assert_int_equal(written, 4);
    send(0, cids[1], 1001, PORT, REQUEST);
    expect(0, RST, cids[1]);
    start_relay();
    settle();
    expect_nothing_left();
    connect(1000);
    send_data(0, cids[1], 1000, PORT, "ping", 4);
    expect(1, RW, cids[0]);
}

/* A guest that does not answer, and one that does not read. */
static void nobody_waits_for_ever(void **state)
{
    (void)state;
    send(0, cids[1], 1000, PORT, REQUEST);
    assert_true(relay_alarm(&t.relay) <= t.now + VSOCK_OFFER_S * HZ);
    t.now = relay_alarm(&t.relay);
    settle();
    expect(0, RST, cids[1]);
    expect(1, RST, cids[0]);
    send(1, cids[0], PORT, 1000, RESPONSE);
    expect(1, RST, cids[0]);
    expect_nothing_left();

    static const uint8_t bytes[8192];
    connect(1001);
    for (unsigned i = 0; i < 5; i++) { /* more than the ring to b holds */
        send_data(0, cids[1], 1001, PORT, bytes, sizeof bytes);
    }
    shut(0, cids[1], 1001, PORT, 2);
    send(0, cids[1], 1001, PORT, RST);
    t.now += VSOCK_LINGER_S * HZ;
    settle();
    int operation;
    while ((operation = receive(1)) == RW || operation == SHUTDOWN) {
    }
    assert_int_equal(operation, RST);
    expect_nothing_left();
    assert_int_equal(relay_alarm(&t.relay), UINT64_MAX);
}

static void a_guest_that_changes_its_mind(void **state)
{
    (void)state;
    send(0, cids[1], 1000, PORT, REQUEST);
    send(0, cids[1], 1000, PORT, RST);
    expect(1, RST, cids[0]);
    expect_nothing_left();
    /* b answers while the withdrawal is on its way: that it was too late comes as a reset. */
    send(0, cids[1], 1000, PORT, REQUEST);
    expect(1, REQUEST, cids[0]);
    shut(0, cids[1], 1000, PORT, 3);
    expect(0, RST, cids[1]);
    send(1, cids[0], PORT, 1000, RESPONSE);
    expect(1, RST, cids[0]);
    expect_nothing_left();
}

static void connections_come_and_go_more_often_than_there_are_channels(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 5 * VSOCK_CHANNELS; i++) {
        connect(2000 + i);
        send(0, cids[1], 2000 + i, PORT, RST);
        while (receive(1) == SHUTDOWN && t.guest[1].packet.flags != 3) {
        }
        send(1, cids[0], PORT, 2000 + i, RST);
    }
    expect_nothing_left();
    /* All at once, to the last. */
    for (uint32_t i = 0; i < VIRTIO_VSOCK_CONNECTIONS; i++) {
        connect(3000 + i);
    }
    send(0, cids[1], 9, PORT, REQUEST);
    expect(0, RST, cids[1]);
    send(0, cids[1], 3003, PORT, RST);
    send(0, VSOCK_HOST_CID, 9, VSOCK_HOST_PORT, REQUEST);
    expect(0, RESPONSE, VSOCK_HOST_CID);
}

/* A driver's reset closes what it had. */
static void a_driver_starts_anew(void **state)
{
    (void)state;
    connect(1000);
    assert_true(driver_start(&t.guest[0].d, VIRTIO_F_RING_PACKED));
    settle();
    while (receive(1) == SHUTDOWN && t.guest[1].packet.flags != 3) {
    }
    send(1, cids[0], PORT, 1000, RST);
    expect_nothing_left();
    connect(1000);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(guests_talk_and_leave),
        TEST(who_may_not_is_refused),
        TEST(a_stream_arrives_whole_at_a_slow_reader),
        TEST(a_closed_connection_delivers_what_it_has),
        TEST(the_host_answers),
        TEST(a_vm_that_goes_away_resets_its_peers),
        TEST(a_relay_that_is_made_anew_resets_all),
        TEST(nobody_waits_for_ever),
        TEST(a_guest_that_changes_its_mind),
        TEST(connections_come_and_go_more_often_than_there_are_channels),
        TEST(a_driver_starts_anew),
    };
    return cmocka_run_group_tests_name("sockets", tests, NULL, NULL);
}
