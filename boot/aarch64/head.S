/* SPDX-License-Identifier: BSD-2-Clause */

/* Where everything begins: firmware, secondary cores, exceptions; and where it ends: the kernel. */

#define IMAGE_FLAGS 0xa /* little-endian, 4 KiB pages, may lie anywhere in memory */
#define R_AARCH64_RELATIVE 1027
#define EL2 (2 << 2)

/* struct arch_cores: an arch_kernel_entry, ARCH_CORES_MAX identities, their count. */
#define ENTRY_BYTES 56
#define CORES_MAX 32

.section .head, "ax"
.global image_head
image_head:
    b       start
    .long   0
    .quad   0           /* text_offset: on any 2 MiB boundary */
    .quad   0           /* image_size: the packer knows */
    .quad   IMAGE_FLAGS
    .quad   0, 0, 0
    .ascii  "ARM\x64"
    .long   0
    /* struct image_header goes here (boot.ld keeps the room) */

.text

/* x0 = device tree; translation and caches off, or not: the Linux boot protocol has them off. */
start:
    msr     daifset, #15
    mov     x19, x0
    adrp    x20, image_head
    add     x20, x20, :lo12:image_head

    /* Constants with addresses in them were linked for address 0. */
    adrp    x1, relocations_start
    add     x1, x1, :lo12:relocations_start
    adrp    x2, relocations_end
    add     x2, x2, :lo12:relocations_end
1:  cmp     x1, x2
    b.hs    2f
    ldp     x3, x4, [x1], #16       /* offset, info */
    ldr     x5, [x1], #8            /* addend */
    cmp     w4, #R_AARCH64_RELATIVE
    b.ne    1b
    add     x5, x5, x20
    str     x5, [x20, x3]
    b       1b

2:  adrp    x1, bss_start
    add     x1, x1, :lo12:bss_start
    adrp    x2, bss_end
    add     x2, x2, :lo12:bss_end
3:  cmp     x1, x2
    b.hs    4f
    stp     xzr, xzr, [x1], #16
    b       3b

4:  adrp    x1, stack_end
    add     x1, x1, :lo12:stack_end
    mov     sp, x1
    mrs     x1, CurrentEL
    cmp     x1, #EL2
    b.ne    5f
    adr     x1, vectors
    msr     vbar_el2, x1
    mov     x1, #0x33ff             /* traps of nothing: libfdt may use vector registers */
    msr     cptr_el2, x1
    msr     cntvoff_el2, xzr
    isb
5:  mov     x0, x19
    mov     x1, x20
    b       boot_main

/* void arch_enter_image(image, dtb): as firmware would, with translation off. */
.global arch_enter_image
arch_enter_image:
    mrs     x2, sctlr_el2
    mov     x3, #0x1005             /* translation, data and instruction cache */
    bic     x2, x2, x3
    mov     x4, x0
    mov     x0, x1
    mov     x1, xzr
    dsb     sy
    msr     sctlr_el2, x2
    isb
    ic      iallu
    dsb     sy
    isb
    mov     x2, xzr
    mov     x3, xzr
    br      x4

/* A core that PSCI started: x0 = its logical number. */
.global arch_core_entry
arch_core_entry:
    msr     daifset, #15
    mov     x19, x0
    b       core_on

/* A core from a spin table finds its number by its identity. */
.global arch_core_entry_spin
arch_core_entry_spin:
    msr     daifset, #15
    mrs     x1, mpidr_el1
    mov     x2, #0xffffff
    movk    x2, #0xff, lsl #32
    and     x1, x1, x2
    adrp    x2, arch_cores
    add     x2, x2, :lo12:arch_cores
    add     x2, x2, #ENTRY_BYTES    /* identity, and behind it count */
    ldr     x4, [x2, #(8 * CORES_MAX)]
    mov     x19, #0
1:  add     x19, x19, #1
    cmp     x19, x4
    b.hs    arch_stop
    ldr     x3, [x2, x19, lsl #3]
    cmp     x3, x1
    b.ne    1b

core_on:
    adr     x1, vectors_silent
    msr     vbar_el2, x1
    msr     cntvoff_el2, xzr
    adrp    x1, arch_translation
    add     x1, x1, :lo12:arch_translation
    ldp     x2, x3, [x1]
    ldp     x4, x5, [x1, #16]
    msr     mair_el2, x2
    msr     tcr_el2, x3
    msr     ttbr0_el2, x4
    dsb     sy
    tlbi    alle2
    ic      iallu
    dsb     sy
    isb
    msr     sctlr_el2, x5
    isb
    adrp    x1, arch_core_arrived
    add     x1, x1, :lo12:arch_core_arrived
    mov     x2, #1
    str     x2, [x1, x19, lsl #3]
    dsb     sy
    b       enter_kernel

.global arch_enter_kernel
arch_enter_kernel:
    mov     x19, #0

/*
 * x19 = logical number of this core, which seL4 reads from TPIDR_EL1. The rest is struct
 * arch_kernel_entry in the order of the kernel's arguments.
 */
enter_kernel:
    msr     tpidr_el1, x19
    isb
    adrp    x8, arch_cores
    add     x8, x8, :lo12:arch_cores
    ldp     x0, x1, [x8]            /* root's image: start, end */
    ldp     x2, x3, [x8, #16]       /* its physical minus virtual address, entry */
    ldp     x4, x5, [x8, #32]       /* device tree: address, size */
    ldr     x9, [x8, #48]
    br      x9

.global arch_call_hvc
arch_call_hvc:
    hvc     #0
    ret

.global arch_call_smc
arch_call_smc:
    smc     #0
    ret

.global arch_stop
arch_stop:
    wfi
    b       arch_stop

.macro vector number
    .balign 128
    adrp    x1, stack_end           /* whatever the stack was, it may be what is wrong */
    add     sp, x1, :lo12:stack_end
    mov     x0, \number
    b       arch_exception
.endm

.balign 2048
vectors:
    .irp number, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
    vector  \number
    .endr

/* A secondary core has no stack and no voice: the primary notices that it did not arrive. */
.balign 2048
vectors_silent:
    .rept 16
    .balign 128
    b       arch_stop
    .endr

.bss
.balign 16
    .space  16384
stack_end:
