// SPDX-License-Identifier: BSD-2-Clause
#include "lib/rate.h"

#include "lib/check.h"

void rate_set(struct rate *rate, uint64_t per_s, uint64_t burst, uint64_t counter_hz)
{
    if (per_s == 0) {
        rate->cost = 0;
        return;
    }
    CHECK(counter_hz != 0 && counter_hz <= 1u << 30);
    uint64_t cost = (counter_hz << RATE_FRACTION) / per_s;
    rate->cost = cost != 0 ? cost : 1;
    /* A burst of more than a minute's worth is none; and no product below overflows. */
    uint64_t minute = 60 * counter_hz;
    uint64_t whole_s = burst / per_s;
    if (burst == 0) {
        rate->burst = counter_hz * RATE_DEFAULT_BURST_MS / 1000;
    } else if (whole_s >= 60) {
        rate->burst = minute;
    } else {
        rate->burst = whole_s * counter_hz;
        /* The rest is below per_s: scale both down until the product fits. */
        uint64_t rest = burst % per_s;
        while (rest > UINT64_MAX / counter_hz) {
            rest /= 2;
            per_s /= 2;
        }
        rate->burst += rest * counter_hz / per_s;
    }
}

void rate_take(struct rate *rate, uint64_t amount, uint64_t now)
{
    if (rate->cost == 0) {
        return;
    }
    CHECK(amount <= RATE_AMOUNT_MAX);
    if (rate->paid < now) {
        rate->paid = now;
        rate->fraction = 0;
    }
    /* In two parts, so that no product overflows however low the rate is. */
    const uint64_t mask = (1u << RATE_FRACTION) - 1;
    uint64_t fraction = rate->fraction + amount * (rate->cost & mask);
    rate->paid += amount * (rate->cost >> RATE_FRACTION) + (fraction >> RATE_FRACTION);
    rate->fraction = fraction & mask;
}

uint64_t rate_when(const struct rate *rate)
{
    return rate->cost == 0 || rate->paid < rate->burst ? 0 : rate->paid - rate->burst;
}
