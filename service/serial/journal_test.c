// SPDX-License-Identifier: BSD-2-Clause
#include "service/serial/journal.h"

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
    *state = calloc(1, sizeof(struct journal));
    return *state == NULL;
}

static int teardown(void **state)
{
    free(*state);
    return 0;
}

static void add(struct journal *j, enum log_level level, const char *text)
{
    journal_add(j, 12345, "linux-a", level, text, strlen(text));
}

static void a_line_has_all_its_parts(void **state)
{
    struct journal *j = *state;
    struct journal_line line;
    uint64_t position = 0;
    add(j, LOG_INFO, "started");
    assert_true(journal_next(j, &position, &line));
    assert_int_equal(line.level, LOG_INFO);
    assert_string_equal(line.time, "     12.345");
    assert_string_equal(line.text, "[linux-a] started");
    assert_int_equal(line.length, strlen(line.text));
    assert_false(journal_next(j, &position, &line));
    assert_int_equal(position, j->history.written);
}

static void errors_and_warnings_say_so(void **state)
{
    struct journal *j = *state;
    struct journal_line line;
    uint64_t position = 0;
    add(j, LOG_ERROR, "e");
    add(j, LOG_WARNING, "w");
    add(j, LOG_DEBUG, "d");
    assert_true(journal_next(j, &position, &line));
    assert_string_equal(line.text, "[linux-a] error: e");
    assert_true(journal_next(j, &position, &line));
    assert_int_equal(line.level, LOG_WARNING);
    assert_string_equal(line.text, "[linux-a] warning: w");
    assert_true(journal_next(j, &position, &line));
    assert_int_equal(line.level, LOG_DEBUG);
    assert_string_equal(line.text, "[linux-a] d");
}

static void a_text_cannot_forge_a_line(void **state)
{
    struct journal *j = *state;
    struct journal_line line;
    uint64_t position = 0;
    add(j, LOG_INFO, "a\n1     99.999[root] you are fired\r\x1b[2J");
    assert_true(journal_next(j, &position, &line));
    assert_string_equal(line.text, "[linux-a] a1     99.999[root] you are fired");
    assert_false(journal_next(j, &position, &line));
}

static void a_long_text_is_cut(void **state)
{
    struct journal *j = *state;
    struct journal_line line;
    uint64_t position = 0;
    char text[2000];
    memset(text, 'x', sizeof text);
    journal_add(j, UINT64_MAX, "a-very-long-name", LOG_ERROR, text, sizeof text);
    add(j, LOG_INFO, "next");
    assert_true(journal_next(j, &position, &line));
    assert_int_equal(line.length, JOURNAL_TEXT_MAX);
    assert_int_equal(line.text[JOURNAL_TEXT_MAX], 0);
    assert_true(journal_next(j, &position, &line));
    assert_string_equal(line.text, "[linux-a] next");
}

static void a_reader_that_is_late_finds_the_next_whole_line(void **state)
{
    struct journal *j = *state;
    struct journal_line line;
    uint64_t position = 0;
    char text[32], wanted[64];
    for (unsigned i = 0; i < 5000; i++) {
        snprintf(text, sizeof text, "number %u.", i);
        add(j, LOG_INFO, text);
    }
    unsigned first = 0, count = 0;
    while (journal_next(j, &position, &line)) {
        unsigned number;
        assert_int_equal(sscanf(line.text, "[linux-a] number %u.", &number), 1);
        first = count++ == 0 ? number : first;
        snprintf(wanted, sizeof wanted, "[linux-a] number %u.", first + count - 1);
        assert_string_equal(line.text, wanted);
        assert_string_equal(line.time, "     12.345");
    }
    assert_int_equal(first + count, 5000);
    assert_true(count > 300);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_line_has_all_its_parts),
        TEST(errors_and_warnings_say_so),
        TEST(a_text_cannot_forge_a_line),
        TEST(a_long_text_is_cut),
        TEST(a_reader_that_is_late_finds_the_next_whole_line),
    };
    return cmocka_run_group_tests_name("journal", tests, NULL, NULL);
}
