/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/* The FPU registers stay with their last user until another thread wants them. */

#include "standin/cpu.h"

/* The thread runs next on this core: it has its registers, or traps if its FPU is disabled. */
void fpu_switch(struct tcb *tcb);

/* Its registers are saved in its TCB, whichever core had them. */
void fpu_release(struct tcb *tcb);
