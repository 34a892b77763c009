// SPDX-License-Identifier: BSD-2-Clause

/*
 * Plays "Capability Spaces" of the seL4 manual: address lookup through guarded CNodes, derivation
 * of capabilities, and the derivation tree.
 *
 * The tree is a tree: a slot knows its parent, first child and neighbours. A capability made by
 * Retype or by badging is an original, its copies are its children; copies of copies are siblings.
 * All capabilities to one object are therefore neighbours or parent and child, which is how the
 * last one is recognised.
 */

#include "standin/cspace.h"

struct slot *slot_spare;

static inline uint64_t cnode_guard_size(struct cap cap)
{
    return cap.data & MASK(seL4_GuardSizeBits);
}

/*
 * Walks from a CNode capability along `bits` low bits of index. Returns the slot and how many bits
 * were left when it was not a CNode that the walk could go on with.
 */
static struct slot *walk(struct cap node, uint64_t index, uint64_t bits, uint64_t *left)
{
    if (node.type != CAP_CNODE) {
        lookup_failed(seL4_InvalidRoot, 0, 0, 0);
        return NULL;
    }
    for (;;) {
        uint64_t guard_size = cnode_guard_size(node);
        uint64_t guard = node.data >> seL4_GuardSizeBits;
        uint64_t level = guard_size + node.bits;
        /* Without a guard the shift may be 64; what it gives does not matter then. */
        uint64_t found = (index >> ((bits - guard_size) & 63)) & MASK(guard_size);
        if (guard_size > bits || found != guard) {
            lookup_failed(seL4_GuardMismatch, bits, guard, guard_size);
            return NULL;
        }
        if (level > bits) {
            lookup_failed(seL4_DepthMismatch, bits, level, 0);
            return NULL;
        }
        bits -= level;
        struct slot *slot = (struct slot *)cap_object(node) + ((index >> bits) & MASK(node.bits));
        if (bits == 0 || slot->cap.type != CAP_CNODE) {
            *left = bits;
            return slot;
        }
        node = slot->cap;
    }
}

struct slot *cspace_lookup(struct tcb *tcb, uint64_t cptr)
{
    uint64_t left;
    return walk(tcb->slots[TCB_CSPACE].cap, cptr, seL4_WordBits, &left);
}

struct slot *cspace_lookup_slot(struct cap root, uint64_t index, uint64_t depth, bool source)
{
    if (root.type != CAP_CNODE) {
        lookup_failed(seL4_InvalidRoot, 0, 0, 0);
        refuse_lookup(source);
        return NULL;
    }
    if (depth < 1 || depth > seL4_WordBits) {
        refuse_range(1, seL4_WordBits);
        return NULL;
    }
    uint64_t left = 0;
    struct slot *slot = walk(root, index, depth, &left);
    if (slot != NULL && left != 0) {
        lookup_failed(seL4_DepthMismatch, left, 0, 0);
        slot = NULL;
    }
    if (slot == NULL) {
        refuse_lookup(source);
    }
    return slot;
}

struct slot *cspace_lookup_empty(struct cap root, uint64_t index, uint64_t depth)
{
    struct slot *slot = cspace_lookup_slot(root, index, depth, false);
    if (slot != NULL && slot->cap.type != CAP_NULL) {
        refuse(seL4_DeleteFirst, 0);
        return NULL;
    }
    return slot;
}

enum outcome cap_derive(const struct slot *slot, struct cap wanted, struct cap *derived)
{
    *derived = wanted;
    switch (wanted.type) {
    case CAP_IRQ_CONTROL:
    case CAP_DYING:
        *derived = (struct cap){0};
        return DONE;
    case CAP_UNTYPED:
        return slot_has_children(slot) ? refuse(seL4_RevokeFirst, 0) : DONE;
    case CAP_PAGE_TABLE:
    case CAP_VSPACE:
        return wanted.flags & CAP_MAPPED ? DONE : refuse(seL4_IllegalOperation, 0);
    case CAP_FRAME:
        derived->data = 0;
        return DONE;
    default:
        return DONE;
    }
}

struct cap cap_with_data(struct cap cap, uint64_t data, bool moved)
{
    switch (cap.type) {
    case CAP_ENDPOINT:
    case CAP_NOTIFICATION:
        if (moved || cap.data != 0) {
            return (struct cap){0};
        }
        cap.data = data;
        return cap;
    case CAP_CNODE: {
        uint64_t size = data & MASK(seL4_GuardSizeBits);
        if (size + cap.bits > seL4_WordBits) {
            return (struct cap){0};
        }
        uint64_t guard = (data >> seL4_GuardSizeBits) & MASK(size);
        cap.data = guard << seL4_GuardSizeBits | size;
        return cap;
    }
    default:
        return cap;
    }
}

/* A frame is read-write, read-only or not accessible: writing without reading is not to be had. */
static uint8_t frame_rights(uint8_t have, uint64_t wanted)
{
    uint8_t both = (uint8_t)(have & wanted & (RIGHT_READ | RIGHT_WRITE));
    return both & RIGHT_READ ? both : 0;
}

struct cap cap_with_rights(struct cap cap, uint64_t rights)
{
    switch (cap.type) {
    case CAP_FRAME:
        cap.rights = frame_rights(cap.rights, rights) & RIGHT_ALL;
        return cap;
    case CAP_ENDPOINT:
    case CAP_NOTIFICATION:
    case CAP_REPLY:
        cap.rights = cap.rights & rights & RIGHT_ALL;
        return cap;
    default:
        return cap;
    }
}

bool cap_same_object(struct cap a, struct cap b)
{
    if (a.type != b.type) {
        return false;
    }
    switch (a.type) {
    case CAP_NULL:
    case CAP_UNTYPED:
    case CAP_IRQ_CONTROL:
        return false;
    case CAP_SCHED_CONTROL:
    case CAP_ASID_CONTROL:
        return true;
    case CAP_IRQ_HANDLER:
        return a.data == b.data;
    case CAP_CNODE:
    case CAP_SCHED_CONTEXT:
    case CAP_FRAME:
        return cap_address(a) == cap_address(b) && a.bits == b.bits;
    default:
        return cap_address(a) == cap_address(b);
    }
}

/* Links slot as the first child of parent, or right behind `before`. */
static void tree_link(struct slot *parent, struct slot *before, struct slot *slot)
{
    uint32_t after = before != NULL ? before->after : parent != NULL ? parent->child : 0;
    slot->parent = slot_ref(parent);
    slot->before = slot_ref(before);
    slot->after = after;
    if (before != NULL) {
        before->after = slot_ref(slot);
    } else if (parent != NULL) {
        parent->child = slot_ref(slot);
    }
    if (after != 0) {
        slot_at(after)->before = slot_ref(slot);
    }
}

void slot_insert_child(struct slot *parent, struct slot *slot, struct cap cap)
{
    slot->cap = cap;
    slot->cap.flags |= CAP_ORIGINAL;
    slot->child = 0;
    tree_link(parent, NULL, slot);
}

/* Has the copy a standing of its own, so that copies of it are revoked with it? */
static bool is_original(struct cap copy, struct cap source)
{
    switch (copy.type) {
    case CAP_UNTYPED:
        return true;
    case CAP_ENDPOINT:
    case CAP_NOTIFICATION:
        return copy.data != source.data;
    default:
        return copy.type == CAP_IRQ_HANDLER && source.type == CAP_IRQ_CONTROL;
    }
}

void slot_insert_copy(struct slot *source, struct slot *slot, struct cap cap)
{
    bool original = is_original(cap, source->cap);
    bool below = source->cap.flags & CAP_ORIGINAL;
    slot->cap = cap;
    slot->cap.flags = (cap.flags & ~CAP_ORIGINAL & 0xf) | (original ? CAP_ORIGINAL : 0);
    slot->child = 0;
    if (cap.type == CAP_UNTYPED) {
        /* The parent's memory is now the copy's: it can hand out none of it itself. */
        source->cap.data = BIT(source->cap.bits);
    }
    tree_link(below ? source : slot_at(source->parent), below ? NULL : source, slot);
}

/* Tells the neighbours of slot that it is where it is now. */
static void tree_relink(struct slot *slot)
{
    if (slot->before != 0) {
        slot_at(slot->before)->after = slot_ref(slot);
    } else if (slot->parent != 0) {
        slot_at(slot->parent)->child = slot_ref(slot);
    }
    if (slot->after != 0) {
        slot_at(slot->after)->before = slot_ref(slot);
    }
    for (uint32_t child = slot->child; child != 0; child = slot_at(child)->after) {
        slot_at(child)->parent = slot_ref(slot);
    }
}

void slot_move(struct slot *source, struct slot *slot, struct cap cap)
{
    *slot = *source;
    slot->cap = cap;
    *source = (struct slot){0};
    tree_relink(slot);
}

void slot_swap(struct slot *a, struct slot *b, struct cap a_cap, struct cap b_cap)
{
    slot_move(a, slot_spare, a->cap);
    slot_move(b, a, b_cap);
    slot_move(slot_spare, b, a_cap);
}

void slot_clear(struct slot *slot)
{
    uint32_t last = slot->before;
    uint32_t child = slot->child;
    /* The children take the place of their parent among its siblings. */
    if (child != 0) {
        slot_at(child)->before = slot->before;
        if (slot->before != 0) {
            slot_at(slot->before)->after = child;
        } else if (slot->parent != 0) {
            slot_at(slot->parent)->child = child;
        }
        for (; child != 0; child = slot_at(child)->after) {
            slot_at(child)->parent = slot->parent;
            last = child;
        }
        slot_at(last)->after = slot->after;
    } else if (slot->before != 0) {
        slot_at(slot->before)->after = slot->after;
    } else if (slot->parent != 0) {
        slot_at(slot->parent)->child = slot->after;
    }
    if (slot->after != 0) {
        slot_at(slot->after)->before = last;
    }
    *slot = (struct slot){0};
}

bool slot_is_final(const struct slot *slot)
{
    const uint32_t related[] = {slot->parent, slot->child, slot->before, slot->after};
    for (unsigned i = 0; i < 4; i++) {
        if (related[i] != 0 && cap_same_object(slot->cap, slot_at(related[i])->cap)) {
            return false;
        }
    }
    return true;
}
