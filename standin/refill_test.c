// SPDX-License-Identifier: BSD-2-Clause

/* The sporadic server: no window of one period has more than one budget, and no time is lost. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "standin/refill.c"

#define PERIOD 100000ull
#define BUDGET 20000ull
#define START  1000000ull

static union {
    struct sched_context sc;
    uint64_t words[64];
} place;

static struct sched_context *new_context(uint32_t refills, uint64_t period)
{
    place.sc = (struct sched_context){0};
    refill_init(&place.sc, refills, BUDGET, period, START);
    return &place.sc;
}

static uint64_t total(struct sched_context *sc)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < sc->count; i++) {
        sum += refill_at(sc, i)->amount;
    }
    return sum;
}

static void starts_full(void **state)
{
    (void)state;
    struct sched_context *sc = new_context(2, PERIOD);
    assert_true(refill_ready(sc, START));
    assert_false(refill_ready(sc, START - 1));
    assert_true(refill_sufficient(sc, BUDGET - REFILL_MIN));
    assert_false(refill_sufficient(sc, BUDGET - REFILL_MIN + 1));
}

static void used_up_comes_back_after_a_period(void **state)
{
    (void)state;
    struct sched_context *sc = new_context(2, PERIOD);
    refill_charge(sc, BUDGET);
    assert_int_equal(refill_head(sc)->time, START + PERIOD);
    assert_int_equal(refill_head(sc)->amount, BUDGET);
    assert_int_equal(sc->count, 1);
}

static void part_comes_back_after_a_period(void **state)
{
    (void)state;
    struct sched_context *sc = new_context(4, PERIOD);
    refill_charge(sc, 5000);
    assert_int_equal(refill_head(sc)->amount, BUDGET - 5000);
    assert_int_equal(refill_head(sc)->time, START + 5000);
    assert_int_equal(refill_at(sc, 1)->time, START + PERIOD);
    assert_int_equal(refill_at(sc, 1)->amount, 5000);
}

static void too_little_is_joined_with_the_next(void **state)
{
    (void)state;
    struct sched_context *sc = new_context(4, PERIOD);
    refill_charge(sc, BUDGET - REFILL_MIN + 1);
    assert_int_equal(sc->count, 1);
    assert_int_equal(refill_head(sc)->amount, BUDGET);
    assert_int_equal(refill_head(sc)->time, START + PERIOD - (REFILL_MIN - 1));
}

static void overrun_is_paid_from_later_periods(void **state)
{
    (void)state;
    struct sched_context *sc = new_context(2, PERIOD);
    refill_charge(sc, 3 * BUDGET);
    assert_int_equal(refill_head(sc)->time, START + 3 * PERIOD);
    assert_int_equal(total(sc), BUDGET);
}

static void round_robin_keeps_its_slice(void **state)
{
    (void)state;
    struct sched_context *sc = new_context(2, 0);
    refill_charge(sc, 7000);
    assert_int_equal(refill_head(sc)->amount, BUDGET - 7000);
    refill_charge(sc, BUDGET);
    assert_int_equal(refill_head(sc)->amount, 0);
    refill_renew_slice(sc);
    assert_int_equal(refill_head(sc)->amount, BUDGET);
    assert_true(refill_ready(sc, START));
}

static void update_gives_no_more_than_the_new_budget(void **state)
{
    (void)state;
    struct sched_context *sc = new_context(4, PERIOD);
    refill_charge(sc, 5000);
    refill_update(sc, 2, 2 * BUDGET, 3 * PERIOD, START + 6000);
    assert_int_equal(total(sc), 2 * BUDGET);
    assert_int_equal(refill_head(sc)->time, START + 6000);
    assert_int_equal(refill_at(sc, 1)->time, START + 6000 + 3 * PERIOD);
    refill_update(sc, 2, 5000, PERIOD, START + 7000);
    assert_int_equal(total(sc), 5000);
    assert_int_equal(sc->count, 1);
}

/* A thread that blocks and wakes as it likes, and every window that begins where it began to run.
 */
static void no_window_has_more_than_the_budget(void **state)
{
    (void)state;
    enum { RUNS = 4000 };
    static struct {
        uint64_t start, length;
    } runs[RUNS];
    uint64_t random = 88172645463325252ull;
    for (uint32_t refills = 2; refills <= 10; refills += 4) {
        struct sched_context *sc = new_context(refills, PERIOD);
        uint64_t now = START;
        for (unsigned i = 0; i < RUNS; i++) {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            now += random % 5 == 0 ? random % (2 * PERIOD) : 0;
            now = now < refill_head(sc)->time ? refill_head(sc)->time : now;
            refill_unblock(sc, now);
            uint64_t whole = refill_head(sc)->amount;
            uint64_t length = random % 3 == 0 ? whole : 1 + random % whole;
            runs[i].start = now;
            runs[i].length = length;
            refill_charge(sc, length);
            now += length;
            assert_int_equal(total(sc), BUDGET);
            assert_true(sc->count >= 1 && sc->count <= refills);
            assert_true(refill_head(sc)->amount >= REFILL_MIN);
        }
        for (unsigned i = 0; i < RUNS; i++) {
            uint64_t used = 0;
            for (unsigned j = i; j < RUNS && runs[j].start < runs[i].start + PERIOD; j++) {
                uint64_t left = runs[i].start + PERIOD - runs[j].start;
                used += runs[j].length < left ? runs[j].length : left;
            }
            /* Joining of too small refills may move up to the minimum over the window's edge. */
            assert_true(used <= BUDGET + REFILL_MIN);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(starts_full),
        cmocka_unit_test(used_up_comes_back_after_a_period),
        cmocka_unit_test(part_comes_back_after_a_period),
        cmocka_unit_test(too_little_is_joined_with_the_next),
        cmocka_unit_test(overrun_is_paid_from_later_periods),
        cmocka_unit_test(round_robin_keeps_its_slice),
        cmocka_unit_test(update_gives_no_more_than_the_new_budget),
        cmocka_unit_test(no_window_has_more_than_the_budget),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
