/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * A function that its program needs only until it has started. A program with a start segment
 * (link/start.ld) has it there, and not at all once it runs; in all others it is like any other
 * function. The linker refuses a program whose other code refers to it.
 */
#if __STDC_HOSTED__
#define START_ONLY
#else
#define START_ONLY __attribute__((noinline, section(".text.start_only")))
#endif
