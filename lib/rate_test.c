// SPDX-License-Identifier: BSD-2-Clause
#include "lib/rate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { HZ = 62500000 };

/* Sends units of this size whenever it may, for some seconds; returns how many units passed. */
static uint64_t flood(struct rate *limit, uint64_t size, uint64_t begin, unsigned seconds)
{
    uint64_t passed = 0, now = begin, end = begin + (uint64_t)seconds * HZ;
    while (now < end) {
        if (rate_pass(limit, now)) {
            rate_take(limit, size, now);
            passed += size;
        } else {
            uint64_t when = rate_when(limit);
            assert_true(when > now);
            now = when;
            assert_true(rate_pass(limit, now));
            assert_false(rate_pass(limit, now - 1));
        }
    }
    return passed;
}

static void no_limit_lets_all_pass(void **state)
{
    (void)state;
    struct rate limit = {0};
    rate_set(&limit, 0, 0, HZ);
    for (unsigned i = 0; i < 1000; i++) {
        assert_true(rate_pass(&limit, 5));
        rate_take(&limit, RATE_AMOUNT_MAX, 5);
    }
    assert_int_equal(rate_when(&limit), 0);
}

static void a_flood_gets_the_rate_and_one_burst(void **state)
{
    (void)state;
    static const struct {
        uint64_t rate, burst, size;
    } cases[] = {
        {1000000,     100000,  1514   },
        {125000000,   1000000, 1514   },
        {12500000000, 65536,   65553  },
        {1000,        10,      1      },
        {20,          1,       1      },
        {125000,      1514,    64     },
        {1000000000,  5,       1 << 17},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct rate limit = {0};
        rate_set(&limit, cases[i].rate, cases[i].burst, HZ);
        /* The rounding of a unit's cost down to 2^-20 ticks shows at very high rates only. */
        uint64_t passed = flood(&limit, cases[i].size, 1000 * (uint64_t)HZ, 3);
        uint64_t due = 3 * cases[i].rate + cases[i].burst;
        assert_in_range(passed, due - due / 100 - cases[i].size, due + due / 100 + cases[i].size);
    }
}

static void a_silence_earns_one_burst_and_no_more(void **state)
{
    (void)state;
    struct rate limit = {0};
    rate_set(&limit, 1000, 50, HZ);
    uint64_t now = 1000 * (uint64_t)HZ;
    for (unsigned round = 0; round < 3; round++) {
        unsigned passed = 0;
        while (rate_pass(&limit, now)) {
            rate_take(&limit, 1, now);
            passed++;
        }
        assert_in_range(passed, 50, 51);
        now += 3600 * (uint64_t)HZ;
    }
}

static void a_limit_that_is_set_again_keeps_its_history(void **state)
{
    (void)state;
    struct rate limit = {0};
    uint64_t now = 1000 * (uint64_t)HZ;
    rate_set(&limit, 1000, 50, HZ);
    while (rate_pass(&limit, now)) {
        rate_take(&limit, 1, now);
    }
    rate_set(&limit, 1000, 50, HZ);
    assert_false(rate_pass(&limit, now));
}

/* Whatever it costs, it can be paid for: the next one waits, and for no more than that. */
static void the_largest_amount_at_the_lowest_rate(void **state)
{
    (void)state;
    const uint64_t hz = 1 << 30, now = 1000 * hz;
    struct rate limit = {0};
    rate_set(&limit, 1, 0, hz);
    assert_true(rate_pass(&limit, now));
    rate_take(&limit, RATE_AMOUNT_MAX, now);
    uint64_t when = rate_when(&limit);
    assert_int_equal(when, now + RATE_AMOUNT_MAX * hz - hz / 10);
    assert_false(rate_pass(&limit, when - 1));
    assert_true(rate_pass(&limit, when));
}

static void odd_bursts(void **state)
{
    (void)state;
    struct rate limit = {0};
    rate_set(&limit, 1000, 0, HZ);
    assert_int_equal(limit.burst, HZ / 10);
    rate_set(&limit, 1, UINT64_MAX, HZ);
    assert_int_equal(limit.burst, 60 * (uint64_t)HZ);
    rate_set(&limit, UINT64_MAX, UINT64_MAX - 1, HZ);
    assert_in_range(limit.burst, HZ - 1, HZ);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_limit_lets_all_pass),
        cmocka_unit_test(a_flood_gets_the_rate_and_one_burst),
        cmocka_unit_test(a_silence_earns_one_burst_and_no_more),
        cmocka_unit_test(a_limit_that_is_set_again_keeps_its_history),
        cmocka_unit_test(the_largest_amount_at_the_lowest_rate),
        cmocka_unit_test(odd_bursts),
    };
    return cmocka_run_group_tests_name("rate", tests, NULL, NULL);
}
