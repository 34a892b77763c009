/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* What happens to a VM that has ended, by its description's policy. Pure. */
enum restart_policy { RESTART_NEVER, RESTART_ON_FAILURE, RESTART_ALWAYS };

enum end_cause {
    END_OFF,     /* the guest powered itself off */
    END_RESET,   /* the guest asked to be restarted: not a failure */
    END_FAILURE, /* its VMM died, or it could not be made */
};

struct restart_rule {
    enum restart_policy policy;
    uint32_t limit;      /* failures in a row after which it stays down; 0: no limit */
    uint32_t backoff_ms; /* before the first restart after a failure */
};

enum { RESTART_BACKOFF_MAX_MS = 60000 };

struct restart_verdict {
    bool restart;
    bool gave_up; /* the limit is reached */
    uint32_t delay_ms;
};

/* `failures` counts the failures in a row, this one included. */
struct restart_verdict restart_decide(const struct restart_rule *rule, enum end_cause cause,
                                      uint32_t failures);
