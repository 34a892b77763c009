// SPDX-License-Identifier: BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "device/access.h"

/* A register file of words. As some devices do, it changes the access that it is given. */
static uint32_t words[4];
static unsigned calls;

static void access_word(void *ctx, struct access *access)
{
    assert_ptr_equal(ctx, words);
    assert_true(access->width_bytes <= 4);
    uint32_t *word = &words[access->offset / 4];
    if (access->is_write) {
        assert_int_equal(access->value >> 32, 0);
        *word = (uint32_t)access->value;
    } else {
        access->value = *word;
    }
    access->offset = 0;
    calls++;
}

static void eight_bytes_are_two_words(void **state)
{
    (void)state;
    struct access a = {
        .offset = 4, .value = 0xaabbccdd11223344, .width_bytes = 8, .is_write = true};
    memset(words, 0, sizeof words);
    calls = 0;
    access_by_words(&a, access_word, words);
    assert_int_equal(words[0], 0);
    assert_int_equal(words[1], 0x11223344);
    assert_int_equal(words[2], 0xaabbccdd);
    assert_int_equal(words[3], 0);
    a = (struct access){.offset = 4, .width_bytes = 8};
    access_by_words(&a, access_word, words);
    assert_true(a.value == 0xaabbccdd11223344);
    assert_int_equal(a.width_bytes, 8);
    assert_int_equal(calls, 4);
}

static void others_are_one(void **state)
{
    (void)state;
    words[3] = 0x87654321;
    calls = 0;
    for (unsigned width = 1; width <= 4; width *= 2) {
        struct access a = {.offset = 12, .width_bytes = (uint8_t)width};
        access_by_words(&a, access_word, words);
        assert_int_equal(a.value, 0x87654321);
        assert_int_equal(a.width_bytes, width);
    }
    assert_int_equal(calls, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(eight_bytes_are_two_words),
        cmocka_unit_test(others_are_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
