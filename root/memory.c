// SPDX-License-Identifier: BSD-2-Clause
#include "root/memory.h"

#include <string.h>

#include "lib/check.h"
#include "lib/range.h"
#include "root/buddy.h"
#include "root/reason.h"

enum {
    ASIDS_MAX = 511, /* of the initial pool (512), root has one */
};

static struct buddy buddy;
static uint32_t arenas_open, asids_used;
static uint32_t slots_used; /* in arenas */

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

uint64_t memory_free_bytes(void)
{
    return buddy.free_bytes;
}

void memory_counts(struct memory_counts *counts)
{
    buddy_join(&buddy);
    unsigned largest = buddy_largest(&buddy);
    *counts = (struct memory_counts){
        .total_bytes = buddy.total_bytes,
        .free_bytes = buddy.free_bytes,
        .largest_bytes = largest == 0 ? 0 : 1ull << largest,
        .slots_used = buddy.used_blocks + slots_used,
        .arenas_open = arenas_open,
        .asids_used = asids_used,
        .asids_max = ASIDS_MAX,
    };
}

static unsigned long kib(uint64_t bytes)
{
    return (unsigned long)(bytes / 1024);
}

/* No block of that size: none is free, or the one to be split could not be. */
static bool refuse_block(const char *name, uint64_t wanted_bytes)
{
    struct memory_counts c;
    memory_counts(&c);
    if (c.largest_bytes < wanted_bytes) {
        return reason_set("%s needs a block of %lu KiB: %lu of %lu KiB are free, the largest block "
                          "has %lu KiB",
                          name, kib(wanted_bytes), kib(c.free_bytes), kib(c.total_bytes),
                          kib(c.largest_bytes));
    }
    if (buddy_next_index(&buddy) == 0) {
        return reason_set("%s needs a capability slot for memory: all %u are in use, %lu of %lu "
                          "KiB are free",
                          name, BUDDY_BLOCK_MAX - 1, kib(c.free_bytes), kib(c.total_bytes));
    }
    return reason_set("%s needs a block of %lu KiB: the kernel did not split a larger one, though "
                      "%lu of %lu KiB are free",
                      name, kib(wanted_bytes), kib(c.free_bytes), kib(c.total_bytes));
}

/* Says how much all that was wanted is, if that is more than there is; else the reason stays. */
static void refuse_frames(const char *name, uint64_t wanted_bytes)
{
    if (buddy.free_bytes < wanted_bytes) {
        reason_set("%s needs %lu KiB of memory: %lu of %lu KiB are free", name, kib(wanted_bytes),
                   kib(buddy.free_bytes), kib(buddy.total_bytes));
    }
}

static bool refuse_object(const char *name, const char *what, uint64_t wanted_bytes,
                          seL4_Error error)
{
    struct memory_counts c;
    memory_counts(&c);
    return reason_set("%s needs %lu bytes for %s: the kernel refused them (error %u), though %lu "
                      "of %lu KiB are free",
                      name, (unsigned long)wanted_bytes, what, (unsigned)error, kib(c.free_bytes),
                      kib(c.total_bytes));
}

static bool add_block(struct arena *arena, unsigned bits)
{
    if (arena->block_count == ARENA_BLOCK_MAX) {
        return reason_set("%s needs another block of memory: all of its %u are in use", arena->name,
                          ARENA_BLOCK_MAX);
    }
    uint16_t block = buddy_take(&buddy, bits);
    if (block == 0) {
        return refuse_block(arena->name, 1ull << bits);
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

bool arena_open(struct arena *arena, const char *name, uint16_t index, uint32_t slots,
                unsigned chunk_bits)
{
    unsigned bits = bits_for(slots + 1);
    unsigned bytes_bits = bits + seL4_SlotBits;
    *arena = (struct arena){.name = name,
                            .cnode_bits = (uint8_t)bits,
                            .chunk_bits = (uint8_t)chunk_bits,
                            .next_slot = 1};
    if (!add_block(arena, bytes_bits + 1 > chunk_bits ? bytes_bits + 1 : chunk_bits)) {
        return false;
    }
    /* The CNode's own capability is outside: in the slot of root's that belongs to this index. */
    arena->cnode = cspace_slot(CSPACE_OWN, (1u << CSPACE_OWN_BITS) - 1 - index);
    seL4_Error error =
        cspace_retype(block_cap(arena->block[0]), seL4_CapTableObject, bits, arena->cnode, 1);
    if (error != seL4_NoError) {
        arena_close(arena);
        return refuse_object(name, "its capability slots", 1ull << bytes_bits, error);
    }
    if (!reason_check(cspace_hang(index, arena->cnode, bits), name, "a place for its CNode")) {
        arena_close(arena);
        return false;
    }
    arena->used[MEMORY_SLOTS] = 1ull << bytes_bits;
    arena->index = index;
    arenas_open++;
    return true;
}

void arena_close(struct arena *arena)
{
    if (arena->block_count == 0) {
        return; /* never opened */
    }
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
    slots_used -= (uint32_t)(arena->next_slot - 1);
    *arena = (struct arena){0};
}

seL4_CPtr arena_slot(struct arena *arena)
{
    if (arena->next_slot >= 1ul << arena->cnode_bits) {
        reason_set("%s needs another capability slot: all of its %lu are in use", arena->name,
                   (1ul << arena->cnode_bits) - 1);
        return 0;
    }
    slots_used++;
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

static enum memory_use use_of(seL4_Word type)
{
    switch (type) {
    case seL4_CapTableObject:
        return MEMORY_SLOTS;
    case seL4_ARM_VSpaceObject:
    case seL4_ARM_PageTableObject:
        return MEMORY_TABLES;
    default:
        return MEMORY_OBJECTS;
    }
}

static seL4_CPtr make_object(struct arena *arena, seL4_Word type, seL4_Word size_bits,
                             enum memory_use use)
{
    seL4_CPtr slot = arena_slot(arena);
    if (slot == 0) {
        return 0;
    }
    seL4_CPtr block = block_cap(arena->block[arena->block_count - 1]);
    seL4_Error error = cspace_retype(block, type, size_bits, slot, 1);
    if (error == seL4_NotEnoughMemory) {
        unsigned bits = object_bits(type, size_bits);
        if (!add_block(arena, bits > arena->chunk_bits ? bits : arena->chunk_bits)) {
            return 0;
        }
        block = block_cap(arena->block[arena->block_count - 1]);
        error = cspace_retype(block, type, size_bits, slot, 1);
    }
    if (error != seL4_NoError) {
        refuse_object(arena->name, "an object", 1ull << object_bits(type, size_bits), error);
        return 0;
    }
    arena->used[use] += 1ull << object_bits(type, size_bits);
    return slot;
}

seL4_CPtr arena_object(struct arena *arena, seL4_Word type, seL4_Word size_bits)
{
    return make_object(arena, type, size_bits, use_of(type));
}

seL4_CPtr arena_page(struct arena *arena, enum memory_use use)
{
    return make_object(arena, seL4_ARM_SmallPageObject, 0, use);
}

/* Fills one block with frames. */
static bool frames_from_block(struct arena *arena, unsigned block_bits, seL4_Word first_slot)
{
    enum { FAN_OUT = CONFIG_RETYPE_FAN_OUT_LIMIT };
    seL4_CPtr block = block_cap(arena->block[arena->block_count - 1]);
    seL4_Word left = 1ul << (block_bits - seL4_LargePageBits);
    while (left > 0) {
        seL4_Word now = left < FAN_OUT ? left : FAN_OUT;
        seL4_Error error = cspace_retype(block, seL4_ARM_LargePageObject, 0,
                                         cspace_slot(arena->index, first_slot), now);
        if (error != seL4_NoError) {
            return refuse_object(arena->name, "frames", now << seL4_LargePageBits, error);
        }
        first_slot += now;
        left -= now;
    }
    return true;
}

seL4_CPtr arena_slots(struct arena *arena, uint32_t count)
{
    seL4_Word first = arena->next_slot;
    if (count == 0 || first + count > 1ul << arena->cnode_bits) {
        reason_set("%s needs capability slots for %u frames: %lu of its %lu are in use",
                   arena->name, count, first - 1, (1ul << arena->cnode_bits) - 1);
        return 0;
    }
    arena->next_slot += count;
    slots_used += count;
    return cspace_slot(arena->index, first);
}

/* The largest free block, as a power of two, if that is smaller than what is wanted. */
static unsigned largest_for(unsigned bits)
{
    if (buddy_largest(&buddy) < bits) {
        buddy_join(&buddy);
    }
    return buddy_largest(&buddy);
}

/* Gives the last blocks back, all that were taken since there were `count`, and `slots`. */
static void arena_shrink(struct arena *arena, uint16_t count, uint32_t slots)
{
    while (arena->block_count > count) {
        uint16_t block = arena->block[--arena->block_count];
        arena->bytes -= 1ull << buddy.block[block].bits;
        CHECK(cspace_revoke(block_cap(block)) == seL4_NoError);
        buddy_give(&buddy, block);
    }
    arena->next_slot -= slots;
    slots_used -= slots;
}

static bool fill_with_frames(struct arena *arena, seL4_Word slot, uint32_t count)
{
    while (count > 0) {
        unsigned bits = 31 - (unsigned)__builtin_clz(count) + seL4_LargePageBits;
        unsigned largest = largest_for(bits);
        if (largest >= seL4_LargePageBits && largest < bits) {
            bits = largest; /* memory is in pieces: take them as they are */
        }
        if (!add_block(arena, bits) || !frames_from_block(arena, bits, slot)) {
            return false;
        }
        slot += 1ul << (bits - seL4_LargePageBits);
        count -= 1u << (bits - seL4_LargePageBits);
    }
    return true;
}

seL4_CPtr arena_large_frames(struct arena *arena, uint32_t count)
{
    seL4_CPtr first = arena_slots(arena, count);
    if (first == 0) {
        return 0;
    }
    uint16_t blocks = arena->block_count;
    if (!fill_with_frames(arena, arena->next_slot - count, count)) {
        arena_shrink(arena, blocks, count);
        refuse_frames(arena->name, (uint64_t)count << seL4_LargePageBits);
        return 0;
    }
    /* The block that objects are made of must stay last. */
    uint16_t current = arena->block[blocks - 1];
    arena->block[blocks - 1] = arena->block[arena->block_count - 1];
    arena->block[arena->block_count - 1] = current;
    return first;
}

uint16_t arena_take_frame(struct arena *arena, seL4_CPtr slot)
{
    uint16_t block = buddy_take(&buddy, seL4_LargePageBits);
    if (block == 0) {
        refuse_block(arena->name, 1ull << seL4_LargePageBits);
        return 0;
    }
    seL4_Error error = cspace_retype(block_cap(block), seL4_ARM_LargePageObject, 0, slot, 1);
    if (error != seL4_NoError) {
        buddy_give(&buddy, block);
        refuse_object(arena->name, "a frame", 1ull << seL4_LargePageBits, error);
        return 0;
    }
    arena->bytes += 1ull << seL4_LargePageBits;
    return block;
}

void arena_give_frame(struct arena *arena, uint16_t block)
{
    CHECK(cspace_revoke(block_cap(block)) == seL4_NoError);
    buddy_give(&buddy, block);
    arena->bytes -= 1ull << seL4_LargePageBits;
}

seL4_CPtr memory_device_frame(uint64_t base, unsigned size_bits)
{
    uint16_t block = buddy_take_at(&buddy, base, size_bits);
    if (block == 0) {
        reason_set("no untyped memory of the kernel covers physical address 0x%lx",
                   (unsigned long)base);
        return 0;
    }
    seL4_CPtr slot = cspace_own_slot();
    seL4_Word type =
        size_bits == seL4_LargePageBits ? seL4_ARM_LargePageObject : seL4_ARM_SmallPageObject;
    seL4_Error error = cspace_retype(block_cap(block), type, 0, slot, 1);
    if (error != seL4_NoError) {
        buddy_give(&buddy, block);
        reason_set("the kernel refused a frame at 0x%lx: error %u", (unsigned long)base,
                   (unsigned)error);
        return 0;
    }
    return slot;
}

bool arena_assign_asid(struct arena *arena, seL4_CPtr vspace)
{
    seL4_Error error =
        asids_used < ASIDS_MAX
            ? (seL4_Error)seL4_ARM_ASIDPool_Assign(seL4_CapInitThreadASIDPool, vspace)
            : seL4_DeleteFirst;
    if (error != seL4_NoError) {
        return reason_set("%s needs an address space: %u of %u are in use, and there is none more "
                          "(error %u)",
                          arena->name, asids_used, ASIDS_MAX, (unsigned)error);
    }
    arena->asids++;
    asids_used++;
    return true;
}
