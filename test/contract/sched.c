// SPDX-License-Identifier: BSD-2-Clause
/*
 * Scheduling contexts: their rules, budgets and periods, timeouts, donation to passive servers, and
 * the alarm that Bulkhead makes of a scheduling context. With one core, time is exact here (run.sh)
 * and is compared with little slack; with several it is that of a machine which may be busy, and
 * all that can be claimed is that nothing happens too early, and that it happens.
 */
#include <stdatomic.h>

#include "test/contract/contract.h"
#include "test/contract/thread.h"

enum {
    MS = 1000,
    /* A busy machine stops an emulated core in the middle of its budget, and each budget's worth of
     * that costs a period. */
    OVERRUN_MS = 20000,
};

static struct {
    seL4_CPtr endpoint, reply, ready, wake, called;
    _Atomic unsigned count, done;
    seL4_Word badge;
} shared;

static void renew(void)
{
    shared.endpoint = cap_new(seL4_EndpointObject, 0);
    shared.reply = cap_new(seL4_ReplyObject, 0);
    shared.ready = cap_mint(cap_new(seL4_NotificationObject, 0), seL4_AllRights, 1);
    shared.wake = cap_mint(cap_new(seL4_NotificationObject, 0), seL4_AllRights, 1);
    atomic_store(&shared.count, 0);
    atomic_store(&shared.done, 0);
}

/* ---- rules ---- */

static void check_configure(void)
{
    seL4_CPtr control = contract_bootinfo->schedcontrol.start;
    seL4_CPtr sc = cap_new(seL4_SchedContextObject, seL4_MinSchedContextBits);
    seL4_Word extra = seL4_MaxExtraRefills(seL4_MinSchedContextBits);
    contract_error("sc.configure", thread_configure_sc(sc, 0, 5 * MS, 10 * MS), seL4_NoError);
    contract_error("sc.configure.full", thread_configure_sc(sc, 0, 10 * MS, 10 * MS), seL4_NoError);
    contract_error("sc.configure.no_budget", thread_configure_sc(sc, 0, 0, 10 * MS),
                   seL4_RangeError);
    contract_error("sc.configure.budget_1_us", thread_configure_sc(sc, 0, 1, 10 * MS),
                   seL4_RangeError);
    contract_error("sc.configure.budget_above_period", thread_configure_sc(sc, 0, 11 * MS, 10 * MS),
                   seL4_RangeError);
    contract_error("sc.configure.period_for_ever", thread_configure_sc(sc, 0, 10 * MS, ~0ul),
                   seL4_RangeError);
    contract_error("sc.configure.period_1_hour", thread_configure_sc(sc, 0, MS, 3600000000ul),
                   seL4_NoError);
    contract_error("sc.configure.most_refills",
                   seL4_SchedControl_ConfigureFlags(control, sc, MS, 10 * MS, extra, 0, 0),
                   seL4_NoError);
    contract_error("sc.configure.too_many_refills",
                   seL4_SchedControl_ConfigureFlags(control, sc, MS, 10 * MS, extra + 1, 0, 0),
                   seL4_RangeError);
    contract_error("sc.configure.not_a_sc", thread_configure_sc(shared.endpoint, 0, MS, MS),
                   seL4_InvalidCapability);
}

static void count_for_ever(void *argument)
{
    (void)argument;
    for (;;) {
        atomic_fetch_add(&shared.count, 1);
        seL4_Wait(shared.wake, NULL);
    }
}

static void check_binding(void)
{
    struct thread thread;
    seL4_CPtr sc = cap_new(seL4_SchedContextObject, seL4_MinSchedContextBits);
    seL4_CPtr other = thread_new_sc(0, 10 * MS, 10 * MS);
    renew();
    thread_make(&thread, &(struct thread_options){.entry = count_for_ever, .no_sc = true});
    contract_error("sc.bind.not_configured", seL4_SchedContext_Bind(sc, thread.tcb), seL4_NoError);
    contract_error("sc.bind.again", seL4_SchedContext_Bind(sc, thread.tcb), seL4_IllegalOperation);
    contract_error("sc.bind.second_sc", seL4_SchedContext_Bind(other, thread.tcb),
                   seL4_IllegalOperation);
    contract_error("sc.bind.not_a_thread", seL4_SchedContext_Bind(other, shared.endpoint),
                   seL4_InvalidCapability);
    REQUIRE(seL4_TCB_Resume(thread.tcb) == seL4_NoError);
    contract_wait_ms(2);
    contract_number("sc.not_configured.runs", atomic_load(&shared.count), 0);
    contract_error("sc.configure.of_bound", thread_configure_sc(sc, 0, 10 * MS, 10 * MS),
                   seL4_NoError);
    contract_claim("sc.configured.runs", contract_wait_for(&shared.count, 1, 20), "now");
    contract_error("sc.unbind_object", seL4_SchedContext_UnbindObject(sc, thread.tcb),
                   seL4_NoError);
    contract_error("sc.unbind_object.again", seL4_SchedContext_UnbindObject(sc, thread.tcb),
                   seL4_IllegalOperation);
    seL4_Signal(shared.wake);
    contract_wait_ms(2);
    contract_number("sc.unbound.runs", atomic_load(&shared.count), 1);
    contract_error("sc.bind.after_unbind", seL4_SchedContext_Bind(other, thread.tcb), seL4_NoError);
    contract_claim("sc.bind.after_unbind.runs", contract_wait_for(&shared.count, 2, 20), "now");
    REQUIRE(cap_delete(other) == seL4_NoError);
    seL4_Signal(shared.wake);
    contract_wait_ms(2);
    contract_number("sc.deleted.runs", atomic_load(&shared.count), 2);
    contract_error("sc.bind.after_delete", seL4_SchedContext_Bind(sc, thread.tcb), seL4_NoError);
    contract_claim("sc.bind.after_delete.runs", contract_wait_for(&shared.count, 3, 20), "now");
    contract_error("sc.unbind.own", seL4_SchedContext_Unbind(seL4_CapInitThreadSC),
                   seL4_IllegalOperation);
}

/* ---- budgets ---- */

static void spin(void *argument)
{
    (void)argument;
    for (;;) {
        atomic_fetch_add(&shared.count, 1);
    }
}

struct pieces {
    unsigned count;
    uint64_t longest_us, total_us;
};

/* What a spinner of higher priority takes from the main thread, seen by the main thread. */
static struct pieces measure_pieces(seL4_CPtr *sc)
{
    struct thread thread;
    struct pieces p = {.count = 0};
    uint64_t start, before;
    renew();
    thread_start(&thread, &(struct thread_options){.entry = spin,
                                                   .priority = PRIO_HIGH,
                                                   .budget_us = 4 * MS,
                                                   .period_us = 20 * MS});
    start = before = time_now_us();
    while (before < start + 200 * MS) {
        uint64_t now = time_now_us();
        if (now - before > MS) {
            p.count++;
            p.total_us += now - before;
            p.longest_us = now - before > p.longest_us ? now - before : p.longest_us;
        }
        before = now;
    }
    thread_end(&thread);
    *sc = thread.sc;
    return p;
}

static void check_budget(void)
{
    seL4_CPtr sc = seL4_CapNull;
    struct pieces p = measure_pieces(&sc);
    uint64_t consumed_us = seL4_SchedContext_Consumed(sc).consumed;
    bool exact = time_is_exact();
    bool pieces = p.count >= (exact ? 9 : 2) && p.count <= (exact ? 11 : 100);
    bool share = p.total_us > 34 * MS && p.total_us < 46 * MS;
    bool consumed =
        consumed_us > MS &&
        (!exact || (consumed_us + 5 * MS > p.total_us && consumed_us < p.total_us + 5 * MS));
    if (!pieces || (exact && !share) || !consumed) {
        contract_note("%u pieces, %lu us, longest %lu us, consumed %lu us", p.count,
                      (unsigned long)p.total_us, (unsigned long)p.longest_us,
                      (unsigned long)consumed_us);
    }
    contract_claim("sc.budget_exhaust", pieces, "preempted, resumed next period");
    if (exact) {
        contract_claim("sc.budget_exhaust.share", share, "its budget in each period");
    } else {
        contract_skip("sc.budget_exhaust.share", "real time");
    }
    contract_claim("sc.consumed", consumed, "what it took, in us");
    contract_claim("sc.consumed.again", seL4_SchedContext_Consumed(sc).consumed < MS,
                   "since the last time");
}

/* Two spinners and the main thread at one priority; the main thread yields. */
static bool share_equally(void)
{
    struct thread a, b;
    renew();
    thread_start(&a, &(struct thread_options){.entry = spin, .budget_us = 2 * MS});
    thread_start(&b, &(struct thread_options){.entry = spin, .budget_us = 2 * MS});
    uint64_t until = time_now_us() + 40 * MS;
    REQUIRE(seL4_TCB_SetPriority(seL4_CapInitThreadTCB, seL4_CapInitThreadTCB, PRIO_HELPER) == 0);
    while (time_now_us() < until) {
        seL4_Yield();
    }
    REQUIRE(seL4_TCB_SetPriority(seL4_CapInitThreadTCB, seL4_CapInitThreadTCB, PRIO_MAIN) == 0);
    thread_end(&a);
    thread_end(&b);
    uint64_t x = seL4_SchedContext_Consumed(a.sc).consumed;
    uint64_t y = seL4_SchedContext_Consumed(b.sc).consumed;
    return x > 10 * MS && y > 10 * MS && x < y + 3 * MS && y < x + 3 * MS;
}

static void check_round_robin(void)
{
    if (time_is_exact()) {
        contract_claim("sc.round_robin", share_equally(), "equal shares");
    } else {
        contract_skip("sc.round_robin", "real time");
    }
}

static void timeout_fault(struct message *m, struct thread *thread)
{
    renew();
    thread_make(thread, &(struct thread_options){.entry = spin});
    seL4_CPtr handler = cap_mint(shared.endpoint, seL4_AllRights, 0x77);
    REQUIRE(seL4_TCB_SetTimeoutEndpoint(thread->tcb, handler) == seL4_NoError);
    REQUIRE(seL4_SchedControl_ConfigureFlags(contract_bootinfo->schedcontrol.start, thread->sc,
                                             2 * MS, 50 * MS, 0, 0x5a, 0) == seL4_NoError);
    REQUIRE(seL4_TCB_Resume(thread->tcb) == seL4_NoError);
    contract_receive(shared.endpoint, shared.reply, m, 100);
}

static void check_timeout_fault(void)
{
    struct thread thread;
    struct message m;
    timeout_fault(&m, &thread);
    contract_number("timeout_fault.label", m.label, seL4_Fault_Timeout);
    contract_number("timeout_fault.badge", m.badge, 0x77);
    contract_number("timeout_fault.length", m.length, seL4_Timeout_Length);
    contract_number("timeout_fault.data", m.words[seL4_Timeout_Data], 0x5a);
    contract_time("timeout_fault.consumed", m.words[seL4_Timeout_Consumed], 2 * MS, "the budget");
    unsigned before = atomic_load(&shared.count);
    seL4_Send(shared.reply, seL4_MessageInfo_new(0, 0, 0, 0));
    contract_claim("timeout_fault.reply", contract_wait_for(&shared.count, before + 1, OVERRUN_MS),
                   "runs on when its budget is back");
    thread_end(&thread);
}

/* ---- donation ---- */

/* Answers; with label 1 spins for the milliseconds of word 0 first, with label 2 waits for `wake`.
 */
static void passive_server(void *argument)
{
    (void)argument;
    seL4_Word badge;
    seL4_MessageInfo_t info = seL4_NBSendRecv(shared.ready, seL4_MessageInfo_new(0, 0, 0, 0),
                                              shared.endpoint, &badge, shared.reply);
    for (;;) {
        shared.badge = badge;
        if (seL4_MessageInfo_get_label(info) == 1) {
            for (volatile unsigned long i = seL4_GetMR(0) * 100000; i != 0; i--) {
            }
        } else if (seL4_MessageInfo_get_label(info) == 2) {
            seL4_Wait(shared.wake, NULL);
        }
        info =
            seL4_ReplyRecv(shared.endpoint, seL4_MessageInfo_new(0, 0, 0, 0), &badge, shared.reply);
    }
}

static void call_label(void *argument)
{
    seL4_SetMR(0, 5);
    seL4_Call(shared.called, seL4_MessageInfo_new((seL4_Word)argument, 0, 0, 1));
    atomic_fetch_add(&shared.count, 1);
}

static void work_a_while(void *argument)
{
    (void)argument;
    for (volatile unsigned i = 0; i < 100000; i++) {
    }
    atomic_fetch_add(&shared.done, 1);
}

static void check_passive(void)
{
    struct thread server, client, low;
    renew();
    thread_start_passive(&server, &(struct thread_options){.entry = passive_server}, shared.ready);
    shared.called = cap_mint(shared.endpoint, seL4_AllRights, 6);
    thread_start(&client, &(struct thread_options){
                              .entry = call_label, .argument = (void *)1, .budget_us = 100 * MS});
    contract_claim("passive.call", contract_wait_for(&shared.count, 1, 200), "answered");
    contract_number("passive.call.badge", shared.badge, 6);
    contract_claim("passive.charged", seL4_SchedContext_Consumed(client.sc).consumed > MS,
                   "to the client");

    thread_start(&client, &(struct thread_options){.entry = call_label, .argument = (void *)2});
    contract_wait_ms(2);
    contract_number("passive.waits.client", atomic_load(&shared.count), 1);
    contract_error("passive.waits.sc_bound_to_server",
                   seL4_SchedContext_UnbindObject(client.sc, client.tcb), seL4_IllegalOperation);
    thread_start(&low, &(struct thread_options){.entry = work_a_while, .priority = PRIO_LOW});
    REQUIRE(seL4_TCB_SetPriority(low.tcb, seL4_CapInitThreadTCB, PRIO_WAIT) == 0);
    contract_claim("passive.waits.lower_priority", contract_wait_for(&shared.done, 1, 200), "runs");
    seL4_Signal(shared.wake);
    contract_claim("passive.waits.goes_on", contract_wait_for(&shared.count, 2, 200), "answered");
    contract_error("passive.returned", seL4_SchedContext_UnbindObject(client.sc, client.tcb),
                   seL4_NoError);
}

static void check_passive_budget(void)
{
    struct thread server, client;
    renew();
    thread_start_passive(&server, &(struct thread_options){.entry = passive_server}, shared.ready);
    shared.called = cap_mint(shared.endpoint, seL4_AllRights, 6);
    thread_start(&client, &(struct thread_options){.entry = call_label,
                                                   .argument = (void *)1,
                                                   .budget_us = MS,
                                                   .period_us = 10 * MS});
    contract_claim("passive.budget_exhaust", contract_wait_for(&shared.count, 1, OVERRUN_MS),
                   "server goes on in the client's next periods");
}

/* What is left of a server whose client, or its scheduling context, ends while it works for it. */
static void check_passive_loss(void)
{
    struct thread server, client;
    renew();
    thread_start_passive(&server, &(struct thread_options){.entry = passive_server}, shared.ready);
    shared.called = cap_mint(shared.endpoint, seL4_AllRights, 6);
    thread_start(&client, &(struct thread_options){.entry = call_label, .argument = (void *)2});
    contract_wait_ms(2);
    REQUIRE(cap_delete(client.tcb) == seL4_NoError);
    seL4_CPtr other = thread_new_sc(0, 10 * MS, 10 * MS);
    contract_error("passive.client_deleted.server_keeps_sc",
                   seL4_SchedContext_Bind(other, server.tcb), seL4_IllegalOperation);
    REQUIRE(cap_delete(client.sc) == seL4_NoError);
    contract_error("passive.sc_deleted.server_has_none", seL4_SchedContext_Bind(other, server.tcb),
                   seL4_NoError);
    seL4_Signal(shared.wake);
    contract_wait_ms(2);
    contract_error("passive.revived.unbind", seL4_SchedContext_Unbind(other), seL4_NoError);
    thread_start(&client, &(struct thread_options){.entry = call_label, .argument = (void *)0});
    contract_claim("passive.revived.call", contract_wait_for(&shared.count, 1, 50), "answered");
}

static void notified(void *argument)
{
    (void)argument;
    seL4_NBSendWait(shared.ready, seL4_MessageInfo_new(0, 0, 0, 0), shared.wake, NULL);
    for (;;) {
        atomic_fetch_add(&shared.count, 1);
        seL4_Wait(shared.wake, NULL);
    }
}

static void check_notification_sc(void)
{
    struct thread thread;
    renew();
    seL4_CPtr wake = shared.wake, sc = thread_new_sc(0, 10 * MS, 10 * MS);
    thread_start_passive(&thread, &(struct thread_options){.entry = notified}, shared.ready);
    seL4_Signal(wake);
    contract_wait_ms(2);
    contract_number("sc.notification.none.runs", atomic_load(&shared.count), 0);
    contract_error("sc.notification.bind", seL4_SchedContext_Bind(sc, wake), seL4_NoError);
    contract_error("sc.notification.bind_again",
                   seL4_SchedContext_Bind(thread_new_sc(0, MS, MS), wake), seL4_IllegalOperation);
    REQUIRE(seL4_SchedContext_Bind(thread.sc, thread.tcb) == seL4_NoError);
    contract_wait_for(&shared.count, 1, 20);
    REQUIRE(seL4_SchedContext_UnbindObject(thread.sc, thread.tcb) == seL4_NoError);
    seL4_Signal(wake);
    contract_claim("sc.notification.lends", contract_wait_for(&shared.count, 2, 20), "runs on it");
    seL4_Signal(wake);
    contract_claim("sc.notification.lends_again", contract_wait_for(&shared.count, 3, 20),
                   "runs on it");
}

void sched_run(void)
{
    renew();
    check_configure();
    check_binding();
    check_budget();
    check_round_robin();
    check_timeout_fault();
    check_passive();
    check_passive_budget();
    check_passive_loss();
    check_notification_sc();
}
