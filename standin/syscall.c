// SPDX-License-Identifier: BSD-2-Clause

/* Plays "Kernel Services and Objects" of the seL4 manual: the system calls, on any kind of
 * capability. */

#include "standin/syscall.h"
#include "standin/fault.h"
#include "standin/inject.h"
#include "standin/ipc.h"
#include "standin/thread.h"

uint64_t call_word(const struct call *call, unsigned i)
{
    return i < seL4_FastMessageRegisters ? call->caller->regs[2 + i] : call->buffer->msg[i];
}

enum outcome call_answer(const struct call *call, const uint64_t *words, unsigned count)
{
    if (call->wants_reply) {
        struct tcb *tcb = call->caller;
        seL4_IPCBuffer *buffer = thread_buffer(tcb, true);
        unsigned length = 0;
        for (unsigned i = 0; i < count; i++) {
            length = message_set(tcb, buffer, i, words[i]);
        }
        tcb->regs[0] = 0;
        message_set_info(tcb, 0, length);
    }
    return ANSWERED;
}

static void answer_refusal(struct tcb *tcb)
{
    const struct refusal *refusal = &this_cpu()->refusal;
    seL4_IPCBuffer *buffer = thread_buffer(tcb, true);
    unsigned length = 0;
    switch (refusal->error) {
    case seL4_RangeError:
        message_set(tcb, buffer, 0, refusal->word[0]);
        length = message_set(tcb, buffer, 1, refusal->word[1]);
        break;
    case seL4_FailedLookup:
        message_set(tcb, buffer, 0, refusal->word[0]);
        length = message_set_lookup(tcb, buffer, 1, &this_cpu()->lookup);
        break;
    case seL4_InvalidArgument:
    case seL4_InvalidCapability:
    case seL4_NotEnoughMemory:
        length = message_set(tcb, buffer, 0, refusal->word[0]);
        break;
    default:
        break;
    }
    tcb->regs[0] = 0;
    message_set_info(tcb, (uint64_t)refusal->error, length);
}

static enum outcome send_message(const struct call *call)
{
    if (!(call->cap.rights & RIGHT_WRITE)) {
        return refuse(seL4_InvalidCapability, 0);
    }
    if (call->cap.type == CAP_NOTIFICATION) {
        notification_signal(cap_object(call->cap), call->cap.data);
        return DONE;
    }
    endpoint_send(cap_object(call->cap), call->caller,
                  (struct send){.badge = call->cap.data,
                                .rights = call->cap.rights,
                                .blocks = call->blocks,
                                .is_call = call->wants_reply,
                                .donates = call->donates});
    return ANSWERED;
}

static enum outcome invoke(const struct call *call)
{
    switch (call->cap.type) {
    case CAP_ENDPOINT:
    case CAP_NOTIFICATION:
        return send_message(call);
    case CAP_REPLY:
        reply_send(cap_object(call->cap), call->caller, call->cap.rights & RIGHT_GRANT);
        return DONE;
    case CAP_TCB:
        return call->first_phase ? refuse(seL4_InvalidCapability, 0) : tcb_invoke(call);
    case CAP_CNODE:
        return call->first_phase ? refuse(seL4_InvalidCapability, 0) : cnode_invoke(call);
    case CAP_SCHED_CONTROL:
        return call->first_phase ? refuse(seL4_InvalidCapability, 0) : sched_control_invoke(call);
    case CAP_SCHED_CONTEXT:
        return call->first_phase ? refuse(seL4_InvalidCapability, 0) : sched_context_invoke(call);
    case CAP_UNTYPED:
        return untyped_invoke(call);
    case CAP_IRQ_CONTROL:
        return irq_control_invoke(call);
    case CAP_IRQ_HANDLER:
        return irq_handler_invoke(call);
    case CAP_FRAME:
        return frame_invoke(call);
    case CAP_PAGE_TABLE:
        return page_table_invoke(call);
    case CAP_VSPACE:
        return vspace_invoke(call);
    case CAP_ASID_CONTROL:
        return asid_control_invoke(call);
    case CAP_ASID_POOL:
        return asid_pool_invoke(call);
    case CAP_VCPU:
        return vcpu_invoke(call);
    default:
        return refuse(seL4_InvalidCapability, 0);
    }
}

enum send_flags { SEND_CALLS = 1, SEND_BLOCKS = 2, SEND_DONATES = 4, SEND_FIRST = 8 };

/* The send half of a system call. False: it is to be made again. */
static bool do_send(struct tcb *tcb, uint64_t cptr, unsigned flags)
{
    seL4_MessageInfo_t info = {{tcb->regs[1]}};
    uint64_t length = seL4_MessageInfo_get_length(info);
    struct call call = {.caller = tcb,
                        .slot = cspace_lookup(tcb, cptr),
                        .label = seL4_MessageInfo_get_label(info),
                        .length = length < seL4_MsgMaxLength ? length : seL4_MsgMaxLength,
                        .buffer = thread_buffer(tcb, false),
                        .wants_reply = flags & SEND_CALLS,
                        .blocks = flags & SEND_BLOCKS,
                        .donates = flags & SEND_DONATES,
                        .first_phase = flags & SEND_FIRST};
    if (call.slot == NULL || !message_find_caps(tcb, call.buffer, call.extra, &cptr)) {
        if (call.blocks) {
            fault_send_cap(tcb, cptr, false);
        }
        return true;
    }
    if (call.buffer == NULL && call.length > seL4_FastMessageRegisters) {
        call.length = seL4_FastMessageRegisters;
    }
    call.cap = call.slot->cap;
    /* Whatever stops the thread in the middle of its call makes it do the call again. */
    tcb->state = THREAD_RESTART;
    enum outcome outcome = invoke(&call);
    inject_trace(&call, outcome);
    if (tcb->state != THREAD_RESTART) {
        return true;
    }
    if (outcome == AGAIN) {
        return false;
    }
    tcb->state = THREAD_RUNNING;
    if (call.wants_reply && outcome == REFUSED) {
        answer_refusal(tcb);
    } else if (call.wants_reply && outcome == DONE) {
        tcb->regs[0] = 0;
        message_set_info(tcb, 0, 0);
    }
    return true;
}

static void missing_cap(struct tcb *tcb, uint64_t cptr)
{
    lookup_failed(seL4_MissingCapability, 0, 0, 0);
    fault_send_cap(tcb, cptr, true);
}

/* The receive half of a system call. */
static void do_receive(struct tcb *tcb, bool blocks, bool takes_reply)
{
    uint64_t cptr = tcb->regs[0];
    const struct slot *slot = cspace_lookup(tcb, cptr);
    if (slot == NULL) {
        fault_send_cap(tcb, cptr, true);
        return;
    }
    struct cap cap = slot->cap;
    if (cap.type == CAP_NOTIFICATION && (cap.rights & RIGHT_READ)) {
        struct notification *notification = cap_object(cap);
        if (notification->bound == NULL || notification->bound == tcb) {
            notification_wait(notification, tcb, blocks);
            return;
        }
    }
    if (cap.type != CAP_ENDPOINT || !(cap.rights & RIGHT_READ)) {
        missing_cap(tcb, cptr);
        return;
    }
    struct reply *reply = NULL;
    if (takes_reply) {
        const struct slot *reply_slot = cspace_lookup(tcb, tcb->regs[6]);
        if (reply_slot == NULL) {
            fault_send_cap(tcb, tcb->regs[6], true);
            return;
        }
        if (reply_slot->cap.type != CAP_REPLY) {
            missing_cap(tcb, tcb->regs[6]);
            return;
        }
        reply = cap_object(reply_slot->cap);
    }
    endpoint_receive(cap_object(cap), tcb, reply, blocks);
}

void syscall_handle(struct tcb *tcb)
{
    const uint64_t *regs = tcb->regs;
    const unsigned combined = SEND_DONATES | SEND_FIRST;
    switch ((int64_t)regs[7]) {
    case seL4_SysCall:
        do_send(tcb, regs[0], SEND_CALLS | SEND_BLOCKS | SEND_DONATES);
        break;
    case seL4_SysSend:
        do_send(tcb, regs[0], SEND_BLOCKS);
        break;
    case seL4_SysNBSend:
        do_send(tcb, regs[0], 0);
        break;
    case seL4_SysRecv:
        do_receive(tcb, true, true);
        break;
    case seL4_SysNBRecv:
        do_receive(tcb, false, true);
        break;
    case seL4_SysWait:
        do_receive(tcb, true, false);
        break;
    case seL4_SysNBWait:
        do_receive(tcb, false, false);
        break;
    case seL4_SysReplyRecv:
        if (do_send(tcb, regs[6], combined)) {
            do_receive(tcb, true, true);
        }
        break;
    case seL4_SysNBSendRecv:
        if (do_send(tcb, regs[8], combined)) {
            do_receive(tcb, true, true);
        }
        break;
    case seL4_SysNBSendWait:
        if (do_send(tcb, regs[6], combined)) {
            do_receive(tcb, true, false);
        }
        break;
    case seL4_SysYield:
        sched_yield();
        break;
    default:
        fault_send(tcb, (struct fault){seL4_Fault_UnknownSyscall, {regs[7]}});
        break;
    }
}
