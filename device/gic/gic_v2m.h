/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "device/access.h"

struct gic;

/*
 * GICv2m frame (Arm DEN 0029, Server Base System Architecture, appendix "GICv2m Architecture"): a
 * message that is written to its one register becomes an edge of an SPI. GICv3 has this in its
 * distributor (gic_message).
 *
 * Threads: any thread may call any function; nothing here changes after gic_v2m_init.
 */

enum {
    GIC_V2M_SIZE = 0x1000, /* of the register window, in bytes */
    GIC_V2M_SETSPI = 0x40, /* the register that messages are written to */
};

struct gic_v2m {
    struct gic *gic;
    uint16_t first; /* INTID */
    uint16_t count;
};

/* `gic` stays the caller's. The SPIs must exist, and nothing else may drive them. */
void gic_v2m_init(struct gic_v2m *frame, struct gic *gic, unsigned first_intid, unsigned count);

/* A register access. Reserved and misaligned ones read as zero and change nothing. */
enum outcome gic_v2m_access(struct gic_v2m *frame, struct access *access);

/* A message, as if it were written to the register. False: it names no SPI of this frame. */
bool gic_v2m_message(const struct gic_v2m *frame, uint32_t intid);
