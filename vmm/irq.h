/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include "vmm/vmm.h"

/* INTID of the guest's virtual timer (PPI 11). */
enum { IRQ_VTIMER = 27 };

/* Sets the virtual GIC up on the kernel's list registers; before any vCPU runs. */
void irq_init(void);

/* A level line of a device, for devices whose ports want a function of this kind; ctx is the INTID.
 */
void irq_set_level(void *ctx, bool high);
