// SPDX-License-Identifier: BSD-2-Clause

/* Plays the methods of VSpace, PageTable and Page in the API reference of the seL4 manual. */

#include "standin/cspace.h"
#include "standin/memory.h"
#include "standin/vspace.h"

/* What EL2 has mapped as RAM: maintenance elsewhere has nothing to do. */
#define RAM_START 0x40000000ul
#define RAM_END   0xc0000000ul

/* The end of what seL4 maps for itself on this platform: maintenance beyond is refused there. */
#define WINDOW_END 0x7fc0000000ul

static void maintain(uint64_t label, uint64_t address, uint64_t size)
{
    if (address >= RAM_START && address + size <= RAM_END) {
        memory_maintain(label, address, size);
    }
}

enum outcome vspace_invoke(const struct call *call)
{
    if (call->label < ARMVSpaceClean_Data || call->label > ARMVSpaceUnify_Instruction) {
        return refuse(seL4_IllegalOperation, 0);
    }
    if (call->length < 2) {
        return refuse(seL4_TruncatedMessage, 0);
    }
    uint64_t start = call_word(call, 0);
    uint64_t end = call_word(call, 1);
    if (end <= start) {
        return refuse(seL4_InvalidArgument, 1);
    }
    if (end > seL4_UserTop) {
        return refuse(seL4_IllegalOperation, 0);
    }
    uint64_t root = vspace_root(call->cap, 0);
    if (root == 0) {
        return REFUSED;
    }
    struct mapping mapping = vspace_walk(root, start);
    if (!mapping_is_frame(mapping)) {
        return DONE;
    }
    uint64_t base = start & ~MASK(mapping.bits);
    if (base != ((end - 1) & ~MASK(mapping.bits))) {
        return refuse_range(start, base + MASK(mapping.bits));
    }
    maintain(call->label, mapping_target(mapping) + (start - base), end - start);
    return DONE;
}

static enum outcome page_table_map(const struct call *call)
{
    if (call_lacks(call, 2, 1)) {
        return refuse(seL4_TruncatedMessage, 0);
    }
    if (call->cap.flags & CAP_MAPPED) {
        return refuse(seL4_InvalidCapability, 0);
    }
    uint64_t address = call_word(call, 0);
    struct cap vspace = call->extra[0]->cap;
    if (vspace.type != CAP_VSPACE || !(vspace.flags & CAP_MAPPED)) {
        return refuse(seL4_InvalidCapability, 1);
    }
    if (address > seL4_UserTop) {
        return refuse(seL4_InvalidArgument, 0);
    }
    uint64_t root = vspace_root(vspace, 1);
    if (root == 0) {
        return REFUSED;
    }
    struct mapping mapping = vspace_walk(root, address);
    if (mapping.bits == seL4_PageBits || mapping_is_frame(mapping)) {
        return refuse(seL4_DeleteFirst, 0);
    }
    call->slot->cap.flags |= CAP_MAPPED;
    call->slot->cap.data = vspace.data << 48 | (address & ~MASK(mapping.bits));
    *mapping.entry = mapping_make_table(cap_address(call->cap));
    dsb();
    return DONE;
}

enum outcome page_table_invoke(const struct call *call)
{
    if (call->label == ARMPageTableMap) {
        return page_table_map(call);
    }
    if (call->label != ARMPageTableUnmap) {
        return refuse(seL4_IllegalOperation, 0);
    }
    if (!slot_is_final(call->slot)) {
        return refuse(seL4_RevokeFirst, 0);
    }
    if (call->cap.flags & CAP_MAPPED) {
        page_table_unmap(call->cap);
        memory_zero(cap_object(call->cap), BIT(seL4_PageTableBits));
        call->slot->cap.flags &= (uint8_t)~CAP_MAPPED & 0xf;
    }
    return DONE;
}

static enum outcome frame_map(const struct call *call)
{
    if (call_lacks(call, 3, 1)) {
        return refuse(seL4_TruncatedMessage, 0);
    }
    struct cap frame = call->cap;
    uint64_t address = call_word(call, 0);
    uint8_t rights = cap_with_rights(frame, call_word(call, 1)).rights;
    struct cap vspace = call->extra[0]->cap;
    uint64_t root = vspace_root(vspace, 1);
    if (root == 0) {
        return REFUSED;
    }
    if (address & MASK(frame.bits)) {
        return refuse(seL4_AlignmentError, 0);
    }
    uint64_t mapped_asid = frame.data >> 48;
    if (mapped_asid != 0 && mapped_asid != vspace.data) {
        return refuse(seL4_InvalidCapability, 1);
    }
    if (mapped_asid != 0 ? (frame.data & MASK(48)) != address
                         : address + MASK(frame.bits) > seL4_UserTop) {
        return refuse(seL4_InvalidArgument, 0);
    }
    struct mapping mapping = vspace_walk(root, address);
    if (mapping.bits != frame.bits) {
        lookup_failed(seL4_MissingCapability, mapping.bits, 0, 0);
        return refuse_lookup(false);
    }
    bool replaces = mapping_is_frame(mapping);
    call->slot->cap.data = vspace.data << 48 | address;
    *mapping.entry = mapping_make(frame, rights, call_word(call, 2));
    dsb();
    if (replaces) {
        vspace_flush(vspace.data);
    }
    return DONE;
}

static enum outcome frame_maintain(const struct call *call)
{
    if (call->length < 2) {
        return refuse(seL4_TruncatedMessage, 0);
    }
    uint64_t asid = call->cap.data >> 48;
    if (asid == 0) {
        return refuse(seL4_IllegalOperation, 0);
    }
    const struct asid_entry *entry = asid_find(asid);
    if (entry == NULL || entry->vspace == 0) {
        lookup_failed(seL4_InvalidRoot, 0, 0, 0);
        return refuse_lookup(false);
    }
    uint64_t start = call_word(call, 0);
    uint64_t end = call_word(call, 1);
    uint64_t size = BIT(call->cap.bits);
    if (end <= start) {
        return refuse(seL4_InvalidArgument, 1);
    }
    if (start >= size || end > size) {
        return refuse(seL4_InvalidArgument, 0);
    }
    uint64_t address = cap_address(call->cap) + start;
    if (address + (end - start) > WINDOW_END) {
        return refuse(seL4_IllegalOperation, 0);
    }
    maintain(call->label, address, end - start);
    return DONE;
}

enum outcome frame_invoke(const struct call *call)
{
    uint64_t address = cap_address(call->cap);
    switch (call->label) {
    case ARMPageMap:
        return frame_map(call);
    case ARMPageUnmap:
        frame_unmap(call->cap);
        call->slot->cap.data = 0;
        return DONE;
    case ARMPageClean_Data:
    case ARMPageInvalidate_Data:
    case ARMPageCleanInvalidate_Data:
    case ARMPageUnify_Instruction:
        return frame_maintain(call);
    case ARMPageGetAddress:
        return call_answer(call, &address, 1);
    default:
        return refuse(seL4_IllegalOperation, 0);
    }
}
