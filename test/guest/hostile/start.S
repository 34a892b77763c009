// SPDX-License-Identifier: BSD-2-Clause
//
// First instructions of the hostile guest, of its first vCPU and of its second. Turns on the MMU with one table:
// the first GiB is devices, the second one memory, so that atomic accesses and caches work as in any kernel.
    .section .text._start, "ax"
    .global _start, second_start
_start:
    adrp    x1, first_stack_top
    add     x1, x1, :lo12:first_stack_top
    mov     sp, x1
    bl      mmu_on
    bl      guest_main
1:  wfi
    b       1b

second_start:
    adrp    x1, second_stack_top
    add     x1, x1, :lo12:second_stack_top
    mov     sp, x1
    bl      mmu_on
    bl      second_main
    b       1b

// Arm ARM, D8: 4 KiB granule, 39-bit addresses, level 1 blocks of 1 GiB.
mmu_on:
    adrp    x0, table
    msr     ttbr0_el1, x0
    ldr     x0, =0xff00                     // attribute 0: Device-nGnRnE, 1: Normal write-back
    msr     mair_el1, x0
    ldr     x0, =(25 | 1 << 8 | 1 << 10 | 3 << 12 | 1 << 23 | 2 << 32)
    msr     tcr_el1, x0
    tlbi    vmalle1
    dsb     nsh
    isb
    mrs     x0, sctlr_el1
    mov     x1, #(1 | 1 << 2 | 1 << 12)
    orr     x0, x0, x1
    msr     sctlr_el1, x0
    adr     x0, vectors
    msr     vbar_el1, x0
    isb
    ret

// Counts the exception and leaves its instruction out. Only synchronous ones of EL1 are expected; another one
// is an endless loop, and so a test that gets no answer.
    .balign 2048
vectors:
    .rept   4
    b       .
    .balign 128
    .endr
    stp     x0, x1, [sp, #-16]!
    adrp    x0, aborts
    add     x0, x0, :lo12:aborts
    ldr     w1, [x0]
    add     w1, w1, #1
    str     w1, [x0]
    mrs     x0, elr_el1
    add     x0, x0, #4
    msr     elr_el1, x0
    ldp     x0, x1, [sp], #16
    eret
    .balign 128
    .rept   11
    b       .
    .balign 128
    .endr

    .section .data.table, "aw"
    .balign 4096
table:
    .quad   0x0000000000000401              // access flag, block, attribute 0
    .quad   0x0000000040000705              // and inner shareable, attribute 1
    .fill   510, 8, 0

    .section .bss.stacks, "aw", %nobits
    .balign 16
    .skip   16384
first_stack_top:
    .skip   16384
second_stack_top:
