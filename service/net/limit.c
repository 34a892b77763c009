// SPDX-License-Identifier: BSD-2-Clause
#include "service/net/limit.h"

#include "lib/check.h"

void limit_set(struct limit *limit, uint64_t per_s, uint64_t burst, uint64_t counter_hz)
{
    if (per_s == 0) {
        limit->cost = 0;
        return;
    }
    CHECK(counter_hz != 0 && counter_hz <= 1u << 30);
    uint64_t cost = (counter_hz << LIMIT_FRACTION) / per_s;
    limit->cost = cost != 0 ? cost : 1;
    /* A burst of more than a minute's worth is none; and no product below overflows. */
    uint64_t minute = 60 * counter_hz;
    uint64_t whole_s = burst / per_s;
    if (burst == 0) {
        limit->burst = counter_hz * LIMIT_DEFAULT_BURST_MS / 1000;
    } else if (whole_s >= 60) {
        limit->burst = minute;
    } else {
        limit->burst = whole_s * counter_hz;
        /* The rest is below per_s: scale both down until the product fits. */
        uint64_t rest = burst % per_s;
        while (rest > UINT64_MAX / counter_hz) {
            rest /= 2;
            per_s /= 2;
        }
        limit->burst += rest * counter_hz / per_s;
    }
}

void limit_take(struct limit *limit, uint64_t amount, uint64_t now)
{
    if (limit->cost == 0) {
        return;
    }
    CHECK(amount <= LIMIT_AMOUNT_MAX);
    if (limit->paid < now) {
        limit->paid = now;
        limit->fraction = 0;
    }
    /* In two parts, so that no product overflows however low the rate is. */
    const uint64_t mask = (1u << LIMIT_FRACTION) - 1;
    uint64_t fraction = limit->fraction + amount * (limit->cost & mask);
    limit->paid += amount * (limit->cost >> LIMIT_FRACTION) + (fraction >> LIMIT_FRACTION);
    limit->fraction = fraction & mask;
}

uint64_t limit_when(const struct limit *limit)
{
    return limit->cost == 0 || limit->paid < limit->burst ? 0 : limit->paid - limit->burst;
}
