// SPDX-License-Identifier: BSD-2-Clause
/*
 * The whole way of a capture: packets into the network service's memory, `capture dump` through the
 * shell and the screen to the UART, between lines of the log, and out of what the console said into
 * a file.
 */
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
// clang-format on

#include <stdlib.h>
#include <string.h>

#include "test/fake/console_rig.h"
#include "tool/capture.h"

enum { MEMORY = 100000, PACKETS = 60, LENGTH_MAX = 1514, FILE_MAX = 24 + PACKETS * (16 + 1514) };

static struct {
    _Alignas(8) uint8_t memory[MEMORY];
    struct capture capture;
    uint8_t expected[FILE_MAX];
    size_t expected_bytes;
} t;

static const struct capture_shared *captured(void *ctx, unsigned network, uint64_t *bytes)
{
    (void)ctx, (void)network;
    *bytes = MEMORY;
    return (const struct capture_shared *)t.memory;
}

static int set_up(void **state)
{
    rig_setup(state);
    struct console_rig *f = *state;
    assert_true(capture_open(&t.capture, t.memory, MEMORY, NET_CAPTURE_SNAP));
    rig_begin(f, ROOT);
    f->console.port.captured = captured;
    f->reply.capture_count = 1;
    f->reply.capture[0] = (struct control_capture_info){.network = "lan-2", .memory_mib = 2};
    uint64_t position = 0;
    size_t got;
    for (unsigned i = 0; i < PACKETS; i++) {
        uint8_t bytes[LENGTH_MAX];
        for (size_t n = 0; n < sizeof bytes; n++) {
            bytes[n] = (uint8_t)(i * 7 + n * n);
        }
        capture_add(&t.capture, &(struct capture_packet){.bytes = {bytes},
                                                         .size = {60 + i * 24},
                                                         .time_ns = i * 1000000007ull});
    }
    capture_file_header(captured(NULL, 0, &position), t.expected);
    t.expected_bytes = CAPTURE_FILE_HEADER_BYTES;
    position = 0;
    while ((got = capture_read((const struct capture_shared *)t.memory, MEMORY, &position,
                               t.expected + t.expected_bytes, FILE_MAX - t.expected_bytes)) != 0) {
        t.expected_bytes += got;
    }
    assert_true(t.expected_bytes > 40000);
    return 0;
}

static void expect_file(const struct console_rig *f, const char *network, enum capture_state wanted)
{
    struct capture_scan scan = {.network = network};
    capture_scan(&scan, f->shown, f->size);
    assert_int_equal(scan.state, wanted);
    if (wanted == CAPTURE_WHOLE) {
        assert_int_equal(scan.file.size, t.expected_bytes);
        assert_memory_equal(scan.file.data, t.expected, scan.file.size);
    } else {
        assert_int_equal(scan.file.size, 0);
    }
    capture_scan_end(&scan);
}

/* Types, and nothing moves yet. */
static void type(struct console_rig *f, const char *text)
{
    for (; *text != '\0'; text++) {
        assert_true(console_input_room(&f->console) != 0);
        console_input(&f->console, (const uint8_t *)text, 1);
    }
}

static void move_all(struct console_rig *f, size_t uart)
{
    do {
        rig_move(f, uart);
    } while (shell_is_busy(&f->console.shell));
    rig_move(f, SIZE_MAX);
}

static void a_dump_becomes_the_file(void **state)
{
    struct console_rig *f = *state;
    rig_type(f, "capture dump lan-2\r");
    move_all(f, SIZE_MAX);
    expect_file(f, "lan-2", CAPTURE_WHOLE);
    expect_file(f, NULL, CAPTURE_WHOLE);
    expect_file(f, "lan", CAPTURE_NONE);
}

/* They come in the middle of a line, which is taken off and put back. */
static void lines_of_the_log_between_do_not_matter(void **state)
{
    struct console_rig *f = *state;
    type(f, "capture dump lan-2\r");
    for (unsigned i = 0; i < 60; i++) {
        rig_move(f, 333 + i);
        rig_log(f, VM_A, "2QUJDREVG\n");
        f->now_ms += 1000;
    }
    move_all(f, 1000);
    assert_non_null(strstr(f->shown, "[linux-a] QUJDREVG"));
    expect_file(f, NULL, CAPTURE_WHOLE);
}

static void a_switch_ends_it(void **state)
{
    struct console_rig *f = *state;
    type(f, "capture dump lan-2\r");
    rig_move(f, 2000);
    type(f, "help log\r\x14"
            "1for the guest");
    rig_move(f, SIZE_MAX);
    assert_false(shell_is_busy(&f->console.shell));
    rig_expect_typed(f, VM_A, "for the guest");
    expect_file(f, NULL, CAPTURE_CUT);
    type(f, "\x14scapture dump lan-2\r");
    move_all(f, SIZE_MAX);
    expect_file(f, NULL, CAPTURE_WHOLE);
}

static void ctrl_c_ends_it(void **state)
{
    struct console_rig *f = *state;
    type(f, "capture dump lan-2\r");
    rig_move(f, 2000);
    type(f, "abc\x03");
    move_all(f, SIZE_MAX);
    assert_non_null(strstr(f->shown, "-----END PCAP lan-2: interrupted-----\r\n"));
    expect_file(f, NULL, CAPTURE_CUT);
    type(f, "capture dump lan-2\r"); /* and the next one is whole */
    move_all(f, SIZE_MAX);
    expect_file(f, NULL, CAPTURE_WHOLE);
}

static void damage_is_found(void **state)
{
    struct console_rig *f = *state;
    type(f, "capture dump lan-2\r");
    move_all(f, SIZE_MAX);
    char *end = strstr(f->shown, "-----END"), *middle = f->shown + f->size / 2;
    while (*middle == '\r' || *middle == '\n') {
        middle++;
    }
    *middle = *middle == 'A' ? 'B' : 'A';
    expect_file(f, NULL, CAPTURE_DAMAGED);
    *end = '\0';
    f->size = (size_t)(end - f->shown);
    expect_file(f, NULL, CAPTURE_CUT);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, rig_teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_dump_becomes_the_file), TEST(lines_of_the_log_between_do_not_matter),
        TEST(a_switch_ends_it),        TEST(ctrl_c_ends_it),
        TEST(damage_is_found),
    };
    return cmocka_run_group_tests_name("capture_path", tests, NULL, NULL);
}
