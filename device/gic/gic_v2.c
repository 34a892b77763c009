// SPDX-License-Identifier: BSD-2-Clause
/*
 * GICv2's distributor as the guest sees it (Arm IHI 0048B, 4.3), without the Security Extensions.
 * The CPU interface is the hardware's virtual one, mapped into the guest.
 */
#include "device/gic/gic_chip.h"

enum {
    GICD_CTLR = 0x000,
    GICD_TYPER = 0x004,
    GICD_IIDR = 0x008,
    GICD_IGROUPR = 0x080,
    GICD_ITARGETSR = 0x800,
    GICD_ICFGR = 0xc00,
    GICD_SGIR = 0xf00,
    GICD_CPENDSGIR = 0xf10,
    GICD_SPENDSGIR = 0xf20,
    GICD_ID = 0xfd0,

    IIDR_ARM = 0x43b, /* implementer, without a product */
};

/* PeriphID4..7, 0..3, CompID0..3: a GICv2 of Arm. */
static const uint8_t identification[] = {0x04, 0, 0,    0,    0x90, 0xb4,
                                         0x2b, 0, 0x0d, 0xf0, 0x05, 0xb1};

static uint32_t read_control(const struct gic_view *view, unsigned word)
{
    const struct gic *gic = view->gic;
    switch (4 * word) {
    case GICD_CTLR:
        return gic->groups;
    case GICD_TYPER: /* ITLinesNumber, CPUNumber */
        return (gic->bank_count - 1u) | (gic->vcpu_count - 1u) << 5;
    case GICD_IIDR:
        return IIDR_ARM;
    default:
        return 0;
    }
}

static void write_control(const struct gic_view *view, unsigned word, uint32_t value, uint32_t mask)
{
    (void)mask;
    if (4 * word == GICD_CTLR) {
        gic_set_groups(view->gic, value & 3);
    }
}

/* With one vCPU they are RAZ/WI, and all goes to it. Bank 0's are read-only: the reader itself. */
static uint32_t read_targets(const struct gic_view *view, unsigned word)
{
    struct gic *gic = view->gic;
    if (gic->vcpu_count == 1) {
        return 0;
    }
    if (word < GIC_BANK_BITS / 4) {
        return 0x01010101u << view->vcpu;
    }
    if (gic_bank_open(view, word / 8, 0) == NULL) {
        return 0;
    }
    uint32_t value = 0;
    for (unsigned i = 0; i < 4; i++) {
        value |= gic->spi_route[4 * word + i - GIC_SPI_BASE] << (8 * i);
    }
    gic_bank_close(view, word / 8, 0);
    return value;
}

static void write_targets(const struct gic_view *view, unsigned word, uint32_t value, uint32_t mask)
{
    struct gic *gic = view->gic;
    uint32_t existing = (1u << gic->vcpu_count) - 1;
    uint32_t bits = 0xfu << (word % 8 * 4);
    if (word < GIC_BANK_BITS / 4 || gic->vcpu_count == 1 ||
        gic_bank_open(view, word / 8, bits) == NULL) {
        return;
    }
    for (unsigned i = 0; i < 4; i++) {
        if (mask >> (8 * i) & 1) {
            gic->spi_route[4 * word + i - GIC_SPI_BASE] = value >> (8 * i) & existing;
        }
    }
    gic_bank_close(view, word / 8, bits);
}

/* Several targets: the lowest that is online takes it (1 of N). */
static unsigned route(const struct gic *gic, unsigned spi)
{
    uint32_t targets = gic->vcpu_count == 1 ? 1 : gic->spi_route[spi];
    targets &= gic->online;
    return targets == 0 ? GIC_VCPU_NONE : (unsigned)__builtin_ctz(targets);
}

/* GICD_SGIR: TargetListFilter [25:24], CPUTargetList [23:16]; may have vCPUs that do not exist. */
static uint32_t sgi_targets(uint32_t value, unsigned self)
{
    switch (value >> 24 & 3) {
    case 0:
        return value >> 16 & 0xff;
    case 1:
        return ~(1u << self);
    case 2:
        return 1u << self;
    default:
        return 0;
    }
}

/* SGIINTID [3:0]. */
static void send_sgi(const struct gic_view *view, uint32_t value)
{
    uint32_t all = (1u << view->gic->vcpu_count) - 1;
    uint32_t targets = sgi_targets(value, view->vcpu) & all;
    for (; targets != 0; targets &= targets - 1) {
        gic_send_sgi(view->gic, (unsigned)__builtin_ctz(targets), value & 0xf, view->vcpu, 3);
    }
}

/* A byte for each SGI: the vCPUs that sent it and are not served yet. */
static uint32_t read_sgi_sources(const struct gic_view *view, unsigned sgi)
{
    struct gic_vcpu *v = gic_vcpu_of(view->gic, view->vcpu);
    uint32_t value = 0;
    mutex_lock(&v->lock);
    for (unsigned i = 0; i < 4; i++) {
        unsigned claimed = v->bank.event >> (sgi + i) & 1 ? v->sgi_claimed[sgi + i] : 0;
        value |= (v->sgi_sources[sgi + i] | claimed) << (8 * i);
    }
    mutex_unlock(&v->lock);
    return value;
}

static void set_sgi_sources(const struct gic_view *view, unsigned sgi, uint32_t value, bool set)
{
    struct gic_vcpu *v = gic_vcpu_of(view->gic, view->vcpu);
    uint32_t existing = (1u << view->gic->vcpu_count) - 1;
    struct gic_bank *bank = gic_bank_open(view, 0, 0xfu << sgi);
    for (unsigned i = 0; i < 4; i++) {
        unsigned bits = value >> (8 * i) & existing;
        unsigned sources = v->sgi_sources[sgi + i];
        v->sgi_sources[sgi + i] = (uint8_t)(set ? sources | bits : sources & ~bits);
        if (!set && (v->sgi_claimed[sgi + i] & bits)) {
            bank->event &= ~(1u << (sgi + i)); /* in a list register: no longer counts as pending */
        }
        uint32_t bit = 1u << (sgi + i);
        bank->latch = v->sgi_sources[sgi + i] != 0 ? bank->latch | bit : bank->latch & ~bit;
    }
    gic_bank_close(view, 0, 0xfu << sgi);
}

static uint32_t read_sgi(const struct gic_view *view, unsigned word)
{
    unsigned offset = GICD_SGIR + 4 * word;
    if (offset >= GICD_ID) {
        return identification[(offset - GICD_ID) / 4];
    }
    if (offset >= GICD_CPENDSGIR && offset < GICD_SPENDSGIR + GIC_SGI_COUNT) {
        return read_sgi_sources(view, offset % GIC_SGI_COUNT);
    }
    return 0;
}

static void write_sgi(const struct gic_view *view, unsigned word, uint32_t value, uint32_t mask)
{
    unsigned offset = GICD_SGIR + 4 * word;
    if (offset == GICD_SGIR && mask == ~0u) {
        send_sgi(view, value);
    } else if (offset >= GICD_CPENDSGIR && offset < GICD_SPENDSGIR + GIC_SGI_COUNT) {
        set_sgi_sources(view, offset % GIC_SGI_COUNT, value, offset >= GICD_SPENDSGIR);
    }
}

static const struct gic_family control = {0x000, false, read_control, write_control};
static const struct gic_family targets = {0x800, true, read_targets, write_targets};
static const struct gic_family sgis = {0xf00, true, read_sgi, write_sgi};

static const struct gic_family *own_family(uint64_t offset)
{
    if (offset >= GICD_SGIR) {
        return &sgis;
    }
    if (offset >= GICD_ITARGETSR && offset < GICD_ICFGR) {
        return &targets;
    }
    return offset < GICD_IGROUPR ? &control : NULL;
}

static enum outcome dist_access(struct gic *gic, struct access *access)
{
    if (access->offset >= GIC_V2_DIST_SIZE) {
        return OUTCOME_UNHANDLED;
    }
    const struct gic_view view = {gic, access->vcpu, 0, gic->bank_count};
    gic_family_access(own_family(access->offset), &view, access);
    return OUTCOME_DONE;
}

static enum outcome redist_access(struct gic *gic, struct access *access)
{
    (void)gic, (void)access;
    return OUTCOME_UNHANDLED;
}

const struct irqchip gic_v2_chip = {
    .dist_access = dist_access,
    .redist_access = redist_access,
    .route = route,
    .sgi_always_enabled = (1u << GIC_SGI_COUNT) - 1,
    .group_reset = 0,
    .route_reset = 0,
    .sgi_has_source = true,
};
