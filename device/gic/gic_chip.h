/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include "device/gic/gic.h"

/* Inside device/gic only: between the state machine, the delivery and the register files. */

enum { GIC_VCPU_NONE = 0xff };

/* What differs between the versions of the architecture, apart from their registers' addresses. */
struct irqchip {
    enum outcome (*dist_access)(struct gic *gic, struct access *access);
    enum outcome (*redist_access)(struct gic *gic, struct access *access);
    /* The vCPU that shared interrupt spi (0 is INTID 32) goes to now, or GIC_VCPU_NONE. */
    unsigned (*route)(const struct gic *gic, unsigned spi);
    uint32_t sgi_always_enabled; /* bank 0's enable bits that are read-as-one */
    uint32_t group_reset;        /* reset value of the group registers */
    uint32_t route_reset;        /* reset value of spi_route[] */
    bool sgi_has_source;         /* an SGI is pending for each sender by itself */
};

/*
 * One register file's sight of the interrupts: GICv2's distributor sees all banks, bank 0 being the
 * accessing vCPU's; GICv3's distributor all but bank 0, a redistributor nothing but its bank 0.
 */
struct gic_view {
    struct gic *gic;
    unsigned vcpu;
    unsigned bank_first, bank_end;
};

/*
 * Registers of one kind: 32-bit words from offset `base` on, `word` counts from there. `mask` has
 * the bits that a write covers: all 32, or one byte or halfword if the registers are byte
 * accessible. Without a function they read as zero, or ignore writes.
 */
struct gic_family {
    uint16_t base;
    bool bytes; /* byte accessible */
    uint32_t (*read)(const struct gic_view *view, unsigned word);
    void (*write)(const struct gic_view *view, unsigned word, uint32_t value, uint32_t mask);
};

/* Registers of one family are in 128 bytes, or several times as many, from a multiple of 128 on. */
enum { GIC_FAMILY_SHIFT = 7 };

extern const struct irqchip gic_v2_chip;
extern const struct irqchip gic_v3_chip;

static inline const struct irqchip *gic_chip(const struct gic *gic)
{
    return KERNEL_GIC == GIC_V2   ? &gic_v2_chip
           : KERNEL_GIC == GIC_V3 ? &gic_v3_chip
                                  : gic->wiring.chip;
}

static inline const struct gic_port *gic_port_of(const struct gic *gic)
{
    return KERNEL_GIC != 0 ? &gic_port : gic->wiring.port;
}

/*
 * A vCPU's part. Its address is kept: where `gic` is a constant, the compiler would rather compute
 * it once more for each field, five instructions each time.
 */
static inline struct gic_vcpu *gic_vcpu_of(struct gic *gic, unsigned vcpu)
{
    struct gic_vcpu *v = &gic->vcpu[vcpu];
    __asm__("" : "+r"(v));
    return v;
}

/*
 * gic_deliver.c. All of these need the locks that they name: a bank's lock is the vCPU's for bank 0
 * and the distributor's for the others. "shared" ones take vCPUs' locks themselves.
 */

/* As the guest sees them, with what is in list registers. The bank's lock. */
uint32_t gic_bank_pending(const struct gic_bank *bank);
uint32_t gic_bank_active(struct gic *gic, struct gic_vcpu *v, unsigned bank_index);

/* Fills free list registers from the queue, best priority first. The vCPU's lock. */
void gic_deliver(const struct gic *gic, struct gic_vcpu *v);

/* Claims those of `bits` that are ready and delivers what can be. The bank's lock. */
void gic_offer_private(const struct gic *gic, struct gic_vcpu *v, uint32_t bits);
void gic_offer_shared(struct gic *gic, unsigned bank_index, uint32_t bits);

/* Takes those of `bits` back that are queued and not yet in a list register. The bank's lock. */
void gic_recall_private(const struct gic *gic, struct gic_vcpu *v, uint32_t bits);
void gic_recall_shared(struct gic *gic, unsigned bank_index, uint32_t bits);

/* Gives all that the vCPU has queued back. Distributor's and the vCPU's lock. */
void gic_queue_drain(struct gic *gic, struct gic_vcpu *v);

/*
 * Makes an SGI from vCPU `source` pending for `target`, if target has it in one of `groups` (bit g:
 * group g). Takes target's lock itself.
 */
void gic_send_sgi(struct gic *gic, unsigned target, unsigned sgi, unsigned source, unsigned groups);

static inline unsigned gic_first_bit(uint32_t bits)
{
    return (unsigned)__builtin_ctz(bits);
}

static inline uint32_t gic_lr_free(const struct gic *gic, const struct gic_vcpu *v)
{
    return gic->lr_all & ~v->lr_used;
}

/* Into a list register that is free. The vCPU's lock. */
static inline void gic_inject(const struct gic_port *port, struct gic_vcpu *v, unsigned lr,
                              unsigned intid, unsigned priority, unsigned group)
{
    v->lr_used |= 1u << lr;
    v->lr_intid[lr] = (uint16_t)intid;
    v->lr_fresh |= 1u << lr;
    port->inject(port->ctx, v->index, lr, intid, priority, group);
}

/*
 * Ends the claim on an interrupt that is in no queue and no list register any more; with `again`,
 * an event that had gone with it waits once more. The bank's lock, and that of the vCPU that had
 * it.
 */
static inline void gic_unclaim(const struct gic *gic, struct gic_vcpu *v, struct gic_bank *bank,
                               unsigned intid, bool again)
{
    uint32_t bit = 1u << (intid % GIC_BANK_BITS);
    if (again) {
        bank->latch |= bank->event & bit;
    }
    if (intid < GIC_SGI_COUNT && gic_chip(gic)->sgi_has_source) {
        v->sgi_sources[intid] |= again ? v->sgi_claimed[intid] : 0;
        v->sgi_claimed[intid] = 0;
    }
    bank->event &= ~bit;
    bank->claimed &= ~bit;
}

static inline struct gic_bank *gic_bank_of(struct gic *gic, struct gic_vcpu *v, unsigned bank_index)
{
    return bank_index == 0 ? &v->bank : &gic->spi[bank_index - 1];
}

/* gic_register.c: what both versions have. Each takes the locks that it needs. */

/*
 * Serves an access at offset 0..0xfff by the version's `own` family there, or, if that is NULL, by
 * the registers that have the same offset and meaning in both versions (GICD_IGROUPR to
 * GICD_IPRIORITYR, ICFGR).
 */
void gic_family_access(const struct gic_family *own, const struct gic_view *view,
                       struct access *access);

/* Serves a read of a read-only word, by any aligned access within it; writes are ignored. */
void gic_word_access(struct access *access, uint32_t word);

/*
 * Locks bank number `index` for a change of the interrupts in `bits`, and recalls those; NULL (and
 * no lock) when the view does not have that bank. gic_bank_close offers them again and unlocks.
 */
struct gic_bank *gic_bank_open(const struct gic_view *view, unsigned index, uint32_t bits);
void gic_bank_close(const struct gic_view *view, unsigned index, uint32_t bits);

/* GICD_CTLR's group enables. */
void gic_set_groups(struct gic *gic, unsigned groups);
