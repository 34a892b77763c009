// SPDX-License-Identifier: BSD-2-Clause
/* VCPU objects: their registers, the thread that they belong to, and what ends with which. */
#include "lib/format.h"
#include "test/contract/contract.h"
#include "test/contract/vm.h"

enum { REGISTER_COUNT = seL4_VCPUReg_Num };

static seL4_Word read_register(seL4_CPtr vcpu, seL4_Word index)
{
    seL4_ARM_VCPU_ReadRegs_t r = seL4_ARM_VCPU_ReadRegs(vcpu, (seL4_VCPUReg)index);
    REQUIRE(r.error == seL4_NoError);
    return r.value;
}

static void check_registers(void)
{
    seL4_CPtr vcpu = cap_new(seL4_ARM_VCPUObject, 0);
    bool zero = true, same = true;
    for (seL4_Word i = 0; i < REGISTER_COUNT; i++) {
        zero = zero && (i == seL4_VCPUReg_SCTLR || read_register(vcpu, i) == 0);
    }
    contract_claim("vcpu.new.sctlr", (read_register(vcpu, seL4_VCPUReg_SCTLR) & 5) == 0,
                   "MMU and data cache off");
    contract_claim("vcpu.new.others", zero, "all zero, VMPIDR and CNTVOFF too");
    for (seL4_Word i = 0; i < REGISTER_COUNT; i++) {
        REQUIRE(seL4_ARM_VCPU_WriteRegs(vcpu, (seL4_VCPUReg)i, 0x1000 + i) == seL4_NoError);
    }
    for (seL4_Word i = 0; i < REGISTER_COUNT; i++) {
        same = same && read_register(vcpu, i) == 0x1000 + i;
    }
    contract_claim("vcpu.registers.read_back", same, "every index as written");
    contract_number("vcpu.registers.count", REGISTER_COUNT, 24);
    contract_error("vcpu.read.index_too_large",
                   (seL4_Word)seL4_ARM_VCPU_ReadRegs(vcpu, seL4_VCPUReg_Num).error,
                   seL4_InvalidArgument);
    contract_error("vcpu.write.index_too_large", seL4_ARM_VCPU_WriteRegs(vcpu, seL4_VCPUReg_Num, 0),
                   seL4_InvalidArgument);
    contract_error("vcpu.read.index_huge",
                   (seL4_Word)seL4_ARM_VCPU_ReadRegs(vcpu, (seL4_VCPUReg)~0ul).error,
                   seL4_InvalidArgument);
}

/* Registers as the guest sees them, and what it writes as we see it: in the core and saved. */
static void check_residence(void)
{
    struct vm vm;
    struct message m;
    vm_make(&vm, 0);
    REQUIRE(seL4_ARM_VCPU_WriteRegs(vm.vcpu, seL4_VCPUReg_SP_EL1, 0x40201000) == 0);
    REQUIRE(seL4_ARM_VCPU_WriteRegs(vm.vcpu, seL4_VCPUReg_ELR_EL1, 0x123458) == 0);
    REQUIRE(seL4_ARM_VCPU_WriteRegs(vm.vcpu, seL4_VCPUReg_SPSR_EL1, 0x80000005) == 0);
    REQUIRE(seL4_ARM_VCPU_WriteRegs(vm.vcpu, seL4_VCPUReg_TPIDR_EL1, 0x77) == 0);
    REQUIRE(seL4_ARM_VCPU_WriteRegs(vm.vcpu, seL4_VCPUReg_VMPIDR_EL2, 0x80000102) == 0);
    vm_call(&vm, guest_read_sp_elr, 0, 0, 0, &m);
    contract_claim("vcpu.guest_sees.el1",
                   m.words[0] == 0x40201000 && m.words[1] == 0x123458 && m.words[2] == 0x80000005 &&
                       m.words[3] == 0x77,
                   "SP, ELR, SPSR, TPIDR as written");
    vm_call(&vm, guest_read_midr, 0, 0, 0, &m);
    contract_number("vcpu.guest_sees.mpidr", m.words[1], 0x80000102);

    vm_call(&vm, guest_write_tpidr, 0x5151, 0, 0, &m);
    contract_number("vcpu.guest_writes.in_core", read_register(vm.vcpu, seL4_VCPUReg_TPIDR_EL1),
                    0x5151);
    vm_flush_core(0);
    contract_number("vcpu.guest_writes.saved", read_register(vm.vcpu, seL4_VCPUReg_TPIDR_EL1),
                    0x5151);
    REQUIRE(seL4_ARM_VCPU_WriteRegs(vm.vcpu, seL4_VCPUReg_TPIDR_EL1, 0x6161) == 0);
    vm_call(&vm, guest_read_tpidr, 0, 0, 0, &m);
    contract_number("vcpu.write.saved", m.words[0], 0x6161);
    REQUIRE(seL4_ARM_VCPU_WriteRegs(vm.vcpu, seL4_VCPUReg_TPIDR_EL1, 0x7171) == 0);
    vm_call(&vm, guest_read_tpidr, 0, 0, 0, &m);
    contract_number("vcpu.write.in_core", m.words[0], 0x7171);
}

static void check_set_tcb(void)
{
    struct vm a, b;
    struct message m;
    seL4_UserContext c;
    vm_make(&a, 0);
    vm_make(&b, 0);
    contract_error("vcpu.set_tcb.not_a_tcb", seL4_ARM_VCPU_SetTCB(a.vcpu, a.faults),
                   seL4_IllegalOperation);
    contract_error("vcpu.set_tcb.again", seL4_ARM_VCPU_SetTCB(a.vcpu, a.tcb), seL4_NoError);
    vm_call(&a, guest_write_tpidr, 0xa, 0, 0, &m);
    vm_call(&b, guest_write_tpidr, 0xb, 0, 0, &m);
    contract_error("vcpu.set_tcb.of_other_vcpu", seL4_ARM_VCPU_SetTCB(a.vcpu, b.tcb), seL4_NoError);
    REQUIRE(seL4_TCB_ReadRegisters(a.tcb, false, 0, 3, &c) == seL4_NoError);
    contract_number("vcpu.set_tcb.old_thread_mode", c.spsr & 0xf, 0);
    vm_call(&b, guest_read_tpidr, 0, 0, 0, &m);
    contract_number("vcpu.set_tcb.state_moves", m.words[0], 0xa);
}

static void check_spsr(void)
{
    struct vm vm;
    seL4_UserContext c = {.spsr = 0};
    static const struct {
        seL4_Word given, kept;
    } modes[] = {
        {0x3c5, 5},
        {0x3c4, 4},
        {0x3c0, 0},
        {0x3c9, 0},
        {0x3d0, 0}
    };
    char seen[40] = "", expected[40] = "";
    size_t n = 0, k = 0;
    vm_make(&vm, 0);
    for (unsigned i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        c.spsr = modes[i].given;
        REQUIRE(seL4_TCB_WriteRegisters(vm.tcb, false, 0, 3, &c) == seL4_NoError);
        REQUIRE(seL4_TCB_ReadRegisters(vm.tcb, false, 0, 3, &c) == seL4_NoError);
        n += format(seen + n, sizeof seen - n, "0x%lx ", c.spsr & 0x1f);
        k += format(expected + k, sizeof expected - k, "0x%lx ", modes[i].kept);
    }
    contract_line("vcpu.spsr.modes", seen, expected);
}

static void check_deletion(void)
{
    struct vm vm, other;
    struct message m;
    seL4_UserContext c;
    vm_make(&vm, 0);
    vm_make(&other, 0);
    vm_call(&vm, guest_write_tpidr, 1, 0, 0, &m);
    contract_error("vcpu.delete.vcpu", cap_delete(vm.vcpu), seL4_NoError);
    REQUIRE(seL4_TCB_ReadRegisters(vm.tcb, false, 0, 3, &c) == seL4_NoError);
    contract_number("vcpu.delete.vcpu.thread_mode", c.spsr & 0xf, 0);
    seL4_CPtr vcpu = cap_new(seL4_ARM_VCPUObject, 0);
    contract_error("vcpu.delete.vcpu.another", seL4_ARM_VCPU_SetTCB(vcpu, vm.tcb), seL4_NoError);
    vm_call(&vm, guest_read_tpidr, 0, 0, 0, &m);
    contract_number("vcpu.delete.vcpu.another.state", m.words[0], 0);

    contract_error("vcpu.delete.tcb", cap_delete(vm.tcb), seL4_NoError);
    contract_error("vcpu.delete.tcb.another", seL4_ARM_VCPU_SetTCB(vcpu, other.tcb), seL4_NoError);
    vm_call(&other, guest_report, 0x21, 0, 0, &m);
    contract_number("vcpu.delete.tcb.another.runs", m.words[0], 0x21);
    contract_error("vcpu.revoke.vspace", cap_revoke(other.vspace), seL4_NoError);
    vm_call(&other, guest_report, 0x22, 0, 0, &m);
    contract_number("vcpu.revoke.vspace.guest", m.label, seL4_Fault_VMFault);
}

void vcpu_run(void)
{
    check_registers();
    check_residence();
    check_set_tcb();
    check_spsr();
    check_deletion();
}
