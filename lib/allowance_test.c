// SPDX-License-Identifier: BSD-2-Clause
#include "lib/allowance.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static unsigned take_all(struct allowance *a, uint64_t now)
{
    unsigned count = 0;
    while (count < 1000 && allowance_take(a, now)) {
        count++;
    }
    return count;
}

static void a_full_one_gives_its_most_at_once(void **state)
{
    (void)state;
    struct allowance a;
    allowance_init(&a, 5, 10, 1000);
    assert_int_equal(take_all(&a, 1000), 5);
    assert_int_equal(take_all(&a, 1009), 0);
}

static void time_gives_back_no_more_than_the_most(void **state)
{
    (void)state;
    struct allowance a;
    allowance_init(&a, 5, 10, 0);
    assert_int_equal(take_all(&a, 0), 5);
    assert_int_equal(take_all(&a, 29), 2);
    assert_int_equal(take_all(&a, 30), 1); /* the 9 ticks left over counted */
    assert_int_equal(take_all(&a, 1000000), 5);
    assert_int_equal(take_all(&a, 1000009), 0);
    assert_int_equal(take_all(&a, UINT64_MAX), 5);
}

static void time_while_it_is_full_is_not_saved(void **state)
{
    (void)state;
    struct allowance a;
    allowance_init(&a, 2, 10, 0);
    assert_true(allowance_take(&a, 95));
    assert_int_equal(take_all(&a, 99), 1);
    assert_int_equal(take_all(&a, 104), 0);
    assert_int_equal(take_all(&a, 105), 1);
}

static void none_is_none(void **state)
{
    (void)state;
    struct allowance a;
    allowance_init(&a, 0, 1, 0);
    assert_false(allowance_take(&a, 100));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_one_gives_its_most_at_once),
        cmocka_unit_test(time_gives_back_no_more_than_the_most),
        cmocka_unit_test(time_while_it_is_full_is_not_saved),
        cmocka_unit_test(none_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
