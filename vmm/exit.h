/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include "vmm/vmm.h"

/* On the handler, whose vCPU waits for a reply: gives it, and serves its exits from then on. */
_Noreturn void exit_serve(struct vcpu *vcpu);

/* How a vCPU goes on after an exit. */
enum exit_answer {
    EXIT_RESUME,          /* as its registers are now */
    EXIT_RESUME_VM_FAULT, /* the same, after a VMFault */
    EXIT_SET_REGISTERS,   /* with X0 to X7 and the PC from the message registers (UnknownSyscall) */
};

/*
 * Serves one exit that is neither the timer's nor the end of an interrupt; its fault message is in
 * the calling thread's message registers. Not inlined: debuggers and tests stop a VMM here.
 */
__attribute__((noinline)) enum exit_answer exit_handle(struct vcpu *vcpu, seL4_MessageInfo_t info);
