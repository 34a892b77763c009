/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/*
 * What bench guests share. A guest measures itself by the virtual counter: under QEMU's
 * `-icount shift=0` an instruction takes a nanosecond, whoever executes it, and the counter has a
 * tick for each 16. What it found out it prints as lines for the harness:
 *     bench NAME TICKS COUNT
 * which says that COUNT of them took TICKS ticks of the counter.
 */

enum {
    UART_BASE = 0x09000000,
    RTC_BASE = 0x09010000,
    GICD_BASE = 0x08000000,
    NOWHERE = 0x0b000000, /* no device is there */

    IRQ_VTIMER = 27,
    IRQ_UART = 33,
    IRQ_RTC = 34,

    PSCI_VERSION = (int)0x84000000,
    PSCI_SYSTEM_OFF = (int)0x84000008,
    PSCI_SYSTEM_RESET = (int)0x84000009,
};

/* Each guest has these two; tree: what x0 was. The second vCPU's is only needed where there is one.
 */
void guest_main(uint64_t tree);
void guest_second(void);

/* ---- lines for the harness ---- */

void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void say_result(const char *name, uint64_t ticks, uint64_t count);
/* Waits until counter_of_machine has that value, without using the processor, or using it. */
void sleep_until(uint64_t machine_ticks);
void spin_until(uint64_t machine_ticks);
/* For guests that sleep_until: the timer's interrupt; guest_interrupt is given to others. */
void sleep_open(void);

/* The last line: the harness ends the machine. Never returns. */
_Noreturn void say_end(void);

/* ---- time ---- */

static inline uint64_t counter(void)
{
    uint64_t value;
    __asm__ volatile("isb; mrs %0, cntvct_el0" : "=r"(value)::"memory");
    return value;
}

/* The counter of the machine, which is the same in every VM. */
static inline uint64_t counter_of_machine(void)
{
    uint64_t value;
    __asm__ volatile("isb; mrs %0, cntpct_el0" : "=r"(value)::"memory");
    return value;
}

/* Of the counter of QEMU's machine, in ticks. */
enum { TICKS_PER_MS = 62500, TICKS_PER_US_X2 = 125 };

/*
 * Takes some time, another one for each of 16 calls: so that what begins afterwards does not always
 * begin with the same phase of the counter, and its mean is exact although the counter is coarse.
 */
void dither(void);

/* Measures an operation in batches, the best of several: no kernel's own tick is in it. */
void measure(const char *name, void (*operation)(void));

/* Mean of single times; differences between samples are the operation's, not the counter's. */
struct mean {
    uint64_t ticks, count;
};

static inline void mean_add(struct mean *mean, uint64_t ticks)
{
    mean->ticks += ticks;
    mean->count++;
}

/* ---- firmware ---- */

uint64_t psci(uint64_t function, uint64_t a, uint64_t b, uint64_t c);

/* ---- interrupts ---- */

static inline void irq_unmask(void)
{
    __asm__ volatile("msr daifclr, #2" ::: "memory");
}

static inline void irq_mask(void)
{
    __asm__ volatile("msr daifset, #2" ::: "memory");
}

static inline void wait_for_interrupt(void)
{
    __asm__ volatile("wfi" ::: "memory");
}

/* 2 or 3. */
unsigned gic_version(void);
/* This vCPU's interface and its private interrupts; the first vCPU's call does the distributor. */
void gic_open(void);
void gic_enable(unsigned intid);
/* To one vCPU by number, which may be the sender. */
void gic_send_sgi(unsigned sgi, unsigned vcpu);

/*
 * Called for each interrupt, before its end: when its handler was entered, and which one it is. The
 * interrupt is ended after it; the time that took is added to gic_eoi while gic_eoi_wanted.
 */
void guest_interrupt(uint64_t entered, unsigned intid);
extern struct mean gic_eoi;
extern bool gic_eoi_wanted;

/* ---- the virtual timer ---- */

static inline void timer_set(uint64_t compare)
{
    __asm__ volatile("msr cntv_cval_el0, %0; msr cntv_ctl_el0, %1; isb" ::"r"(compare), "r"(1ul));
}

static inline void timer_off(void)
{
    __asm__ volatile("msr cntv_ctl_el0, xzr; isb");
}
