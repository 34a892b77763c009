/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdint.h>

/*
 * Interrupts without a handler: they stay masked, WFI ends when one is pending, and irq_wait takes
 * it. Virtio-mmio devices and the virtual timer; GICv2 or GICv3, whichever there is.
 */
void irq_open(void);

/* The interrupt of the device at hand (`device`), whose cause irq_wait acknowledges. */
void irq_enable(void);

/* Sleeps until an interrupt comes, or the machine's clock is at `until`. It may be an old one's. */
void irq_wait(uint64_t until);
