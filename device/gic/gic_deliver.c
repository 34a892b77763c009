// SPDX-License-Identifier: BSD-2-Clause
/*
 * From "pending" to a list register. An interrupt that is ready (pending, enabled, not active, its
 * group on, its vCPU known) is claimed: its event moves with it into the queue of that vCPU, and
 * from then on the vCPU's lock alone decides when it goes to a list register. So a vCPU refills its
 * list registers without the distributor's lock, even with shared interrupts. Whoever wants to
 * change an interrupt's state recalls it from the queue first, changes it, and offers it again.
 */
#include "device/gic/gic_chip.h"
#include "lib/check.h"

static void queue_insert(struct gic_queue *queue, unsigned intid, unsigned priority, bool group)
{
    unsigned word = intid / GIC_BANK_BITS;
    uint32_t bit = 1u << (intid % GIC_BANK_BITS);
    queue->set[priority][word] |= bit;
    queue->words[priority] = (uint16_t)(queue->words[priority] | 1u << word);
    queue->levels |= 1u << priority;
    queue->group[word] = group ? queue->group[word] | bit : queue->group[word] & ~bit;
}

/* Returns whether it was there. */
static bool queue_remove(struct gic_queue *queue, unsigned intid, unsigned priority)
{
    unsigned word = intid / GIC_BANK_BITS;
    uint32_t bit = 1u << (intid % GIC_BANK_BITS);
    if (!(queue->set[priority][word] & bit)) {
        return false;
    }
    queue->set[priority][word] &= ~bit;
    if (queue->set[priority][word] == 0) {
        queue->words[priority] = (uint16_t)(queue->words[priority] & ~(1u << word));
        if (queue->words[priority] == 0) {
            queue->levels &= ~(1u << priority);
        }
    }
    return true;
}

/* The lowest INTID of the best priority; the queue is not empty. */
static unsigned queue_first(const struct gic_queue *queue, unsigned *priority)
{
    *priority = gic_first_bit(queue->levels);
    unsigned word = gic_first_bit(queue->words[*priority]);
    return word * GIC_BANK_BITS + gic_first_bit(queue->set[*priority][word]);
}

static void deliver_queue(const struct gic *gic, struct gic_vcpu *v)
{
    const struct gic_port *port = gic_port_of(gic);
    struct gic_queue *queue = &v->queue;
    bool injected = false;
    for (uint32_t free = gic_lr_free(gic, v); queue->levels != 0 && free != 0; free &= free - 1) {
        unsigned priority;
        unsigned intid = queue_first(queue, &priority);
        unsigned group = queue->group[intid / GIC_BANK_BITS] >> (intid % GIC_BANK_BITS) & 1;
        queue_remove(queue, intid, priority);
        gic_inject(port, v, gic_first_bit(free), intid, priority, group);
        injected = true;
    }
    if (injected) {
        port->kick(port->ctx, v->index);
    }
}

void gic_deliver(const struct gic *gic, struct gic_vcpu *v)
{
    if (v->queue.levels != 0) {
        deliver_queue(gic, v);
    }
}

static inline uint32_t bank_ready(const struct gic_bank *bank, unsigned groups)
{
    uint32_t group_on = ((groups & 1) ? ~bank->group : 0) | ((groups & 2) ? bank->group : 0);
    return (bank->latch | (bank->line & ~bank->edge)) & bank->enabled & group_on & ~bank->active &
           ~bank->claimed;
}

/* Marks it as on its way to the vCPU; the caller puts it into the queue or a list register. */
static inline void claim(const struct gic *gic, struct gic_vcpu *v, struct gic_bank *bank,
                         unsigned intid)
{
    uint32_t bit = 1u << (intid % GIC_BANK_BITS);
    bank->claimed |= bit;
    bank->event |= bank->latch & bit;
    bank->latch &= ~bit;
    if (intid < GIC_SGI_COUNT && gic_chip(gic)->sgi_has_source) {
        unsigned sources = v->sgi_sources[intid];
        v->sgi_claimed[intid] = (uint8_t)(sources & -sources);
        v->sgi_sources[intid] = (uint8_t)(sources & (sources - 1));
        bank->latch |= v->sgi_sources[intid] != 0 ? bit : 0;
    }
}

static void claim_into_queue(const struct gic *gic, struct gic_vcpu *v, struct gic_bank *bank,
                             unsigned intid)
{
    unsigned index = intid % GIC_BANK_BITS;
    claim(gic, v, bank, intid);
    queue_insert(&v->queue, intid, bank->priority[index], bank->group >> index & 1);
}

/*
 * One interrupt: most find a list register free, and need no detour. So does one that comes while
 * others are between the queue and the list registers (gic_offer_shared).
 */
static inline void claim_and_deliver(const struct gic *gic, struct gic_vcpu *v,
                                     struct gic_bank *bank, unsigned intid)
{
    const struct gic_port *port = gic_port_of(gic);
    unsigned index = intid % GIC_BANK_BITS;
    uint32_t free = gic_lr_free(gic, v);
    if (free != 0) {
        claim(gic, v, bank, intid);
        gic_inject(port, v, gic_first_bit(free), intid, bank->priority[index],
                   bank->group >> index & 1);
        port->kick(port->ctx, v->index);
        return;
    }
    claim_into_queue(gic, v, bank, intid);
}

static bool is_single(uint32_t bits)
{
    return (bits & (bits - 1)) == 0;
}

void gic_offer_private(const struct gic *gic, struct gic_vcpu *v, uint32_t bits)
{
    bits &= bank_ready(&v->bank, v->groups);
    if (bits == 0) {
        return;
    }
    if (is_single(bits)) {
        claim_and_deliver(gic, v, &v->bank, gic_first_bit(bits));
        return;
    }
    for (; bits != 0; bits &= bits - 1) {
        claim_into_queue(gic, v, &v->bank, gic_first_bit(bits));
    }
    deliver_queue(gic, v);
}

/* Several at once: only when all are queued is it clear which is the best. */
void gic_offer_shared(struct gic *gic, unsigned bank_index, uint32_t bits)
{
    struct gic_bank *bank = &gic->spi[bank_index - 1];
    uint32_t targets = 0;
    bits &= bank_ready(bank, gic->groups);
    bool single = is_single(bits);
    for (; bits != 0; bits &= bits - 1) {
        unsigned intid = bank_index * GIC_BANK_BITS + gic_first_bit(bits);
        unsigned target = gic_chip(gic)->route(gic, intid - GIC_SPI_BASE);
        if (target == GIC_VCPU_NONE) {
            continue;
        }
        struct gic_vcpu *v = gic_vcpu_of(gic, target);
        gic->spi_home[intid - GIC_SPI_BASE] = (uint8_t)target;
        mutex_lock(&v->lock);
        if (single) {
            claim_and_deliver(gic, v, bank, intid);
        } else {
            claim_into_queue(gic, v, bank, intid);
            targets |= 1u << target;
        }
        mutex_unlock(&v->lock);
    }
    for (; targets != 0; targets &= targets - 1) {
        struct gic_vcpu *v = gic_vcpu_of(gic, gic_first_bit(targets));
        mutex_lock(&v->lock);
        gic_deliver(gic, v);
        mutex_unlock(&v->lock);
    }
}

/* The vCPU's lock, and the bank's. */
static void recall_one(const struct gic *gic, struct gic_vcpu *v, struct gic_bank *bank,
                       unsigned intid)
{
    if (queue_remove(&v->queue, intid, bank->priority[intid % GIC_BANK_BITS])) {
        gic_unclaim(gic, v, bank, intid, true);
    }
}

void gic_recall_private(const struct gic *gic, struct gic_vcpu *v, uint32_t bits)
{
    for (bits &= v->bank.claimed; bits != 0; bits &= bits - 1) {
        recall_one(gic, v, &v->bank, gic_first_bit(bits));
    }
}

void gic_recall_shared(struct gic *gic, unsigned bank_index, uint32_t bits)
{
    struct gic_bank *bank = &gic->spi[bank_index - 1];
    for (bits &= bank->claimed; bits != 0; bits &= bits - 1) {
        unsigned intid = bank_index * GIC_BANK_BITS + gic_first_bit(bits);
        struct gic_vcpu *v = gic_vcpu_of(gic, gic->spi_home[intid - GIC_SPI_BASE]);
        mutex_lock(&v->lock);
        recall_one(gic, v, bank, intid);
        mutex_unlock(&v->lock);
    }
}

void gic_queue_drain(struct gic *gic, struct gic_vcpu *v)
{
    while (v->queue.levels != 0) {
        unsigned priority;
        unsigned intid = queue_first(&v->queue, &priority);
        recall_one(gic, v, gic_bank_of(gic, v, intid / GIC_BANK_BITS), intid);
    }
}

/*
 * The functions below come in pairs, since the two kinds of interrupts have different locks. A
 * pending event that is still queued merges with a new one, because it is recalled first; after
 * that only what is in a list register is claimed.
 */
static void latch_private(const struct gic *gic, struct gic_vcpu *v, uint32_t bit)
{
    if (v->bank.claimed & bit) {
        gic_recall_private(gic, v, bit);
    }
    v->bank.latch |= bit;
    gic_offer_private(gic, v, bit);
}

static void latch_shared(struct gic *gic, unsigned bank_index, uint32_t bit)
{
    gic_recall_shared(gic, bank_index, bit);
    gic->spi[bank_index - 1].latch |= bit;
    gic_offer_shared(gic, bank_index, bit);
}

static void check_input(const struct gic *gic, unsigned vcpu, unsigned intid)
{
    CHECK(intid >= GIC_PPI_BASE && intid / GIC_BANK_BITS < gic->bank_count);
    CHECK(intid >= GIC_SPI_BASE || vcpu < gic->vcpu_count);
}

/* PPIs are level-sensitive. */
static void set_private_level(const struct gic *gic, struct gic_vcpu *v, uint32_t bit, bool high)
{
    mutex_lock(&v->lock);
    if (high) {
        v->bank.line |= bit;
        gic_offer_private(gic, v, bit);
    } else {
        v->bank.line &= ~bit;
        if (v->bank.claimed & bit) {
            gic_recall_private(gic, v, bit);
            gic_offer_private(gic, v, bit);
        }
    }
    mutex_unlock(&v->lock);
}

static void set_shared_level(struct gic *gic, unsigned bank_index, uint32_t bit, bool high)
{
    struct gic_bank *bank = &gic->spi[bank_index - 1];
    mutex_lock(&gic->dist_lock);
    bool rises = high && !(bank->line & bit);
    bank->line = high ? bank->line | bit : bank->line & ~bit;
    if (rises && (bank->edge & bit)) {
        latch_shared(gic, bank_index, bit);
    } else if (high) {
        gic_offer_shared(gic, bank_index, bit);
    } else if (bank->claimed & bit) {
        gic_recall_shared(gic, bank_index, bit);
        gic_offer_shared(gic, bank_index, bit);
    }
    mutex_unlock(&gic->dist_lock);
}

void gic_set_level(struct gic *gic, unsigned vcpu, unsigned intid, bool high)
{
    check_input(gic, vcpu, intid);
    uint32_t bit = 1u << (intid % GIC_BANK_BITS);
    if (intid < GIC_SPI_BASE) {
        set_private_level(gic, gic_vcpu_of(gic, vcpu), bit, high);
    } else {
        set_shared_level(gic, intid / GIC_BANK_BITS, bit, high);
    }
}

void gic_pulse(struct gic *gic, unsigned vcpu, unsigned intid)
{
    check_input(gic, vcpu, intid);
    uint32_t bit = 1u << (intid % GIC_BANK_BITS);
    struct mutex *lock = intid < GIC_SPI_BASE ? &gic->vcpu[vcpu].lock : &gic->dist_lock;
    mutex_lock(lock);
    if (intid < GIC_SPI_BASE) {
        latch_private(gic, gic_vcpu_of(gic, vcpu), bit);
    } else {
        latch_shared(gic, intid / GIC_BANK_BITS, bit);
    }
    mutex_unlock(lock);
}

void gic_send_sgi(struct gic *gic, unsigned target, unsigned sgi, unsigned source, unsigned groups)
{
    CHECK(target < gic->vcpu_count && sgi < GIC_SGI_COUNT);
    struct gic_vcpu *v = gic_vcpu_of(gic, target);
    mutex_lock(&v->lock);
    if (groups >> (v->bank.group >> sgi & 1) & 1) {
        if (gic_chip(gic)->sgi_has_source) {
            v->sgi_sources[sgi] |= (uint8_t)(1u << source);
        }
        latch_private(gic, v, 1u << sgi);
    }
    mutex_unlock(&v->lock);
}

/*
 * That no wake-up is lost: an interrupt that is pending for the guest is in a list register of its
 * vCPU, or queued because all are in use, or its way from the queue into one goes on right now
 * (gic_offer_shared). The answer is GIC_WFI_BLOCK with all list registers empty only; a register is
 * empty when gic_maintenance said that the guest has ended what was in it, and then it was taken.
 * All under the lock that injections need, and each of those kicks, so what comes later ends the
 * wait.
 */
enum gic_wfi gic_wfi(struct gic *gic, unsigned vcpu)
{
    CHECK(vcpu < gic->vcpu_count);
    struct gic_vcpu *v = gic_vcpu_of(gic, vcpu);
    mutex_lock(&v->lock);
    bool fresh = (v->lr_fresh & v->lr_used) != 0;
    bool empty = v->lr_used == 0;
    v->lr_fresh = 0;
    mutex_unlock(&v->lock);
    return fresh ? GIC_WFI_PASS : empty ? GIC_WFI_BLOCK : GIC_WFI_DOZE;
}

uint32_t gic_bank_pending(const struct gic_bank *bank)
{
    return bank->latch | (bank->line & ~bank->edge) | bank->event;
}

static uint32_t listed(const struct gic_vcpu *v, unsigned bank_index)
{
    uint32_t bits = 0;
    for (uint32_t used = v->lr_used; used != 0; used &= used - 1) {
        unsigned intid = v->lr_intid[gic_first_bit(used)];
        if (intid / GIC_BANK_BITS == bank_index) {
            bits |= 1u << (intid % GIC_BANK_BITS);
        }
    }
    return bits;
}

uint32_t gic_bank_active(struct gic *gic, struct gic_vcpu *v, unsigned bank_index)
{
    uint32_t active = gic_bank_of(gic, v, bank_index)->active;
    if (bank_index == 0) {
        return active | listed(v, 0);
    }
    for (unsigned i = 0; i < gic->vcpu_count; i++) {
        mutex_lock(&gic->vcpu[i].lock);
        active |= listed(gic_vcpu_of(gic, i), bank_index);
        mutex_unlock(&gic->vcpu[i].lock);
    }
    return active;
}
