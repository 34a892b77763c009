// SPDX-License-Identifier: BSD-2-Clause
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
// clang-format on

#include "device/virtio/virtio_net.h"

#include <stdlib.h>
#include <string.h>

#include "test/fake/net.h"
#include "test/fake/net_guest.h"

enum { STORE = 512, PAIRS = 4, CONTROL = 2, CONTROL_MQ = 2 * PAIRS };

static const uint8_t mac[NET_MAC_BYTES] = {2, 0, 0, 0, 0, 1};

struct record {
    struct net_head head;
    uint8_t *bytes;
};

/* The far side: keeps what the guest sends while there is room, has frames for it. */
static struct {
    struct net_guest g;
    struct virtio_net net;
    struct record out[STORE], in[STORE];
    unsigned out_count, room, in_begin, in_end;
    bool up, waits_for_room, waits_for_frame;
    bool any_mac;
    uint32_t accepts;
    unsigned flushes, peeks;
    uint8_t bytes[NET_FRAME_MAX], got[NET_FRAME_MAX];
    struct guest_head head;
} t;

static bool far_up(void *ctx)
{
    (void)ctx;
    return t.up;
}

static void far_accept(void *ctx, uint32_t offloads)
{
    (void)ctx;
    t.accepts = offloads;
}

static bool far_begin(void *ctx, const struct net_head *head)
{
    (void)ctx;
    if (t.room == 0) {
        return false;
    }
    assert_true(net_head_valid(head) && t.out_count < STORE);
    t.out[t.out_count] = (struct record){*head, malloc(head->length)};
    return true;
}

static void far_put(void *ctx, uint32_t offset, const void *bytes, uint32_t size)
{
    (void)ctx;
    assert_true(offset + size <= t.out[t.out_count].head.length);
    memcpy(t.out[t.out_count].bytes + offset, bytes, size);
}

static void far_publish(void *ctx)
{
    (void)ctx;
    t.out_count++;
    t.room--;
}

static bool far_wait_room(void *ctx, const struct net_head *head)
{
    (void)ctx;
    (void)head;
    t.waits_for_room = true;
    return true;
}

static const struct net_head *far_peek(void *ctx)
{
    (void)ctx;
    t.peeks++;
    return t.in_begin < t.in_end ? &t.in[t.in_begin].head : NULL;
}

static void far_copy(void *ctx, uint32_t offset, void *to, uint32_t size)
{
    (void)ctx;
    assert_true(offset + size <= t.in[t.in_begin].head.length);
    memcpy(to, t.in[t.in_begin].bytes + offset, size);
}

static void far_done(void *ctx)
{
    (void)ctx;
    free(t.in[t.in_begin].bytes);
    t.in[t.in_begin++].bytes = NULL;
}

static bool far_wait_frame(void *ctx)
{
    (void)ctx;
    t.waits_for_frame = true;
    return t.in_begin == t.in_end;
}

static void far_discard(void *ctx)
{
    while (t.in_begin < t.in_end) {
        far_done(ctx);
    }
}

static void far_flush(void *ctx)
{
    (void)ctx;
    t.flushes++;
}

static bool far_allow_mac(void *ctx, const uint8_t wanted[NET_MAC_BYTES])
{
    (void)ctx;
    (void)wanted;
    return t.any_mac;
}

static const struct virtio_net_far far = {
    far_up,   far_accept, far_begin,      far_put,     far_publish, far_wait_room, far_peek,
    far_copy, far_done,   far_wait_frame, far_discard, far_flush,   far_allow_mac,
};

static void make(unsigned pairs, uint32_t takes)
{
    struct virtio_net_setup setup = {
        .far = &far,
        .mtu = 1500,
        .takes = takes,
        .pair_count = pairs,
        .ram = &t.g.d.ram,
        .port = &t.g.d.port,
        .mutex_id = 5,
    };
    memcpy(setup.mac, mac, sizeof mac);
    virtio_net_init(&t.net, &setup);
    net_guest_attach(&t.g, &t.net);
}

static void forget_frames(void)
{
    far_discard(NULL);
    for (unsigned i = 0; i < t.out_count; i++) {
        free(t.out[i].bytes);
    }
    t.out_count = t.in_begin = t.in_end = 0;
}

static int set_up(void **state)
{
    (void)state;
    memset(&t, 0, sizeof t);
    net_guest_init(&t.g);
    t.room = STORE;
    t.up = true;
    make(1, NET_OFFLOADS);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    assert_int_equal(t.net.device.lock.users, 0);
    forget_frames();
    net_guest_fini(&t.g);
    return 0;
}

static bool send_frame(unsigned queue, uint32_t length, uint32_t cut)
{
    fake_frame(t.bytes, length, 1, 2, (uint8_t)length);
    return net_guest_send(&t.g, queue, &(struct guest_head){0}, t.bytes, length, cut);
}

static void offer_head(const struct net_head *head, uint8_t to)
{
    assert_true(t.in_end < STORE);
    struct record *record = &t.in[t.in_end++];
    *record = (struct record){*head, malloc(head->length)};
    fake_frame(record->bytes, head->length, 7, to, (uint8_t)head->length);
    memcpy(t.bytes, record->bytes, head->length);
}

static void offer(uint32_t length, uint8_t to)
{
    offer_head(&(struct net_head){.length = length}, to);
}

static uint32_t receive(unsigned queue)
{
    return net_guest_receive(&t.g, queue, &t.head, t.got);
}

static void expect(unsigned queue, uint32_t length)
{
    assert_int_equal(receive(queue), length);
    assert_memory_equal(t.got, t.bytes, length);
}

static const uint64_t formats[] = {
    0,
    VIRTIO_F_EVENT_IDX | VIRTIO_F_INDIRECT_DESC,
    VIRTIO_F_RING_PACKED,
    VIRTIO_F_RING_PACKED | VIRTIO_F_EVENT_IDX | VIRTIO_F_IN_ORDER | VIRTIO_F_INDIRECT_DESC,
};

static void frames_go_out_whole_however_they_are_cut(void **state)
{
    (void)state;
    for (unsigned f = 0; f < 4; f++) {
        assert_true(net_guest_start(&t.g, formats[f]));
        for (uint32_t cut = 0; cut < 140; cut += 1 + cut / 8) {
            unsigned before = t.out_count;
            assert_true(send_frame(1, 14 + cut * 5, cut));
            assert_int_equal(t.out_count, before + 1);
            assert_int_equal(t.out[before].head.length, 14 + cut * 5);
            assert_int_equal(t.out[before].head.flags, 0);
            assert_memory_equal(t.out[before].bytes, t.bytes, 14 + cut * 5);
        }
        net_guest_reap(&t.g, 1);
        assert_int_equal(t.g.sending, 0);
    }
}

static void what_the_far_side_has_no_room_for_waits_in_the_queue(void **state)
{
    (void)state;
    for (unsigned f = 0; f < 4; f++) {
        forget_frames();
        assert_true(net_guest_start(&t.g, formats[f]));
        t.room = 3;
        for (unsigned i = 0; i < 20; i++) {
            assert_true(send_frame(1, 100 + i, 0));
        }
        assert_int_equal(t.out_count, 3);
        assert_true(t.waits_for_room);
        net_guest_reap(&t.g, 1);
        assert_int_equal(t.g.sending, 17);
        for (unsigned i = 0; i < 30 && t.out_count < 20; i++) {
            t.room = i % 3;
            virtio_net_ready(&t.net);
            driver_run(&t.g.d);
        }
        assert_int_equal(t.out_count, 20);
        for (unsigned i = 0; i < 20; i++) {
            assert_int_equal(t.out[i].head.length, 100 + i);
        }
        net_guest_reap(&t.g, 1);
        assert_int_equal(t.g.sending, 0);
        t.room = STORE;
    }
}

static void more_than_a_budget_is_done_by_the_event_thread(void **state)
{
    (void)state;
    assert_true(net_guest_start(&t.g, 0));
    t.room = 0;
    for (unsigned i = 0; i < 60; i++) {
        send_frame(1, 60, 0);
    }
    t.room = STORE;
    virtio_net_ready(&t.net);
    driver_run(&t.g.d);
    assert_int_equal(t.out_count, 60);
    /* Long ones cost more. */
    net_guest_post(&t.g, 0, 4000, 40, 0);
    for (unsigned i = 0; i < 60; i++) {
        offer(4000 - 12, 1);
    }
    for (unsigned i = 0; i < 10; i++) {
        offer(60, 1);
    }
    virtio_net_ready(&t.net);
    driver_run(&t.g.d);
    unsigned frames = 0;
    while (receive(0) != 0) {
        frames++;
    }
    virtio_net_ready(&t.net);
    driver_run(&t.g.d);
    while (receive(0) != 0) {
        frames++;
    }
    assert_int_equal(frames, 70);
}

/* head, frame length: sent, but the device must drop it and go on. */
static void expect_dropped(const struct guest_head *head, uint32_t length)
{
    unsigned before = t.out_count;
    uint64_t invalid = t.net.counter[VIRTIO_NET_SENT_INVALID];
    fake_frame(t.bytes, length < 14 ? 14 : length, 1, 2, 0);
    assert_true(net_guest_send(&t.g, 1, head, t.bytes, length, 0));
    assert_int_equal(t.out_count, before);
    assert_int_equal(t.net.counter[VIRTIO_NET_SENT_INVALID], invalid + 1);
    net_guest_reap(&t.g, 1);
    assert_int_equal(t.g.sending, 0);
    assert_true(send_frame(1, 60, 0));
    assert_int_equal(t.out_count, before + 1);
}

static const struct guest_head partial = {.flags = 1, .csum_start = 34, .csum_offset = 16};
static const struct guest_head large = {
    .flags = 1, .gso_type = 1, .gso_size = 1448, .csum_start = 34, .csum_offset = 16};

static void frames_that_cannot_be_are_dropped(void **state)
{
    (void)state;
    const uint64_t all = VIRTIO_NET_F_CSUM | VIRTIO_NET_F_HOST_TSO4 | VIRTIO_NET_F_HOST_TSO6;
    assert_true(net_guest_start(&t.g, all));
    expect_dropped(&(struct guest_head){0}, 0);
    expect_dropped(&(struct guest_head){0}, 13);
    expect_dropped(&(struct guest_head){0}, NET_FRAME_MAX + 1);
    expect_dropped(&partial, 51);
    struct guest_head head = large;
    head.gso_type = 3; /* UDP fragmentation */
    expect_dropped(&head, 4000);
    head.gso_type = 0x81; /* with ECN */
    expect_dropped(&head, 4000);
    head.gso_type = 1;
    head.gso_size = 0;
    expect_dropped(&head, 4000);
    head = large;
    head.flags = 0;
    expect_dropped(&head, 4000);
    assert_true(net_guest_start(&t.g, VIRTIO_NET_F_CSUM));
    expect_dropped(&large, 4000);
    assert_true(net_guest_start(&t.g, 0));
    expect_dropped(&partial, 60);
    /* a buffer that is too small for a head, and one with a part to be written */
    const struct fake_buffer small = {t.g.send_memory, 11, false};
    const struct fake_buffer both[] = {
        {t.g.send_memory,       100, false},
        {t.g.send_memory + 100, 100, true }
    };
    uint64_t invalid = t.net.counter[VIRTIO_NET_SENT_INVALID];
    driver_add(&t.g.d, 1, &small, 1);
    driver_add(&t.g.d, 1, both, 2);
    driver_kick(&t.g.d, 1);
    assert_int_equal(t.net.counter[VIRTIO_NET_SENT_INVALID], invalid + 2);
    assert_true(virtio_alive(&t.net.device));
}

static void offloads_are_passed_on(void **state)
{
    (void)state;
    assert_true(net_guest_start(&t.g, VIRTIO_NET_F_CSUM | VIRTIO_NET_F_HOST_TSO4));
    fake_frame(t.bytes, 60000, 1, 2, 0);
    struct guest_head head = large;
    head.header_length = 65535; /* a hint that cannot be is none */
    head.flags |= 6;            /* what a driver must not set is ignored */
    assert_true(net_guest_send(&t.g, 1, &head, t.bytes, 60000, 0));
    const struct net_head expected = {.length = 60000,
                                      .flags = NET_NEEDS_CSUM,
                                      .gso_type = NET_GSO_TCP4,
                                      .gso_size = 1448,
                                      .csum_start = 34,
                                      .csum_offset = 16};
    assert_int_equal(t.out_count, 1);
    assert_memory_equal(&t.out[0].head, &expected, sizeof expected);
    assert_memory_equal(t.out[0].bytes, t.bytes, 60000);
}

static void offers_are_what_the_far_side_takes(void **state)
{
    (void)state;
    const uint64_t csum = VIRTIO_NET_F_CSUM | VIRTIO_NET_F_GUEST_CSUM;
    const uint64_t tso4 = VIRTIO_NET_F_HOST_TSO4 | VIRTIO_NET_F_GUEST_TSO4;
    const uint64_t tso6 = VIRTIO_NET_F_HOST_TSO6 | VIRTIO_NET_F_GUEST_TSO6;
    const uint64_t all = csum | tso4 | tso6;
    assert_int_equal(t.net.device.state.offered & all, all);
    assert_int_equal(t.net.device.state.offered & VIRTIO_NET_F_MQ, 0);
    make(1, 0);
    assert_int_equal(t.net.device.state.offered & all, 0);
    make(1, NET_OFFLOAD_CSUM | NET_OFFLOAD_TSO6);
    assert_int_equal(t.net.device.state.offered & all, csum | tso6);
    make(2, NET_OFFLOAD_TSO6); /* which is nothing without checksums */
    assert_int_equal(t.net.device.state.offered & all, 0);
    assert_int_equal(t.net.device.state.offered & VIRTIO_NET_F_MQ, VIRTIO_NET_F_MQ);
}

static void features_that_need_others_are_refused(void **state)
{
    (void)state;
    make(2, NET_OFFLOADS);
    static const uint64_t alone[] = {
        VIRTIO_NET_F_GUEST_TSO4,    VIRTIO_NET_F_GUEST_TSO6,
        VIRTIO_NET_F_HOST_TSO4,     VIRTIO_NET_F_HOST_TSO6,
        VIRTIO_NET_F_CTRL_RX,       VIRTIO_NET_F_MQ,
        VIRTIO_NET_F_CTRL_MAC_ADDR, VIRTIO_NET_F_CTRL_GUEST_OFFLOADS,
    };
    for (size_t i = 0; i < sizeof alone / sizeof alone[0]; i++) {
        assert_false(driver_set_up(&t.g.d, alone[i], 16));
    }
}

static void frames_come_in(void **state)
{
    (void)state;
    for (unsigned f = 0; f < 4; f++) {
        assert_true(net_guest_start(&t.g, formats[f]));
        driver_run(&t.g.d);
        assert_true(t.waits_for_frame);
        net_guest_post(&t.g, 0, 2000, 16, f % 2 != 0 ? 12 : 0);
        for (uint32_t length = 14; length < 1514; length += 50) {
            offer(length, 1);
            virtio_net_ready(&t.net);
            expect(0, length);
            assert_int_equal(t.head.buffer_count, 1);
            assert_int_equal(t.head.flags, 0);
        }
        assert_int_equal(receive(0), 0);
    }
    assert_true(t.g.d.interrupts[0] > 0);
}

static void long_frames_fill_several_buffers(void **state)
{
    (void)state;
    for (unsigned f = 0; f < 4; f++) {
        assert_true(net_guest_start(&t.g, formats[f] | VIRTIO_NET_F_MRG_RXBUF));
        net_guest_post(&t.g, 0, 1000, 40, f % 2 != 0 ? 100 : 0);
        for (unsigned i = 0; i < 40; i++) {
            uint32_t length = 500 + i * 977;
            offer(length, 1);
            virtio_net_ready(&t.net);
            driver_run(&t.g.d);
            expect(0, length);
            assert_int_equal(t.head.buffer_count, (length + 12 + 999) / 1000);
        }
    }
}

static void too_few_buffers_wait_for_more(void **state)
{
    (void)state;
    for (unsigned f = 0; f < 4; f++) {
        assert_true(net_guest_start(&t.g, formats[f] | VIRTIO_NET_F_MRG_RXBUF));
        driver_run(&t.g.d);
        net_guest_post(&t.g, 0, 1000, 2, 0);
        offer(3500, 1);
        virtio_net_ready(&t.net);
        assert_false(t.g.d.deferred); /* nobody looks again and again */
        assert_int_equal(receive(0), 0);
        virtio_net_ready(&t.net);
        assert_false(t.g.d.deferred);
        net_guest_post(&t.g, 0, 1000, 1, 0);
        assert_int_equal(receive(0), 0);
        net_guest_post(&t.g, 0, 1000, 1, 0); /* the kick that was asked for */
        driver_run(&t.g.d);
        expect(0, 3500);
        assert_int_equal(t.head.buffer_count, 4);
        /* and a frame that waits while none is there at all */
        forget_frames();
    }
}

/* The frame that they were taken for is gone, the next one is shorter. */
static void buffers_that_are_not_needed_after_all_go_back(void **state)
{
    (void)state;
    for (unsigned f = 0; f < 4; f++) {
        assert_true(net_guest_start(&t.g, formats[f] | VIRTIO_NET_F_MRG_RXBUF));
        driver_run(&t.g.d);
        net_guest_post(&t.g, 0, 1000, 3, 0);
        offer(5000, 1);
        virtio_net_ready(&t.net);
        forget_frames();
        offer(1500, 1);
        virtio_net_ready(&t.net);
        struct guest_head head;
        uint16_t id;
        uint32_t written;
        for (unsigned i = 0; i < 2; i++) {
            assert_true(driver_take(&t.g.d, 0, &id, &written));
            memcpy(&head, driver_at(&t.g.d, t.g.posted[0].address[id], sizeof head), sizeof head);
            assert_true(i == 1 || head.buffer_count == 2);
        }
        offer(900, 1);
        virtio_net_ready(&t.net);
        assert_true(driver_take(&t.g.d, 0, &id, &written));
        assert_int_equal(written, 912);
        forget_frames();
    }
}

static void frames_wait_until_there_is_a_buffer(void **state)
{
    (void)state;
    for (unsigned f = 0; f < 4; f++) {
        assert_true(net_guest_start(&t.g, formats[f]));
        driver_run(&t.g.d);
        offer(200, 1);
        virtio_net_ready(&t.net);
        assert_false(t.g.d.deferred);
        assert_int_equal(t.in_end - t.in_begin, 1);
        net_guest_post(&t.g, 0, 2000, 1, 0);
        driver_run(&t.g.d);
        expect(0, 200);
        forget_frames();
    }
}

static void frames_too_long_for_the_buffers_are_dropped(void **state)
{
    (void)state;
    assert_true(net_guest_start(&t.g, 0));
    net_guest_post(&t.g, 0, 1000, 4, 0);
    offer(989, 1);
    offer(988, 1);
    virtio_net_ready(&t.net);
    driver_run(&t.g.d);
    expect(0, 988);
    assert_int_equal(t.net.counter[VIRTIO_NET_RECEIVED_TOO_LONG], 1);
    /* With merging, too, when they would be too many. */
    assert_true(net_guest_start(&t.g, VIRTIO_NET_F_MRG_RXBUF));
    net_guest_post(&t.g, 0, 12, GUEST_QUEUE_SIZE, 0);
    offer(VIRTIO_NET_MERGE_MAX * 12, 1);
    offer(60, 1);
    virtio_net_ready(&t.net);
    driver_run(&t.g.d);
    expect(0, 60);
    assert_int_equal(t.net.counter[VIRTIO_NET_RECEIVED_TOO_LONG], 2);
}

static void a_receive_buffer_that_breaks_the_rules_stops_the_device_until_reset(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        assert_true(net_guest_start(&t.g, VIRTIO_NET_F_MRG_RXBUF));
        const struct fake_buffer buffers[] = {
            {t.g.send_memory,        i == 0 ? 11 : 2000, i == 0},
            {t.g.send_memory + 2000, 2000,               true  }
        };
        driver_add(&t.g.d, 0, buffers, i == 2 ? 2 : 1);
        driver_kick(&t.g.d, 0);
        offer(60, 1);
        virtio_net_ready(&t.net);
        assert_true((virtio_status(&t.net.device) & VIRTIO_NEEDS_RESET) != 0);
        virtio_net_ready(&t.net);
        assert_true(net_guest_start(&t.g, 0));
        net_guest_post(&t.g, 0, 2000, 4, 0);
        offer(60, 1);
        virtio_net_ready(&t.net);
        driver_run(&t.g.d);
        expect(0, 60);
    }
}

static void what_came_before_the_driver_is_thrown_away(void **state)
{
    (void)state;
    offer(60, 1);
    virtio_net_ready(&t.net);
    assert_true(net_guest_start(&t.g, 0));
    net_guest_post(&t.g, 0, 2000, 4, 0);
    driver_run(&t.g.d);
    assert_int_equal(receive(0), 0);
    assert_int_equal(t.in_begin, t.in_end);
}

static const struct net_head far_partial = {
    .length = 100, .flags = NET_NEEDS_CSUM, .csum_start = 34, .csum_offset = 6};
static const struct net_head far_large = {.length = 5000,
                                          .flags = NET_NEEDS_CSUM,
                                          .gso_type = NET_GSO_TCP6,
                                          .gso_size = 1400,
                                          .header_length = 74,
                                          .csum_start = 54,
                                          .csum_offset = 16};

static void the_guest_gets_what_its_driver_takes(void **state)
{
    (void)state;
    const uint64_t all = VIRTIO_NET_F_GUEST_CSUM | VIRTIO_NET_F_GUEST_TSO6 | VIRTIO_NET_F_MRG_RXBUF;
    const struct net_head verified = {.length = 100, .flags = NET_DATA_VALID};
    assert_true(net_guest_start(&t.g, all));
    assert_int_equal(t.accepts, NET_OFFLOAD_CSUM | NET_OFFLOAD_TSO6);
    net_guest_post(&t.g, 0, 2000, 8, 0);
    offer_head(&far_partial, 1);
    virtio_net_ready(&t.net);
    expect(0, 100);
    assert_int_equal(t.head.flags, 1);
    assert_int_equal(t.head.csum_start, 34);
    assert_int_equal(t.head.csum_offset, 6);
    offer_head(&far_large, 1);
    virtio_net_ready(&t.net);
    expect(0, 5000);
    assert_int_equal(t.head.gso_type, 4);
    assert_int_equal(t.head.gso_size, 1400);
    assert_int_equal(t.head.header_length, 74);
    offer_head(&verified, 1);
    virtio_net_ready(&t.net);
    expect(0, 100);
    assert_int_equal(t.head.flags, 2);
    /* Without the features: the far side was told, but a frame may be on its way already. */
    assert_true(net_guest_start(&t.g, 0));
    assert_int_equal(t.accepts, 0);
    net_guest_post(&t.g, 0, 6000, 8, 0);
    offer_head(&far_partial, 1);
    offer_head(&far_large, 1);
    offer_head(&verified, 1);
    virtio_net_ready(&t.net);
    driver_run(&t.g.d);
    expect(0, 100);
    assert_int_equal(t.head.flags, 0);
    assert_int_equal(receive(0), 0);
    assert_int_equal(t.net.counter[VIRTIO_NET_RECEIVED_UNWANTED], 2);
}

static bool command(uint8_t class, uint8_t what, const void *data, uint32_t size)
{
    uint32_t answer = net_guest_command(&t.g, CONTROL, class, what, data, size);
    assert_true(answer <= 1);
    return answer == 0;
}

#define CONTROL_FEATURES                                                                           \
    (VIRTIO_NET_F_CTRL_VQ | VIRTIO_NET_F_CTRL_RX | VIRTIO_NET_F_CTRL_RX_EXTRA |                    \
     VIRTIO_NET_F_CTRL_MAC_ADDR | VIRTIO_NET_F_CTRL_GUEST_OFFLOADS | VIRTIO_NET_F_GUEST_CSUM |     \
     VIRTIO_NET_F_GUEST_TSO4)

/* Which of three addresses arrive: our own, a multicast one, broadcast, and another's. */
static void expect_wanted(bool own, bool other, bool multicast, bool broadcast)
{
    static const uint8_t first[] = {2, 2, 1, 0xff};
    static const uint8_t last[] = {1, 9, 9, 0xff};
    const bool wanted[] = {own, other, multicast, broadcast};
    for (unsigned i = 0; i < 4; i++) {
        offer(60, last[i]);
        t.in[t.in_end - 1].bytes[0] = first[i];
        virtio_net_ready(&t.net);
        assert_int_equal(receive(0), wanted[i] ? 60 : 0);
    }
}

static void receive_modes(void **state)
{
    (void)state;
    const uint8_t on = 1, off = 0, two[2] = {1, 1}, odd = 2;
    assert_true(net_guest_start(&t.g, CONTROL_FEATURES));
    net_guest_post(&t.g, 0, 2000, 8, 0);
    driver_run(&t.g.d);
    expect_wanted(true, true, true, true); /* nobody has said anything */
    assert_true(command(0, 0, &off, 1));
    expect_wanted(true, false, false, true);
    assert_true(command(0, 1, &on, 1));
    expect_wanted(true, false, true, true);
    assert_true(command(0, 2, &on, 1));
    expect_wanted(true, true, true, true);
    assert_true(command(0, 3, &on, 1) && command(0, 4, &on, 1) && command(0, 5, &on, 1));
    expect_wanted(false, false, false, false);
    assert_true(command(0, 0, &on, 1));
    expect_wanted(true, true, true, true);
    assert_false(command(0, 6, &on, 1));
    assert_false(command(0, 0, &on, 0));
    assert_false(command(0, 0, two, 2));
    assert_false(command(0, 0, &odd, 1));
    assert_false(command(2, 0, &on, 1));
    assert_false(command(255, 255, &on, 1));
    assert_int_equal(t.net.counter[VIRTIO_NET_CONTROL_REFUSED], 6);
    assert_true(net_guest_start(&t.g, CONTROL_FEATURES & ~VIRTIO_NET_F_CTRL_RX_EXTRA));
    assert_false(command(0, 2, &on, 1));
    assert_true(net_guest_start(&t.g, VIRTIO_NET_F_CTRL_VQ));
    assert_false(command(0, 0, &on, 1));
}

/* A table command's data: counts as given, and as many addresses as there is room for. */
static uint32_t table(uint8_t *data, uint32_t unicast, uint32_t multicast, uint32_t addresses)
{
    uint32_t size = 0;
    memcpy(data, &unicast, 4);
    size += 4;
    for (uint32_t i = 0; i < unicast && i < addresses; i++, size += 6) {
        memcpy(data + size, "\2\0\0\0\0\x09", 6);
    }
    memcpy(data + size, &multicast, 4);
    size += 4;
    for (uint32_t i = 0; i < multicast && i < addresses; i++, size += 6) {
        memcpy(data + size, "\1\0\0\0\0\x09", 6);
    }
    return size;
}

static void address_tables(void **state)
{
    (void)state;
    uint8_t data[1024];
    assert_true(net_guest_start(&t.g, CONTROL_FEATURES));
    net_guest_post(&t.g, 0, 2000, 8, 0);
    driver_run(&t.g.d);
    assert_true(command(1, 0, data, table(data, 0, 0, 0)));
    expect_wanted(true, false, false, true);
    assert_true(command(1, 0, data, table(data, 1, 0, 1)));
    expect_wanted(true, true, false, true);
    assert_true(command(1, 0, data, table(data, 0, 2, 2)));
    expect_wanted(true, false, true, true);
    /* more than there is room for: all of that kind */
    assert_true(command(1, 0, data, table(data, VIRTIO_NET_FILTER_MAX + 1, 0, 100)));
    expect_wanted(true, true, false, true);
    assert_true(command(1, 0, data, table(data, 0, 0, 0)));
    expect_wanted(true, false, false, true);
    static const uint32_t lies[] = {2, 0x2aaaaaab, 0x80000000, UINT32_MAX};
    for (unsigned i = 0; i < 4; i++) {
        uint32_t size = table(data, 1, 1, 1);
        memcpy(data, &lies[i], 4);
        assert_false(command(1, 0, data, size));
        size = table(data, 1, 1, 1);
        memcpy(data + 10, &lies[i], 4);
        assert_false(command(1, 0, data, size));
    }
    assert_false(command(1, 0, data, 3));
    assert_false(command(1, 0, data, table(data, 1, 1, 1) - 1));
    table(data, 1, 1, 1);
    assert_false(command(1, 0, data, 21)); /* one byte too many */
    expect_wanted(true, false, false, true);
}

static void the_address_can_be_set_if_the_far_side_allows_it(void **state)
{
    (void)state;
    const uint8_t other[] = {2, 0, 0, 0, 0, 9}, many[] = {3, 0, 0, 0, 0, 9}, off = 0;
    assert_true(net_guest_start(&t.g, CONTROL_FEATURES));
    assert_true(command(1, 1, mac, 6));
    assert_false(command(1, 1, other, 6));
    assert_memory_equal(t.net.state.config.mac, mac, 6);
    t.any_mac = true;
    assert_false(command(1, 1, many, 6));
    assert_false(command(1, 1, other, 5));
    assert_true(command(1, 1, other, 6));
    assert_memory_equal(t.net.state.config.mac, other, 6);
    net_guest_post(&t.g, 0, 2000, 8, 0);
    assert_true(command(0, 0, &off, 1));
    expect_wanted(false, true, false, true);
    assert_true(net_guest_start(&t.g, 0));
    assert_memory_equal(t.net.state.config.mac, mac, 6); /* a reset takes it away */
}

static void offloads_can_be_switched(void **state)
{
    (void)state;
    uint64_t offloads = 0;
    assert_true(net_guest_start(&t.g, CONTROL_FEATURES));
    assert_int_equal(t.accepts, NET_OFFLOAD_CSUM | NET_OFFLOAD_TSO4);
    assert_true(command(5, 0, &offloads, 8));
    assert_int_equal(t.accepts, 0);
    offloads = VIRTIO_NET_F_GUEST_CSUM;
    assert_true(command(5, 0, &offloads, 8));
    assert_int_equal(t.accepts, NET_OFFLOAD_CSUM);
    offloads |= VIRTIO_NET_F_GUEST_TSO6; /* was not negotiated */
    assert_false(command(5, 0, &offloads, 8));
    assert_false(command(5, 0, &offloads, 7));
    assert_false(command(5, 1, &offloads, 8));
    offloads = VIRTIO_NET_F_GUEST_TSO4; /* means nothing without the other */
    assert_true(command(5, 0, &offloads, 8));
    assert_int_equal(t.accepts, 0);
}

static void a_command_without_room_for_an_answer_does_nothing(void **state)
{
    (void)state;
    const uint8_t request[] = {0, 0, 0};
    assert_true(net_guest_start(&t.g, CONTROL_FEATURES));
    assert_int_equal(driver_request(&t.g.d, CONTROL, request, 3, NULL, 0), 0);
    assert_false(t.net.state.filters);
    uint8_t answer = 0;
    assert_int_equal(driver_request(&t.g.d, CONTROL, request, 1, &answer, 1), 1);
    assert_int_equal(answer, 1);
}

/* A TCP frame of a flow, in one direction or the other. */
static void flow_frame(unsigned flow, bool back, bool is_ip6)
{
    uint8_t ends[2][4] = {
        {10, 0, 0, 1},
        {10, 0, 0, 2}
    };
    uint8_t ports[2][2] = {
        {0x12, (uint8_t)flow},
        {0,    80           }
    };
    uint32_t ip = is_ip6 ? 40 : 20;
    fake_frame(t.bytes, 100, 1, 2, 0);
    memcpy(t.bytes + 12, is_ip6 ? "\x86\xdd\x60" : "\x08\x00\x45", 3);
    memset(t.bytes + 15, 0, 60);
    t.bytes[is_ip6 ? 20 : 23] = 6;
    memcpy(t.bytes + (is_ip6 ? 22 : 26), ends[back], 4);
    memcpy(t.bytes + (is_ip6 ? 38 : 30), ends[!back], 4);
    memcpy(t.bytes + 14 + ip, ports[back], 2);
    memcpy(t.bytes + 16 + ip, ports[!back], 2);
}

static bool set_pairs(uint16_t pairs)
{
    return net_guest_command(&t.g, CONTROL_MQ, 4, 0, &pairs, 2) == 0;
}

static void a_flow_comes_back_where_it_went_out(void **state)
{
    (void)state;
    make(PAIRS, NET_OFFLOADS);
    assert_true(net_guest_start(&t.g, VIRTIO_NET_F_CTRL_VQ | VIRTIO_NET_F_MQ));
    for (unsigned pair = 0; pair < PAIRS; pair++) {
        net_guest_post(&t.g, 2 * pair, 1600, 8, 0);
    }
    assert_false(set_pairs(0));
    assert_false(set_pairs(PAIRS + 1));
    assert_true(set_pairs(PAIRS));
    driver_run(&t.g.d);
    for (unsigned flow = 0; flow < 32; flow++) {
        unsigned pair = flow * 7 % PAIRS;
        flow_frame(flow, false, flow & 1);
        assert_true(net_guest_send(&t.g, 2 * pair + 1, &(struct guest_head){0}, t.bytes, 100, 0));
        net_guest_reap(&t.g, 2 * pair + 1);
        flow_frame(flow, true, flow & 1);
        uint8_t frame[100];
        memcpy(frame, t.bytes, 100);
        offer(100, 1);
        memcpy(t.in[t.in_end - 1].bytes, frame, 100);
        virtio_net_ready(&t.net);
        assert_int_equal(receive(2 * pair), 100);
        assert_memory_equal(t.got, frame, 100);
    }
    assert_true(set_pairs(1));
    for (unsigned i = 0; i < 8; i++) {
        offer(60 + i, 1);
        virtio_net_ready(&t.net);
        expect(0, 60 + i);
    }
}

/* The queue with the next frame's flow has no buffer: its kick goes on, whatever the others have.
 */
static void one_queue_without_buffers_is_waited_for(void **state)
{
    (void)state;
    for (unsigned f = 0; f < 4; f++) {
        make(PAIRS, NET_OFFLOADS);
        assert_true(net_guest_start(&t.g, formats[f] | VIRTIO_NET_F_CTRL_VQ | VIRTIO_NET_F_MQ));
        net_guest_post(&t.g, 0, 1600, 8, 0);
        assert_true(set_pairs(2));
        driver_run(&t.g.d);
        flow_frame(1, false, false);
        assert_true(net_guest_send(&t.g, 3, &(struct guest_head){0}, t.bytes, 100, 0));
        flow_frame(1, true, false);
        uint8_t frame[100];
        memcpy(frame, t.bytes, 100);
        offer(100, 1);
        memcpy(t.in[t.in_end - 1].bytes, frame, 100);
        virtio_net_ready(&t.net);
        assert_false(t.g.d.deferred);
        assert_int_equal(receive(0), 0);
        net_guest_post(&t.g, 2, 1600, 8, 0);
        assert_int_equal(receive(2), 100);
    }
}

/* The guest moves its flow while buffers of the old queue are held for its next frame. */
static void a_flow_that_moves_takes_no_buffers_with_it(void **state)
{
    (void)state;
    make(PAIRS, NET_OFFLOADS);
    assert_true(
        net_guest_start(&t.g, VIRTIO_NET_F_CTRL_VQ | VIRTIO_NET_F_MQ | VIRTIO_NET_F_MRG_RXBUF));
    assert_true(set_pairs(2));
    driver_run(&t.g.d);
    net_guest_post(&t.g, 0, 100, 8, 0);
    net_guest_post(&t.g, 2, 100, 1, 0);
    flow_frame(1, false, false);
    net_guest_send(&t.g, 3, &(struct guest_head){0}, t.bytes, 100, 0);
    net_guest_reap(&t.g, 3);
    flow_frame(1, true, false);
    uint8_t frame[100];
    memcpy(frame, t.bytes, 100);
    offer(100, 1);
    memcpy(t.in[t.in_end - 1].bytes, frame, 100);
    virtio_net_ready(&t.net);
    assert_int_equal(t.net.gather.count, 1);
    flow_frame(1, false, false);
    net_guest_send(&t.g, 1, &(struct guest_head){0}, t.bytes, 100, 0);
    virtio_net_ready(&t.net);
    assert_int_equal(receive(0), 0);
    net_guest_post(&t.g, 2, 100, 1, 0);
    assert_int_equal(receive(2), 100);
}

static void without_multiqueue_control_is_behind_the_first_pair(void **state)
{
    (void)state;
    const uint8_t off = 0;
    make(PAIRS, NET_OFFLOADS);
    assert_true(net_guest_start(&t.g, VIRTIO_NET_F_CTRL_VQ | VIRTIO_NET_F_CTRL_RX));
    assert_true(command(0, 0, &off, 1));
    assert_true(
        net_guest_start(&t.g, VIRTIO_NET_F_CTRL_VQ | VIRTIO_NET_F_CTRL_RX | VIRTIO_NET_F_MQ));
    assert_int_equal(net_guest_command(&t.g, CONTROL_MQ, 0, 0, &off, 1), 0);
}

static void resets_in_the_middle(void **state)
{
    (void)state;
    for (unsigned f = 0; f < 4; f++) {
        const uint64_t features =
            formats[f] | VIRTIO_NET_F_MRG_RXBUF | VIRTIO_F_RING_RESET | VIRTIO_NET_F_GUEST_CSUM;
        assert_true(net_guest_start(&t.g, features));
        net_guest_post(&t.g, 0, 1000, 3, 0);
        offer(5000, 1);
        virtio_net_ready(&t.net); /* three buffers are taken and wait for more */
        assert_int_equal(t.net.gather.count, 3);
        t.room = 0;
        send_frame(1, 60, 0);
        assert_int_equal(t.net.state.blocked, 1u << 1);
        if (f % 2 == 0) {
            virtio_lock(&t.net.device);
            virtio_queue_reset(&t.net.device, 0);
            virtio_queue_reset(&t.net.device, 1);
            virtio_unlock(&t.net.device);
            assert_int_equal(t.net.gather.count, 0);
            assert_int_equal(t.net.state.blocked, 0);
            virtio_net_ready(&t.net);
        }
        virtio_reset(&t.net.device);
        assert_int_equal(t.accepts, 0);
        t.room = STORE;
        virtio_net_ready(&t.net);
        assert_true(net_guest_start(&t.g, features));
        net_guest_post(&t.g, 0, 1000, 8, 0);
        driver_run(&t.g.d);
        offer(2500, 1);
        virtio_net_ready(&t.net);
        expect(0, 2500);
        unsigned before = t.out_count;
        assert_true(send_frame(1, 60, 0));
        assert_int_equal(t.out_count, before + 1);
    }
}

static void the_guest_sees_the_cable(void **state)
{
    (void)state;
    assert_true(net_guest_start(&t.g, VIRTIO_NET_F_STATUS));
    assert_int_equal(virtio_config_read(&t.net.device, 6, 2), 1);
    assert_int_equal(virtio_config_read(&t.net.device, 10, 2), 1500);
    assert_int_equal(virtio_config_read(&t.net.device, 0, 1), 2);
    virtio_net_ready(&t.net);
    assert_int_equal(t.g.d.interrupts[VIRTIO_SOURCE_CONFIG], 0);
    t.up = false;
    virtio_net_ready(&t.net);
    assert_int_equal(virtio_config_read(&t.net.device, 6, 2), 0);
    assert_int_equal(t.g.d.interrupts[VIRTIO_SOURCE_CONFIG], 1);
    t.up = true;
    virtio_net_ready(&t.net);
    assert_int_equal(t.g.d.interrupts[VIRTIO_SOURCE_CONFIG], 2);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(frames_go_out_whole_however_they_are_cut),
        TEST(what_the_far_side_has_no_room_for_waits_in_the_queue),
        TEST(more_than_a_budget_is_done_by_the_event_thread),
        TEST(frames_that_cannot_be_are_dropped),
        TEST(offloads_are_passed_on),
        TEST(offers_are_what_the_far_side_takes),
        TEST(features_that_need_others_are_refused),
        TEST(frames_come_in),
        TEST(long_frames_fill_several_buffers),
        TEST(too_few_buffers_wait_for_more),
        TEST(buffers_that_are_not_needed_after_all_go_back),
        TEST(frames_wait_until_there_is_a_buffer),
        TEST(frames_too_long_for_the_buffers_are_dropped),
        TEST(a_receive_buffer_that_breaks_the_rules_stops_the_device_until_reset),
        TEST(what_came_before_the_driver_is_thrown_away),
        TEST(the_guest_gets_what_its_driver_takes),
        TEST(receive_modes),
        TEST(address_tables),
        TEST(the_address_can_be_set_if_the_far_side_allows_it),
        TEST(offloads_can_be_switched),
        TEST(a_command_without_room_for_an_answer_does_nothing),
        TEST(a_flow_comes_back_where_it_went_out),
        TEST(one_queue_without_buffers_is_waited_for),
        TEST(a_flow_that_moves_takes_no_buffers_with_it),
        TEST(without_multiqueue_control_is_behind_the_first_pair),
        TEST(resets_in_the_middle),
        TEST(the_guest_sees_the_cable),
    };
    return cmocka_run_group_tests_name("virtio_net", tests, NULL, NULL);
}
