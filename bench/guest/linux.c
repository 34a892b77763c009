// SPDX-License-Identifier: BSD-2-Clause
/*
 * What stands before Linux in an Image (the harness puts it there): says at which time of the
 * virtual counter Linux will be entered, and enters it then, so that saying it costs Linux nothing.
 */
#include "bench/guest/guest.h"

enum { LINUX_OFFSET = 2 << 20 };

extern uint8_t _start[];

void guest_main(uint64_t tree)
{
    uint64_t enter_at = counter() + TICKS_PER_MS;
    say_result("boot.entry", enter_at, 1);
    register uint64_t x0 __asm__("x0") = tree;
    register uint64_t x1 __asm__("x1") = 0;
    register uint64_t x2 __asm__("x2") = 0;
    register uint64_t x3 __asm__("x3") = 0;
    while (counter() < enter_at) {
    }
    uint64_t kernel = ((uint64_t)_start & ~(LINUX_OFFSET - 1ul)) + LINUX_OFFSET;
    __asm__ volatile("br %0" ::"r"(kernel), "r"(x0), "r"(x1), "r"(x2), "r"(x3));
    __builtin_unreachable();
}
