/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/* Faults become messages to a thread's fault endpoint: chapter "Threads and Execution", "Faults".
 */

#include "standin/object.h"

/* Registers in the order of seL4_UserContext; fault messages are made of its beginning. */
#define FAULT_CONTEXT_COUNT 36
extern const uint8_t fault_context[FAULT_CONTEXT_COUNT];

/* Sends the current thread's fault; without a handler the thread stops. */
void fault_send(struct tcb *tcb, struct fault fault);

/* A capability fault, for the lookup failure that was noted last. */
void fault_send_cap(struct tcb *tcb, uint64_t cptr, bool receiving);

/* The thread's budget is used up and it has a timeout endpoint. */
void fault_send_timeout(struct tcb *tcb, uint64_t badge);

/* Writes the fault's words into the receiver's message; returns the length. */
unsigned fault_message(struct tcb *sender, struct tcb *receiver, seL4_IPCBuffer *buffer);

/* Takes the handler's answer. True: the thread goes on. */
bool fault_take_reply(struct tcb *tcb, const struct tcb *handler);
