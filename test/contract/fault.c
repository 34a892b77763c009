// SPDX-License-Identifier: BSD-2-Clause
/* Faults: the message of each kind, from native threads and from guests, and what a reply does. */
#include <stdatomic.h>

#include "lib/format.h"
#include "test/contract/contract.h"
#include "test/contract/native.h"
#include "test/contract/thread.h"
#include "test/contract/vm.h"

enum {
    ESR_CLASS_SHIFT = 26,
    CLASS_WFX = 0x01,
    CLASS_SMC = 0x17,
    CLASS_SYSTEM_REGISTER = 0x18,
    CLASS_FETCH_ABORT = 0x20,
    CLASS_DATA_ABORT = 0x24,
    ESR_VALID_SYNDROME = 1 << 24,
    ESR_WRITE = 1 << 6,
};

/* ---- native threads ---- */

static void nothing(void *argument)
{
    (void)argument;
}

/* Runs a piece of native.S in a thread; its first fault. */
static void native_fault(void (*piece)(void), struct message *m, struct thread *thread,
                         seL4_CPtr *reply)
{
    seL4_CPtr faults = cap_new(seL4_EndpointObject, 0);
    *reply = cap_new(seL4_ReplyObject, 0);
    thread_make(thread, &(struct thread_options){.entry = nothing,
                                                 .fault = cap_mint(faults, seL4_AllRights, 1)});
    seL4_UserContext c = {.pc = (seL4_Word)piece};
    REQUIRE(seL4_TCB_WriteRegisters(thread->tcb, true, 0, 1, &c) == seL4_NoError);
    contract_receive(faults, *reply, m, 20);
}

static void check_native(void)
{
    struct message m;
    struct thread thread;
    seL4_CPtr reply;
    native_fault(native_undefined, &m, &thread, &reply);
    contract_number("native.undefined.fault", m.label, seL4_Fault_UserException);
    contract_number("native.undefined.length", m.length, seL4_UserException_Length);
    contract_claim("native.undefined.ip",
                   m.words[seL4_UserException_FaultIP] == (seL4_Word)native_undefined,
                   "of the instruction");
    native_fault(native_unknown_syscall, &m, &thread, &reply);
    contract_number("native.unknown_syscall.fault", m.label, seL4_Fault_UnknownSyscall);
    contract_number("native.unknown_syscall.length", m.length, seL4_UnknownSyscall_Length);
    contract_number("native.unknown_syscall.number", m.words[seL4_UnknownSyscall_Syscall], 0x77);
    contract_claim("native.unknown_syscall.ip",
                   m.words[seL4_UnknownSyscall_FaultIP] == (seL4_Word)native_unknown_syscall + 4,
                   "of the svc");
    native_fault(native_smc, &m, &thread, &reply);
    contract_number("native.smc.fault", m.label, seL4_Fault_UserException);
    native_fault(native_system_register, &m, &thread, &reply);
    contract_number("native.el1_register.fault", m.label, seL4_Fault_UserException);
}

static void count_up(void *argument)
{
    atomic_fetch_add((_Atomic unsigned *)argument, 1);
}

/* A fault that nobody handles stops the thread; it can be set to go on. */
static void check_unhandled(void)
{
    static _Atomic unsigned count;
    struct thread thread;
    atomic_store(&count, 0);
    thread_make(&thread, &(struct thread_options){.entry = count_up, .argument = (void *)&count});
    seL4_UserContext c, broken = {.pc = (seL4_Word)native_breakpoint};
    REQUIRE(seL4_TCB_ReadRegisters(thread.tcb, false, 0, 1, &c) == seL4_NoError);
    REQUIRE(seL4_TCB_WriteRegisters(thread.tcb, true, 0, 1, &broken) == seL4_NoError);
    contract_wait_ms(2);
    seL4_UserContext seen;
    REQUIRE(seL4_TCB_ReadRegisters(thread.tcb, false, 0, 1, &seen) == seL4_NoError);
    contract_claim("fault.no_handler", seen.pc == broken.pc, "stops at the instruction");
    REQUIRE(seL4_TCB_WriteRegisters(thread.tcb, true, 0, 1, &c) == seL4_NoError);
    contract_claim("fault.no_handler.resume", contract_wait_for(&count, 1, 20), "runs on");
}

/* ---- guests: memory ---- */

static void describe_vm_fault(const char *name, const struct message *m, seL4_Word ip,
                              seL4_Word address, bool prefetch, seL4_Word class)
{
    char text[120];
    format(text, sizeof text, "label %lu, %lu words, ip %s, address %s, prefetch %lu, class 0x%lx",
           m->label, m->length, m->words[seL4_VMFault_IP] == ip ? "ok" : "wrong",
           m->words[seL4_VMFault_Addr] == address ? "ok" : "wrong",
           m->words[seL4_VMFault_PrefetchFault], m->words[seL4_VMFault_FSR] >> ESR_CLASS_SHIFT);
    char expected[120];
    format(expected, sizeof expected,
           "label %u, %u words, ip ok, address ok, prefetch %u, class 0x%lx", seL4_Fault_VMFault,
           seL4_VMFault_Length, prefetch, class);
    contract_line(name, text, expected);
}

static void check_guest_memory(struct vm *vm)
{
    struct message m;
    vm_call(vm, guest_load, 0, VM_NOWHERE + 0x128, 0, &m);
    describe_vm_fault("guest.load.fault", &m, vm_address(guest_load), VM_NOWHERE + 0x128, false,
                      CLASS_DATA_ABORT);
    seL4_Word fsr = m.words[seL4_VMFault_FSR];
    contract_claim("guest.load.syndrome",
                   (fsr & ESR_VALID_SYNDROME) != 0 && (fsr & ESR_WRITE) == 0 &&
                       (fsr >> 16 & 31) == 0 && (fsr >> 22 & 3) == 2,
                   "valid, read, x0, 4 bytes");
    vm_resume(vm, 0);
    vm_wait(vm, &m);
    contract_number("guest.load.reply_without_advance", m.label, seL4_Fault_VMFault);
    vm_resume(vm, 4);
    vm_wait(vm, &m);
    contract_claim("guest.load.advance", vm_reported(&m), "goes on behind the instruction");

    vm_call(vm, guest_store, 0x11, VM_NOWHERE, 0, &m);
    describe_vm_fault("guest.store.fault", &m, vm_address(guest_store), VM_NOWHERE, false,
                      CLASS_DATA_ABORT);
    fsr = m.words[seL4_VMFault_FSR];
    contract_claim("guest.store.syndrome",
                   (fsr & ESR_VALID_SYNDROME) != 0 && (fsr & ESR_WRITE) != 0, "valid, write");
    vm_call(vm, guest_load_pair, 0, VM_NOWHERE, 0, &m);
    describe_vm_fault("guest.load_pair.fault", &m, vm_address(guest_load_pair), VM_NOWHERE, false,
                      CLASS_DATA_ABORT);
    contract_number("guest.load_pair.syndrome", m.words[seL4_VMFault_FSR] & ESR_VALID_SYNDROME, 0);
    vm_call(vm, guest_jump, 0, VM_NOWHERE, 0, &m);
    describe_vm_fault("guest.fetch.fault", &m, VM_NOWHERE, VM_NOWHERE, true, CLASS_FETCH_ABORT);
    vm_call(vm, guest_store, 0, VM_CODE, 0, &m);
    describe_vm_fault("guest.store.read_only.fault", &m, vm_address(guest_store), VM_CODE, false,
                      CLASS_DATA_ABORT);
    vm_call(vm, guest_store, 0x1234, VM_DATA, 0, &m);
    contract_claim("guest.store.memory", vm_reported(&m) && (uint32_t)vm->data[0] == 0x1234,
                   "no fault, seen by the other mapping");
    vm_call(vm, guest_load, 0, VM_DATA, 0, &m);
    contract_number("guest.load.memory", m.words[0], 0x1234);
}

/* ---- guests: calls ---- */

static void check_unknown_syscall(struct vm *vm)
{
    struct message m;
    vm_call(vm, guest_report, 0x10, 0x11, 0x12, &m);
    contract_number("guest.hvc.fault", m.label, seL4_Fault_UnknownSyscall);
    contract_number("guest.hvc.length", m.length, seL4_UnknownSyscall_Length);
    contract_claim("guest.hvc.registers",
                   m.words[0] == 0x10 && m.words[1] == 0x11 && m.words[2] == 0x12 &&
                       m.words[seL4_UnknownSyscall_X7] == 0,
                   "x0 to x7");
    contract_claim("guest.hvc.ip",
                   m.words[seL4_UnknownSyscall_FaultIP] == vm_address(guest_report) + 4,
                   "of the hvc");
    contract_number("guest.hvc.spsr", m.words[seL4_UnknownSyscall_SPSR] & 0x3cf, SPSR_EL1H_MASKED);

    /* A reply of 8 words sets x0..x7, the ninth the PC. */
    seL4_UserContext c;
    for (int i = 0; i < 8; i++) {
        seL4_SetMR(i, 0x70u + (unsigned)i);
    }
    seL4_SetMR(seL4_UnknownSyscall_FaultIP, vm_address(guest_report));
    seL4_Send(vm->reply, seL4_MessageInfo_new(0, 0, 0, seL4_UnknownSyscall_FaultIP + 1));
    vm_wait(vm, &m);
    contract_claim("guest.hvc.reply_sets",
                   m.words[0] == 0x70 && m.words[3] == 0x73 && m.words[6] == 0x76 &&
                       m.words[seL4_UnknownSyscall_FaultIP] == vm_address(guest_report) + 4,
                   "x0 to x7 and the PC");
    seL4_Send(vm->reply, seL4_MessageInfo_new(0, 0, 0, 0));
    vm_wait(vm, &m);
    contract_claim("guest.hvc.empty_reply",
                   m.words[seL4_UnknownSyscall_FaultIP] == vm_address(guest_report) + 4,
                   "executes the hvc again");
    seL4_Send(vm->reply, seL4_MessageInfo_new(1, 0, 0, 0));
    contract_claim("guest.hvc.reply_with_label", vm_quiet(vm), "stays stopped");
    REQUIRE(seL4_TCB_ReadRegisters(vm->tcb, false, 0, 1, &c) == seL4_NoError);
    vm->started = false;
    vm_call(vm, guest_report, 5, 0, 0, &m);
    contract_number("guest.resume_after_stop", m.words[0], 5);
}

/*
 * What a guest's hvc does with each number that seL4 knows, in an empty CSpace of one slot pair: x0
 * = 0 names an empty slot there, and a message of no words and no capabilities.
 */
static void check_system_calls(struct vm *vm)
{
    static const struct {
        const char *name;
        seL4_Word number;
        const char *expected;
    } calls[] = {
        {"guest.hvc.call",        (seL4_Word)seL4_SysCall,       "returns"       },
        {"guest.hvc.reply_recv",  (seL4_Word)seL4_SysReplyRecv,  "CapFault"      },
        {"guest.hvc.nbsend_recv", (seL4_Word)seL4_SysNBSendRecv, "CapFault"      },
        {"guest.hvc.nbsend_wait", (seL4_Word)seL4_SysNBSendWait, "CapFault"      },
        {"guest.hvc.send",        (seL4_Word)seL4_SysSend,       "returns"       },
        {"guest.hvc.nbsend",      (seL4_Word)seL4_SysNBSend,     "returns"       },
        {"guest.hvc.recv",        (seL4_Word)seL4_SysRecv,       "CapFault"      },
        {"guest.hvc.nbrecv",      (seL4_Word)seL4_SysNBRecv,     "CapFault"      },
        {"guest.hvc.wait",        (seL4_Word)seL4_SysWait,       "CapFault"      },
        {"guest.hvc.nbwait",      (seL4_Word)seL4_SysNBWait,     "CapFault"      },
        {"guest.hvc.yield",       (seL4_Word)seL4_SysYield,      "returns"       },
        {"guest.hvc.positive",    0x84000000,                    "UnknownSyscall"},
    };
    for (unsigned i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        struct message m;
        seL4_UserContext c = {.pc = vm_address(guest_hvc), .spsr = SPSR_EL1H_MASKED};
        c.x7 = calls[i].number;
        REQUIRE(seL4_TCB_WriteRegisters(vm->tcb, false, 0, 11, &c) == seL4_NoError);
        vm_resume(vm, 0);
        const char *seen = "nothing";
        if (vm_wait(vm, &m)) {
            seen = m.label == seL4_Fault_CapFault         ? "CapFault"
                   : m.label != seL4_Fault_UnknownSyscall ? "another fault"
                   : m.words[seL4_UnknownSyscall_FaultIP] == vm_address(guest_hvc)
                       ? "UnknownSyscall"
                       : "returns";
        }
        contract_line(calls[i].name, seen, calls[i].expected);
        if (m.label == seL4_Fault_CapFault) {
            REQUIRE(m.words[seL4_CapFault_IP] == vm_address(guest_hvc));
        }
    }
}

/* The same in a CSpace whose guard leaves no address but one: what is sent faults as well. */
static void check_guarded_cspace(struct vm *vm)
{
    struct message m;
    seL4_Word guard = seL4_CNode_CapData_new(1, seL4_WordBits - 1).words[0];
    seL4_UserContext c = {.pc = vm_address(guest_hvc), .spsr = SPSR_EL1H_MASKED};
    REQUIRE(seL4_TCB_SetSpace(vm->tcb, vm->badged_faults, vm->cspace, guard, vm->vspace, 0) ==
            seL4_NoError);
    c.x7 = (seL4_Word)seL4_SysSend;
    REQUIRE(seL4_TCB_WriteRegisters(vm->tcb, false, 0, 11, &c) == seL4_NoError);
    vm_resume(vm, 0);
    vm_wait(vm, &m);
    contract_number("guest.hvc.send.guarded", m.label, seL4_Fault_CapFault);
    contract_claim("guest.hvc.send.guarded.ip", m.words[seL4_CapFault_IP] == vm_address(guest_hvc),
                   "of the hvc");
    contract_number("guest.hvc.send.guarded.in_receive", m.words[seL4_CapFault_InRecvPhase], 0);
    vm_resume(vm, 4);
    vm_wait(vm, &m);
    contract_claim("guest.hvc.send.guarded.advance", vm_reported(&m), "goes on behind the hvc");
}

/* ---- guests: instructions ---- */

static void describe_vcpu_fault(const char *name, const struct message *m, seL4_Word class)
{
    char text[80], expected[80];
    format(text, sizeof text, "label %lu, %lu words, class 0x%lx", m->label, m->length,
           m->words[seL4_VCPUFault_HSR] >> ESR_CLASS_SHIFT);
    format(expected, sizeof expected, "label %u, %u words, class 0x%lx", seL4_Fault_VCPUFault,
           seL4_VCPUFault_Length, class);
    contract_line(name, text, expected);
}

static void check_traps(struct vm *vm)
{
    struct message m;
    seL4_UserContext c;
    vm_call(vm, guest_smc, 0x84000000, 0x21, 0x22, &m);
    describe_vcpu_fault("guest.smc.fault", &m, CLASS_SMC);
    REQUIRE(seL4_TCB_ReadRegisters(vm->tcb, false, 0, 6, &c) == seL4_NoError);
    contract_claim("guest.smc.registers",
                   c.pc == vm_address(guest_smc) && c.x0 == 0x84000000 && c.x1 == 0x21 &&
                       c.x2 == 0x22,
                   "pc of the smc, its arguments");
    c.pc += 4;
    c.x0 = 0x10001;
    REQUIRE(seL4_TCB_WriteRegisters(vm->tcb, false, 0, 4, &c) == seL4_NoError);
    vm_resume(vm, 0);
    vm_wait(vm, &m);
    contract_claim("guest.smc.answer",
                   vm_reported(&m) && m.words[0] == 0x10001 && m.words[1] == 0x21,
                   "x0 set, x1 kept");

    vm_call(vm, guest_wfi, 0, 0, 0, &m);
    describe_vcpu_fault("guest.wfi.fault", &m, CLASS_WFX);
    contract_number("guest.wfi.is_wfe", m.words[0] & 1, 0);
    vm_resume(vm, 4);
    vm_wait(vm, &m);
    contract_claim("guest.wfi.advance", vm_reported(&m), "goes on behind the wfi");
    vm_call(vm, guest_wfe, 0, 0, 0, &m);
    /* QEMU never traps it; hardware does when the event register is clear. */
    contract_claim("guest.wfe.fault",
                   vm_reported(&m) ||
                       (m.label == seL4_Fault_VCPUFault &&
                        m.words[0] >> ESR_CLASS_SHIFT == CLASS_WFX && (m.words[0] & 1) == 1),
                   "none, or as wfi's but for the bit");

    if (vm_gic() == 0) {
        vm_call(vm, guest_sgi1r, 0x0f000001, 0, 0, &m);
        describe_vcpu_fault("guest.sgi1r.fault", &m, CLASS_SYSTEM_REGISTER);
        vm_call(vm, guest_icc_sre, 0, 0, 0, &m);
        /* QEMU 7 does not look at ICC_SRE_EL2.Enable. */
        contract_claim("guest.icc_sre.fault",
                       vm_reported(&m) || (m.label == seL4_Fault_VCPUFault &&
                                           m.words[0] >> ESR_CLASS_SHIFT == CLASS_SYSTEM_REGISTER),
                       "none, or as ICC_SGI1R's");
    } else {
        contract_skip("guest.sgi1r.fault", "GICv2");
        contract_skip("guest.icc_sre.fault", "GICv2");
    }
    vm_call(vm, guest_undefined, 0, 0, 0, &m);
    contract_claim("guest.undefined", vm_reported(&m) && m.words[3] == 4, "its own exception");
    vm_call(vm, guest_read_midr, 0, 0, 0, &m);
    contract_claim("guest.id_register", vm_reported(&m) && m.words[0] != 0, "not trapped");
    vm_call(vm, guest_debug_register, 0, 0, 0, &m);
    contract_claim("guest.debug_register", vm_reported(&m), "not trapped");
}

void fault_run(void)
{
    struct vm vm;
    struct message m;
    check_native();
    check_unhandled();
    vm_make(&vm, 0);
    REQUIRE(vm_call(&vm, guest_report, 0, 0, 0, &m) && vm_reported(&m));
    check_guest_memory(&vm);
    check_unknown_syscall(&vm);
    check_traps(&vm);
    check_system_calls(&vm);
    check_guarded_cspace(&vm);
}
