/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/* Scheduling context objects: chapter "Threads and Execution". */

#include "standin/sched.h"

void sched_context_bind_tcb(struct sched_context *sc, struct tcb *tcb);
void sched_context_unbind_tcb(struct sched_context *sc);

/* Lends the context; whoever had it is passive then. */
void sched_context_donate(struct sched_context *sc, struct tcb *to);

/* Microseconds consumed since the last time. */
uint64_t sched_context_take_consumed(struct sched_context *sc);

/* The thread that called YieldTo runs again: it learns what the other one consumed. */
void sched_context_complete_yield(struct tcb *tcb);
void sched_context_cancel_yield(struct tcb *tcb);

void sched_context_finalise(struct sched_context *sc);
