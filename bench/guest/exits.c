// SPDX-License-Identifier: BSD-2-Clause
/* One exit each, and back: no interrupt, no waiting. */
#include "bench/guest/guest.h"

enum { GICD_ISENABLER1 = 0x104, UART_FR = 0x18 };

static void hypercall(void)
{
    __asm__ volatile("mov w0, #0x84000000; mov x7, #0; hvc #0" ::
                         : "x0", "x1", "x2", "x3", "x7", "memory");
}

static void hypercall_smc(void)
{
    __asm__ volatile("mov w0, #0x84000000; smc #0" ::: "x0", "x1", "x2", "x3", "memory");
}

/* ICC_SGI1R_EL1 with an empty list of targets: nothing but the trap. */
static void sysreg(void)
{
    __asm__ volatile("msr s3_0_c12_c11_5, xzr");
}

static void gic_read(void)
{
    (void)*(volatile uint32_t *)(GICD_BASE + GICD_ISENABLER1);
}

/* Enables nothing: the path of the write alone. */
static void gic_write(void)
{
    __asm__ volatile("str %w0, [%1]" ::"r"(0), "r"((uint64_t)GICD_BASE + GICD_ISENABLER1)
                     : "memory");
}

static void uart_read(void)
{
    (void)*(volatile uint32_t *)(UART_BASE + UART_FR);
}

static void unknown(void)
{
    (void)*(volatile uint32_t *)NOWHERE;
}

/* Bare QEMU without a level above EL1 has one of the two conduits, the other one is undefined. */
void guest_main(uint64_t tree)
{
    (void)tree;
    gic_version();
    measure("exit.hypercall", hypercall);
    measure("exit.hypercall_smc", hypercall_smc);
    if (gic_version() == 3) {
        measure("exit.sysreg", sysreg);
    }
    measure("exit.gic_read", gic_read);
    measure("exit.gic_write", gic_write);
    measure("exit.uart_read", uart_read);
    measure("exit.unknown", unknown);
    say_end();
}
