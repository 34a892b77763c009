/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdint.h>

/* Kinds of entry; entry.S has the same numbers. */
#define TRAP_SYNC  0
#define TRAP_IRQ   1
#define TRAP_ERROR 2 /* an SError of a thread: has no one to be told to, and is dropped */

/* From entry.S: the current thread's registers are saved in its TCB. */
_Noreturn void trap_enter(uint64_t kind);
_Noreturn void trap_kernel(uint64_t vector);

/* With the lock: chooses a thread and goes to it. */
_Noreturn void trap_leave(void);

/* entry.S: loads the registers and returns to user mode. */
_Noreturn void trap_return(const uint64_t *regs, uint64_t stack_top);
