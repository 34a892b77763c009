/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/* State of one core, the big lock, and calls from core to core. */

#include "standin/object.h"

#define CPUS       CONFIG_MAX_NUM_NODES
#define PRIORITIES CONFIG_NUM_PRIORITIES

/* The wrong call's answer: an error and what its message says. FailedLookup also takes `lookup`. */
struct refusal {
    seL4_Error error;
    uint64_t word[2];
};

struct cpu {
    struct tcb *current; /* null: idle. First two: entry.S counts on them */
    uint64_t stack_top;
    uint32_t id;

    /* Scheduler. */
    struct tcb
        *candidate;  /* woken in this kernel entry; runs next unless something better turns up */
    bool reschedule; /* choose from the queues, whoever runs now */
    bool reprogram;  /* the next deadline may have changed */
    uint64_t ready_map[PRIORITIES / 64];
    struct {
        struct tcb *head;
        struct tcb *tail;
    } ready[PRIORITIES];
    struct tcb *release; /* waiting for budget, earliest first */

    /* Time. */
    struct sched_context *sc; /* is charged for what passes */
    uint64_t now;             /* ticks at kernel entry */
    uint64_t consumed;        /* ticks not charged yet */

    /* What this core's registers hold beside the current thread's. */
    struct vcpu *vcpu;
    bool vcpu_active;
    struct tcb *fpu_owner;
    uint8_t vmid;

    /* Other cores. */
    bool event_void;   /* what this core trapped for happened to a thread that is no longer its */
    uint32_t ipi_mask; /* cores to be told to reschedule when this kernel entry ends */
    void (*call)(void *argument);
    void *call_argument;

    struct refusal refusal;
    struct lookup_failure lookup;
};

extern struct cpu cpus[CPUS];

static inline struct cpu *this_cpu(void)
{
    return (struct cpu *)read_reg(tpidr_el2);
}

/* The big lock, first come first served. While a core waits for it, it serves the holder's calls.
 */
void cpu_lock(void);
void cpu_unlock(void);

/* Waits without the lock until an interrupt is pending; takes the lock again. */
void cpu_idle(void);

/* Runs a function on another core, which is in user mode, idle or waiting for the lock. */
void cpu_call(uint32_t core, void (*function)(void *argument), void *argument);

/* Takes a thread off another core that runs it, so that its registers are in its TCB. Its trap is
 * undone. */
void cpu_preempt_remote(struct tcb *tcb);

/* Tells the cores in ipi_mask to look at their queues. */
void cpu_send_pending(void);

/* Puts a line on the console and stops. For our own bugs only: never reachable from user space. */
_Noreturn void cpu_panic(const char *what, uint64_t value);
