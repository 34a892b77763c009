// SPDX-License-Identifier: BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "root/restart.h"

static void never_stays_down(void **state)
{
    (void)state;
    const struct restart_rule rule = {RESTART_NEVER, 3, 100};
    assert_false(restart_decide(&rule, END_OFF, 0).restart);
    assert_false(restart_decide(&rule, END_FAILURE, 1).restart);
}

static void a_reset_restarts_under_every_policy(void **state)
{
    (void)state;
    for (int policy = RESTART_NEVER; policy <= RESTART_ALWAYS; policy++) {
        const struct restart_rule rule = {(enum restart_policy)policy, 1, 100};
        struct restart_verdict verdict = restart_decide(&rule, END_RESET, 0);
        assert_true(verdict.restart);
        assert_int_equal(verdict.delay_ms, 0);
    }
}

static void on_failure_restarts_failures_only(void **state)
{
    (void)state;
    const struct restart_rule rule = {RESTART_ON_FAILURE, 0, 100};
    assert_false(restart_decide(&rule, END_OFF, 0).restart);
    assert_true(restart_decide(&rule, END_FAILURE, 1).restart);
}

static void always_restarts_a_power_off_at_once(void **state)
{
    (void)state;
    const struct restart_rule rule = {RESTART_ALWAYS, 0, 100};
    struct restart_verdict verdict = restart_decide(&rule, END_OFF, 0);
    assert_true(verdict.restart);
    assert_int_equal(verdict.delay_ms, 0);
}

static void back_off_doubles_and_has_a_ceiling(void **state)
{
    (void)state;
    const struct restart_rule rule = {RESTART_ALWAYS, 0, 100};
    assert_int_equal(restart_decide(&rule, END_FAILURE, 1).delay_ms, 100);
    assert_int_equal(restart_decide(&rule, END_FAILURE, 2).delay_ms, 200);
    assert_int_equal(restart_decide(&rule, END_FAILURE, 5).delay_ms, 1600);
    assert_int_equal(restart_decide(&rule, END_FAILURE, 40).delay_ms, RESTART_BACKOFF_MAX_MS);
    assert_int_equal(restart_decide(&rule, END_FAILURE, UINT32_MAX).delay_ms,
                     RESTART_BACKOFF_MAX_MS);
}

static void gives_up_at_the_limit(void **state)
{
    (void)state;
    const struct restart_rule rule = {RESTART_ON_FAILURE, 3, 100};
    assert_true(restart_decide(&rule, END_FAILURE, 3).restart);
    struct restart_verdict verdict = restart_decide(&rule, END_FAILURE, 4);
    assert_false(verdict.restart);
    assert_true(verdict.gave_up);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(never_stays_down),
        cmocka_unit_test(a_reset_restarts_under_every_policy),
        cmocka_unit_test(on_failure_restarts_failures_only),
        cmocka_unit_test(always_restarts_a_power_off_at_once),
        cmocka_unit_test(back_off_doubles_and_has_a_ceiling),
        cmocka_unit_test(gives_up_at_the_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
