/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Entry of a bench guest, bare or in a VM: EL1, MMU and caches off. Every vCPU comes here, the first
 * one from reset, others from PSCI CPU_ON with x0 = their number.
 */
    .section .text.start, "ax"
    .global _start
_start:
    mov     x20, x0
    mrs     x19, mpidr_el1
    and     x19, x19, #0xff
    cbnz    x19, 1f
    adrp    x1, bss_start
    add     x1, x1, :lo12:bss_start
    adrp    x2, bss_end
    add     x2, x2, :lo12:bss_end
2:  cmp     x1, x2
    b.hs    1f
    str     xzr, [x1], #8
    b       2b
1:  adrp    x1, stacks
    add     x1, x1, :lo12:stacks
    add     x2, x19, #1
    add     x1, x1, x2, lsl #14
    mov     sp, x1
    adrp    x1, vectors
    add     x1, x1, :lo12:vectors
    msr     vbar_el1, x1
    isb
    mov     x0, x20
    cbnz    x19, 3f
    bl      guest_main
    b       4f
3:  bl      guest_second
4:  wfi
    b       4b

/*
 * The time of an interrupt is taken by the vector's second instruction. x28 is no function's (see
 * build.mk): it carries that time to guest_irq.
 */
    .balign 2048
vectors:
    .balign 128
    b       stuck
    .balign 128
    b       stuck
    .balign 128
    b       stuck
    .balign 128
    b       stuck
    .balign 128                     /* synchronous: a device that is not there; skip the instruction */
    stp     x0, x1, [sp, #-16]!
    mrs     x0, elr_el1
    add     x0, x0, #4
    msr     elr_el1, x0
    ldp     x0, x1, [sp], #16
    eret
    .balign 128
    b       irq
    .balign 128
    b       irq
    .balign 128
    b       stuck
    .balign 2048

irq:
    mrs     x28, cntvct_el0
    sub     sp, sp, #192
    stp     x0, x1, [sp]
    stp     x2, x3, [sp, #16]
    stp     x4, x5, [sp, #32]
    stp     x6, x7, [sp, #48]
    stp     x8, x9, [sp, #64]
    stp     x10, x11, [sp, #80]
    stp     x12, x13, [sp, #96]
    stp     x14, x15, [sp, #112]
    stp     x16, x17, [sp, #128]
    stp     x18, x30, [sp, #144]
    mov     x0, x28
    bl      guest_irq
    ldp     x0, x1, [sp]
    ldp     x2, x3, [sp, #16]
    ldp     x4, x5, [sp, #32]
    ldp     x6, x7, [sp, #48]
    ldp     x8, x9, [sp, #64]
    ldp     x10, x11, [sp, #80]
    ldp     x12, x13, [sp, #96]
    ldp     x14, x15, [sp, #112]
    ldp     x16, x17, [sp, #128]
    ldp     x18, x30, [sp, #144]
    add     sp, sp, #192
    eret

stuck:
    b       stuck

    .section .bss.stacks, "aw", %nobits
    .balign 16
stacks:
    .space  2 << 14
    .section .note.GNU-stack, "", %progbits
