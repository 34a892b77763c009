/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdint.h>

/*
 * Of all services to which VMs can give work without end. They are equals and yield after each
 * piece of it, so one that is kept busy keeps the others of its core waiting for a piece only.
 */
enum { PRIORITY_SERVICE = 230 };

/* Where and how a thread runs. budget == period: as much as it wants, in turns of that length. */
struct schedule {
    uint8_t core;
    uint8_t priority;
    uint32_t budget_us;
    uint32_t period_us;
};
