// SPDX-License-Identifier: BSD-2-Clause
#include "lib/format.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Our text and result must be those of the C library. */
#define SAME(...)                                                                                  \
    do {                                                                                           \
        char ours[256], theirs[256];                                                               \
        int wanted = snprintf(theirs, sizeof theirs, __VA_ARGS__);                                 \
        assert_int_equal(format(ours, sizeof ours, __VA_ARGS__), wanted);                          \
        assert_string_equal(ours, theirs);                                                         \
    } while (0)

static void numbers(void **state)
{
    (void)state;
    SAME("%d %i %d", 0, -1, 42);
    SAME("%d %d", INT_MIN, INT_MAX);
    SAME("%ld %ld", LONG_MIN, LONG_MAX);
    SAME("%lld %llu", LLONG_MIN, ULLONG_MAX);
    SAME("%u %x %lx", UINT_MAX, 0xdeadbeefu, ULONG_MAX);
    SAME("%zu %zx", SIZE_MAX, (size_t)0);
    SAME("%p", (void *)(uintptr_t)0x1234);
}

static void widths_and_flags(void **state)
{
    (void)state;
    SAME("[%5d] [%-5d] [%05d]", 42, 42, 42);
    SAME("[%5d] [%-5d] [%05d]", -42, -42, -42);
    SAME("[%2d] [%02d]", 12345, -12345);
    SAME("[%08x] [%-8x] [%8x]", 0xbeefu, 0xbeefu, 0xbeefu);
    SAME("[%*d] [%-*d]", 6, 42, 6, 42);
    SAME("[%20llu]", ULLONG_MAX);
    SAME("[%40d] [%040d]", 7, -7);
}

static void text(void **state)
{
    (void)state;
    SAME("%s|%5s|%-5s|%2s", "abc", "abc", "abc", "abc");
    SAME("%.2s|%.0s|%.10s|%6.2s|%-6.2s", "abc", "abc", "abc", "abc", "abc");
    SAME("%.*s|%*s|%-*s", 2, "abc", 5, "abc", 5, "abc");
    SAME("%c%c|%3c|%-3c", 'x', 'y', 'z', 'z');
    SAME("100%% of %s", "it");
    SAME("%s", "");
    SAME("plain");
}

/* A precision may be what keeps us from reading past a buffer that has no NUL. */
static void precision_bounds_the_reading(void **state)
{
    (void)state;
    char *exact = malloc(3);
    char out[16];
    memcpy(exact, "abc", 3);
    assert_int_equal(format(out, sizeof out, "%.3s!", exact), 4);
    assert_string_equal(out, "abc!");
    free(exact);
}

static void null_text_is_shown(void **state)
{
    (void)state;
    char out[32];
    const char *volatile none = NULL;
    assert_int_equal(format(out, sizeof out, "<%s>", none), 8);
    assert_string_equal(out, "<(null)>");
}

static void cuts_and_says_so(void **state)
{
    (void)state;
    char *out = malloc(6); /* of exactly this size, for the address sanitizer */
    assert_int_equal(format(out, 6, "%s", "hello world"), 11);
    assert_string_equal(out, "hello");
    assert_int_equal(format(out, 6, "%s", "hello"), 5);
    assert_string_equal(out, "hello");
    assert_int_equal(format(out, 1, "%d", 12345), 5);
    assert_string_equal(out, "");
    out[0] = 'x';
    assert_int_equal(format(out, 0, "%d", 12345), 5);
    assert_int_equal(out[0], 'x');
    assert_int_equal(format(NULL, 0, "%40d", 1), 40);
    free(out);
}

static size_t format_unchecked(char *out, size_t size, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    size_t length = format_va(out, size, fmt, args);
#pragma GCC diagnostic pop
    va_end(args);
    return length;
}

static void unknown_conversions_stand_as_they_are(void **state)
{
    (void)state;
    static const char *const odd[] = {"%q", "%", "100%", "%-", "%5", "%ll", "%y and %", "a%!b"};
    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
        char out[32];
        assert_int_equal(format_unchecked(out, sizeof out, odd[i]), strlen(odd[i]));
        assert_string_equal(out, odd[i]);
    }
}

static void arguments_stay_in_step(void **state)
{
    (void)state;
    SAME("%hhu %hu %lu %llu %zu %s %c %d", (unsigned char)1, (unsigned short)2, 3ul, 4ull,
         (size_t)5, "six", '7', 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers),
        cmocka_unit_test(widths_and_flags),
        cmocka_unit_test(text),
        cmocka_unit_test(precision_bounds_the_reading),
        cmocka_unit_test(null_text_is_shown),
        cmocka_unit_test(cuts_and_says_so),
        cmocka_unit_test(unknown_conversions_stand_as_they_are),
        cmocka_unit_test(arguments_stay_in_step),
    };
    return cmocka_run_group_tests_name("format", tests, NULL, NULL);
}
