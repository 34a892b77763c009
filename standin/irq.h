/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/* Interrupts: chapter "Hardware I/O". A private line of each core counts as a line of its own. */

#include "standin/call.h"
#include "standin/gic.h"

#define IRQ_COUNT (CPUS * GIC_PRIVATE + GIC_LINES - GIC_PRIVATE)

/* The slots that keep each line's notification; boot.c allocates IRQ_COUNT of them. */
extern struct slot *irq_slots;

/* Reserves this core's lines that are the kernel's, and lets them in. */
void irq_init_core(void);

/* Handles the interrupt that is pending on this core, if any. */
void irq_handle(void);

/* The last handler capability of a line is gone. index: its cap.data. */
void irq_release(uint64_t index);

/* Signals a line's notification now (also for an interrupt that was held back). */
void irq_signal(uint64_t index);
