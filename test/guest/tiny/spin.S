// SPDX-License-Identifier: BSD-2-Clause
//
// Uses all the time that its core has.
    .section .text._start, "ax"
    .global _start
_start:
    b       _start
