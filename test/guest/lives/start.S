/* SPDX-License-Identifier: BSD-2-Clause */

    .section .text._start, "ax"
    .global _start
_start:
    adrp    x1, stack_end
    add     x1, x1, :lo12:stack_end
    mov     sp, x1
    b       lives_main              /* x0: the device tree */

/* A firmware call without arguments that does not come back. */
    .global firmware
firmware:
    mov     x1, xzr
    mov     x2, xzr
    mov     x3, xzr
    mov     x4, xzr
    mov     x5, xzr
    mov     x6, xzr
    mov     x7, xzr
    hvc     #0
1:  b       1b

/* Not in .bss, which has to be zero when a life begins. */
    .section .stack, "aw", @nobits
    .balign 16
    .space 4096
stack_end:
