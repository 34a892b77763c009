// SPDX-License-Identifier: BSD-2-Clause
/*
 * What a vCPU's own exits ask for: its timer rings, its guest has ended an interrupt. A busy guest
 * exits for these most, so this is made for speed, and the build compiles it so.
 */
#include "device/gic/gic_chip.h"
#include "lib/check.h"

/*
 * What gic_offer_private does for one interrupt, without what a line needs not. If an event waits,
 * then since the interrupt is held back: else it would have been claimed when it came.
 */
void gic_raise_own(struct gic *gic, struct gic_vcpu *v, unsigned ppi)
{
    CHECK(ppi >= GIC_PPI_BASE && ppi < GIC_SPI_BASE);
    struct gic_bank *bank = &v->bank;
    uint32_t bit = 1u << ppi;
    mutex_lock(&v->lock);
    bank->line |= bit;
    unsigned group = bank->group >> ppi & 1;
    uint32_t held_back = ~bank->enabled | bank->active | bank->claimed;
    uint32_t free = gic_lr_free(gic, v);
    if (!(held_back & bit) && (v->groups >> group & 1) && free != 0) {
        bank->claimed |= bit;
        gic_inject(gic_port_of(gic), v, gic_first_bit(free), ppi, bank->priority[ppi], group);
    } else {
        gic_offer_private(gic, v, bit);
    }
    mutex_unlock(&v->lock);
}

static void end_shared(struct gic *gic, struct gic_vcpu *v, unsigned lr)
{
    mutex_lock(&gic->dist_lock);
    mutex_lock(&v->lock);
    unsigned intid = v->lr_intid[lr];
    /* Somebody else could have emptied the register while it had no lock. */
    if ((v->lr_used >> lr & 1) && intid >= GIC_SPI_BASE) {
        unsigned bank_index = intid / GIC_BANK_BITS;
        struct gic_bank *bank = &gic->spi[bank_index - 1];
        uint32_t bit = 1u << (intid % GIC_BANK_BITS);
        const struct gic_port *port = gic_port_of(gic);
        v->lr_used &= ~(1u << lr);
        gic_unclaim(gic, v, bank, intid, false);
        if (bank->forwarded & bit) {
            bank->line &= ~bit;
            port->ended(port->ctx, v->index, intid);
        }
        if (gic_bank_pending(bank) & bit) {
            mutex_unlock(&v->lock); /* it may go to another vCPU now */
            gic_offer_shared(gic, bank_index, bit);
            mutex_lock(&v->lock);
        }
    }
    gic_deliver(gic, v);
    mutex_unlock(&v->lock);
    mutex_unlock(&gic->dist_lock);
}

/* A private interrupt. True: it is pending again. */
static bool end_private(const struct gic *gic, struct gic_vcpu *v, unsigned intid)
{
    struct gic_bank *bank = &v->bank;
    uint32_t bit = 1u << intid;
    gic_unclaim(gic, v, bank, intid, false);
    bank->line &= ~(bank->forwarded & bit);
    return gic_bank_pending(bank) & bit;
}

/*
 * The timer before all others: forwarded and without an event, so that nothing of it is left when
 * its line has fallen. What it is not, the general way does.
 */
unsigned gic_maintenance(struct gic *gic, struct gic_vcpu *v, unsigned lr)
{
    struct gic_bank *bank = &v->bank;
    mutex_lock(&v->lock);
    if (lr >= GIC_LR_MAX || !(v->lr_used >> lr & 1)) {
        mutex_unlock(&v->lock);
        return 0;
    }
    unsigned intid = v->lr_intid[lr];
    if (intid >= GIC_SPI_BASE) {
        mutex_unlock(&v->lock);
        end_shared(gic, v, lr);
        return 0;
    }
    unsigned ended = 0;
    uint32_t bit = 1u << intid;
    v->lr_used &= ~(1u << lr);
    if (bank->forwarded & ~(bank->event | bank->latch) & bit) {
        bank->line &= ~bit;
        bank->claimed &= ~bit;
        ended = intid;
    } else {
        ended = bank->forwarded & bit ? intid : 0;
        if (end_private(gic, v, intid)) {
            gic_offer_private(gic, v, bit);
        }
    }
    gic_deliver(gic, v);
    mutex_unlock(&v->lock);
    return ended;
}
