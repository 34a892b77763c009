// SPDX-License-Identifier: BSD-2-Clause
//
// First instruction of every process but root. The stack and the thread block are the image's own;
// process_main never returns.
    .section .text._start, "ax"
    .global _start
_start:
    adrp    x9, process_stack_top
    add     sp, x9, :lo12:process_stack_top
    adrp    x10, thread_first_block
    add     x10, x10, :lo12:thread_first_block
    msr     tpidr_el0, x10
    mov     x29, xzr
    mov     x30, xzr
    b       process_start

    .section .bss.process_stack, "aw", @nobits
    .balign 16
    .space  32768
    .global process_stack_top
process_stack_top:
