/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/* Threads: chapter "Threads and Execution". */

#include "standin/sched.h"

static inline bool thread_runnable(const struct tcb *tcb)
{
    return tcb->state == THREAD_RUNNING || tcb->state == THREAD_RESTART;
}

/* Waits for a message, a signal or a reply. */
static inline bool thread_blocked(const struct tcb *tcb)
{
    return tcb->state >= THREAD_RECEIVING;
}

/* Is about to return to user mode: a restarted thread goes back to where it came from. */
void thread_activate(struct tcb *tcb);

/* Ends whatever the thread waits for; it is inactive then, and its fault is forgotten. */
void thread_cancel_wait(struct tcb *tcb);
void thread_suspend(struct tcb *tcb);
void thread_resume(struct tcb *tcb);
void thread_set_priority(struct tcb *tcb, uint8_t priority);

/* To the core of its scheduling context; not in a queue. */
void thread_migrate(struct tcb *tcb, uint32_t core);

/* What a user may write into SPSR: with a VCPU also EL1. */
uint64_t thread_sanitise_pstate(const struct tcb *tcb, uint64_t pstate);

/* The IPC buffer as the kernel sees it, or null. */
seL4_IPCBuffer *thread_buffer(const struct tcb *tcb, bool writable);

/* Its last capability is deleted: only the slots are left to be emptied. */
void thread_finalise(struct tcb *tcb);
