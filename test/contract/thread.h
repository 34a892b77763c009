/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <sel4/sel4.h>
#include <stdbool.h>

/*
 * Helper threads of a test: they share the root task's VSpace and CSpace and have a stack, an IPC
 * buffer and, unless told otherwise, a scheduling context of their own. All end with the topic.
 */
enum { THREAD_MAX = 32, THREAD_STACK_BYTES = 4096 };

struct thread {
    seL4_CPtr tcb, sc, ipc_frame;
    void (*entry)(void *argument);
    void *argument;
    unsigned index;
};

/* What thread_make and thread_start need to know; zero is a good default for all but entry. */
struct thread_options {
    void (*entry)(void *argument);
    void *argument;
    seL4_Word priority; /* 0: PRIO_HELPER */
    unsigned core;      /* of its scheduling context */
    bool no_sc;         /* none of its own */
    seL4_CPtr fault;    /* endpoint of its faults */
    unsigned budget_us; /* 0: 10 ms, round robin */
    unsigned period_us; /* 0: as the budget */
};

/* Makes the thread, its registers set, suspended. */
void thread_make(struct thread *thread, const struct thread_options *options);
/* Makes it and lets it run. */
void thread_start(struct thread *thread, const struct thread_options *options);
/*
 * Starts a server that has no scheduling context: lends it one until it has signalled `ready`,
 * which it does in the call that also waits for its first client.
 */
void thread_start_passive(struct thread *thread, const struct thread_options *options,
                          seL4_CPtr ready);
/* A scheduling context on that core. */
seL4_CPtr thread_new_sc(unsigned core, seL4_Word budget_us, seL4_Word period_us);
seL4_Error thread_configure_sc(seL4_CPtr sc, unsigned core, seL4_Word budget_us,
                               seL4_Word period_us);
/* Ends the thread wherever it is, and gives its stack back. */
void thread_end(struct thread *thread);
/* All stacks are free again. Called at the end of a topic, when its threads are gone. */
void thread_forget_all(void);
