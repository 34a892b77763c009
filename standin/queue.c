// SPDX-License-Identifier: BSD-2-Clause

/* The queues of endpoints and notifications: chapter "Threads and Execution", highest priority
 * first. */

#include "standin/ipc.h"

static uint32_t ref(const struct tcb *tcb)
{
    return (uint32_t)(uintptr_t)tcb;
}

void queue_insert(struct queue *queue, struct tcb *tcb)
{
    struct tcb *before = (struct tcb *)(uintptr_t)queue->tail;
    while (before != NULL && before->priority < tcb->priority) {
        before = before->previous;
    }
    struct tcb *after = before != NULL ? before->next : queue_first(queue);
    tcb->previous = before;
    tcb->next = after;
    if (before != NULL) {
        before->next = tcb;
    } else {
        queue->head = ref(tcb);
    }
    if (after != NULL) {
        after->previous = tcb;
    } else {
        queue->tail = ref(tcb);
    }
}

void queue_remove(struct queue *queue, struct tcb *tcb)
{
    if (tcb->previous != NULL) {
        tcb->previous->next = tcb->next;
    } else {
        queue->head = ref(tcb->next);
    }
    if (tcb->next != NULL) {
        tcb->next->previous = tcb->previous;
    } else {
        queue->tail = ref(tcb->previous);
    }
}
