// SPDX-License-Identifier: BSD-2-Clause
/*
 * The whole way of a frame in one process: a guest's driver, its network device, its link, the
 * switch, another's link, device and driver; signals and interrupts as on the target.
 */
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
// clang-format on

#include <stdlib.h>
#include <string.h>

#include "device/virtio/virtio_net_link.h"
#include "service/net/checksum.h"
#include "service/net/switch.h"
#include "test/fake/net.h"
#include "test/fake/net_guest.h"

enum { GUESTS = 3, TURNS = 10000 };

struct vm {
    struct net_guest g;
    struct virtio_net_link net;
    unsigned port;
};

static struct {
    struct vm vm[GUESTS];
    struct fake_net net;
    struct net_switch sw;
    uint32_t service_signals, vm_signals;
    bool service_dead;
    uint8_t bytes[NET_FRAME_MAX], got[NET_FRAME_MAX];
    struct guest_head head;
} t;

static void signal_service(void *ctx)
{
    t.service_signals |= 1u << ((struct vm *)ctx)->port;
}

static void signal_vm(void *ctx, unsigned port)
{
    (void)ctx;
    t.vm_signals |= 1u << port;
}

static uint64_t now(void *ctx)
{
    (void)ctx;
    return t.net.now;
}

static void start_service(void)
{
    switch_init(&t.sw, &(struct switch_runner){
                           .signal = signal_vm,
                           .now = now,
                           .roster = &t.net.roster,
                           .stats = &t.net.stats,
                           .links = (uint8_t *)t.net.link,
                           .link_stride = sizeof t.net.link[0],
                           .counter_hz = FAKE_NET_HZ,
                           .seed = 7,
                       });
    switch_roster_changed(&t.sw);
    t.service_dead = false;
}

/* All threads of all processes, until nobody has anything to do: what sleeps wrongly stays asleep.
 */
static void settle(void)
{
    for (unsigned i = 0; i < TURNS; i++) {
        uint32_t for_vms = t.vm_signals, for_service = t.service_signals;
        t.vm_signals = 0;
        bool busy = for_vms != 0;
        if (!t.service_dead) {
            t.service_signals = 0;
            switch_signalled(&t.sw, for_service);
            busy |= switch_run(&t.sw) || for_service != 0;
        }
        for (unsigned v = 0; v < GUESTS; v++) {
            if ((for_vms >> v & 1) != 0) {
                virtio_net_link_event(&t.vm[v].net);
            }
            busy |= t.vm[v].g.d.deferred;
            driver_run(&t.vm[v].g.d);
        }
        if (!busy && t.vm_signals == 0 && (t.service_dead || t.service_signals == 0)) {
            return;
        }
    }
    fail_msg("it never ends");
}

/* Root starts a VM: its link, its VMM, its guest. */
static void start_vm(unsigned port, uint64_t features)
{
    struct vm *vm = &t.vm[port];
    fake_net_start(&t.net, port);
    vm->port = port;
    assert_true(virtio_net_link_init(&vm->net, &(struct virtio_net_link_setup){
                                                   .link = &t.net.link[port],
                                                   .signal = signal_service,
                                                   .ctx = vm,
                                                   .pair_count = 2,
                                                   .ram = &vm->g.d.ram,
                                                   .port = &vm->g.d.port,
                                                   .mutex_id = port,
                                               }));
    net_guest_attach(&vm->g, &vm->net.net);
    if (!t.service_dead) {
        switch_roster_changed(&t.sw);
    }
    settle();
    assert_true(net_guest_start(&vm->g, features));
    net_guest_post(&vm->g, 0, 2048, 32, 0);
    settle();
}

static int set_up(void **state)
{
    (void)state;
    memset(&t, 0, sizeof t);
    fake_net_init(&t.net);
    for (unsigned i = 0; i < GUESTS; i++) {
        net_guest_init(&t.vm[i].g);
        fake_net_client(&t.net, i, 0, 0);
    }
    start_service();
    for (unsigned i = 0; i < GUESTS; i++) {
        start_vm(i, VIRTIO_NET_F_MAC | VIRTIO_NET_F_STATUS | VIRTIO_NET_F_MRG_RXBUF |
                        (i == 1 ? VIRTIO_F_RING_PACKED | VIRTIO_F_EVENT_IDX : VIRTIO_F_EVENT_IDX));
    }
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    for (unsigned i = 0; i < GUESTS; i++) {
        net_guest_fini(&t.vm[i].g);
    }
    return 0;
}

static bool send(unsigned from, unsigned to, uint32_t length, uint8_t seed)
{
    fake_frame(t.bytes, length, (uint8_t)from, (uint8_t)to, seed);
    return net_guest_send(&t.vm[from].g, 1, &(struct guest_head){0}, t.bytes, length, 0);
}

static uint32_t receive(unsigned vm)
{
    return net_guest_receive(&t.vm[vm].g, 0, &t.head, t.got);
}

static void expect(unsigned vm, uint32_t length)
{
    assert_int_equal(receive(vm), length);
    assert_memory_equal(t.got, t.bytes, length);
}

static void guests_talk(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 300; i++) {
        unsigned from = i % GUESTS, to = (i + 1 + i / 7 % 2) % GUESTS;
        uint32_t length = 14 + i * 31 % 1500;
        assert_true(send(from, to, length, (uint8_t)i));
        settle();
        expect(to, length);
        for (unsigned v = 0; v < GUESTS; v++) {
            assert_int_equal(receive(v), 0);
        }
    }
    assert_true(send(0, 0xff, 60, 0));
    settle();
    expect(1, 60);
    expect(2, 60);
}

static void a_stream_keeps_its_order_and_loses_nothing(void **state)
{
    (void)state;
    unsigned sent = 0, got = 0;
    while (got < 3000) {
        while (sent < 3000 && sent - got < 150 && send(0, 1, 60 + sent % 1400, (uint8_t)sent)) {
            sent++;
        }
        settle();
        while (receive(1) != 0) {
            fake_frame(t.bytes, 60 + got % 1400, 0, 1, (uint8_t)got);
            assert_memory_equal(t.got, t.bytes, 60 + got % 1400);
            got++;
        }
        settle();
    }
    assert_int_equal(t.net.stats.port[1][NET_DROP_FULL], 0);
}

/* Guest 1 takes no frame: its buffers fill, then its ring; what is beyond is lost, but guest 2 gets
 * all of its own. */
static void a_guest_that_does_not_receive_hurts_nobody_else(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 400; i++) {
        assert_true(send(0, 1, 1400, (uint8_t)i));
        settle();
        assert_true(send(0, 2, 100, (uint8_t)i));
        settle();
        expect(2, 100);
    }
    assert_true(t.net.stats.port[1][NET_DROP_FULL] > 100);
    unsigned got = 0;
    for (;;) {
        if (receive(1) == 0) {
            settle();
            if (receive(1) == 0) {
                break;
            }
        }
        fake_frame(t.bytes, 1400, 0, 1, (uint8_t)got);
        assert_memory_equal(t.got, t.bytes, 1400);
        got++;
    }
    assert_int_equal(got + t.net.stats.port[1][NET_DROP_FULL], 400);
}

/* Root limits guest 0: its frames wait in its own queue, and come later. */
static void a_limited_guest_loses_nothing(void **state)
{
    (void)state;
    t.net.roster.client[0].packets_per_s = 1000;
    t.net.roster.client[0].burst_packets = 10;
    switch_roster_changed(&t.sw);
    unsigned sent = 0, got = 0;
    while (got < 500) {
        while (sent < 500 && send(0, 1, 1400, (uint8_t)sent)) {
            sent++;
        }
        settle();
        while (receive(1) != 0) {
            fake_frame(t.bytes, 1400, 0, 1, (uint8_t)got++);
            assert_memory_equal(t.got, t.bytes, 1400);
        }
        t.net.now += FAKE_NET_HZ / 100;
    }
    assert_in_range(t.net.now, 1000ull * FAKE_NET_HZ + FAKE_NET_HZ * 45 / 100,
                    1000ull * FAKE_NET_HZ + FAKE_NET_HZ * 55 / 100);
}

static struct guest_head tcp_frame(uint32_t payload)
{
    fake_frame(t.bytes, 54 + payload, 0, 1, 1);
    memcpy(t.bytes + 12, "\x08\x00\x45", 3);
    t.bytes[23] = 6;
    t.bytes[46] = 0x50;
    return (struct guest_head){
        .flags = 1, .gso_type = 1, .gso_size = 1446, .csum_start = 34, .csum_offset = 16};
}

static void long_frames_pass_whole_or_are_cut_as_the_receiver_takes_them(void **state)
{
    (void)state;
    const uint64_t send_all = VIRTIO_NET_F_CSUM | VIRTIO_NET_F_HOST_TSO4;
    const uint64_t take_all = VIRTIO_NET_F_GUEST_CSUM | VIRTIO_NET_F_GUEST_TSO4;
    start_vm(0, send_all | VIRTIO_NET_F_MRG_RXBUF);
    start_vm(1, take_all | VIRTIO_NET_F_MRG_RXBUF);
    struct guest_head head = tcp_frame(30000);
    assert_true(net_guest_send(&t.vm[0].g, 1, &head, t.bytes, 30054, 0));
    settle();
    expect(1, 30054);
    assert_int_equal(t.head.gso_size, 1446);
    assert_true(t.head.buffer_count > 1);
    start_vm(1, VIRTIO_NET_F_MRG_RXBUF); /* now it takes neither */
    head = tcp_frame(30000);
    assert_true(net_guest_send(&t.vm[0].g, 1, &head, t.bytes, 30054, 0));
    settle();
    uint32_t done = 0, length;
    while ((length = receive(1)) != 0) {
        assert_true(length <= 1500);
        assert_int_equal(t.head.flags, 0);
        assert_memory_equal(t.got + 54, t.bytes + 54 + done, length - 54);
        done += length - 54;
    }
    assert_int_equal(done, 30000);
}

static void the_service_restarts_and_nothing_is_lost(void **state)
{
    (void)state;
    unsigned sent = 0, got = 0;
    for (unsigned round = 0; round < 20; round++) {
        for (unsigned i = 0; i < 20; i++) {
            sent += send(0, 1, 500, (uint8_t)sent);
        }
        t.service_dead = round % 2 == 0;
        settle();
        if (t.service_dead) {
            t.service_signals = 0; /* they died with it */
            start_service();
        }
        settle();
        while (receive(1) != 0) {
            fake_frame(t.bytes, 500, 0, 1, (uint8_t)got++);
            assert_memory_equal(t.got, t.bytes, 500);
        }
    }
    assert_int_equal(got, sent);
    assert_true(sent > 300);
}

static void a_vm_restarts_while_others_talk(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 20; i++) {
        send(0, 1, 500, (uint8_t)i);
        send(1, 0, 500, (uint8_t)i);
        settle();
        start_vm(1, VIRTIO_F_EVENT_IDX | VIRTIO_NET_F_MRG_RXBUF);
        while (receive(0) != 0) {
        }
        assert_int_equal(receive(1), 0); /* nothing of its former life */
        send(0, 2, 200, (uint8_t)i);
        settle();
        expect(2, 200);
        send(1, 0, 300, (uint8_t)i);
        settle();
        expect(0, 300);
        send(0, 1, 400, (uint8_t)i);
        settle();
        expect(1, 400);
    }
}

static void the_guest_sees_when_root_pulls_the_cable(void **state)
{
    (void)state;
    assert_int_equal(virtio_config_read(&t.vm[1].net.net.device, 6, 2), 1);
    t.net.roster.client[1].flags = NET_CLIENT_DOWN;
    switch_roster_changed(&t.sw);
    settle();
    assert_int_equal(virtio_config_read(&t.vm[1].net.net.device, 6, 2), 0);
}

/* As root does when the service dies, and when it is there again. */
static void a_dead_service_is_a_cable_pulled_out(void **state)
{
    (void)state;
    const struct virtio_device *device = &t.vm[1].net.net.device;
    t.service_dead = true;
    for (unsigned i = 0; i < GUESTS; i++) {
        net_link_detach(&t.net.link[i]);
        signal_vm(NULL, i);
    }
    settle();
    for (unsigned i = 0; i < GUESTS; i++) {
        assert_int_equal(virtio_config_read(&t.vm[i].net.net.device, 6, 2), 0);
    }
    uint32_t generation = device->state.generation;
    start_service();
    settle();
    assert_int_equal(virtio_config_read(device, 6, 2), 1);
    assert_true(device->state.generation != generation);
    assert_true(send(0, 1, 60, 9));
    settle();
    expect(1, 60);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(guests_talk),
        TEST(a_stream_keeps_its_order_and_loses_nothing),
        TEST(a_guest_that_does_not_receive_hurts_nobody_else),
        TEST(a_limited_guest_loses_nothing),
        TEST(long_frames_pass_whole_or_are_cut_as_the_receiver_takes_them),
        TEST(the_service_restarts_and_nothing_is_lost),
        TEST(a_vm_restarts_while_others_talk),
        TEST(the_guest_sees_when_root_pulls_the_cable),
        TEST(a_dead_service_is_a_cable_pulled_out),
    };
    return cmocka_run_group_tests_name("net_path", tests, NULL, NULL);
}
