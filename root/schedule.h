/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdint.h>

/* Where and how a thread runs. budget == period: as much as it wants, in turns of that length. */
struct schedule {
    uint8_t core;
    uint8_t priority;
    uint32_t budget_us;
    uint32_t period_us;
};
