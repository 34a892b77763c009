// SPDX-License-Identifier: BSD-2-Clause
/* The guest's virtual timer: its fault, its acknowledgement, and what it does while nobody runs. */
#include "test/contract/contract.h"
#include "test/contract/vm.h"

enum { TIMER_PPI = 27, TICKS = 5000, LATER_TICKS = 3000000, ENABLE = 1 };

static seL4_Word read_register(const struct vm *vm, seL4_VCPUReg index)
{
    seL4_ARM_VCPU_ReadRegs_t r = seL4_ARM_VCPU_ReadRegs(vm->vcpu, index);
    REQUIRE(r.error == seL4_NoError);
    return r.value;
}

static void check_event(void)
{
    struct vm vm;
    struct message m;
    vm_make(&vm, 0);
    vm_call(&vm, guest_timer_spin, TICKS, 0, 0, &m);
    contract_number("vtimer.fault", m.label, seL4_Fault_VPPIEvent);
    contract_number("vtimer.fault.length", m.length, seL4_VPPIEvent_Length);
    contract_number("vtimer.fault.irq", m.words[seL4_VPPIEvent_IRQ], TIMER_PPI);
    vm_resume(&vm, 0);
    contract_claim("vtimer.masked", vm_quiet(&vm), "no second fault before the acknowledgement");
    contract_error("vtimer.ack", seL4_ARM_VCPU_AckVPPI(vm.vcpu, TIMER_PPI), seL4_NoError);
    vm_wait(&vm, &m);
    contract_number("vtimer.ack.still_due", m.label, seL4_Fault_VPPIEvent);
    contract_error("vtimer.ack.other_irq", seL4_ARM_VCPU_AckVPPI(vm.vcpu, TIMER_PPI + 1),
                   seL4_InvalidArgument);
    contract_error("vtimer.ack.no_irq", seL4_ARM_VCPU_AckVPPI(vm.vcpu, 5000), seL4_RangeError);
    contract_error("vtimer.ack.twice", seL4_ARM_VCPU_AckVPPI(vm.vcpu, TIMER_PPI), seL4_NoError);

    vm_call(&vm, guest_timer_off, 0, 0, 0, &m);
    /* Acknowledged while it was due, so one more fault may come before the guest turns it off. */
    for (unsigned i = 0; i < 3 && m.label == seL4_Fault_VPPIEvent; i++) {
        vm_resume(&vm, 0);
        vm_wait(&vm, &m);
    }
    contract_claim("vtimer.off", vm_reported(&m), "reports");
    REQUIRE(seL4_ARM_VCPU_AckVPPI(vm.vcpu, TIMER_PPI) == seL4_NoError);
    vm_call(&vm, guest_report, 0, 0, 0, &m);
    contract_claim("vtimer.off.ack", vm_reported(&m), "no fault");
    vm_call(&vm, guest_timer_spin, TICKS, 0, 0, &m);
    contract_number("vtimer.again", m.label, seL4_Fault_VPPIEvent);
}

/* A blocked vCPU: its timer stands in the registers and comes due when it runs again. */
static void check_blocked(void)
{
    struct vm vm, other;
    struct message m;
    vm_make(&vm, 0);
    vm_make(&other, 0);
    vm_call(&vm, guest_timer_report, LATER_TICKS, 0, 0, &m);
    REQUIRE(vm_reported(&m));
    contract_claim("vtimer.blocked", vm_quiet(&vm), "no fault while it waits for a reply");
    contract_number("vtimer.blocked.control", read_register(&vm, seL4_VCPUReg_CNTV_CTL) & ENABLE,
                    ENABLE);
    seL4_Word due = read_register(&vm, seL4_VCPUReg_CNTV_CVAL);
    vm_call(&other, guest_timer_read, 0, 0, 0, &m);
    contract_claim("vtimer.blocked.other_guest", vm_reported(&m) && (m.words[0] & ENABLE) == 0,
                   "has its own timer");
    while (vm_reported(&m) && m.words[2] <= due) {
        vm_call(&other, guest_timer_read, 0, 0, 0, &m);
    }
    contract_claim("vtimer.blocked.compare", due != 0 && due < m.words[2], "the guest's, now past");
    contract_number("vtimer.blocked.saved", read_register(&vm, seL4_VCPUReg_CNTV_CVAL) - due, 0);
    vm_call(&vm, guest_report, 0, 0, 0, &m);
    contract_number("vtimer.blocked.resume", m.label, seL4_Fault_VPPIEvent);

    REQUIRE(seL4_ARM_VCPU_WriteRegs(vm.vcpu, seL4_VCPUReg_CNTV_CTL, 0) == seL4_NoError);
    REQUIRE(seL4_ARM_VCPU_AckVPPI(vm.vcpu, TIMER_PPI) == seL4_NoError);
    vm_call(&vm, guest_timer_read, 0, 0, 0, &m);
    contract_claim("vtimer.write.off", vm_reported(&m) && (m.words[0] & ENABLE) == 0,
                   "no fault, off");
}

static void check_offset(void)
{
    struct vm vm;
    struct message m;
    const seL4_Word offset = 1ul << 40;
    vm_make(&vm, 0);
    vm_call(&vm, guest_timer_read, 0, 0, 0, &m);
    seL4_Word before = m.words[2];
    REQUIRE(seL4_ARM_VCPU_WriteRegs(vm.vcpu, seL4_VCPUReg_CNTVOFF, 0 - offset) == seL4_NoError);
    vm_call(&vm, guest_timer_read, 0, 0, 0, &m);
    contract_claim("vtimer.offset",
                   m.words[2] - before >= offset && m.words[2] - before < 2 * offset,
                   "moves the guest's counter");
    contract_claim("vtimer.offset.kept", read_register(&vm, seL4_VCPUReg_CNTVOFF) == 0 - offset,
                   "as written");
}

/* Where the clock is: which counters a native thread and a guest may read. */
static void check_guest_physical(void)
{
    struct vm vm;
    struct message m;
    vm_make(&vm, 0);
    vm_call(&vm, guest_physical_timer, 0, 0, 0, &m);
    contract_claim("vtimer.physical_timer",
                   vm_reported(&m) || (m.label == seL4_Fault_VCPUFault && m.words[0] >> 26 == 0x18),
                   "the guest's, or a trapped system register");
}

void vtimer_run(void)
{
    check_event();
    check_blocked();
    check_offset();
    check_guest_physical();
}
