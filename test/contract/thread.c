// SPDX-License-Identifier: BSD-2-Clause
#include "test/contract/thread.h"

#include "test/contract/contract.h"
#include "test/contract/native.h"

enum { TLS_WORDS = 4, SLICE_US = 10000 };

static struct {
    unsigned char stack[THREAD_STACK_BYTES] __attribute__((aligned(16)));
    uint64_t tls[TLS_WORDS];
    seL4_IPCBuffer *ipc;
    bool taken;
} places[THREAD_MAX];

static void enter(struct thread *thread)
{
    __sel4_ipc_buffer = places[thread->index].ipc;
    thread->entry(thread->argument);
    seL4_TCB_Suspend(thread->tcb);
    native_breakpoint(); /* its CSpace is not ours: ends in a fault */
}

seL4_Error thread_configure_sc(seL4_CPtr sc, unsigned core, seL4_Word budget_us,
                               seL4_Word period_us)
{
    return seL4_SchedControl_ConfigureFlags(contract_bootinfo->schedcontrol.start + core, sc,
                                            budget_us, period_us, 0, 0, seL4_SchedContext_NoFlag);
}

seL4_CPtr thread_new_sc(unsigned core, seL4_Word budget_us, seL4_Word period_us)
{
    seL4_CPtr sc = cap_new(seL4_SchedContextObject, seL4_MinSchedContextBits);
    REQUIRE(thread_configure_sc(sc, core, budget_us, period_us) == seL4_NoError);
    return sc;
}

void thread_make(struct thread *thread, const struct thread_options *options)
{
    unsigned index = 0;
    while (index < THREAD_MAX && places[index].taken) {
        index++;
    }
    REQUIRE(index < THREAD_MAX);
    places[index].taken = true;
    seL4_Word priority = options->priority != 0 ? options->priority : PRIO_HELPER;
    unsigned budget_us = options->budget_us != 0 ? options->budget_us : SLICE_US;
    unsigned period_us = options->period_us != 0 ? options->period_us : budget_us;

    *thread =
        (struct thread){.entry = options->entry, .argument = options->argument, .index = index};
    places[index].ipc = memory_new(seL4_PageBits, &thread->ipc_frame);
    thread->tcb = cap_new(seL4_TCBObject, 0);
    if (!options->no_sc) {
        thread->sc = thread_new_sc(options->core, budget_us, period_us);
    }
    REQUIRE(seL4_TCB_Configure(thread->tcb, seL4_CapInitThreadCNode, 0, seL4_CapInitThreadVSpace, 0,
                               (seL4_Word)places[index].ipc, thread->ipc_frame) == seL4_NoError);
    REQUIRE(seL4_TCB_SetSchedParams(thread->tcb, seL4_CapInitThreadTCB, seL4_MaxPrio, priority,
                                    thread->sc, options->fault) == seL4_NoError);
    seL4_UserContext registers = {
        .pc = (seL4_Word)enter,
        .sp = (seL4_Word)(places[index].stack + THREAD_STACK_BYTES),
        .x0 = (seL4_Word)thread,
        .tpidr_el0 = (seL4_Word)places[index].tls,
    };
    REQUIRE(seL4_TCB_WriteRegisters(thread->tcb, false, 0, sizeof registers / sizeof(seL4_Word),
                                    &registers) == seL4_NoError);
}

void thread_start(struct thread *thread, const struct thread_options *options)
{
    thread_make(thread, options);
    REQUIRE(seL4_TCB_Resume(thread->tcb) == seL4_NoError);
}

void thread_start_passive(struct thread *thread, const struct thread_options *options,
                          seL4_CPtr ready)
{
    thread_start(thread, options);
    REQUIRE(contract_wait_signal(ready, 1000, NULL));
    REQUIRE(seL4_SchedContext_Unbind(thread->sc) == seL4_NoError);
}

void thread_end(struct thread *thread)
{
    REQUIRE(cap_delete(thread->tcb) == seL4_NoError);
    places[thread->index].taken = false;
}

void thread_forget_all(void)
{
    for (unsigned i = 0; i < THREAD_MAX; i++) {
        places[i].taken = false;
    }
}
