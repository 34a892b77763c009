// SPDX-License-Identifier: BSD-2-Clause

/* Plays "Faults" in chapter "Threads and Execution" of the seL4 manual. */

#include "standin/fault.h"
#include "standin/ipc.h"
#include "standin/sched_context.h"
#include "standin/thread.h"

const uint8_t fault_context[FAULT_CONTEXT_COUNT] = {
    REG_FAULT_PC, REG_SP, REG_SPSR, 0,  1,  2,  3,  4,  5,  6,  7,         8,
    16,           17,     18,       29, 30, 9,  10, 11, 12, 13, 14,        15,
    19,           20,     21,       22, 23, 24, 25, 26, 27, 28, REG_TPIDR, REG_TPIDRRO};

static const uint8_t syscall_registers[] = {0,      1,      2,       3, 4, 5, 6, 7, REG_FAULT_PC,
                                            REG_SP, REG_PC, REG_SPSR};

#define SYSCALL_COUNT   12
#define EXCEPTION_COUNT 3

static void send_to(struct tcb *tcb, struct cap handler, struct fault fault, bool donates)
{
    tcb->fault = fault;
    endpoint_send(
        cap_object(handler), tcb,
        (struct send){
            .badge = handler.data, .rights = handler.rights, .blocks = true, .donates = donates});
}

void fault_send(struct tcb *tcb, struct fault fault)
{
    struct cap handler = tcb->slots[TCB_FAULT].cap;
    if (handler.type != CAP_ENDPOINT) {
        tcb->state = THREAD_INACTIVE;
        return;
    }
    if (fault.type == seL4_Fault_CapFault) {
        tcb->lookup = this_cpu()->lookup;
    }
    send_to(tcb, handler, fault, tcb->sc != NULL);
}

void fault_send_cap(struct tcb *tcb, uint64_t cptr, bool receiving)
{
    fault_send(tcb, (struct fault){
                        seL4_Fault_CapFault, {cptr, receiving}
    });
}

void fault_send_timeout(struct tcb *tcb, uint64_t badge)
{
    send_to(tcb, tcb->slots[TCB_TIMEOUT].cap, (struct fault){seL4_Fault_Timeout, {badge}}, false);
}

static unsigned set_registers(const struct tcb *sender, struct tcb *receiver,
                              seL4_IPCBuffer *buffer, const uint8_t *registers, unsigned count)
{
    unsigned length = 0;
    for (unsigned i = 0; i < count; i++) {
        length = message_set(receiver, buffer, i, sender->regs[registers[i]]);
    }
    return length;
}

unsigned fault_message(struct tcb *sender, struct tcb *receiver, seL4_IPCBuffer *buffer)
{
    const struct fault *fault = &sender->fault;
    switch (fault->type) {
    case seL4_Fault_CapFault:
        message_set(receiver, buffer, seL4_CapFault_IP, sender->regs[REG_FAULT_PC]);
        message_set(receiver, buffer, seL4_CapFault_Addr, fault->word[0]);
        message_set(receiver, buffer, seL4_CapFault_InRecvPhase, fault->word[1]);
        return message_set_lookup(receiver, buffer, seL4_CapFault_LookupFailureType,
                                  &sender->lookup);
    case seL4_Fault_UnknownSyscall:
        set_registers(sender, receiver, buffer, syscall_registers, SYSCALL_COUNT);
        return message_set(receiver, buffer, seL4_UnknownSyscall_Syscall, fault->word[0]);
    case seL4_Fault_UserException:
        set_registers(sender, receiver, buffer, fault_context, EXCEPTION_COUNT);
        message_set(receiver, buffer, seL4_UserException_Number, fault->word[0]);
        return message_set(receiver, buffer, seL4_UserException_Code, fault->word[1]);
    case seL4_Fault_Timeout:
        message_set(receiver, buffer, seL4_Timeout_Data, fault->word[0]);
        if (sender->sc == NULL) {
            return 1;
        }
        return message_set(receiver, buffer, seL4_Timeout_Consumed,
                           sched_context_take_consumed(sender->sc));
    case seL4_Fault_VMFault:
        message_set(receiver, buffer, seL4_VMFault_IP, sender->regs[REG_FAULT_PC]);
        message_set(receiver, buffer, seL4_VMFault_Addr, fault->word[0]);
        message_set(receiver, buffer, seL4_VMFault_PrefetchFault, fault->word[1]);
        return message_set(receiver, buffer, seL4_VMFault_FSR, fault->word[2]);
    default:
        /* VGICMaintenance, VCPUFault, VPPIEvent */
        return message_set(receiver, buffer, 0, fault->word[0]);
    }
}

/* The handler's message words become registers. */
static void take_registers(struct tcb *tcb, const struct tcb *handler, const uint8_t *registers,
                           unsigned count)
{
    const seL4_IPCBuffer *buffer = thread_buffer(handler, false);
    uint64_t length = seL4_MessageInfo_get_length((seL4_MessageInfo_t){{handler->regs[1]}});
    for (unsigned i = 0; i < count && i < length; i++) {
        if (i >= seL4_FastMessageRegisters && buffer == NULL) {
            return;
        }
        uint64_t word = i < seL4_FastMessageRegisters ? handler->regs[2 + i] : buffer->msg[i];
        if (registers[i] == REG_SPSR) {
            word = thread_sanitise_pstate(tcb, word);
        }
        tcb->regs[registers[i]] = word;
    }
}

bool fault_take_reply(struct tcb *tcb, const struct tcb *handler)
{
    bool go_on = seL4_MessageInfo_get_label((seL4_MessageInfo_t){{handler->regs[1]}}) == 0;
    switch (tcb->fault.type) {
    case seL4_Fault_UnknownSyscall:
        take_registers(tcb, handler, syscall_registers, SYSCALL_COUNT);
        return go_on;
    case seL4_Fault_UserException:
        take_registers(tcb, handler, fault_context, EXCEPTION_COUNT);
        return go_on;
    case seL4_Fault_Timeout:
        take_registers(tcb, handler, fault_context, seL4_TimeoutReply_Length);
        return go_on;
    default:
        return true;
    }
}
