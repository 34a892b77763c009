/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/* Ready and release queues, time, and which thread runs: chapter "Threads and Execution". */

#include "standin/cpu.h"
#include "standin/refill.h"

/* Wants to run, has a configured context, and is not waiting for budget. */
bool sched_may_run(const struct tcb *tcb);

void sched_enqueue_first(struct tcb *tcb);
void sched_enqueue_last(struct tcb *tcb);

/* Out of the ready queue and out of the release queue; nothing if it is in neither. */
void sched_dequeue(struct tcb *tcb);

/* Into the release queue until its head refill is due. */
void sched_postpone(struct sched_context *sc);

/* The thread became able to run. It may run next if it is better than the current one. */
void sched_wake(struct tcb *tcb);

/* Choose anew at the end of this kernel entry. */
void sched_reschedule(void);

/* A sporadic context's thread became able to run: its budget counts from now. */
void sched_unblock(struct sched_context *sc);

/* A thread that has a context again: it sleeps if the budget is not due yet. */
void sched_resume(struct sched_context *sc);

/* Time since the last kernel entry is noted for charging. */
void sched_update_time(void);

/* False: the current context's budget is at its end, and its thread has been queued, put to sleep
   or sent to its timeout handler. */
bool sched_check_budget(void);

/* Charges what was noted to the current context. */
void sched_commit_time(void);

/* Gives up the rest of the current refill. */
void sched_yield(void);

/* Is the context charged on any core? Then it is no more, because it goes away. */
void sched_forget_context(const struct sched_context *sc);

/* Chooses the thread to run and makes the core ready for it. */
void sched_run(void);
