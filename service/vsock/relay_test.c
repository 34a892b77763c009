// SPDX-License-Identifier: BSD-2-Clause
/* What clients may not do. What they may is in test/vsock_test.c, with their devices. */
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
// clang-format on

#include "service/vsock/relay.h"

#include <stdlib.h>
#include <string.h>

#include "link/vsock_client.h"

enum { A, B, PORTS, HZ = 100 };

static struct {
    struct vsock_link *link;
    struct vsock_roster roster;
    struct relay relay;
    struct vsock_client client[PORTS];
    uint64_t now;
    uint32_t to_relay, signalled;
} t;

static void signal_client(void *ctx, unsigned port)
{
    (void)ctx;
    assert_true(port < PORTS);
    t.signalled |= 1u << port;
}

static void signal_relay(void *ctx)
{
    t.to_relay |= 1u << ((struct vsock_client *)ctx - t.client);
}

static uint64_t now(void *ctx)
{
    (void)ctx;
    return t.now;
}

static void settle(void)
{
    for (unsigned i = 0; i < PORTS; i++) {
        vsock_client_flush(&t.client[i]);
    }
    relay_signalled(&t.relay, t.to_relay);
    t.to_relay = 0;
    for (unsigned i = 0; relay_run(&t.relay); i++) {
        assert_true(i < 100);
    }
}

static void start(unsigned port)
{
    vsock_link_format(&t.link[port]);
    atomic_fetch_add(&t.roster.port[port].generation, 2);
    relay_roster_changed(&t.relay);
    settle();
    assert_true(vsock_client_open(&t.client[port], &t.link[port], signal_relay, &t.client[port]));
    assert_true(vsock_client_attach(&t.client[port]));
    assert_false(vsock_client_attach(&t.client[port]));
    settle();
}

static int set_up(void **state)
{
    (void)state;
    memset(&t, 0, sizeof t);
    t.link = calloc(VSOCK_PORT_MAX, sizeof *t.link);
    t.now = 1;
    t.roster = (struct vsock_roster){.magic = VSOCK_ROSTER_MAGIC, .version = VSOCK_ROSTER_VERSION};
    t.roster.port[A] = (struct vsock_port_info){"a", 3, 1, 1u << B, 0, 1, 0, 0};
    t.roster.port[B] = (struct vsock_port_info){"b", 4, 1, 1u << A, 0, 1, 0, 0};
    relay_init(&t.relay, &(struct relay_runner){signal_client, now, NULL, &t.roster,
                                                (uint8_t *)t.link, sizeof *t.link, HZ});
    relay_roster_changed(&t.relay);
    start(A);
    start(B);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    free(t.link);
    return 0;
}

static void expect(unsigned port, unsigned operation, struct vsock_record *r)
{
    assert_true(vsock_client_next(&t.client[port], r));
    assert_int_equal(r->operation, operation);
}

/* A connection from A to B; channel[] of each. */
static void connect(int channel[PORTS])
{
    struct vsock_record r;
    channel[A] = vsock_client_ask(&t.client[A], &(struct vsock_address){4, 80, 1000});
    assert_true(channel[A] >= 0);
    settle();
    expect(B, VSOCK_LINK_OFFER, &r);
    assert_int_equal(r.address.far_cid, 3);
    assert_int_equal(r.address.far_port, 1000);
    assert_int_equal(r.address.guest_port, 80);
    channel[B] = vsock_client_take(&t.client[B], r.offer);
    settle();
    expect(A, VSOCK_LINK_ACCEPT, &r);
}

static void write_record(unsigned port, struct vsock_record r)
{
    assert_true(vsock_record_write(&t.client[port].out, &r, &t.client[port].due));
    t.to_relay |= 1u << port;
    settle();
}

/* The client is told to begin anew, and who is connected with it that this is over. */
static void expect_broken(int b_channel)
{
    struct vsock_record r;
    uint32_t life = t.client[A].life;
    assert_int_equal(atomic_load(&t.link[A].service_life), vsock_next_life(life));
    assert_true((t.signalled & 1u << A) != 0);
    expect(B, VSOCK_LINK_CLOSE, &r);
    assert_int_equal(r.channel, b_channel);
    assert_int_equal(r.flags, VSOCK_LINK_RESET);
    vsock_client_close(&t.client[B], (unsigned)b_channel);
    assert_true(vsock_client_attach(&t.client[A]));
    settle();
    assert_false(vsock_client_next(&t.client[B], &r));
    assert_int_equal(t.client[B].broken, 0);
}

static void records_out_of_place_break_the_link(void **state)
{
    (void)state;
    int channel[PORTS];
    connect(channel);
    uint8_t used = (uint8_t)channel[A], other = (uint8_t)(used + 1);
    /* clang-format 14 dies of these columns. */
    // clang-format off
    const struct vsock_record wrong[] = {
        {.operation = 0},
        {.operation = VSOCK_LINK_ACCEPT, .channel = used},
        {.operation = VSOCK_LINK_OFFER},
        {.operation = VSOCK_LINK_WITHDRAW},
        {.operation = 255},
        {.operation = VSOCK_LINK_OPEN, .channel = used},
        {.operation = VSOCK_LINK_OPEN, .channel = VSOCK_CHANNELS},
        {.operation = VSOCK_LINK_TAKE, .channel = used},
        {.operation = VSOCK_LINK_TAKE, .channel = 255},
        {.operation = VSOCK_LINK_END, .channel = other},
        {.operation = VSOCK_LINK_CLOSE, .channel = other},
    };
    // clang-format on
    for (unsigned i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        write_record(A, wrong[i]);
        expect_broken(channel[B]);
        connect(channel);
        assert_int_equal(channel[A], used);
    }
}

static void indices_that_cannot_be_break_the_link(void **state)
{
    (void)state;
    int channel[PORTS];
    for (unsigned i = 0; i < 5; i++) {
        connect(channel);
        struct vsock_channel *c = &t.link[A].channel[channel[A]];
        vsock_client_write(&t.client[B], (unsigned)channel[B], (const uint8_t *)"x", i == 3);
        switch (i) {
        case 0:
            atomic_store(&t.link[A].to_service.head, VSOCK_CONTROL_BYTES + 4096);
            break;
        case 1: /* half a record */
            atomic_fetch_add(&t.link[A].to_service.head, 8);
            break;
        case 2:
            atomic_store(&c->to_service.head, 0x80000000);
            break;
        case 3:
            atomic_store(&c->to_client.tail, 0x80000000);
            break;
        default: /* it leaves by itself */
            atomic_store(&t.link[A].client_life, 0);
            break;
        }
        t.to_relay |= 1u << A;
        settle();
        expect_broken(channel[B]);
    }
}

static void nobody_takes_what_is_anothers(void **state)
{
    (void)state;
    struct vsock_record r;
    int channel = vsock_client_ask(&t.client[A], &(struct vsock_address){4, 80, 1000});
    settle();
    expect(B, VSOCK_LINK_OFFER, &r);
    uint32_t offer = r.offer;
    /* A takes the offer that it has made itself, and some that nobody has made. */
    const uint32_t offers[] = {offer, offer + 0x10000, offer | 0xff, offer | 0xff00, 0};
    for (unsigned i = 0; i < sizeof offers / sizeof offers[0]; i++) {
        unsigned port = i == 0 ? A : B;
        int taken = vsock_client_take(&t.client[port], offers[i]);
        assert_true(taken >= 0);
        vsock_client_refuse(&t.client[port], offers[i] + (i == 0 ? 0 : 0x30000));
        settle();
        expect(port, VSOCK_LINK_CLOSE, &r);
        assert_int_equal(r.channel, taken);
        assert_int_equal(r.flags, VSOCK_LINK_RESET);
        vsock_client_close(&t.client[port], (unsigned)taken);
        settle();
    }
    assert_int_equal(t.client[A].channel[channel].phase, VSOCK_CHANNEL_ASKED);
    assert_true(vsock_client_take(&t.client[B], offer) >= 0);
    settle();
    expect(A, VSOCK_LINK_ACCEPT, &r);
    /* Once. */
    int again = vsock_client_take(&t.client[B], offer);
    settle();
    expect(B, VSOCK_LINK_CLOSE, &r);
    assert_int_equal(r.channel, again);
}

/* B's VMM sleeps; A asks and gives up, again and again. What is B's own still has room. */
static void offers_do_not_fill_a_sleepers_ring(void **state)
{
    (void)state;
    struct vsock_record r;
    unsigned offers = 0, withdrawn = 0, refused = 0;
    for (unsigned i = 0; i < 1000; i++) {
        int channel = vsock_client_ask(&t.client[A], &(struct vsock_address){4, 80, i});
        assert_true(channel >= 0);
        settle();
        if (vsock_client_next(&t.client[A], &r)) {
            assert_int_equal(r.operation, VSOCK_LINK_CLOSE);
            refused++;
        }
        vsock_client_close(&t.client[A], (unsigned)channel);
        settle();
        while (vsock_client_next(&t.client[A], &r)) {
        }
    }
    assert_true(ring_used(&t.client[B].in) <= VSOCK_CONTROL_BYTES / 2);
    while (vsock_client_next(&t.client[B], &r)) {
        offers += r.operation == VSOCK_LINK_OFFER;
        withdrawn += r.operation == VSOCK_LINK_WITHDRAW;
    }
    assert_int_equal(offers + refused, 1000);
    assert_in_range(offers, 10, VSOCK_CONTROL_BYTES / sizeof r);
    assert_int_equal(withdrawn, offers);
    assert_int_equal(t.client[A].broken + t.client[B].broken, 0);
}

static void a_stopped_client_is_left_alone(void **state)
{
    (void)state;
    int channel[PORTS];
    struct vsock_record r;
    connect(channel);
    atomic_fetch_or(&t.roster.port[A].generation, 1);
    relay_roster_changed(&t.relay);
    settle();
    expect(B, VSOCK_LINK_CLOSE, &r);
    memset(&t.link[A], 0xa5, sizeof t.link[A]);
    struct vsock_link *before = malloc(sizeof *before);
    memcpy(before, &t.link[A], sizeof *before);
    t.to_relay |= 1u << A; /* a signal that was on its way */
    settle();
    assert_memory_equal(before, &t.link[A], sizeof *before);
    free(before);
}

/* Root stops a VM and starts it again before the relay looks. */
static void a_restart_between_two_looks_is_noticed(void **state)
{
    (void)state;
    int channel[PORTS];
    struct vsock_record r;
    connect(channel);
    start(A);
    expect(B, VSOCK_LINK_CLOSE, &r);
    assert_int_equal(r.flags, VSOCK_LINK_RESET);
    vsock_client_close(&t.client[B], (unsigned)channel[B]);
    settle();
    connect(channel);
}

/* A closes while B's ring is full and some of A's bytes are left; B has still much to say. */
static void who_has_closed_takes_no_room(void **state)
{
    (void)state;
    static uint8_t bytes[VSOCK_RING_BYTES];
    int channel[PORTS];
    connect(channel);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(
            vsock_client_write(&t.client[A], (unsigned)channel[A], bytes, sizeof bytes),
            sizeof bytes);
        settle();
    }
    vsock_client_close(&t.client[A], (unsigned)channel[A]);
    settle();
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(
            vsock_client_write(&t.client[B], (unsigned)channel[B], bytes, sizeof bytes),
            sizeof bytes);
        settle();
    }
    uint32_t got = 0, more;
    while ((more = vsock_client_read(&t.client[B], (unsigned)channel[B], bytes, 1000)) != 0) {
        got += more;
        settle();
    }
    assert_int_equal(got, 2 * sizeof bytes);
    assert_int_equal(relay_alarm(&t.relay), 1 + VSOCK_LINGER_S * HZ); /* may come for nothing */
}

static void a_roster_is_known_by_its_magic(void **state)
{
    (void)state;
    assert_true(relay_roster_valid(&t.roster));
    t.roster.version++;
    assert_false(relay_roster_valid(&t.roster));
    t.roster = (struct vsock_roster){.version = VSOCK_ROSTER_VERSION};
    assert_false(relay_roster_valid(&t.roster));
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(records_out_of_place_break_the_link),    TEST(indices_that_cannot_be_break_the_link),
        TEST(nobody_takes_what_is_anothers),          TEST(offers_do_not_fill_a_sleepers_ring),
        TEST(a_stopped_client_is_left_alone),         TEST(a_roster_is_known_by_its_magic),
        TEST(a_restart_between_two_looks_is_noticed), TEST(who_has_closed_takes_no_room),
    };
    return cmocka_run_group_tests_name("relay", tests, NULL, NULL);
}
