/* SPDX-License-Identifier: BSD-2-Clause */
/* The bench guest of one floor program, as bytes, and the core of its first vCPU (the second has core 0). */
    .macro floor_guest file, core
    .section .rodata
    .global floor_guest, floor_guest_end, floor_core
    .balign 8
floor_core:
    .quad \core
floor_guest:
    .incbin "\file"
floor_guest_end:
    .section .note.GNU-stack, "", %progbits
    .endm
