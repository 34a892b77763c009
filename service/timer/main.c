// SPDX-License-Identifier: BSD-2-Clause
/*
 * The timer service: wakes its clients at times of the physical counter, with nothing of the kernel
 * but its scheduler (seL4 manual, chapter "Threads and Execution", MCS). On each core an alarm
 * thread sleeps: it gives its own scheduling context the period (deadline - now) and yields the
 * rest of its budget, so the kernel makes it ready again one period later. No timer device, no
 * kernel option, and no guest can touch it.
 *
 * A deadline that comes before the time for which the alarm thread sleeps needs help: the client
 * signals the core's listening thread, which configures the sleeper's context anew with budget ==
 * period, and a context that is configured so is ready at once. The alarm thread then looks at all
 * deadlines again.
 *
 * With no alarm set the alarm thread does not sleep but waits to be signalled by the listening one:
 * the kernel looks at those who sleep each time that it is entered on that core.
 */
#include <sel4/sel4.h>
#include <stdbool.h>

#include "lib/aarch64/cpu.h"
#include "lib/check.h"
#include "lib/log.h"
#include "lib/thread.h"
#include "link/process_start.h"
#include "link/timer.h"

enum {
    /*
     * The alarm thread's budget and period while it works: it is never made to wait. Long, because
     * the kernel starts a call over when the caller's turn ends while it waits for the kernel's
     * lock: with a turn shorter than that wait, which is milliseconds on an emulated machine with
     * more cores than its host, threads of several cores would keep one another from ever being
     * served.
     */
    TURN_US = 100000,
    SLEEP_MAX_S = 1000,
    US_PER_S = 1000000,
    STACK_BYTES = 4096,
};

struct core {
    _Alignas(16) uint8_t alarm_stack[STACK_BYTES];
    uint8_t listen_stack[STACK_BYTES];
    struct thread_block alarm_block, listen_block;
    _Atomic bool idle; /* the alarm thread waits, or is about to */
    /* The alarms of this core, as the roster had them in its `generation`. */
    uint32_t generation;
    unsigned count;
    struct entry {
        uint8_t client, alarm;
    } entry[TIMER_CLIENT_MAX * TIMER_ALARM_MAX];
};

static struct core cores[CORE_MAX];
static uint64_t ticks_per_s, early_ticks;

static const struct timer_roster *const roster = (const struct timer_roster *)PROCESS_ROSTER_VADDR;

static struct timer_link *link_of(uint32_t client)
{
    return (struct timer_link *)(PROCESS_TIMER_VADDR + (uint64_t)client * 4096);
}

static seL4_CPtr core_slot(uintptr_t core, unsigned which)
{
    return SLOT_CORE_BASE + core * CORE_SLOTS + which;
}

/*
 * Most looks at the alarms find the clients that the last one found, so the alarms of a core are
 * kept in a list. A client that comes later is not missed: nobody armed its alarms, so it signals.
 */
static void read_roster(uintptr_t core)
{
    struct core *c = &cores[core];
    c->generation = atomic_load(&roster->generation);
    c->count = 0;
    for (uint32_t n = 0; n < TIMER_CLIENT_MAX; n++) {
        uint32_t count = atomic_load(&roster->client[n].alarms);
        for (uint32_t i = 0; i < count && i < TIMER_ALARM_MAX; i++) {
            if (roster->client[n].core[i] == core) {
                c->entry[c->count++] = (struct entry){(uint8_t)n, (uint8_t)i};
            }
        }
    }
}

static struct timer_alarm *alarm_of(struct entry entry)
{
    return &link_of(entry.client)->alarm[entry.alarm];
}

static seL4_CPtr client_slot(struct entry entry)
{
    return SLOT_CLIENT_BASE + (seL4_CPtr)entry.client * TIMER_CLIENT_SLOTS + entry.alarm;
}

static void publish(const struct core *c, uint64_t armed)
{
    for (unsigned i = 0; i < c->count; i++) {
        atomic_store(&alarm_of(c->entry[i])->armed, armed);
    }
}

/* Rings what is due; returns the earliest deadline of the rest. */
static uint64_t ring(const struct core *c)
{
    uint64_t earliest = TIMER_NEVER;
    for (unsigned i = 0; i < c->count; i++) {
        const struct entry entry = c->entry[i];
        struct timer_alarm *alarm = alarm_of(entry);
        uint64_t deadline = atomic_load(&alarm->deadline);
        if (deadline == TIMER_NEVER) {
            continue;
        }
        /*
         * We sleep for whole microseconds, rounded down: what is that near is due. Only this value
         * is cleared: a client that sets another one meanwhile keeps it.
         */
        if (deadline <= counter_now() + early_ticks &&
            atomic_compare_exchange_strong(&alarm->deadline, &deadline, TIMER_NEVER)) {
            seL4_Signal(client_slot(entry));
        } else if (deadline < earliest) {
            earliest = deadline;
        }
    }
    return earliest;
}

static void configure_alarm(uintptr_t core, uint64_t budget_us, uint64_t period_us)
{
    CHECK(seL4_SchedControl_ConfigureFlags(core_slot(core, CORE_SLOT_CONTROL),
                                           core_slot(core, CORE_SLOT_ALARM_SC), budget_us,
                                           period_us, 0, 0, 0) == seL4_NoError);
}

/* budget == period: ready now, whatever was used before, and for as long as it takes. */
static void make_ready(uintptr_t core)
{
    configure_alarm(core, TURN_US, TURN_US);
}

/*
 * Sleeps until the counter reaches `deadline`, or until listen() makes us ready. The budget is all
 * but the whole period. With one core that is enough to work with after the sleep: who is held up
 * and needs more continues a period later, and that is a short one. With several cores see TURN_US.
 */
static void sleep_until(uintptr_t core, uint64_t deadline)
{
    uint64_t now = counter_now();
    uint64_t most = SLEEP_MAX_S * ticks_per_s;
    uint64_t distance = deadline > now ? deadline - now : 0;
    /* A counter may have no whole number of ticks in a microsecond. */
    uint64_t distance_us = (distance < most ? distance : most) * US_PER_S / ticks_per_s;
    if (distance_us < TIMER_NEAR_US) {
        distance_us = TIMER_NEAR_US;
    }
    configure_alarm(core, distance_us - 1, distance_us);
    seL4_Yield();
}

/*
 * No alarm is set: whoever sets one signals, since it is not published that we would look at it.
 * The listening thread has less priority and the same core, so it runs when we wait; and if not,
 * what it signals stays.
 */
static void wait_for_alarm(uintptr_t core)
{
    atomic_store(&cores[core].idle, true);
    seL4_Wait(core_slot(core, CORE_SLOT_IDLE), NULL);
    atomic_store(&cores[core].idle, false);
}

static void alarm_thread(uintptr_t core)
{
    struct core *c = &cores[core];
    make_ready(core);
    read_roster(core);
    for (;;) {
        /* While armed says "never", every client that sets a deadline also signals. */
        publish(c, TIMER_NEVER);
        if (c->generation != atomic_load(&roster->generation)) {
            read_roster(core);
            publish(c, TIMER_NEVER);
        }
        uint64_t earliest = ring(c);
        publish(c, earliest);
        if (earliest == TIMER_NEVER) {
            wait_for_alarm(core);
            continue;
        }
        sleep_until(core, earliest);
        if (roster->core_count > 1) {
            make_ready(core);
        }
    }
}

static void listen_thread(uintptr_t core)
{
    for (;;) {
        seL4_Wait(core_slot(core, CORE_SLOT_NOTIFY), NULL);
        if (atomic_load(&cores[core].idle)) {
            seL4_Signal(core_slot(core, CORE_SLOT_IDLE));
        } else {
            make_ready(core);
        }
    }
}

/* Thread 1 + 2 * core rings, the one after it listens. */
static void start_thread(uintptr_t core, unsigned tcb, unsigned context, unsigned index,
                         void (*entry)(uintptr_t), uint8_t *stack, struct thread_block *block)
{
    const struct thread thread = {
        .tcb = core_slot(core, tcb),
        .entry = entry,
        .argument = core,
        .block = block,
        .ipc_buffer = PROCESS_IPC_VADDR + (1 + 2 * core + index) * PROCESS_IPC_STRIDE,
        .stack = stack,
        .stack_bytes = STACK_BYTES,
    };
    CHECK(seL4_SchedContext_Bind(core_slot(core, context), thread.tcb) == seL4_NoError);
    CHECK(thread_start(&thread) == seL4_NoError);
}

static void start_core(uintptr_t core)
{
    struct core *c = &cores[core];
    start_thread(core, CORE_SLOT_ALARM, CORE_SLOT_ALARM_SC, 0, alarm_thread, c->alarm_stack,
                 &c->alarm_block);
    start_thread(core, CORE_SLOT_LISTEN, CORE_SLOT_LISTEN_SC, 1, listen_thread, c->listen_stack,
                 &c->listen_block);
}

void process_main(const struct process_boot *boot)
{
    CHECK(roster->magic == TIMER_ROSTER_MAGIC && roster->version == TIMER_ROSTER_VERSION);
    ticks_per_s = counter_frequency_hz();
    CHECK(ticks_per_s >= US_PER_S);
    early_ticks = ticks_per_s / US_PER_S;
    for (uint32_t core = 0; core < boot->core_count && core < CORE_MAX; core++) {
        start_core(core);
    }
    for (;;) {
        seL4_Wait(SLOT_NOTIFICATION, NULL); /* nothing to do: the threads do it all */
    }
}
