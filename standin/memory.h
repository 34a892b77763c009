/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include "standin/arch.h"

/* Zeroes memory. False if an interrupt came first; the same call then goes on where it was. */
bool memory_clear(uint64_t address, uint64_t size);

/* Zeroes a little memory at once. */
void memory_zero(void *start, uint64_t size);

void memory_copy(void *to, const void *from, uint64_t size);

/* Cache maintenance by address, to the point that the label of the method names. */
void memory_maintain(uint64_t label, uint64_t address, uint64_t size);

/* An interrupt is waiting for this core. */
static inline bool interrupt_pending(void)
{
    return read_reg(isr_el1) != 0;
}
