// SPDX-License-Identifier: BSD-2-Clause

/*
 * Plays "Threads and Execution" of the seL4 manual: priorities, ready queues, budgets and the
 * release queue. Every core has its own queues; a thread is in those of its scheduling context's
 * core.
 */

#include "standin/sched.h"
#include "standin/fault.h"
#include "standin/fpu.h"
#include "standin/inject.h"
#include "standin/thread.h"
#include "standin/vcpu.h"
#include "standin/vspace.h"

bool sched_may_run(const struct tcb *tcb)
{
    return (tcb->state == THREAD_RUNNING || tcb->state == THREAD_RESTART) && tcb->sc != NULL &&
           refill_configured(tcb->sc) && !tcb->sleeping;
}

/* A core whose queues changed must know, if it is another one and would decide differently. */
static void tell_core(const struct tcb *tcb)
{
    struct cpu *cpu = &cpus[tcb->core];
    if (tcb->core != this_cpu()->id &&
        (cpu->current == NULL || tcb->priority > cpu->current->priority || cpu->reprogram)) {
        this_cpu()->ipi_mask |= (uint32_t)BIT(tcb->core);
    }
}

static void enqueue(struct tcb *tcb, bool first)
{
    if (tcb->queued || !sched_may_run(tcb)) {
        return;
    }
    struct cpu *cpu = &cpus[tcb->core];
    struct tcb *head = cpu->ready[tcb->priority].head;
    struct tcb *tail = cpu->ready[tcb->priority].tail;
    tcb->previous = first ? NULL : tail;
    tcb->next = first ? head : NULL;
    if (head == NULL) {
        cpu->ready[tcb->priority].head = tcb;
        cpu->ready[tcb->priority].tail = tcb;
    } else if (first) {
        head->previous = tcb;
        cpu->ready[tcb->priority].head = tcb;
    } else {
        tail->next = tcb;
        cpu->ready[tcb->priority].tail = tcb;
    }
    cpu->ready_map[tcb->priority / 64] |= BIT(tcb->priority % 64);
    tcb->queued = true;
    tell_core(tcb);
}

void sched_enqueue_first(struct tcb *tcb)
{
    enqueue(tcb, true);
}

void sched_enqueue_last(struct tcb *tcb)
{
    enqueue(tcb, false);
}

static void unlink_ready(struct tcb *tcb)
{
    struct cpu *cpu = &cpus[tcb->core];
    if (tcb->previous != NULL) {
        tcb->previous->next = tcb->next;
    } else {
        cpu->ready[tcb->priority].head = tcb->next;
    }
    if (tcb->next != NULL) {
        tcb->next->previous = tcb->previous;
    } else {
        cpu->ready[tcb->priority].tail = tcb->previous;
    }
    if (cpu->ready[tcb->priority].head == NULL) {
        cpu->ready_map[tcb->priority / 64] &= ~BIT(tcb->priority % 64);
    }
    tcb->queued = false;
}

static void unlink_release(struct tcb *tcb)
{
    struct cpu *cpu = &cpus[tcb->core];
    if (tcb->previous != NULL) {
        tcb->previous->next = tcb->next;
    } else {
        cpu->release = tcb->next;
        cpu->reprogram = true;
    }
    if (tcb->next != NULL) {
        tcb->next->previous = tcb->previous;
    }
    tcb->sleeping = false;
}

void sched_dequeue(struct tcb *tcb)
{
    if (tcb->queued) {
        unlink_ready(tcb);
    }
    if (tcb->sleeping) {
        unlink_release(tcb);
    }
    struct cpu *cpu = &cpus[tcb->core];
    if (cpu->candidate == tcb) {
        cpu->candidate = NULL;
        cpu->reschedule = true;
    }
}

void sched_postpone(struct sched_context *sc)
{
    struct tcb *tcb = sc->tcb;
    struct cpu *cpu = &cpus[tcb->core];
    sched_dequeue(tcb);
    struct tcb *before = NULL;
    struct tcb *after = cpu->release;
    while (after != NULL && refill_head(after->sc)->time <= refill_head(sc)->time) {
        before = after;
        after = after->next;
    }
    tcb->previous = before;
    tcb->next = after;
    if (after != NULL) {
        after->previous = tcb;
    }
    if (before != NULL) {
        before->next = tcb;
    } else {
        cpu->release = tcb;
    }
    tcb->sleeping = true;
    cpu->reprogram = true;
    tell_core(tcb);
}

void sched_reschedule(void)
{
    struct cpu *cpu = this_cpu();
    struct tcb *candidate = cpu->candidate;
    cpu->candidate = NULL;
    cpu->reschedule = true;
    if (candidate != NULL) {
        sched_enqueue_first(candidate);
    }
}

void sched_wake(struct tcb *tcb)
{
    struct cpu *cpu = this_cpu();
    if (tcb->sc == NULL || tcb->sleeping || tcb == cpu->candidate) {
        return;
    }
    if (tcb->core != cpu->id) {
        sched_enqueue_first(tcb);
    } else if (cpu->reschedule || cpu->candidate != NULL) {
        sched_reschedule();
        sched_enqueue_first(tcb);
    } else {
        cpu->candidate = tcb;
    }
}

void sched_unblock(struct sched_context *sc)
{
    struct cpu *cpu = this_cpu();
    if (sc != NULL && sc->sporadic && refill_configured(sc) && sc != cpu->sc) {
        refill_unblock(sc, cpu->now);
        cpu->reprogram = true;
    }
}

void sched_resume(struct sched_context *sc)
{
    uint64_t now = this_cpu()->now;
    if (sc != NULL && sc->tcb != NULL && sched_may_run(sc->tcb) &&
        !(refill_ready(sc, now) && refill_sufficient(sc, 0))) {
        sched_postpone(sc);
    }
}

void sched_update_time(void)
{
    struct cpu *cpu = this_cpu();
    uint64_t now = timer_now();
    cpu->consumed += now - cpu->now;
    cpu->now = now;
}

/* The current context has used its refill. Its thread goes behind its peers or to sleep. */
static void end_slice(uint64_t usage, bool may_fault)
{
    struct cpu *cpu = this_cpu();
    struct sched_context *sc = cpu->sc;
    if (refill_round_robin(sc)) {
        refill_renew_slice(sc);
    } else {
        refill_charge(sc, usage);
    }
    sc->consumed += usage;
    cpu->consumed = 0;
    cpu->reprogram = true;
    struct tcb *tcb = sc->tcb;
    if (tcb == NULL || tcb->core != cpu->id || !sched_may_run(tcb)) {
        return;
    }
    if (may_fault && !refill_round_robin(sc) && tcb->slots[TCB_TIMEOUT].cap.type == CAP_ENDPOINT) {
        fault_send_timeout(tcb, sc->badge);
    } else if (refill_ready(sc, cpu->now) && refill_sufficient(sc, 0)) {
        if (tcb->queued) {
            unlink_ready(tcb);
        }
        sched_enqueue_last(tcb);
    } else {
        sched_postpone(sc);
    }
    sched_reschedule();
}

bool sched_check_budget(void)
{
    struct cpu *cpu = this_cpu();
    struct sched_context *sc = cpu->sc;
    if (sc == NULL || !refill_configured(sc)) {
        cpu->consumed = 0;
        return true;
    }
    if (!refill_round_robin(sc) && inject_budget_ends()) {
        cpu->consumed = refill_head(sc)->amount;
    }
    if (refill_sufficient(sc, cpu->consumed)) {
        return true;
    }
    end_slice(cpu->consumed, true);
    return false;
}

void sched_commit_time(void)
{
    struct cpu *cpu = this_cpu();
    struct sched_context *sc = cpu->sc;
    if (sc != NULL && refill_configured(sc) && cpu->consumed > 0) {
        refill_charge(sc, cpu->consumed);
        sc->consumed += cpu->consumed;
    }
    cpu->consumed = 0;
}

void sched_yield(void)
{
    struct cpu *cpu = this_cpu();
    struct sched_context *sc = cpu->sc;
    if (sc == NULL) {
        return;
    }
    /* The whole refill is given up, but only what was used counts as consumed. */
    uint64_t consumed = sc->consumed + cpu->consumed;
    end_slice(refill_head(sc)->amount, false);
    sc->consumed = consumed;
}

void sched_forget_context(const struct sched_context *sc)
{
    for (uint32_t i = 0; i < CPUS; i++) {
        if (cpus[i].sc == sc) {
            cpus[i].sc = NULL;
            cpus[i].consumed = 0;
            cpus[i].reprogram = true;
        }
    }
}

/* Takes the best thread from the queues; null if there is none. */
static struct tcb *choose(struct cpu *cpu)
{
    for (int i = PRIORITIES / 64 - 1; i >= 0; i--) {
        while (cpu->ready_map[i] != 0) {
            unsigned priority = (unsigned)(i * 64 + 63 - __builtin_clzll(cpu->ready_map[i]));
            struct tcb *tcb = cpu->ready[priority].head;
            unlink_ready(tcb);
            if (refill_ready(tcb->sc, cpu->now) && refill_sufficient(tcb->sc, 0)) {
                return tcb;
            }
            sched_postpone(tcb->sc);
        }
    }
    return NULL;
}

static void choose_next(struct cpu *cpu)
{
    struct tcb *old = cpu->current;
    bool old_may_run = old != NULL && sched_may_run(old);
    if (old_may_run) {
        /* Into the queue of its core: it may have moved itself to another one. */
        sched_enqueue_first(old);
    }
    struct tcb *candidate = cpu->candidate;
    cpu->candidate = NULL;
    if (candidate != NULL && old_may_run && candidate->priority == old->priority) {
        sched_enqueue_last(candidate);
    } else if (candidate != NULL) {
        sched_enqueue_first(candidate);
    }
    cpu->current = choose(cpu);
    vcpu_switch(cpu->current != NULL ? cpu->current->vcpu : NULL);
    vspace_switch(cpu->current);
    if (cpu->current != NULL) {
        fpu_switch(cpu->current);
    }
}

/* Charges the old context and sets the timer for the end of the new one's refill. */
static void switch_context(struct cpu *cpu)
{
    struct sched_context *sc = cpu->current != NULL ? cpu->current->sc : NULL;
    if (cpu->sc != sc) {
        cpu->reprogram = true;
        if (sc != NULL && !sc->sporadic) {
            refill_unblock(sc, cpu->now);
        }
    }
    if (!cpu->reprogram) {
        return;
    }
    sched_commit_time();
    cpu->sc = sc;
    cpu->reprogram = false;
    uint64_t deadline = sc != NULL ? cpu->now + refill_head(sc)->amount : UINT64_MAX;
    if (cpu->release != NULL && refill_head(cpu->release->sc)->time < deadline) {
        deadline = refill_head(cpu->release->sc)->time;
    }
    uint64_t late = inject_next_event();
    write_reg(cnthp_cval_el2, late < deadline ? late : deadline);
    isb();
}

void sched_run(void)
{
    struct cpu *cpu = this_cpu();
    while (cpu->release != NULL && refill_ready(cpu->release->sc, cpu->now)) {
        struct tcb *tcb = cpu->release;
        unlink_release(tcb);
        sched_wake(tcb);
    }
    struct tcb *current = cpu->current;
    if (cpu->reschedule || cpu->candidate != NULL || current == NULL || current->queued ||
        current->core != cpu->id || !sched_may_run(current)) {
        choose_next(cpu);
    }
    cpu->reschedule = false;
    cpu_send_pending();
    switch_context(cpu);
    if (cpu->current != NULL) {
        thread_activate(cpu->current);
    }
}
