// SPDX-License-Identifier: BSD-2-Clause
//
// The least firmware of a machine without PSCI: every core comes out of reset here, at EL3. All go down to EL2;
// the first enters the image, the others wait until their word of the spin table says where to go (Linux,
// Documentation/arm64/booting.rst). QEMU's loader puts image and device tree where test/boot/trees.sh says.

#define IMAGE      0x50000000
#define TREE       0x48000000
#define RAM_CODE   0x4ffe0000
#define SPIN_TABLE 0x4fff0000   /* a word of 8 bytes for each core */
#define SPIN_SHARED (SPIN_TABLE + 0x100) /* and one for all, on boards that have only one */

#define SCR_FIXED  0x30
#define SCR_NS     (1 << 0)
#define SCR_SMD    (1 << 7)     /* nobody is here to take an smc */
#define SCR_HCE    (1 << 8)
#define SCR_RW     (1 << 10)
#define SPSR_EL2H_MASKED 0x3c9

#define GICD       0x08000000
#define GICC       0x08010000
#define GICR       0x080a0000
#define GICR_BYTES 0x20000

    .section .text._start, "ax"
    .global _start
_start:
    mov     x0, #(SCR_FIXED | SCR_NS | SCR_SMD | SCR_HCE)
    orr     x0, x0, #SCR_RW
    msr     scr_el3, x0
    msr     cptr_el3, xzr
    mrs     x19, mpidr_el1
    and     x19, x19, #0xff

    // All interrupts belong to the world that is not secure: group 1.
    mov     w0, #-1
    mov     x1, #GICD
    ldr     w2, [x1, #4]            // GICD_TYPER: words of 32 interrupts, less one
    and     w2, w2, #31
    add     x3, x1, #0x80           // GICD_IGROUPR
1:  str     w0, [x3], #4
    subs    w2, w2, #1
    b.ge    1b
    mrs     x2, id_aa64pfr0_el1
    ubfx    x2, x2, #24, #4
    cbnz    x2, 2f
    // GICv2
    mov     w0, #0xff
    mov     x1, #GICC
    str     w0, [x1, #4]            // GICC_PMR
    b       4f
    // GICv3
2:  mov     w0, #0x30               // GICD_CTLR: affinity routing for both worlds
    str     w0, [x1]
    mov     x1, #GICR
    mov     x2, #GICR_BYTES
    madd    x1, x2, x19, x1
    str     wzr, [x1, #0x14]        // GICR_WAKER
3:  ldr     w0, [x1, #0x14]
    tbnz    w0, #2, 3b              // ChildrenAsleep
    add     x1, x1, #0x10000
    mov     w0, #-1
    str     w0, [x1, #0x80]         // GICR_IGROUPR0
    mov     x0, #15
    msr     s3_6_c12_c12_5, x0      // ICC_SRE_EL3
    isb
    mov     x0, #0xff
    msr     s3_0_c4_c6_0, x0        // ICC_PMR_EL1

    // The world that is not secure does not see this memory: what runs there goes to RAM. All cores write
    // the same.
4:  ldr     x0, =RAM_CODE
    adr     x1, not_secure
    adr     x2, not_secure_end
    msr     elr_el3, x0
5:  ldr     x3, [x1], #8
    str     x3, [x0], #8
    cmp     x1, x2
    b.lo    5b
    dsb     sy
    ic      iallu
    mov     x0, #SPSR_EL2H_MASKED
    msr     spsr_el3, x0
    isb
    eret

    .ltorg
    .balign 8
not_secure:
    cbnz    x19, wait
    ldr     x0, =TREE
    mov     x1, xzr
    mov     x2, xzr
    mov     x3, xzr
    ldr     x4, =IMAGE
    br      x4

wait:
    ldr     x1, =SPIN_TABLE
    ldr     x2, =SPIN_SHARED
1:  wfe
    ldr     x3, [x1, x19, lsl #3]
    ldr     x4, [x2]
    orr     x3, x3, x4              // no test uses both
    cbz     x3, 1b
    br      x3
    .ltorg
    .balign 8
not_secure_end:
