/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "device/gic/gic.h"

/*
 * The two neighbours of a vGIC, for unit tests and fuzzers: the kernel with its list registers, and
 * a guest that writes GIC registers, takes interrupts and ends them. What the vGIC must never do
 * (fill a list register that is in use, put an INTID into two of them) is checked at each
 * injection.
 */

enum fake_lr_state { FAKE_LR_EMPTY, FAKE_LR_PENDING, FAKE_LR_ACTIVE };

struct fake_lr {
    enum fake_lr_state state;
    unsigned intid, priority, group;
    unsigned number; /* of the vCPU's injections: the first is 1 */
};

struct fake_gic {
    struct gic gic;
    struct gic_port port;
    enum gic_version version;
    struct fake_lr lr[VCPU_MAX][GIC_LR_MAX];
    unsigned kicks[VCPU_MAX];
    unsigned injections[VCPU_MAX];
    unsigned ended[VCPU_MAX][GIC_INTID_MAX];  /* told by the vGIC: forwarded ones */
    unsigned served[VCPU_MAX][GIC_INTID_MAX]; /* taken and ended by the guest */
    bool can_withdraw;
};

/* Registers with one bit for each interrupt. */
enum {
    FAKE_GROUP = 0x080,
    FAKE_ENABLE = 0x100,
    FAKE_DISABLE = 0x180,
    FAKE_PEND = 0x200,
    FAKE_UNPEND = 0x280,
    FAKE_ACTIVATE = 0x300,
    FAKE_DEACTIVATE = 0x380,
};

void fake_gic_init(struct fake_gic *f, enum gic_version version, unsigned vcpus, unsigned spis,
                   unsigned lrs);

/* Plain accesses to the distributor and (GICv3) the redistributors; must be OUTCOME_DONE. */
uint64_t fake_dist_read(struct fake_gic *f, unsigned vcpu, unsigned offset, unsigned width);
void fake_dist_write(struct fake_gic *f, unsigned vcpu, unsigned offset, unsigned width,
                     uint64_t value);
uint64_t fake_redist_read(struct fake_gic *f, unsigned vcpu, unsigned offset, unsigned width);
void fake_redist_write(struct fake_gic *f, unsigned vcpu, unsigned offset, unsigned width,
                       uint64_t value);

/*
 * The same in either version: for private interrupts, GICv3's SGI_base frame of the vCPU. `reg` is
 * an offset in the distributor.
 */
uint64_t fake_read(struct fake_gic *f, unsigned vcpu, unsigned reg, unsigned width);
void fake_write(struct fake_gic *f, unsigned vcpu, unsigned reg, unsigned width, uint64_t value);

bool fake_bit(struct fake_gic *f, unsigned vcpu, unsigned reg, unsigned intid);
void fake_set_bit(struct fake_gic *f, unsigned vcpu, unsigned reg, unsigned intid);
void fake_set_priority(struct fake_gic *f, unsigned vcpu, unsigned intid, unsigned priority);
void fake_set_edge(struct fake_gic *f, unsigned intid, bool edge);
void fake_set_target(struct fake_gic *f, unsigned intid, unsigned vcpu);
void fake_set_groups(struct fake_gic *f, unsigned groups);
/* Any of the vCPUs may take it (GICv2: all of them are in its targets). */
void fake_set_target_any(struct fake_gic *f, unsigned intid);
void fake_send_sgi(struct fake_gic *f, unsigned from, uint32_t targets, unsigned sgi);

/* All groups on, priority 0xa0, and the interrupt enabled and routed to the vCPU. */
void fake_prepare(struct fake_gic *f, unsigned vcpu, unsigned intid);

/* Fills the vCPU's list registers with SPIs from 32 on, of the lowest priority. */
void fake_fill(struct fake_gic *f, unsigned vcpu);

/* Where an INTID is: its list register of that vCPU, or NULL. */
struct fake_lr *fake_find(struct fake_gic *f, unsigned vcpu, unsigned intid);
unsigned fake_used(const struct fake_gic *f, unsigned vcpu);

enum { FAKE_NONE = 1023 };

/* The guest acknowledges its best pending interrupt: its INTID, or FAKE_NONE. */
unsigned fake_take(struct fake_gic *f, unsigned vcpu);
/* The guest ends (deactivates) an interrupt, and the kernel's maintenance fault arrives. */
void fake_end(struct fake_gic *f, unsigned vcpu, unsigned intid);
/* Takes and ends one: its INTID, or FAKE_NONE. */
unsigned fake_serve(struct fake_gic *f, unsigned vcpu);
