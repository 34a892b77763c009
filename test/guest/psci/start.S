/* SPDX-License-Identifier: BSD-2-Clause */

    .section .text._start, "ax"
    .global _start
_start:
    adr     x1, vectors
    msr     vbar_el1, x1
    adrp    x1, stack_end
    add     x1, x1, :lo12:stack_end
    mov     sp, x1
    isb
    b       psci_main

/* void conduit_<name>(uint64_t x[18]): loads x0 to x17, makes the call, stores them. */
.macro conduit name, instruction:vararg
    .global conduit_\name
conduit_\name:
    stp     x19, x30, [sp, #-16]!
    mov     x19, x0
    ldp     x2, x3, [x19, #16]
    ldp     x4, x5, [x19, #32]
    ldp     x6, x7, [x19, #48]
    ldp     x8, x9, [x19, #64]
    ldp     x10, x11, [x19, #80]
    ldp     x12, x13, [x19, #96]
    ldp     x14, x15, [x19, #112]
    ldp     x16, x17, [x19, #128]
    ldp     x0, x1, [x19]
    \instruction
    stp     x0, x1, [x19]
    stp     x2, x3, [x19, #16]
    stp     x4, x5, [x19, #32]
    stp     x6, x7, [x19, #48]
    stp     x8, x9, [x19, #64]
    stp     x10, x11, [x19, #80]
    stp     x12, x13, [x19, #96]
    stp     x14, x15, [x19, #112]
    stp     x16, x17, [x19, #128]
    ldp     x19, x30, [sp], #16
    ret
.endm
    conduit smc, smc #0
    conduit hvc, hvc #0
    conduit smc_1, smc #1

/* Where CPU_ON starts the second vCPU, x0 = context. It writes down what it found, and goes off when told. */
    .global second_entry
second_entry:
    adrp    x1, second
    add     x1, x1, :lo12:second
    mrs     x2, CurrentEL
    mrs     x3, sctlr_el1
    mrs     x4, daif
    mrs     x5, mpidr_el1
    stp     x0, x2, [x1, #16]
    stp     x3, x4, [x1, #32]
    str     x5, [x1, #48]
    mov     x6, #1
    dsb     sy
    str     x6, [x1]                /* here */
1:  ldr     x6, [x1, #8]            /* leave */
    cbz     x6, 1b
    ldr     w0, =0x84000002         /* CPU_OFF */
    mov     x7, xzr
    hvc     #0
2:  b       2b                      /* came back: seen as still on */

/* An instruction that is undefined is stepped over, with its exception class in x0. */
.balign 2048
vectors:
    .rept 16
    .balign 128
    mrs     x0, elr_el1
    add     x0, x0, #4
    msr     elr_el1, x0
    mrs     x0, esr_el1
    lsr     x0, x0, #26
    orr     x0, x0, #0xe000
    eret
    .endr

.bss
.balign 16
    .space 4096
stack_end:
.global second
second:
    .space 56
