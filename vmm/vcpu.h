/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include "vmm/vmm.h"

/*
 * A vCPU is a kernel thread that runs the guest, and a handler thread that serves its exits. The
 * handler is passive: it has no scheduling context of its own and runs on the one that the vCPU's
 * fault donates, so on the vCPU's core and budget, and only there does the kernel give true values
 * of the vCPU's registers.
 */

/* Starts all handlers and lets every vCPU fault once, by which each handler comes to run on its
 * core. */
void vcpu_start_all(void);

/*
 * On the handler: waits, with the vCPU's core free for others, until somebody wakes it (vcpu_wake)
 * or the virtual timer is due. Returns at once when something is to do already.
 */
void vcpu_sleep_for_interrupt(struct vcpu *vcpu);

/*
 * On the handler: the vCPU is off. Waits until it is started, then sets all of its registers as
 * PSCI wants them (DEN0022, 6.4). The next reply lets it run at its entry.
 */
void vcpu_park(struct vcpu *vcpu);

/* On the handler: nothing of this vCPU runs ever again. */
_Noreturn void vcpu_stop(void);

/* Any thread: wakes the vCPU if it waits for an interrupt. */
void vcpu_wake(unsigned index);

/*
 * The event thread: makes the last of its wake-ups, which may have waited until now, and waits for
 * events.
 */
seL4_Word vcpu_wake_and_wait(void);

/* Any thread: wakes the vCPU if it is parked; its power state and `start` are set. */
void vcpu_unpark(unsigned index);

/* On the handler: registers of the vCPU, counted as the kernel orders them (seL4_UserContext). */
void vcpu_read(const struct vcpu *vcpu, seL4_UserContext *context, unsigned count);
void vcpu_write(const struct vcpu *vcpu, const seL4_UserContext *context, unsigned count);

/* On the handler, for the usual exits: x<n>; the program counter alone; x<n> and the program
 * counter. */
uint64_t vcpu_read_x(const struct vcpu *vcpu, unsigned n);
void vcpu_write_pc(const struct vcpu *vcpu, uint64_t pc);
/* False, and nothing is written: the vCPU is in AArch32, which the kernel ends when it writes a
 * general register (docs/kernel.md). */
bool vcpu_write_x(const struct vcpu *vcpu, unsigned n, uint64_t value, uint64_t pc);

/* On the handler: a register of the virtual CPU (seL4_VCPUReg). */
uint64_t vcpu_read_register(const struct vcpu *vcpu, seL4_VCPUReg reg);
void vcpu_write_register(const struct vcpu *vcpu, seL4_VCPUReg reg, uint64_t value);

/* How many registers must be read or written so that x<n> is among them (n below 31). */
unsigned vcpu_register_count(unsigned n);

/* Where x<n> is in a context. */
seL4_Word *vcpu_register(seL4_UserContext *context, unsigned n);
