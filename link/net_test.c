// SPDX-License-Identifier: BSD-2-Clause
#include "link/net.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "test/fake/net.h"

static const uint8_t mac[NET_MAC_BYTES] = {2, 0, 0, 0, 0, 9};

struct fixture {
    struct net_link link;
    struct fake_client client;
    struct ring from, to; /* the service's */
    uint8_t bytes[NET_FRAME_MAX], got[NET_FRAME_MAX];
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    net_link_format(&f->link, mac, 1500);
    fake_client_open(&f->client, &f->link);
    ring_open_consumer(&f->from, &f->link.to_service, f->link.to_service_data, NET_RING_BYTES);
    ring_open_producer(&f->to, &f->link.to_client, f->link.to_client_data, NET_RING_BYTES);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    free(*state);
    return 0;
}

static void parameters_arrive(void **state)
{
    struct fixture *f = *state;
    struct net_parameters p;
    assert_true(net_link_parameters(&f->link, &p));
    assert_memory_equal(p.mac, mac, sizeof mac);
    assert_int_equal(p.mtu, 1500);
    assert_int_equal(p.takes, NET_OFFLOADS);
}

static void parameters_that_cannot_be_are_refused(void **state)
{
    struct fixture *f = *state;
    struct net_parameters p;
    f->link.mac[0] = 3;
    assert_false(net_link_parameters(&f->link, &p));
    f->link.mac[0] = 2;
    f->link.mtu = 67;
    assert_false(net_link_parameters(&f->link, &p));
    f->link.mtu = 9001;
    assert_false(net_link_parameters(&f->link, &p));
    f->link.mtu = 1500;
    f->link.takes = UINT32_MAX & ~1u;
    assert_true(net_link_parameters(&f->link, &p));
    assert_int_equal(p.takes, 0); /* no segmentation without checksums */
    f->link.version++;
    assert_false(net_link_parameters(&f->link, &p));
    f->link.version--;
    f->link.magic++;
    assert_false(net_link_parameters(&f->link, &p));
}

static void heads_that_cannot_be_are_refused(void **state)
{
    (void)state;
    const struct net_head plain = {.length = 60};
    const struct net_head partial = {
        .length = 60, .flags = NET_NEEDS_CSUM, .csum_start = 34, .csum_offset = 16};
    const struct net_head large = {.length = 9000,
                                   .flags = NET_NEEDS_CSUM,
                                   .gso_type = NET_GSO_TCP4,
                                   .gso_size = 1448,
                                   .csum_start = 34,
                                   .csum_offset = 16};
    assert_true(net_head_valid(&plain) && net_head_valid(&partial) && net_head_valid(&large));
    struct net_head h;
#define WITH(base, field, with) (h = (base), h.field = (with), &h)
    assert_true(net_head_valid(WITH(plain, length, NET_FRAME_MIN)));
    assert_false(net_head_valid(WITH(plain, length, NET_FRAME_MIN - 1)));
    assert_false(net_head_valid(WITH(plain, length, 0)));
    assert_true(net_head_valid(WITH(plain, length, NET_FRAME_MAX)));
    assert_false(net_head_valid(WITH(plain, length, NET_FRAME_MAX + 1)));
    assert_false(net_head_valid(WITH(plain, length, UINT32_MAX)));
    assert_false(net_head_valid(WITH(plain, flags, 4)));
    assert_false(net_head_valid(WITH(plain, gso_type, NET_GSO_TCP4)));
    assert_true(net_head_valid(WITH(partial, csum_start, 42)));
    assert_false(net_head_valid(WITH(partial, csum_start, 43)));
    assert_false(net_head_valid(WITH(partial, csum_start, 13)));
    assert_false(net_head_valid(WITH(partial, csum_start, 65535)));
    assert_false(net_head_valid(WITH(partial, csum_offset, 65535)));
    assert_false(net_head_valid(WITH(large, gso_type, 2)));
    assert_false(net_head_valid(WITH(large, gso_type, 0x81)));
    assert_false(net_head_valid(WITH(large, gso_size, 0)));
    assert_false(net_head_valid(WITH(large, gso_size, NET_GSO_SIZE_MIN - 1)));
    assert_false(net_head_valid(WITH(large, header_length, 9001)));
    assert_false(net_head_valid(WITH(large, flags, 0)));
    assert_true(net_head_accepted(&plain, 0));
    assert_false(net_head_accepted(&partial, 0));
    assert_true(net_head_accepted(&partial, NET_OFFLOAD_CSUM));
    assert_false(net_head_accepted(&large, NET_OFFLOAD_CSUM | NET_OFFLOAD_TSO6));
    assert_true(net_head_accepted(&large, NET_OFFLOAD_CSUM | NET_OFFLOAD_TSO4));
    assert_false(net_head_accepted(&large, NET_OFFLOAD_TSO4));
}

static void frames_of_all_lengths_arrive(void **state)
{
    struct fixture *f = *state;
    struct net_head head;
    bool signal = false;
    /* Odd steps, so that records lie everywhere in the ring and round its end. */
    for (uint32_t length = NET_FRAME_MIN; length <= NET_FRAME_MAX; length += 1 + length / 7) {
        fake_frame(f->bytes, length, 1, 2, (uint8_t)length);
        assert_true(fake_client_send(&f->client, &(struct net_head){.length = length}, f->bytes));
        assert_int_equal(net_peek(&f->from, &head, &signal), NET_FRAME);
        assert_int_equal(head.length, length);
        net_peek_bytes(&f->from, 0, f->got, length);
        assert_memory_equal(f->got, f->bytes, length);
        net_done(&f->from, &head, &signal);
        assert_int_equal(net_peek(&f->from, &head, &signal), NET_EMPTY);
    }
    assert_int_equal(f->from.bad_count, 0);
}

static void a_full_ring_takes_no_part_of_a_frame(void **state)
{
    struct fixture *f = *state;
    const struct net_head head = {.length = 1514};
    struct net_head got;
    unsigned count = 0;
    bool signal = false;
    while (fake_client_send(&f->client, &head, f->bytes)) {
        count++;
    }
    assert_int_equal(count, NET_RING_BYTES / net_record_bytes(1514));
    assert_true(net_wait_for_room(&f->client.out, &head));
    assert_int_equal(net_peek(&f->from, &got, &signal), NET_FRAME);
    net_done(&f->from, &got, &signal);
    assert_true(signal);
    assert_false(net_wait_for_room(&f->client.out, &head));
    assert_true(fake_client_send(&f->client, &head, f->bytes));
}

static void a_frame_that_is_not_published_never_was(void **state)
{
    struct fixture *f = *state;
    struct net_head head = {.length = 100};
    bool signal = false;
    assert_true(net_begin(&f->client.out, &head));
    net_put_bytes(&f->client.out, 0, f->bytes, 100);
    assert_int_equal(net_peek(&f->from, &head, &signal), NET_EMPTY);
    fake_frame(f->bytes, 60, 1, 2, 3);
    assert_true(fake_client_send(&f->client, &(struct net_head){.length = 60}, f->bytes));
    assert_int_equal(net_peek(&f->from, &head, &signal), NET_FRAME);
    assert_int_equal(head.length, 60);
}

/* After one, nobody knows where the next begins: all is thrown away, and then it goes on. */
static void a_broken_record_empties_the_ring(void **state)
{
    struct fixture *f = *state;
    static const uint32_t lengths[] = {0, 13, NET_FRAME_MAX + 1, UINT32_MAX, 5000};
    struct net_head head;
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        bool signal = false;
        const struct net_head bad = {.length = lengths[i]};
        ring_put(&f->client.out, 0, &bad, sizeof bad);
        ring_publish(&f->client.out, 1024, &signal);
        assert_int_equal(net_peek(&f->from, &head, &signal), NET_BROKEN);
        assert_int_equal(net_peek(&f->from, &head, &signal), NET_EMPTY);
        assert_int_equal(f->from.bad_count, 3 * i + 1);
        ring_publish(&f->client.out, 15, &signal); /* less than a head */
        assert_int_equal(net_peek(&f->from, &head, &signal), NET_BROKEN);
        ring_publish(&f->client.out, 1, &signal);
        assert_int_equal(net_peek(&f->from, &head, &signal), NET_BROKEN);
        assert_true(fake_client_send(&f->client, &(struct net_head){.length = 60}, f->bytes));
        assert_int_equal(net_peek(&f->from, &head, &signal), NET_FRAME);
        net_done(&f->from, &head, &signal);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(parameters_arrive),
        TEST(parameters_that_cannot_be_are_refused),
        TEST(heads_that_cannot_be_are_refused),
        TEST(frames_of_all_lengths_arrive),
        TEST(a_full_ring_takes_no_part_of_a_frame),
        TEST(a_frame_that_is_not_published_never_was),
        TEST(a_broken_record_empties_the_ring),
    };
    return cmocka_run_group_tests_name("net", tests, NULL, NULL);
}
