// SPDX-License-Identifier: BSD-2-Clause
#include "service/serial/filter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void expect(enum filter_kind kind, const char *in, const char *wanted)
{
    struct filter filter = {.kind = (uint8_t)kind};
    char got[1024] = {0};
    size_t used = 0;
    for (size_t i = 0; in[i] != '\0'; i++) {
        char out[FILTER_OUT_MAX];
        size_t count = filter_byte(&filter, (uint8_t)in[i], out);
        assert_true(count <= FILTER_OUT_MAX && used + count < sizeof got);
        memcpy(got + used, out, count);
        used += count;
    }
    assert_string_equal(got, wanted);
}

static void plain_text_passes(void **state)
{
    (void)state;
    expect(FILTER_TEXT, "Hello, world ~!", "Hello, world ~!");
    expect(FILTER_REPLAY, "Hello\tworld\r\n a\b ~!", "Hello\tworld\r\n a\b ~!");
}

static void text_is_one_line_of_ascii(void **state)
{
    (void)state;
    expect(FILTER_TEXT,
           "a\rb\nc\bd\ae\x7f"
           "f\tg",
           "abcde?f g");
    expect(FILTER_TEXT,
           "gr\xc3\xbc\x9b"
           "1m",
           "gr???1m");
    expect(FILTER_TEXT, "\x1b[31mred\x1b[0m\x1b[2J\x1b[H", "red");
}

static void a_replay_keeps_what_stays_in_the_line(void **state)
{
    (void)state;
    expect(FILTER_REPLAY, "\x1b[1;31mred\x1b[0m \x1b[K\x1b[3D\x1b[J\xc3\xbc",
           "\x1b[1;31mred\x1b[0m \x1b[K\x1b[3D\x1b[J\xc3\xbc");
}

static void a_replay_asks_the_terminal_nothing(void **state)
{
    (void)state;
    expect(FILTER_REPLAY, "\x1b[6n$ \x1b[c\x1b[>0c\x1bZ\x1b[5n\x1b[?6n", "$ ");
    expect(FILTER_REPLAY, "a\x1b]0;title\ab\x1bP$q\x1b\\c\x05", "abc");
    expect(FILTER_REPLAY, "\x1b[21t\x1b[?25l\x1b[?1049h\x1b[2J\x1b[10;10Hx\x1b[1;5r", "x");
    expect(FILTER_REPLAY, "\x1b[?1K\x1b[ K\x1b[>4m", "");
}

static void two_byte_functions_go(void **state)
{
    (void)state;
    expect(FILTER_REPLAY,
           "\x1b(B\x1b=\x1b"
           "cx\x1b#8y",
           "xy");
}

static void broken_sequences_do_not_eat_line_ends(void **state)
{
    (void)state;
    expect(FILTER_REPLAY, "a\x1b[31\nb", "a\nb");
    expect(FILTER_REPLAY, "a\x1b\nb", "a\nb");
    expect(FILTER_REPLAY, "a\x1b]title\nb", "a\nb");
    expect(FILTER_REPLAY, "a\x1b[1\x1b[1mb", "a\x1b[1mb");
}

static void an_endless_sequence_ends(void **state)
{
    (void)state;
    char in[1024], out[1024];
    memset(in, '1', sizeof in);
    memcpy(in, "\x1b[", 2);
    strcpy(in + 200, "mafter");
    expect(FILTER_REPLAY, in, "after");
    memset(in, 'x', sizeof in);
    memcpy(in, "\x1b]", 2);
    in[1023] = '\0';
    memset(out, 'x', sizeof out);
    out[1021 - 512] = '\0';
    expect(FILTER_REPLAY, in, out);
}

static void knows_when_it_is_idle(void **state)
{
    (void)state;
    struct filter filter = {.kind = FILTER_REPLAY};
    char out[FILTER_OUT_MAX];
    assert_true(filter_idle(&filter));
    filter_byte(&filter, 0x1b, out);
    assert_false(filter_idle(&filter));
    filter_byte(&filter, '[', out);
    assert_false(filter_idle(&filter));
    assert_int_equal(filter_byte(&filter, 'm', out), 3);
    assert_true(filter_idle(&filter));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_text_passes),
        cmocka_unit_test(text_is_one_line_of_ascii),
        cmocka_unit_test(a_replay_keeps_what_stays_in_the_line),
        cmocka_unit_test(a_replay_asks_the_terminal_nothing),
        cmocka_unit_test(two_byte_functions_go),
        cmocka_unit_test(broken_sequences_do_not_eat_line_ends),
        cmocka_unit_test(an_endless_sequence_ends),
        cmocka_unit_test(knows_when_it_is_idle),
    };
    return cmocka_run_group_tests_name("filter", tests, NULL, NULL);
}
