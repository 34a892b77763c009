// SPDX-License-Identifier: BSD-2-Clause
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
// clang-format on

#include "device/virtio/virtio_mmio.h"

#include <string.h>

#include "lib/virtio_mmio.h"
#include "test/fake/virtio_driver.h"

enum {
    QUEUES = 2,
    SIZE = 16,
};

static struct {
    struct fake_driver d;
    struct virtio_device device;
    struct chain_segment segments[VIRTQUEUE_SIZE_MAX];
    struct virtio_mmio mmio;
    struct virtio_mmio_port port;
    uint8_t config[9];
    bool line;
    unsigned line_changes;
    bool stop_late;
} t;

static void set_level(void *ctx, bool high)
{
    (void)ctx;
    assert_true(high != t.line && t.device.lock.users != 0);
    t.line = high;
    t.line_changes++;
}

static enum virtio_progress work(struct virtio_device *device, unsigned queue, unsigned *budget)
{
    for (; *budget != 0; --*budget) {
        if (!virtio_pop(device, queue, &device->chain)) {
            return VIRTIO_EMPTY;
        }
        virtio_push(device, queue, &device->chain, chain_write(&device->chain, 0, "yes", 3));
    }
    return VIRTIO_AGAIN;
}

static bool stop(struct virtio_device *device)
{
    (void)device;
    return !t.stop_late;
}

static bool stop_queue(struct virtio_device *device, unsigned queue)
{
    (void)queue;
    return stop(device);
}

static void config_write(struct virtio_device *device, uint32_t offset, const uint8_t *bytes,
                         uint32_t size_bytes)
{
    memcpy((uint8_t *)device->config + offset, bytes, size_bytes);
}

static const struct virtio_ops ops = {"test", VIRTIO_TYPE_BLOCK, work,        NULL, NULL,
                                      stop,   stop_queue,        config_write};

static int set_up(void **state)
{
    (void)state;
    memset(&t, 0, sizeof t);
    driver_init(&t.d);
    t.port.set_level = set_level;
    for (unsigned i = 0; i < sizeof t.config; i++) {
        t.config[i] = (uint8_t)(0x10 + i);
    }
    virtio_init(&t.device, &(struct virtio_setup){
                               .ops = &ops,
                               .port = &t.d.port,
                               .ram = &t.d.ram,
                               .segments = t.segments,
                               .config = t.config,
                               .config_bytes = sizeof t.config,
                               .queue_count = QUEUES,
                               .queue_size = SIZE,
                           });
    virtio_mmio_init(&t.mmio, &t.device, &t.port);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    driver_fini(&t.d);
    return 0;
}

static uint64_t read(uint64_t offset, unsigned width)
{
    struct access a = {.offset = offset, .value = ~0ull, .width_bytes = (uint8_t)width};
    assert_int_equal(virtio_mmio_access(&t.mmio, &a), OUTCOME_DONE);
    return a.value;
}

static void write(uint64_t offset, unsigned width, uint64_t value)
{
    struct access a = {
        .offset = offset, .value = value, .width_bytes = (uint8_t)width, .is_write = true};
    assert_int_equal(virtio_mmio_access(&t.mmio, &a), OUTCOME_DONE);
    assert_int_equal(a.value, value);
}

static uint32_t rd(uint64_t offset)
{
    return (uint32_t)read(offset, 4);
}

static void wr(uint64_t offset, uint32_t value)
{
    write(offset, 4, value);
}

static void write_address(unsigned offset, uint64_t address)
{
    wr(offset, (uint32_t)address);
    wr(offset + 4, (uint32_t)(address >> 32));
}

static void set_up_queue(unsigned i, uint16_t size)
{
    struct fake_queue *q = &t.d.queue[i];
    driver_make_queue(&t.d, q, size, t.d.features);
    wr(MMIO_QUEUE_SEL, i);
    wr(MMIO_QUEUE_SIZE, size);
    write_address(MMIO_QUEUE_DESC, q->descriptor_address);
    write_address(MMIO_QUEUE_DRIVER, q->driver_address);
    write_address(MMIO_QUEUE_DEVICE, q->device_address);
    wr(MMIO_QUEUE_READY, 1);
}

/* As Linux does it, with the rings of the test's driver. */
static void start(uint64_t features)
{
    t.d.features = features | VIRTIO_F_VERSION_1;
    t.d.device = &t.device;
    t.d.used_bytes = 0;
    wr(MMIO_STATUS, 0);
    wr(MMIO_STATUS, 1);
    wr(MMIO_STATUS, 3);
    for (uint32_t word = 0; word < 2; word++) {
        wr(MMIO_DRIVER_FEATURES_SEL, word);
        wr(MMIO_DRIVER_FEATURES, (uint32_t)(t.d.features >> (32 * word)));
    }
    wr(MMIO_STATUS, 0xb);
    assert_int_equal(rd(MMIO_STATUS), 0xb);
    for (unsigned i = 0; i < QUEUES; i++) {
        set_up_queue(i, SIZE);
        assert_int_equal(rd(MMIO_QUEUE_READY), 1);
    }
    wr(MMIO_STATUS, 0xf);
    assert_int_equal(rd(MMIO_STATUS), 0xf);
}

static void request(unsigned queue)
{
    struct fake_buffer buffer = {FAKE_RAM_BASE + 0x80000, 10, true};
    uint16_t id;
    uint32_t written;
    driver_add(&t.d, queue, &buffer, 1);
    wr(MMIO_QUEUE_NOTIFY, queue);
    assert_true(driver_take(&t.d, queue, &id, &written));
    assert_int_equal(written, 3);
    assert_memory_equal(driver_at(&t.d, buffer.address, 3), "yes", 3);
}

static void identification(void **state)
{
    (void)state;
    const uint32_t want[] = {0x74726976, 2, VIRTIO_TYPE_BLOCK};
    for (unsigned i = 0; i < 3; i++) {
        wr(4 * i, 0);
        assert_int_equal(rd(4 * i), want[i]);
    }
    assert_int_not_equal(rd(0xc), 0);
}

static void features_come_in_words(void **state)
{
    (void)state;
    wr(MMIO_DEVICE_FEATURES_SEL, 0);
    assert_int_equal(rd(MMIO_DEVICE_FEATURES), (uint32_t)VIRTIO_FEATURES);
    wr(MMIO_DEVICE_FEATURES_SEL, 1);
    assert_int_equal(rd(MMIO_DEVICE_FEATURES), VIRTIO_FEATURES >> 32);
    const uint32_t bad[] = {2, 3, 32, 64, ~0u};
    for (unsigned i = 0; i < 5; i++) {
        wr(MMIO_DEVICE_FEATURES_SEL, bad[i]);
        assert_int_equal(rd(MMIO_DEVICE_FEATURES), 0);
        wr(MMIO_DRIVER_FEATURES_SEL, bad[i]);
        wr(MMIO_DRIVER_FEATURES, ~0u);
        assert_int_equal(t.device.state.features, 0);
    }
}

static void a_driver_that_knows_the_registers_gets_its_answer(void **state)
{
    (void)state;
    const uint64_t formats[] = {0, VIRTIO_F_RING_PACKED};
    for (unsigned f = 0; f < 2; f++) {
        start(formats[f]);
        for (unsigned i = 0; i < 40; i++) {
            request(i % QUEUES);
            assert_true(t.line);
            assert_int_equal(rd(MMIO_INTERRUPT_STATUS), VIRTIO_ISR_QUEUE);
            wr(MMIO_INTERRUPT_ACK, VIRTIO_ISR_QUEUE);
            assert_false(t.line);
            assert_int_equal(rd(MMIO_INTERRUPT_STATUS), 0);
        }
    }
    assert_int_equal(t.line_changes, 160);
}

/* One cause is acknowledged while another one stands: the line stays high. */
static void causes_are_acknowledged_one_by_one(void **state)
{
    (void)state;
    start(0);
    request(0);
    virtio_lock(&t.device);
    virtio_config_changed(&t.device);
    virtio_unlock(&t.device);
    assert_int_equal(rd(MMIO_INTERRUPT_STATUS), 3);
    wr(MMIO_INTERRUPT_ACK, 1);
    assert_true(t.line);
    wr(MMIO_INTERRUPT_ACK, 0xfffffffd);
    assert_true(t.line);
    wr(MMIO_INTERRUPT_ACK, 2);
    assert_false(t.line);
    assert_int_equal(t.line_changes, 2);
    assert_int_equal(rd(MMIO_CONFIG_GENERATION), 1);
}

static void a_reset_lowers_the_line_and_forgets_selections(void **state)
{
    (void)state;
    start(0);
    request(1);
    wr(MMIO_QUEUE_SEL, 1);
    assert_true(t.line);
    wr(MMIO_STATUS, 0);
    assert_false(t.line);
    assert_int_equal(rd(MMIO_STATUS), 0);
    assert_int_equal(rd(MMIO_INTERRUPT_STATUS), 0);
    assert_int_equal(t.device.state.queue_select, 0);
    for (unsigned i = 0; i < QUEUES; i++) {
        wr(MMIO_QUEUE_SEL, i);
        assert_int_equal(rd(MMIO_QUEUE_READY), 0);
    }
    start(0);
    request(1);
}

static void bad_selectors_are_harmless(void **state)
{
    (void)state;
    start(VIRTIO_F_RING_RESET);
    const uint32_t bad[] = {QUEUES, VIRTIO_QUEUE_MAX, 0x8000, 0x10000, 0x80000000, ~0u};
    for (unsigned i = 0; i < 6; i++) {
        wr(MMIO_QUEUE_SEL, bad[i]);
        assert_int_equal(rd(MMIO_QUEUE_SIZE_MAX), 0);
        assert_int_equal(rd(MMIO_QUEUE_READY), 0);
        assert_int_equal(rd(MMIO_QUEUE_RESET), 0);
        wr(MMIO_QUEUE_SIZE, 4);
        write_address(MMIO_QUEUE_DESC, 0);
        wr(MMIO_QUEUE_READY, 1);
        wr(MMIO_QUEUE_READY, 0);
        wr(MMIO_QUEUE_RESET, 1);
        wr(MMIO_QUEUE_NOTIFY, bad[i]);
        wr(MMIO_SHM_SEL, bad[i]);
    }
    request(0);
    request(1);
}

/* 4.2.2: a region that does not exist has a length of -1. */
static void there_are_no_shared_memory_regions(void **state)
{
    (void)state;
    for (uint32_t region = 0; region < 3; region++) {
        wr(MMIO_SHM_SEL, region);
        for (unsigned offset = 0xb0; offset <= 0xbc; offset += 4) {
            assert_int_equal(rd(offset), ~0u);
        }
    }
}

static void queue_ready_and_queue_reset(void **state)
{
    (void)state;
    start(VIRTIO_F_RING_RESET);
    wr(MMIO_QUEUE_SEL, 1);
    wr(MMIO_QUEUE_READY, 2); /* neither 0 nor 1 */
    wr(MMIO_QUEUE_RESET, 0);
    wr(MMIO_QUEUE_RESET, 2);
    assert_int_equal(rd(MMIO_QUEUE_READY), 1);
    wr(MMIO_QUEUE_RESET, 1);
    assert_int_equal(rd(MMIO_QUEUE_RESET), 0);
    assert_int_equal(rd(MMIO_QUEUE_READY), 0);
    request(0);
    set_up_queue(1, 8);
    request(1);
    /* One that takes its time. */
    t.stop_late = true;
    wr(MMIO_QUEUE_RESET, 1);
    assert_int_equal(rd(MMIO_QUEUE_RESET), 1);
    virtio_lock(&t.device);
    virtio_queue_stopped(&t.device, 1);
    virtio_unlock(&t.device);
    assert_int_equal(rd(MMIO_QUEUE_RESET), 0);
    assert_int_equal(rd(MMIO_QUEUE_READY), 0);
    t.stop_late = false;
    wr(MMIO_QUEUE_SEL, 0);
    wr(MMIO_QUEUE_READY, 0);
    assert_int_equal(rd(MMIO_QUEUE_READY), 0);
}

static void a_reset_that_takes_its_time_shows_in_status(void **state)
{
    (void)state;
    start(0);
    request(0);
    t.stop_late = true;
    wr(MMIO_STATUS, 0);
    assert_int_not_equal(rd(MMIO_STATUS), 0);
    virtio_lock(&t.device);
    virtio_stopped(&t.device);
    virtio_unlock(&t.device);
    assert_int_equal(rd(MMIO_STATUS), 0);
    assert_false(t.line);
}

static void control_registers_want_32_bits(void **state)
{
    (void)state;
    start(0);
    for (unsigned offset = 0; offset < MMIO_CONFIG; offset++) {
        for (unsigned width = 1; width <= 8; width *= 2) {
            if (width != 4 || offset % 4 != 0) {
                write(offset, width, 0);
                write(offset, width, ~0ull);
                assert_int_equal(read(offset, width), 0);
            }
        }
    }
    assert_int_equal(rd(MMIO_STATUS), 0xf);
    request(0);
}

/* Any register with any value: nothing but the guest's own device suffers. */
static void reserved_registers_read_as_zero(void **state)
{
    (void)state;
    const unsigned reserved[] = {0x18, 0x1c, 0x28, 0x2c, 0x3c, 0x40, 0x48, 0x4c, 0x54, 0x58,
                                 0x5c, 0x68, 0x6c, 0x74, 0x7c, 0x88, 0x98, 0xa8, 0xc4, 0xf8};
    start(0);
    for (unsigned i = 0; i < sizeof reserved / sizeof reserved[0]; i++) {
        wr(reserved[i], ~0u);
        assert_int_equal(rd(reserved[i]), 0);
    }
    const unsigned write_only[] = {0x14, 0x20, 0x24, 0x30, 0x38, 0x50,
                                   0x64, 0x80, 0x94, 0xa0, 0xac};
    for (unsigned i = 0; i < sizeof write_only / sizeof write_only[0]; i++) {
        assert_int_equal(rd(write_only[i]), 0);
    }
    request(0);
}

static void the_configuration_takes_any_width(void **state)
{
    (void)state;
    assert_int_equal(read(MMIO_CONFIG, 1), 0x10);
    assert_int_equal(read(MMIO_CONFIG + 1, 4), 0x14131211);
    assert_int_equal(read(MMIO_CONFIG, 8), 0x1716151413121110);
    assert_int_equal(read(MMIO_CONFIG + 1, 8), 0x1817161514131211);
    assert_int_equal(read(MMIO_CONFIG + 2, 8), 0);
    assert_int_equal(read(VIRTIO_MMIO_SIZE - 1, 1), 0);
    write(MMIO_CONFIG + 3, 2, 0xabcdef);
    assert_int_equal(read(MMIO_CONFIG + 2, 4), 0x15cdef12);
    write(MMIO_CONFIG + 8, 2, 0xffff); /* half outside: none of it */
    assert_int_equal(read(MMIO_CONFIG + 8, 1), 0x18);
}

static void beyond_the_window_is_nobody(void **state)
{
    (void)state;
    struct access a = {.offset = VIRTIO_MMIO_SIZE, .width_bytes = 4};
    assert_int_equal(virtio_mmio_access(&t.mmio, &a), OUTCOME_UNHANDLED);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(identification),
        TEST(features_come_in_words),
        TEST(a_driver_that_knows_the_registers_gets_its_answer),
        TEST(causes_are_acknowledged_one_by_one),
        TEST(a_reset_lowers_the_line_and_forgets_selections),
        TEST(bad_selectors_are_harmless),
        TEST(there_are_no_shared_memory_regions),
        TEST(queue_ready_and_queue_reset),
        TEST(a_reset_that_takes_its_time_shows_in_status),
        TEST(control_registers_want_32_bits),
        TEST(reserved_registers_read_as_zero),
        TEST(the_configuration_takes_any_width),
        TEST(beyond_the_window_is_nobody),
    };
    return cmocka_run_group_tests_name("virtio-mmio", tests, NULL, NULL);
}
