// SPDX-License-Identifier: BSD-2-Clause
#include "lib/range.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void valid_up_to_the_last_address(void **state)
{
    (void)state;
    assert_true(range_valid((struct range){0, 0}));
    assert_true(range_valid((struct range){UINT64_MAX, 0}));
    assert_true(range_valid((struct range){UINT64_MAX, 1}));
    assert_true(range_valid((struct range){0, UINT64_MAX}));
    assert_true(range_valid((struct range){1, UINT64_MAX}));
    assert_false(range_valid((struct range){2, UINT64_MAX}));
    assert_false(range_valid((struct range){UINT64_MAX, 2}));
}

static void last_does_not_wrap(void **state)
{
    (void)state;
    assert_int_equal(range_last((struct range){0x1000, 1}), 0x1000);
    assert_int_equal(range_last((struct range){UINT64_MAX - 1, 2}), UINT64_MAX);
}

static void contains_its_edges_only(void **state)
{
    (void)state;
    struct range r = {0x1000, 0x100};
    assert_true(range_contains(r, 0x1000, 0x100));
    assert_true(range_contains(r, 0x10ff, 1));
    assert_false(range_contains(r, 0x10ff, 2));
    assert_false(range_contains(r, 0xfff, 1));
    assert_false(range_contains(r, 0xfff, 2));
    assert_false(range_contains(r, 0x1100, 1));
    assert_false(range_contains(r, 0x1000, 0x101));
}

static void contains_an_empty_range_at_its_end(void **state)
{
    (void)state;
    struct range r = {0x1000, 0x100};
    assert_true(range_contains(r, 0x1000, 0));
    assert_true(range_contains(r, 0x1100, 0));
    assert_false(range_contains(r, 0x1101, 0));
    assert_false(range_contains(r, 0xfff, 0));
}

/* base + size wraps to something small: a check by addition would say yes. */
static void contains_refuses_what_wraps(void **state)
{
    (void)state;
    struct range r = {0x1000, 0x100};
    assert_false(range_contains(r, 0x1080, UINT64_MAX));
    assert_false(range_contains(r, 0x1080, UINT64_MAX - 0x1080 + 1));
    assert_false(range_contains(r, UINT64_MAX, 0x1002));
    struct range top = {UINT64_MAX - 0xf, 0x10};
    assert_true(range_contains(top, UINT64_MAX, 1));
    assert_false(range_contains(top, UINT64_MAX, 2));
}

static void overlap_is_symmetric(void **state)
{
    (void)state;
    static const struct {
        struct range a, b;
        bool overlap;
    } cases[] = {
        {{0x1000, 0x100},     {0x1100, 0x100},  false},
        {{0x1000, 0x101},     {0x1100, 0x100},  true },
        {{0x1000, 0x1000},    {0x1100, 0x10},   true },
        {{0x1000, 0x100},     {0x1000, 0x100},  true },
        {{0x1000, 0},         {0x0800, 0x1000}, false},
        {{0, UINT64_MAX},     {UINT64_MAX, 1},  false},
        {{1, UINT64_MAX},     {UINT64_MAX, 1},  true },
        {{UINT64_MAX - 1, 2}, {0, 1},           false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(range_overlaps(cases[i].a, cases[i].b), cases[i].overlap);
        assert_int_equal(range_overlaps(cases[i].b, cases[i].a), cases[i].overlap);
    }
}

static void alignment(void **state)
{
    (void)state;
    assert_int_equal(align_down(0x1fff, 0x1000), 0x1000);
    assert_int_equal(align_down(0x2000, 0x1000), 0x2000);
    assert_int_equal(align_up(0x1001, 0x1000), 0x2000);
    assert_int_equal(align_up(0x2000, 0x1000), 0x2000);
    assert_int_equal(align_up(0, 0x1000), 0);
    assert_int_equal(align_up(UINT64_MAX, 0x1000), 0);
    assert_int_equal(align_up(7, 1), 7);
    assert_true(is_aligned(0, 8));
    assert_true(is_aligned(0x200000, 0x200000));
    assert_false(is_aligned(0x200001, 2));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(valid_up_to_the_last_address),
        cmocka_unit_test(last_does_not_wrap),
        cmocka_unit_test(contains_its_edges_only),
        cmocka_unit_test(contains_an_empty_range_at_its_end),
        cmocka_unit_test(contains_refuses_what_wraps),
        cmocka_unit_test(overlap_is_symmetric),
        cmocka_unit_test(alignment),
    };
    return cmocka_run_group_tests_name("range", tests, NULL, NULL);
}
