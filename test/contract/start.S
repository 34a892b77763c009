/* SPDX-License-Identifier: BSD-2-Clause */
/* The root task's entry: x0 has the address of bootinfo. */
    .section .text.start, "ax"
    .global _start
_start:
    adrp x1, stack_top
    add x1, x1, :lo12:stack_top
    mov sp, x1
    mov x29, #0
    mov x30, #0
    bl contract_main
1:  b 1b

    .section .bss
    .balign 16
    .space 32768
stack_top:
    .section .note.GNU-stack, "", %progbits
