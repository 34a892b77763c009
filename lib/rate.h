/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/*
 * A token bucket: so much a second for ever, and a burst at once after a silence. Kept as the time
 * at which all that was let through will have been paid for, in ticks of the counter.
 *
 * What passes may be longer than the bucket is deep: it passes when there is anything left, and
 * what comes next waits the longer.
 */
struct rate {
    uint64_t cost;  /* of one unit, in 2^-RATE_FRACTION ticks; 0: no limit */
    uint64_t burst; /* in ticks */
    uint64_t paid;  /* the tick at which all is paid for */
    uint64_t fraction;
};

enum {
    RATE_FRACTION = 20,
    RATE_DEFAULT_BURST_MS = 100, /* when a limit has no burst of its own: what this time earns */
};

#define RATE_AMOUNT_MAX UINT32_MAX /* of rate_take */

/*
 * per_s 0: no limit. The counter runs at most at 2^30 Hz. A limit that changes keeps its history:
 * who set it cannot be made to hand out burst after burst. Zero-initialise before the first one.
 */
void rate_set(struct rate *rate, uint64_t per_s, uint64_t burst, uint64_t counter_hz);

/* Is there anything left in the bucket? */
static inline bool rate_pass(const struct rate *rate, uint64_t now)
{
    return rate->cost == 0 || rate->paid <= now + rate->burst;
}

/* Takes some out, after rate_pass. amount <= RATE_AMOUNT_MAX. */
void rate_take(struct rate *rate, uint64_t amount, uint64_t now);

/* The tick at which rate_pass will be true again. */
uint64_t rate_when(const struct rate *rate);
