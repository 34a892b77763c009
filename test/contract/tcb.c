// SPDX-License-Identifier: BSD-2-Clause
/* Threads: configuration and its errors, priorities, registers with counts, suspend, resume, flags.
 */
#include <stdatomic.h>
#include <string.h>

#include "test/contract/contract.h"
#include "test/contract/native.h"
#include "test/contract/thread.h"

enum { REGISTERS = sizeof(seL4_UserContext) / sizeof(seL4_Word), ALL_REGISTERS = 36 };

static const seL4_CPtr cspace = seL4_CapInitThreadCNode, vspace = seL4_CapInitThreadVSpace;
static const seL4_CPtr self = seL4_CapInitThreadTCB;

static _Atomic unsigned run_count;

static void count_once(void *argument)
{
    (void)argument;
    atomic_fetch_add(&run_count, 1);
}

static void check_configure(void)
{
    seL4_CPtr tcb = cap_new(seL4_TCBObject, 0), frame = cap_new(seL4_ARM_SmallPageObject, 0);
    seL4_CPtr empty = cap_new(seL4_CapTableObject, 1);
    contract_error("tcb.configure.no_cspace",
                   seL4_TCB_Configure(tcb, seL4_CapNull, 0, vspace, 0, 0, 0),
                   seL4_IllegalOperation);
    contract_error("tcb.configure.no_vspace",
                   seL4_TCB_Configure(tcb, cspace, 0, seL4_CapNull, 0, 0, 0),
                   seL4_IllegalOperation);
    contract_error("tcb.configure.vspace_no_asid",
                   seL4_TCB_Configure(tcb, cspace, 0, cap_new(seL4_ARM_VSpaceObject, 0), 0, 0, 0),
                   seL4_IllegalOperation);
    contract_error("tcb.configure.buffer_misaligned",
                   seL4_TCB_Configure(tcb, cspace, 0, vspace, 0, 0x1008, frame),
                   seL4_AlignmentError);
    contract_error("tcb.configure.buffer_not_a_frame",
                   seL4_TCB_Configure(tcb, cspace, 0, vspace, 0, 0x1000, tcb),
                   seL4_IllegalOperation);
    contract_error("tcb.configure.empty_cspace",
                   seL4_TCB_Configure(tcb, empty, 0, vspace, 0, 0, seL4_CapNull), seL4_NoError);
    contract_error("tcb.set_space.bad_fault_endpoint",
                   seL4_TCB_SetSpace(tcb, frame, cspace, 0, vspace, 0), seL4_InvalidCapability);
    contract_error("tcb.set_space.no_fault_endpoint",
                   seL4_TCB_SetSpace(tcb, seL4_CapNull, cspace, 0, vspace, 0), seL4_NoError);
    contract_error("tcb.set_ipc_buffer.none", seL4_TCB_SetIPCBuffer(tcb, 0, seL4_CapNull),
                   seL4_NoError);
    contract_error("tcb.set_tls_base", seL4_TCB_SetTLSBase(tcb, 0x5000), seL4_NoError);
}

static void check_sched_params(void)
{
    seL4_CPtr tcb = cap_new(seL4_TCBObject, 0), other = cap_new(seL4_TCBObject, 0);
    seL4_CPtr sc = thread_new_sc(0, 10000, 10000), sc2 = thread_new_sc(0, 10000, 10000);
    seL4_CPtr endpoint = cap_new(seL4_EndpointObject, 0);
    contract_error("tcb.priority", seL4_TCB_SetPriority(tcb, self, 17), seL4_NoError);
    contract_error("tcb.priority.authority", seL4_TCB_SetPriority(tcb, endpoint, 17),
                   seL4_InvalidCapability);
    contract_error("tcb.priority.above_mcp", seL4_TCB_SetPriority(other, tcb, 17), seL4_RangeError);
    contract_error("tcb.mcp", seL4_TCB_SetMCPriority(tcb, self, 100), seL4_NoError);
    contract_error("tcb.priority.at_mcp", seL4_TCB_SetPriority(other, tcb, 100), seL4_NoError);
    contract_error("tcb.sched_params", seL4_TCB_SetSchedParams(tcb, self, 100, 50, sc, endpoint),
                   seL4_NoError);
    contract_error("tcb.sched_params.second_sc",
                   seL4_TCB_SetSchedParams(tcb, self, 100, 50, sc2, endpoint),
                   seL4_IllegalOperation);
    contract_error("tcb.sched_params.sc_taken",
                   seL4_TCB_SetSchedParams(other, self, 100, 50, sc, endpoint),
                   seL4_IllegalOperation);
    contract_error("tcb.sched_params.not_a_sc",
                   seL4_TCB_SetSchedParams(other, self, 100, 50, endpoint, endpoint),
                   seL4_InvalidCapability);
    contract_error("tcb.sched_params.bad_fault_endpoint",
                   seL4_TCB_SetSchedParams(other, self, 100, 50, sc2, tcb), seL4_InvalidCapability);
    contract_error(
        "tcb.sched_params.receive_only_endpoint",
        seL4_TCB_SetSchedParams(other, self, 100, 50, sc2, cap_copy(endpoint, seL4_CanRead)),
        seL4_InvalidCapability);
    contract_error("tcb.sched_params.no_sc",
                   seL4_TCB_SetSchedParams(tcb, self, 100, 50, seL4_CapNull, endpoint),
                   seL4_NoError);
    contract_error("tcb.sched_params.sc_free_again",
                   seL4_TCB_SetSchedParams(other, self, 100, 50, sc, endpoint), seL4_NoError);
    contract_error("tcb.timeout_endpoint", seL4_TCB_SetTimeoutEndpoint(tcb, endpoint),
                   seL4_NoError);
    contract_error("tcb.timeout_endpoint.bad", seL4_TCB_SetTimeoutEndpoint(tcb, sc),
                   seL4_InvalidCapability);
}

/* Word i of a register file in seL4's order is PATTERN + i, but for those that have rules. */
enum { PATTERN = 0x4000 };

static seL4_UserContext make_pattern(void)
{
    seL4_UserContext context;
    seL4_Word *words = (seL4_Word *)&context;
    for (unsigned i = 0; i < REGISTERS; i++) {
        words[i] = PATTERN + i;
    }
    context.spsr = 0;
    return context;
}

/* How many of the first words are as the pattern has them. */
static unsigned count_equal(const seL4_UserContext *context, const seL4_UserContext *expected)
{
    unsigned i = 0;
    while (i < ALL_REGISTERS &&
           ((const seL4_Word *)context)[i] == ((const seL4_Word *)expected)[i]) {
        i++;
    }
    return i;
}

static seL4_UserContext read_all(seL4_CPtr tcb)
{
    seL4_UserContext context;
    REQUIRE(seL4_TCB_ReadRegisters(tcb, false, 0, ALL_REGISTERS, &context) == seL4_NoError);
    return context;
}

static void check_register_counts(void)
{
    seL4_CPtr tcb = cap_new(seL4_TCBObject, 0);
    seL4_UserContext pattern = make_pattern(), seen, changed;
    contract_error("tcb.write_registers",
                   seL4_TCB_WriteRegisters(tcb, false, 0, ALL_REGISTERS, &pattern), seL4_NoError);
    seen = read_all(tcb);
    contract_number("tcb.read_registers.spsr_of_el0", seen.spsr & 0x1f, 0);
    pattern.spsr = seen.spsr;
    contract_number("tcb.read_registers.equal", count_equal(&seen, &pattern), ALL_REGISTERS);

    contract_error("tcb.read_registers.count_0", seL4_TCB_ReadRegisters(tcb, false, 0, 0, &seen),
                   seL4_RangeError);
    contract_error("tcb.read_registers.count_37", seL4_TCB_ReadRegisters(tcb, false, 0, 37, &seen),
                   seL4_RangeError);
    contract_claim("tcb.read_registers.range", seL4_GetMR(0) == 1 && seL4_GetMR(1) == ALL_REGISTERS,
                   "1 to 36");
    bool all = true;
    for (unsigned n = 1; n <= ALL_REGISTERS; n++) {
        memset(&seen, 0, sizeof seen);
        all = all && seL4_TCB_ReadRegisters(tcb, false, 0, n, &seen) == seL4_NoError &&
              count_equal(&seen, &pattern) >= n;
    }
    contract_claim("tcb.read_registers.every_count", all, "first n words");

    all = true;
    for (unsigned n = 1; n <= ALL_REGISTERS; n++) {
        changed = pattern;
        for (unsigned i = 0; i < REGISTERS; i++) {
            ((seL4_Word *)&changed)[i] += i == 2 ? 0 : 0x10000;
        }
        REQUIRE(seL4_TCB_WriteRegisters(tcb, false, 0, n, &changed) == seL4_NoError);
        seen = read_all(tcb);
        for (unsigned i = n; i < REGISTERS; i++) {
            ((seL4_Word *)&changed)[i] = ((seL4_Word *)&pattern)[i];
        }
        all = all && count_equal(&seen, &changed) == ALL_REGISTERS;
        REQUIRE(seL4_TCB_WriteRegisters(tcb, false, 0, ALL_REGISTERS, &pattern) == seL4_NoError);
    }
    contract_claim("tcb.write_registers.every_count", all, "first n words, others keep theirs");
    changed.pc = 0x8888;
    contract_error("tcb.write_registers.pc_only",
                   seL4_TCB_WriteRegisters(tcb, false, 0, 1, &changed), seL4_NoError);
    seen = read_all(tcb);
    pattern.pc = 0x8888;
    contract_number("tcb.write_registers.pc_only.equal", count_equal(&seen, &pattern),
                    ALL_REGISTERS);
    contract_error("tcb.read_registers.own", seL4_TCB_ReadRegisters(self, false, 0, 1, &seen),
                   seL4_IllegalOperation);
    contract_error("tcb.write_registers.own", seL4_TCB_WriteRegisters(self, false, 0, 1, &seen),
                   seL4_IllegalOperation);
}

static void check_spsr(void)
{
    seL4_CPtr tcb = cap_new(seL4_TCBObject, 0);
    seL4_UserContext c = {.spsr = 0x3c5}; /* EL1h, all masked */
    REQUIRE(seL4_TCB_WriteRegisters(tcb, false, 0, 3, &c) == seL4_NoError);
    c = read_all(tcb);
    contract_number("tcb.spsr.el1_without_vcpu", c.spsr & 0xf, 0);
    c.spsr = 0xf0000000;
    REQUIRE(seL4_TCB_WriteRegisters(tcb, false, 0, 3, &c) == seL4_NoError);
    c = read_all(tcb);
    contract_number("tcb.spsr.flags", c.spsr >> 28, 0xf);
}

/* The words that a thread itself sees, in the order of native_store_registers. */
static void check_register_order(void)
{
    struct thread thread;
    static seL4_Word store[36] __attribute__((aligned(16)));
    seL4_CPtr faults = cap_new(seL4_EndpointObject, 0), reply = cap_new(seL4_ReplyObject, 0);
    seL4_UserContext p = make_pattern();
    struct message m;
    thread_make(&thread, &(struct thread_options){.entry = count_once,
                                                  .fault = cap_mint(faults, seL4_AllRights, 1)});
    p.pc = (seL4_Word)native_store_registers;
    p.sp = (seL4_Word)store;
    contract_error("tcb.write_registers.resume",
                   seL4_TCB_WriteRegisters(thread.tcb, true, 0, ALL_REGISTERS, &p), seL4_NoError);
    contract_receive(faults, reply, &m, 100);
    const seL4_Word expected[33] = {
        p.x0,  p.x1,  p.x2,  p.x3,  p.x4,  p.x5,  p.x6,  p.x7,  p.x8,  p.x9,  p.x10,
        p.x11, p.x12, p.x13, p.x14, p.x15, p.x16, p.x17, p.x18, p.x19, p.x20, p.x21,
        p.x22, p.x23, p.x24, p.x25, p.x26, p.x27, p.x28, p.x29, p.x30, p.sp,  p.tpidr_el0};
    contract_claim("tcb.registers.seen_by_the_thread",
                   memcmp(store, expected, sizeof expected) == 0, "as written");
    contract_number("native.breakpoint.fault", m.label, seL4_Fault_VCPUFault);
    contract_number("native.breakpoint.class", m.words[seL4_VCPUFault_HSR] >> 26, 0x3c);
    contract_number("native.breakpoint.immediate", m.words[seL4_VCPUFault_HSR] & 0xffff, 0x33);
}

static void check_suspend(void)
{
    struct thread thread;
    atomic_store(&run_count, 0);
    thread_make(&thread, &(struct thread_options){.entry = count_once});
    contract_wait_ms(5);
    contract_number("tcb.made.runs", atomic_load(&run_count), 0);
    contract_error("tcb.resume", seL4_TCB_Resume(thread.tcb), seL4_NoError);
    contract_claim("tcb.resume.runs", contract_wait_for(&run_count, 1, 100), "once");
    contract_error("tcb.suspend", seL4_TCB_Suspend(thread.tcb), seL4_NoError);
    contract_error("tcb.suspend.again", seL4_TCB_Suspend(thread.tcb), seL4_NoError);
    struct thread other;
    thread_start(&other, &(struct thread_options){.entry = count_once, .no_sc = true});
    contract_wait_ms(5);
    contract_number("tcb.without_sc.runs", atomic_load(&run_count), 1);
    seL4_CPtr sc = thread_new_sc(0, 10000, 10000);
    contract_error("tcb.bind_sc", seL4_SchedContext_Bind(sc, other.tcb), seL4_NoError);
    contract_claim("tcb.bind_sc.runs", contract_wait_for(&run_count, 2, 100), "now");
}

static void check_flags(void)
{
    struct thread thread;
    struct message m;
    seL4_CPtr faults = cap_new(seL4_EndpointObject, 0), reply = cap_new(seL4_ReplyObject, 0);
    thread_make(&thread,
                &(struct thread_options){.entry = (void (*)(void *))native_vector_instruction,
                                         .fault = cap_mint(faults, seL4_AllRights, 1)});
    seL4_TCB_SetFlags_t flags = seL4_TCB_SetFlags(thread.tcb, 0, 0);
    contract_number("tcb.flags.new", flags.flags, 0);
    flags = seL4_TCB_SetFlags(thread.tcb, 0, seL4_TCBFlag_fpuDisabled);
    contract_number("tcb.flags.fpu_disabled", flags.flags, seL4_TCBFlag_fpuDisabled);
    REQUIRE(seL4_TCB_Resume(thread.tcb) == seL4_NoError);
    contract_receive(faults, reply, &m, 100);
    contract_number("tcb.fpu_disabled.fault", m.label, seL4_Fault_VCPUFault);
    contract_number("tcb.fpu_disabled.class", m.words[seL4_VCPUFault_HSR] >> 26, 7);
}

static void check_notification_binding(void)
{
    seL4_CPtr tcb = cap_new(seL4_TCBObject, 0), other = cap_new(seL4_TCBObject, 0);
    seL4_CPtr a = cap_new(seL4_NotificationObject, 0), b = cap_new(seL4_NotificationObject, 0);
    contract_error("tcb.bind_notification", seL4_TCB_BindNotification(tcb, a), seL4_NoError);
    contract_error("tcb.bind_notification.second", seL4_TCB_BindNotification(tcb, b),
                   seL4_IllegalOperation);
    contract_error("tcb.bind_notification.taken", seL4_TCB_BindNotification(other, a),
                   seL4_IllegalOperation);
    contract_error("tcb.bind_notification.not_one", seL4_TCB_BindNotification(other, tcb),
                   seL4_IllegalOperation);
    contract_error("tcb.unbind_notification", seL4_TCB_UnbindNotification(tcb), seL4_NoError);
    contract_error("tcb.unbind_notification.none", seL4_TCB_UnbindNotification(tcb),
                   seL4_IllegalOperation);
}

void tcb_run(void)
{
    check_configure();
    check_sched_params();
    check_register_counts();
    check_spsr();
    check_register_order();
    check_suspend();
    check_flags();
    check_notification_binding();
}
