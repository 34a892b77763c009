// SPDX-License-Identifier: BSD-2-Clause

/* Plays "Threads and Execution" of the seL4 manual: thread states, suspend, resume, IPC buffers. */

#include "standin/thread.h"
#include "standin/fpu.h"
#include "standin/ipc.h"
#include "standin/sched_context.h"
#include "standin/vcpu.h"

void thread_activate(struct tcb *tcb)
{
    if (tcb->yield_to != NULL) {
        sched_context_complete_yield(tcb);
    }
    if (tcb->state == THREAD_RESTART) {
        tcb->regs[REG_PC] = tcb->regs[REG_FAULT_PC];
        tcb->state = THREAD_RUNNING;
    }
}

void thread_cancel_wait(struct tcb *tcb)
{
    tcb->fault.type = seL4_Fault_NullFault;
    switch (tcb->state) {
    case THREAD_SENDING:
    case THREAD_RECEIVING:
        endpoint_cancel(tcb);
        break;
    case THREAD_WAITING:
        notification_cancel(tcb);
        break;
    case THREAD_AWAITING_REPLY:
        reply_cancel(tcb);
        break;
    default:
        break;
    }
}

void thread_suspend(struct tcb *tcb)
{
    thread_cancel_wait(tcb);
    if (tcb->state == THREAD_RUNNING) {
        tcb->regs[REG_FAULT_PC] = tcb->regs[REG_PC];
    }
    sched_dequeue(tcb);
    sched_context_cancel_yield(tcb);
    tcb->state = THREAD_INACTIVE;
}

void thread_resume(struct tcb *tcb)
{
    if (thread_runnable(tcb)) {
        return;
    }
    thread_cancel_wait(tcb);
    tcb->state = THREAD_RESTART;
    sched_unblock(tcb->sc);
    sched_resume(tcb->sc);
    if (sched_may_run(tcb)) {
        sched_wake(tcb);
    }
}

void thread_set_priority(struct tcb *tcb, uint8_t priority)
{
    bool runs = tcb == cpus[tcb->core].current;
    if (thread_runnable(tcb) && (tcb->queued || runs || tcb == this_cpu()->candidate)) {
        bool sleeps = tcb->sleeping;
        if (!sleeps) {
            sched_dequeue(tcb);
        }
        tcb->priority = priority;
        sched_enqueue_first(tcb);
        sched_reschedule();
        return;
    }
    tcb->priority = priority;
    if (tcb->state == THREAD_SENDING || tcb->state == THREAD_RECEIVING) {
        endpoint_reorder(tcb);
    } else if (tcb->state == THREAD_WAITING) {
        notification_reorder(tcb);
    }
}

void thread_migrate(struct tcb *tcb, uint32_t core)
{
    if (tcb->core == core) {
        return;
    }
    fpu_release(tcb);
    if (tcb->vcpu != NULL) {
        vcpu_flush(tcb->vcpu);
    }
    tcb->core = core;
}

uint64_t thread_sanitise_pstate(const struct tcb *tcb, uint64_t pstate)
{
    uint64_t mode = pstate & PSTATE_MODE;
    if (tcb->vcpu != NULL && (mode == MODE_EL0T || mode == MODE_EL1T || mode == MODE_EL1H)) {
        return pstate;
    }
    return (pstate & PSTATE_FLAGS) | PSTATE_USER;
}

seL4_IPCBuffer *thread_buffer(const struct tcb *tcb, bool writable)
{
    struct cap cap = tcb->slots[TCB_BUFFER].cap;
    uint8_t needed = writable ? RIGHT_READ | RIGHT_WRITE : RIGHT_READ;
    if (cap.type != CAP_FRAME || (cap.flags & CAP_DEVICE) || (cap.rights & needed) != needed) {
        return NULL;
    }
    return (seL4_IPCBuffer *)(cap_address(cap) + (tcb->ipc_buffer & MASK(cap.bits)));
}

void thread_finalise(struct tcb *tcb)
{
    cpu_preempt_remote(tcb);
    if (tcb->bound != NULL) {
        notification_unbind(tcb->bound);
    }
    if (tcb->sc != NULL) {
        struct sched_context *sc = tcb->sc;
        sched_context_unbind_tcb(sc);
        if (sc->yield_from != NULL) {
            sched_context_complete_yield(sc->yield_from);
        }
    }
    thread_suspend(tcb);
    if (tcb->vcpu != NULL) {
        vcpu_detach(tcb->vcpu);
    }
    fpu_release(tcb);
    for (uint32_t i = 0; i < CPUS; i++) {
        if (cpus[i].current == tcb) {
            cpus[i].current = NULL;
            cpus[i].reschedule = true;
        }
    }
}
