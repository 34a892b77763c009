// SPDX-License-Identifier: BSD-2-Clause

/* Plays the TCB flag fpuDisabled of "Threads and Execution" in the seL4 manual. */

#include "standin/fpu.h"

void fpu_store(uint64_t *control, uint64_t *registers);
void fpu_load(const uint64_t *control, const uint64_t *registers);

static void trap_fpu(bool trap)
{
    write_reg(cptr_el2, CPTR_RES1 | (trap ? CPTR_TFP : 0));
    isb();
}

static void release_here(void *unused)
{
    (void)unused;
    struct cpu *cpu = this_cpu();
    if (cpu->fpu_owner != NULL) {
        trap_fpu(false);
        fpu_store(cpu->fpu_owner->fpu_control, cpu->fpu_owner->fpu);
        cpu->fpu_owner = NULL;
    }
}

void fpu_switch(struct tcb *tcb)
{
    struct cpu *cpu = this_cpu();
    bool disabled = tcb->flags & seL4_TCBFlag_fpuDisabled;
    if (!disabled && cpu->fpu_owner != tcb) {
        release_here(NULL);
        trap_fpu(false);
        fpu_load(tcb->fpu_control, tcb->fpu);
        cpu->fpu_owner = tcb;
    }
    trap_fpu(disabled);
}

void fpu_release(struct tcb *tcb)
{
    for (uint32_t i = 0; i < CPUS; i++) {
        if (cpus[i].fpu_owner != tcb) {
            continue;
        }
        if (i == this_cpu()->id) {
            release_here(NULL);
        } else {
            cpu_call(i, release_here, NULL);
        }
    }
}
