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
    bl      hostile_main
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
    isb
    ret

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
