// SPDX-License-Identifier: BSD-2-Clause
//
// Counts tenths of a second, by its virtual timer's interrupt, and says each number on its UART. It works
// with either GIC.
    .equ    UART,       0x09000000
    .equ    GICD,       0x08000000
    .equ    GICC,       0x08010000
    .equ    GICR,       0x080a0000
    .equ    TIMER_PPI,  27

    .section .text._start, "ax"
    .global _start
_start:
    ldr     x1, =GICD
    mov     w9, #(1 << TIMER_PPI)
    mrs     x20, id_aa64pfr0_el1
    ubfx    x20, x20, #24, #4       // 0: there is no CPU interface in system registers
    cbnz    x20, 1f
    mov     w0, #1
    str     w0, [x1]                // GICD_CTLR
    str     w9, [x1, #0x100]        // GICD_ISENABLER0
    ldr     x2, =GICC
    mov     w0, #0xff
    str     w0, [x2, #4]            // GICC_PMR
    mov     w0, #1
    str     w0, [x2]                // GICC_CTLR
    b       2f
1:  mov     w0, #0x12
    str     w0, [x1]                // GICD_CTLR: ARE, group 1
    ldr     x2, =GICR
    str     wzr, [x2, #0x14]        // GICR_WAKER
    add     x2, x2, #0x10000
    mov     w0, #-1
    str     w0, [x2, #0x80]         // GICR_IGROUPR0
    str     w9, [x2, #0x100]        // GICR_ISENABLER0
    mov     x0, #7
    msr     s3_0_c12_c12_5, x0      // ICC_SRE_EL1
    isb
    mov     x0, #0xff
    msr     s3_0_c4_c6_0, x0        // ICC_PMR_EL1
    mov     x0, #1
    msr     s3_0_c12_c12_7, x0      // ICC_IGRPEN1_EL1
    isb
2:  mrs     x21, cntfrq_el0
    mov     x0, #10
    udiv    x21, x21, x0
    mrs     x22, cntvct_el0
    mov     x23, #0

tenth:
    add     x22, x22, x21
    msr     cntv_cval_el0, x22
    mov     x0, #1
    msr     cntv_ctl_el0, x0
    isb
// Interrupts stay masked: one that is pending ends the WFI all the same.
1:  wfi
    cbnz    x20, 2f
    ldr     w3, [x2, #0xc]          // GICC_IAR
    b       3f
2:  mrs     x3, s3_0_c12_c12_0      // ICC_IAR1_EL1
3:  cmp     w3, #TIMER_PPI
    b.ne    1b
    msr     cntv_ctl_el0, xzr
    isb
    cbnz    x20, 4f
    str     w3, [x2, #0x10]         // GICC_EOIR
    b       5f
4:  msr     s3_0_c12_c12_1, x3      // ICC_EOIR1_EL1
    isb
5:  add     x23, x23, #1
    adr     x4, text
    bl      print
    mov     x5, x23
    bl      print_number
    adr     x4, end
    bl      print
    b       tenth

// x4: the text
print:
    ldr     x6, =UART
1:  ldrb    w7, [x4], #1
    cbz     w7, 2f
    strb    w7, [x6]
    b       1b
2:  ret

// x5: the number, below 10^9
print_number:
    ldr     x6, =UART
    ldr     w8, =100000000
    mov     w9, #10
1:  cmp     x5, x8                  // no leading zeros
    b.hs    2f
    cmp     w8, #1
    b.eq    2f
    udiv    w8, w8, w9
    b       1b
2:  udiv    w7, w5, w8
    msub    w5, w7, w8, w5
    add     w7, w7, #'0'
    strb    w7, [x6]
    udiv    w8, w8, w9
    cbnz    w8, 2b
    ret

text:
    .asciz  "count "
end:
    .asciz  "\r\n"
