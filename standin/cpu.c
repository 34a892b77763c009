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

/* Tries before a core goes to sleep until the lock is given back. */
#define SPIN_MAX 200

/*
 * Not in turn: whoever is awake takes it. QEMU's processors are threads of a machine that may have
 * fewer of its own; to wait for one that does not run right now would make all of them wait.
 */
static uint32_t lock_taken;
static uint32_t lock_sleepers;

static void serve_call(struct cpu *cpu)
{
    void (*call)(void *argument) = __atomic_load_n(&cpu->call, __ATOMIC_ACQUIRE);
    if (call != NULL) {
        call(cpu->call_argument);
        __atomic_store_n(&cpu->call, NULL, __ATOMIC_RELEASE);
    }
}

static bool try_lock(void)
{
    return __atomic_load_n(&lock_taken, __ATOMIC_RELAXED) == 0 &&
           __atomic_exchange_n(&lock_taken, 1, __ATOMIC_SEQ_CST) == 0;
}

void cpu_lock(void)
{
    struct cpu *cpu = this_cpu();
    for (unsigned tries = 0; !try_lock(); tries++) {
        serve_call(cpu);
        if (tries < SPIN_MAX) {
            cpu_pause();
            continue;
        }
        uint32_t self = (uint32_t)BIT(cpu->id);
        __atomic_fetch_or(&lock_sleepers, self, __ATOMIC_SEQ_CST);
        if (try_lock()) {
            __atomic_fetch_and(&lock_sleepers, ~self, __ATOMIC_SEQ_CST);
            return;
        }
        dsb();
        __asm__ volatile("wfi" ::: "memory");
    }
}

void cpu_unlock(void)
{
    __atomic_store_n(&lock_taken, 0, __ATOMIC_SEQ_CST);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (__atomic_load_n(&lock_sleepers, __ATOMIC_RELAXED) != 0) {
        gic_send_sgi(__atomic_exchange_n(&lock_sleepers, 0, __ATOMIC_SEQ_CST));
    }
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
