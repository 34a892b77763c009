/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the guests of this suite do, at EL1 with the MMU off. Each piece is entered with its arguments
 * in x0..x3 and ends by reporting x0..x3 in an hvc that the kernel takes for an unknown system call
 * (x7 = 0). Position-independent; guest.h lists the pieces, vm.c starts them.
 */
    .section .rodata
    .balign 4096
    .global guest_code, guest_code_end
guest_code:

.macro piece name
    .global \name
    .balign 4
\name:
.endm

.macro report
    mov x7, #0
    hvc #0
    b .
.endm

piece guest_clock
    isb
    mrs x0, cntvct_el0
    mrs x1, cntfrq_el0
    report

piece guest_report
    report

/* Reports for ever. */
piece guest_ping
1:  mov x7, #0
    hvc #0
    b 1b

/* The instruction alone, all registers as the test set them; then a report. */
piece guest_hvc
    hvc #0
piece guest_after_hvc
    report

piece guest_smc
    smc #0
    report

piece guest_wfi
    wfi
    report

piece guest_wfe
    sevl
    wfe
    wfe
    report

/* x1: address, x0: what is stored. */
piece guest_load
    ldr w0, [x1]
    report

piece guest_store
    str w0, [x1]
    report

piece guest_load_pair
    ldp x0, x2, [x1]
    report

piece guest_jump
    br x1

/* Counts in the 64-bit word at x1, for ever. */
piece guest_spin
    ldr x0, [x1]
1:  add x0, x0, #1
    str x0, [x1]
    b 1b

/* Does the processor have the system registers of GICv3: x0 is ID_AA64PFR0_EL1.GIC. */
piece guest_gic_version
    mrs x0, id_aa64pfr0_el1
    ubfx x0, x0, #24, #4
    report

piece guest_read_midr
    mrs x0, midr_el1
    mrs x1, mpidr_el1
    report

piece guest_read_sp_elr
    mov x0, sp
    mrs x1, elr_el1
    mrs x2, spsr_el1
    mrs x3, tpidr_el1
    report

piece guest_write_tpidr
    msr tpidr_el1, x0
    isb
    mrs x1, tpidr_el1
    report

piece guest_read_tpidr
    mrs x0, tpidr_el1
    report

/* Writes TPIDR_EL1, then counts in the word at x1 for ever. */
piece guest_tpidr_spin
    msr tpidr_el1, x0
    isb
    b guest_spin

piece guest_physical_timer
    mrs x0, cntp_ctl_el0
    report

piece guest_debug_register
    mrs x0, mdscr_el1
    report

piece guest_sgi1r
    msr S3_0_C12_C11_5, x0
    report

piece guest_icc_sre
    mrs x0, S3_0_C12_C12_5
    report

/* Raises an exception to EL1 at x1 + vector; see guest_vectors. */
piece guest_undefined
    adr x1, guest_vectors
    msr vbar_el1, x1
    isb
    udf #1
    report

/* ---- the interrupt interface: x1 is GICC's address, 0 with system registers --------------------- */

/* Enables both groups, lets all priorities pass. */
piece guest_gic_open
    cbz x1, 3f
    mov w2, #0xff
    str w2, [x1, #4]
    mov w2, #3
    str w2, [x1]
    report
3:  mov x2, #0xff
    msr S3_0_C4_C6_0, x2
    mov x2, #1
    msr S3_0_C12_C12_6, x2
    msr S3_0_C12_C12_7, x2
    isb
    report

/* Acknowledges: x0 is the interrupt, of group 1 (or, first, of group 0 with x2 = 0). */
piece guest_gic_ack
    cbz x1, 3f
    cbz x2, 2f
    ldr w0, [x1, #0x20]
    report
2:  ldr w0, [x1, #0x0c]
    report
3:  cbz x2, 4f
    mrs x0, S3_0_C12_C12_0
    report
4:  mrs x0, S3_0_C12_C8_0
    report

/* Ends interrupt x0 of group x2. */
piece guest_gic_end
    cbz x1, 3f
    cbz x2, 2f
    str w0, [x1, #0x24]
    b 5f
2:  str w0, [x1, #0x10]
    b 5f
3:  cbz x2, 4f
    msr S3_0_C12_C12_1, x0
    b 5f
4:  msr S3_0_C12_C8_1, x0
5:  dsb sy
    isb
    nop
    nop
    report

/* ICC_AP0R0_EL1: which priorities of group 0 are active. */
piece guest_write_ap0r
    msr S3_0_C12_C8_4, x0
    isb
    report

/* Waits for an interrupt with interrupts unmasked; the vector reports 0x1 in x3 and the IAR in x0. */
piece guest_take_irq
    adr x4, guest_vectors
    msr vbar_el1, x4
    isb
    msr daifclr, #2
1:  b 1b

/* ---- the virtual timer -------------------------------------------------------------------------- */

/* Due in x0 ticks. Then spins. */
piece guest_timer_spin
    mrs x2, cntvct_el0
    add x2, x2, x0
    msr cntv_cval_el0, x2
    mov x2, #1
    msr cntv_ctl_el0, x2
    isb
1:  b 1b

/* Due in x0 ticks. Then reports, and after that spins (the report must return). */
piece guest_timer_report
    mrs x2, cntvct_el0
    add x2, x2, x0
    msr cntv_cval_el0, x2
    mov x2, #1
    msr cntv_ctl_el0, x2
    isb
    report

piece guest_timer_off
    msr cntv_ctl_el0, xzr
    isb
    report

piece guest_timer_read
    mrs x0, cntv_ctl_el0
    mrs x1, cntv_cval_el0
    mrs x2, cntvct_el0
    report

    .balign 2048
guest_vectors:
    .set vector, 0
    .rept 16
    .balign 128
    mov x3, #vector
    mrs x2, esr_el1
    mrs x1, elr_el1
    mov x7, #0
    hvc #0
    eret
    .set vector, vector + 1
    .endr
    .balign 4096
guest_code_end:
    .section .note.GNU-stack, "", %progbits
