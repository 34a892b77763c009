// SPDX-License-Identifier: BSD-2-Clause

/* Plays ReadRegisters, WriteRegisters and CopyRegisters of the TCB, API reference of the seL4
 * manual. */

#include "standin/fault.h"
#include "standin/tcb.h"
#include "standin/thread.h"

/* Flags of CopyRegisters, and how many registers are its "frame". */
#define COPY_SUSPENDS_SOURCE 1u
#define COPY_RESUMES_TARGET  2u
#define COPY_FRAME           4u
#define COPY_INTEGER         8u
#define FRAME_COUNT          17u

enum outcome tcb_read_registers(const struct call *call, struct tcb *tcb)
{
    if (call->length < 2) {
        return refuse(seL4_TruncatedMessage, 0);
    }
    bool suspend = call_word(call, 0) & 1;
    uint64_t count = call_word(call, 1);
    if (count < 1 || count > FAULT_CONTEXT_COUNT) {
        return refuse_range(1, FAULT_CONTEXT_COUNT);
    }
    if (tcb == call->caller) {
        return refuse(seL4_IllegalOperation, 0);
    }
    if (suspend) {
        thread_suspend(tcb);
    }
    uint64_t words[FAULT_CONTEXT_COUNT];
    for (unsigned i = 0; i < count; i++) {
        words[i] = tcb->regs[fault_context[i]];
    }
    return call_answer(call, words, (unsigned)count);
}

enum outcome tcb_write_registers(const struct call *call, struct tcb *tcb)
{
    if (call->length < 2) {
        return refuse(seL4_TruncatedMessage, 0);
    }
    bool resume = call_word(call, 0) & 1;
    uint64_t count = call_word(call, 1);
    if (call->length - 2 < count) {
        return refuse(seL4_TruncatedMessage, 0);
    }
    if (tcb == call->caller) {
        return refuse(seL4_IllegalOperation, 0);
    }
    for (unsigned i = 0; i < count && i < FAULT_CONTEXT_COUNT; i++) {
        uint64_t word = call_word(call, i + 2);
        if (fault_context[i] == REG_SPSR) {
            word = thread_sanitise_pstate(tcb, word);
        }
        tcb->regs[fault_context[i]] = word;
    }
    tcb->regs[REG_PC] = tcb->regs[REG_FAULT_PC];
    if (resume) {
        thread_resume(tcb);
    }
    return DONE;
}

enum outcome tcb_copy_registers(const struct call *call, struct tcb *tcb)
{
    if (call_lacks(call, 1, 1)) {
        return refuse(seL4_TruncatedMessage, 0);
    }
    uint64_t flags = call_word(call, 0);
    struct cap cap = call->extra[0]->cap;
    if (cap.type != CAP_TCB) {
        return refuse(seL4_InvalidCapability, 1);
    }
    struct tcb *source = cap_object(cap);
    cpu_preempt_remote(source);
    if (flags & COPY_SUSPENDS_SOURCE) {
        thread_suspend(source);
    }
    if (flags & COPY_RESUMES_TARGET) {
        thread_resume(tcb);
    }
    for (unsigned i = 0; i < FAULT_CONTEXT_COUNT; i++) {
        if (flags & (i < FRAME_COUNT ? COPY_FRAME : COPY_INTEGER)) {
            uint64_t word = source->regs[fault_context[i]];
            tcb->regs[fault_context[i]] =
                fault_context[i] == REG_SPSR ? thread_sanitise_pstate(tcb, word) : word;
        }
    }
    if (flags & COPY_FRAME) {
        tcb->regs[REG_PC] = tcb->regs[REG_FAULT_PC];
    }
    return DONE;
}

enum outcome tcb_set_tls_base(const struct call *call, struct tcb *tcb)
{
    if (call->length < 1) {
        return refuse(seL4_TruncatedMessage, 0);
    }
    tcb->regs[REG_TPIDR] = call_word(call, 0);
    return DONE;
}
