// SPDX-License-Identifier: BSD-2-Clause
#include "root/restart.h"

/* Doubles with every failure after the first. */
static uint32_t backoff_ms(uint32_t first_ms, uint32_t failures)
{
    uint64_t delay = first_ms;
    for (uint32_t i = 1; i < failures && delay < RESTART_BACKOFF_MAX_MS; i++) {
        delay *= 2;
    }
    return delay < RESTART_BACKOFF_MAX_MS ? (uint32_t)delay : RESTART_BACKOFF_MAX_MS;
}

struct restart_verdict restart_decide(const struct restart_rule *rule, enum end_cause cause,
                                      uint32_t failures)
{
    if (cause == END_RESET) {
        return (struct restart_verdict){.restart = true};
    }
    if (cause == END_OFF) {
        return (struct restart_verdict){.restart = rule->policy == RESTART_ALWAYS};
    }
    if (rule->policy == RESTART_NEVER) {
        return (struct restart_verdict){0};
    }
    if (rule->limit != 0 && failures > rule->limit) {
        return (struct restart_verdict){.gave_up = true};
    }
    return (struct restart_verdict){.restart = true,
                                    .delay_ms = backoff_ms(rule->backoff_ms, failures)};
}
