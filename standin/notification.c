// SPDX-License-Identifier: BSD-2-Clause

/* Plays "Notifications" of the seL4 manual. */

#include "standin/ipc.h"
#include "standin/sched_context.h"
#include "standin/thread.h"

static void notification_unqueue(struct notification *notification, struct tcb *tcb)
{
    queue_remove(&notification->queue, tcb);
    if (notification->queue.head == 0) {
        notification->state = WAIT_IDLE;
    }
}

/* A passive thread runs on the context that is bound to the notification, if that is free. */
static void lend_context(struct notification *notification, struct tcb *tcb)
{
    struct sched_context *sc = notification->sc;
    if (tcb->sc == NULL && sc != NULL && sc->tcb == NULL) {
        sched_context_donate(sc, tcb);
        sched_resume(sc);
    }
}

void notification_return_context(struct notification *notification, struct tcb *tcb)
{
    struct sched_context *sc = notification->sc;
    if (sc != NULL && sc == tcb->sc) {
        sched_dequeue(tcb);
        tcb->sc = NULL;
        sc->tcb = NULL;
        if (tcb == this_cpu()->current) {
            sched_reschedule();
        }
    }
}

static void deliver(struct notification *notification, struct tcb *tcb, uint64_t badge)
{
    tcb->state = THREAD_RUNNING;
    tcb->regs[0] = badge;
    lend_context(notification, tcb);
    if (sched_may_run(tcb)) {
        sched_wake(tcb);
    }
    sched_unblock(tcb->sc);
}

void notification_signal(struct notification *notification, uint64_t badge)
{
    struct tcb *bound = notification->bound;
    if (notification->state == WAIT_SIGNALLED) {
        notification->badge |= badge;
    } else if (notification->state == WAIT_RECEIVERS) {
        struct tcb *tcb = queue_first(&notification->queue);
        notification_unqueue(notification, tcb);
        deliver(notification, tcb, badge);
    } else if (bound != NULL && bound->state == THREAD_RECEIVING) {
        thread_cancel_wait(bound);
        deliver(notification, bound, badge);
    } else {
        notification->badge = badge;
        notification->state = WAIT_SIGNALLED;
    }
}

/* The gathered signals go to the thread, which runs on. */
static void take_signal(struct notification *notification, struct tcb *tcb)
{
    tcb->regs[0] = notification->badge;
    notification->state = WAIT_IDLE;
    lend_context(notification, tcb);
    sched_unblock(tcb->sc);
}

bool notification_take_bound(struct tcb *tcb)
{
    if (tcb->bound == NULL || tcb->bound->state != WAIT_SIGNALLED) {
        return false;
    }
    take_signal(tcb->bound, tcb);
    return true;
}

void notification_wait(struct notification *notification, struct tcb *tcb, bool blocks)
{
    if (notification->state == WAIT_SIGNALLED) {
        take_signal(notification, tcb);
    } else if (blocks) {
        tcb->state = THREAD_WAITING;
        tcb->waiting_on = notification;
        sched_dequeue(tcb);
        queue_insert(&notification->queue, tcb);
        notification->state = WAIT_RECEIVERS;
        notification_return_context(notification, tcb);
    } else {
        tcb->regs[0] = 0;
    }
}

void notification_cancel(struct tcb *tcb)
{
    notification_unqueue(tcb->waiting_on, tcb);
    tcb->state = THREAD_INACTIVE;
}

void notification_reorder(struct tcb *tcb)
{
    struct notification *notification = tcb->waiting_on;
    queue_remove(&notification->queue, tcb);
    queue_insert(&notification->queue, tcb);
}

void notification_unbind(struct notification *notification)
{
    if (notification->bound != NULL) {
        notification->bound->bound = NULL;
        notification->bound = NULL;
    }
}

void notification_finalise(struct notification *notification)
{
    if (notification->sc != NULL) {
        notification->sc->notification = NULL;
        notification->sc = NULL;
    }
    notification_unbind(notification);
    if (notification->state != WAIT_RECEIVERS) {
        return;
    }
    while (notification->queue.head != 0) {
        struct tcb *tcb = queue_first(&notification->queue);
        notification_cancel(tcb);
        tcb->state = THREAD_RESTART;
        sched_unblock(tcb->sc);
        sched_wake(tcb);
    }
    sched_reschedule();
}
