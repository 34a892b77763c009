// SPDX-License-Identifier: BSD-2-Clause
#include "vmm/exception.h"

#include <stddef.h>

/* PSTATE as SPSR_ELx holds it (Arm ARM, "SPSR_EL1, Saved Program Status Register"). */
#define PSTATE_NZCV        0xf0000000ull
#define PSTATE_TCO         (1ull << 25)
#define PSTATE_DIT         (1ull << 24)
#define PSTATE_PAN         (1ull << 22)
#define PSTATE_DIT_AARCH32 (1ull << 21)
#define PSTATE_SSBS        (1ull << 12)
#define PSTATE_DAIF        0x3c0ull
#define PSTATE_AARCH32     (1ull << 4)
#define PSTATE_EL          0xcull
#define PSTATE_SP_ELX      1ull
#define PSTATE_EL1H        0x5ull

#define SCTLR_SPAN  (1ull << 23)
#define SCTLR_DSSBS (1ull << 44)

/* ESR_EL1 */
#define ESR_IL             (1ull << 25) /* set for all the classes here, whatever the instruction */
#define ESR_EC(ec)         ((uint64_t)(ec) << 26)
#define ESR_WNR            (1ull << 6)
#define ESR_FNV            (1ull << 10)
#define ESR_EXTERNAL_ABORT 0x10ull /* DFSC, IFSC: synchronous external abort, not on a walk */

enum { EC_UNKNOWN = 0x00, EC_INSTRUCTION_ABORT = 0x20, EC_DATA_ABORT = 0x24, EC_SAME_EL = 1 };

static bool from_el0(uint64_t pstate)
{
    return (pstate & PSTATE_EL) == 0;
}

/* "Exception vectors", the offset of the synchronous one. */
static uint64_t vector_offset(uint64_t pstate)
{
    if (from_el0(pstate)) {
        return (pstate & PSTATE_AARCH32) != 0 ? 0x600 : 0x400;
    }
    return (pstate & PSTATE_SP_ELX) != 0 ? 0x200 : 0x000;
}

/*
 * N, Z, C, V and DIT stay. IL, SS, UAO and BTYPE become zero, D, A, I and F are masked, the rest
 * follows SCTLR_EL1.
 */
static uint64_t next_pstate(const struct exception_before *before)
{
    uint64_t next = PSTATE_EL1H | PSTATE_DAIF | (before->pstate & (PSTATE_NZCV | PSTATE_PAN));
    bool is_aarch32 = (before->pstate & PSTATE_AARCH32) != 0;
    uint64_t dit = is_aarch32 ? PSTATE_DIT_AARCH32 : PSTATE_DIT;
    if (before->pstate & dit) {
        next |= PSTATE_DIT;
    }
    if ((before->sctlr_el1 & SCTLR_SPAN) == 0) {
        next |= PSTATE_PAN;
    }
    if (before->sctlr_el1 & SCTLR_DSSBS) {
        next |= PSTATE_SSBS;
    }
    if (before->has_mte) {
        next |= PSTATE_TCO;
    }
    return next;
}

static struct exception_after take(const struct exception_before *before, uint64_t esr)
{
    return (struct exception_after){
        .pc = (before->vbar_el1 & ~0x7ffull) + vector_offset(before->pstate),
        .pstate = next_pstate(before),
        .elr_el1 = before->pc,
        .spsr_el1 = before->pstate,
        .esr_el1 = esr,
    };
}

struct exception_after exception_undefined(const struct exception_before *before)
{
    return take(before, ESR_EC(EC_UNKNOWN) | ESR_IL);
}

struct exception_after exception_data_abort(const struct exception_before *before, bool is_write,
                                            const uint64_t *far)
{
    uint64_t class = EC_DATA_ABORT + (from_el0(before->pstate) ? 0 : EC_SAME_EL);
    uint64_t esr = ESR_EC(class) | ESR_IL | ESR_EXTERNAL_ABORT;
    esr |= is_write ? ESR_WNR : 0;
    esr |= far == NULL ? ESR_FNV : 0;
    struct exception_after after = take(before, esr);
    if (far != NULL) {
        after.far_el1 = *far;
        after.has_far = true;
    }
    return after;
}

struct exception_after exception_instruction_abort(const struct exception_before *before)
{
    uint64_t class = EC_INSTRUCTION_ABORT + (from_el0(before->pstate) ? 0 : EC_SAME_EL);
    struct exception_after after = take(before, ESR_EC(class) | ESR_IL | ESR_EXTERNAL_ABORT);
    after.far_el1 = before->pc;
    after.has_far = true;
    return after;
}
