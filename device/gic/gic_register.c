// SPDX-License-Identifier: BSD-2-Clause
/*
 * The registers that GICv2's distributor (IHI 0048B, 4.3), GICv3's distributor and GICv3's
 * redistributors (IHI 0069, 12.9 and 12.11) have at the same offsets with the same meaning.
 */
#include "device/gic/gic_chip.h"

struct gic_bank *gic_bank_open(const struct gic_view *view, unsigned index, uint32_t bits)
{
    struct gic *gic = view->gic;
    struct gic_vcpu *v = gic_vcpu_of(gic, view->vcpu);
    if (index < view->bank_first || index >= view->bank_end) {
        return NULL;
    }
    mutex_lock(index == 0 ? &v->lock : &gic->dist_lock);
    if (bits != 0 && index == 0) {
        gic_recall_private(gic, v, bits);
    } else if (bits != 0) {
        gic_recall_shared(gic, index, bits);
    }
    return gic_bank_of(gic, v, index);
}

void gic_bank_close(const struct gic_view *view, unsigned index, uint32_t bits)
{
    struct gic *gic = view->gic;
    struct gic_vcpu *v = gic_vcpu_of(gic, view->vcpu);
    if (bits != 0 && index == 0) {
        gic_offer_private(gic, v, bits);
    } else if (bits != 0) {
        gic_offer_shared(gic, index, bits);
    }
    mutex_unlock(index == 0 ? &v->lock : &gic->dist_lock);
}

void gic_set_groups(struct gic *gic, unsigned groups)
{
    mutex_lock(&gic->dist_lock);
    gic->groups = (uint8_t)groups;
    for (unsigned i = 0; i < gic->vcpu_count; i++) {
        struct gic_vcpu *v = gic_vcpu_of(gic, i);
        mutex_lock(&v->lock);
        gic_queue_drain(gic, v);
        v->groups = gic->online >> i & 1 ? gic->groups : 0;
        gic_offer_private(gic, v, ~0u);
        mutex_unlock(&v->lock);
    }
    for (unsigned i = 1; i < gic->bank_count; i++) {
        gic_offer_shared(gic, i, ~0u);
    }
    mutex_unlock(&gic->dist_lock);
}

bool gic_message(struct gic *gic, uint64_t intid, bool pend)
{
    const struct gic_view view = {gic, 0, 1, gic->bank_count};
    if (intid < GIC_SPI_BASE || intid / GIC_BANK_BITS >= gic->bank_count) {
        return false;
    }
    unsigned index = (unsigned)intid / GIC_BANK_BITS;
    uint32_t bit = 1u << (intid % GIC_BANK_BITS);
    struct gic_bank *bank = gic_bank_open(&view, index, bit);
    uint32_t *state = bank->edge & bit ? &bank->latch : &bank->line;
    *state = pend ? *state | bit : *state & ~bit;
    gic_bank_close(&view, index, bit);
    return true;
}

/*
 * One bit for each interrupt: word n is bank n. A register that is one word of ours is read without
 * the bank's lock: the word is written whole, and what the reader makes of it may be old anyway.
 */
static const struct gic_bank *bank_view(const struct gic_view *view, unsigned index)
{
    struct gic *gic = view->gic;
    if (index < view->bank_first || index >= view->bank_end) {
        return NULL;
    }
    return gic_bank_of(gic, gic_vcpu_of(gic, view->vcpu), index);
}

static uint32_t read_group(const struct gic_view *view, unsigned word)
{
    const struct gic_bank *bank = bank_view(view, word);
    return bank != NULL ? __atomic_load_n(&bank->group, __ATOMIC_RELAXED) : 0;
}

static void write_group(const struct gic_view *view, unsigned word, uint32_t value, uint32_t mask)
{
    struct gic_bank *bank = gic_bank_open(view, word, mask);
    if (bank != NULL) {
        bank->group = value;
        gic_bank_close(view, word, mask);
    }
}

static uint32_t read_enabled(const struct gic_view *view, unsigned word)
{
    const struct gic_bank *bank = bank_view(view, word);
    return bank != NULL ? __atomic_load_n(&bank->enabled, __ATOMIC_RELAXED) : 0;
}

static void write_enable(const struct gic_view *view, unsigned word, uint32_t value, uint32_t mask)
{
    (void)mask;
    struct gic_bank *bank = gic_bank_open(view, word, 0);
    if (bank != NULL) {
        bank->enabled |= value;
        gic_bank_close(view, word, value);
    }
}

static void write_disable(const struct gic_view *view, unsigned word, uint32_t value, uint32_t mask)
{
    (void)mask;
    if (word == 0) {
        value &= ~gic_chip(view->gic)->sgi_always_enabled;
    }
    struct gic_bank *bank = gic_bank_open(view, word, value);
    if (bank != NULL) {
        bank->enabled &= ~value;
        gic_bank_close(view, word, 0);
    }
}

static uint32_t read_pending(const struct gic_view *view, unsigned word)
{
    const struct gic_bank *bank = gic_bank_open(view, word, 0);
    if (bank == NULL) {
        return 0;
    }
    uint32_t value = gic_bank_pending(bank);
    gic_bank_close(view, word, 0);
    return value;
}

/* With GICv2, SGIs have registers of their own for this (GICD_SPENDSGIR). */
static uint32_t writable_pending(const struct gic_view *view, unsigned word, uint32_t value)
{
    bool sgi_fixed = word == 0 && gic_chip(view->gic)->sgi_has_source;
    return sgi_fixed ? value & ~((1u << GIC_SGI_COUNT) - 1) : value;
}

static void write_pend(const struct gic_view *view, unsigned word, uint32_t value, uint32_t mask)
{
    (void)mask;
    value = writable_pending(view, word, value);
    struct gic_bank *bank = gic_bank_open(view, word, value);
    if (bank != NULL) {
        bank->latch |= value;
        gic_bank_close(view, word, value);
    }
}

/*
 * Drops events, not lines. An event of forwarded hardware that is dropped here is the last that the
 * hardware would send, so its end is told.
 */
static void write_unpend(const struct gic_view *view, unsigned word, uint32_t value, uint32_t mask)
{
    (void)mask;
    value = writable_pending(view, word, value);
    struct gic_bank *bank = gic_bank_open(view, word, value);
    if (bank == NULL) {
        return;
    }
    const struct gic_port *port = gic_port_of(view->gic);
    uint32_t lost = bank->latch & value & bank->forwarded & bank->edge & ~bank->claimed;
    bank->latch &= ~value;
    bank->event &= ~value;
    bank->line &= ~lost;
    for (; lost != 0; lost &= lost - 1) {
        port->ended(port->ctx, view->vcpu, word * GIC_BANK_BITS + (unsigned)__builtin_ctz(lost));
    }
    gic_bank_close(view, word, value);
}

static uint32_t read_active(const struct gic_view *view, unsigned word)
{
    if (gic_bank_open(view, word, 0) == NULL) {
        return 0;
    }
    uint32_t value = gic_bank_active(view->gic, gic_vcpu_of(view->gic, view->vcpu), word);
    gic_bank_close(view, word, 0);
    return value;
}

/* What is still claimed after the recall is in a list register, which keeps its own active state.
 */
static void write_activate(const struct gic_view *view, unsigned word, uint32_t value,
                           uint32_t mask)
{
    (void)mask;
    struct gic_bank *bank = gic_bank_open(view, word, value);
    if (bank != NULL) {
        bank->active |= value & ~bank->claimed;
        gic_bank_close(view, word, value);
    }
}

static void write_deactivate(const struct gic_view *view, unsigned word, uint32_t value,
                             uint32_t mask)
{
    (void)mask;
    struct gic_bank *bank = gic_bank_open(view, word, value);
    if (bank != NULL) {
        bank->active &= ~value;
        gic_bank_close(view, word, value);
    }
}

enum { PRIORITY_SHIFT = 3 }; /* five bits are implemented, the upper ones of the byte */

static uint32_t read_priority(const struct gic_view *view, unsigned word)
{
    const struct gic_bank *bank = gic_bank_open(view, word / 8, 0);
    if (bank == NULL) {
        return 0;
    }
    uint32_t value = 0;
    for (unsigned i = 0; i < 4; i++) {
        unsigned priority = bank->priority[word % 8 * 4 + i];
        value |= (uint32_t)priority << PRIORITY_SHIFT << (8 * i);
    }
    gic_bank_close(view, word / 8, 0);
    return value;
}

static void write_priority(const struct gic_view *view, unsigned word, uint32_t value,
                           uint32_t mask)
{
    uint32_t bits = 0xfu << (word % 8 * 4);
    struct gic_bank *bank = gic_bank_open(view, word / 8, bits);
    if (bank == NULL) {
        return;
    }
    for (unsigned i = 0; i < 4; i++) {
        if (mask >> (8 * i) & 1) {
            bank->priority[word % 8 * 4 + i] =
                (uint8_t)((value >> (8 * i) & 0xff) >> PRIORITY_SHIFT);
        }
    }
    gic_bank_close(view, word / 8, bits);
}

/* The upper of the two says edge; the lower is reserved. */
static uint32_t read_config(const struct gic_view *view, unsigned word)
{
    const struct gic_bank *bank = gic_bank_open(view, word / 2, 0);
    if (bank == NULL) {
        return 0;
    }
    uint32_t edge = bank->edge >> (word % 2 * 16) & 0xffff;
    gic_bank_close(view, word / 2, 0);
    uint32_t value = 0;
    for (; edge != 0; edge &= edge - 1) {
        value |= 2u << (2 * (unsigned)__builtin_ctz(edge));
    }
    return value;
}

/* SGIs are edge-triggered and our PPIs level-sensitive, for good. */
static void write_config(const struct gic_view *view, unsigned word, uint32_t value, uint32_t mask)
{
    (void)mask;
    uint32_t bits = 0xffffu << (word % 2 * 16);
    struct gic_bank *bank = word / 2 == 0 ? NULL : gic_bank_open(view, word / 2, bits);
    if (bank == NULL) {
        return;
    }
    uint32_t edge = 0;
    for (unsigned i = 0; i < 16; i++) {
        edge |= (value >> (2 * i + 1) & 1) << i;
    }
    edge = (bank->edge & ~bits) | edge << (word % 2 * 16);
    bank->latch |= bank->line & edge & ~bank->edge; /* a high line stays a pending interrupt */
    bank->edge = edge;
    gic_bank_close(view, word / 2, bits);
}

static const struct gic_family common[] = {
    {0x080, false, read_group,    write_group     },
    {0x100, false, read_enabled,  write_enable    },
    {0x180, false, read_enabled,  write_disable   },
    {0x200, false, read_pending,  write_pend      },
    {0x280, false, read_pending,  write_unpend    },
    {0x300, false, read_active,   write_activate  },
    {0x380, false, read_active,   write_deactivate},
    {0x400, true,  read_priority, write_priority  },
    {0xc00, false, read_config,   write_config    },
};

/* Of each 128 bytes: 1 + the family's place in common[], or 0. */
/* clang-format off */
static const uint8_t common_at[0x1000 >> GIC_FAMILY_SHIFT] = {
    [0x080 >> GIC_FAMILY_SHIFT] = 1, 2, 3, 4, 5, 6, 7,
    [0x400 >> GIC_FAMILY_SHIFT] = 8, 8, 8, 8, 8, 8, 8, 8,
    [0xc00 >> GIC_FAMILY_SHIFT] = 9, 9,
};
/* clang-format on */

static bool in_one_word(const struct access *access)
{
    return access->width_bytes <= 4 && (access->offset & (access->width_bytes - 1u)) == 0;
}

static uint32_t width_mask(const struct access *access)
{
    return access->width_bytes >= 4 ? ~0u : (1u << (8 * access->width_bytes)) - 1;
}

void gic_family_access(const struct gic_family *own, const struct gic_view *view,
                       struct access *access)
{
    static const struct gic_family none;
    unsigned at = common_at[access->offset >> GIC_FAMILY_SHIFT];
    const struct gic_family *family = own != NULL ? own : at != 0 ? &common[at - 1] : &none;
    bool served = in_one_word(access) && (family->bytes || access->width_bytes == 4);
    unsigned word = ((unsigned)access->offset - family->base) / 4;
    unsigned shift = 8 * (access->offset % 4);
    uint32_t mask = width_mask(access);
    if (!access->is_write) {
        access->value =
            served && family->read != NULL ? family->read(view, word) >> shift & mask : 0;
    } else if (served && family->write != NULL) {
        family->write(view, word, ((uint32_t)access->value & mask) << shift, mask << shift);
    }
}

void gic_word_access(struct access *access, uint32_t word)
{
    if (!access->is_write) {
        unsigned shift = 8 * (access->offset % 4);
        access->value = in_one_word(access) ? word >> shift & width_mask(access) : 0;
    }
}
