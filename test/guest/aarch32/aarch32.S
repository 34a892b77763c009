// SPDX-License-Identifier: BSD-2-Clause
//
// A 32-bit program for Linux on a 64-bit kernel. It brings its own ELF header and has no calls, so that no linker
// for it is needed. `aarch32 LETTER` does one thing and exits with 0, or 1 when something is wrong:
//   h  says hello                         z  WFE, in A32 and in T32 (Linux forbids programs WFI)
//   s  stores to the clock (PL031)        l  loads from the clock
//   S  the same in T32, 2 bytes each      L  the same in T32
//   w  stores to where nothing is         c  reads SCTLR by CP15, which a program must not
    .syntax unified
    .arch   armv8-a
    .text

    .set    BASE, 0x10000
    .set    SYS_EXIT, 1
    .set    SYS_WRITE, 4
    .set    SYS_OPEN, 5
    .set    SYS_MMAP2, 192
    .set    O_RDWR, 2
    .set    PROT_READ_WRITE, 3
    .set    MAP_SHARED, 1
    .set    PAGE_CLOCK, 0x9010              // 0x09010000
    .set    PAGE_NOTHING, 0xb000            // 0x0b000000
    .set    RTCMR, 0x004
    .set    RTC_PERIPH_ID0, 0xfe0
    .set    RTC_PERIPH_ID0_VALUE, 0x31
    .set    ROUNDS, 100
    .set    TEXT_BYTES, 19
    .set    KEPT, 0xaa                      // in r5: other registers than the one loaded stay as they are

header:
    .byte   0x7f, 'E', 'L', 'F', 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0
    .short  2, 40                           // executable, Arm
    .word   1, BASE + _start - header, segment - header, 0, 0x05000000 // EABI 5
    .short  52, 32, 1, 0, 0, 0
segment:
    .word   1, 0, BASE, BASE, end - header, end - header, 5, 0x1000

    .arm
_start:
    ldr     r8, [sp, #8]                    // argv[1]
    ldrb    r8, [r8]
    mov     r5, #KEPT
    cmp     r8, #'h'
    beq     hello
    cmp     r8, #'z'
    beq     waits
    cmp     r8, #'c'
    beq     coprocessor
    movw    r9, #PAGE_CLOCK
    cmp     r8, #'w'
    movweq  r9, #PAGE_NOTHING
    b       map
mapped:
    mov     r4, #0
    cmp     r8, #'s'
    beq     stores
    cmp     r8, #'w'
    beq     stores
    cmp     r8, #'l'
    beq     loads
    cmp     r8, #'S'
    beq     1f
    cmp     r8, #'L'
    beq     2f
    b       fail
1:  adr     r0, stores_t32
    b       to_t32
2:  adr     r0, loads_t32
to_t32:
    orr     r0, r0, #1
    bx      r0
fail:
    mov     r0, #1
    b       exit
done:
    cmp     r5, #KEPT
    bne     fail
    mov     r0, #0
exit:
    mov     r7, #SYS_EXIT
    svc     #0

// r6 = the page r9 of physical addresses
map:
    adr     r0, memory
    mov     r1, #O_RDWR
    mov     r7, #SYS_OPEN
    svc     #0
    mov     r4, r0
    mov     r0, #0
    mov     r1, #0x1000
    mov     r2, #PROT_READ_WRITE
    mov     r3, #MAP_SHARED
    mov     r5, r9
    mov     r7, #SYS_MMAP2
    svc     #0
    mov     r6, r0
    mov     r5, #KEPT
    cmn     r0, #4096
    bls     mapped
    mov     r0, #2                          // Linux does not let us
    b       exit

hello:
    mov     r0, #1
    adr     r1, text
    mov     r2, #TEXT_BYTES
    mov     r7, #SYS_WRITE
    svc     #0
    b       done

// The last value stays in the register. A condition that is not met stores nothing.
stores:
    str     r4, [r6, #RTCMR]
    add     r4, r4, #1
    cmp     r4, #ROUNDS
    strhi   r5, [r6, #RTCMR]
    bne     stores
    b       done

loads:
    ldr     r0, [r6, #RTC_PERIPH_ID0]
    cmp     r0, #RTC_PERIPH_ID0_VALUE
    bne     fail
    add     r4, r4, #1
    cmp     r4, #ROUNDS
    bne     loads
    b       done

waits:
    mov     r4, #10
1:  wfe
    cmp     r4, #0
    wfeeq                                   // not at all
    subs    r4, r4, #1
    bne     1b
    adr     r0, waits_t32
    b       to_t32

coprocessor:
    mrc     p15, 0, r0, c1, c0, 0
    b       done

    .balign 4
memory:
    .asciz  "/dev/mem"
text:
    .ascii  "hello from AArch32\n"

    .balign 4
    .thumb
stores_t32:
    str     r4, [r6, #RTCMR]                // 2 bytes, then an instruction that must not be left out
    adds    r4, #1
    cmp     r4, #ROUNDS
    bne     stores_t32
    b       done_t32

    .balign 4
loads_t32:
    movw    r3, #RTC_PERIPH_ID0
    add     r3, r6
1:  ldr     r0, [r3]
    adds    r4, #1
    cmp     r0, #RTC_PERIPH_ID0_VALUE
    bne     fail_t32
    cmp     r4, #ROUNDS
    bne     1b
    b       done_t32

    .balign 4
waits_t32:
    movs    r4, #10
1:  wfe
    subs    r4, #1
    bne     1b
done_t32:
    subs    r0, r5, #KEPT
    b       exit_t32
fail_t32:
    movs    r0, #1
exit_t32:
    movs    r7, #SYS_EXIT
    svc     #0
    .balign 4
end:
