/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/*
 * What a vCPU's registers are after it takes a synchronous exception to EL1, as the CPU itself
 * would do it (Arm ARM, shared pseudocode, AArch64.TakeException). Pure functions: the caller reads
 * the registers before and writes them afterwards. EL1 is AArch64, EL0 may be either.
 */

struct exception_before {
    uint64_t pc;     /* of the instruction that faulted */
    uint64_t pstate; /* as SPSR_EL2 has it */
    uint64_t vbar_el1;
    uint64_t sctlr_el1;
    bool has_mte; /* the CPU has FEAT_MTE: PSTATE.TCO exists */
};

struct exception_after {
    uint64_t pc;
    uint64_t pstate;
    uint64_t elr_el1;
    uint64_t spsr_el1;
    uint64_t esr_el1;
    uint64_t far_el1; /* write it only if has_far */
    bool has_far;
};

/* The instruction is UNDEFINED (an unknown system register, a trap that nobody handles). */
struct exception_after exception_undefined(const struct exception_before *before);

/*
 * Synchronous external abort: nothing answers at the address. For a data access, is_write says
 * whether it was a store. far is the virtual address; without it the guest is told that FAR_EL1 is
 * not valid. A fetch has its address always: the PC.
 */
struct exception_after exception_data_abort(const struct exception_before *before, bool is_write,
                                            const uint64_t *far);
struct exception_after exception_instruction_abort(const struct exception_before *before);
