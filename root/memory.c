// SPDX-License-Identifier: BSD-2-Clause
#include "root/memory.h"

#include <string.h>

#include "lib/check.h"
#include "lib/format.h"
#include "lib/range.h"
#include "root/buddy.h"

enum {
    CHUNK_BITS = 19, /* an arena grows by blocks of at least 512 KiB */
    ASIDS_MAX = 511, /* of the initial pool (512), root has one */
};

static struct buddy buddy;
static uint32_t arenas_open, asids_used;
static char explanation[160];

static seL4_CPtr block_cap(uint16_t block)
{
    return cspace_slot(CSPACE_UNTYPED, block);
}

static bool split_block(void *ctx, uint16_t block, unsigned bits, uint16_t low, uint16_t high)
{
    (void)ctx;
    if (cspace_retype(block_cap(block), seL4_UntypedObject, bits - 1, block_cap(low), 1) !=
        seL4_NoError) {
        return false;
    }
    if (cspace_retype(block_cap(block), seL4_UntypedObject, bits - 1, block_cap(high), 1) !=
        seL4_NoError) {
        CHECK(cspace_delete(block_cap(low)) == seL4_NoError);
        return false;
    }
    return true;
}

static void join_block(void *ctx, uint16_t block, uint16_t low, uint16_t high)
{
    (void)ctx;
    (void)block;
    CHECK(cspace_delete(block_cap(low)) == seL4_NoError);
    CHECK(cspace_delete(block_cap(high)) == seL4_NoError);
}

/* The smallest normal block that holds the CSpace: what is left of it stays unused. */
static seL4_Word bootstrap_block(const seL4_BootInfo *info)
{
    seL4_Word best = info->untyped.end - info->untyped.start;
    for (seL4_Word i = 0; i < info->untyped.end - info->untyped.start; i++) {
        const seL4_UntypedDesc *d = &info->untypedList[i];
        if (!d->isDevice && 1ull << d->sizeBits >= CSPACE_BOOTSTRAP_BYTES &&
            (best == info->untyped.end - info->untyped.start ||
             d->sizeBits < info->untypedList[best].sizeBits)) {
            best = i;
        }
    }
    CHECK(best != info->untyped.end - info->untyped.start);
    return best;
}

void memory_init(const seL4_BootInfo *info)
{
    buddy_init(&buddy);
    buddy.split = split_block;
    buddy.join = join_block;
    seL4_Word count = info->untyped.end - info->untyped.start;
    seL4_Word bootstrap = bootstrap_block(info);
    cspace_build(info, info->untyped.start + bootstrap);
    for (seL4_Word i = 0; i < count; i++) {
        const seL4_UntypedDesc *d = &info->untypedList[i];
        uint16_t index = buddy_next_index(&buddy);
        if (i == bootstrap || d->sizeBits < BUDDY_BITS_MIN || index == 0) {
            continue;
        }
        CHECK(cspace_move(block_cap(index), info->untyped.start + i) == seL4_NoError);
        buddy_add(&buddy, d->paddr, d->sizeBits, d->isDevice);
    }
}

void memory_counts(struct memory_counts *counts)
{
    unsigned largest = buddy_largest(&buddy);
    *counts = (struct memory_counts){
        .total_bytes = buddy.total_bytes,
        .free_bytes = buddy.free_bytes,
        .largest_bytes = largest == 0 ? 0 : 1ull << largest,
        .blocks_used = buddy.used_blocks,
        .arenas_open = arenas_open,
        .asids_used = asids_used,
        .asids_max = ASIDS_MAX,
    };
}

static void explain_memory(const char *name, uint64_t wanted_bytes)
{
    struct memory_counts c;
    memory_counts(&c);
    format(explanation, sizeof explanation,
           "%s needs a block of %lu KiB: %lu of %lu KiB are free, the largest block has %lu KiB",
           name, (unsigned long)(wanted_bytes / 1024), (unsigned long)(c.free_bytes / 1024),
           (unsigned long)(c.total_bytes / 1024), (unsigned long)(c.largest_bytes / 1024));
}

const char *memory_explain(void)
{
    return explanation;
}

static bool add_block(struct arena *arena, unsigned bits)
{
    if (arena->block_count == ARENA_BLOCK_MAX) {
        format(explanation, sizeof explanation, "%s needs more than %u blocks of memory",
               arena->name, ARENA_BLOCK_MAX);
        return false;
    }
    uint16_t block = buddy_take(&buddy, bits);
    if (block == 0) {
        explain_memory(arena->name, 1ull << bits);
        return false;
    }
    arena->block[arena->block_count++] = block;
    arena->bytes += 1ull << bits;
    return true;
}

static unsigned bits_for(uint64_t count)
{
    unsigned bits = 0;
    while (1ull << bits < count) {
        bits++;
    }
    return bits;
}

bool arena_open(struct arena *arena, const char *name, uint16_t index, uint32_t slots)
{
    unsigned bits = bits_for(slots + 1);
    unsigned bytes_bits = bits + seL4_SlotBits;
    *arena = (struct arena){.name = name, .cnode_bits = (uint8_t)bits, .next_slot = 1};
    if (!add_block(arena, bytes_bits + 1 > CHUNK_BITS ? bytes_bits + 1 : CHUNK_BITS)) {
        return false;
    }
    /* The CNode's own capability is outside: in the slot of root's that belongs to this index. */
    arena->cnode = cspace_slot(CSPACE_OWN, (1u << CSPACE_OWN_BITS) - 1 - index);
    if (cspace_retype(block_cap(arena->block[0]), seL4_CapTableObject, bits, arena->cnode, 1) !=
            seL4_NoError ||
        cspace_hang(index, arena->cnode, bits) != seL4_NoError) {
        format(explanation, sizeof explanation, "%s: the kernel refused its CNode", name);
        arena_close(arena);
        return false;
    }
    arena->index = index;
    arenas_open++;
    return true;
}

void arena_close(struct arena *arena)
{
    for (unsigned i = arena->block_count; i-- > 0;) {
        /* Revoking deletes every object that was made of the block, copies of capabilities
         * included. */
        CHECK(cspace_revoke(block_cap(arena->block[i])) == seL4_NoError);
        buddy_give(&buddy, arena->block[i]);
    }
    if (arena->index != 0) {
        arenas_open--;
    }
    asids_used -= arena->asids;
    *arena = (struct arena){0};
}

seL4_CPtr arena_slot(struct arena *arena)
{
    if (arena->next_slot >= 1ul << arena->cnode_bits) {
        format(explanation, sizeof explanation, "%s needs more than %lu capability slots",
               arena->name, (unsigned long)(1ul << arena->cnode_bits));
        return 0;
    }
    return cspace_slot(arena->index, arena->next_slot++);
}

/* Bytes of one object, as a power of two. */
static unsigned object_bits(seL4_Word type, seL4_Word size_bits)
{
    switch (type) {
    case seL4_TCBObject:
        return seL4_TCBBits;
    case seL4_EndpointObject:
        return seL4_EndpointBits;
    case seL4_NotificationObject:
        return seL4_NotificationBits;
    case seL4_ReplyObject:
        return seL4_ReplyBits;
    case seL4_CapTableObject:
        return (unsigned)size_bits + seL4_SlotBits;
    case seL4_ARM_VSpaceObject:
        return seL4_VSpaceBits;
    case seL4_ARM_PageTableObject:
        return seL4_PageTableBits;
    case seL4_ARM_SmallPageObject:
        return seL4_PageBits;
    case seL4_ARM_LargePageObject:
        return seL4_LargePageBits;
    case seL4_ARM_VCPUObject:
        return seL4_VCPUBits;
    default:
        return (unsigned)size_bits; /* untyped memory, scheduling contexts */
    }
}

seL4_CPtr arena_object(struct arena *arena, seL4_Word type, seL4_Word size_bits)
{
    seL4_CPtr slot = arena_slot(arena);
    if (slot == 0) {
        return 0;
    }
    seL4_CPtr block = block_cap(arena->block[arena->block_count - 1]);
    seL4_Error error = cspace_retype(block, type, size_bits, slot, 1);
    if (error == seL4_NotEnoughMemory) {
        unsigned bits = object_bits(type, size_bits);
        if (!add_block(arena, bits > CHUNK_BITS ? bits : CHUNK_BITS)) {
            return 0;
        }
        block = block_cap(arena->block[arena->block_count - 1]);
        error = cspace_retype(block, type, size_bits, slot, 1);
    }
    if (error != seL4_NoError) {
        format(explanation, sizeof explanation,
               "%s: the kernel refused an object of type %u: error %u", arena->name, (unsigned)type,
               (unsigned)error);
        return 0;
    }
    return slot;
}

/* Fills one block with frames. */
static bool frames_from_block(struct arena *arena, unsigned block_bits, seL4_Word first_slot)
{
    enum { FAN_OUT = CONFIG_RETYPE_FAN_OUT_LIMIT };
    seL4_CPtr block = block_cap(arena->block[arena->block_count - 1]);
    seL4_Word left = 1ul << (block_bits - seL4_LargePageBits);
    while (left > 0) {
        seL4_Word now = left < FAN_OUT ? left : FAN_OUT;
        if (cspace_retype(block, seL4_ARM_LargePageObject, 0, cspace_slot(arena->index, first_slot),
                          now) != seL4_NoError) {
            format(explanation, sizeof explanation, "%s: the kernel refused frames of 2 MiB",
                   arena->name);
            return false;
        }
        first_slot += now;
        left -= now;
    }
    return true;
}

seL4_CPtr arena_large_frames(struct arena *arena, uint32_t count)
{
    seL4_Word first = arena->next_slot;
    if (count == 0 || first + count > 1ul << arena->cnode_bits) {
        format(explanation, sizeof explanation, "%s needs %u capability slots more than its %lu",
               arena->name, count, (unsigned long)(1ul << arena->cnode_bits));
        return 0;
    }
    /* The block that objects are made of must stay last: put the frames' blocks before it. */
    uint16_t current = arena->block[arena->block_count - 1];
    arena->next_slot += count;
    for (seL4_Word slot = first; count > 0;) {
        unsigned bits = 31 - (unsigned)__builtin_clz(count) + seL4_LargePageBits;
        unsigned largest = buddy_largest(&buddy);
        if (largest >= seL4_LargePageBits && largest < bits) {
            bits = largest; /* memory is in pieces: take them as they are */
        }
        if (!add_block(arena, bits)) {
            return 0;
        }
        if (!frames_from_block(arena, bits, slot)) {
            return 0;
        }
        arena->block[arena->block_count - 2] = arena->block[arena->block_count - 1];
        arena->block[arena->block_count - 1] = current;
        slot += 1ul << (bits - seL4_LargePageBits);
        count -= 1u << (bits - seL4_LargePageBits);
    }
    return cspace_slot(arena->index, first);
}

seL4_CPtr memory_device_frame(uint64_t base, unsigned size_bits)
{
    uint16_t block = buddy_take_at(&buddy, base, size_bits);
    if (block == 0) {
        format(explanation, sizeof explanation,
               "no untyped memory of the kernel covers physical address 0x%lx",
               (unsigned long)base);
        return 0;
    }
    seL4_CPtr slot = cspace_own_slot();
    seL4_Word type =
        size_bits == seL4_LargePageBits ? seL4_ARM_LargePageObject : seL4_ARM_SmallPageObject;
    if (cspace_retype(block_cap(block), type, 0, slot, 1) != seL4_NoError) {
        buddy_give(&buddy, block);
        format(explanation, sizeof explanation, "the kernel refused a frame at 0x%lx",
               (unsigned long)base);
        return 0;
    }
    return slot;
}

bool arena_assign_asid(struct arena *arena, seL4_CPtr vspace)
{
    if (seL4_ARM_ASIDPool_Assign(seL4_CapInitThreadASIDPool, vspace) != seL4_NoError) {
        format(explanation, sizeof explanation, "%s needs an ASID: %u of %u are in use",
               arena->name, asids_used, ASIDS_MAX);
        return false;
    }
    arena->asids++;
    asids_used++;
    return true;
}
