/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/*
 * How often somebody may have something done: so many times at once, and after that as often as
 * time gives it back.
 */
struct allowance {
    uint32_t left;
    uint32_t most;
    uint64_t step_ticks; /* after which one more comes back; not 0 */
    uint64_t since;      /* counter ticks up to which all steps are counted */
};

/* Full at the counter's value `now`. */
void allowance_init(struct allowance *allowance, uint32_t most, uint64_t step_ticks, uint64_t now);

/* Takes one. False: none is left. `now` never goes back. */
bool allowance_take(struct allowance *allowance, uint64_t now);
