// SPDX-License-Identifier: BSD-2-Clause

/*
 * Plays the VCPU object, in "Hardware I/O" and the Arm API reference of the seL4 manual.
 *
 * A core's registers keep the last VCPU that ran on it ("loaded"). While another thread runs there,
 * the parts that would disturb that thread are switched off and saved: stage 1, the virtual
 * interrupts and the virtual timer ("not active").
 */

#include "standin/vcpu.h"
#include "standin/fault.h"
#include "standin/gic.h"
#include "standin/sched.h"
#include "standin/thread.h"

/* EL0 and EL1 use the physical counter and timer (seL4's ExportPCNTUser and ExportPTMRUser: QEMU up
   to 7.2 lets nobody read the counter who may not use the timer). */
#define CNTKCTL_ACCESS (BIT(0) | BIT(9))
#define CNTHCTL_ACCESS (BIT(0) | BIT(1))

/* 4 KiB pages, 40 bits from level 1 on, write-back tables. */
#define VTCR (24 | 1ull << 6 | 1ull << 8 | 1ull << 10 | 3ull << 12 | 2ull << 16 | BIT(31))

#define INTERRUPT_MAX 1023u
#define PRIORITY_MAX  31u
#define GROUP_MAX     1u

static const uint8_t saved_when_inactive[] = {seL4_VCPUReg_CNTV_CVAL, seL4_VCPUReg_CNTVOFF,
                                              seL4_VCPUReg_CNTKCTL_EL1, seL4_VCPUReg_SCTLR,
                                              seL4_VCPUReg_CPACR};

static unsigned list_count(void)
{
    unsigned count = gich_list_count();
    return count < VCPU_LIST_MAX ? count : VCPU_LIST_MAX;
}

static void set_native(void)
{
    gich_set_control(0);
    vcpu_register_write(seL4_VCPUReg_SCTLR, SCTLR_NATIVE);
    vcpu_register_write(seL4_VCPUReg_CPACR, CPACR_FPEN);
    vcpu_register_write(seL4_VCPUReg_CNTV_CTL, 0);
    vcpu_register_write(seL4_VCPUReg_CNTKCTL_EL1, CNTKCTL_ACCESS);
    isb();
    write_reg(hcr_el2, HCR_NATIVE);
    isb();
}

void vcpu_init_core(void)
{
    write_reg(vtcr_el2, VTCR);
    write_reg(cnthctl_el2, CNTHCTL_ACCESS);
    write_reg(cnthp_cval_el2, UINT64_MAX);
    write_reg(cnthp_ctl_el2, 1);
    write_reg(cptr_el2, CPTR_RES1);
    write_reg(hstr_el2, 0);
    set_native();
}

void vcpu_init(struct vcpu *vcpu)
{
    vcpu->core = -1;
    vcpu->regs[seL4_VCPUReg_SCTLR] = SCTLR_GUEST;
    vcpu->gic_control = GICH_ENABLE;
}

static void deactivate(struct cpu *cpu)
{
    struct vcpu *vcpu = cpu->vcpu;
    vcpu->gic_control = gich_control();
    vcpu->regs[seL4_VCPUReg_CNTV_CTL] = vcpu_register_read(seL4_VCPUReg_CNTV_CTL);
    for (unsigned i = 0; i < sizeof saved_when_inactive; i++) {
        vcpu->regs[saved_when_inactive[i]] = vcpu_register_read(saved_when_inactive[i]);
    }
    set_native();
    gic_mask(GIC_GUEST_TIMER, true);
    cpu->vcpu_active = false;
}

static void activate(struct cpu *cpu)
{
    struct vcpu *vcpu = cpu->vcpu;
    for (unsigned i = 0; i < sizeof saved_when_inactive; i++) {
        vcpu_register_write(saved_when_inactive[i], vcpu->regs[saved_when_inactive[i]]);
    }
    write_reg(hcr_el2, HCR_GUEST);
    isb();
    gich_set_control(vcpu->gic_control);
    gic_mask(GIC_GUEST_TIMER, vcpu->timer_masked);
    vcpu_register_write(seL4_VCPUReg_CNTV_CTL, vcpu->regs[seL4_VCPUReg_CNTV_CTL]);
    isb();
    cpu->vcpu_active = true;
}

/* Everything else between the object and this core. */
static void load(struct cpu *cpu, struct vcpu *vcpu)
{
    gich_set_control(0);
    gich_set_machine(vcpu->gic_machine);
    gich_set_active(vcpu->gic_active);
    for (unsigned i = 0; i < list_count(); i++) {
        gich_set_list(i, vcpu->list[i]);
    }
    for (unsigned i = seL4_VCPUReg_TTBR0; i <= seL4_VCPUReg_SPSR_EL1; i++) {
        vcpu_register_write(i, vcpu->regs[i]);
    }
    cpu->vcpu = vcpu;
    vcpu->core = (int32_t)cpu->id;
}

static void unload(struct cpu *cpu)
{
    struct vcpu *vcpu = cpu->vcpu;
    if (cpu->vcpu_active) {
        deactivate(cpu);
    }
    vcpu->gic_machine = gich_machine();
    vcpu->gic_active = gich_active();
    for (unsigned i = 0; i < list_count(); i++) {
        vcpu->list[i] = gich_list(i);
    }
    for (unsigned i = seL4_VCPUReg_TTBR0; i <= seL4_VCPUReg_SPSR_EL1; i++) {
        vcpu->regs[i] = vcpu_register_read(i);
    }
    cpu->vcpu = NULL;
    vcpu->core = -1;
}

static void unload_here(void *unused)
{
    (void)unused;
    struct cpu *cpu = this_cpu();
    if (cpu->vcpu != NULL) {
        unload(cpu);
    }
}

void vcpu_switch(struct vcpu *vcpu)
{
    struct cpu *cpu = this_cpu();
    if (vcpu == NULL) {
        if (cpu->vcpu_active) {
            deactivate(cpu);
        }
        return;
    }
    if (cpu->vcpu != vcpu) {
        vcpu_flush(vcpu);
        unload_here(NULL);
        load(cpu, vcpu);
    }
    if (!cpu->vcpu_active) {
        activate(cpu);
    }
}

void vcpu_flush(struct vcpu *vcpu)
{
    if (vcpu->core < 0) {
        return;
    }
    if (vcpu->tcb != NULL) {
        cpu_preempt_remote(vcpu->tcb);
    }
    uint32_t core = (uint32_t)vcpu->core;
    if (core != this_cpu()->id) {
        cpu_call(core, unload_here, NULL);
        return;
    }
    unload_here(NULL);
    if (vcpu->tcb != NULL && vcpu->tcb == this_cpu()->current) {
        sched_reschedule();
    }
}

void vcpu_detach(struct vcpu *vcpu)
{
    vcpu_flush(vcpu);
    struct tcb *tcb = vcpu->tcb;
    if (tcb != NULL) {
        tcb->vcpu = NULL;
        vcpu->tcb = NULL;
        /* Without a VCPU a thread is at EL0. */
        tcb->regs[REG_SPSR] = thread_sanitise_pstate(tcb, tcb->regs[REG_SPSR]);
    }
}

/* The fault can be reported to the current thread's handler now; if not, the interrupt comes again.
 */
static bool may_fault(void)
{
    const struct cpu *cpu = this_cpu();
    const struct tcb *tcb = cpu->current;
    return cpu->vcpu_active && tcb != NULL && !tcb->queued && sched_may_run(tcb);
}

void vcpu_handle_timer(void)
{
    struct cpu *cpu = this_cpu();
    if (may_fault()) {
        gic_mask(GIC_GUEST_TIMER, true);
        cpu->vcpu->timer_masked = true;
        fault_send(cpu->current, (struct fault){seL4_Fault_VPPIEvent, {GIC_GUEST_TIMER}});
    }
}

void vcpu_handle_maintenance(void)
{
    struct cpu *cpu = this_cpu();
    if (!may_fault()) {
        return;
    }
    uint64_t index = UINT64_MAX;
    uint64_t lists = gich_eoi_lists();
    if ((gich_status() & GICH_MISR_EOI) && lists != 0) {
        unsigned i = (unsigned)__builtin_ctzll(lists);
        if (i < list_count()) {
            index = i;
            cpu->vcpu->list[i] = gich_without_eoi(gich_list(i));
            gich_set_list(i, cpu->vcpu->list[i]);
        }
    }
    fault_send(cpu->current, (struct fault){seL4_Fault_VGICMaintenance, {index}});
}

static bool is_loaded_here(const struct vcpu *vcpu)
{
    return vcpu == this_cpu()->vcpu;
}

/* Is a loaded VCPU's register in the object, because another thread needs the core's? */
static bool is_saved(uint64_t field)
{
    bool among = field == seL4_VCPUReg_CNTV_CTL;
    for (unsigned i = 0; i < sizeof saved_when_inactive; i++) {
        among |= saved_when_inactive[i] == field;
    }
    return among && !this_cpu()->vcpu_active;
}

static uint64_t *register_place(struct vcpu *vcpu, uint64_t field)
{
    if (!is_loaded_here(vcpu)) {
        vcpu_flush(vcpu);
    }
    return is_loaded_here(vcpu) && !is_saved(field) ? NULL : &vcpu->regs[field];
}

static enum outcome set_tcb(const struct call *call, struct vcpu *vcpu)
{
    if (call_lacks(call, 0, 1)) {
        return refuse(seL4_TruncatedMessage, 0);
    }
    struct cap cap = call->extra[0]->cap;
    if (cap.type != CAP_TCB) {
        return refuse(seL4_IllegalOperation, 0);
    }
    struct tcb *tcb = cap_object(cap);
    cpu_preempt_remote(tcb);
    if (tcb->vcpu != NULL) {
        vcpu_detach(tcb->vcpu);
    }
    vcpu_detach(vcpu);
    tcb->vcpu = vcpu;
    vcpu->tcb = tcb;
    if (tcb == call->caller) {
        sched_reschedule();
    }
    return DONE;
}

static enum outcome read_register(const struct call *call, struct vcpu *vcpu)
{
    if (call->length < 1) {
        return refuse(seL4_TruncatedMessage, 0);
    }
    uint64_t field = call_word(call, 0);
    if (field >= seL4_VCPUReg_Num) {
        return refuse(seL4_InvalidArgument, 1);
    }
    const uint64_t *place = register_place(vcpu, field);
    uint64_t value = place != NULL ? *place : vcpu_register_read(field);
    return call_answer(call, &value, 1);
}

static enum outcome write_register(const struct call *call, struct vcpu *vcpu)
{
    if (call->length < 2) {
        return refuse(seL4_TruncatedMessage, 0);
    }
    uint64_t field = call_word(call, 0);
    if (field >= seL4_VCPUReg_Num) {
        return refuse(seL4_InvalidArgument, 1);
    }
    uint64_t *place = register_place(vcpu, field);
    if (place != NULL) {
        *place = call_word(call, 1);
    } else {
        vcpu_register_write(field, call_word(call, 1));
    }
    return DONE;
}

static enum outcome inject(const struct call *call, struct vcpu *vcpu)
{
    if (call->length < 1) {
        return refuse(seL4_TruncatedMessage, 0);
    }
    uint64_t word = call_word(call, 0);
    uint32_t line = word & 0xffff;
    uint32_t priority = word >> 16 & 0xff;
    uint32_t group = word >> 24 & 0xff;
    unsigned index = word >> 32 & 0xff;
    if (line > INTERRUPT_MAX) {
        return refuse_range(0, INTERRUPT_MAX);
    }
    if (priority > PRIORITY_MAX) {
        return refuse_range(0, PRIORITY_MAX);
    }
    if (group > GROUP_MAX) {
        return refuse_range(0, GROUP_MAX);
    }
    if (index >= list_count()) {
        return refuse_range(0, list_count() - 1);
    }
    /* As in seL4, this is what the object knows; the core may know of a later state. */
    if (gich_is_active(vcpu->list[index])) {
        return refuse(seL4_DeleteFirst, 0);
    }
    if (!is_loaded_here(vcpu)) {
        vcpu_flush(vcpu);
    }
    if (is_loaded_here(vcpu)) {
        gich_set_list(index, gich_make(line, priority, group));
    } else {
        vcpu->list[index] = gich_make(line, priority, group);
    }
    return DONE;
}

static enum outcome acknowledge(const struct call *call, struct vcpu *vcpu)
{
    if (call->length < 1) {
        return refuse(seL4_TruncatedMessage, 0);
    }
    uint64_t line = call_word(call, 0);
    if (line >= GIC_LINES) {
        return refuse_range(0, GIC_LINES - 1);
    }
    if (line != GIC_GUEST_TIMER) {
        return refuse(seL4_InvalidArgument, 0);
    }
    vcpu->timer_masked = false;
    return DONE;
}

enum outcome vcpu_invoke(const struct call *call)
{
    struct vcpu *vcpu = cap_object(call->cap);
    switch (call->label) {
    case ARMVCPUSetTCB:
        return set_tcb(call, vcpu);
    case ARMVCPUReadReg:
        return read_register(call, vcpu);
    case ARMVCPUWriteReg:
        return write_register(call, vcpu);
    case ARMVCPUInjectIRQ:
        return inject(call, vcpu);
    case ARMVCPUAckVPPI:
        return acknowledge(call, vcpu);
    default:
        return refuse(seL4_IllegalOperation, 0);
    }
}
