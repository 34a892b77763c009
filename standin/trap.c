// SPDX-License-Identifier: BSD-2-Clause

/*
 * Plays "Exceptions" and "Faults" in chapter "Threads and Execution" of the seL4 manual: every
 * entry into the kernel and the way out.
 */

#include "standin/trap.h"
#include "standin/fault.h"
#include "standin/inject.h"
#include "standin/irq.h"
#include "standin/sched.h"
#include "standin/syscall.h"
#include "standin/thread.h"

/* What the exception registers said when this core trapped. */
struct trap {
    uint64_t kind;
    uint64_t esr;
    uint64_t far;
    uint64_t hpfar;
};

static bool is_syscall(const struct trap *trap)
{
    uint64_t class = ESR_CLASS(trap->esr);
    return trap->kind == TRAP_SYNC && (class == CLASS_SVC64 || class == CLASS_HVC64);
}

/* An abort. A guest's is reported by its intermediate physical address. */
static void handle_abort(struct tcb *tcb, const struct trap *trap, bool fetch)
{
    uint64_t address = fetch ? tcb->regs[REG_FAULT_PC] : trap->far;
    if (this_cpu()->vcpu_active) {
        address = (trap->hpfar & ~0xfull) << 8 | (address & MASK(seL4_PageBits));
    }
    fault_send(tcb, (struct fault){
                        seL4_Fault_VMFault, {address, fetch, trap->esr}
    });
}

static void handle_sync(struct tcb *tcb, const struct trap *trap)
{
    if (!sched_check_budget()) {
        if (thread_runnable(tcb)) {
            tcb->state = THREAD_RESTART;
        }
        return;
    }
    switch (ESR_CLASS(trap->esr)) {
    case CLASS_SVC64:
    case CLASS_HVC64:
        syscall_handle(tcb);
        break;
    case CLASS_DATA_LOWER:
        handle_abort(tcb, trap, false);
        break;
    case CLASS_FETCH_LOWER:
        handle_abort(tcb, trap, true);
        break;
    default:
        if (trap->esr == ESR_UNKNOWN) {
            fault_send(tcb, (struct fault){
                                seL4_Fault_UserException, {trap->esr, 0}
            });
        } else {
            fault_send(tcb, (struct fault){seL4_Fault_VCPUFault, {trap->esr}});
        }
        break;
    }
}

_Noreturn void trap_leave(void)
{
    struct cpu *cpu = this_cpu();
    sched_run();
    while (cpu->current == NULL) {
        cpu_idle();
        sched_update_time();
        cpu->consumed = 0;
        irq_handle();
        inject_tick();
        sched_run();
    }
    struct tcb *tcb = cpu->current;
    cpu_unlock();
    trap_return(tcb->regs, cpu->stack_top);
}

_Noreturn void trap_enter(uint64_t kind)
{
    struct cpu *cpu = this_cpu();
    struct trap trap = {kind, read_reg(esr_el2), read_reg(far_el2), read_reg(hpfar_el2)};
    struct tcb *tcb = cpu->current;
    tcb->regs[REG_FAULT_PC] = tcb->regs[REG_PC] - (is_syscall(&trap) ? 4 : 0);
    cpu_lock();
    sched_update_time();
    if (cpu->event_void) {
        /* Another core has taken the thread away; it will trap again if it still has to. */
        cpu->event_void = false;
        sched_check_budget();
        sched_reschedule();
    } else if (kind == TRAP_IRQ) {
        sched_check_budget();
        irq_handle();
    } else if (kind == TRAP_SYNC) {
        handle_sync(tcb, &trap);
    }
    inject_tick();
    trap_leave();
}

_Noreturn void trap_kernel(uint64_t vector)
{
    (void)vector;
    cpu_panic("exception in the kernel, syndrome", read_reg(esr_el2));
}
