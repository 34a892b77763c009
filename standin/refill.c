// SPDX-License-Identifier: BSD-2-Clause

/* Plays the budget rules of "Scheduling Contexts" in the seL4 manual (chapter "Threads and
 * Execution"). */

#include "standin/refill.h"

/* Refills later than this are not moved on: the sum of times must not wrap. */
#define TIME_LIMIT (UINT64_MAX - 5 * (REFILL_PERIOD_MAX_US * (TIMER_HZ / 1000) / 1000))

static struct refill *refill_at(struct sched_context *sc, uint32_t i)
{
    return &sc->refills[(sc->head + i) % sc->refill_max];
}

static struct refill *refill_tail(struct sched_context *sc)
{
    return refill_at(sc, sc->count - 1);
}

static void push_tail(struct sched_context *sc, struct refill refill)
{
    sc->count++;
    *refill_tail(sc) = refill;
}

static struct refill pop_head(struct sched_context *sc)
{
    struct refill refill = *refill_head(sc);
    sc->head = (sc->head + 1) % sc->refill_max;
    sc->count--;
    return refill;
}

static void add_used_slot(struct sched_context *sc)
{
    if (refill_round_robin(sc)) {
        push_tail(sc, (struct refill){.amount = 0, .time = refill_head(sc)->time});
    }
}

void refill_init(struct sched_context *sc, uint32_t max, uint64_t budget, uint64_t period,
                 uint64_t now)
{
    sc->period = period;
    sc->refill_max = max;
    sc->head = 0;
    sc->count = 1;
    *refill_head(sc) = (struct refill){.amount = budget, .time = now};
    add_used_slot(sc);
}

void refill_update(struct sched_context *sc, uint32_t max, uint64_t budget, uint64_t period,
                   uint64_t now)
{
    struct refill head = *refill_head(sc);
    sc->refills[0] = head;
    sc->head = 0;
    sc->count = 1;
    sc->refill_max = max;
    sc->period = period;
    if (head.time <= now) {
        refill_head(sc)->time = now;
    }
    if (head.amount >= budget) {
        refill_head(sc)->amount = budget;
        add_used_slot(sc);
    } else {
        push_tail(sc, (struct refill){.amount = budget - head.amount,
                                      .time = refill_head(sc)->time + period});
    }
}

/* Puts time that was used back at the end of the ring; into the last refill if they touch or it is
 * full. */
static void schedule_return(struct sched_context *sc, struct refill used)
{
    struct refill *tail = refill_tail(sc);
    if (tail->time + tail->amount >= used.time) {
        tail->amount += used.amount;
    } else if (sc->count < sc->refill_max) {
        push_tail(sc, used);
    } else {
        tail->time = used.time - tail->amount;
        tail->amount += used.amount;
    }
}

/* The whole head is used up. */
static void charge_head(struct sched_context *sc)
{
    if (sc->count == 1) {
        refill_head(sc)->time += sc->period;
    } else {
        struct refill used = pop_head(sc);
        used.time += sc->period;
        schedule_return(sc, used);
    }
}

void refill_charge(struct sched_context *sc, uint64_t usage)
{
    if (refill_round_robin(sc)) {
        struct refill *head = refill_head(sc);
        uint64_t used = usage < head->amount ? usage : head->amount;
        head->amount -= used;
        refill_tail(sc)->amount += used;
        return;
    }
    while (refill_head(sc)->amount <= usage && refill_head(sc)->time < TIME_LIMIT) {
        usage -= refill_head(sc)->amount;
        charge_head(sc);
    }
    struct refill *head = refill_head(sc);
    if (usage > 0 && head->time < TIME_LIMIT) {
        struct refill used = {.amount = usage, .time = head->time + sc->period};
        head->amount -= usage;
        head->time += usage;
        schedule_return(sc, used);
    }
    while (refill_head(sc)->amount < REFILL_MIN && sc->count > 1) {
        /* Too little to run on: join it with the next, no earlier than the sum may end. */
        struct refill rest = pop_head(sc);
        refill_head(sc)->amount += rest.amount;
        refill_head(sc)->time -= rest.amount;
    }
}

void refill_renew_slice(struct sched_context *sc)
{
    refill_head(sc)->amount += refill_tail(sc)->amount;
    refill_tail(sc)->amount = 0;
}

void refill_unblock(struct sched_context *sc, uint64_t now)
{
    if (refill_round_robin(sc) || !refill_ready(sc, now)) {
        return;
    }
    refill_head(sc)->time = now;
    while (sc->count > 1 && refill_at(sc, 1)->time <= now + refill_head(sc)->amount) {
        uint64_t amount = pop_head(sc).amount;
        refill_head(sc)->amount += amount;
        refill_head(sc)->time = now;
    }
}
