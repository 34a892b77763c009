// SPDX-License-Identifier: BSD-2-Clause

/* Plays the message transfer of "Message Passing (IPC)" in the seL4 manual: words, capabilities,
 * badges. */

#include "standin/fault.h"
#include "standin/ipc.h"
#include "standin/thread.h"

/* The first words of a message are in x2..x5, in the IPC buffer the places are there but not used.
 */
#define IN_REGISTERS seL4_FastMessageRegisters

unsigned message_set(struct tcb *tcb, seL4_IPCBuffer *buffer, unsigned i, uint64_t word)
{
    if (i < IN_REGISTERS) {
        tcb->regs[2 + i] = word;
    } else if (buffer != NULL) {
        buffer->msg[i] = word;
    } else {
        return IN_REGISTERS;
    }
    return i + 1;
}

unsigned message_set_lookup(struct tcb *tcb, seL4_IPCBuffer *buffer, unsigned i,
                            const struct lookup_failure *failure)
{
    static const unsigned words[] = {
        [seL4_MissingCapability] = 1, [seL4_DepthMismatch] = 2, [seL4_GuardMismatch] = 3};
    unsigned count = failure->type <= seL4_GuardMismatch ? words[failure->type] : 0;
    unsigned length = message_set(tcb, buffer, i, failure->type);
    for (unsigned n = 0; n < count; n++) {
        length = message_set(tcb, buffer, i + 1 + n, failure->word[n]);
    }
    return length;
}

static uint64_t message_length(seL4_MessageInfo_t info)
{
    uint64_t length = seL4_MessageInfo_get_length(info);
    return length < seL4_MsgMaxLength ? length : seL4_MsgMaxLength;
}

static unsigned copy_words(const struct tcb *sender, const seL4_IPCBuffer *from,
                           struct tcb *receiver, seL4_IPCBuffer *to, uint64_t length)
{
    unsigned i = 0;
    for (; i < length && i < IN_REGISTERS; i++) {
        receiver->regs[2 + i] = sender->regs[2 + i];
    }
    if (from != NULL && to != NULL) {
        for (; i < length; i++) {
            to->msg[i] = from->msg[i];
        }
    }
    return i;
}

bool message_find_caps(struct tcb *tcb, const seL4_IPCBuffer *buffer, struct slot *extra[],
                       uint64_t *cptr)
{
    uint64_t count = seL4_MessageInfo_get_extraCaps((seL4_MessageInfo_t){{tcb->regs[1]}});
    for (unsigned i = 0; i < seL4_MsgMaxExtraCaps; i++) {
        extra[i] = NULL;
    }
    for (unsigned i = 0; buffer != NULL && i < count; i++) {
        *cptr = buffer->caps_or_badges[i];
        extra[i] = cspace_lookup(tcb, *cptr);
        if (extra[i] == NULL) {
            return false;
        }
    }
    return true;
}

/* The one slot that a receiver names for a capability; null if it names none that is free. */
static struct slot *receive_slot(struct tcb *receiver, const seL4_IPCBuffer *buffer)
{
    const struct slot *root = cspace_lookup(receiver, buffer->receiveCNode);
    return root == NULL
               ? NULL
               : cspace_lookup_empty(root->cap, buffer->receiveIndex, buffer->receiveDepth);
}

/* Returns the bits of the message info that tell of capabilities. */
static uint64_t copy_caps(struct slot *extra[], struct tcb *receiver, seL4_IPCBuffer *buffer,
                          const struct endpoint *endpoint)
{
    if (extra[0] == NULL || buffer == NULL) {
        return 0;
    }
    struct slot *target = receive_slot(receiver, buffer);
    uint64_t unwrapped = 0;
    unsigned i = 0;
    for (; i < seL4_MsgMaxExtraCaps && extra[i] != NULL; i++) {
        struct cap cap = extra[i]->cap;
        if (cap.type == CAP_ENDPOINT && cap_object(cap) == endpoint) {
            /* A capability to the endpoint itself: only its badge is told. */
            buffer->caps_or_badges[i] = cap.data;
            unwrapped |= BIT(i);
        } else if (target != NULL && cap_derive(extra[i], cap, &cap) == DONE &&
                   cap.type != CAP_NULL) {
            slot_insert_copy(extra[i], target, cap);
            target = NULL;
        } else {
            break;
        }
    }
    return seL4_MessageInfo_new(0, unwrapped, i, 0).words[0];
}

void message_transfer(struct tcb *sender, struct tcb *receiver, const struct endpoint *endpoint,
                      uint64_t badge, bool grants)
{
    seL4_IPCBuffer *to = thread_buffer(receiver, true);
    if (sender->fault.type != seL4_Fault_NullFault) {
        uint64_t label = sender->fault.type;
        unsigned length = fault_message(sender, receiver, to);
        message_set_info(receiver, label, length);
        receiver->regs[0] = badge;
        return;
    }
    seL4_IPCBuffer *from = thread_buffer(sender, false);
    seL4_MessageInfo_t info = {{sender->regs[1]}};
    struct slot *extra[seL4_MsgMaxExtraCaps] = {NULL};
    uint64_t cptr;
    if (grants && !message_find_caps(sender, from, extra, &cptr)) {
        extra[0] = NULL;
    }
    unsigned length = copy_words(sender, from, receiver, to, message_length(info));
    uint64_t caps = copy_caps(extra, receiver, to, endpoint);
    message_set_info(receiver, seL4_MessageInfo_get_label(info), length);
    receiver->regs[1] |= caps;
    receiver->regs[0] = badge;
}
