// SPDX-License-Identifier: BSD-2-Clause

/*
 * Plays reply objects and the passing on of scheduling contexts, in "Message Passing (IPC)" and
 * "Threads and Execution" of the seL4 manual.
 */

#include "standin/fault.h"
#include "standin/ipc.h"
#include "standin/sched_context.h"
#include "standin/thread.h"

void reply_unlink(struct reply *reply)
{
    reply->caller->reply = NULL;
    reply->caller = NULL;
}

void reply_push(struct reply *reply, struct tcb *caller, struct tcb *callee, bool donates)
{
    struct sched_context *sc = caller->sc;
    sched_dequeue(caller);
    reply->caller = caller;
    caller->reply = reply;
    caller->state = THREAD_AWAITING_REPLY;
    if (sc == NULL || callee->sc != NULL || !donates) {
        return;
    }
    reply->below = sc->reply;
    if (reply->below != NULL) {
        reply->below->above = reply;
        reply->below->above_is_sc = false;
    }
    reply->above = sc;
    reply->above_is_sc = true;
    sc->reply = reply;
    sched_context_donate(sc, callee);
}

/* Takes the reply out of its call stack. At the top, the context goes back to the caller. */
static void reply_remove(struct reply *reply)
{
    struct tcb *caller = reply->caller;
    struct reply *below = reply->below;
    struct sched_context *returned = NULL;
    if (reply->above != NULL && reply->above_is_sc) {
        returned = reply->above;
        returned->reply = below;
        if (below != NULL) {
            below->above = returned;
            below->above_is_sc = true;
        }
    } else {
        if (reply->above != NULL) {
            ((struct reply *)reply->above)->below = NULL;
        }
        if (below != NULL) {
            below->above = NULL;
        }
    }
    reply->above = NULL;
    reply->above_is_sc = false;
    reply->below = NULL;
    reply_unlink(reply);
    caller->state = THREAD_INACTIVE;
    if (returned != NULL && caller->sc == NULL) {
        sched_context_donate(returned, caller);
    }
}

void reply_cancel(struct tcb *caller)
{
    struct reply *reply = caller->reply;
    if (reply->above != NULL && reply->above_is_sc) {
        ((struct sched_context *)reply->above)->reply = NULL;
    } else if (reply->above != NULL) {
        ((struct reply *)reply->above)->below = NULL;
    }
    if (reply->below != NULL) {
        reply->below->above = NULL;
        reply->below->above_is_sc = false;
    }
    reply->above = NULL;
    reply->above_is_sc = false;
    reply->below = NULL;
    reply_unlink(reply);
    caller->state = THREAD_INACTIVE;
}

void reply_finalise(struct reply *reply)
{
    struct tcb *caller = reply->caller;
    if (caller == NULL) {
        return;
    }
    if (caller->state == THREAD_AWAITING_REPLY) {
        reply_remove(reply);
    } else {
        thread_cancel_wait(caller);
    }
}

void reply_send(struct reply *reply, struct tcb *sender, bool grants)
{
    struct tcb *receiver = reply->caller;
    if (receiver == NULL || receiver->state != THREAD_AWAITING_REPLY) {
        return;
    }
    reply_remove(reply);
    struct sched_context *sc = receiver->sc;
    if (sc != NULL && sc != cpus[sc->core].sc) {
        sched_unblock(sc);
    }
    uint64_t fault = receiver->fault.type;
    if (fault == seL4_Fault_NullFault) {
        message_transfer(sender, receiver, NULL, 0, grants);
        receiver->state = THREAD_RUNNING;
    } else {
        bool restart = fault_take_reply(receiver, sender);
        receiver->fault.type = seL4_Fault_NullFault;
        receiver->state = restart ? THREAD_RESTART : THREAD_INACTIVE;
    }
    if (sc == NULL || !thread_runnable(receiver) || !refill_configured(sc)) {
        return;
    }
    if (refill_ready(sc, this_cpu()->now) && refill_sufficient(sc, 0)) {
        sched_wake(receiver);
    } else if (receiver->slots[TCB_TIMEOUT].cap.type == CAP_ENDPOINT &&
               fault != seL4_Fault_Timeout) {
        fault_send_timeout(receiver, sc->badge);
    } else {
        sched_postpone(sc);
    }
}
