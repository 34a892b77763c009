// SPDX-License-Identifier: BSD-2-Clause

/* Plays "Address Spaces and Virtual Memory" of the seL4 manual: tables and what is mapped by them.
 */

#include "standin/vspace.h"
#include "standin/memory.h"

/* Stage 2 descriptors, Arm ARM D8.3. */
#define ENTRY_VALID    BIT(0)
#define ENTRY_TABLE    BIT(1) /* at level 3: page */
#define ENTRY_NORMAL   (0xfull << 2)
#define ENTRY_READ     BIT(6)
#define ENTRY_WRITE    BIT(7)
#define ENTRY_INNER    (3ull << 8)
#define ENTRY_ACCESSED BIT(10)
#define ENTRY_XN       BIT(54)
#define ENTRY_ADDRESS  (MASK(48) & ~MASK(12))

#define ROOT_BITS  30 /* what one entry of the root covers */
#define LEVEL_BITS seL4_PageTableIndexBits

static bool is_table(uint64_t entry, unsigned bits)
{
    return bits > seL4_PageBits &&
           (entry & (ENTRY_VALID | ENTRY_TABLE)) == (ENTRY_VALID | ENTRY_TABLE);
}

struct mapping vspace_walk(uint64_t root, uint64_t address)
{
    unsigned bits = ROOT_BITS;
    uint64_t *table = (uint64_t *)root;
    uint64_t *entry = &table[(address >> bits) & MASK(seL4_VSpaceIndexBits)];
    while (is_table(*entry, bits)) {
        bits -= LEVEL_BITS;
        table = (uint64_t *)(*entry & ENTRY_ADDRESS);
        entry = &table[(address >> bits) & MASK(LEVEL_BITS)];
    }
    return (struct mapping){entry, bits};
}

bool mapping_is_frame(struct mapping mapping)
{
    return (*mapping.entry & ENTRY_VALID) && !is_table(*mapping.entry, mapping.bits);
}

uint64_t mapping_target(struct mapping mapping)
{
    return *mapping.entry & ENTRY_ADDRESS;
}

uint64_t mapping_make(struct cap frame, uint8_t rights, uint64_t attributes)
{
    bool cached = attributes & seL4_ARM_PageCacheable;
    uint64_t entry = cap_address(frame) | ENTRY_VALID | ENTRY_ACCESSED;
    entry |= frame.bits == seL4_PageBits ? ENTRY_TABLE : 0;
    entry |= rights & RIGHT_READ ? ENTRY_READ : 0;
    entry |= rights & RIGHT_WRITE ? ENTRY_WRITE : 0;
    entry |= attributes & seL4_ARM_ExecuteNever ? ENTRY_XN : 0;
    entry |= cached ? ENTRY_NORMAL : 0;
    entry |= cached && CPUS > 1 ? ENTRY_INNER : 0;
    return entry;
}

uint64_t mapping_make_table(uint64_t table)
{
    return table | ENTRY_VALID | ENTRY_TABLE;
}

static uint64_t live_root(uint64_t asid)
{
    const struct asid_entry *entry = asid_find(asid);
    return entry != NULL ? entry->vspace : 0;
}

void frame_unmap(struct cap cap)
{
    uint64_t asid = cap.data >> 48;
    uint64_t root = asid != 0 ? live_root(asid) : 0;
    if (root == 0) {
        return;
    }
    struct mapping mapping = vspace_walk(root, cap.data & MASK(48));
    if (mapping.bits == cap.bits && mapping_is_frame(mapping) &&
        mapping_target(mapping) == cap_address(cap)) {
        *mapping.entry = 0;
        vspace_flush(asid);
    }
}

void page_table_unmap(struct cap cap)
{
    uint64_t asid = cap.data >> 48;
    uint64_t address = cap.data & MASK(48);
    uint64_t root = cap.flags & CAP_MAPPED ? live_root(asid) : 0;
    if (root == 0) {
        return;
    }
    unsigned bits = ROOT_BITS;
    uint64_t *entry = &((uint64_t *)root)[(address >> bits) & MASK(seL4_VSpaceIndexBits)];
    while (is_table(*entry, bits)) {
        uint64_t table = *entry & ENTRY_ADDRESS;
        if (table == cap_address(cap)) {
            *entry = 0;
            vspace_flush(asid);
            return;
        }
        bits -= LEVEL_BITS;
        entry = &((uint64_t *)table)[(address >> bits) & MASK(LEVEL_BITS)];
    }
}
