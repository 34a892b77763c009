// SPDX-License-Identifier: BSD-2-Clause
#include "vmm/exit.h"

#include "lib/check.h"
#include "lib/log.h"
#include "vmm/abort.h"
#include "vmm/guest_exception.h"
#include "vmm/irq.h"
#include "vmm/pause.h"
#include "vmm/trap.h"
#include "vmm/vcpu.h"

/*
 * The exits of a vCPU, by the label of the fault message (seL4 manual, chapter "Exceptions", and
 * "Virtualisation"). Each handler leaves the vCPU's registers as they must be.
 */
typedef enum exit_answer exit_handler(struct vcpu *vcpu);

/* What PSCI wants to be done beside an answer. True: the vCPU goes on. */
static bool act(struct vcpu *vcpu, const struct psci_answer *answer)
{
    switch (answer->action) {
    case PSCI_RESUME:
        return true;
    case PSCI_START_VCPU:
        vcpu_unpark(answer->target);
        return true;
    case PSCI_WAIT:
        vcpu_sleep_for_interrupt(vcpu);
        return true;
    case PSCI_STOP_VCPU:
        gic_vcpu_set_online(&vmm.gic, vcpu->index, false);
        if (psci_vcpu_stopped(&vmm.psci, vcpu->index)) {
            log_info("%s: its last vCPU is off", vmm.boot->name);
        }
        vcpu_park(vcpu);
        return false;
    case PSCI_VM_OFF:
    case PSCI_VM_RESET:
        seL4_Send(SLOT_CONTROL,
                  seL4_MessageInfo_new(answer->action == PSCI_VM_OFF ? CONTROL_GUEST_OFF
                                                                     : CONTROL_GUEST_RESET,
                                       0, 0, 0));
        vcpu_stop();
    }
    CHECK(!"an action that psci.h does not have");
    return false;
}

/* What PSCI and SMCCC ask for. True: the vCPU goes on, with *result in its X0. */
static bool firmware_call(struct vcpu *vcpu, const struct smccc_call *call, uint64_t *result)
{
    struct psci_answer answer = psci_call(&vmm.psci, vcpu->index, call);
    *result = answer.result;
    vcpu->count[COUNT_EXIT_HYPERCALL]++;
    return act(vcpu, &answer);
}

/*
 * hvc is a system call to the kernel. With x7 = 0, as SMCCC 1.1 callers have it, it is one that the
 * kernel does not know, and the fault carries the registers of the call and takes back its result.
 * They are still in the message if nothing had to be done for the answer.
 */
static enum exit_answer on_unknown_syscall(struct vcpu *vcpu)
{
    enum { HVC_BYTES = 4, ARGUMENTS = 6 };
    struct smccc_call call = {.fid = (uint32_t)seL4_GetMR(seL4_UnknownSyscall_X0)};
    for (unsigned i = 0; i < ARGUMENTS; i++) {
        call.args[i] = seL4_GetMR((int)(seL4_UnknownSyscall_X1 + i));
    }
    seL4_Word pc = seL4_GetMR(seL4_UnknownSyscall_FaultIP);
    struct psci_answer answer = psci_call(&vmm.psci, vcpu->index, &call);
    vcpu->count[COUNT_EXIT_HYPERCALL]++;
    if (answer.action != PSCI_RESUME) {
        seL4_Word x7 = seL4_GetMR(seL4_UnknownSyscall_X7);
        if (!act(vcpu, &answer)) {
            return EXIT_RESUME;
        }
        for (unsigned i = 0; i < ARGUMENTS; i++) {
            seL4_SetMR((int)(seL4_UnknownSyscall_X1 + i), call.args[i]);
        }
        seL4_SetMR(seL4_UnknownSyscall_X7, x7);
    }
    seL4_SetMR(seL4_UnknownSyscall_X0, answer.result);
    seL4_SetMR(seL4_UnknownSyscall_FaultIP, pc + HVC_BYTES);
    return EXIT_SET_REGISTERS;
}

/*
 * hvc with an x7 that happens to be a system call which needs a capability. There is none: the call
 * is served as any other, from the registers.
 */
static enum exit_answer on_cap_fault(struct vcpu *vcpu)
{
    trap_firmware_call(vcpu, firmware_call);
    return EXIT_RESUME;
}

static void on_vppi(struct vcpu *vcpu, seL4_Word intid)
{
    vcpu->count[COUNT_EXIT_TIMER]++;
    gic_raise_own(&vmm.gic, vcpu->gic, (unsigned)intid);
}

static void on_maintenance(struct vcpu *vcpu, seL4_Word lr)
{
    vcpu->count[COUNT_EXIT_MAINTENANCE]++;
    /* Of the PPIs only the timer is forwarded. -1: the kernel found nothing. */
    if (gic_maintenance(&vmm.gic, vcpu->gic, (unsigned)lr) != 0) {
        irq_unmask_timer(vcpu->index);
    }
}

static enum exit_answer on_vcpu_fault(struct vcpu *vcpu)
{
    trap_handle(vcpu, seL4_GetMR(seL4_VCPUFault_HSR), firmware_call);
    return EXIT_RESUME;
}

static enum exit_answer on_vm_fault(struct vcpu *vcpu)
{
    const struct abort abort = {
        .pc = seL4_GetMR(seL4_VMFault_IP),
        .address = {seL4_GetMR(seL4_VMFault_Addr)},
        .syndrome = seL4_GetMR(seL4_VMFault_FSR),
        .is_fetch = seL4_GetMR(seL4_VMFault_PrefetchFault) != 0,
    };
    abort_handle(vcpu, &abort);
    return EXIT_RESUME_VM_FAULT;
}

/* The guest did what the kernel reports as an exception of a thread: undefined for the guest, too.
 */
static enum exit_answer on_user_exception(struct vcpu *vcpu)
{
    vcpu->count[COUNT_EXIT_OTHER]++;
    guest_exception_undefined(vcpu, "an exception that the kernel does not name");
    return EXIT_RESUME;
}

static exit_handler *const handlers[] = {
    [seL4_Fault_CapFault] = on_cap_fault,
    [seL4_Fault_UnknownSyscall] = on_unknown_syscall,
    [seL4_Fault_UserException] = on_user_exception,
    [seL4_Fault_VMFault] = on_vm_fault,
    [seL4_Fault_VCPUFault] = on_vcpu_fault,
};

enum exit_answer exit_handle(struct vcpu *vcpu, seL4_MessageInfo_t info)
{
    seL4_Word label = seL4_MessageInfo_get_label(info);
    CHECK(label < sizeof handlers / sizeof handlers[0] && handlers[label] != NULL);
    return handlers[label](vcpu);
}

/* Whether the kernel's fastpath takes the reply to a VMFault. */
#ifdef CONFIG_EXCEPTION_FASTPATH
enum { FAST_VM_FAULT = true };
#else
enum { FAST_VM_FAULT = false };
#endif

/*
 * Replies to a fault and waits for the next one, in one system call. The next one's message begins
 * with *w0 to *w3, which are variables of their own so that they stay in registers; the rest is in
 * the message registers.
 *
 * A send to the reply object is what ReplyRecv comes to in the kernel, but for its fastpath, which
 * looks for somebody who made a call: it finds a fault after a hundred instructions and starts
 * over. The only faults that it may take are VMFaults.
 */
static inline seL4_MessageInfo_t answer_and_wait(seL4_CPtr fault, seL4_CPtr reply,
                                                 enum exit_answer answer, seL4_Word *w0,
                                                 seL4_Word *w1, seL4_Word *w2, seL4_Word *w3)
{
    const seL4_MessageInfo_t none = seL4_MessageInfo_new(0, 0, 0, 0);
    if (answer == EXIT_SET_REGISTERS) {
        /* It sets what it is long enough for: all up to the program counter, and no more. */
        const seL4_MessageInfo_t all =
            seL4_MessageInfo_new(0, 0, 0, seL4_UnknownSyscall_FaultIP + 1);
        *w0 = seL4_GetMR(0);
        *w1 = seL4_GetMR(1);
        *w2 = seL4_GetMR(2);
        *w3 = seL4_GetMR(3);
        return seL4_NBSendRecvWithMRs(reply, all, fault, NULL, w0, w1, w2, w3, reply);
    }
    if (FAST_VM_FAULT && answer == EXIT_RESUME_VM_FAULT) {
        return seL4_ReplyRecvWithMRs(fault, none, NULL, w0, w1, w2, w3, reply);
    }
    return seL4_NBSendRecvWithMRs(reply, none, fault, NULL, w0, w1, w2, w3, reply);
}

/* A busy guest exits for its timer and for ends of interrupts. False: it was another exit. */
static inline bool serve_interrupt(struct vcpu *vcpu, seL4_MessageInfo_t info, seL4_Word word)
{
    seL4_Word label = seL4_MessageInfo_get_label(info);
    if (label == seL4_Fault_VPPIEvent) {
        on_vppi(vcpu, word);
        return true;
    }
    if (label == seL4_Fault_VGICMaintenance) {
        on_maintenance(vcpu, word);
        return true;
    }
    return false;
}

_Noreturn void exit_serve(struct vcpu *vcpu)
{
    const seL4_CPtr fault = vcpu_slot(vcpu->index, VCPU_SLOT_FAULT);
    const seL4_CPtr reply = vcpu_slot(vcpu->index, VCPU_SLOT_REPLY);
    enum exit_answer answer = EXIT_RESUME;
    for (;;) {
        seL4_Word w0 = 0, w1 = 0, w2 = 0, w3 = 0;
        seL4_MessageInfo_t info = answer_and_wait(fault, reply, answer, &w0, &w1, &w2, &w3);
        while (serve_interrupt(vcpu, info, w0)) {
            pause_here(vcpu);
            info = answer_and_wait(fault, reply, EXIT_RESUME, &w0, &w1, &w2, &w3);
        }
        seL4_SetMR(0, w0);
        seL4_SetMR(1, w1);
        seL4_SetMR(2, w2);
        seL4_SetMR(3, w3);
        answer = exit_handle(vcpu, info);
        pause_here(vcpu);
    }
}
