// SPDX-License-Identifier: BSD-2-Clause

/*
 * Plays the CNode methods of "Capability Spaces" in the seL4 manual: copy, mint, move, mutate,
 * rotate, delete, revoke and the cancelling of badged sends.
 */

#include "standin/cspace.h"
#include "standin/ipc.h"

static enum outcome refuse_empty_source(bool source, uint64_t depth)
{
    lookup_failed(seL4_MissingCapability, depth, 0, 0);
    return refuse_lookup(source);
}

/* The source of Copy, Mint, Move and Mutate, and the check that the target is free. */
static struct slot *find_source(const struct call *call, const struct slot *target)
{
    if (target->cap.type != CAP_NULL) {
        refuse(seL4_DeleteFirst, 0);
        return NULL;
    }
    uint64_t depth = call_word(call, 3);
    struct slot *source = cspace_lookup_slot(call->extra[0]->cap, call_word(call, 2), depth, true);
    if (source != NULL && source->cap.type == CAP_NULL) {
        refuse_empty_source(true, depth);
        return NULL;
    }
    return source;
}

static enum outcome cnode_copy(const struct call *call, struct slot *source, struct slot *target)
{
    bool mint = call->label == CNodeMint;
    if (call->length < (mint ? 6 : 5)) {
        return refuse(seL4_TruncatedMessage, 0);
    }
    struct cap cap = cap_with_rights(source->cap, call_word(call, 4));
    if (mint) {
        cap = cap_with_data(cap, call_word(call, 5), false);
    }
    if (cap_derive(source, cap, &cap) != DONE) {
        return REFUSED;
    }
    if (cap.type == CAP_NULL) {
        return refuse(seL4_IllegalOperation, 0);
    }
    slot_insert_copy(source, target, cap);
    return DONE;
}

static enum outcome cnode_move(const struct call *call, struct slot *source, struct slot *target)
{
    struct cap cap = source->cap;
    if (call->label == CNodeMutate) {
        if (call->length < 5) {
            return refuse(seL4_TruncatedMessage, 0);
        }
        cap = cap_with_data(cap, call_word(call, 4), true);
        if (cap.type == CAP_NULL) {
            return refuse(seL4_IllegalOperation, 0);
        }
    }
    slot_move(source, target, cap);
    return DONE;
}

static enum outcome cnode_rotate(const struct call *call, struct slot *target)
{
    if (call_lacks(call, 8, 2)) {
        return refuse(seL4_TruncatedMessage, 0);
    }
    uint64_t pivot_depth = call_word(call, 4);
    uint64_t source_depth = call_word(call, 7);
    struct slot *source =
        cspace_lookup_slot(call->extra[1]->cap, call_word(call, 6), source_depth, true);
    if (source == NULL) {
        return REFUSED;
    }
    struct slot *pivot =
        cspace_lookup_slot(call->extra[0]->cap, call_word(call, 3), pivot_depth, true);
    if (pivot == NULL) {
        return REFUSED;
    }
    if (pivot == source || pivot == target) {
        return refuse(seL4_IllegalOperation, 0);
    }
    if (source != target && target->cap.type != CAP_NULL) {
        return refuse(seL4_DeleteFirst, 0);
    }
    if (source->cap.type == CAP_NULL) {
        return refuse_empty_source(true, source_depth);
    }
    if (pivot->cap.type == CAP_NULL) {
        return refuse_empty_source(false, pivot_depth);
    }
    struct cap source_cap = cap_with_data(source->cap, call_word(call, 5), true);
    struct cap pivot_cap = cap_with_data(pivot->cap, call_word(call, 2), true);
    if (source_cap.type == CAP_NULL || pivot_cap.type == CAP_NULL) {
        return refuse(seL4_IllegalOperation, 0);
    }
    if (source == target) {
        slot_swap(source, pivot, source_cap, pivot_cap);
    } else {
        slot_move(pivot, target, pivot_cap);
        slot_move(source, pivot, source_cap);
    }
    return DONE;
}

static enum outcome cnode_cancel_sends(const struct slot *slot)
{
    if (slot->cap.type != CAP_ENDPOINT || slot->cap.rights != RIGHT_ALL) {
        return refuse(seL4_IllegalOperation, 0);
    }
    if (slot->cap.data != 0) {
        endpoint_cancel_badged(cap_object(slot->cap), slot->cap.data);
    }
    return DONE;
}

enum outcome cnode_invoke(const struct call *call)
{
    if (call->label < CNodeRevoke || call->label > CNodeRotate) {
        return refuse(seL4_IllegalOperation, 0);
    }
    if (call->length < 2) {
        return refuse(seL4_TruncatedMessage, 0);
    }
    struct slot *target =
        cspace_lookup_slot(call->cap, call_word(call, 0), call_word(call, 1), false);
    if (target == NULL) {
        return REFUSED;
    }
    switch (call->label) {
    case CNodeRevoke:
        return slot_revoke(target);
    case CNodeDelete:
        slot_delete(target);
        return DONE;
    case CNodeCancelBadgedSends:
        return cnode_cancel_sends(target);
    case CNodeRotate:
        return cnode_rotate(call, target);
    default:
        break;
    }
    if (call_lacks(call, 4, 1)) {
        return refuse(seL4_TruncatedMessage, 0);
    }
    struct slot *source = find_source(call, target);
    if (source == NULL) {
        return REFUSED;
    }
    bool copy = call->label == CNodeCopy || call->label == CNodeMint;
    return copy ? cnode_copy(call, source, target) : cnode_move(call, source, target);
}
