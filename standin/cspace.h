/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/* Finding capabilities, copying them, and the derivation tree: chapter "Capability Spaces". */

#include "standin/call.h"

/* The slot that a capability pointer names in a thread's CSpace; null and a lookup failure if none.
 */
struct slot *cspace_lookup(struct tcb *tcb, uint64_t cptr);

/* The slot at index and depth below a CNode capability; null and a refusal if there is none. */
struct slot *cspace_lookup_slot(struct cap root, uint64_t index, uint64_t depth, bool source);

/* As cspace_lookup_slot, but the slot must be empty. */
struct slot *cspace_lookup_empty(struct cap root, uint64_t index, uint64_t depth);

/* The capability that a copy of slot's would be; CAP_NULL and DONE if there is no such copy. */
enum outcome cap_derive(const struct slot *slot, struct cap wanted, struct cap *derived);

/* With badge or guard; CAP_NULL if it cannot take one. A moved capability keeps its badge. */
struct cap cap_with_data(struct cap cap, uint64_t data, bool moved);
struct cap cap_with_rights(struct cap cap, uint64_t rights);

/* Same object: the deletion of one of them is not the end of the object. */
bool cap_same_object(struct cap a, struct cap b);

/* Where slot_swap puts one of them meanwhile; boot.c allocates it. */
extern struct slot *slot_spare;

/* A new capability to an object made out of parent's. */
void slot_insert_child(struct slot *parent, struct slot *slot, struct cap cap);

/* A copy of source's (as cap_derive gave it). */
void slot_insert_copy(struct slot *source, struct slot *slot, struct cap cap);
void slot_move(struct slot *source, struct slot *slot, struct cap cap);
void slot_swap(struct slot *a, struct slot *b, struct cap a_cap, struct cap b_cap);

/* Empties a slot; its children go to its parent. */
void slot_clear(struct slot *slot);

static inline bool slot_has_children(const struct slot *slot)
{
    return slot->child != 0;
}

/* Is this the last capability to its object? */
bool slot_is_final(const struct slot *slot);

/* destroy.c: deletes a capability, and its object with the last one. */
void slot_delete(struct slot *slot);

/* Deletes all that derives from slot's. AGAIN if an interrupt came first. */
enum outcome slot_revoke(struct slot *slot);
