// SPDX-License-Identifier: BSD-2-Clause

/* Plays the TCB methods of "Threads and Execution" in the seL4 manual; tcb_registers.c has the
 * rest. */

#include "standin/tcb.h"
#include "standin/cspace.h"
#include "standin/fpu.h"
#include "standin/ipc.h"
#include "standin/sched_context.h"
#include "standin/thread.h"

/* May be a fault or timeout endpoint: one through which the handler can reply, or none. */
static bool valid_handler(struct cap cap)
{
    return cap.type == CAP_NULL || (cap.type == CAP_ENDPOINT && (cap.rights & RIGHT_WRITE) &&
                                    (cap.rights & (RIGHT_GRANT | RIGHT_GRANT_REPLY)));
}

/* Puts a copy into one of the thread's own slots. The old one's deletion may have taken both away.
 */
static void install(const struct call *call, unsigned index, struct cap cap, struct slot *source)
{
    struct cap self = call->cap;
    struct slot *slot = &((struct tcb *)cap_object(self))->slots[index];
    slot_delete(slot);
    if (cap.type != CAP_NULL && cap_same_object(cap, source->cap) &&
        cap_same_object(self, call->slot->cap)) {
        slot_insert_copy(source, slot, cap);
    }
}

/* Derives the capability to a new IPC buffer; address 0 is none. */
static enum outcome check_buffer(struct slot *slot, uint64_t address, struct cap *cap)
{
    *cap = (struct cap){0};
    if (address == 0) {
        return DONE;
    }
    if (cap_derive(slot, slot->cap, cap) != DONE) {
        return REFUSED;
    }
    if (cap->type != CAP_FRAME || (cap->flags & CAP_DEVICE)) {
        return refuse(seL4_IllegalOperation, 0);
    }
    if (address & MASK(seL4_IPCBufferSizeBits)) {
        return refuse(seL4_AlignmentError, 0);
    }
    return DONE;
}

static void set_buffer(const struct call *call, uint64_t address, struct cap cap,
                       struct slot *source)
{
    struct tcb *tcb = cap_object(call->cap);
    install(call, TCB_BUFFER, cap, source);
    tcb->ipc_buffer = address;
}

/* Its old CSpace is not to be deleted in the middle of this call. */
static bool spaces_busy(const struct tcb *tcb)
{
    const struct slot *slot = &tcb->slots[TCB_CSPACE];
    return slot->cap.type == CAP_CNODE && slot_is_final(slot);
}

static enum outcome derive_root(struct slot *slot, uint64_t data, enum cap_type type,
                                struct cap *cap)
{
    struct cap wanted = data != 0 ? cap_with_data(slot->cap, data, false) : slot->cap;
    if (cap_derive(slot, wanted, cap) != DONE) {
        return REFUSED;
    }
    bool valid = cap->type == type && (type != CAP_VSPACE || (cap->flags & CAP_MAPPED));
    return valid ? DONE : refuse(seL4_IllegalOperation, 0);
}

static enum outcome tcb_configure(const struct call *call, struct tcb *tcb)
{
    if (call_lacks(call, 3, 3)) {
        return refuse(seL4_TruncatedMessage, 0);
    }
    uint64_t address = call_word(call, 2);
    struct cap buffer, cspace, vspace;
    if (check_buffer(call->extra[2], address, &buffer) != DONE) {
        return REFUSED;
    }
    if (spaces_busy(tcb)) {
        return refuse(seL4_IllegalOperation, 0);
    }
    if (derive_root(call->extra[0], call_word(call, 0), CAP_CNODE, &cspace) != DONE ||
        derive_root(call->extra[1], call_word(call, 1), CAP_VSPACE, &vspace) != DONE) {
        return REFUSED;
    }
    install(call, TCB_CSPACE, cspace, call->extra[0]);
    install(call, TCB_VSPACE, vspace, call->extra[1]);
    set_buffer(call, address, buffer, call->extra[2]);
    if (tcb == this_cpu()->current) {
        sched_reschedule();
    }
    return DONE;
}

static enum outcome tcb_set_space(const struct call *call, struct tcb *tcb)
{
    if (call_lacks(call, 2, 3)) {
        return refuse(seL4_TruncatedMessage, 0);
    }
    if (spaces_busy(tcb)) {
        return refuse(seL4_IllegalOperation, 0);
    }
    struct cap cspace, vspace;
    if (derive_root(call->extra[1], call_word(call, 0), CAP_CNODE, &cspace) != DONE ||
        derive_root(call->extra[2], call_word(call, 1), CAP_VSPACE, &vspace) != DONE) {
        return REFUSED;
    }
    if (!valid_handler(call->extra[0]->cap)) {
        return refuse(seL4_InvalidCapability, 1);
    }
    install(call, TCB_FAULT, call->extra[0]->cap, call->extra[0]);
    install(call, TCB_CSPACE, cspace, call->extra[1]);
    install(call, TCB_VSPACE, vspace, call->extra[2]);
    return DONE;
}

static enum outcome tcb_set_buffer(const struct call *call)
{
    if (call_lacks(call, 1, 1)) {
        return refuse(seL4_TruncatedMessage, 0);
    }
    struct cap buffer;
    if (check_buffer(call->extra[0], call_word(call, 0), &buffer) != DONE) {
        return REFUSED;
    }
    set_buffer(call, call_word(call, 0), buffer, call->extra[0]);
    return DONE;
}

static enum outcome tcb_set_timeout(const struct call *call)
{
    if (call_lacks(call, 0, 1)) {
        return refuse(seL4_TruncatedMessage, 0);
    }
    if (!valid_handler(call->extra[0]->cap)) {
        return refuse(seL4_InvalidCapability, 1);
    }
    install(call, TCB_TIMEOUT, call->extra[0]->cap, call->extra[0]);
    return DONE;
}

/* Priorities up to the maximum controlled one of the thread that lends its authority. */
static enum outcome check_priority(const struct call *call, uint64_t priority)
{
    struct cap authority = call->extra[0]->cap;
    if (authority.type != CAP_TCB) {
        return refuse(seL4_InvalidCapability, 1);
    }
    uint8_t mcp = ((struct tcb *)cap_object(authority))->mcp;
    return priority > mcp ? refuse_range(seL4_MinPrio, mcp) : DONE;
}

static enum outcome tcb_set_priority(const struct call *call, struct tcb *tcb)
{
    if (call_lacks(call, 1, 1)) {
        return refuse(seL4_TruncatedMessage, 0);
    }
    uint64_t priority = call_word(call, 0);
    if (check_priority(call, priority) != DONE) {
        return REFUSED;
    }
    if (call->label == TCBSetMCPriority) {
        tcb->mcp = (uint8_t)priority;
    } else {
        thread_set_priority(tcb, (uint8_t)priority);
    }
    return DONE;
}

/* May the thread have this context (null: none)? */
static enum outcome check_context(const struct call *call, const struct tcb *tcb,
                                  struct sched_context **sc)
{
    struct cap cap = call->extra[1]->cap;
    if (cap.type == CAP_NULL) {
        *sc = NULL;
        return tcb == call->caller ? refuse(seL4_IllegalOperation, 0) : DONE;
    }
    if (cap.type != CAP_SCHED_CONTEXT) {
        return refuse(seL4_InvalidCapability, 2);
    }
    *sc = cap_object(cap);
    bool taken = tcb->sc != *sc && (tcb->sc != NULL || (*sc)->tcb != NULL);
    bool released = refill_configured(*sc) && refill_ready(*sc, this_cpu()->now);
    if (taken || (thread_blocked(tcb) && !released)) {
        return refuse(seL4_IllegalOperation, 0);
    }
    return DONE;
}

static enum outcome tcb_set_sched_params(const struct call *call, struct tcb *tcb)
{
    if (call_lacks(call, 2, 3)) {
        return refuse(seL4_TruncatedMessage, 0);
    }
    uint64_t mcp = call_word(call, 0);
    uint64_t priority = call_word(call, 1);
    struct sched_context *sc;
    if (check_priority(call, mcp) != DONE || check_priority(call, priority) != DONE ||
        check_context(call, tcb, &sc) != DONE) {
        return REFUSED;
    }
    struct cap handler = call->extra[2]->cap;
    if (!valid_handler(handler)) {
        return refuse(seL4_InvalidCapability, 3);
    }
    install(call, TCB_FAULT, handler, call->extra[2]);
    tcb->mcp = (uint8_t)mcp;
    thread_set_priority(tcb, (uint8_t)priority);
    if (sc != NULL && tcb->sc != sc) {
        sched_context_bind_tcb(sc, tcb);
    } else if (sc == NULL && tcb->sc != NULL) {
        sched_context_unbind_tcb(tcb->sc);
    }
    return DONE;
}

static enum outcome tcb_bind_notification(const struct call *call, struct tcb *tcb)
{
    if (call_lacks(call, 0, 1)) {
        return refuse(seL4_TruncatedMessage, 0);
    }
    struct cap cap = call->extra[0]->cap;
    if (tcb->bound != NULL || cap.type != CAP_NOTIFICATION || !(cap.rights & RIGHT_READ)) {
        return refuse(seL4_IllegalOperation, 0);
    }
    struct notification *notification = cap_object(cap);
    if (notification->bound != NULL || notification->queue.head != 0) {
        return refuse(seL4_IllegalOperation, 0);
    }
    notification->bound = tcb;
    tcb->bound = notification;
    return DONE;
}

static enum outcome tcb_unbind_notification(struct tcb *tcb)
{
    if (tcb->bound == NULL) {
        return refuse(seL4_IllegalOperation, 0);
    }
    notification_unbind(tcb->bound);
    return DONE;
}

static enum outcome tcb_set_flags(const struct call *call, struct tcb *tcb)
{
    if (call->length < 2) {
        return refuse(seL4_TruncatedMessage, 0);
    }
    uint64_t clear = call_word(call, 0);
    uint64_t set = call_word(call, 1);
    tcb->flags = (uint32_t)((tcb->flags & ~clear) | (set & seL4_TCBFlag_MASK));
    if (tcb->flags & seL4_TCBFlag_fpuDisabled) {
        fpu_release(tcb);
    }
    if (tcb == this_cpu()->current) {
        fpu_switch(tcb);
    }
    uint64_t flags = tcb->flags;
    return call_answer(call, &flags, 1);
}

enum outcome tcb_invoke(const struct call *call)
{
    struct tcb *tcb = cap_object(call->cap);
    cpu_preempt_remote(tcb);
    switch (call->label) {
    case TCBReadRegisters:
        return tcb_read_registers(call, tcb);
    case TCBWriteRegisters:
        return tcb_write_registers(call, tcb);
    case TCBCopyRegisters:
        return tcb_copy_registers(call, tcb);
    case TCBSetTLSBase:
        return tcb_set_tls_base(call, tcb);
    case TCBSuspend:
        thread_suspend(tcb);
        return DONE;
    case TCBResume:
        thread_resume(tcb);
        return DONE;
    case TCBConfigure:
        return tcb_configure(call, tcb);
    case TCBSetSpace:
        return tcb_set_space(call, tcb);
    case TCBSetIPCBuffer:
        return tcb_set_buffer(call);
    case TCBSetTimeoutEndpoint:
        return tcb_set_timeout(call);
    case TCBSetPriority:
    case TCBSetMCPriority:
        return tcb_set_priority(call, tcb);
    case TCBSetSchedParams:
        return tcb_set_sched_params(call, tcb);
    case TCBBindNotification:
        return tcb_bind_notification(call, tcb);
    case TCBUnbindNotification:
        return tcb_unbind_notification(tcb);
    case TCBSetFlags:
        return tcb_set_flags(call, tcb);
    default:
        return refuse(seL4_IllegalOperation, 0);
    }
}
