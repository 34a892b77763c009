// SPDX-License-Identifier: BSD-2-Clause

/*
 * Plays "Multicore" of the seL4 manual: the big kernel lock and interrupts between cores.
 *
 * Every entry into the kernel saves the thread's registers before it takes the lock. So the holder
 * of the lock, once another core waits for it or idles, may change whatever belongs to that core.
 */

#include "standin/cpu.h"
#include "standin/console.h"
#include "standin/gic.h"
#include "standin/memory.h"
#include "standin/sched.h"

struct cpu cpus[CPUS];

static struct {
    uint32_t next;
    uint32_t serving;
} lock;

static void serve_call(struct cpu *cpu)
{
    void (*call)(void *argument) = __atomic_load_n(&cpu->call, __ATOMIC_ACQUIRE);
    if (call != NULL) {
        call(cpu->call_argument);
        __atomic_store_n(&cpu->call, NULL, __ATOMIC_RELEASE);
    }
}

void cpu_lock(void)
{
    struct cpu *cpu = this_cpu();
    uint32_t ticket = __atomic_fetch_add(&lock.next, 1, __ATOMIC_RELAXED);
    while (__atomic_load_n(&lock.serving, __ATOMIC_ACQUIRE) != ticket) {
        serve_call(cpu);
        cpu_pause();
    }
}

void cpu_unlock(void)
{
    __atomic_store_n(&lock.serving, lock.serving + 1, __ATOMIC_RELEASE);
    __asm__ volatile("sev" ::: "memory");
}

void cpu_idle(void)
{
    struct cpu *cpu = this_cpu();
    cpu_unlock();
    while (!interrupt_pending()) {
        dsb();
        __asm__ volatile("wfi" ::: "memory");
        serve_call(cpu);
    }
    cpu_lock();
}

void cpu_call(uint32_t core, void (*function)(void *argument), void *argument)
{
    struct cpu *cpu = &cpus[core];
    cpu->call_argument = argument;
    __atomic_store_n(&cpu->call, function, __ATOMIC_RELEASE);
    dsb();
    gic_send_sgi((uint32_t)BIT(core));
    while (__atomic_load_n(&cpu->call, __ATOMIC_ACQUIRE) != NULL) {
        cpu_pause();
    }
}

static void stop(void *unused)
{
    (void)unused;
}

void cpu_preempt_remote(struct tcb *tcb)
{
    uint32_t core = tcb->core;
    struct cpu *cpu = &cpus[core];
    if (core == this_cpu()->id || cpu->current != tcb) {
        return;
    }
    cpu_call(core, stop, NULL);
    cpu->current = NULL;
    cpu->event_void = true;
    if (tcb->state == THREAD_RUNNING) {
        tcb->state = THREAD_RESTART;
    }
    sched_enqueue_first(tcb);
}

void cpu_send_pending(void)
{
    struct cpu *cpu = this_cpu();
    if (cpu->ipi_mask != 0) {
        gic_send_sgi(cpu->ipi_mask);
        cpu->ipi_mask = 0;
    }
}

_Noreturn void cpu_panic(const char *what, uint64_t value)
{
    console_print("\nstand-in kernel: %s 0x%lx at 0x%lx, address 0x%lx, core %u. Halted.\n", what,
                  value, read_reg(elr_el2), read_reg(far_el2), this_cpu()->id);
    for (;;) {
        __asm__ volatile("wfi");
    }
}
