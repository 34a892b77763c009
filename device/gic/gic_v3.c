// SPDX-License-Identifier: BSD-2-Clause
/*
 * GICv3 as the guest sees it (Arm IHI 0069): distributor (12.9), redistributors (12.11) and the
 * system registers that send SGIs. One Security state (GICD_CTLR.DS), affinity routing only
 * (GICD_CTLR.ARE), no LPIs. vCPU i has affinity 0.0.0.i.
 */
#include "device/gic/gic_chip.h"
#include "lib/check.h"

enum {
    GICD_CTLR = 0x0000,
    GICD_TYPER = 0x0004,
    GICD_IIDR = 0x0008,
    GICD_SETSPI_NSR = GIC_V3_SETSPI_NSR,
    GICD_CLRSPI_NSR = 0x0048,
    GICD_IGROUPR = 0x0080,
    GICD_IROUTER = 0x6000,

    GICR_IIDR = 0x0004,
    GICR_TYPER = 0x0008,
    GICR_WAKER = 0x0014,
    GICR_SGI_BASE = 0x10000, /* the second frame */

    FRAME_ID = 0xffd0, /* identification registers of the distributor and of RD_base */

    CTLR_ARE = 1 << 4,
    CTLR_DS = 1 << 6,
    TYPER_MBIS = 1 << 16,           /* SPIs can be message-based */
    TYPER_ID_BITS = (10 - 1) << 19, /* INTIDs have 10 bits */
    TYPER_LAST = 1 << 4,
    WAKER_PROCESSOR_SLEEP = 1 << 1,
    WAKER_CHILDREN_ASLEEP = 1 << 2,
    IIDR_ARM = 0x43b, /* implementer, without a product */

    PART_DISTRIBUTOR = 0x92,
    PART_REDISTRIBUTOR = 0x93,
};

/* GICD_IROUTER: Interrupt_Routing_Mode, and the affinity levels 2 to 0 (there is no level 3). */
static const uint32_t ROUTE_ANY = 1u << 31;
static const uint32_t ROUTE_AFFINITY = 0xffffff;

/* PIDR4..7, 0..3, CIDR0..3: GICv3 of Arm. */
static uint32_t identification(unsigned offset, unsigned part)
{
    const uint8_t ids[] = {0x44, 0, 0, 0, (uint8_t)part, 0xb4, 0x3b, 0, 0x0d, 0xf0, 0x05, 0xb1};
    return ids[(offset - FRAME_ID) / 4];
}

static uint32_t read_dist_control(const struct gic_view *view, unsigned word)
{
    switch (4 * word) {
    case GICD_CTLR:
        return (uint32_t)view->gic->groups | CTLR_ARE | CTLR_DS;
    case GICD_TYPER:
        return (view->gic->bank_count - 1u) | TYPER_ID_BITS | TYPER_MBIS;
    case GICD_IIDR:
        return IIDR_ARM;
    default:
        return 0;
    }
}

static void write_dist_control(const struct gic_view *view, unsigned word, uint32_t value,
                               uint32_t mask)
{
    (void)mask;
    if (4 * word == GICD_CTLR) {
        gic_set_groups(view->gic, value & 3);
    }
}

static unsigned route(const struct gic *gic, unsigned spi)
{
    uint32_t wanted = gic->spi_route[spi];
    uint32_t targets = gic->online;
    if (!(wanted & ROUTE_ANY)) {
        targets &= wanted < gic->vcpu_count ? 1u << wanted : 0;
    }
    return targets == 0 ? GIC_VCPU_NONE : (unsigned)__builtin_ctz(targets);
}

/* 64 bits for each INTID from 32 on; the upper word (affinity level 3) is RAZ/WI. */
static void access_irouter(const struct gic_view *view, struct access *access)
{
    unsigned offset = (unsigned)access->offset - GICD_IROUTER;
    unsigned intid = offset / 8;
    bool upper = offset % 8 != 0;
    bool served = access->width_bytes == 8 ? !upper : access->width_bytes == 4 && offset % 4 == 0;
    uint32_t bit = access->is_write ? 1u << (intid % GIC_BANK_BITS) : 0;
    if (!access->is_write) {
        access->value = 0;
    }
    if (!served || upper || gic_bank_open(view, intid / GIC_BANK_BITS, bit) == NULL) {
        return;
    }
    uint32_t *wanted = &view->gic->spi_route[intid - GIC_SPI_BASE];
    if (access->is_write) {
        *wanted = (uint32_t)access->value & (ROUTE_ANY | ROUTE_AFFINITY);
    } else {
        access->value = *wanted;
    }
    gic_bank_close(view, intid / GIC_BANK_BITS, bit);
}

/* Write-only, by words and halfwords (a message of PCI's older kind has 16 bits). */
static bool is_message(const struct access *access)
{
    return (access->offset == GICD_SETSPI_NSR || access->offset == GICD_CLRSPI_NSR) &&
           access->is_write && (access->width_bytes == 4 || access->width_bytes == 2);
}

static const struct gic_family dist_control = {0, false, read_dist_control, write_dist_control};

static enum outcome dist_access(struct gic *gic, struct access *access)
{
    if (access->offset >= GIC_V3_DIST_SIZE) {
        return OUTCOME_UNHANDLED;
    }
    const struct gic_view view = {gic, access->vcpu, 1, gic->bank_count};
    if (is_message(access)) {
        uint64_t intid = access->value & (access->width_bytes == 4 ? 0xffffffff : 0xffff);
        (void)gic_message(gic, intid, access->offset == GICD_SETSPI_NSR);
    } else if (access->offset < 0x1000) {
        gic_family_access(access->offset < GICD_IGROUPR ? &dist_control : NULL, &view, access);
    } else if (access->offset >= GICD_IROUTER &&
               access->offset < GICD_IROUTER + 8 * GIC_INTID_MAX) {
        access_irouter(&view, access);
    } else {
        gic_word_access(access, access->offset < FRAME_ID
                                    ? 0
                                    : identification((unsigned)access->offset, PART_DISTRIBUTOR));
    }
    return OUTCOME_DONE;
}

/* Affinity [63:32], Processor_Number [23:8], Last [4]. */
static uint64_t redist_typer(const struct gic *gic, unsigned vcpu)
{
    uint64_t last = vcpu + 1u == gic->vcpu_count ? TYPER_LAST : 0;
    return (uint64_t)vcpu << 32 | vcpu << 8 | last;
}

/*
 * Nothing sleeps here: the guest's wish is acknowledged at once, and does not hold interrupts back
 * (neither KVM nor QEMU do, and guests rely on it).
 */
static void access_waker(struct gic_vcpu *v, struct access *access)
{
    mutex_lock(&v->lock);
    if (access->is_write && access->width_bytes == 4) {
        v->asleep = access->value & WAKER_PROCESSOR_SLEEP;
    }
    gic_word_access(access, v->asleep ? WAKER_PROCESSOR_SLEEP | WAKER_CHILDREN_ASLEEP : 0);
    mutex_unlock(&v->lock);
}

static void access_rd_base(const struct gic_view *view, struct access *access)
{
    uint64_t typer = redist_typer(view->gic, view->vcpu);
    unsigned offset = (unsigned)access->offset;
    if (offset == GICR_TYPER && access->width_bytes == 8) {
        access->value = access->is_write ? access->value : typer;
        return;
    }
    switch (offset & ~3u) {
    case GICR_IIDR:
        gic_word_access(access, IIDR_ARM);
        return;
    case GICR_TYPER:
        gic_word_access(access, (uint32_t)typer);
        return;
    case GICR_TYPER + 4:
        gic_word_access(access, (uint32_t)(typer >> 32));
        return;
    case GICR_WAKER:
        access_waker(gic_vcpu_of(view->gic, view->vcpu), access);
        return;
    default:
        gic_word_access(access, offset < FRAME_ID ? 0 : identification(offset, PART_REDISTRIBUTOR));
    }
}

static enum outcome redist_access(struct gic *gic, struct access *access)
{
    uint64_t vcpu = access->offset / GIC_V3_REDIST_SIZE;
    if (vcpu >= gic->vcpu_count) {
        return OUTCOME_UNHANDLED;
    }
    const struct gic_view view = {gic, (unsigned)vcpu, 0, 1};
    struct access local = *access;
    local.offset %= GIC_V3_REDIST_SIZE;
    if (local.offset < GICR_SGI_BASE) {
        access_rd_base(&view, &local);
    } else if (local.offset < GICR_SGI_BASE + 0x1000) {
        local.offset -= GICR_SGI_BASE;
        gic_family_access(NULL, &view, &local);
    } else {
        gic_word_access(&local, 0);
    }
    access->value = local.value;
    return OUTCOME_DONE;
}

/*
 * ICC_SGI*R_EL1: Aff3 [55:48], RS [47:44], IRM [40], Aff2 [39:32], INTID [27:24], Aff1 [23:16],
 * TargetList [15:0]. With one Security state, ICC_SGI1R sends to targets that have the SGI in
 * either group, the other two only to those that have it in group 0.
 */
void gic_v3_sgi(struct gic *gic, unsigned vcpu, enum gic_v3_sgi_register which, uint64_t value)
{
    CHECK(vcpu < gic->vcpu_count);
    const uint64_t elsewhere = 0xffull << 48 | 0xfull << 44 | 0xffull << 32 | 0xff << 16;
    uint32_t targets = (1u << gic->vcpu_count) - 1;
    if (value >> 40 & 1) {
        targets &= ~(1u << vcpu);
    } else {
        targets &= (value & elsewhere) ? 0 : (uint32_t)value & 0xffff;
    }
    unsigned sgi = value >> 24 & 0xf;
    unsigned groups = which == GIC_V3_SGI1R ? 3 : 1;
    for (; targets != 0; targets &= targets - 1) {
        unsigned target = (unsigned)__builtin_ctz(targets);
        gic_send_sgi(gic, target, sgi, vcpu, groups);
    }
}

const struct irqchip gic_v3_chip = {
    .dist_access = dist_access,
    .redist_access = redist_access,
    .route = route,
    .sgi_always_enabled = 0,
    .group_reset = ~0u,
    .route_reset = 0,
    .sgi_has_source = false,
};
