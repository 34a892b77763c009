/* SPDX-License-Identifier: BSD-2-Clause */
/* Native code that C cannot express: what a thread sees in its registers, and odd instructions. */
    .text
    .global native_store_registers, native_breakpoint, native_vector_instruction
    .global native_undefined, native_system_register, native_smc, native_unknown_syscall

/* sp: 33 words. x0..x30, sp's own value, TPIDR_EL0. Ends in a breakpoint. */
native_store_registers:
    stp x0, x1, [sp, #0]
    stp x2, x3, [sp, #16]
    stp x4, x5, [sp, #32]
    stp x6, x7, [sp, #48]
    stp x8, x9, [sp, #64]
    stp x10, x11, [sp, #80]
    stp x12, x13, [sp, #96]
    stp x14, x15, [sp, #112]
    stp x16, x17, [sp, #128]
    stp x18, x19, [sp, #144]
    stp x20, x21, [sp, #160]
    stp x22, x23, [sp, #176]
    stp x24, x25, [sp, #192]
    stp x26, x27, [sp, #208]
    stp x28, x29, [sp, #224]
    mov x0, sp
    stp x30, x0, [sp, #240]
    mrs x0, tpidr_el0
    str x0, [sp, #256]
native_breakpoint:
    brk #0x33
    b .

native_vector_instruction:
    .arch_extension fp
    fmov d0, xzr
    ret

native_undefined:
    udf #7
    ret

/* A register of EL1, from EL0. */
native_system_register:
    mrs x0, sctlr_el1
    ret

native_smc:
    smc #0
    ret

/* x7 is no system call's number. */
native_unknown_syscall:
    mov x7, #0x77
    svc #0
    ret

    .section .note.GNU-stack, "", %progbits
