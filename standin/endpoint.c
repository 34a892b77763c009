// SPDX-License-Identifier: BSD-2-Clause

/* Plays "Message Passing (IPC)" of the seL4 manual: endpoints. */

#include "standin/fault.h"
#include "standin/ipc.h"
#include "standin/sched_context.h"
#include "standin/thread.h"

static void endpoint_queue(struct endpoint *endpoint, struct tcb *tcb, enum wait_state state)
{
    sched_dequeue(tcb);
    tcb->waiting_on = endpoint;
    queue_insert(&endpoint->queue, tcb);
    endpoint->state = state;
}

static void endpoint_unqueue(struct endpoint *endpoint, struct tcb *tcb)
{
    queue_remove(&endpoint->queue, tcb);
    if (endpoint->queue.head == 0) {
        endpoint->state = WAIT_IDLE;
    }
}

/* Does the sender wait for a reply once its message is delivered? */
static bool expects_reply(const struct tcb *sender, bool is_call)
{
    return is_call || sender->fault.type != seL4_Fault_NullFault;
}

static void block_sender(struct endpoint *endpoint, struct tcb *sender, struct send send)
{
    sender->state = THREAD_SENDING;
    sender->send_badge = send.badge;
    sender->send_rights = send.rights;
    sender->send_is_call = send.is_call;
    endpoint_queue(endpoint, sender, WAIT_SENDERS);
}

void endpoint_send(struct endpoint *endpoint, struct tcb *sender, struct send send)
{
    if (endpoint->state != WAIT_RECEIVERS) {
        if (send.blocks) {
            block_sender(endpoint, sender, send);
        }
        return;
    }
    struct tcb *receiver = queue_first(&endpoint->queue);
    struct reply *reply = receiver->reply;
    endpoint_unqueue(endpoint, receiver);
    message_transfer(sender, receiver, endpoint, send.badge, send.rights & RIGHT_GRANT);
    if (reply != NULL) {
        reply_unlink(reply);
    }
    receiver->state = THREAD_INACTIVE;
    if (expects_reply(sender, send.is_call)) {
        if (reply != NULL && send.rights & (RIGHT_GRANT | RIGHT_GRANT_REPLY)) {
            reply_push(reply, sender, receiver, send.donates);
        } else {
            sender->state = THREAD_INACTIVE;
        }
    } else if (send.donates && receiver->sc == NULL && sender->sc != NULL) {
        sched_context_donate(sender->sc, receiver);
    }
    receiver->state = THREAD_RUNNING;
    sched_unblock(receiver->sc);
    sched_wake(receiver);
}

/* A sender that waited is served by a receiver. */
static void take_sender(struct endpoint *endpoint, struct tcb *receiver, struct reply *reply)
{
    struct tcb *sender = queue_first(&endpoint->queue);
    endpoint_unqueue(endpoint, sender);
    message_transfer(sender, receiver, endpoint, sender->send_badge,
                     sender->send_rights & RIGHT_GRANT);
    sched_unblock(sender->sc);
    if (!expects_reply(sender, sender->send_is_call)) {
        sender->state = THREAD_RUNNING;
        sched_wake(sender);
    } else if (reply != NULL && sender->send_rights & (RIGHT_GRANT | RIGHT_GRANT_REPLY)) {
        bool donates = sender->sc != NULL && sender->fault.type != seL4_Fault_Timeout;
        reply_push(reply, sender, receiver, donates);
    } else {
        sender->state = THREAD_INACTIVE;
    }
}

void endpoint_receive(struct endpoint *endpoint, struct tcb *receiver, struct reply *reply,
                      bool blocks)
{
    if (reply != NULL && reply->caller != NULL && reply->caller != receiver) {
        /* Its last caller was never answered. */
        thread_cancel_wait(reply->caller);
    }
    if (notification_take_bound(receiver)) {
        return;
    }
    if (receiver->bound != NULL && blocks) {
        notification_return_context(receiver->bound, receiver);
    }
    if (endpoint->state == WAIT_SENDERS) {
        take_sender(endpoint, receiver, reply);
    } else if (blocks) {
        receiver->state = THREAD_RECEIVING;
        receiver->reply = reply;
        if (reply != NULL) {
            reply->caller = receiver;
        }
        endpoint_queue(endpoint, receiver, WAIT_RECEIVERS);
    } else {
        receiver->regs[0] = 0;
    }
}

void endpoint_cancel(struct tcb *tcb)
{
    endpoint_unqueue(tcb->waiting_on, tcb);
    if (tcb->state == THREAD_RECEIVING && tcb->reply != NULL) {
        reply_unlink(tcb->reply);
    }
    tcb->state = THREAD_INACTIVE;
}

void endpoint_reorder(struct tcb *tcb)
{
    struct endpoint *endpoint = tcb->waiting_on;
    queue_remove(&endpoint->queue, tcb);
    queue_insert(&endpoint->queue, tcb);
}

/* The endpoint or badge is no more: the call is made again and finds that out. A faulted thread
 * stops. */
static void restart_waiter(struct tcb *tcb)
{
    endpoint_cancel(tcb);
    if (tcb->fault.type == seL4_Fault_NullFault) {
        tcb->state = THREAD_RESTART;
        sched_unblock(tcb->sc);
        sched_wake(tcb);
    }
}

void endpoint_cancel_all(struct endpoint *endpoint)
{
    if (endpoint->state == WAIT_IDLE) {
        return;
    }
    while (endpoint->queue.head != 0) {
        restart_waiter(queue_first(&endpoint->queue));
    }
    sched_reschedule();
}

void endpoint_cancel_badged(struct endpoint *endpoint, uint64_t badge)
{
    if (endpoint->state != WAIT_SENDERS) {
        return;
    }
    struct tcb *next;
    for (struct tcb *tcb = queue_first(&endpoint->queue); tcb != NULL; tcb = next) {
        next = tcb->next;
        if (tcb->send_badge == badge) {
            restart_waiter(tcb);
        }
    }
    sched_reschedule();
}
