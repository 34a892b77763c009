// SPDX-License-Identifier: BSD-2-Clause

/*
 * Plays scheduling contexts and their control, in "Threads and Execution" of the seL4 manual.
 */

#include "standin/sched_context.h"
#include "standin/ipc.h"
#include "standin/thread.h"

void sched_context_bind_tcb(struct sched_context *sc, struct tcb *tcb)
{
    tcb->sc = sc;
    sc->tcb = tcb;
    thread_migrate(tcb, sc->core);
    sched_unblock(sc);
    sched_resume(sc);
    if (sched_may_run(tcb)) {
        sched_enqueue_first(tcb);
        sched_reschedule();
    }
}

void sched_context_unbind_tcb(struct sched_context *sc)
{
    struct tcb *tcb = sc->tcb;
    if (tcb == NULL) {
        return;
    }
    cpu_preempt_remote(tcb);
    sched_dequeue(tcb);
    if (tcb == this_cpu()->current) {
        sched_reschedule();
    }
    tcb->sc = NULL;
    sc->tcb = NULL;
}

void sched_context_donate(struct sched_context *sc, struct tcb *to)
{
    struct tcb *from = sc->tcb;
    if (from != NULL) {
        cpu_preempt_remote(from);
        sched_dequeue(from);
        from->sc = NULL;
        if (from == this_cpu()->current) {
            sched_reschedule();
        }
    }
    sc->tcb = to;
    to->sc = sc;
    thread_migrate(to, sc->core);
}

static void unbind_notification(struct sched_context *sc)
{
    if (sc->notification != NULL) {
        sc->notification->sc = NULL;
        sc->notification = NULL;
    }
}

static void unbind_all(struct sched_context *sc)
{
    sched_context_unbind_tcb(sc);
    unbind_notification(sc);
    if (sc->reply != NULL) {
        sc->reply->above = NULL;
        sc->reply->above_is_sc = false;
        sc->reply = NULL;
    }
}

uint64_t sched_context_take_consumed(struct sched_context *sc)
{
    uint64_t ticks = sc->consumed;
    sc->consumed = 0;
    return ticks_to_us(ticks);
}

void sched_context_cancel_yield(struct tcb *tcb)
{
    if (tcb->yield_to != NULL) {
        tcb->yield_to->yield_from = NULL;
        tcb->yield_to = NULL;
    }
}

void sched_context_complete_yield(struct tcb *tcb)
{
    if (tcb->yield_to != NULL) {
        uint64_t consumed = sched_context_take_consumed(tcb->yield_to);
        tcb->regs[0] = 0;
        message_set(tcb, NULL, 0, consumed);
        message_set_info(tcb, 0, 1);
        sched_context_cancel_yield(tcb);
    }
}

void sched_context_finalise(struct sched_context *sc)
{
    unbind_all(sc);
    if (sc->yield_from != NULL) {
        sched_context_complete_yield(sc->yield_from);
    }
    sched_forget_context(sc);
    sc->refill_max = 0;
    sc->sporadic = false;
}

static enum outcome invoke_bind(const struct call *call, struct sched_context *sc)
{
    if (call_lacks(call, 0, 1)) {
        return refuse(seL4_TruncatedMessage, 0);
    }
    struct cap cap = call->extra[0]->cap;
    if (cap.type == CAP_TCB) {
        struct tcb *tcb = cap_object(cap);
        bool released = refill_configured(sc) && refill_ready(sc, this_cpu()->now);
        if (sc->tcb != NULL || tcb->sc != NULL || (thread_blocked(tcb) && !released)) {
            return refuse(seL4_IllegalOperation, 0);
        }
        sched_context_bind_tcb(sc, tcb);
        return DONE;
    }
    if (cap.type == CAP_NOTIFICATION) {
        struct notification *notification = cap_object(cap);
        if (sc->notification != NULL || notification->sc != NULL) {
            return refuse(seL4_IllegalOperation, 0);
        }
        notification->sc = sc;
        sc->notification = notification;
        return DONE;
    }
    return refuse(seL4_InvalidCapability, 1);
}

static enum outcome invoke_unbind_object(const struct call *call, struct sched_context *sc)
{
    if (call_lacks(call, 0, 1)) {
        return refuse(seL4_TruncatedMessage, 0);
    }
    struct cap cap = call->extra[0]->cap;
    if (cap.type == CAP_TCB) {
        if (sc->tcb != cap_object(cap) || sc->tcb == call->caller) {
            return refuse(seL4_IllegalOperation, 0);
        }
        sched_context_unbind_tcb(sc);
        return DONE;
    }
    if (cap.type == CAP_NOTIFICATION) {
        if (sc->notification != cap_object(cap)) {
            return refuse(seL4_IllegalOperation, 0);
        }
        unbind_notification(sc);
        return DONE;
    }
    return refuse(seL4_InvalidCapability, 1);
}

static enum outcome answer_consumed(const struct call *call, struct sched_context *sc)
{
    uint64_t consumed = sched_context_take_consumed(sc);
    return call_answer(call, &consumed, 1);
}

static enum outcome invoke_yield_to(const struct call *call, struct sched_context *sc)
{
    struct tcb *caller = call->caller;
    struct tcb *tcb = sc->tcb;
    if (tcb == NULL || tcb == caller || tcb->priority > caller->mcp || caller->yield_to != NULL) {
        return refuse(seL4_IllegalOperation, 0);
    }
    if (sc->yield_from != NULL) {
        sched_context_complete_yield(sc->yield_from);
    }
    sched_resume(sc);
    if (!sched_may_run(tcb)) {
        return answer_consumed(call, sc);
    }
    sched_dequeue(tcb);
    if (sc->core != this_cpu()->id || tcb->priority < caller->priority) {
        sched_enqueue_first(tcb);
        return answer_consumed(call, sc);
    }
    caller->yield_to = sc;
    sc->yield_from = caller;
    sched_enqueue_first(caller);
    sched_enqueue_first(tcb);
    sched_reschedule();
    return DONE;
}

enum outcome sched_context_invoke(const struct call *call)
{
    struct sched_context *sc = cap_object(call->cap);
    if (sc->tcb != NULL) {
        cpu_preempt_remote(sc->tcb);
    }
    switch (call->label) {
    case SchedContextConsumed:
        return answer_consumed(call, sc);
    case SchedContextBind:
        return invoke_bind(call, sc);
    case SchedContextUnbindObject:
        return invoke_unbind_object(call, sc);
    case SchedContextUnbind:
        if (sc->tcb == call->caller) {
            return refuse(seL4_IllegalOperation, 0);
        }
        unbind_all(sc);
        return DONE;
    case SchedContextYieldTo:
        return invoke_yield_to(call, sc);
    default:
        return refuse(seL4_IllegalOperation, 0);
    }
}

static void configure(struct sched_context *sc, uint32_t core, uint32_t max, uint64_t budget,
                      uint64_t period)
{
    struct cpu *cpu = this_cpu();
    struct tcb *tcb = sc->tcb;
    if (tcb != NULL) {
        cpu_preempt_remote(tcb);
        sched_dequeue(tcb);
        if (cpu->sc == sc) {
            sched_commit_time();
        }
    }
    if (budget == period) {
        refill_init(sc, 2, budget, 0, cpu->now);
    } else if (core == sc->core && refill_configured(sc) && tcb != NULL && thread_runnable(tcb)) {
        refill_update(sc, max, budget, period, cpu->now);
    } else {
        refill_init(sc, max, budget, period, cpu->now);
    }
    if (core != sc->core) {
        sched_forget_context(sc);
    }
    sc->core = core;
    cpu->reprogram = true;
    if (tcb == NULL) {
        return;
    }
    thread_migrate(tcb, core);
    sched_resume(sc);
    if (tcb == cpu->current) {
        sched_reschedule();
    } else if (core == cpu->id && thread_runnable(tcb)) {
        sched_wake(tcb);
    } else if (sched_may_run(tcb)) {
        sched_enqueue_first(tcb);
    }
}

enum outcome sched_control_invoke(const struct call *call)
{
    if (call->label != SchedControlConfigureFlags) {
        return refuse(seL4_IllegalOperation, 0);
    }
    if (call_lacks(call, 5, 1)) {
        return refuse(seL4_TruncatedMessage, 0);
    }
    uint64_t budget_us = call_word(call, 0);
    uint64_t period_us = call_word(call, 1);
    if (budget_us > REFILL_PERIOD_MAX_US || period_us > REFILL_PERIOD_MAX_US) {
        return refuse_range(REFILL_MIN_US, REFILL_PERIOD_MAX_US);
    }
    uint64_t budget = ticks_from_us(budget_us);
    uint64_t period = ticks_from_us(period_us);
    if (budget < REFILL_MIN || period < REFILL_MIN) {
        return refuse_range(REFILL_MIN_US, REFILL_PERIOD_MAX_US);
    }
    if (budget > period) {
        return refuse_range(REFILL_MIN_US, period_us);
    }
    struct cap cap = call->extra[0]->cap;
    if (cap.type != CAP_SCHED_CONTEXT) {
        return refuse(seL4_InvalidCapability, 1);
    }
    uint64_t extra = call_word(call, 2);
    uint64_t extra_max = refill_capacity(cap.bits) - 2;
    if (extra > extra_max) {
        return refuse_range(0, extra_max);
    }
    struct sched_context *sc = cap_object(cap);
    configure(sc, (uint32_t)call->cap.data, (uint32_t)extra + 2, budget, period);
    sc->badge = call_word(call, 3);
    sc->sporadic = call_word(call, 4) & seL4_SchedContext_Sporadic;
    return DONE;
}
