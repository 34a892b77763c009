// SPDX-License-Identifier: BSD-2-Clause
#include "service/serial/editor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char written[8192];
static size_t written_size;
static char entered[8][EDITOR_LINE_MAX];
static unsigned entered_count;

static void on_write(void *ctx, const char *bytes, size_t size)
{
    (void)ctx;
    assert_true(written_size + size < sizeof written);
    memcpy(written + written_size, bytes, size);
    written_size += size;
    written[written_size] = '\0';
}

static void on_enter(void *ctx, const char *line)
{
    (void)ctx;
    assert_true(strlen(line) < EDITOR_LINE_MAX);
    strcpy(entered[entered_count++ % 8], line);
}

static const char *on_candidate(void *ctx, const char *before, unsigned index)
{
    (void)ctx;
    static const char *const commands[] = {"start", "stats", "stop", "list"};
    static const char *const names[] = {"linux-a", "linux-b", "rtos"};
    if (strchr(before, ' ') == NULL) {
        return index < 4 ? commands[index] : NULL;
    }
    return index < 3 ? names[index] : NULL;
}

static int setup(void **state)
{
    struct editor *e = calloc(1, sizeof *e);
    editor_init(
        e, (struct editor_port){.write = on_write, .enter = on_enter, .candidate = on_candidate},
        "> ");
    written_size = 0;
    entered_count = 0;
    *state = e;
    return 0;
}

static int teardown(void **state)
{
    free(*state);
    return 0;
}

static void keys(struct editor *e, const char *text)
{
    for (; *text != '\0'; text++) {
        editor_key(e, (uint8_t)*text);
    }
}

/* Types keys and Enter; the line that comes out must be this. */
static void expect(struct editor *e, const char *typed, const char *line)
{
    unsigned before = entered_count;
    keys(e, typed);
    keys(e, "\r");
    assert_int_equal(entered_count, before + 1);
    assert_string_equal(entered[before % 8], line);
}

#define UP    "\x1b[A"
#define DOWN  "\x1b[B"
#define RIGHT "\x1b[C"
#define LEFT  "\x1b[D"

static void a_line_is_entered(void **state)
{
    expect(*state, "list", "list");
    expect(*state, "", "");
    assert_string_equal(written, "list\n\r> \x1b[K\n\r> \x1b[K");
}

static void line_ends_of_all_kinds(void **state)
{
    keys(*state, "a\rb\nc\r\nd\n\n");
    assert_int_equal(entered_count, 5);
    assert_string_equal(entered[2], "c");
    assert_string_equal(entered[3], "d");
    assert_string_equal(entered[4], "");
}

static void erasing(void **state)
{
    expect(*state, "lisx\bt", "list");
    expect(*state, "lisx\x7ft", "list");
    expect(*state, "\b\b\x7flist", "list");
    expect(*state, "wrong\x15list", "list");
    expect(*state, "start one two\x17\x17x", "start x");
    expect(*state, "  \x17x", "x");
    expect(*state, "abc" LEFT LEFT "\x0b", "a");
    expect(*state, "abc" LEFT LEFT "\x15", "bc");
    expect(*state, "abc" LEFT LEFT "\x04", "ac");
    expect(*state, "abc" LEFT LEFT "\x1b[3~", "ac");
    expect(*state, "abc\x04\x1b[3~", "abc");
}

static void moving(void **state)
{
    expect(*state,
           "bc\x01"
           "a",
           "abc");
    expect(*state, "bc\x1b[Ha", "abc");
    expect(*state, "bc\x1b[1~a", "abc");
    expect(*state, "bc\x1bOHa", "abc");
    expect(*state, "ac" LEFT "b", "abc");
    expect(*state,
           "ac\x02"
           "b",
           "abc");
    expect(*state,
           "ab\x01\x05"
           "c",
           "abc");
    expect(*state, "ab\x01\x1b[Fc", "abc");
    expect(*state, "ab\x01\x1b[4~c", "abc");
    expect(*state, "bc" LEFT LEFT LEFT LEFT RIGHT "x", "bxc");
    expect(*state, "bc" RIGHT RIGHT "x", "bcx");
    expect(*state, "bc\x01\x06x", "bxc");
}

static void an_insertion_shows_the_rest_of_the_line(void **state)
{
    keys(*state, "ac" LEFT);
    written_size = 0;
    keys(*state, "b");
    assert_string_equal(written, "\r> abc\x1b[K\x1b[1D");
}

static void ctrl_c_gives_up_the_line(void **state)
{
    expect(*state, "stop linux-a\x03list", "list");
    assert_non_null(strstr(written, "^C\n"));
}

static void up_finds_earlier_lines(void **state)
{
    expect(*state, "one", "one");
    expect(*state, "two", "two");
    expect(*state, UP, "two");
    expect(*state, UP UP, "one");
    expect(*state, UP UP UP,
           "one"); /* one, two, one: repeated lines count, the same twice does not */
    expect(*state, UP UP DOWN, "one");
    expect(*state, UP DOWN DOWN, "");
    expect(*state, "\x10\x10\x0ex", "onex");
}

static void lines_are_forgotten_in_order(void **state)
{
    char line[] = "line a";
    for (unsigned i = 0; i < 26; i++) {
        line[5] = (char)('a' + i);
        expect(*state, line, line);
    }
    for (unsigned i = 0; i < 40; i++) {
        keys(*state, UP);
    }
    expect(*state, "", "line k"); /* the 16th from the end */
}

static void a_long_line_is_refused_not_overrun(void **state)
{
    char wanted[EDITOR_LINE_MAX];
    for (unsigned i = 0; i < 3 * EDITOR_LINE_MAX; i++) {
        keys(*state, "x");
    }
    assert_non_null(strchr(written, '\a'));
    memset(wanted, 'x', sizeof wanted);
    wanted[EDITOR_LINE_MAX - 1] = '\0';
    expect(*state, "\t", wanted);
    expect(*state, UP, wanted);
}

static void completion(void **state)
{
    expect(*state, "l\t", "list ");
    expect(*state, "sto\tlinux-b", "stop linux-b");
    expect(*state, "stop r\t", "stop rtos ");
    expect(*state, "stop l\ta", "stop linux-a");
    expect(*state, "stop l\tb\t", "stop linux-b ");
    expect(*state, "x\t", "x");
    expect(*state, "li x" LEFT LEFT "\t", "list  x");
}

static void ambiguous_completion_lists(void **state)
{
    written_size = 0;
    keys(*state, "st\t");
    assert_string_equal(written, "st\nstart  stats  stop  \n\r> st\x1b[K");
    keys(*state, "a\t");
    assert_non_null(strstr(written, "\nstart  stats  \n"));
    expect(*state, "\x15", "");
}

static void other_keys_leave_no_trace(void **state)
{
    expect(*state, "a\x1b[15~\x1b[1;5P\x1bOP\x1b[Zb\x1b\x1b[Ac\x1bx", "abc"); /* ESC x: Alt-x */
    expect(*state,
           "a\x01\x05\x1c\x1d\x1e\x1f\xc3\xbc"
           "b",
           "ab");
    expect(*state, "a\x1b[24;80Rb", "ab");
}

/* Reports that a guest asked the terminal for and that arrive when the shell has the keyboard. */
static void a_terminal_s_report_types_nothing(void **state)
{
    expect(*state, "\x1b]lstop linux-a\x1b\\list", "list");
    expect(*state, "\x1b]Lstop linux-a\alist", "list");
    expect(*state, "\x1bP1$rstop linux-a\x1b\\list", "list");
    keys(*state, "\x1b]l");
    for (unsigned i = 0; i < 1000; i++) {
        keys(*state, "x");
    }
    expect(*state, "\x15list", "list"); /* an endless one ends */
    expect(*state, "\x1b]x\x03list", "list");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_line_is_entered),
        TEST(line_ends_of_all_kinds),
        TEST(erasing),
        TEST(moving),
        TEST(an_insertion_shows_the_rest_of_the_line),
        TEST(ctrl_c_gives_up_the_line),
        TEST(up_finds_earlier_lines),
        TEST(lines_are_forgotten_in_order),
        TEST(a_long_line_is_refused_not_overrun),
        TEST(completion),
        TEST(ambiguous_completion_lists),
        TEST(other_keys_leave_no_trace),
        TEST(a_terminal_s_report_types_nothing),
    };
    return cmocka_run_group_tests_name("editor", tests, NULL, NULL);
}
