// SPDX-License-Identifier: BSD-2-Clause
//
// Root's first instruction. The kernel passes the boot information's address in x0.
    .section .text._start, "ax"
    .global _start
_start:
    adrp    x9, root_stack_top
    add     sp, x9, :lo12:root_stack_top
    adrp    x10, thread_first_block
    add     x10, x10, :lo12:thread_first_block
    msr     tpidr_el0, x10
    mov     x29, xzr
    mov     x30, xzr
    b       root_main

    .section .bss.root_stack, "aw", @nobits
    .balign 16
    .space  65536
root_stack_top:
