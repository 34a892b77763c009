// SPDX-License-Identifier: BSD-2-Clause
#include "vmm/vcpu.h"

#include "lib/aarch64/cpu.h"
#include "lib/check.h"
#include "link/map.h"
#include "vmm/exit.h"
#include "vmm/ptimer.h"

enum {
    SPSR_EL1H_MASKED = 0x3c5, /* EL1 with its own stack pointer; D, A, I and F masked */
    WORDS_BEFORE = 2,         /* flags and count, before the registers of a message */
    CONTEXT_ALL = sizeof(seL4_UserContext) / sizeof(seL4_Word),
    CNTV_CTL_ENABLE = 1,
    CNTV_CTL_IMASK = 2,
    /* A guest that waits with something in a list register, which may be pending, waits so long: it
     * does not hang, and what it takes of its core is below one percent. */
    DOZE_US = 1000,
};

/* SCTLR_EL1 at a cold start: only what is RES1 in ARMv8.0 (Arm ARM D17.2.118). */
#define SCTLR_RESET 0x30d00800ull

/* A guest-physical address where nothing ever is: fetching from it makes a fresh vCPU fault. */
#define PARK_ADDRESS 0

static _Alignas(16) uint8_t vcpu_stacks[VCPU_MAX][VCPU_STACK_BYTES];

static const uint8_t register_index[31] = {
#define INDEX(name) offsetof(seL4_UserContext, name) / sizeof(seL4_Word)
    INDEX(x0),  INDEX(x1),  INDEX(x2),  INDEX(x3),  INDEX(x4),  INDEX(x5),  INDEX(x6),  INDEX(x7),
    INDEX(x8),  INDEX(x9),  INDEX(x10), INDEX(x11), INDEX(x12), INDEX(x13), INDEX(x14), INDEX(x15),
    INDEX(x16), INDEX(x17), INDEX(x18), INDEX(x19), INDEX(x20), INDEX(x21), INDEX(x22), INDEX(x23),
    INDEX(x24), INDEX(x25), INDEX(x26), INDEX(x27), INDEX(x28), INDEX(x29), INDEX(x30),
#undef INDEX
};

unsigned vcpu_register_count(unsigned n)
{
    return register_index[n] + 1u;
}

seL4_Word *vcpu_register(seL4_UserContext *context, unsigned n)
{
    return (seL4_Word *)context + register_index[n];
}

/*
 * TCB_ReadRegisters and TCB_WriteRegisters with as many words as are asked for (seL4 manual, "TCB -
 * Read Registers"). The functions that libsel4 generates from the same description copy all 36,
 * whatever the count is. The first four words of a message are in registers.
 */
struct message_start {
    seL4_Word word[4];
};

static struct message_start read_words(const struct vcpu *vcpu, unsigned count)
{
    struct message_start start = {
        {0, count, 0, 0}
    };
    seL4_MessageInfo_t info = seL4_MessageInfo_new(TCBReadRegisters, 0, 0, WORDS_BEFORE);
    info = seL4_CallWithMRs(vcpu_slot(vcpu->index, VCPU_SLOT_TCB), info, &start.word[0],
                            &start.word[1], &start.word[2], &start.word[3]);
    CHECK(seL4_MessageInfo_get_label(info) == seL4_NoError);
    return start;
}

/*
 * The words from the third on are in the message registers already, from WORDS_BEFORE + 2 on. Sent,
 * not called: the kernel takes any registers of a vCPU that waits for its handler, and an answer
 * costs it more.
 */
static void write_words(const struct vcpu *vcpu, unsigned count, seL4_Word pc, seL4_Word sp)
{
    seL4_Word flags = 0, words = count;
    seL4_NBSendWithMRs(vcpu_slot(vcpu->index, VCPU_SLOT_TCB),
                       seL4_MessageInfo_new(TCBWriteRegisters, 0, 0, WORDS_BEFORE + count), &flags,
                       &words, &pc, &sp);
}

void vcpu_read(const struct vcpu *vcpu, seL4_UserContext *context, unsigned count)
{
    struct message_start start = read_words(vcpu, count);
    seL4_Word *word = (seL4_Word *)context;
    for (unsigned i = 0; i < count; i++) {
        word[i] = i < 4 ? start.word[i] : seL4_GetMR((int)i);
    }
}

void vcpu_write(const struct vcpu *vcpu, const seL4_UserContext *context, unsigned count)
{
    const seL4_Word *word = (const seL4_Word *)context;
    for (unsigned i = 2; i < count; i++) {
        seL4_SetMR((int)(WORDS_BEFORE + i), word[i]);
    }
    write_words(vcpu, count, context->pc, count > 1 ? context->sp : 0);
}

uint64_t vcpu_read_x(const struct vcpu *vcpu, unsigned n)
{
    struct message_start start = read_words(vcpu, vcpu_register_count(n));
    return n == 0 ? start.word[register_index[0]] : seL4_GetMR(register_index[n]);
}

void vcpu_write_pc(const struct vcpu *vcpu, uint64_t pc)
{
    write_words(vcpu, 1, pc, 0);
}

bool vcpu_write_x(const struct vcpu *vcpu, unsigned n, uint64_t value, uint64_t pc)
{
    enum { SPSR = 2, SPSR_AARCH32 = 1 << 4 };
    unsigned count = vcpu_register_count(n);
    struct message_start start = read_words(vcpu, count);
    if ((start.word[SPSR] & SPSR_AARCH32) != 0) {
        return false;
    }
    /* What was read becomes what is written, two words further on. */
    for (unsigned i = count - 1; i >= 4; i--) {
        seL4_SetMR((int)(WORDS_BEFORE + i), seL4_GetMR((int)i));
    }
    seL4_SetMR(WORDS_BEFORE + 3, start.word[3]);
    seL4_SetMR(WORDS_BEFORE + 2, start.word[2]);
    seL4_SetMR(WORDS_BEFORE + register_index[n], value);
    write_words(vcpu, count, pc, start.word[1]);
    return true;
}

uint64_t vcpu_read_register(const struct vcpu *vcpu, seL4_VCPUReg reg)
{
    seL4_ARM_VCPU_ReadRegs_t result =
        seL4_ARM_VCPU_ReadRegs(vcpu_slot(vcpu->index, VCPU_SLOT_VCPU), reg);
    CHECK(result.error == seL4_NoError);
    return result.value;
}

void vcpu_write_register(const struct vcpu *vcpu, seL4_VCPUReg reg, uint64_t value)
{
    CHECK(seL4_ARM_VCPU_WriteRegs(vcpu_slot(vcpu->index, VCPU_SLOT_VCPU), reg, value) ==
          seL4_NoError);
}

/* ---- sleeping and waking
 * -------------------------------------------------------------------------- */

/*
 * The event thread's last wake-up enters the kernel together with its wait: one entry less for each
 * answer of a device. Who sleeps holds no lock that the event thread may want in between.
 */
static __thread struct {
    bool allowed; /* this is the event thread */
    seL4_CPtr cap;
} late_wake;

/*
 * A sleeper announces itself and then looks once more at its reasons to stay awake; a waker changes
 * a reason and then looks for a sleeper. Both orders are sequentially consistent, and the
 * notification keeps a signal that comes early, so no wake-up is lost.
 */
void vcpu_wake(unsigned index)
{
    if (atomic_load(&vmm.vcpu[index].sleep) != VCPU_ASLEEP) {
        return;
    }
    seL4_CPtr wake = vcpu_slot(index, VCPU_SLOT_WAKE);
    if (!late_wake.allowed) {
        seL4_Signal(wake);
        return;
    }
    if (late_wake.cap != 0 && late_wake.cap != wake) {
        seL4_Signal(late_wake.cap);
    }
    late_wake.cap = wake;
}

seL4_Word vcpu_wake_and_wait(void)
{
    seL4_Word events;
    late_wake.allowed = true;
    if (late_wake.cap != 0) {
        seL4_CPtr wake = late_wake.cap;
        late_wake.cap = 0;
        seL4_NBSendWait(wake, seL4_MessageInfo_new(0, 0, 0, 0), SLOT_NOTIFICATION, &events);
    } else {
        seL4_Wait(SLOT_NOTIFICATION, &events);
    }
    return events;
}

void vcpu_unpark(unsigned index)
{
    /* Parked or about to be: it looks at its power state before it sleeps, and a signal stays. */
    seL4_Signal(vcpu_slot(index, VCPU_SLOT_WAKE));
}

/* When the guest's virtual timer will be due, on the physical counter; TIMER_NEVER if it cannot. */
static uint64_t timer_deadline(const struct vcpu *vcpu)
{
    uint64_t control = vcpu_read_register(vcpu, seL4_VCPUReg_CNTV_CTL);
    if ((control & (CNTV_CTL_ENABLE | CNTV_CTL_IMASK)) != CNTV_CTL_ENABLE) {
        return TIMER_NEVER;
    }
    uint64_t compare = vcpu_read_register(vcpu, seL4_VCPUReg_CNTV_CVAL);
    uint64_t deadline = compare + vmm.counter_offset;
    return deadline < compare ? TIMER_NEVER : deadline; /* beyond the end of time */
}

/* How long the vCPU may wait with nobody to wake it: until then. 0: not at all. */
static uint64_t wait_limit(const struct vcpu *vcpu)
{
    uint64_t ticks_per_us = counter_frequency_hz() / 1000000;
    switch (gic_wfi(&vmm.gic, vcpu->index)) {
    case GIC_WFI_PASS:
        return 0;
    case GIC_WFI_DOZE:
        return counter_now() + DOZE_US * ticks_per_us;
    case GIC_WFI_BLOCK:
        break;
    }
    return TIMER_NEVER;
}

/* The vCPU is asleep already for those who wake it. */
static void sleep_until(struct vcpu *vcpu, uint64_t deadline)
{
    struct timer_alarm *alarm =
        &((struct timer_link *)PROCESS_TIMER_VADDR)->alarm[TIMER_ALARM_VCPU + vcpu->index];
    uint64_t near = TIMER_NEAR_US * (counter_frequency_hz() / 1000000);
    /* Too near for the timer service: the guest may as well look again itself. */
    if (deadline != TIMER_NEVER && deadline <= counter_now() + near) {
        return;
    }
    vcpu->count[COUNT_BLOCKED]++;
    if (timer_alarm_set(alarm, deadline)) {
        seL4_Signal(vcpu_slot(vcpu->index, VCPU_SLOT_TIMER));
    }
    seL4_Wait(vcpu_slot(vcpu->index, VCPU_SLOT_WAKE), NULL);
    if (deadline != TIMER_NEVER) {
        atomic_store(&alarm->deadline, TIMER_NEVER);
    }
}

void vcpu_sleep_for_interrupt(struct vcpu *vcpu)
{
    atomic_store(&vcpu->sleep, VCPU_ASLEEP);
    uint64_t limit = wait_limit(vcpu);
    if (limit != 0) {
        uint64_t deadline = timer_deadline(vcpu); /* not before it is needed: a kernel call */
        sleep_until(vcpu, deadline < limit ? deadline : limit);
    }
    atomic_store(&vcpu->sleep, VCPU_AWAKE);
}

/* ---- starting and stopping
 * ------------------------------------------------------------------------- */

static void reset_registers(struct vcpu *vcpu)
{
    seL4_UserContext context = {
        .pc = vmm.psci.start[vcpu->index].entry.value,
        .spsr = SPSR_EL1H_MASKED,
        .x0 = vmm.psci.start[vcpu->index].context,
    };
    static const struct {
        seL4_VCPUReg reg;
        uint64_t value;
    } reset[] = {
        {seL4_VCPUReg_SCTLR,       SCTLR_RESET},
        {seL4_VCPUReg_CPACR,       0          },
        {seL4_VCPUReg_TCR,         0          },
        {seL4_VCPUReg_VBAR,        0          },
        {seL4_VCPUReg_CNTKCTL_EL1, 0          },
        {seL4_VCPUReg_CNTV_CTL,    0          },
    };
    for (unsigned i = 0; i < sizeof reset / sizeof reset[0]; i++) {
        vcpu_write_register(vcpu, reset[i].reg, reset[i].value);
    }
    vcpu_write_register(vcpu, seL4_VCPUReg_VMPIDR_EL2, map_mpidr(vcpu->index));
    vcpu_write_register(vcpu, seL4_VCPUReg_CNTVOFF, vmm.counter_offset);
    vcpu_write(vcpu, &context, CONTEXT_ALL);
}

void vcpu_park(struct vcpu *vcpu)
{
    atomic_store(&vcpu->sleep, VCPU_PARKED);
    while (atomic_load(&vmm.psci.power[vcpu->index]) != PSCI_ON_PENDING) {
        seL4_Wait(vcpu_slot(vcpu->index, VCPU_SLOT_WAKE), NULL);
    }
    atomic_store(&vcpu->sleep, VCPU_AWAKE);
    reset_registers(vcpu);
    ptimer_reset(vcpu->index);
    gic_vcpu_set_online(&vmm.gic, vcpu->index, true);
    psci_vcpu_started(&vmm.psci, vcpu->index);
}

_Noreturn void vcpu_stop(void)
{
    for (;;) {
        seL4_Wait(SLOT_MUTEX_BASE + MUTEX_NEVER, NULL);
    }
}

static void handler_thread(uintptr_t index)
{
    struct vcpu *vcpu = &vmm.vcpu[index];
    const seL4_CPtr fault = vcpu_slot(vcpu->index, VCPU_SLOT_FAULT);
    const seL4_CPtr reply = vcpu_slot(vcpu->index, VCPU_SLOT_REPLY);
    /* Says that it is ready and waits, in one system call: from here on it has no context of its
     * own. */
    seL4_MessageInfo_t none = seL4_MessageInfo_new(0, 0, 0, 0);
    seL4_NBSendRecv(vcpu_slot(vcpu->index, VCPU_SLOT_WAKE), none, fault, NULL, reply);
    vcpu_park(vcpu); /* the first fault only brought us to our core */
    exit_serve(vcpu);
}

static void start(struct vcpu *vcpu)
{
    const seL4_CPtr context = vcpu_slot(vcpu->index, VCPU_SLOT_CONTEXT);
    const seL4_CPtr handler = vcpu_slot(vcpu->index, VCPU_SLOT_HANDLER);
    const seL4_CPtr tcb = vcpu_slot(vcpu->index, VCPU_SLOT_TCB);
    /* 1. The handler runs on the vCPU's context until it is ready for faults. */
    CHECK(seL4_SchedContext_Bind(context, handler) == seL4_NoError);
    const struct thread thread = {
        .tcb = handler,
        .entry = handler_thread,
        .argument = vcpu->index,
        .block = &vcpu->block,
        .ipc_buffer = PROCESS_IPC_VADDR + (1ul + vcpu->index) * PROCESS_IPC_STRIDE,
        .stack = vcpu_stacks[vcpu->index],
        .stack_bytes = sizeof vcpu_stacks[0],
    };
    CHECK(thread_start(&thread) == seL4_NoError);
    seL4_Wait(vcpu_slot(vcpu->index, VCPU_SLOT_WAKE), NULL);
    /* 2. The context goes to the vCPU, which faults at once and so lends it to its handler. */
    CHECK(seL4_SchedContext_Unbind(context) == seL4_NoError);
    CHECK(seL4_SchedContext_Bind(context, tcb) == seL4_NoError);
    seL4_UserContext registers = {.pc = PARK_ADDRESS, .spsr = SPSR_EL1H_MASKED};
    CHECK(seL4_TCB_WriteRegisters(tcb, 1, 0, 3, &registers) == seL4_NoError);
}

void vcpu_start_all(void)
{
    for (unsigned i = 0; i < vmm.vcpu_count; i++) {
        vmm.vcpu[i].index = (uint8_t)i;
        vmm.vcpu[i].gic = &vmm.gic.vcpu[i];
        vmm.vcpu[i].count = (uint64_t *)PROCESS_STATS_VADDR + i * VMM_COUNTERS;
        start(&vmm.vcpu[i]);
    }
}
