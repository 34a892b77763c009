// SPDX-License-Identifier: BSD-2-Clause
#include "vmm/walk.h"

enum {
    SCTLR_M = 1,
    DESCRIPTOR_VALID = 1,
    DESCRIPTOR_TABLE = 2, /* at levels 0 to 2; at level 3 it says page */
    LEVEL_LAST = 3,
    ADDRESS_BITS = 48,
    DESCRIPTOR_BITS = 3, /* a descriptor has 2^3 bytes */
};

/* One half of the address space: what TCR_EL1 and one TTBR say of it. */
struct half {
    uint64_t table;
    unsigned va_bits;
    unsigned page_bits; /* of the granule; 0: reserved encoding */
};

static uint64_t field(uint64_t value, unsigned low, unsigned bits)
{
    return value >> low & ((1ull << bits) - 1);
}

/* Which half an address is in, and that half's parameters. False: in the hole between them. */
static bool choose(const struct walk_regime *regime, uint64_t vaddr, struct half *half)
{
    static const uint8_t tg0_bits[4] = {12, 16, 14, 0};
    static const uint8_t tg1_bits[4] = {0, 14, 12, 16};
    bool upper = field(vaddr, 55, 1) != 0; /* bit 55 decides, also when the top byte is ignored */
    unsigned tsz = (unsigned)field(regime->tcr, upper ? 16 : 0, 6);
    if (tsz < 64 - ADDRESS_BITS || tsz > 39 ||
        field(regime->tcr, upper ? 23 : 7, 1) != 0 /* EPD */) {
        return false;
    }
    half->va_bits = 64 - tsz;
    half->page_bits =
        upper ? tg1_bits[field(regime->tcr, 30, 2)] : tg0_bits[field(regime->tcr, 14, 2)];
    half->table = field(upper ? regime->ttbr1 : regime->ttbr0, 1, ADDRESS_BITS - 1) << 1;
    uint64_t top = field(vaddr, half->va_bits, 55 - half->va_bits + 1);
    return half->page_bits != 0 && top == (upper ? field(~0ull, 0, 55 - half->va_bits + 1) : 0);
}

bool walk_translate(const struct ram *ram, const struct walk_regime *regime, uint64_t vaddr,
                    gpa_t *out)
{
    if ((regime->sctlr & SCTLR_M) == 0) {
        out->value = vaddr;
        return vaddr < 1ull << ADDRESS_BITS;
    }
    struct half half;
    if (!choose(regime, vaddr, &half)) {
        return false;
    }
    unsigned stride = half.page_bits - DESCRIPTOR_BITS;
    unsigned levels = (half.va_bits - half.page_bits + stride - 1) / stride;
    uint64_t table = half.table;
    for (unsigned level = LEVEL_LAST + 1 - levels; level <= LEVEL_LAST; level++) {
        unsigned low = half.page_bits + stride * (LEVEL_LAST - level);
        unsigned index_bits = half.va_bits - low < stride ? half.va_bits - low : stride;
        uint64_t index = field(vaddr, low, index_bits);
        uint64_t descriptor;
        gpa_t at = {table + (index << DESCRIPTOR_BITS)};
        if (!ram_read(ram, at, &descriptor, sizeof descriptor) ||
            (descriptor & DESCRIPTOR_VALID) == 0) {
            return false;
        }
        bool is_table = (descriptor & DESCRIPTOR_TABLE) != 0;
        if (level == LEVEL_LAST ? !is_table : level == 0 && !is_table) {
            return false; /* reserved, or a block where there are none */
        }
        if (level == LEVEL_LAST || !is_table) {
            uint64_t base = field(descriptor, low, ADDRESS_BITS - low) << low;
            out->value = base | field(vaddr, 0, low);
            return true;
        }
        table = field(descriptor, half.page_bits, ADDRESS_BITS - half.page_bits) << half.page_bits;
    }
    return false;
}
