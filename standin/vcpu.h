/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/* Virtual CPUs: chapter "Hardware I/O" and the Arm part of the API reference. */

#include "standin/call.h"

/* Once on each core: EL2 set up for native threads. */
void vcpu_init_core(void);

/* A new object in cleared memory. */
void vcpu_init(struct vcpu *vcpu);

/* The next thread on this core has this VCPU, or none (null). */
void vcpu_switch(struct vcpu *vcpu);

/* All its state is in the object, no core holds it; a thread that runs with it is taken off its
 * core. */
void vcpu_flush(struct vcpu *vcpu);

/* Thread and VCPU are no longer one. */
void vcpu_detach(struct vcpu *vcpu);

void vcpu_handle_maintenance(void);
void vcpu_handle_timer(void);

/* vcpu_registers.c: the registers of this core by their seL4_VCPUReg number. */
uint64_t vcpu_register_read(uint64_t field);
void vcpu_register_write(uint64_t field, uint64_t value);
