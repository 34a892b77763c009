// SPDX-License-Identifier: BSD-2-Clause
/*
 * The alarm that Bulkhead makes of a scheduling context: a thread sleeps by giving its own context
 * a period and yielding, and another one wakes it by giving it budget = period.
 */
#include "test/contract/contract.h"
#include "test/contract/thread.h"

enum { MS = 1000, WAIT_MS = 20000 };

static struct {
    seL4_CPtr ready, wake, sc;
    unsigned distance_us, work;
} shared;

static void renew(void)
{
    shared.ready = cap_mint(cap_new(seL4_NotificationObject, 0), seL4_AllRights, 1);
    shared.wake = cap_mint(cap_new(seL4_NotificationObject, 0), seL4_AllRights, 1);
    shared.sc = thread_new_sc(0, 10 * MS, 10 * MS);
}

/*
 * Sleeps for the distance, then signals `ready`; again for each `wake`. Of the period that it gives
 * itself its budget is half: what a thread uses beyond its budget costs it a period for each
 * budget.
 */
static void sleeper(void *argument)
{
    (void)argument;
    for (;;) {
        seL4_Word period_us = shared.distance_us;
        REQUIRE(thread_configure_sc(shared.sc, 0, period_us / 2, period_us) == seL4_NoError);
        seL4_Yield();
        seL4_Signal(shared.ready);
        seL4_Wait(shared.wake, NULL);
    }
}

static void start_sleeper(struct thread *thread)
{
    renew();
    thread_make(thread,
                &(struct thread_options){.entry = sleeper, .no_sc = true, .priority = PRIO_HIGH});
    REQUIRE(seL4_SchedContext_Bind(shared.sc, thread->tcb) == seL4_NoError);
}

/* How long the sleeper, which waits, sleeps when told to. */
static uint64_t sleep_once(void)
{
    uint64_t start_us = time_now_us();
    seL4_Signal(shared.wake);
    REQUIRE(contract_wait_signal(shared.ready, WAIT_MS, NULL));
    return time_now_us() - start_us;
}

static void check_sleep(void)
{
    static const struct {
        const char *name;
        unsigned distance_us;
    } distances[] = {
        {"alarm.sleep.5_ms",         5 * MS  },
        {"alarm.sleep.30_ms",        30 * MS },
        {"alarm.sleep.after_longer", 2 * MS  },
        {"alarm.sleep.7_ms",         7 * MS  },
        {"alarm.sleep.100_ms",       100 * MS},
    };
    struct thread thread;
    start_sleeper(&thread);
    shared.distance_us = MS;
    REQUIRE(seL4_TCB_Resume(thread.tcb) == seL4_NoError);
    REQUIRE(contract_wait_signal(shared.ready, WAIT_MS, NULL));
    for (unsigned i = 0; i < sizeof distances / sizeof distances[0]; i++) {
        shared.distance_us = distances[i].distance_us;
        contract_time(distances[i].name, sleep_once(), shared.distance_us, "until that time");
    }
}

/* Wakes a sleeper that has an hour to go. */
static void check_wake_early(void)
{
    shared.distance_us = 3600u * 1000 * MS;
    seL4_Signal(shared.wake);
    contract_claim("alarm.sleeps", !contract_wait_signal(shared.ready, 5, NULL), "no sign of it");
    contract_error("alarm.wake", thread_configure_sc(shared.sc, 0, MS, MS), seL4_NoError);
    bool woke = contract_wait_signal(shared.ready, 20, NULL);
    /* Where time is not exact, it may not have slept yet. */
    for (unsigned i = 1; i < time_attempts() && !woke; i++) {
        REQUIRE(thread_configure_sc(shared.sc, 0, MS, MS) == seL4_NoError);
        woke = contract_wait_signal(shared.ready, 2000, NULL);
    }
    contract_claim("alarm.wake.signal", woke, "awake at once");
}

/* A sleep of 30 ms whose sleeper's period is changed when it has begun. */
static uint64_t reconfigure_once(void)
{
    shared.distance_us = 30 * MS;
    uint64_t start_us = time_now_us();
    seL4_Signal(shared.wake);
    contract_wait_ms(1);
    REQUIRE(thread_configure_sc(shared.sc, 0, MS, 2 * MS) == seL4_NoError);
    REQUIRE(contract_wait_signal(shared.ready, WAIT_MS, NULL));
    return time_now_us() - start_us;
}

static void check_wake(void)
{
    struct thread thread;
    start_sleeper(&thread);
    shared.distance_us = MS;
    REQUIRE(seL4_TCB_Resume(thread.tcb) == seL4_NoError);
    REQUIRE(contract_wait_signal(shared.ready, WAIT_MS, NULL));
    check_wake_early();
    contract_time("alarm.reconfigured_with_period", reconfigure_once(), 30 * MS,
                  "sleeps on until its old time");

    /* It now waits for a notification: reconfiguring neither wakes it nor delays it later. */
    REQUIRE(thread_configure_sc(shared.sc, 0, 250 * MS, 500 * MS) == seL4_NoError);
    contract_claim("alarm.reconfigured_while_waiting", !contract_wait_signal(shared.ready, 2, NULL),
                   "waits on");
    shared.distance_us = 3 * MS;
    contract_time("alarm.reconfigured_while_waiting.then", sleep_once(), 3 * MS,
                  "wakes and sleeps as told");
}

/* Wakes with a small budget of a long period, and has more to do than that. */
static void work_too_long(void *argument)
{
    (void)argument;
    REQUIRE(thread_configure_sc(shared.sc, 0, 2 * MS, 100 * MS) == seL4_NoError);
    seL4_Yield();
    for (volatile unsigned i = 0; i < shared.work; i++) {
    }
    seL4_Signal(shared.ready);
}

static void check_overrun(void)
{
    struct thread thread;
    renew();
    shared.work = time_is_exact() ? 400000 : 3000000;
    thread_make(&thread, &(struct thread_options){
                             .entry = work_too_long, .no_sc = true, .priority = PRIO_HIGH});
    REQUIRE(seL4_SchedContext_Bind(shared.sc, thread.tcb) == seL4_NoError);
    uint64_t start_us = time_now_us();
    REQUIRE(seL4_TCB_Resume(thread.tcb) == seL4_NoError);
    contract_wait_signal(shared.ready, WAIT_MS, NULL);
    contract_claim("alarm.work_beyond_budget", time_now_us() - start_us > 199 * MS,
                   "waits for another period");
    shared.work = 0;
    thread_end(&thread);
}

void alarm_run(void)
{
    check_sleep();
    check_wake();
    check_overrun();
}
