// SPDX-License-Identifier: BSD-2-Clause
#include "service/net/address.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

enum { AGE = 1000 };

static int setup(void **state)
{
    struct address_table *table = malloc(sizeof *table);
    address_init(table, 0x123456789, AGE);
    *state = table;
    return 0;
}

static int teardown(void **state)
{
    free(*state);
    return 0;
}

static void learned_addresses_are_found(void **state)
{
    struct address_table *t = *state;
    assert_int_equal(address_find(t, address_of(0, 2), 0), ADDRESS_NOBODY);
    assert_true(address_learn(t, address_of(0, 2), 5, 10));
    assert_int_equal(address_find(t, address_of(0, 2), 10), 5);
    assert_int_equal(t->count, 1);
    assert_int_equal(address_find(t, address_of(0, 0), 10), ADDRESS_NOBODY);
}

static void networks_do_not_mix(void **state)
{
    struct address_table *t = *state;
    address_learn(t, address_of(1, 2), 5, 0);
    address_learn(t, address_of(2, 2), 6, 0);
    assert_int_equal(address_find(t, address_of(1, 2), 0), 5);
    assert_int_equal(address_find(t, address_of(2, 2), 0), 6);
    assert_int_equal(address_find(t, address_of(3, 2), 0), ADDRESS_NOBODY);
}

static void addresses_go_with_age(void **state)
{
    struct address_table *t = *state;
    address_learn(t, address_of(0, 2), 5, 100);
    assert_int_equal(address_find(t, address_of(0, 2), 100 + AGE), 5);
    address_learn(t, address_of(0, 2), 5, 200);
    assert_int_equal(address_find(t, address_of(0, 2), 200 + AGE), 5);
    assert_int_equal(address_find(t, address_of(0, 2), 201 + AGE), ADDRESS_NOBODY);
    assert_int_equal(t->count, 0);
    assert_int_equal(t->learned[5], 0);
}

static void an_address_moves_with_its_owner(void **state)
{
    struct address_table *t = *state;
    address_learn(t, address_of(0, 2), 5, 0);
    assert_true(address_learn(t, address_of(0, 2), 6, 1));
    assert_int_equal(address_find(t, address_of(0, 2), 1), 6);
    assert_int_equal(t->learned[5], 0);
    assert_int_equal(t->learned[6], 1);
    assert_int_equal(t->count, 1);
}

static void a_fixed_address_is_its_port_s(void **state)
{
    struct address_table *t = *state;
    address_learn(t, address_of(0, 2), 6, 0); /* somebody was faster */
    address_fix(t, address_of(0, 2), 5);
    assert_int_equal(t->count, 1);
    assert_int_equal(t->learned[6], 0);
    assert_false(address_learn(t, address_of(0, 2), 6, 1));
    assert_true(address_learn(t, address_of(0, 2), 5, 1));
    assert_int_equal(address_find(t, address_of(0, 2), 1000000 * AGE), 5);
    assert_int_equal(t->learned[5], 0);
    address_forget(t, 5);
    assert_int_equal(address_find(t, address_of(0, 2), 1), ADDRESS_NOBODY);
    assert_int_equal(t->count, 0);
}

static void a_port_of_many_addresses_pushes_out_only_its_own(void **state)
{
    struct address_table *t = *state;
    for (unsigned i = 0; i < 32; i++) {
        address_learn(t, address_of(0, 0x1000 + 2 * i), 7, 0);
        address_fix(t, address_of(0, 0x9000 + 2 * i), (uint8_t)i);
    }
    unsigned before = 0, after = 0;
    for (unsigned i = 0; i < 32; i++) {
        before += address_find(t, address_of(0, 0x1000 + 2 * i), 0) == 7;
        assert_int_equal(address_find(t, address_of(0, 0x9000 + 2 * i), 0), i);
    }
    for (unsigned i = 0; i < 100000; i++) {
        address_learn(t, address_of(0, 0x100000 + 2 * i), 8, 1 + i / 1000);
        assert_true(t->learned[8] <= ADDRESS_PORT_MAX);
    }
    for (unsigned i = 0; i < 32; i++) {
        after += address_find(t, address_of(0, 0x1000 + 2 * i), 0) == 7;
        assert_int_equal(address_find(t, address_of(0, 0x9000 + 2 * i), 0), i);
    }
    /* Until it had its share it may have taken a few old places in sets that were full. */
    assert_true(before > 28 && after >= before - 8);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(learned_addresses_are_found),   TEST(networks_do_not_mix),
        TEST(addresses_go_with_age),         TEST(an_address_moves_with_its_owner),
        TEST(a_fixed_address_is_its_port_s), TEST(a_port_of_many_addresses_pushes_out_only_its_own),
    };
    return cmocka_run_group_tests_name("address", tests, NULL, NULL);
}
