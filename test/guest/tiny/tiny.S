// SPDX-License-Identifier: BSD-2-Clause
//
// The smallest guest: says on its UART that it runs, and waits for interrupts that never come.
    .section .text._start, "ax"
    .global _start
_start:
    mov     x1, #0x09000000
    adr     x2, text
1:  ldrb    w3, [x2], #1
    cbz     w3, 2f
    strb    w3, [x1]
    b       1b
2:  wfi
    b       2b
text:
    .asciz  "tiny runs\r\n"
