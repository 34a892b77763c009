// SPDX-License-Identifier: BSD-2-Clause
#include "service/serial/history.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int setup(void **state)
{
    *state = calloc(1, sizeof(struct history));
    return *state == NULL;
}

static int teardown(void **state)
{
    free(*state);
    return 0;
}

static void write_lines(struct history *h, unsigned first, unsigned count)
{
    for (unsigned i = first; i < first + count; i++) {
        char line[32];
        history_write(h, line, (size_t)snprintf(line, sizeof line, "line %u\n", i));
    }
}

static void expect_from(const struct history *h, uint64_t position, const char *text)
{
    char *got = calloc(1, HISTORY_BYTES + 1);
    uint32_t size, used = 0;
    const uint8_t *bytes;
    while ((bytes = history_span(h, &position, &size), size != 0)) {
        memcpy(got + used, bytes, size);
        used += size;
        position += size;
    }
    assert_string_equal(got, text);
    free(got);
}

static void empty(void **state)
{
    const struct history *h = *state;
    uint64_t position = 7;
    uint32_t size = 1;
    history_span(h, &position, &size);
    assert_int_equal(size, 0);
    assert_int_equal(position, 0);
    assert_int_equal(history_oldest(h), 0);
    assert_int_equal(history_last_lines(h, 10, HISTORY_BYTES), 0);
}

static void reads_back_what_was_written(void **state)
{
    struct history *h = *state;
    history_write(h, "hello ", 6);
    history_write(h, "world", 5);
    expect_from(h, 0, "hello world");
    expect_from(h, 6, "world");
    expect_from(h, 11, "");
    expect_from(h, 99, "");
}

static void the_oldest_go_lost(void **state)
{
    struct history *h = *state;
    char *block = malloc(HISTORY_BYTES);
    memset(block, 'a', HISTORY_BYTES);
    history_write(h, "12345", 5);
    history_write(h, block, HISTORY_BYTES - 5);
    assert_int_equal(history_oldest(h), 0);
    history_write(h, "xy", 2);
    assert_int_equal(history_oldest(h), 2);
    uint64_t position = 0;
    uint32_t size;
    const uint8_t *bytes = history_span(h, &position, &size);
    assert_int_equal(position, 2);
    assert_memory_equal(bytes, "345a", 4);
    expect_from(h, h->written - 3, "axy");
    free(block);
}

static void more_than_all_keeps_the_end(void **state)
{
    struct history *h = *state;
    size_t size = HISTORY_BYTES * 3 + 100;
    char *block = malloc(size);
    for (size_t i = 0; i < size; i++) {
        block[i] = (char)('a' + i % 23);
    }
    history_write(h, block, size);
    assert_int_equal(h->written, size);
    for (uint64_t at = history_oldest(h), seen = 0; at < size; at++, seen++) {
        uint64_t position = at;
        uint32_t left;
        const uint8_t *byte = history_span(h, &position, &left);
        assert_int_equal(position, at);
        assert_true(left != 0);
        assert_int_equal(*byte, block[at]);
        assert_true(seen < HISTORY_BYTES);
    }
    free(block);
}

static void space_and_commit(void **state)
{
    struct history *h = *state;
    uint32_t room;
    uint8_t *to = history_space(h, &room);
    assert_int_equal(room, HISTORY_BYTES);
    memcpy(to, "abc", 3);
    history_commit(h, 3);
    to = history_space(h, &room);
    assert_int_equal(room, HISTORY_BYTES - 3);
    history_commit(h, room);
    history_space(h, &room);
    assert_int_equal(room, HISTORY_BYTES);
}

static void finds_the_last_lines(void **state)
{
    struct history *h = *state;
    write_lines(h, 1, 5);
    expect_from(h, history_last_lines(h, 1, 1000), "line 5\n");
    expect_from(h, history_last_lines(h, 2, 1000), "line 4\nline 5\n");
    history_write(h, "$ ", 2);
    expect_from(h, history_last_lines(h, 1, 1000), "$ ");
    expect_from(h, history_last_lines(h, 2, 1000), "line 5\n$ ");
    assert_int_equal(history_last_lines(h, 99, 1000), 0);
    expect_from(h, history_last_lines(h, 0, 1000), "");
    expect_from(h, history_last_lines(h, 99, 4), "5\n$ ");
}

static void the_last_lines_stop_at_the_oldest(void **state)
{
    struct history *h = *state;
    write_lines(h, 0, 10000);
    assert_int_equal(history_last_lines(h, 100000, HISTORY_BYTES), history_oldest(h));
    expect_from(h, history_last_lines(h, 1, HISTORY_BYTES), "line 9999\n");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(empty),
        TEST(reads_back_what_was_written),
        TEST(the_oldest_go_lost),
        TEST(more_than_all_keeps_the_end),
        TEST(space_and_commit),
        TEST(finds_the_last_lines),
        TEST(the_last_lines_stop_at_the_oldest),
    };
    return cmocka_run_group_tests_name("history", tests, NULL, NULL);
}
