// SPDX-License-Identifier: BSD-2-Clause
#include "lib/allowance.h"

#include "lib/check.h"

void allowance_init(struct allowance *allowance, uint32_t most, uint64_t step_ticks, uint64_t now)
{
    CHECK(step_ticks != 0);
    *allowance = (struct allowance){most, most, step_ticks, now};
}

bool allowance_take(struct allowance *allowance, uint64_t now)
{
    uint64_t steps = (now - allowance->since) / allowance->step_ticks;
    if (steps >= allowance->most - allowance->left) {
        allowance->left = allowance->most; /* time while it is full is not saved up */
        allowance->since = now;
    } else {
        allowance->left += (uint32_t)steps;
        allowance->since += steps * allowance->step_ticks;
    }
    if (allowance->left == 0) {
        return false;
    }
    allowance->left--;
    return true;
}
