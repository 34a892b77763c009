// SPDX-License-Identifier: BSD-2-Clause
/* A client and a relay that this test plays. */
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
// clang-format on

#include "link/vsock_client.h"

#include <string.h>

static struct {
    struct vsock_link link;
    struct vsock_client client;
    struct ring from, to; /* the relay's ends */
    unsigned signals;
} t;

static const struct vsock_address address = {4, 80, 1000};

static void signal(void *ctx)
{
    (void)ctx;
    t.signals++;
}

static void begin_life(void)
{
    atomic_store(&t.link.service_life, vsock_next_life(atomic_load(&t.link.service_life)));
    assert_true(vsock_client_attach(&t.client));
    ring_open_consumer(&t.from, &t.link.to_service, t.link.to_service_data, VSOCK_CONTROL_BYTES);
    ring_open_producer(&t.to, &t.link.to_client, t.link.to_client_data, VSOCK_CONTROL_BYTES);
}

static int set_up(void **state)
{
    (void)state;
    memset(&t, 0x5a, sizeof t);
    t.signals = 0;
    assert_false(vsock_client_open(&t.client, &t.link, signal, NULL));
    vsock_link_format(&t.link);
    assert_true(vsock_client_open(&t.client, &t.link, signal, NULL));
    return 0;
}

static void expect(unsigned operation, int channel)
{
    struct vsock_record r;
    bool due = false;
    assert_true(vsock_record_read(&t.from, &r, &due));
    assert_int_equal(r.operation, operation);
    if (channel >= 0) {
        assert_int_equal(r.channel, channel);
    }
}

/* What the client makes of a record: true if it passes it on. */
static bool tell(unsigned operation, unsigned channel, unsigned flags)
{
    const struct vsock_record r = {
        .operation = (uint8_t)operation, .channel = (uint8_t)channel, .flags = (uint8_t)flags};
    struct vsock_record got;
    bool due = false;
    assert_true(vsock_record_write(&t.to, &r, &due));
    return vsock_client_next(&t.client, &got) && got.operation == operation;
}

static void nothing_goes_without_a_relay(void **state)
{
    (void)state;
    struct vsock_record r;
    assert_false(vsock_client_attach(&t.client));
    assert_int_equal(vsock_client_ask(&t.client, &address), -1);
    assert_int_equal(vsock_client_take(&t.client, 1), -1);
    vsock_client_refuse(&t.client, 1);
    assert_false(vsock_client_next(&t.client, &r));
    begin_life();
    assert_int_equal(atomic_load(&t.link.client_life), 1);
    vsock_client_flush(&t.client);
    vsock_client_flush(&t.client);
    assert_int_equal(t.signals, 1);
    /* Root says that it is dead: once, and another one is another life. */
    assert_int_equal(vsock_client_ask(&t.client, &address), 0);
    vsock_link_detach(&t.link);
    vsock_link_detach(&t.link);
    assert_true(vsock_client_attach(&t.client));
    assert_false(vsock_client_attach(&t.client));
    assert_int_equal(vsock_client_ask(&t.client, &address), -1);
    begin_life();
    assert_int_equal(atomic_load(&t.link.client_life), 3);
    assert_int_equal(vsock_client_ask(&t.client, &address), 0);
}

static void a_channel_is_free_when_both_have_closed(void **state)
{
    (void)state;
    begin_life();
    /* We first. */
    int channel = vsock_client_ask(&t.client, &address);
    expect(VSOCK_LINK_OPEN, channel);
    assert_true(tell(VSOCK_LINK_ACCEPT, (unsigned)channel, 0));
    vsock_client_close(&t.client, (unsigned)channel);
    expect(VSOCK_LINK_CLOSE, channel);
    assert_int_not_equal(vsock_client_ask(&t.client, &address), channel);
    assert_false(tell(VSOCK_LINK_END, (unsigned)channel, 1)); /* it was on its way */
    assert_false(tell(VSOCK_LINK_CLOSE, (unsigned)channel, 0));
    assert_int_equal(vsock_client_take(&t.client, 5), channel);
    /* The relay first. */
    assert_true(tell(VSOCK_LINK_CLOSE, (unsigned)channel, 0));
    assert_int_not_equal(vsock_client_ask(&t.client, &address), channel);
    vsock_client_close(&t.client, (unsigned)channel);
    assert_int_equal(vsock_client_ask(&t.client, &address), channel);
    assert_int_equal(t.client.broken, 0);
}

static void there_are_so_many_channels(void **state)
{
    (void)state;
    begin_life();
    for (int i = 0; i < VSOCK_CHANNELS; i++) {
        assert_int_equal(vsock_client_ask(&t.client, &address), i);
    }
    assert_int_equal(vsock_client_ask(&t.client, &address), -1);
    assert_int_equal(vsock_client_take(&t.client, 1), -1);
    assert_true(t.client.is_there);
}

static void bytes_go_both_ways(void **state)
{
    (void)state;
    struct ring far;
    bool due = false;
    static uint8_t bytes[VSOCK_RING_BYTES + 10];
    begin_life();
    unsigned channel = (unsigned)vsock_client_ask(&t.client, &address);
    assert_int_equal(vsock_client_write(&t.client, channel, bytes, 1), 0); /* not accepted yet */
    assert_true(tell(VSOCK_LINK_ACCEPT, channel, 0));
    assert_int_equal(vsock_client_write(&t.client, channel, bytes, sizeof bytes), VSOCK_RING_BYTES);
    assert_int_equal(atomic_load(&t.link.channel[channel].to_service.producer_wants), 1);
    assert_int_equal(vsock_client_read(&t.client, channel, bytes, 10), 0);
    assert_int_equal(atomic_load(&t.link.channel[channel].to_client.consumer_wants), 1);
    ring_open_producer(&far, &t.link.channel[channel].to_client, t.link.data[channel].to_client,
                       VSOCK_RING_BYTES);
    ring_write(&far, "abc", 3, &due);
    assert_true(due);
    /* What was there before the end is read behind it, but nothing is written. */
    assert_true(tell(VSOCK_LINK_CLOSE, channel, 0));
    assert_int_equal(vsock_client_write(&t.client, channel, bytes, 1), 0);
    assert_int_equal(vsock_client_read(&t.client, channel, bytes, 10), 3);
    assert_memory_equal(bytes, "abc", 3);
}

/* Each of them makes the client leave, and the relay's next life brings it back. */
static void a_relay_that_breaks_a_rule_is_left(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 11; i++) {
        begin_life();
        unsigned asked = (unsigned)vsock_client_ask(&t.client, &address);
        unsigned open = (unsigned)vsock_client_take(&t.client, 7);
        struct vsock_record r;
        uint8_t byte = 0;
        switch (i) {
        case 0:
            tell(0, 0, 0);
            break;
        case 1:
            tell(VSOCK_LINK_OPEN, asked, 0);
            break;
        case 2:
            tell(VSOCK_LINK_ACCEPT, open, 0);
            break;
        case 3:
            tell(VSOCK_LINK_ACCEPT, VSOCK_CHANNELS, 0);
            break;
        case 4:
            tell(VSOCK_LINK_END, asked, 1);
            break;
        case 5:
            tell(VSOCK_LINK_CLOSE, 30, 0);
            break;
        case 6: /* twice */
            assert_true(tell(VSOCK_LINK_CLOSE, open, 0));
            tell(VSOCK_LINK_CLOSE, open, 0);
            break;
        case 7: /* half a record */
            atomic_store(&t.link.to_client.head, 16);
            assert_false(vsock_client_next(&t.client, &r));
            break;
        case 8:
            atomic_store(&t.link.channel[open].to_client.head, 0x40000000);
            assert_int_equal(vsock_client_read(&t.client, open, &byte, 1), 0);
            break;
        case 9:
            atomic_store(&t.link.channel[open].to_service.tail, 0x40000000);
            assert_int_equal(vsock_client_write(&t.client, open, &byte, 1), 0);
            break;
        default: /* it never reads */
            for (unsigned n = 0; n < VSOCK_CONTROL_BYTES / sizeof r; n++) {
                vsock_client_refuse(&t.client, n);
            }
            break;
        }
        assert_false(t.client.is_there);
        assert_int_equal(t.client.broken, i + 1);
        assert_int_equal(atomic_load(&t.link.client_life), 0);
        assert_false(vsock_client_attach(&t.client)); /* not before the relay begins anew */
        assert_int_equal(vsock_client_ask(&t.client, &address), -1);
    }
    begin_life();
    assert_int_equal(vsock_client_ask(&t.client, &address), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(nothing_goes_without_a_relay, set_up),
        cmocka_unit_test_setup(a_channel_is_free_when_both_have_closed, set_up),
        cmocka_unit_test_setup(there_are_so_many_channels, set_up),
        cmocka_unit_test_setup(bytes_go_both_ways, set_up),
        cmocka_unit_test_setup(a_relay_that_breaks_a_rule_is_left, set_up),
    };
    return cmocka_run_group_tests_name("vsock-client", tests, NULL, NULL);
}
