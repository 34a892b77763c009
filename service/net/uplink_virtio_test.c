// SPDX-License-Identifier: BSD-2-Clause
#include "service/net/uplink_virtio.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "test/fake/net.h"
#include "test/fake/virtio_device.h"

enum { DMA_PADDR = 0x48000000, DMA_BYTES = 2 << 20, RECEIVE = 0, SEND = 1, HEAD = 12 };
#define F_CSUM       1ull
#define F_GUEST_CSUM 2ull
#define F_STATUS     (1ull << 16)

struct fixture {
    struct fake_virtio device;
    struct uplink_virtio uplink;
    uint8_t bytes[2048];
    _Alignas(64) uint8_t memory[DMA_BYTES];
};

static bool start(struct fixture *f, uint64_t features)
{
    fake_virtio_init(&f->device, VIRTIO_TYPE_NET, features, 256);
    fake_virtio_add_region(&f->device, DMA_PADDR, f->memory, DMA_BYTES);
    f->device.config[6] = 1; /* the cable is in */
    const struct transport_registers registers = fake_virtio_registers(&f->device);
    const struct dma dma = {.vaddr = f->memory, .paddr = DMA_PADDR, .size_bytes = DMA_BYTES};
    return uplink_virtio_start(&f->uplink, &registers, &dma, 1500);
}

static int setup(void **state)
{
    struct fixture *f = aligned_alloc(64, (sizeof *f + 63) / 64 * 64);
    memset(f, 0, sizeof *f);
    assert_true(start(f, F_CSUM | F_GUEST_CSUM | F_STATUS | VIRTIO_F_EVENT_IDX));
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    free(*state);
    return 0;
}

/* The device receives a frame from outside. False: the driver gave it no buffer. */
static bool arrive(struct fixture *f, uint8_t flags, uint8_t gso_type, uint32_t length,
                   uint32_t claimed)
{
    struct fake_held buffer;
    uint8_t head[HEAD] = {flags, gso_type, 0, 0, 0, 0, 34, 0, 6, 0, 1, 0};
    if (!fake_virtio_pop(&f->device, RECEIVE, &buffer)) {
        return false;
    }
    assert_int_equal(buffer.writable, 1);
    assert_true(buffer.segment[0].bytes >= HEAD + 1518);
    fake_frame(f->bytes, length, 9, 1, (uint8_t)length);
    memcpy(buffer.segment[0].host, head, HEAD);
    memcpy(buffer.segment[0].host + HEAD, f->bytes, length);
    fake_virtio_push(&f->device, RECEIVE, buffer.id, claimed);
    return true;
}

static bool next(struct fixture *f, struct frame *frame)
{
    return uplink_virtio_ops.receive(&f->uplink, frame);
}

static void frames_arrive(void **state)
{
    struct fixture *f = *state;
    struct frame frame;
    assert_false(next(f, &frame));
    for (unsigned i = 0; i < 1000; i++) {
        uint32_t length = 14 + i;
        assert_true(arrive(f, 0, 0, length, HEAD + length));
        assert_true(next(f, &frame));
        assert_int_equal(frame.start.head.length, length);
        assert_int_equal(frame.start.head.flags, 0);
        assert_memory_equal(frame.start.ethernet, f->bytes, 14);
        assert_int_equal(frame.rest[0].size, length - 14);
        assert_memory_equal(frame.rest[0].bytes, f->bytes + 14, length - 14);
        uplink_virtio_ops.done(&f->uplink);
        uplink_virtio_ops.flush(&f->uplink);
        assert_false(next(f, &frame));
        assert_true(uplink_virtio_ops.wait(&f->uplink));
    }
    assert_int_equal(f->device.interrupt_count, 1000);
}

static void what_the_device_says_of_a_frame_is_checked(void **state)
{
    struct fixture *f = *state;
    struct frame frame;
    arrive(f, 0, 0, 60, HEAD + 13); /* short */
    arrive(f, 0, 0, 60, 3);
    arrive(f, 0, 1, 60, HEAD + 60); /* long frames were not negotiated */
    arrive(f, 1, 0, 41, HEAD + 41); /* the checksum is beyond its end */
    arrive(f, 0x80, 0, 60, HEAD + 60);
    arrive(f, 1, 0, 60, HEAD + 60);
    assert_true(next(f, &frame));
    assert_int_equal(frame.start.head.flags, NET_NEEDS_CSUM);
    assert_int_equal(frame.start.head.csum_start, 34);
    uplink_virtio_ops.done(&f->uplink);
    assert_false(next(f, &frame));
    assert_int_equal(f->uplink.bad_count, 5);
    arrive(f, 0, 0, 60, UINT32_MAX); /* more than the buffer has: cut to it, which is too long */
    next(f, &frame);
    assert_true(frame.start.head.length <= f->uplink.buffer_bytes - HEAD);
}

static struct frame make_frame(struct fixture *f, uint32_t length)
{
    struct frame frame = {.start.head = {.length = length}};
    fake_frame(f->bytes, length, 1, 9, 3);
    memcpy(frame.start.ethernet, f->bytes, 14);
    uint32_t half = (length - 14) / 2;
    frame.rest[0] = (struct ring_piece){f->bytes + 14, half};
    frame.rest[1] = (struct ring_piece){f->bytes + 14 + half, length - 14 - half};
    return frame;
}

static void frames_are_sent(void **state)
{
    struct fixture *f = *state;
    struct fake_held buffer;
    for (unsigned i = 0; i < 1000; i++) {
        struct frame frame = make_frame(f, 14 + i);
        frame.start.head.flags = NET_NEEDS_CSUM;
        frame.start.head.csum_start = 34;
        frame.start.head.csum_offset = 16;
        assert_true(uplink_virtio_ops.send(&f->uplink, &frame));
        uplink_virtio_ops.flush(&f->uplink);
        assert_true(fake_virtio_pop(&f->device, SEND, &buffer));
        assert_int_equal(buffer.segment[0].bytes, HEAD + 14 + i);
        assert_memory_equal(buffer.segment[0].host, "\1\0\0\0\0\0\x22\0\x10\0\0\0", HEAD);
        assert_memory_equal(buffer.segment[0].host + HEAD, f->bytes, 14 + i);
        fake_virtio_push(&f->device, SEND, buffer.id, 0);
    }
}

static void a_full_queue_refuses_and_recovers(void **state)
{
    struct fixture *f = *state;
    struct fake_held buffer;
    struct frame frame = make_frame(f, 60);
    for (unsigned i = 0; i < UPLINK_QUEUE_SIZE; i++) {
        assert_true(uplink_virtio_ops.send(&f->uplink, &frame));
    }
    assert_false(uplink_virtio_ops.send(&f->uplink, &frame));
    uplink_virtio_ops.flush(&f->uplink);
    assert_false(uplink_virtio_ops.send(&f->uplink, &frame));
    assert_true(fake_virtio_pop(&f->device, SEND, &buffer));
    fake_virtio_push(&f->device, SEND, buffer.id, 0);
    assert_true(uplink_virtio_ops.send(&f->uplink, &frame));
    assert_false(uplink_virtio_ops.send(&f->uplink, &frame));
    frame.start.head.length = 1519;
    assert_false(uplink_virtio_ops.send(&f->uplink, &frame));
}

static void checksums_are_left_to_a_device_that_does_them(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(uplink_virtio_ops.accepts(&f->uplink), NET_OFFLOAD_CSUM);
    assert_true(start(f, 0));
    assert_int_equal(uplink_virtio_ops.accepts(&f->uplink), 0);
    struct frame frame;
    arrive(f, 1, 0, 60, HEAD + 60);
    assert_true(next(f, &frame));
    assert_int_equal(frame.start.head.flags, 0);
}

static void a_pulled_cable_sends_nothing(void **state)
{
    struct fixture *f = *state;
    struct frame frame = make_frame(f, 60);
    f->device.config[6] = 0;
    f->device.interrupt |= TRANSPORT_CONFIG;
    uplink_virtio_interrupt(&f->uplink);
    assert_false(uplink_virtio_ops.send(&f->uplink, &frame));
    f->device.config[6] = 1;
    f->device.interrupt |= TRANSPORT_CONFIG;
    uplink_virtio_interrupt(&f->uplink);
    assert_true(uplink_virtio_ops.send(&f->uplink, &frame));
}

static void a_device_that_breaks_the_rules_begins_anew_a_few_times(void **state)
{
    struct fixture *f = *state;
    struct frame frame;
    for (unsigned i = 0; i <= UPLINK_RESTARTS; i++) {
        arrive(f, 0, 0, 60, HEAD + 60);
        assert_true(next(f, &frame));
        uplink_virtio_ops.done(&f->uplink);
        struct vring_used *used = fake_virtio_used(&f->device, RECEIVE);
        used->ring[atomic_load(&used->index) % f->uplink.receive.size].id = 777;
        atomic_fetch_add(&used->index, 1);
        assert_false(next(f, &frame));
        assert_int_equal(f->uplink.running, i < UPLINK_RESTARTS);
        if (i < UPLINK_RESTARTS) {
            struct frame out = make_frame(f, 60);
            assert_true(uplink_virtio_ops.send(&f->uplink, &out));
        }
    }
    struct frame out = make_frame(f, 60);
    assert_false(uplink_virtio_ops.send(&f->uplink, &out));
    assert_false(next(f, &frame));
    assert_true(uplink_virtio_ops.wait(&f->uplink));
    uplink_virtio_ops.flush(&f->uplink);
    uplink_virtio_interrupt(&f->uplink);
}

static void no_device_no_uplink(void **state)
{
    struct fixture *f = *state;
    fake_virtio_init(&f->device, VIRTIO_TYPE_BLOCK, 0, 256);
    const struct transport_registers registers = fake_virtio_registers(&f->device);
    const struct dma dma = {.vaddr = f->memory, .paddr = DMA_PADDR, .size_bytes = DMA_BYTES};
    assert_false(uplink_virtio_start(&f->uplink, &registers, &dma, 1500));
    fake_virtio_init(&f->device, VIRTIO_TYPE_NET, 0, 256);
    const struct dma small = {.vaddr = f->memory, .paddr = DMA_PADDR, .size_bytes = 65536};
    fake_virtio_add_region(&f->device, DMA_PADDR, f->memory, DMA_BYTES);
    assert_false(uplink_virtio_start(&f->uplink, &registers, &small, 1500));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(frames_arrive),
        TEST(what_the_device_says_of_a_frame_is_checked),
        TEST(frames_are_sent),
        TEST(a_full_queue_refuses_and_recovers),
        TEST(checksums_are_left_to_a_device_that_does_them),
        TEST(a_pulled_cable_sends_nothing),
        TEST(a_device_that_breaks_the_rules_begins_anew_a_few_times),
        TEST(no_device_no_uplink),
    };
    return cmocka_run_group_tests_name("uplink_virtio", tests, NULL, NULL);
}
