// SPDX-License-Identifier: BSD-2-Clause
#include "test/contract/vm.h"

#include <string.h>

#include "test/contract/thread.h"

enum { CORES = 4, WAIT_MS = 1000, QUIET_MS = 1, SLICE_US = 500, PC_TO_X2 = 6, BADGE = 0x71 };

static seL4_CPtr code_frame;
static struct vm clock_vm;
static seL4_Word gic;
static unsigned list_registers;
static struct {
    bool made;
    struct vm vm;
} scratch[CORES];

seL4_Word vm_address(const unsigned char *piece)
{
    return VM_CODE + (seL4_Word)(piece - guest_code);
}

static void make_code(void)
{
    size_t size = (size_t)(guest_code_end - guest_code);
    REQUIRE(size <= 1ul << seL4_LargePageBits);
    void *page = memory_new(seL4_LargePageBits, &code_frame);
    memcpy(page, guest_code, size);
    /* The guest fetches with its caches off. */
    REQUIRE(seL4_ARM_Page_CleanInvalidate_Data(code_frame, 0, 1ul << seL4_PageBits << 1) == 0);
    REQUIRE(seL4_ARM_Page_Unify_Instruction(code_frame, 0, 1ul << seL4_PageBits << 1) == 0);
}

seL4_CPtr vm_new_vspace(volatile uint64_t **data)
{
    seL4_CPtr vspace = memory_new_vspace(), frame;
    memory_map(cap_copy(code_frame, seL4_AllRights), vspace, VM_CODE, seL4_CanRead);
    *data = memory_new(seL4_PageBits, &frame);
    memory_map(cap_copy(frame, seL4_AllRights), vspace, VM_DATA, seL4_ReadWrite);
    if (memory_device_frame(DEVICE_GICV) != seL4_CapNull) {
        memory_map(cap_copy(memory_device_frame(DEVICE_GICV), seL4_AllRights), vspace, VM_GICC,
                   seL4_ReadWrite);
    }
    return vspace;
}

void vm_make_with_sc(struct vm *vm, unsigned core, seL4_Word budget_us, seL4_Word period_us)
{
    *vm = (struct vm){.started = false};
    vm->vspace = vm_new_vspace(&vm->data);
    vm->faults = cap_new(seL4_EndpointObject, 0);
    vm->badged_faults = cap_mint(vm->faults, seL4_AllRights, BADGE);
    vm->reply = cap_new(seL4_ReplyObject, 0);
    vm->spare_reply = cap_new(seL4_ReplyObject, 0);
    vm->cspace = cap_new(seL4_CapTableObject, 1);
    vm->tcb = cap_new(seL4_TCBObject, 0);
    vm->vcpu = cap_new(seL4_ARM_VCPUObject, 0);
    vm->sc = thread_new_sc(core, budget_us, period_us);
    REQUIRE(seL4_TCB_Configure(vm->tcb, vm->cspace, 0, vm->vspace, 0, 0, seL4_CapNull) == 0);
    REQUIRE(seL4_TCB_SetSchedParams(vm->tcb, seL4_CapInitThreadTCB, PRIO_GUEST, PRIO_GUEST, vm->sc,
                                    vm->badged_faults) == 0);
    REQUIRE(seL4_ARM_VCPU_SetTCB(vm->vcpu, vm->tcb) == 0);
}

void vm_make(struct vm *vm, unsigned core)
{
    vm_make_with_sc(vm, core, SLICE_US, SLICE_US);
}

static void write_registers(struct vm *vm, const unsigned char *piece, seL4_Word x0, seL4_Word x1,
                            seL4_Word x2)
{
    seL4_UserContext c = {
        .pc = vm_address(piece), .spsr = SPSR_EL1H_MASKED, .x0 = x0, .x1 = x1, .x2 = x2};
    REQUIRE(seL4_TCB_WriteRegisters(vm->tcb, false, 0, PC_TO_X2, &c) == 0);
}

static void go(struct vm *vm)
{
    if (vm->started) {
        seL4_Send(vm->reply, seL4_MessageInfo_new(0, 0, 0, 0));
    } else {
        vm->started = true;
        REQUIRE(seL4_TCB_Resume(vm->tcb) == 0);
    }
}

void vm_start(struct vm *vm, const unsigned char *piece, seL4_Word x0, seL4_Word x1, seL4_Word x2)
{
    write_registers(vm, piece, x0, x1, x2);
    go(vm);
}

bool vm_wait(struct vm *vm, struct message *fault)
{
    return contract_receive(vm->faults, vm->reply, fault, WAIT_MS);
}

bool vm_quiet(struct vm *vm)
{
    struct message m;
    return !contract_receive(vm->faults, vm->spare_reply, &m, QUIET_MS);
}

bool vm_call(struct vm *vm, const unsigned char *piece, seL4_Word x0, seL4_Word x1, seL4_Word x2,
             struct message *fault)
{
    vm_start(vm, piece, x0, x1, x2);
    return vm_wait(vm, fault);
}

void vm_resume(struct vm *vm, seL4_Word advance)
{
    if (advance != 0) {
        seL4_UserContext c;
        REQUIRE(seL4_TCB_ReadRegisters(vm->tcb, false, 0, 1, &c) == 0);
        c.pc += advance;
        REQUIRE(seL4_TCB_WriteRegisters(vm->tcb, false, 0, 1, &c) == 0);
    }
    go(vm);
}

bool vm_reported(const struct message *fault)
{
    return fault->label == seL4_Fault_UnknownSyscall &&
           fault->words[seL4_UnknownSyscall_Syscall] == 0;
}

seL4_Word vm_gic(void)
{
    return gic;
}

unsigned vm_list_registers(void)
{
    return list_registers;
}

void vm_flush_core(unsigned core)
{
    struct message m;
    REQUIRE(core < CORES && scratch[core].made);
    REQUIRE(vm_call(&scratch[core].vm, guest_report, 0, 0, 0, &m) && vm_reported(&m));
}

/* ---- a clock ---- */

/*
 * Where EL0 may not read the counter, a guest of the highest priority reads it: its answer is there
 * when the reply that lets it go returns.
 */
static void read_clock(uint64_t *count, uint64_t *hz)
{
    seL4_Word badge;
    write_registers(&clock_vm, guest_clock, 0, 0, 0);
    go(&clock_vm);
    seL4_Recv(clock_vm.faults, &badge, clock_vm.reply);
    *count = seL4_GetMR(seL4_UnknownSyscall_X0);
    *hz = seL4_GetMR(seL4_UnknownSyscall_X1);
}

uint64_t time_now_us(void)
{
    uint64_t count, hz;
    read_clock(&count, &hz);
    return count / hz * 1000000 + count % hz * 1000000 / hz;
}

void time_spin_us(uint64_t duration_us)
{
    uint64_t until = time_now_us() + duration_us;
    while (time_now_us() < until) {
    }
}

bool time_is_exact(void)
{
    return contract_bootinfo->numNodes == 1;
}

unsigned time_attempts(void)
{
    return time_is_exact() ? 1 : 12;
}

void vm_open(void)
{
    struct message m;
    make_code();
    vm_make(&clock_vm, 0);
    REQUIRE(seL4_TCB_SetPriority(clock_vm.tcb, seL4_CapInitThreadTCB, PRIO_MAX) == 0);
    for (unsigned core = 0; core < CORES && core < contract_bootinfo->numNodes; core++) {
        vm_make(&scratch[core].vm, core);
        scratch[core].made = true;
    }
    REQUIRE(vm_call(&scratch[0].vm, guest_gic_version, 0, 0, 0, &m) && vm_reported(&m));
    gic = m.words[0] == 0 ? VM_GICC : 0;
    REQUIRE(seL4_ARM_VCPU_InjectIRQ(scratch[0].vm.vcpu, 40, 0, 0, 255) == seL4_RangeError);
    list_registers = (unsigned)seL4_GetMR(1) + 1;
}
