// SPDX-License-Identifier: BSD-2-Clause
/*
 * Translation at EL2: 4 KiB granule, 48-bit addresses, one level-0 table, blocks of 2 MiB and 1 GiB
 * (Arm ARM, DDI 0487, D8.3). Memory attributes and TCR are what seL4's hypervisor kernel relies on:
 * it changes neither, and refuses to start when TCR differs.
 */
#include "boot/aarch64/registers.h"
#include "boot/arch.h"
#include "lib/range.h"

enum {
    ENTRIES = 512,
    TABLES_MAX = 24,
    ENTRY_VALID = 1 << 0,
    ENTRY_TABLE = 1 << 1, /* in levels 0 and 1; a block has 0 here */
    BLOCK_SHARE_INNER = 3 << 8,
    BLOCK_ACCESSED = 1 << 10,
    ATTRIBUTE_DEVICE = 0 << 2, /* indices into MAIR */
    ATTRIBUTE_NORMAL = 4 << 2,
};

#define BLOCK_NEVER_EXECUTE (1ull << 54)
#define ADDRESS_MASK        0x0000fffffffff000ull
#define VIRTUAL_END         (1ull << 48)
#define SIZE_2M             (2ull << 20)
#define SIZE_1G             (1ull << 30)

/* Device-nGnRnE, Device-nGnRE, Device-GRE, Normal not cached, Normal write-back, Normal
 * write-through. */
#define MAIR_VALUE 0x0000aaff440c0400ull

#define TCR_FIXED                                                                                  \
    (16ull /* T0SZ: 48 bits */ | 1ull << 8 | 1ull << 10 /* walks cached, write-back */ |           \
     3ull << 12 /* inner shareable */ | 1ull << 23 | 1ull << 31 /* reserved, one */)

#define SCTLR_RESERVED_ONE 0x30c50830ull
#define SCTLR_ON           (1ull << 0 /* translation */ | 1ull << 2 | 1ull << 12 /* caches */)

static uint64_t tables[TABLES_MAX][ENTRIES] __attribute__((aligned(4096)));
static unsigned table_count = 1; /* tables[0] is level 0 */

/* For secondary cores (core.S), which load them before they have translation. */
struct {
    uint64_t mair, tcr, ttbr, sctlr;
} arch_translation;

static uint64_t *next_table(uint64_t *entry)
{
    if ((*entry & ENTRY_VALID) == 0) {
        if (table_count == TABLES_MAX) {
            return NULL;
        }
        *entry = (uintptr_t)tables[table_count++] | ENTRY_VALID | ENTRY_TABLE;
    }
    return (*entry & ENTRY_TABLE) != 0 ? (uint64_t *)(*entry & ADDRESS_MASK) : NULL;
}

static void set_block(uint64_t *entry, uint64_t paddr, uint64_t attributes)
{
    if ((*entry & ENTRY_VALID) == 0) {
        *entry = paddr | attributes | BLOCK_ACCESSED | ENTRY_VALID;
    }
}

static bool map_blocks(uint64_t vaddr, uint64_t paddr, uint64_t end, uint64_t attributes)
{
    while (vaddr < end) {
        uint64_t *level1 = next_table(&tables[0][vaddr >> 39]);
        if (level1 == NULL) {
            return false;
        }
        uint64_t *entry = &level1[(vaddr >> 30) % ENTRIES];
        uint64_t step = SIZE_1G - vaddr % SIZE_1G;
        bool is_block = (*entry & (ENTRY_VALID | ENTRY_TABLE)) == ENTRY_VALID;
        if (is_block) {
            /* a whole gigabyte that is mapped already */
        } else if (*entry == 0 && step == SIZE_1G && is_aligned(paddr, SIZE_1G) &&
                   end - vaddr >= SIZE_1G) {
            set_block(entry, paddr, attributes);
        } else {
            uint64_t *level2 = next_table(entry);
            if (level2 == NULL) {
                return false;
            }
            set_block(&level2[(vaddr >> 21) % ENTRIES], paddr, attributes);
            step = SIZE_2M;
        }
        vaddr += step;
        paddr += step;
    }
    return true;
}

/* Entries only ever go from invalid to valid, so no translation has to be invalidated. */
static bool map(uint64_t vaddr, uint64_t paddr, uint64_t size_bytes, uint64_t attributes)
{
    uint64_t inside = vaddr % SIZE_2M;
    if (size_bytes == 0 || vaddr >= VIRTUAL_END || size_bytes > VIRTUAL_END - vaddr) {
        return size_bytes == 0;
    }
    bool done = map_blocks(vaddr - inside, paddr - inside, vaddr + size_bytes, attributes);
    dsb();
    isb();
    return done;
}

bool arch_map(uint64_t paddr, uint64_t size_bytes, enum arch_memory kind)
{
    return map(paddr, paddr, size_bytes,
               kind == ARCH_NORMAL ? ATTRIBUTE_NORMAL | BLOCK_SHARE_INNER
                                   : ATTRIBUTE_DEVICE | BLOCK_NEVER_EXECUTE);
}

bool arch_map_kernel(uint64_t vaddr, uint64_t paddr, uint64_t size_bytes)
{
    return map(vaddr, paddr, size_bytes, ATTRIBUTE_NORMAL | BLOCK_SHARE_INNER);
}

void arch_mmu_on(unsigned paddr_bits)
{
    uint64_t physical_size = paddr_bits == 44 ? 4 : 2; /* TCR_EL2.PS: 16 TiB, 1 TiB */
    arch_translation.mair = MAIR_VALUE;
    arch_translation.tcr = TCR_FIXED | physical_size << 16;
    arch_translation.ttbr = (uintptr_t)tables[0];
    arch_translation.sctlr = SCTLR_RESERVED_ONE | SCTLR_ON;
    register_write(mair_el2, arch_translation.mair);
    register_write(tcr_el2, arch_translation.tcr);
    register_write(ttbr0_el2, arch_translation.ttbr);
    /* Firmware may have left translations and instructions of its own. */
    __asm__ volatile("dsb sy; tlbi alle2; ic iallu; dsb sy; isb" : : : "memory");
    register_write(sctlr_el2, arch_translation.sctlr);
    isb();
}

void arch_clean_translation(void)
{
    arch_clean(tables, sizeof tables);
    arch_clean(&arch_translation, sizeof arch_translation);
}
