// SPDX-License-Identifier: BSD-2-Clause
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
// clang-format on

#include "device/virtio/virtio_console.h"

#include <string.h>

#include "test/fake/virtio_driver.h"

#define F_SIZE      1ull
#define F_MULTIPORT 2ull

enum { PORTS = 3, STREAM = 200000 };

/* The far side of each port: takes `room` bytes, has `in` for the guest. */
struct far {
    uint8_t out[STREAM];
    size_t out_count, room;
    bool count_only;
    const uint8_t *in;
    size_t in_count;
};

static struct {
    struct fake_driver d;
    struct virtio_console console;
    struct virtio_console_port port;
    struct far far[PORTS];
} t;

static const char *const names[PORTS] = {NULL, "log", "a name that is longer than what fits in it"};

static size_t transmit(void *ctx, unsigned port, const uint8_t *bytes, size_t count)
{
    (void)ctx;
    struct far *far = &t.far[port];
    size_t taken = count < far->room ? count : far->room;
    if (!far->count_only) {
        memcpy(far->out + far->out_count, bytes, taken);
    }
    far->out_count += taken;
    far->room -= taken;
    return taken;
}

static size_t receive(void *ctx, unsigned port, uint8_t *bytes, size_t count)
{
    (void)ctx;
    struct far *far = &t.far[port];
    size_t given = count < far->in_count ? count : far->in_count;
    if (given != 0) {
        memcpy(bytes, far->in, given);
    }
    far->in += given;
    far->in_count -= given;
    return given;
}

static void make(unsigned port_count, uint64_t features)
{
    virtio_console_init(&t.console, port_count, names, &t.port, &t.d.ram, &t.d.port, 3);
    driver_attach(&t.d, &t.console.device);
    assert_true(driver_start(&t.d, features));
}

static int set_up(void **state)
{
    (void)state;
    memset(&t, 0, sizeof t);
    t.port = (struct virtio_console_port){transmit, receive, NULL};
    for (unsigned i = 0; i < PORTS; i++) {
        t.far[i].room = STREAM;
    }
    driver_init(&t.d);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    driver_fini(&t.d);
    return 0;
}

static void offer(unsigned port, const char *text)
{
    t.far[port].in = (const uint8_t *)text;
    t.far[port].in_count = strlen(text);
    virtio_console_ready(&t.console, port);
}

static uint16_t add_room(unsigned queue, uint32_t bytes)
{
    struct fake_buffer buffer = {driver_alloc(&t.d, bytes, 1), bytes, true};
    return driver_add(&t.d, queue, &buffer, 1);
}

static void text_goes_out_at_once(void **state)
{
    (void)state;
    const uint64_t formats[] = {0, VIRTIO_F_RING_PACKED | VIRTIO_F_IN_ORDER};
    for (unsigned f = 0; f < 2; f++) {
        make(1, formats[f]);
        t.far[0].out_count = 0;
        assert_int_equal(driver_request(&t.d, 1, "hello ", 6, NULL, 0), 0);
        assert_int_equal(driver_request(&t.d, 1, "world", 5, NULL, 0), 0);
        assert_int_equal(t.far[0].out_count, 11);
        assert_memory_equal(t.far[0].out, "hello world", 11);
    }
}

/* The far side takes less than it is given, at any place: nothing is lost or doubled. */
static void what_the_far_side_does_not_take_waits(void **state)
{
    (void)state;
    static uint8_t text[60000];
    for (unsigned i = 0; i < sizeof text; i++) {
        text[i] = (uint8_t)(i * 7 + i / 251);
    }
    const uint64_t formats[] = {0, VIRTIO_F_RING_PACKED | VIRTIO_F_IN_ORDER};
    for (unsigned f = 0; f < 2; f++) {
        make(1, formats[f]);
        t.far[0].out_count = 0;
        uint64_t at = driver_put(&t.d, text, sizeof text);
        const struct fake_buffer buffers[] = {
            {at,         1,     false},
            {at + 1,     29999, false},
            {at + 30000, 30000, false}
        };
        uint16_t id;
        uint32_t written;
        t.far[0].room = 0;
        driver_add(&t.d, 1, buffers, 3);
        driver_kick(&t.d, 1);
        for (unsigned step = 0; !driver_take(&t.d, 1, &id, &written); step++) {
            assert_true(step < 1000);
            t.far[0].room = step * 37 % 1009;
            virtio_console_ready(&t.console, 0);
            driver_run(&t.d);
        }
        assert_int_equal(written, 0);
        assert_int_equal(t.far[0].out_count, sizeof text);
        assert_memory_equal(t.far[0].out, text, sizeof text);
        t.far[0].room = STREAM;
        assert_int_equal(driver_request(&t.d, 1, "next", 4, NULL, 0), 0);
        assert_memory_equal(t.far[0].out + sizeof text, "next", 4);
    }
}

/* A pass has its budget in bytes, too. */
static void a_long_text_is_sent_in_several_passes(void **state)
{
    (void)state;
    make(1, 0);
    struct fake_buffer buffers[40];
    for (unsigned i = 0; i < 40; i++) {
        buffers[i] = (struct fake_buffer){FAKE_RAM_BASE, FAKE_RAM_BYTES, false};
    }
    struct far *far = &t.far[0];
    uint16_t id;
    uint32_t written;
    far->count_only = true;
    far->room = SIZE_MAX;
    driver_add(&t.d, 1, buffers, 40);
    driver_kick(&t.d, 1);
    assert_true(t.d.deferred);
    assert_in_range(far->out_count, 1, VIRTIO_BUDGET * 4096u);
    assert_false(driver_take(&t.d, 1, &id, &written));
    driver_run(&t.d);
    assert_int_equal(far->out_count, 40u * FAKE_RAM_BYTES);
    assert_true(driver_take(&t.d, 1, &id, &written));
    assert_in_range(t.console.device.counter[VIRTIO_COUNT_DEFER], 100, 1000);
}

static void input_fills_the_buffers_that_are_there(void **state)
{
    (void)state;
    const uint64_t formats[] = {0, VIRTIO_F_RING_PACKED | VIRTIO_F_IN_ORDER};
    for (unsigned f = 0; f < 2; f++) {
        make(1, formats[f]);
        uint16_t id;
        uint32_t written;
        offer(0, "abcdefghij");
        assert_int_equal(t.far[0].in_count, 10); /* no buffer yet: it stays there */
        add_room(0, 4);
        driver_kick(&t.d, 0);
        assert_true(driver_take(&t.d, 0, &id, &written));
        assert_int_equal(written, 4);
        add_room(0, 4);
        add_room(0, 4);
        add_room(0, 4);
        driver_kick(&t.d, 0);
        assert_true(driver_take(&t.d, 0, &id, &written));
        assert_int_equal(written, 4);
        assert_true(driver_take(&t.d, 0, &id, &written));
        assert_int_equal(written, 2); /* not held back for the rest */
        assert_false(driver_take(&t.d, 0, &id, &written));
        offer(0, "k");
        assert_true(driver_take(&t.d, 0, &id, &written));
        assert_int_equal(written, 1);
    }
}

static void input_goes_over_spans(void **state)
{
    (void)state;
    make(1, 0);
    const struct fake_buffer buffers[] = {
        {FAKE_RAM_BASE + 0x90000, 2, true},
        {FAKE_RAM_BASE + 0x80000, 9, true}
    };
    uint16_t id;
    uint32_t written;
    driver_add(&t.d, 0, buffers, 2);
    offer(0, "abcdef");
    assert_true(driver_take(&t.d, 0, &id, &written));
    assert_int_equal(written, 6);
    assert_memory_equal(driver_at(&t.d, buffers[0].address, 2), "ab", 2);
    assert_memory_equal(driver_at(&t.d, buffers[1].address, 4), "cdef", 4);
}

/* Buffers of the wrong direction come back empty. */
static void odd_buffers_come_back(void **state)
{
    (void)state;
    make(1, 0);
    struct fake_buffer buffer = {FAKE_RAM_BASE, 4, false};
    uint16_t id;
    uint32_t written;
    t.far[0].in = (const uint8_t *)"abc";
    t.far[0].in_count = 3;
    driver_add(&t.d, 0, &buffer, 1);
    driver_kick(&t.d, 0);
    assert_true(driver_take(&t.d, 0, &id, &written));
    assert_int_equal(written, 0);
    uint8_t in[4];
    assert_int_equal(driver_request(&t.d, 1, NULL, 0, in, sizeof in), 0);
    assert_int_equal(t.far[0].out_count, 0);
}

static void the_size_is_in_the_configuration(void **state)
{
    (void)state;
    make(1, F_SIZE);
    virtio_console_resize(&t.console, 0, 132, 43);
    assert_int_equal(t.d.interrupts[VIRTIO_SOURCE_CONFIG], 1);
    assert_int_equal(virtio_config_read(&t.console.device, 0, 2), 132);
    assert_int_equal(virtio_config_read(&t.console.device, 2, 2), 43);
    assert_int_equal(virtio_config_read(&t.console.device, 4, 4), 1);
    /* It outlives a reset of the guest. */
    assert_true(driver_start(&t.d, F_SIZE));
    assert_int_equal(virtio_config_read(&t.console.device, 0, 2), 132);
    assert_int_equal(t.d.interrupts[VIRTIO_SOURCE_CONFIG], 2); /* a new driver is told as well */
    assert_true(driver_start(&t.d, 0));
    assert_int_equal(t.d.interrupts[VIRTIO_SOURCE_CONFIG], 2);
}

static void an_emergency_write_needs_no_driver(void **state)
{
    (void)state;
    make(1, 0);
    virtio_reset(&t.console.device);
    virtio_lock(&t.console.device);
    virtio_config_write(&t.console.device, 8, 4, 0x11223300 | '!');
    virtio_config_write(&t.console.device, 8, 1, '?');
    virtio_config_write(&t.console.device, 9, 1, 'x');
    virtio_config_write(&t.console.device, 0, 4, 'x');
    virtio_unlock(&t.console.device);
    assert_int_equal(t.far[0].out_count, 2);
    assert_memory_equal(t.far[0].out, "!?", 2);
    assert_int_equal(virtio_config_read(&t.console.device, 0, 4), 0);
}

/* ---- more than one port */

struct control {
    uint32_t port;
    uint16_t event, value;
};

static void tell(uint32_t port, uint16_t event, uint16_t value)
{
    struct control message = {port, event, value};
    assert_int_equal(driver_request(&t.d, 3, &message, sizeof message, NULL, 0), 0);
}

/* The next control message is this one; `more` follows its head. */
static void expect(uint32_t port, uint16_t event, const void *more, uint32_t more_bytes)
{
    uint8_t bytes[64];
    const struct control want = {port, event, 1};
    assert_int_equal(driver_request(&t.d, 2, NULL, 0, bytes, sizeof bytes),
                     sizeof want + more_bytes);
    assert_memory_equal(bytes, &want, sizeof want);
    if (more_bytes != 0) {
        assert_memory_equal(bytes + sizeof want, more, more_bytes);
    }
}

static void expect_silence(void)
{
    uint8_t byte[8];
    assert_int_equal(driver_request(&t.d, 2, NULL, 0, byte, sizeof byte), FAKE_NO_ANSWER);
}

enum { READY = 0, ADD = 1, PORT_READY = 3, CONSOLE = 4, RESIZE = 5, OPEN = 6, NAME = 7 };

static void ports_are_introduced(void **state)
{
    (void)state;
    make(PORTS, F_MULTIPORT | F_SIZE);
    virtio_console_resize(&t.console, 2, 80, 25); /* waits for a buffer, and is not forgotten */
    tell(0, READY, 1);
    for (uint32_t port = 0; port < PORTS; port++) {
        expect(port, ADD, NULL, 0);
    }
    expect(2, RESIZE, "\x50\0\x19\0", 4);
    tell(0, PORT_READY, 1);
    expect(0, CONSOLE, NULL, 0);
    expect(0, OPEN, NULL, 0);
    tell(2, PORT_READY, 1);
    expect(2, RESIZE, "\x50\0\x19\0", 4);
    expect(2, OPEN, NULL, 0);
    expect(2, NAME, names[2], VIRTIO_CONSOLE_NAME_MAX);
    tell(1, PORT_READY, 1);
    expect(1, OPEN, NULL, 0);
    expect(1, NAME, "log", 3);
    expect_silence();
}

static void messages_that_mean_nothing_are_ignored(void **state)
{
    (void)state;
    make(PORTS, F_MULTIPORT);
    tell(PORTS, PORT_READY, 1);
    tell(~0u, PORT_READY, 1);
    tell(~0u, OPEN, 1);
    tell(0, READY, 0);
    tell(0, PORT_READY, 0);
    tell(0, ADD, 1);
    tell(0, 77, 1);
    assert_int_equal(driver_request(&t.d, 3, "1234567", 7, NULL, 0), 0); /* too short */
    expect_silence();
}

/* 5.3.6.1: nothing goes to a port that the guest has not opened. */
static void ports_open_and_close(void **state)
{
    (void)state;
    make(PORTS, F_MULTIPORT);
    uint16_t id;
    uint32_t written;
    for (unsigned port = 0; port < PORTS; port++) {
        unsigned queue = port == 0 ? 0 : 2 * port + 2;
        add_room(queue, 16);
        driver_kick(&t.d, queue);
        offer(port, "abc");
        assert_false(driver_take(&t.d, queue, &id, &written));
        tell(port, OPEN, 1);
        assert_true(driver_take(&t.d, queue, &id, &written));
        assert_int_equal(written, 3);
        tell(port, OPEN, 0);
        add_room(queue, 16);
        driver_kick(&t.d, queue);
        offer(port, "abc");
        assert_false(driver_take(&t.d, queue, &id, &written));
        assert_int_equal(driver_request(&t.d, queue + 1, "xy", 2, NULL, 0), 0);
        assert_int_equal(t.far[port].out_count, 2);
    }
}

static void a_reset_closes_ports_and_forgets_half_sent_text(void **state)
{
    (void)state;
    make(PORTS, F_MULTIPORT);
    tell(1, OPEN, 1);
    tell(1, PORT_READY, 1);
    t.far[1].room = 2;
    assert_int_equal(driver_request(&t.d, 5, "abcd", 4, NULL, 0), FAKE_NO_ANSWER);
    assert_int_equal(t.console.state.port[1].sent, 2);
    t.far[1].room = 100;
    assert_true(driver_start(&t.d, F_MULTIPORT));
    assert_int_equal(driver_request(&t.d, 5, "wxyz", 4, NULL, 0), 0);
    assert_memory_equal(t.far[1].out, "abwxyz", 6);
    assert_false(t.console.state.port[1].is_open);
    expect_silence();
}

static void a_queue_reset_forgets_half_sent_text(void **state)
{
    (void)state;
    make(PORTS, F_MULTIPORT | VIRTIO_F_RING_RESET);
    t.far[1].room = 2;
    assert_int_equal(driver_request(&t.d, 5, "abcd", 4, NULL, 0), FAKE_NO_ANSWER);
    virtio_lock(&t.console.device);
    virtio_queue_reset(&t.console.device, 3);
    assert_int_equal(t.console.state.port[1].sent, 2);
    virtio_queue_reset(&t.console.device, 5);
    virtio_unlock(&t.console.device);
    assert_int_equal(t.console.state.port[1].sent, 0);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(text_goes_out_at_once),
        TEST(what_the_far_side_does_not_take_waits),
        TEST(a_long_text_is_sent_in_several_passes),
        TEST(input_fills_the_buffers_that_are_there),
        TEST(input_goes_over_spans),
        TEST(odd_buffers_come_back),
        TEST(the_size_is_in_the_configuration),
        TEST(an_emergency_write_needs_no_driver),
        TEST(ports_are_introduced),
        TEST(messages_that_mean_nothing_are_ignored),
        TEST(ports_open_and_close),
        TEST(a_reset_closes_ports_and_forgets_half_sent_text),
        TEST(a_queue_reset_forgets_half_sent_text),
    };
    return cmocka_run_group_tests_name("virtio-console", tests, NULL, NULL);
}
