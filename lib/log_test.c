// SPDX-License-Identifier: BSD-2-Clause
#include "lib/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static char last[LOG_LINE_MAX + 1];
static enum log_level last_level;
static size_t last_length;
static unsigned lines;

static void take(enum log_level level, const char *line, size_t length)
{
    assert_true(length <= LOG_LINE_MAX);
    memcpy(last, line, length);
    last[length] = '\0';
    last_length = length;
    last_level = level;
    lines++;
}

static int reset(void **state)
{
    (void)state;
    log_open(NULL, LOG_DEBUG);
    lines = 0;
    return 0;
}

static void lines_before_the_sink_are_dropped(void **state)
{
    (void)state;
    log_error("nobody hears %d", 1);
    assert_int_equal(lines, 0);
}

static void a_line_reaches_the_sink(void **state)
{
    (void)state;
    log_open(take, LOG_DEBUG);
    log_warning("%s has %u vCPUs", "linux-a", 2u);
    assert_int_equal(lines, 1);
    assert_int_equal(last_level, LOG_WARNING);
    assert_string_equal(last, "linux-a has 2 vCPUs");
}

static void levels_are_cut_off(void **state)
{
    (void)state;
    log_open(take, LOG_WARNING);
    log_debug("no");
    log_info("no");
    assert_int_equal(lines, 0);
    log_warning("yes");
    log_error("yes");
    assert_int_equal(lines, 2);
    log_open(take, LOG_ERROR);
    log_warning("no");
    assert_int_equal(lines, 2);
}

static void a_long_line_is_cut(void **state)
{
    (void)state;
    log_open(take, LOG_DEBUG);
    log_info("%0*d", LOG_LINE_MAX, 7);
    assert_int_equal(last_length, LOG_LINE_MAX);
    assert_int_equal(last[LOG_LINE_MAX - 1], '7');
    log_info("%0*d", LOG_LINE_MAX + 1, 7);
    assert_int_equal(last_length, LOG_LINE_MAX);
    assert_int_equal(last[LOG_LINE_MAX - 1], '0');
    log_info("%*d", 100000, 7);
    assert_int_equal(last_length, LOG_LINE_MAX);
}

static void an_empty_line_is_a_line(void **state)
{
    (void)state;
    log_open(take, LOG_DEBUG);
    log_info("%s", "");
    assert_int_equal(lines, 1);
    assert_int_equal(last_length, 0);
}

static void a_limit_lets_the_burst_and_then_powers_of_two_pass(void **state)
{
    (void)state;
    struct log_limit limit = {0};
    static const uint64_t passing[] = {1, 2, 3, 4, 5, 8, 16, 32, 64, 128, 256, 512, 1024};
    size_t next = 0;
    for (uint64_t i = 1; i <= 1024; i++) {
        int passes = log_limit_pass(&limit, 5);
        assert_int_equal(passes, passing[next] == i);
        next += passing[next] == i;
    }
    assert_int_equal(next, sizeof passing / sizeof passing[0]);
    assert_int_equal(limit.count, 1024);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(lines_before_the_sink_are_dropped, reset),
        cmocka_unit_test_setup(a_line_reaches_the_sink, reset),
        cmocka_unit_test_setup(levels_are_cut_off, reset),
        cmocka_unit_test_setup(a_long_line_is_cut, reset),
        cmocka_unit_test_setup(an_empty_line_is_a_line, reset),
        cmocka_unit_test_setup(a_limit_lets_the_burst_and_then_powers_of_two_pass, reset),
    };
    return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
