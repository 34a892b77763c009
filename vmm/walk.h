/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include "device/ram.h"

/*
 * Translates a guest's virtual address as its own stage 1 tables do (Arm ARM D8, VMSAv8-64, EL1&0
 * regime, without LPA or LPA2), to find an instruction whose abort has no valid syndrome. The guest
 * may change its tables meanwhile; whatever they say, the answer is an address or "no".
 */
struct walk_regime {
    uint64_t sctlr;
    uint64_t tcr;
    uint64_t ttbr0, ttbr1;
};

/* False: not mapped, malformed, or tables outside of RAM. */
bool walk_translate(const struct ram *ram, const struct walk_regime *regime, uint64_t vaddr,
                    gpa_t *out);
