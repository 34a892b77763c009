/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/* Endpoints, notifications, replies and the messages between threads. */

#include "standin/cspace.h"
#include "standin/sched.h"

/* Queues of waiting threads, by priority, then by time. */
void queue_insert(struct queue *queue, struct tcb *tcb);
void queue_remove(struct queue *queue, struct tcb *tcb);

static inline struct tcb *queue_first(const struct queue *queue)
{
    return (struct tcb *)(uintptr_t)queue->head;
}

/* How a message is sent: through which capability, and what becomes of the sender. */
struct send {
    uint64_t badge;
    uint8_t rights;
    bool blocks;
    bool is_call; /* expects a reply; a fault does too */
    bool donates; /* lends its scheduling context to a receiver that has none */
};

void endpoint_send(struct endpoint *endpoint, struct tcb *sender, struct send send);
void endpoint_receive(struct endpoint *endpoint, struct tcb *receiver, struct reply *reply,
                      bool blocks);
void endpoint_cancel(struct tcb *tcb);
void endpoint_reorder(struct tcb *tcb);
void endpoint_cancel_all(struct endpoint *endpoint);
void endpoint_cancel_badged(struct endpoint *endpoint, uint64_t badge);

void notification_signal(struct notification *notification, uint64_t badge);
void notification_wait(struct notification *notification, struct tcb *tcb, bool blocks);
void notification_cancel(struct tcb *tcb);
void notification_reorder(struct tcb *tcb);
void notification_unbind(struct notification *notification);
void notification_finalise(struct notification *notification);

/* A bound notification that was signalled ends a receive. True if it did. */
bool notification_take_bound(struct tcb *tcb);

/* The thread waits: a context lent by its notification goes back. */
void notification_return_context(struct notification *notification, struct tcb *tcb);

/* The caller waits on the reply object; its context may go to the callee. */
void reply_push(struct reply *reply, struct tcb *caller, struct tcb *callee, bool donates);
void reply_send(struct reply *reply, struct tcb *sender, bool grants);
void reply_cancel(struct tcb *caller);
void reply_unlink(struct reply *reply);
void reply_finalise(struct reply *reply);

/* message.c: from a thread that sends, or faulted, to a thread that receives. */
void message_transfer(struct tcb *sender, struct tcb *receiver, const struct endpoint *endpoint,
                      uint64_t badge, bool grants);

/* Sets word i of a thread's message; returns the length so far: what does not fit is dropped. */
unsigned message_set(struct tcb *tcb, seL4_IPCBuffer *buffer, unsigned i, uint64_t word);

/* Words of a lookup failure at i and on; returns the length so far. */
unsigned message_set_lookup(struct tcb *tcb, seL4_IPCBuffer *buffer, unsigned i,
                            const struct lookup_failure *failure);

static inline void message_set_info(struct tcb *tcb, uint64_t label, uint64_t length)
{
    tcb->regs[1] = seL4_MessageInfo_new(label, 0, 0, length).words[0];
}

/* Finds the extra capabilities that a thread's message names. False: a lookup failure for *cptr. */
bool message_find_caps(struct tcb *tcb, const seL4_IPCBuffer *buffer, struct slot *extra[],
                       uint64_t *cptr);
