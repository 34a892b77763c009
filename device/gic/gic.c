// SPDX-License-Identifier: BSD-2-Clause
#include "device/gic/gic.h"

#include <string.h>

#include "device/gic/gic_chip.h"
#include "lib/check.h"
#include "lib/start_only.h"

static const uint32_t SGI_BITS = (1u << GIC_SGI_COUNT) - 1;

/* All but the input lines. Forwarded lines are lowered; returns those that were high. */
static uint32_t reset_bank(struct gic_bank *bank, const struct irqchip *chip)
{
    uint32_t lowered = bank->line & bank->forwarded;
    *bank = (struct gic_bank){
        .group = chip->group_reset,
        .line = bank->line & ~bank->forwarded,
        .forwarded = bank->forwarded,
    };
    return lowered;
}

static void tell_ended(const struct gic *gic, unsigned vcpu, unsigned bank_index, uint32_t bits)
{
    const struct gic_port *port = gic_port_of(gic);
    for (; bits != 0; bits &= bits - 1) {
        unsigned index = (unsigned)__builtin_ctz(bits);
        port->ended(port->ctx, vcpu, bank_index * GIC_BANK_BITS + index);
    }
}

/* What the list register held is no longer there, and pending again. Both locks. */
static void give_back(struct gic *gic, struct gic_vcpu *v, unsigned lr)
{
    unsigned intid = v->lr_intid[lr];
    v->lr_used &= ~(1u << lr);
    gic_unclaim(gic, v, gic_bank_of(gic, v, intid / GIC_BANK_BITS), intid, true);
}

/* The vCPU no longer holds anything; what it held of others is pending again. Both locks. */
static void empty_vcpu(struct gic *gic, struct gic_vcpu *v)
{
    gic_queue_drain(gic, v);
    for (uint32_t used = v->lr_used; used != 0; used &= used - 1) {
        give_back(gic, v, (unsigned)__builtin_ctz(used));
    }
}

static void reset_private(struct gic *gic, struct gic_vcpu *v)
{
    uint32_t lowered = reset_bank(&v->bank, gic_chip(gic));
    v->bank.edge = SGI_BITS;
    v->bank.enabled = gic_chip(gic)->sgi_always_enabled;
    v->lr_fresh = 0;
    v->asleep = true;
    for (unsigned i = 0; i < GIC_SGI_COUNT; i++) {
        v->sgi_sources[i] = v->sgi_claimed[i] = 0;
    }
    tell_ended(gic, v->index, 0, lowered);
}

static void offer_all_shared(struct gic *gic)
{
    for (unsigned i = 1; i < gic->bank_count; i++) {
        gic_offer_shared(gic, i, ~0u);
    }
}

void gic_vcpu_reset(struct gic *gic, unsigned vcpu)
{
    CHECK(vcpu < gic->vcpu_count);
    struct gic_vcpu *v = gic_vcpu_of(gic, vcpu);
    mutex_lock(&gic->dist_lock);
    mutex_lock(&v->lock);
    empty_vcpu(gic, v);
    reset_private(gic, v);
    mutex_unlock(&v->lock);
    offer_all_shared(gic);
    mutex_unlock(&gic->dist_lock);
}

void gic_reset(struct gic *gic)
{
    mutex_lock(&gic->dist_lock);
    gic->groups = 0;
    gic->online = 1;
    for (unsigned i = 0; i < gic->vcpu_count; i++) {
        struct gic_vcpu *v = gic_vcpu_of(gic, i);
        mutex_lock(&v->lock);
        v->groups = 0;
        empty_vcpu(gic, v);
        reset_private(gic, v);
        mutex_unlock(&v->lock);
    }
    for (unsigned i = 1; i < gic->bank_count; i++) {
        tell_ended(gic, 0, i, reset_bank(&gic->spi[i - 1], gic_chip(gic)));
    }
    for (unsigned spi = 0; spi < GIC_SPI_MAX; spi++) {
        gic->spi_route[spi] = gic_chip(gic)->route_reset;
    }
    mutex_unlock(&gic->dist_lock);
}

START_ONLY void gic_init(struct gic *gic, enum gic_version version, unsigned vcpu_count,
                         unsigned spi_count, unsigned lr_count, const struct gic_port *port)
{
    CHECK(version == GIC_V2 || version == GIC_V3);
    CHECK(KERNEL_GIC == 0 || (version == KERNEL_GIC && port == &gic_port));
    CHECK(vcpu_count >= 1 && vcpu_count <= VCPU_MAX);
    CHECK(spi_count <= GIC_SPI_MAX && spi_count % GIC_BANK_BITS == 0);
    CHECK(lr_count >= 1 && lr_count <= GIC_LR_MAX);
    memset(gic, 0, sizeof *gic); /* an initialiser would be built on the stack: 12 KiB */
    gic->vcpu_count = (uint8_t)vcpu_count;
    gic->lr_all = (uint16_t)((1u << lr_count) - 1);
    gic->bank_count = (uint8_t)(1 + spi_count / GIC_BANK_BITS);
    gic->wiring.chip = version == GIC_V2 ? &gic_v2_chip : &gic_v3_chip;
    gic->wiring.port = port;
    for (unsigned i = 0; i < vcpu_count; i++) {
        gic->vcpu[i].lock.id = 1 + i;
        gic->vcpu[i].index = (uint8_t)i;
    }
    gic_reset(gic);
}

START_ONLY void gic_set_forwarded(struct gic *gic, unsigned intid)
{
    CHECK(intid >= GIC_PPI_BASE && intid / GIC_BANK_BITS < gic->bank_count);
    uint32_t bit = 1u << (intid % GIC_BANK_BITS);
    if (intid >= GIC_SPI_BASE) {
        gic->spi[intid / GIC_BANK_BITS - 1].forwarded |= bit;
        return;
    }
    for (unsigned i = 0; i < gic->vcpu_count; i++) {
        gic->vcpu[i].bank.forwarded |= bit;
    }
}

/* What is still in the list registers of a stopped vCPU goes back, if the port can. Both locks. */
static void withdraw_all(struct gic *gic, struct gic_vcpu *v)
{
    const struct gic_port *port = gic_port_of(gic);
    for (uint32_t used = v->lr_used; used != 0; used &= used - 1) {
        unsigned lr = (unsigned)__builtin_ctz(used);
        if (port->withdraw != NULL && port->withdraw(port->ctx, v->index, lr)) {
            give_back(gic, v, lr);
        }
    }
}

void gic_vcpu_set_online(struct gic *gic, unsigned vcpu, bool online)
{
    CHECK(vcpu < gic->vcpu_count);
    struct gic_vcpu *v = gic_vcpu_of(gic, vcpu);
    mutex_lock(&gic->dist_lock);
    mutex_lock(&v->lock);
    v->groups = online ? gic->groups : 0;
    gic->online = online ? gic->online | 1u << vcpu : gic->online & ~(1u << vcpu);
    if (online) {
        gic_offer_private(gic, v, ~0u);
    } else {
        gic_queue_drain(gic, v);
        withdraw_all(gic, v);
    }
    mutex_unlock(&v->lock);
    offer_all_shared(gic);
    mutex_unlock(&gic->dist_lock);
}

enum outcome gic_dist_access(struct gic *gic, struct access *access)
{
    return gic_chip(gic)->dist_access(gic, access);
}

enum outcome gic_redist_access(struct gic *gic, struct access *access)
{
    return gic_chip(gic)->redist_access(gic, access);
}
