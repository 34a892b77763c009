// SPDX-License-Identifier: BSD-2-Clause
#include "test/fake/guest_gic.h"

#include <stddef.h>
#include <string.h>

#include "lib/check.h"

/* What is not enabled, or held back otherwise, must not get here. */
static void check_deliverable(const struct gic *gic, unsigned vcpu, unsigned intid,
                              unsigned priority, unsigned group)
{
    const struct gic_vcpu *v = &gic->vcpu[vcpu];
    unsigned index = intid % GIC_BANK_BITS;
    const struct gic_bank *bank =
        intid < GIC_SPI_BASE ? &v->bank : &gic->spi[intid / GIC_BANK_BITS - 1];
    CHECK(v->lock.users != 0 && (gic->online >> vcpu & 1));
    CHECK(bank->enabled >> index & 1);
    CHECK(!(bank->active >> index & 1));
    CHECK(priority == bank->priority[index]);
    CHECK(group == (bank->group >> index & 1) && (gic->groups >> group & 1));
}

static void inject(void *ctx, unsigned vcpu, unsigned lr, unsigned intid, unsigned priority,
                   unsigned group)
{
    struct fake_gic *f = ctx;
    CHECK(vcpu < f->gic.vcpu_count && (f->gic.lr_all >> lr & 1));
    CHECK(intid / GIC_BANK_BITS < f->gic.bank_count);
    CHECK(priority < GIC_PRIORITY_COUNT && group <= 1);
    CHECK(f->lr[vcpu][lr].state == FAKE_LR_EMPTY);
    check_deliverable(&f->gic, vcpu, intid, priority, group);
    for (unsigned i = 0; i < f->gic.vcpu_count; i++) {
        CHECK((intid < GIC_SPI_BASE && i != vcpu) || fake_find(f, i, intid) == NULL);
    }
    f->injections[vcpu]++;
    f->lr[vcpu][lr] =
        (struct fake_lr){FAKE_LR_PENDING, intid, priority, group, f->injections[vcpu]};
}

static void kick(void *ctx, unsigned vcpu)
{
    struct fake_gic *f = ctx;
    f->kicks[vcpu]++;
}

static void ended(void *ctx, unsigned vcpu, unsigned intid)
{
    struct fake_gic *f = ctx;
    f->ended[vcpu][intid]++;
}

static bool withdraw(void *ctx, unsigned vcpu, unsigned lr)
{
    struct fake_gic *f = ctx;
    CHECK(f->lr[vcpu][lr].state != FAKE_LR_EMPTY);
    if (!f->can_withdraw || f->lr[vcpu][lr].state != FAKE_LR_PENDING) {
        return false;
    }
    f->lr[vcpu][lr].state = FAKE_LR_EMPTY;
    return true;
}

void fake_gic_init(struct fake_gic *f, enum gic_version version, unsigned vcpus, unsigned spis,
                   unsigned lrs)
{
    memset(f, 0, sizeof *f);
    f->version = version;
    f->port = (struct gic_port){
        .inject = inject, .kick = kick, .ended = ended, .withdraw = withdraw, .ctx = f};
    gic_init(&f->gic, version, vcpus, spis, lrs, &f->port);
    for (unsigned i = 1; i < vcpus; i++) {
        gic_vcpu_set_online(&f->gic, i, true);
    }
}

uint64_t fake_dist_read(struct fake_gic *f, unsigned vcpu, unsigned offset, unsigned width)
{
    struct access a = {
        .offset = offset, .value = ~0ull, .width_bytes = (uint8_t)width, .vcpu = (uint8_t)vcpu};
    CHECK(gic_dist_access(&f->gic, &a) == OUTCOME_DONE);
    return a.value;
}

void fake_dist_write(struct fake_gic *f, unsigned vcpu, unsigned offset, unsigned width,
                     uint64_t value)
{
    struct access a = {.offset = offset,
                       .value = value,
                       .width_bytes = (uint8_t)width,
                       .is_write = true,
                       .vcpu = (uint8_t)vcpu};
    CHECK(gic_dist_access(&f->gic, &a) == OUTCOME_DONE);
    CHECK(a.value == value);
}

uint64_t fake_redist_read(struct fake_gic *f, unsigned vcpu, unsigned offset, unsigned width)
{
    struct access a = {.offset = vcpu * (uint64_t)GIC_V3_REDIST_SIZE + offset,
                       .value = ~0ull,
                       .width_bytes = (uint8_t)width};
    CHECK(gic_redist_access(&f->gic, &a) == OUTCOME_DONE);
    return a.value;
}

void fake_redist_write(struct fake_gic *f, unsigned vcpu, unsigned offset, unsigned width,
                       uint64_t value)
{
    struct access a = {.offset = vcpu * (uint64_t)GIC_V3_REDIST_SIZE + offset,
                       .value = value,
                       .width_bytes = (uint8_t)width,
                       .is_write = true};
    CHECK(gic_redist_access(&f->gic, &a) == OUTCOME_DONE);
    CHECK(a.value == value);
}

/* Whether the register belongs to private interrupts: the first 32 bits, bytes or pairs of bits. */
static bool is_private(unsigned reg)
{
    return (reg >= 0x80 && reg < 0x400 && reg % 0x80 == 0) || (reg >= 0x400 && reg < 0x420) ||
           (reg >= 0xc00 && reg < 0xc08);
}

uint64_t fake_read(struct fake_gic *f, unsigned vcpu, unsigned reg, unsigned width)
{
    return f->version == GIC_V3 && is_private(reg) ? fake_redist_read(f, vcpu, 0x10000 + reg, width)
                                                   : fake_dist_read(f, vcpu, reg, width);
}

void fake_write(struct fake_gic *f, unsigned vcpu, unsigned reg, unsigned width, uint64_t value)
{
    if (f->version == GIC_V3 && is_private(reg)) {
        fake_redist_write(f, vcpu, 0x10000 + reg, width, value);
    } else {
        fake_dist_write(f, vcpu, reg, width, value);
    }
}

bool fake_bit(struct fake_gic *f, unsigned vcpu, unsigned reg, unsigned intid)
{
    return fake_read(f, vcpu, reg + intid / 32 * 4, 4) >> (intid % 32) & 1;
}

void fake_set_bit(struct fake_gic *f, unsigned vcpu, unsigned reg, unsigned intid)
{
    fake_write(f, vcpu, reg + intid / 32 * 4, 4, 1u << (intid % 32));
}

void fake_set_priority(struct fake_gic *f, unsigned vcpu, unsigned intid, unsigned priority)
{
    fake_write(f, vcpu, 0x400 + intid, 1, priority);
}

void fake_set_edge(struct fake_gic *f, unsigned intid, bool edge)
{
    unsigned reg = 0xc00 + intid / 16 * 4;
    uint64_t bit = 2ull << (intid % 16 * 2);
    uint64_t value = fake_read(f, 0, reg, 4);
    fake_write(f, 0, reg, 4, edge ? value | bit : value & ~bit);
}

void fake_set_target(struct fake_gic *f, unsigned intid, unsigned vcpu)
{
    if (f->version == GIC_V3) {
        fake_dist_write(f, 0, 0x6000 + 8 * intid, 8, vcpu);
    } else {
        fake_dist_write(f, 0, 0x800 + intid, 1, 1u << vcpu);
    }
}

void fake_set_target_any(struct fake_gic *f, unsigned intid)
{
    if (f->version == GIC_V3) {
        fake_dist_write(f, 0, 0x6000 + 8 * intid, 8, 1u << 31);
    } else {
        fake_dist_write(f, 0, 0x800 + intid, 1, 0xff);
    }
}

void fake_set_groups(struct fake_gic *f, unsigned groups)
{
    fake_dist_write(f, 0, 0, 4, groups);
}

void fake_send_sgi(struct fake_gic *f, unsigned from, uint32_t targets, unsigned sgi)
{
    if (f->version == GIC_V3) {
        gic_v3_sgi(&f->gic, from, GIC_V3_SGI1R, (uint64_t)sgi << 24 | targets);
    } else {
        fake_dist_write(f, from, 0xf00, 4, targets << 16 | sgi);
    }
}

void fake_prepare(struct fake_gic *f, unsigned vcpu, unsigned intid)
{
    fake_set_groups(f, 3);
    fake_set_priority(f, vcpu, intid, 0xa0);
    if (intid >= GIC_SPI_BASE) {
        fake_set_target(f, intid, vcpu);
    }
    fake_set_bit(f, vcpu, FAKE_ENABLE, intid);
}

void fake_fill(struct fake_gic *f, unsigned vcpu)
{
    for (unsigned i = 0; f->gic.lr_all >> i != 0; i++) {
        fake_prepare(f, vcpu, GIC_SPI_BASE + i);
        fake_set_priority(f, vcpu, GIC_SPI_BASE + i, 0xf8);
        gic_pulse(&f->gic, vcpu, GIC_SPI_BASE + i);
    }
    CHECK(f->gic.vcpu[vcpu].lr_used == f->gic.lr_all);
}

struct fake_lr *fake_find(struct fake_gic *f, unsigned vcpu, unsigned intid)
{
    for (unsigned i = 0; i < GIC_LR_MAX; i++) {
        if (f->lr[vcpu][i].state != FAKE_LR_EMPTY && f->lr[vcpu][i].intid == intid) {
            return &f->lr[vcpu][i];
        }
    }
    return NULL;
}

unsigned fake_used(const struct fake_gic *f, unsigned vcpu)
{
    unsigned used = 0;
    for (unsigned i = 0; i < GIC_LR_MAX; i++) {
        used += f->lr[vcpu][i].state != FAKE_LR_EMPTY;
    }
    return used;
}

unsigned fake_take(struct fake_gic *f, unsigned vcpu)
{
    struct fake_lr *best = NULL;
    for (unsigned i = 0; i < GIC_LR_MAX; i++) {
        struct fake_lr *lr = &f->lr[vcpu][i];
        bool better = best == NULL || lr->priority < best->priority ||
                      (lr->priority == best->priority && lr->intid < best->intid);
        if (lr->state == FAKE_LR_PENDING && better) {
            best = lr;
        }
    }
    if (best == NULL) {
        return FAKE_NONE;
    }
    best->state = FAKE_LR_ACTIVE;
    return best->intid;
}

void fake_end(struct fake_gic *f, unsigned vcpu, unsigned intid)
{
    struct fake_lr *lr = fake_find(f, vcpu, intid);
    CHECK(lr != NULL && lr->state == FAKE_LR_ACTIVE);
    lr->state = FAKE_LR_EMPTY;
    f->served[vcpu][intid]++;
    unsigned forwarded = gic_maintenance(&f->gic, &f->gic.vcpu[vcpu], (unsigned)(lr - f->lr[vcpu]));
    if (forwarded != 0) {
        CHECK(forwarded == intid);
        ended(f, vcpu, forwarded);
    }
}

unsigned fake_serve(struct fake_gic *f, unsigned vcpu)
{
    unsigned intid = fake_take(f, vcpu);
    if (intid != FAKE_NONE) {
        fake_end(f, vcpu, intid);
    }
    return intid;
}
