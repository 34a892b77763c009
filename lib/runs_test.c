// SPDX-License-Identifier: BSD-2-Clause
#include "lib/runs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void the_lowest_run_that_fits_is_taken(void **state)
{
    struct runs runs = {0};
    (void)state;
    assert_int_equal(runs_take(&runs, 100, 1), 0);
    assert_int_equal(runs_take(&runs, 100, 70), 1);
    assert_int_equal(runs_take(&runs, 100, 29), 71);
    assert_int_equal(runs_take(&runs, 100, 1), RUNS_NONE);
    runs_give(&runs, 1, 70);
    assert_int_equal(runs_take(&runs, 100, 71), RUNS_NONE);
    assert_int_equal(runs_take(&runs, 100, 64), 1);
    runs_give(&runs, 0, 1);
    assert_int_equal(runs_take(&runs, 100, 2), 65);
    assert_int_equal(runs_take(&runs, 100, 1), 0);
}

static void the_limits_are_kept(void **state)
{
    struct runs runs = {0};
    (void)state;
    assert_int_equal(runs_take(&runs, 0, 1), RUNS_NONE);
    assert_int_equal(runs_take(&runs, 64, 65), RUNS_NONE);
    assert_int_equal(runs_take(&runs, 64, UINT32_MAX), RUNS_NONE);
    assert_int_equal(runs_take(&runs, RUNS_MAX, RUNS_MAX), 0);
    assert_int_equal(runs_take(&runs, RUNS_MAX, 1), RUNS_NONE);
    runs_give(&runs, 0, RUNS_MAX);
    for (unsigned i = 0; i < RUNS_MAX / 64; i++) {
        assert_int_equal(runs.taken[i], 0);
    }
}

/* Against the obvious way to do it. */
static void it_agrees_with_a_search_slot_by_slot(void **state)
{
    enum { COUNT = 300 };
    struct runs runs = {0};
    uint8_t owner[COUNT] = {0}; /* length of the run that begins here, 255 inside */
    (void)state;
    srand(1);
    for (unsigned round = 0; round < 20000; round++) {
        uint32_t at = (uint32_t)rand() % COUNT;
        if (owner[at] != 0 && owner[at] != 255) {
            uint32_t length = owner[at];
            runs_give(&runs, at, length);
            memset(owner + at, 0, length);
            continue;
        }
        uint32_t length = 1 + (uint32_t)rand() % 80, expected = RUNS_NONE, free_count = 0;
        for (uint32_t i = 0; i < COUNT && expected == RUNS_NONE; i++) {
            free_count = owner[i] == 0 ? free_count + 1 : 0;
            expected = free_count == length ? i + 1 - length : RUNS_NONE;
        }
        assert_int_equal(runs_take(&runs, COUNT, length), expected);
        if (expected != RUNS_NONE) {
            memset(owner + expected, 255, length);
            owner[expected] = (uint8_t)length;
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_lowest_run_that_fits_is_taken),
        cmocka_unit_test(the_limits_are_kept),
        cmocka_unit_test(it_agrees_with_a_search_slot_by_slot),
    };
    return cmocka_run_group_tests_name("runs", tests, NULL, NULL);
}
