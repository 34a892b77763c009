/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * The budget of a scheduling context as a sporadic server: chapter "Threads and Execution",
 * "Scheduling Contexts" of the seL4 manual. Pure; times are ticks.
 *
 * A full budget is one refill. What is used of the head refill comes back one period after it could
 * be used. Round robin (period 0) has two refills: what is left of the slice, and what is used of
 * it.
 */

#include "standin/object.h"

#define REFILL_MIN_US        20ull
#define REFILL_MIN           (REFILL_MIN_US * (TIMER_HZ / 1000) / 1000)
#define REFILL_PERIOD_MAX_US (UINT64_MAX / (TIMER_HZ / 1000) / 8)

static inline uint64_t ticks_from_us(uint64_t us)
{
    return us * (TIMER_HZ / 1000) / 1000;
}

static inline uint64_t ticks_to_us(uint64_t ticks)
{
    return ticks * 2 / (TIMER_HZ / 500000);
}

/* The number of refills that fit into an object of 2^bits bytes. */
static inline uint64_t refill_capacity(unsigned bits)
{
    return (BIT(bits) - sizeof(struct sched_context)) / sizeof(struct refill);
}

static inline struct refill *refill_head(struct sched_context *sc)
{
    return &sc->refills[sc->head];
}

static inline bool refill_round_robin(const struct sched_context *sc)
{
    return sc->period == 0;
}

static inline bool refill_configured(const struct sched_context *sc)
{
    return sc->refill_max > 0;
}

static inline bool refill_ready(struct sched_context *sc, uint64_t now)
{
    return refill_head(sc)->time <= now;
}

/* Is there enough left to enter and leave the kernel once more, after usage is charged? */
static inline bool refill_sufficient(struct sched_context *sc, uint64_t usage)
{
    uint64_t amount = refill_head(sc)->amount;
    return amount >= usage && amount - usage >= REFILL_MIN;
}

/* Sets a context up with its full budget from now on. */
void refill_init(struct sched_context *sc, uint32_t max, uint64_t budget, uint64_t period,
                 uint64_t now);

/* Changes the parameters of a context in use, so that it gets no more than the new ones allow. */
void refill_update(struct sched_context *sc, uint32_t max, uint64_t budget, uint64_t period,
                   uint64_t now);

/* Takes usage from the head, and schedules its return. */
void refill_charge(struct sched_context *sc, uint64_t usage);

/* A round robin slice is at its end: it is whole again. */
void refill_renew_slice(struct sched_context *sc);

/* The thread may run from now on: what it could have used earlier is moved to now and merged. */
void refill_unblock(struct sched_context *sc, uint64_t now);
