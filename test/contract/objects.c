// SPDX-License-Identifier: BSD-2-Clause
/*
 * Objects, mappings and time of the suite. What a topic makes comes from one untyped, the arena,
 * which is revoked when the topic ends; what lasts comes from another.
 */
#include "test/contract/contract.h"

#include <string.h>

enum { LASTING_BITS = 23, WINDOW_BASE_BITS = 36, UNTYPED_MAX = 256 };

const seL4_BootInfo *contract_bootinfo;

static seL4_CPtr next_slot, first_arena_slot;
static seL4_CPtr lasting, arena, memory_source;
static seL4_Word next_window, first_arena_window;

static const seL4_Word device_address[DEVICE_COUNT] = {
    [DEVICE_GICV] = 0x08040000,
    [DEVICE_UART] = 0x09000000,
    [DEVICE_RTC] = 0x09010000,
};
static seL4_CPtr device_frame[DEVICE_COUNT];
static volatile uint32_t *device_registers[DEVICE_COUNT];

/* ---- capabilities ---- */

seL4_CPtr cap_slot(void)
{
    REQUIRE(next_slot < contract_bootinfo->empty.end);
    return next_slot++;
}

seL4_Error cap_retype(seL4_CPtr untyped, seL4_Word type, seL4_Word size_bits, seL4_CPtr slot,
                      seL4_Word count)
{
    return seL4_Untyped_Retype(untyped, type, size_bits, seL4_CapInitThreadCNode, 0, 0, slot,
                               count);
}

seL4_CPtr cap_new(seL4_Word type, seL4_Word size_bits)
{
    seL4_CPtr slot = cap_slot();
    REQUIRE(cap_retype(memory_source, type, size_bits, slot, 1) == seL4_NoError);
    return slot;
}

seL4_CPtr cap_copy(seL4_CPtr from, seL4_CapRights_t rights)
{
    seL4_CPtr slot = cap_slot();
    REQUIRE(seL4_CNode_Copy(seL4_CapInitThreadCNode, slot, ROOT_DEPTH, seL4_CapInitThreadCNode,
                            from, ROOT_DEPTH, rights) == seL4_NoError);
    return slot;
}

seL4_CPtr cap_mint(seL4_CPtr from, seL4_CapRights_t rights, seL4_Word data)
{
    seL4_CPtr slot = cap_slot();
    REQUIRE(seL4_CNode_Mint(seL4_CapInitThreadCNode, slot, ROOT_DEPTH, seL4_CapInitThreadCNode,
                            from, ROOT_DEPTH, rights, data) == seL4_NoError);
    return slot;
}

seL4_Error cap_delete(seL4_CPtr slot)
{
    return seL4_CNode_Delete(seL4_CapInitThreadCNode, slot, ROOT_DEPTH);
}

seL4_Error cap_revoke(seL4_CPtr slot)
{
    return seL4_CNode_Revoke(seL4_CapInitThreadCNode, slot, ROOT_DEPTH);
}

bool cap_exists(seL4_CPtr slot)
{
    /* Moving a capability onto itself: an occupied slot is DeleteFirst, before the source is read.
     */
    return seL4_CNode_Move(seL4_CapInitThreadCNode, slot, ROOT_DEPTH, seL4_CapInitThreadCNode, slot,
                           ROOT_DEPTH) == seL4_DeleteFirst;
}

seL4_CPtr cap_untyped(unsigned size_bits, bool is_device)
{
    const seL4_BootInfo *info = contract_bootinfo;
    for (seL4_CPtr i = 0; i < info->untyped.end - info->untyped.start; i++) {
        const seL4_UntypedDesc *u = &info->untypedList[i];
        seL4_CPtr cap = info->untyped.start + i;
        if (u->sizeBits >= size_bits && (u->isDevice != 0) == is_device && cap != lasting &&
            cap != arena) {
            return cap;
        }
    }
    return seL4_CapNull;
}

/* The smallest untyped of RAM that is large enough. */
static seL4_CPtr find_ram(unsigned size_bits)
{
    const seL4_BootInfo *info = contract_bootinfo;
    seL4_CPtr best = seL4_CapNull;
    unsigned best_bits = 255;
    for (seL4_CPtr i = 0; i < info->untyped.end - info->untyped.start; i++) {
        const seL4_UntypedDesc *u = &info->untypedList[i];
        seL4_CPtr cap = info->untyped.start + i;
        if (u->isDevice == 0 && u->sizeBits >= size_bits && u->sizeBits < best_bits &&
            cap != lasting) {
            best = cap;
            best_bits = u->sizeBits;
        }
    }
    REQUIRE(best != seL4_CapNull);
    return best;
}

/* ---- mappings ---- */

seL4_Word memory_window(unsigned size_bits)
{
    seL4_Word size = 1ul << size_bits;
    seL4_Word base = (next_window + size - 1) & ~(size - 1);
    next_window = base + size;
    return base;
}

static void map(seL4_CPtr frame, seL4_CPtr vspace, seL4_Word address, seL4_CapRights_t rights,
                seL4_ARM_VMAttributes attributes)
{
    seL4_Error error;
    while ((error = seL4_ARM_Page_Map(frame, vspace, address, rights, attributes)) ==
           seL4_FailedLookup) {
        seL4_CPtr table = cap_new(seL4_ARM_PageTableObject, 0);
        REQUIRE(seL4_ARM_PageTable_Map(table, vspace, address, seL4_ARM_Default_VMAttributes) ==
                seL4_NoError);
    }
    REQUIRE(error == seL4_NoError);
}

void memory_add_tables(seL4_CPtr vspace, seL4_Word address, unsigned size_bits)
{
    /* How many there are already depends on what else is near: a frame of the size tells. */
    seL4_CPtr frame = cap_new(
        size_bits == seL4_PageBits ? seL4_ARM_SmallPageObject : seL4_ARM_LargePageObject, 0);
    memory_map(frame, vspace, address, seL4_ReadWrite);
    REQUIRE(cap_delete(frame) == seL4_NoError);
}

void memory_map(seL4_CPtr frame, seL4_CPtr vspace, seL4_Word address, seL4_CapRights_t rights)
{
    map(frame, vspace, address, rights, seL4_ARM_Default_VMAttributes);
}

void *memory_new(unsigned size_bits, seL4_CPtr *frame)
{
    *frame = cap_new(
        size_bits == seL4_PageBits ? seL4_ARM_SmallPageObject : seL4_ARM_LargePageObject, 0);
    seL4_Word address = memory_window(size_bits);
    memory_map(*frame, seL4_CapInitThreadVSpace, address, seL4_ReadWrite);
    return (void *)address;
}

seL4_CPtr memory_new_vspace(void)
{
    seL4_CPtr vspace = cap_new(seL4_ARM_VSpaceObject, 0);
    REQUIRE(seL4_ARM_ASIDPool_Assign(seL4_CapInitThreadASIDPool, vspace) == seL4_NoError);
    return vspace;
}

volatile uint32_t *memory_device(enum device device)
{
    return device_registers[device];
}

seL4_CPtr memory_device_frame(enum device device)
{
    return device_frame[device];
}

/* The device untyped's watermark only rises: call with rising addresses. */
static void open_device(enum device device, seL4_Word used[UNTYPED_MAX])
{
    const seL4_BootInfo *info = contract_bootinfo;
    seL4_Word address = device_address[device];
    for (seL4_CPtr i = 0; i < info->untyped.end - info->untyped.start; i++) {
        const seL4_UntypedDesc *u = &info->untypedList[i];
        if (!u->isDevice || address < u->paddr || address - u->paddr >= 1ul << u->sizeBits) {
            continue;
        }
        seL4_Word offset = address - u->paddr;
        while (used[i] < offset) {
            unsigned bits = seL4_PageBits;
            while (used[i] + (2ul << bits) <= offset && (used[i] & ((2ul << bits) - 1)) == 0) {
                bits++;
            }
            REQUIRE(cap_retype(info->untyped.start + i, seL4_UntypedObject, bits, cap_slot(), 1) ==
                    seL4_NoError);
            used[i] += 1ul << bits;
        }
        device_frame[device] = cap_slot();
        REQUIRE(cap_retype(info->untyped.start + i, seL4_ARM_SmallPageObject, 0,
                           device_frame[device], 1) == seL4_NoError);
        used[i] += 1ul << seL4_PageBits;
        seL4_Word window = memory_window(seL4_PageBits);
        map(cap_copy(device_frame[device], seL4_AllRights), seL4_CapInitThreadVSpace, window,
            seL4_ReadWrite, 0);
        device_registers[device] = (volatile uint32_t *)window;
        return;
    }
}

/* ---- the course of a topic ---- */

void objects_open(const seL4_BootInfo *bootinfo)
{
    static seL4_Word used[UNTYPED_MAX];
    contract_bootinfo = bootinfo;
    next_slot = bootinfo->empty.start;
    next_window = 1ul << WINDOW_BASE_BITS;
    memory_source = lasting = find_ram(LASTING_BITS);
    for (enum device d = 0; d < DEVICE_COUNT; d++) {
        open_device(d, used);
    }
}

void objects_begin(void)
{
    if (arena == seL4_CapNull) {
        seL4_CPtr from = find_ram(ARENA_BITS);
        arena = cap_slot();
        REQUIRE(cap_retype(from, seL4_UntypedObject, ARENA_BITS, arena, 1) == seL4_NoError);
        first_arena_slot = next_slot;
        first_arena_window = memory_window(seL4_HugePageBits);
    }
    memory_source = arena;
    next_slot = first_arena_slot;
    next_window = first_arena_window;
}

void objects_end(void)
{
    REQUIRE(cap_revoke(arena) == seL4_NoError);
    for (seL4_CPtr slot = first_arena_slot; slot < next_slot; slot++) {
        (void)cap_delete(
            slot); /* what did not come from the arena: copies of lasting capabilities */
    }
    memory_source = lasting;
}
