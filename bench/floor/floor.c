// SPDX-License-Identifier: BSD-2-Clause
/*
 * The floor: what the kernel alone charges for an exit. A root task that runs the bench guests on
 * bare vCPUs, with handlers that make the kernel calls which a VMM cannot do without, and nothing
 * else: they look nothing up, lock nothing, count nothing and keep no state of an interrupt
 * controller. Objects and threads are those of test/contract.
 */
#include <sel4/sel4.h>
#include <stdatomic.h>
#include <string.h>

#include "test/contract/contract.h"
#include "test/contract/thread.h"

enum {
    GUEST_BASE = 0x40200000,
    GICC_BASE = 0x08010000,
    GICD_BASE = 0x08000000,
    GICD_CTLR = 0x000,
    GICD_SGIR = 0xf00,
    NOWHERE = 0x0b000000,
    UART_BASE = 0x09000000,

    VCPU_COUNT = 2,
    PRIORITY_GUEST = 100,
    PRIORITY_HANDLER = 101,
    PRIORITY_ALARM = 102,
    SLICE_US = 10000,
    TICKS_PER_US = 62, /* 62.5, so that nobody sleeps too long */

    INSTRUCTION_BYTES = 4,
    SPSR_EL1H_MASKED = 0x3c5,
    IRQ_VTIMER = 27,
    IRQ_RTC = 34,
    RTC_BASE = 0x09010000,
    LR_TIMER = 0,
    LR_SGI = 1,
    LR_DEVICE = 2,

    EC_WFX = 0x01,
    EC_SMC = 0x17,
    EC_SYSREG = 0x18,

    PSCI_VERSION_1_1 = 0x10001,
};

#define PSCI_VERSION    0x84000000u
#define PSCI_CPU_ON     0xc4000003u
#define PSCI_SYSTEM_OFF 0x84000008u

__thread seL4_IPCBuffer *__sel4_ipc_buffer;

extern const unsigned char floor_guest[], floor_guest_end[];
extern const seL4_Word floor_core; /* of the first vCPU; the second one's is 0 */

static struct vcpu {
    unsigned index;
    struct thread handler, alarm;
    seL4_CPtr tcb, vcpu, sc, alarm_sc, alarm_control, fault, reply, wake, alarm_set;
    uint64_t deadline;
} vcpus[VCPU_COUNT];

static seL4_CPtr done;
static seL4_CPtr device_irq, device_signal; /* of the guest's PL031, which is the board's */
static unsigned irq_group;

/* ---- what test/contract wants of its main program ---- */

static void put(char c)
{
    *memory_device(DEVICE_UART) = (uint32_t)c;
}

void contract_note(const char *fmt, ...)
{
    for (; *fmt != '\0'; fmt++) {
        put(*fmt);
    }
    put('\n');
}

_Noreturn void contract_stop(const char *file, int line, const char *condition)
{
    (void)file, (void)line;
    contract_note(condition);
    for (;;) {
        seL4_TCB_Suspend(seL4_CapInitThreadTCB);
    }
}

_Noreturn void __assert_fail(const char *condition, const char *file, int line,
                             const char *function);
_Noreturn void __assert_fail(const char *condition, const char *file, int line,
                             const char *function)
{
    (void)function;
    contract_stop(file, line, condition);
}

bool contract_wait_signal(seL4_CPtr notification, unsigned limit_ms, seL4_Word *badge)
{
    (void)limit_ms;
    seL4_Wait(notification, badge);
    return true;
}

/* ---- the exits ---- */

static const uint8_t register_index[31] = {
#define INDEX(name) offsetof(seL4_UserContext, name) / sizeof(seL4_Word)
    INDEX(x0),  INDEX(x1),  INDEX(x2),  INDEX(x3),  INDEX(x4),  INDEX(x5),  INDEX(x6),  INDEX(x7),
    INDEX(x8),  INDEX(x9),  INDEX(x10), INDEX(x11), INDEX(x12), INDEX(x13), INDEX(x14), INDEX(x15),
    INDEX(x16), INDEX(x17), INDEX(x18), INDEX(x19), INDEX(x20), INDEX(x21), INDEX(x22), INDEX(x23),
    INDEX(x24), INDEX(x25), INDEX(x26), INDEX(x27), INDEX(x28), INDEX(x29), INDEX(x30),
#undef INDEX
};

/* What has no answer that anybody needs is sent, not called: that costs the kernel less. */
static void send(seL4_CPtr cap, seL4_Word label, unsigned length, seL4_Word word)
{
    seL4_NBSendWithMRs(cap, seL4_MessageInfo_new(label, 0, 0, length), &word, NULL, NULL, NULL);
}

static void write_registers(struct vcpu *v, unsigned count, const seL4_UserContext *context)
{
    const seL4_Word *word = (const seL4_Word *)context;
    seL4_Word flags = 0, words = count, pc = context->pc, sp = count > 1 ? context->sp : 0;
    for (unsigned i = 2; i < count; i++) {
        seL4_SetMR((int)(2 + i), word[i]);
    }
    seL4_NBSendWithMRs(v->tcb, seL4_MessageInfo_new(TCBWriteRegisters, 0, 0, 2 + count), &flags,
                       &words, &pc, &sp);
}

static void write_pc(struct vcpu *v, seL4_Word pc)
{
    seL4_UserContext context;
    context.pc = pc;
    write_registers(v, 1, &context);
}

static void inject(struct vcpu *v, unsigned lr, unsigned intid)
{
    send(v->vcpu, ARMVCPUInjectIRQ, 1, (seL4_Word)lr << 32 | irq_group << 24 | intid);
}

/* GICD_SGIR and ICC_SGI1R_EL1 both have their targets in a bit each. */
static void send_sgi(struct vcpu *v, unsigned targets, unsigned sgi)
{
    for (unsigned i = 0; i < VCPU_COUNT; i++) {
        if ((targets & 1u << i) != 0) {
            inject(&vcpus[i], LR_SGI, sgi);
            if (i != v->index) {
                seL4_Signal(vcpus[i].wake);
            }
        }
    }
}

static seL4_Word firmware(seL4_Word function, seL4_Word entry)
{
    if (function == PSCI_SYSTEM_OFF) {
        seL4_Signal(done);
    } else if (function == PSCI_CPU_ON) {
        seL4_UserContext context = {.pc = entry, .spsr = SPSR_EL1H_MASKED, .x0 = 1};
        seL4_TCB_WriteRegisters(vcpus[1].tcb, 1, 0, 4, &context);
        return 0;
    }
    return PSCI_VERSION_1_1;
}

/*
 * The reply sets x0 to x7 and the PC. What the fault message had of them is still in the message
 * registers, but for the case that firmware made a call: then the guest's x4 to x7 were zero.
 */
static seL4_MessageInfo_t on_hypercall(void)
{
    seL4_Word pc = seL4_GetMR(seL4_UnknownSyscall_FaultIP);
    seL4_Word result = firmware(seL4_GetMR(seL4_UnknownSyscall_X0), seL4_GetMR(2));
    if (result == 0) {
        for (int i = seL4_UnknownSyscall_X4; i <= seL4_UnknownSyscall_X7; i++) {
            seL4_SetMR(i, 0);
        }
    }
    seL4_SetMR(seL4_UnknownSyscall_X0, result);
    seL4_SetMR(seL4_UnknownSyscall_FaultIP, pc + INSTRUCTION_BYTES);
    return seL4_MessageInfo_new(0, 0, 0, seL4_UnknownSyscall_FaultIP + 1);
}

static void on_smc(struct vcpu *v)
{
    seL4_UserContext context;
    seL4_TCB_ReadRegisters(v->tcb, 0, 0, register_index[3] + 1, &context);
    context.x0 = firmware(context.x0, context.x2);
    context.pc += INSTRUCTION_BYTES;
    write_registers(v, register_index[0] + 1, &context);
}

static void on_sysreg(struct vcpu *v, seL4_Word syndrome)
{
    unsigned reg = syndrome >> 5 & 31;
    seL4_UserContext context;
    seL4_TCB_ReadRegisters(v->tcb, 0, 0, reg == 31 ? 1 : register_index[reg] + 1u, &context);
    seL4_Word value = reg == 31 ? 0 : ((seL4_Word *)&context)[register_index[reg]];
    send_sgi(v, (unsigned)value & 0xffff, value >> 24 & 15);
    write_pc(v, context.pc + INSTRUCTION_BYTES);
}

static void on_wfi(struct vcpu *v)
{
    seL4_UserContext context;
    if (seL4_ARM_VCPU_ReadRegs(v->vcpu, seL4_VCPUReg_CNTV_CTL).value == 1) {
        v->deadline = seL4_ARM_VCPU_ReadRegs(v->vcpu, seL4_VCPUReg_CNTV_CVAL).value;
        seL4_Signal(v->alarm_set);
    }
    seL4_Wait(v->wake, NULL);
    seL4_TCB_ReadRegisters(v->tcb, 0, 0, 1, &context);
    write_pc(v, context.pc + INSTRUCTION_BYTES);
}

static void on_vcpu_fault(struct vcpu *v)
{
    seL4_Word syndrome = seL4_GetMR(seL4_VCPUFault_HSR);
    switch (syndrome >> 26) {
    case EC_WFX:
        on_wfi(v);
        break;
    case EC_SMC:
        on_smc(v);
        break;
    case EC_SYSREG:
        on_sysreg(v, syndrome);
        break;
    default:
        contract_stop(__FILE__, __LINE__, "a trap that no bench guest causes");
    }
}

/* An abort into the guest: what it takes to change its exception state. */
static void abort_guest(struct vcpu *v, seL4_Word address, seL4_Word syndrome)
{
    enum { TO_SPSR = 3, VECTOR_CURRENT = 0x200, ESR_ABORT = 0x96000010 };
    (void)syndrome;
    seL4_UserContext context;
    seL4_TCB_ReadRegisters(v->tcb, 0, 0, TO_SPSR, &context);
    seL4_Word vbar = seL4_ARM_VCPU_ReadRegs(v->vcpu, seL4_VCPUReg_VBAR).value;
    (void)seL4_ARM_VCPU_ReadRegs(v->vcpu, seL4_VCPUReg_SCTLR);
    seL4_ARM_VCPU_WriteRegs(v->vcpu, seL4_VCPUReg_ELR_EL1, context.pc);
    seL4_ARM_VCPU_WriteRegs(v->vcpu, seL4_VCPUReg_SPSR_EL1, context.spsr);
    seL4_ARM_VCPU_WriteRegs(v->vcpu, seL4_VCPUReg_ESR, ESR_ABORT);
    seL4_ARM_VCPU_WriteRegs(v->vcpu, seL4_VCPUReg_FAR, address);
    context.pc = vbar + VECTOR_CURRENT;
    context.spsr = SPSR_EL1H_MASKED;
    write_registers(v, TO_SPSR, &context);
}

static void on_vm_fault(struct vcpu *v)
{
    seL4_Word pc = seL4_GetMR(seL4_VMFault_IP), address = seL4_GetMR(seL4_VMFault_Addr);
    seL4_Word syndrome = seL4_GetMR(seL4_VMFault_FSR);
    unsigned reg = syndrome >> 16 & 31;
    bool is_write = (syndrome >> 6 & 1) != 0;
    seL4_UserContext context; /* not cleared: only what is needed is read and written */
    if ((address & ~0xffful) == NOWHERE) {
        abort_guest(v, address, syndrome);
        return;
    }
    unsigned count = reg == 31 ? 1 : register_index[reg] + 1u;
    if (reg != 31) {
        seL4_TCB_ReadRegisters(v->tcb, 0, 0, count, &context);
    }
    seL4_Word *value = (seL4_Word *)&context + register_index[reg % 31];
    if (is_write && address == UART_BASE) {
        put((char)*value);
    } else if (is_write && address == GICD_BASE + GICD_SGIR && reg != 31) {
        send_sgi(v, *value >> 16 & 0xff, *value & 15);
    } else if (is_write && address == GICD_BASE + GICD_CTLR) {
        irq_group = *value >> 1 & 1; /* with GICv3 the guest enables group 1 */
    } else if (!is_write) {
        *value = 0;
    }
    context.pc = pc + INSTRUCTION_BYTES;
    write_registers(v, is_write ? 1 : count, &context);
}

static void handle(struct vcpu *v, seL4_Word label, seL4_MessageInfo_t *answer)
{
    *answer = seL4_MessageInfo_new(0, 0, 0, 0);
    switch (label) {
    case seL4_Fault_UnknownSyscall:
        *answer = on_hypercall();
        break;
    case seL4_Fault_VMFault:
        on_vm_fault(v);
        break;
    case seL4_Fault_VCPUFault:
        on_vcpu_fault(v);
        break;
    case seL4_Fault_VPPIEvent:
        inject(v, LR_TIMER, IRQ_VTIMER);
        break;
    case seL4_Fault_VGICMaintenance:
        switch (seL4_GetMR(seL4_VGICMaintenance_IDX)) {
        case LR_TIMER:
            send(v->vcpu, ARMVCPUAckVPPI, 1, IRQ_VTIMER);
            break;
        case LR_DEVICE:
            send(device_irq, IRQAckIRQ, 0, 0);
            break;
        default:
            break;
        }
        break;
    default:
        contract_stop(__FILE__, __LINE__, "a fault that no bench guest causes");
    }
}

/* A send to the reply object, where the fastpath of ReplyRecv would turn the fault away. */
#ifdef CONFIG_EXCEPTION_FASTPATH
enum { FAST_VM_FAULT = true };
#else
enum { FAST_VM_FAULT = false };
#endif

static void handler_thread(void *argument)
{
    struct vcpu *v = argument;
    seL4_MessageInfo_t answer = seL4_MessageInfo_new(0, 0, 0, 0);
    seL4_MessageInfo_t fault = seL4_NBSendRecv(done, answer, v->fault, NULL, v->reply);
    for (;;) {
        seL4_Word label = seL4_MessageInfo_get_label(fault);
        handle(v, label, &answer);
        if (FAST_VM_FAULT && label == seL4_Fault_VMFault) {
            fault = seL4_ReplyRecv(v->fault, answer, NULL, v->reply);
        } else {
            fault = seL4_NBSendRecv(v->reply, answer, v->fault, NULL, v->reply);
        }
    }
}

/* Sleeps as service/timer does: it gives its own context a period and yields. */
static void alarm_thread(void *argument)
{
    struct vcpu *v = argument;
    for (;;) {
        seL4_Wait(v->alarm_set, NULL);
        uint64_t now;
        __asm__ volatile("isb; mrs %0, cntpct_el0" : "=r"(now));
        uint64_t distance_us = v->deadline > now ? (v->deadline - now) * 16 / 1000 : 1;
        seL4_SchedControl_ConfigureFlags(v->alarm_control, v->alarm_sc, distance_us - 1,
                                         distance_us, 0, 0, 0);
        seL4_Yield();
        seL4_SchedControl_ConfigureFlags(v->alarm_control, v->alarm_sc, SLICE_US, SLICE_US, 0, 0,
                                         0);
        seL4_Signal(v->wake);
    }
}

static void device_thread(void *argument)
{
    struct vcpu *v = argument;
    for (;;) {
        seL4_Wait(device_signal, NULL);
        inject(v, LR_DEVICE, IRQ_RTC);
    }
}

/* ---- the machine ---- */

static seL4_CPtr new_vspace(const unsigned char *bytes, const unsigned char *end)
{
    seL4_CPtr frame, vspace = memory_new_vspace();
    void *memory = memory_new(seL4_LargePageBits, &frame);
    memcpy(memory, bytes, (size_t)(end - bytes));
    REQUIRE(seL4_ARM_Page_CleanInvalidate_Data(frame, 0, 1ul << seL4_LargePageBits) == 0);
    REQUIRE(seL4_ARM_Page_Unify_Instruction(frame, 0, 1ul << seL4_LargePageBits) == 0);
    memory_map(cap_copy(frame, seL4_AllRights), vspace, GUEST_BASE, seL4_AllRights);
    if (memory_device_frame(DEVICE_GICV) != seL4_CapNull) {
        memory_map(cap_copy(memory_device_frame(DEVICE_GICV), seL4_AllRights), vspace, GICC_BASE,
                   seL4_ReadWrite);
    }
    return vspace;
}

/* The board's PL031 for the guest: its registers, and its interrupt by a thread of the first vCPU.
 */
static void pass_device(struct vcpu *v, seL4_CPtr vspace, unsigned core)
{
    static struct thread thread;
    device_irq = cap_slot();
    device_signal = cap_new(seL4_NotificationObject, 0);
    REQUIRE(seL4_IRQControl_GetTrigger(seL4_CapIRQControl, IRQ_RTC, 0, seL4_CapInitThreadCNode,
                                       device_irq, ROOT_DEPTH) == 0);
    REQUIRE(seL4_IRQHandler_SetNotification(device_irq, device_signal) == 0);
    memory_map(cap_copy(memory_device_frame(DEVICE_RTC), seL4_AllRights), vspace, RTC_BASE,
               seL4_ReadWrite);
    const struct thread_options options = {
        .entry = device_thread, .argument = v, .priority = PRIORITY_ALARM, .core = core};
    thread_start(&thread, &options);
    seL4_TCB_SetFlags(thread.tcb, 0, seL4_TCBFlag_fpuDisabled);
}

static void make_vcpu(struct vcpu *v, unsigned index, seL4_CPtr vspace, unsigned core)
{
    *v = (struct vcpu){.index = index};
    v->fault = cap_new(seL4_EndpointObject, 0);
    v->reply = cap_new(seL4_ReplyObject, 0);
    v->wake = cap_new(seL4_NotificationObject, 0);
    v->alarm_set = cap_new(seL4_NotificationObject, 0);
    v->tcb = cap_new(seL4_TCBObject, 0);
    v->vcpu = cap_new(seL4_ARM_VCPUObject, 0);
    v->sc = thread_new_sc(core, SLICE_US, SLICE_US);
    REQUIRE(seL4_TCB_Configure(v->tcb, cap_new(seL4_CapTableObject, 1), 0, vspace, 0, 0,
                               seL4_CapNull) == 0);
    REQUIRE(seL4_TCB_SetSchedParams(v->tcb, seL4_CapInitThreadTCB, PRIORITY_GUEST, PRIORITY_GUEST,
                                    v->sc, v->fault) == 0);
    REQUIRE(seL4_ARM_VCPU_SetTCB(v->vcpu, v->tcb) == 0);
    REQUIRE(seL4_ARM_VCPU_WriteRegs(v->vcpu, seL4_VCPUReg_VMPIDR_EL2, 1ul << 31 | index) == 0);

    const struct thread_options handler = {
        .entry = handler_thread, .argument = v, .priority = PRIORITY_HANDLER, .core = core};
    thread_start_passive(&v->handler, &handler, done);
    seL4_TCB_SetFlags(v->handler.tcb, 0, seL4_TCBFlag_fpuDisabled);
    const struct thread_options alarm = {
        .entry = alarm_thread, .argument = v, .priority = PRIORITY_ALARM, .core = core};
    v->alarm_control = contract_bootinfo->schedcontrol.start + core;
    thread_start(&v->alarm, &alarm);
    v->alarm_sc = v->alarm.sc;
}

void contract_main(const seL4_BootInfo *bootinfo);

void contract_main(const seL4_BootInfo *bootinfo)
{
    static uint64_t tls[4];
    __asm__ volatile("msr tpidr_el0, %0" ::"r"(tls));
    __sel4_ipc_buffer = bootinfo->ipcBuffer;
    objects_open(bootinfo);
    objects_begin();
    done = cap_new(seL4_NotificationObject, 0);
    seL4_CPtr vspace = new_vspace(floor_guest, floor_guest_end);
    make_vcpu(&vcpus[0], 0, vspace, (unsigned)floor_core);
    make_vcpu(&vcpus[1], 1, vspace, 0);
    pass_device(&vcpus[0], vspace, (unsigned)floor_core);
    seL4_UserContext context = {.pc = GUEST_BASE, .spsr = SPSR_EL1H_MASKED};
    REQUIRE(seL4_TCB_WriteRegisters(vcpus[0].tcb, 1, 0, 3, &context) == 0);
    seL4_Wait(done, NULL);
    contract_stop(__FILE__, __LINE__, "the guest is off");
}
