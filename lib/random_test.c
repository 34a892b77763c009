// SPDX-License-Identifier: BSD-2-Clause
#include "lib/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>

#include <cmocka.h>

/* RFC 8439, 2.3.2. */
static void test_block(void **state)
{
    static const uint32_t nonce[3] = {0x09000000, 0x4a000000, 0x00000000};
    static const uint32_t wanted[16] = {
        0xe4e7f110, 0x15593bd1, 0x1fdd0f50, 0xc47120a3, 0xc7f4d1c7, 0x0368c033,
        0x9aaa2204, 0x4e6cd4c3, 0x466482d2, 0x09aa9f07, 0x05d7c214, 0xa2028bd9,
        0xd19c12b5, 0xb94e16de, 0xe883d0cb, 0x4e3c50a2,
    };
    uint32_t key[RANDOM_KEY_WORDS], block[16];
    (void)state;
    for (unsigned i = 0; i < RANDOM_KEY_WORDS; i++) {
        key[i] = 0x03020100 + i * 0x04040404;
    }
    random_block(key, 1, nonce, block);
    assert_memory_equal(block, wanted, sizeof wanted);
}

static void test_same_seed_same_numbers(void **state)
{
    struct random a = {{0}}, b = {{0}};
    uint8_t x[100], y[100];
    (void)state;
    random_seed(&a, "seed", 4);
    random_seed(&b, "seed", 4);
    random_draw(&a, x, sizeof x);
    random_draw(&b, y, sizeof y);
    assert_memory_equal(x, y, sizeof x);
    random_draw(&a, y, sizeof y);
    assert_memory_not_equal(x, y, sizeof x);
}

static void test_every_byte_of_a_seed_counts(void **state)
{
    uint8_t seed[70] = {0}, first[32], other[32];
    (void)state;
    struct random a = {{0}};
    random_seed(&a, seed, sizeof seed);
    random_draw(&a, first, sizeof first);
    for (size_t i = 0; i < sizeof seed; i++) {
        struct random b = {{0}};
        seed[i] = 1;
        random_seed(&b, seed, sizeof seed);
        seed[i] = 0;
        random_draw(&b, other, sizeof other);
        assert_memory_not_equal(first, other, sizeof first);
    }
}

/* What was drawn cannot be drawn again from the state that is left. */
static void test_key_is_replaced(void **state)
{
    struct random a =
                      {
                          {1, 2, 3}
    },
                  before = a;
    uint8_t x[1];
    (void)state;
    random_draw(&a, x, sizeof x);
    assert_memory_not_equal(a.key, before.key, sizeof a.key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_block),
        cmocka_unit_test(test_same_seed_same_numbers),
        cmocka_unit_test(test_every_byte_of_a_seed_counts),
        cmocka_unit_test(test_key_is_replaced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
