// SPDX-License-Identifier: BSD-2-Clause
/* What crosses cores. The main thread stays on core 0; most of the others here are on core 1. */
#include <stdatomic.h>

#include "test/contract/contract.h"
#include "test/contract/thread.h"
#include "test/contract/vm.h"

/* Real time, on a machine that may be busy: an alarm is never early, but may be seen late. */
enum {
    CORE = 1,
    OTHER_CORE = 2,
    SPIN_SHORT = 30000000,       /* for what must not happen */
    SPIN_LONG = 60 * SPIN_SHORT, /* for what must, on a machine that may be busy */
    MS = 1000,
    EARLY_US = 100,
    WAIT_MS = 20000
};

static struct {
    seL4_CPtr endpoint, reply, ready, wake, sc;
    _Atomic unsigned count, stop, occupied;
    _Atomic int error;
} shared;

static void renew(void)
{
    shared.endpoint = cap_new(seL4_EndpointObject, 0);
    shared.reply = cap_new(seL4_ReplyObject, 0);
    shared.ready = cap_mint(cap_new(seL4_NotificationObject, 0), seL4_AllRights, 1);
    shared.wake = cap_mint(cap_new(seL4_NotificationObject, 0), seL4_AllRights, 1);
    atomic_store(&shared.count, 0);
    atomic_store(&shared.stop, 0);
    atomic_store(&shared.occupied, 0);
    atomic_store(&shared.error, -1);
}

/* Waits without letting core 0 do anything else: what rises meanwhile is done by another core. */
static bool spin_for(const _Atomic unsigned *counter, unsigned at_least, unsigned limit)
{
    for (unsigned i = 0; i < limit; i++) {
        if (atomic_load(counter) >= at_least) {
            return true;
        }
    }
    return false;
}

static bool busy_wait_for(const _Atomic unsigned *counter, unsigned at_least)
{
    return spin_for(counter, at_least, SPIN_LONG);
}

static void spin(void *argument)
{
    (void)argument;
    for (;;) {
        atomic_fetch_add(&shared.count, 1);
    }
}

static void occupy(void *argument)
{
    (void)argument;
    atomic_fetch_add(&shared.occupied, 1);
    for (;;) {
    }
}

/* A thread above all others of this core, which runs when this returns. */
static void occupy_core(struct thread *thread, unsigned core)
{
    unsigned before = atomic_load(&shared.occupied);
    thread_start(thread,
                 &(struct thread_options){.entry = occupy, .core = core, .priority = PRIO_HIGH});
    REQUIRE(busy_wait_for(&shared.occupied, before + 1));
}

static bool counts(void)
{
    return busy_wait_for(&shared.count, atomic_load(&shared.count) + 1000);
}

static bool stands(void)
{
    return !spin_for(&shared.count, atomic_load(&shared.count) + 1000, SPIN_SHORT);
}

static void check_threads(void)
{
    struct thread thread, above;
    renew();
    thread_start(&thread, &(struct thread_options){.entry = spin, .core = CORE});
    contract_claim("smp.thread", counts(), "runs while core 0 is busy");
    occupy_core(&above, CORE);
    contract_claim("smp.thread.core_busy", stands(), "stops while its core is busy");
    contract_error("smp.thread.move", thread_configure_sc(thread.sc, OTHER_CORE, 10 * MS, 10 * MS),
                   seL4_NoError);
    contract_claim("smp.thread.moved", counts(), "runs on the other core");
    contract_error("smp.thread.suspend", seL4_TCB_Suspend(thread.tcb), seL4_NoError);
    contract_claim("smp.thread.suspended", stands(), "stops");
    REQUIRE(seL4_TCB_Suspend(above.tcb) == seL4_NoError);
}

static void move_and_spin(void *argument)
{
    const struct thread *self = argument;
    atomic_store(&shared.error, (int)thread_configure_sc(self->sc, OTHER_CORE, 10 * MS, 10 * MS));
    spin(NULL);
}

/* As root does to delete a vCPU where it ran. */
static void check_own_move(void)
{
    struct thread thread, above;
    renew();
    thread_start(&thread, &(struct thread_options){
                              .entry = move_and_spin, .argument = &thread, .core = CORE});
    bool ran = counts();
    contract_error("smp.thread.move_itself", (seL4_Word)atomic_load(&shared.error), seL4_NoError);
    occupy_core(&above, CORE);
    contract_claim("smp.thread.move_itself.left", ran && counts(), "the old core may be busy");
    REQUIRE(seL4_TCB_Suspend(above.tcb) == seL4_NoError);
    occupy_core(&above, OTHER_CORE);
    contract_claim("smp.thread.move_itself.arrived", stands(), "the new core must not be");
    REQUIRE(seL4_TCB_Suspend(above.tcb) == seL4_NoError);
    REQUIRE(seL4_TCB_Suspend(thread.tcb) == seL4_NoError);
}

/* ---- signals, calls, alarms ---- */

static void answer_signals(void *argument)
{
    (void)argument;
    for (;;) {
        seL4_Wait(shared.wake, NULL);
        atomic_fetch_add(&shared.count, 1);
        seL4_Signal(shared.ready);
    }
}

static void serve(void *argument)
{
    (void)argument;
    seL4_Word badge;
    seL4_MessageInfo_t info = seL4_Recv(shared.endpoint, &badge, shared.reply);
    for (;;) {
        seL4_Word label = seL4_MessageInfo_get_label(info);
        info = seL4_ReplyRecv(shared.endpoint, seL4_MessageInfo_new(label + 1, 0, 0, 0), &badge,
                              shared.reply);
    }
}

static void check_messages(void)
{
    struct thread thread, server;
    renew();
    thread_start(&thread, &(struct thread_options){.entry = answer_signals, .core = CORE});
    contract_wait_ms(2);
    seL4_Signal(shared.wake);
    contract_claim("smp.signal", busy_wait_for(&shared.count, 1), "wakes a waiter there");
    contract_claim("smp.signal.back", contract_wait_signal(shared.ready, WAIT_MS, NULL),
                   "arrives here");
    thread_start(&server, &(struct thread_options){.entry = serve, .core = CORE});
    seL4_MessageInfo_t info = seL4_Call(shared.endpoint, seL4_MessageInfo_new(30, 0, 0, 0));
    contract_number("smp.call", seL4_MessageInfo_get_label(info), 31);
}

static void sleep_long(void *argument)
{
    (void)argument;
    seL4_Word distance_us = 20 * MS;
    for (;;) {
        REQUIRE(thread_configure_sc(shared.sc, CORE, distance_us / 2, distance_us) == seL4_NoError);
        seL4_Yield();
        seL4_Signal(shared.ready);
        seL4_Wait(shared.wake, NULL);
        distance_us = 3600 * 1000ul * MS;
    }
}

static void check_alarm(void)
{
    struct thread thread;
    renew();
    shared.sc = thread_new_sc(CORE, 10 * MS, 10 * MS);
    thread_make(&thread, &(struct thread_options){.entry = sleep_long, .no_sc = true});
    REQUIRE(seL4_SchedContext_Bind(shared.sc, thread.tcb) == seL4_NoError);
    uint64_t start = time_now_us();
    REQUIRE(seL4_TCB_Resume(thread.tcb) == seL4_NoError);
    bool woke = contract_wait_signal(shared.ready, WAIT_MS, NULL);
    contract_claim("smp.alarm.sleep", woke && time_now_us() - start + EARLY_US > 20 * MS,
                   "until that time");
    seL4_Signal(shared.wake);
    contract_claim("smp.alarm.sleeps", !contract_wait_signal(shared.ready, 5, NULL), "sleeps");
    contract_error("smp.alarm.wake", thread_configure_sc(shared.sc, CORE, MS, MS), seL4_NoError);
    woke = contract_wait_signal(shared.ready, 2000, NULL);
    for (unsigned i = 1; i < time_attempts() && !woke; i++) { /* it may not have slept yet */
        REQUIRE(thread_configure_sc(shared.sc, CORE, MS, MS) == seL4_NoError);
        woke = contract_wait_signal(shared.ready, 2000, NULL);
    }
    contract_claim("smp.alarm.wake.signal", woke, "awake, an hour too early");
}

/* ---- a vCPU there, its handler here ---- */

static void serve_faults(void *argument)
{
    const struct vm *vm = argument;
    seL4_Word badge;
    seL4_MessageInfo_t info = seL4_NBSendRecv(shared.ready, seL4_MessageInfo_new(0, 0, 0, 0),
                                              vm->faults, &badge, vm->reply);
    for (;;) {
        if (seL4_MessageInfo_get_label(info) == seL4_Fault_UnknownSyscall) {
            atomic_fetch_add(&shared.count, 1);
        }
        if (atomic_load(&shared.stop) != 0) {
            seL4_Wait(shared.wake, NULL);
        }
        seL4_SetMR(seL4_UnknownSyscall_FaultIP, seL4_GetMR(seL4_UnknownSyscall_FaultIP) + 4);
        info = seL4_ReplyRecv(vm->faults,
                              seL4_MessageInfo_new(0, 0, 0, seL4_UnknownSyscall_FaultIP + 1),
                              &badge, vm->reply);
    }
}

static void check_handler(void)
{
    struct thread handler, low;
    struct vm vm;
    renew();
    vm_make(&vm, CORE);
    thread_start_passive(&handler, &(struct thread_options){.entry = serve_faults, .argument = &vm},
                         shared.ready);
    vm_start(&vm, guest_ping, 0, 0, 0);
    contract_claim("smp.passive_handler", busy_wait_for(&shared.count, 100),
                   "follows the vCPU to its core");
    contract_error("smp.passive_handler.move", thread_configure_sc(vm.sc, OTHER_CORE, MS, MS),
                   seL4_NoError);
    contract_claim("smp.passive_handler.moved",
                   busy_wait_for(&shared.count, atomic_load(&shared.count) + 100),
                   "follows it to the next one");
    REQUIRE(thread_configure_sc(vm.sc, CORE, MS, MS) == seL4_NoError);

    atomic_store(&shared.stop, 1);
    contract_wait_ms(5);
    unsigned held = atomic_load(&shared.count);
    atomic_store(&shared.count, 0);
    thread_start(&low, &(struct thread_options){.entry = spin, .core = CORE, .priority = PRIO_LOW});
    contract_claim("smp.handler_waits.lower_priority", held != 0 && counts(), "has the core");
    REQUIRE(seL4_TCB_Suspend(low.tcb) == seL4_NoError);
    atomic_store(&shared.stop, 0);
    atomic_store(&shared.count, 0);
    seL4_Signal(shared.wake);
    contract_claim("smp.handler_waits.signal", busy_wait_for(&shared.count, 100), "goes on");
    REQUIRE(seL4_TCB_Suspend(vm.tcb) == seL4_NoError);
    vm_flush_core(CORE);
    vm_flush_core(OTHER_CORE);
}

static void check_injection(void)
{
    struct vm vm;
    struct message m;
    vm_make(&vm, CORE);
    REQUIRE(vm_call(&vm, guest_gic_open, 0, vm_gic(), 0, &m) && vm_reported(&m));
    vm_start(&vm, guest_take_irq, 0, 0, 0);
    contract_wait_ms(2);
    contract_error("smp.inject.running",
                   seL4_ARM_VCPU_InjectIRQ(vm.vcpu, 40, 24, vm_gic() == 0 ? 1 : 0, 0),
                   seL4_NoError);
    contract_claim("smp.inject.running.taken",
                   vm_wait(&vm, &m) && vm_reported(&m) && m.words[3] == 5, "at once");
    vm_flush_core(CORE);
    REQUIRE(seL4_ARM_VCPU_InjectIRQ(vm.vcpu, 41, 0, vm_gic() == 0 ? 1 : 0, 1) == seL4_NoError);
    REQUIRE(vm_call(&vm, guest_gic_ack, 0, vm_gic(), vm_gic() == 0, &m) && vm_reported(&m));
    contract_number("smp.inject.blocked", m.words[0] & 0x3ff, 41);
    vm_start(&vm, guest_spin, 0, VM_DATA, 0);
    for (unsigned i = 0; i < WAIT_MS && vm.data[0] == 0; i++) {
        contract_wait_ms(1);
    }
    seL4_UserContext c;
    contract_error("smp.tcb.read_running", seL4_TCB_ReadRegisters(vm.tcb, false, 0, 4, &c),
                   seL4_NoError);
    contract_claim("smp.tcb.read_running.pc", c.pc - vm_address(guest_spin) <= 12,
                   "in the loop that it runs");
    contract_error("smp.vcpu.suspend", seL4_TCB_Suspend(vm.tcb), seL4_NoError);
    uint64_t before = vm.data[0];
    contract_wait_ms(2);
    contract_claim("smp.vcpu.suspended", before != 0 && vm.data[0] == before, "stops");
    vm_flush_core(CORE);
}

/* ---- a vCPU's registers in another core ---- */

static seL4_Word tpidr(const struct vm *vm)
{
    seL4_ARM_VCPU_ReadRegs_t r = seL4_ARM_VCPU_ReadRegs(vm->vcpu, seL4_VCPUReg_TPIDR_EL1);
    REQUIRE(r.error == seL4_NoError);
    return r.value;
}

static seL4_Word tpidr_of_guest(struct vm *vm)
{
    struct message m;
    REQUIRE(vm_call(vm, guest_read_tpidr, 0, 0, 0, &m) && vm_reported(&m));
    return m.words[0];
}

static void set_tpidr_by_guest(struct vm *vm, seL4_Word value)
{
    struct message m;
    REQUIRE(vm_call(vm, guest_write_tpidr, value, 0, 0, &m) && vm_reported(&m));
}

static void check_registers(void)
{
    struct vm vm;
    vm_make(&vm, CORE);
    set_tpidr_by_guest(&vm, 0x91);
    contract_hazard("hazard.read_registers_other_core", tpidr(&vm) != 0x91);
    vm_flush_core(CORE);
    contract_number("smp.registers.read_after_flush", tpidr(&vm), 0x91);
    set_tpidr_by_guest(&vm, 0x92);
    REQUIRE(seL4_ARM_VCPU_WriteRegs(vm.vcpu, seL4_VCPUReg_TPIDR_EL1, 0x93) == seL4_NoError);
    contract_hazard("hazard.write_registers_other_core", tpidr_of_guest(&vm) != 0x93);
    vm_flush_core(CORE);
    REQUIRE(seL4_ARM_VCPU_WriteRegs(vm.vcpu, seL4_VCPUReg_TPIDR_EL1, 0x94) == seL4_NoError);
    contract_number("smp.registers.write_after_flush", tpidr_of_guest(&vm), 0x94);
    vm_flush_core(CORE);
}

static void check_migration(void)
{
    struct vm vm;
    struct message m;
    vm_make(&vm, CORE);
    REQUIRE(vm_call(&vm, guest_gic_open, 0, vm_gic(), 0, &m) && vm_reported(&m));
    set_tpidr_by_guest(&vm, 0xa1);
    REQUIRE(seL4_ARM_VCPU_InjectIRQ(vm.vcpu, 42, 1, vm_gic() == 0 ? 1 : 0, 2) == seL4_NoError);
    vm_flush_core(CORE);
    contract_error("smp.migrate", thread_configure_sc(vm.sc, OTHER_CORE, MS, MS), seL4_NoError);
    contract_number("smp.migrate.after_flush.register", tpidr_of_guest(&vm), 0xa1);
    REQUIRE(vm_call(&vm, guest_gic_ack, 0, vm_gic(), vm_gic() == 0, &m) && vm_reported(&m));
    contract_number("smp.migrate.after_flush.interrupt", m.words[0] & 0x3ff, 42);

    /* Back, and this time nobody makes core 2 save the state. */
    set_tpidr_by_guest(&vm, 0xa2);
    REQUIRE(thread_configure_sc(vm.sc, CORE, MS, MS) == seL4_NoError);
    contract_hazard("hazard.migrate_without_flush", tpidr_of_guest(&vm) != 0xa2);
    REQUIRE(seL4_TCB_Suspend(vm.tcb) == seL4_NoError);
    vm_flush_core(CORE);
    vm_flush_core(OTHER_CORE);
}

static void move_main(unsigned core)
{
    REQUIRE(thread_configure_sc(seL4_CapInitThreadSC, core, 10 * MS, 10 * MS) == seL4_NoError);
}

/* What is done about a vCPU's state in its core before it is deleted. */
enum care {
    NOTHING,
    FLUSH,       /* another vCPU runs on that core */
    DELETE_THERE /* the one who deletes it moves to that core */
};

/* The page that a vCPU was, after the core on which it ran has met the next vCPU: is it still zero?
 */
static bool freed_page_is_written(enum care care, bool thread_first)
{
    struct vm vm;
    vm_make(&vm, CORE);
    seL4_CPtr untyped = cap_new(seL4_UntypedObject, seL4_ARM_VCPUBits), frame = cap_slot();
    REQUIRE(cap_delete(vm.vcpu) == seL4_NoError);
    REQUIRE(cap_retype(untyped, seL4_ARM_VCPUObject, 0, vm.vcpu, 1) == seL4_NoError);
    REQUIRE(seL4_ARM_VCPU_SetTCB(vm.vcpu, vm.tcb) == seL4_NoError);
    set_tpidr_by_guest(&vm, 0xb1);
    REQUIRE(seL4_TCB_Suspend(vm.tcb) == seL4_NoError);
    if (care == FLUSH) {
        vm_flush_core(CORE);
    }
    move_main(care == DELETE_THERE ? CORE : 0);
    if (thread_first) {
        REQUIRE(cap_delete(vm.tcb) == seL4_NoError);
    }
    REQUIRE(cap_delete(vm.vcpu) == seL4_NoError);
    move_main(0);
    REQUIRE(cap_retype(untyped, seL4_ARM_SmallPageObject, 0, frame, 1) == seL4_NoError);
    seL4_Word window = memory_window(seL4_PageBits), seen = 0;
    memory_map(frame, seL4_CapInitThreadVSpace, window, seL4_ReadWrite);
    vm_flush_core(CORE);
    for (unsigned i = 0; i < (1u << seL4_PageBits) / sizeof seen; i++) {
        seen |= ((volatile seL4_Word *)window)[i];
    }
    return seen != 0;
}

static void check_deletion(void)
{
    contract_hazard("hazard.delete_vcpu_other_core", freed_page_is_written(NOTHING, false));
    contract_hazard("hazard.delete_thread_other_core", freed_page_is_written(NOTHING, true));
    contract_claim("smp.delete.after_flush",
                   !freed_page_is_written(FLUSH, false) && !freed_page_is_written(FLUSH, true),
                   "freed memory stays as it is");
    contract_claim("smp.delete.there", !freed_page_is_written(DELETE_THERE, false),
                   "freed memory stays as it is");
}

static const char *const names[] = {
    "smp.thread",
    "smp.thread.core_busy",
    "smp.thread.move",
    "smp.thread.moved",
    "smp.thread.suspend",
    "smp.thread.suspended",
    "smp.thread.move_itself",
    "smp.thread.move_itself.left",
    "smp.thread.move_itself.arrived",
    "smp.signal",
    "smp.signal.back",
    "smp.call",
    "smp.alarm.sleep",
    "smp.alarm.sleeps",
    "smp.alarm.wake",
    "smp.alarm.wake.signal",
    "smp.passive_handler",
    "smp.passive_handler.move",
    "smp.passive_handler.moved",
    "smp.handler_waits.lower_priority",
    "smp.handler_waits.signal",
    "smp.inject.running",
    "smp.inject.running.taken",
    "smp.inject.blocked",
    "smp.tcb.read_running",
    "smp.tcb.read_running.pc",
    "smp.vcpu.suspend",
    "smp.vcpu.suspended",
    "hazard.read_registers_other_core",
    "smp.registers.read_after_flush",
    "hazard.write_registers_other_core",
    "smp.registers.write_after_flush",
    "smp.migrate",
    "smp.migrate.after_flush.register",
    "smp.migrate.after_flush.interrupt",
    "hazard.migrate_without_flush",
    "hazard.delete_vcpu_other_core",
    "hazard.delete_thread_other_core",
    "smp.delete.after_flush",
    "smp.delete.there",
};

void smp_run(void)
{
    if (contract_bootinfo->numNodes < 3) {
        for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
            contract_skip(names[i], "one core");
        }
        return;
    }
    check_threads();
    check_own_move();
    check_messages();
    check_alarm();
    check_handler();
    check_injection();
    check_registers();
    check_migration();
    check_deletion();
}
