// SPDX-License-Identifier: BSD-2-Clause
#include "service/serial/screen.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct fixture {
    struct screen screen;
    struct history front, other;
    unsigned lines;     /* of others that wait */
    unsigned next;      /* the number of the next */
    bool mistaken;      /* says that lines wait when none does */
    char shown[200000]; /* all that the terminal got */
    size_t size;
};

static bool on_waiting(void *ctx)
{
    struct fixture *f = ctx;
    return f->lines != 0 || f->mistaken;
}

static bool on_next_line(void *ctx, char line[SCREEN_LINE_MAX], size_t *length)
{
    struct fixture *f = ctx;
    if (f->lines == 0) {
        return false;
    }
    f->lines--;
    *length = (size_t)snprintf(line, SCREEN_LINE_MAX, "[log] %u", f->next++);
    return true;
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    screen_init(&f->screen,
                (struct screen_source){.waiting = on_waiting, .next_line = on_next_line, .ctx = f});
    screen_show(&f->screen, &f->front, 0, "--- front ---");
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    free(*state);
    return 0;
}

static void say_to(struct history *history, const char *text)
{
    history_write(history, text, strlen(text));
}

static void say(struct fixture *f, const char *text)
{
    say_to(&f->front, text);
}

/* Lets the UART take at most this many bytes, in pieces. */
static size_t take(struct fixture *f, size_t size, size_t piece)
{
    size_t before = f->size;
    while (f->size - before < size) {
        size_t left = size - (f->size - before);
        assert_true(f->size + left < sizeof f->shown);
        size_t got =
            screen_output(&f->screen, (uint8_t *)f->shown + f->size, left < piece ? left : piece);
        if (got == 0) {
            break;
        }
        f->size += got;
    }
    f->shown[f->size] = '\0';
    return f->size - before;
}

/* What the terminal gets from now on must be this. */
static void expect(struct fixture *f, const char *wanted)
{
    f->size = 0;
    take(f, sizeof f->shown - 1000, 256);
    assert_string_equal(f->shown, wanted);
}

static void the_front_passes_as_it_is(void **state)
{
    struct fixture *f = *state;
    expect(f, "--- front ---\r\n");
    say(f, "\x1b[2J\x1b[6nHello\r\nworld $ ");
    expect(f, "\x1b[2J\x1b[6nHello\r\nworld $ ");
    expect(f, "");
    assert_int_equal(screen_backlog(&f->screen), 0);
}

static void any_piece_size_gives_the_same(void **state)
{
    struct fixture *f = *state;
    char *whole = NULL;
    for (size_t piece = 1; piece < 40; piece += 3) {
        setup(state);
        struct fixture *g = *state;
        say(g, "one\r\ntwo");
        g->lines = 3;
        take(g, 10000, piece);
        if (whole == NULL) {
            whole = strdup(g->shown);
        }
        assert_string_equal(g->shown, whole);
        teardown(state);
    }
    free(whole);
    *state = f;
}

static void others_come_on_lines_of_their_own(void **state)
{
    struct fixture *f = *state;
    expect(f, "--- front ---\r\n");
    f->lines = 2;
    expect(f, "[log] 0\r\n[log] 1\r\n");
    say(f, "done\r\n");
    f->lines = 1;
    expect(f, "[log] 2\r\ndone\r\n");
}

static void an_unfinished_line_is_put_back(void **state)
{
    struct fixture *f = *state;
    say(f, "last\r\n$ typ");
    expect(f, "--- front ---\r\nlast\r\n$ typ");
    f->lines = 2;
    expect(f, "\r\x1b[K[log] 0\r\n[log] 1\r\n$ typ");
    say(f, "ed");
    expect(f, "ed");
    f->lines = 1;
    expect(f, "\r\x1b[K[log] 2\r\n$ typed");
    say(f, "\r\nnext");
    f->lines = 1;
    expect(f, "\r\n[log] 3\r\nnext");
}

static void what_is_put_back_asks_the_terminal_nothing(void **state)
{
    struct fixture *f = *state;
    say(f, "\x1b[31m$\x1b[0m \x1b[6n");
    expect(f, "--- front ---\r\n\x1b[31m$\x1b[0m \x1b[6n");
    f->lines = 1;
    expect(f, "\r\x1b[K[log] 0\r\n\x1b[31m$\x1b[0m ");
}

static void a_line_that_is_too_long_stays(void **state)
{
    struct fixture *f = *state;
    static char line[SCREEN_RESTORE_MAX + 2];
    memset(line, 'x', sizeof line - 1);
    say(f, line);
    take(f, 10000, 256);
    f->lines = 1;
    expect(f, "\r\n[log] 0\r\n");
    say(f, "y");
    expect(f, "y");
    f->lines = 1;
    expect(f, "\r\x1b[K[log] 1\r\ny");
}

static void a_talking_front_lets_others_in_between_its_lines(void **state)
{
    struct fixture *f = *state;
    expect(f, "--- front ---\r\n");
    for (unsigned i = 0; i < 60; i++) {
        char text[64];
        snprintf(text, sizeof text, "this is line %2u of the front\r\n", i);
        say(f, text);
    }
    take(f, 40, 40); /* into a line: the log comes at the end of it */
    f->lines = 1;
    f->size = 0;
    take(f, 100, 100);
    char *log = strstr(f->shown, "[log] 0\r\n");
    assert_non_null(log);
    assert_memory_equal(log - 2, "\r\n", 2);
    assert_null(strstr(f->shown, "\x1b[K"));
}

static void a_flood_of_others_does_not_hide_the_front(void **state)
{
    struct fixture *f = *state;
    take(f, 1000, 256);
    for (unsigned i = 0; i < 400; i++) {
        say(f, "front line\r\n");
    }
    f->lines = 100000;
    f->size = 0;
    take(f, 20000, 256);
    size_t front = 0;
    for (const char *at = f->shown; (at = strstr(at, "front line")) != NULL; at++) {
        front++;
    }
    assert_true(front > 200);
    assert_true(f->next > 100);
}

static void others_that_might_have_lines_do_not_stop_the_front(void **state)
{
    struct fixture *f = *state;
    take(f, 1000, 256);
    f->mistaken = true;
    f->size = 0;
    for (unsigned i = 0; i < 8000; i++) {
        say(f, "x");
    }
    take(f, 100000, 256);
    assert_int_equal(f->size, 8000);
    say(f, "\r\none\r\ntwo\r\n");
    expect(f, "\r\none\r\ntwo\r\n");
}

static void a_front_without_line_ends_does_not_hide_others(void **state)
{
    struct fixture *f = *state;
    take(f, 1000, 256);
    for (unsigned i = 0; i < 8000; i++) {
        say(f, "x");
    }
    f->lines = 20;
    f->size = 0;
    take(f, 6000, 256);
    assert_int_equal(f->lines, 0);
}

static void no_byte_of_the_front_is_lost_among_others(void **state)
{
    struct fixture *f = *state;
    take(f, 1000, 256);
    f->size = 0;
    unsigned sent = 0;
    for (unsigned round = 0; round < 300; round++) {
        char text[64];
        snprintf(text, sizeof text, "<%u>\r\n", sent++);
        say(f, text);
        f->lines = round % 3;
        take(f, 1 + round % 70, 1 + round % 13);
    }
    f->lines = 0;
    take(f, 100000, 256);
    const char *at = f->shown;
    for (unsigned i = 0; i < sent; i++) {
        char text[64];
        snprintf(text, sizeof text, "<%u>\r\n", i);
        at = strstr(at, text);
        assert_non_null(at);
    }
}

static void a_replay_is_filtered_and_then_it_is_live(void **state)
{
    struct fixture *f = *state;
    take(f, 1000, 256);
    say_to(&f->other, "\x1b[2Jlogin: \x1b[6n\x1b[3");
    screen_show(&f->screen, &f->other, 0, "--- other ---");
    expect(f, "\x1b[0m\x1b[?25h\r\n--- other ---\r\nlogin: ");
    say_to(&f->other, "1mroot\x1b[6n"); /* ends the sequence that the replay began */
    expect(f, "\x1b[31mroot\x1b[6n");
}

static void a_replay_may_begin_anywhere(void **state)
{
    struct fixture *f = *state;
    take(f, 1000, 256);
    say_to(&f->other, "one\r\ntwo\r\n");
    screen_show(&f->screen, &f->other, 5, "--- other ---");
    expect(f, "\x1b[0m\x1b[?25h\r\n--- other ---\r\ntwo\r\n");
}

static void a_switch_takes_effect_at_once(void **state)
{
    struct fixture *f = *state;
    for (unsigned i = 0; i < 1000; i++) {
        say(f, "flood flood\r\n");
    }
    f->lines = 3;
    take(f, 30, 30);
    screen_show(&f->screen, &f->other, 0, "--- other ---");
    f->lines = 0;
    expect(f, "\x1b[0m\x1b[?25h\r\n--- other ---\r\n");
}

static void a_notice_is_a_line_too(void **state)
{
    struct fixture *f = *state;
    say(f, "$ ");
    take(f, 1000, 256);
    screen_notice(&f->screen, "help");
    expect(f, "\r\x1b[Khelp\r\n$ ");
}

static void many_notices_are_dropped_not_overrun(void **state)
{
    struct fixture *f = *state;
    for (unsigned i = 0; i < 1000; i++) {
        screen_notice(&f->screen, "a notice of some length");
    }
    assert_true(take(f, 100000, 256) <= SCREEN_PENDING_MAX);
}

static void a_front_that_outruns_its_history_goes_on(void **state)
{
    struct fixture *f = *state;
    take(f, 1000, 256);
    say(f, "$ ");
    take(f, 1000, 256);
    for (unsigned i = 0; i < 3000; i++) {
        say(f, "too much\r\n");
    }
    f->lines = 1;
    f->size = 0;
    take(f, 100000, 256);
    assert_in_range(f->size, HISTORY_BYTES, HISTORY_BYTES + 1000);
    assert_non_null(strstr(f->shown, "[log] 0\r\n"));
    assert_int_equal(screen_backlog(&f->screen), 0);
    f->lines = 1;
    expect(f, "[log] 1\r\n");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(the_front_passes_as_it_is),
        TEST(any_piece_size_gives_the_same),
        TEST(others_come_on_lines_of_their_own),
        TEST(an_unfinished_line_is_put_back),
        TEST(what_is_put_back_asks_the_terminal_nothing),
        TEST(a_line_that_is_too_long_stays),
        TEST(a_talking_front_lets_others_in_between_its_lines),
        TEST(a_flood_of_others_does_not_hide_the_front),
        TEST(others_that_might_have_lines_do_not_stop_the_front),
        TEST(a_front_without_line_ends_does_not_hide_others),
        TEST(no_byte_of_the_front_is_lost_among_others),
        TEST(a_replay_is_filtered_and_then_it_is_live),
        TEST(a_replay_may_begin_anywhere),
        TEST(a_switch_takes_effect_at_once),
        TEST(a_notice_is_a_line_too),
        TEST(many_notices_are_dropped_not_overrun),
        TEST(a_front_that_outruns_its_history_goes_on),
    };
    return cmocka_run_group_tests_name("screen", tests, NULL, NULL);
}
