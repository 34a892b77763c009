// SPDX-License-Identifier: BSD-2-Clause

// Kernel entry from the loader, exception vectors, and the FPU: all that C cannot say.

#include <sel4/config.h>

#define VIRTUAL  0xffc0000000
#define PHYSICAL 0x60000000
#define CPUS     CONFIG_MAX_NUM_NODES
#define STACK    0x4000

// struct cpu
#define CPU_CURRENT 0
#define CPU_STACK   8

// struct tcb, byte offsets
#define REG_SP      (31 * 8)
#define REG_SPSR    (33 * 8)
#define REG_TPIDR   (35 * 8)

// ---- entry: x0..x5 as seL4's loader protocol has them, core number in TPIDR_EL1 ----

    .section .text.boot, "ax"
    .global _start
_start:
    msr     daifset, #15
    msr     spsel, #1
#if CPUS > 1
    mrs     x9, tpidr_el1
    cmp     x9, #CPUS
    b.hs    park
#else
    mov     x9, #0
#endif
    // Our page tables keep the kernel where it is. Attribute 0 is device memory, 4 is normal.
    ldr     x10, =(kernel_l0 - VIRTUAL + PHYSICAL)
    msr     ttbr0_el2, x10
    isb
    ldr     x10, =0x000000ff00000000
    msr     mair_el2, x10
    ldr     x10, =(16 | 1 << 8 | 1 << 10 | 3 << 12 | 2 << 16 | 1 << 23 | 1 << 31)
    msr     tcr_el2, x10
    isb
    tlbi    alle2
    dsb     sy
    isb
    mrs     x10, sctlr_el2
    mov     x11, #(1 << 0 | 1 << 2 | 1 << 12)
    orr     x10, x10, x11
    bic     x10, x10, #(1 << 1)
    msr     sctlr_el2, x10
    isb
    adr     x10, vectors
    msr     vbar_el2, x10
    ldr     x10, =boot_stacks + STACK
    mov     x11, #STACK
    madd    x10, x9, x11, x10
    mov     sp, x10
    cbnz    x9, secondary
    // The loader need not have cleared what the image does not contain.
    ldr     x10, =bss_start
    ldr     x11, =bss_end
1:  stp     xzr, xzr, [x10], #16
    cmp     x10, x11
    b.lo    1b
    b       boot_primary
secondary:
    ldr     x10, =boot_release
2:  ldr     w11, [x10]
    yield
    cbz     w11, 2b
    dsb     sy
    mov     x0, x9
    mov     x1, sp
    b       boot_secondary
park:
    wfe
    b       park
    .ltorg

// ---- vectors ----

    .macro  from_user kind
    .balign 128
    stp     x0, x1, [sp, #-16]!
    mrs     x0, tpidr_el2
    ldr     x0, [x0, #CPU_CURRENT]
    mov     x1, #\kind
    b       save_user
    .endm

    .macro  from_kernel number
    .balign 128
    mov     x0, #\number
    b       trap_kernel
    .endm

    .section .text.vectors, "ax"
    .balign 2048
vectors:
    from_kernel 0
    from_kernel 1
    from_kernel 2
    from_kernel 3
    from_kernel 4
    from_kernel 5
    from_kernel 6
    from_kernel 7
    // AArch64, then AArch32 guests: synchronous, IRQ, FIQ (never routed to us), SError
    from_user 0
    from_user 1
    from_user 1
    from_user 2
    from_user 0
    from_user 1
    from_user 1
    from_user 2

    .balign 128
save_user:
    stp     x2, x3, [x0, #16]
    stp     x4, x5, [x0, #32]
    stp     x6, x7, [x0, #48]
    stp     x8, x9, [x0, #64]
    stp     x10, x11, [x0, #80]
    stp     x12, x13, [x0, #96]
    stp     x14, x15, [x0, #112]
    stp     x16, x17, [x0, #128]
    stp     x18, x19, [x0, #144]
    stp     x20, x21, [x0, #160]
    stp     x22, x23, [x0, #176]
    stp     x24, x25, [x0, #192]
    stp     x26, x27, [x0, #208]
    stp     x28, x29, [x0, #224]
    ldp     x2, x3, [sp], #16
    stp     x2, x3, [x0]
    mrs     x2, sp_el0
    mrs     x3, elr_el2
    mrs     x4, spsr_el2
    mrs     x5, tpidr_el0
    mrs     x6, tpidrro_el0
    stp     x30, x2, [x0, #240]
    stp     x3, x4, [x0, #256]
    stp     x5, x6, [x0, #REG_TPIDR]
    mov     x0, x1
    b       trap_enter

    .text
    .global trap_return
trap_return:
    mov     sp, x1
    mov     x30, x0
    ldp     x5, x6, [x30, #REG_TPIDR]
    ldp     x3, x4, [x30, #256]
    ldr     x2, [x30, #REG_SP]
    msr     sp_el0, x2
    msr     elr_el2, x3
    msr     spsr_el2, x4
    msr     tpidr_el0, x5
    msr     tpidrro_el0, x6
    ldp     x0, x1, [x30]
    ldp     x2, x3, [x30, #16]
    ldp     x4, x5, [x30, #32]
    ldp     x6, x7, [x30, #48]
    ldp     x8, x9, [x30, #64]
    ldp     x10, x11, [x30, #80]
    ldp     x12, x13, [x30, #96]
    ldp     x14, x15, [x30, #112]
    ldp     x16, x17, [x30, #128]
    ldp     x18, x19, [x30, #144]
    ldp     x20, x21, [x30, #160]
    ldp     x22, x23, [x30, #176]
    ldp     x24, x25, [x30, #192]
    ldp     x26, x27, [x30, #208]
    ldp     x28, x29, [x30, #224]
    ldr     x30, [x30, #240]
    eret

// ---- FPU: void fpu_store(uint64_t *control, uint64_t *v), fpu_load likewise; control is FPSR, FPCR ----

    .arch_extension fp
    .macro  fpu_pair op, n, m
    \op     q\n, q\m, [x1, #16 * \n]
    .endm

    .macro  fpu_all op
    fpu_pair \op, 0, 1
    fpu_pair \op, 2, 3
    fpu_pair \op, 4, 5
    fpu_pair \op, 6, 7
    fpu_pair \op, 8, 9
    fpu_pair \op, 10, 11
    fpu_pair \op, 12, 13
    fpu_pair \op, 14, 15
    fpu_pair \op, 16, 17
    fpu_pair \op, 18, 19
    fpu_pair \op, 20, 21
    fpu_pair \op, 22, 23
    fpu_pair \op, 24, 25
    fpu_pair \op, 26, 27
    fpu_pair \op, 28, 29
    fpu_pair \op, 30, 31
    .endm

    .global fpu_store
fpu_store:
    fpu_all stp
    mrs     x2, fpsr
    mrs     x3, fpcr
    stp     x2, x3, [x0]
    ret

    .global fpu_load
fpu_load:
    fpu_all ldp
    ldp     x2, x3, [x0]
    msr     fpsr, x2
    msr     fpcr, x3
    ret

// ---- page tables of EL2: RAM and devices below 4 GiB one to one, the kernel's image high ----

#define BLOCK_DEVICE (0x401 | 1 << 54)
#define BLOCK_NORMAL (0x401 | 4 << 2 | 3 << 8)
#define TABLE(name)  name - VIRTUAL + PHYSICAL + 3

    .section .data.tables, "aw"
    .balign 4096
kernel_l0:
    .quad   TABLE(kernel_low), TABLE(kernel_high)
    .fill   510, 8, 0
kernel_low:
    .quad   BLOCK_DEVICE, 0x40000000 + BLOCK_NORMAL, 0x80000000 + BLOCK_NORMAL
    .fill   509, 8, 0
kernel_high:
    .fill   511, 8, 0
    .quad   TABLE(kernel_image)
kernel_image:
    .quad   PHYSICAL + BLOCK_NORMAL, PHYSICAL + 0x200000 + BLOCK_NORMAL
    .fill   510, 8, 0

    .section .bss
    .balign 4096
    .global boot_stacks
boot_stacks:
    .space  STACK * CPUS
