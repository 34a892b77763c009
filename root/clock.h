/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include "root/board.h"
#include "root/process.h"

/*
 * The board's real-time clock, a PL031 (Arm DDI 0224): root reads it once, for the clocks of all
 * guests; after that one VM may have it for itself, registers and interrupt. It reads and writes no
 * memory, so no other VM depends on what that guest does with it.
 */

/* Sets board->epoch_s. Without such a clock guests begin in 1970, and no VM can have one. */
void clock_open(struct board *board);

/*
 * Gives it to VM number `vm`: the registers to the guest at MAP_PL031_BASE, the interrupt to the
 * VMM as SLOT_IRQ, which comes to its notification as EVENT_IRQ. False: the reason says why; the
 * caller destroys the VM, which includes clock_take_back.
 */
bool clock_give(uint32_t vm, struct space *guest, struct process *vmm);

/* The VM is gone; it need not have had the clock. */
void clock_take_back(uint32_t vm);
