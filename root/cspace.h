/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <sel4/sel4.h>
#include <stdint.h>

/*
 * Root's own CSpace (seL4 manual, chapter "Capability Spaces"): two levels. The first has 2^8
 * slots, each for one CNode of up to 2^24 slots; so a capability's address is (CNode << 24 | slot).
 *
 *   0   the CNode that the kernel gave us: initial capabilities keep their addresses
 *   1   untyped memory: slot = block index in the buddy allocator
 *   2   root's own objects
 *   16  and up: a CNode for each compartment, made of that compartment's memory
 *   80  and up: the same for each VM's RAM, which is a compartment of its own
 *   144 and up: the same for the start segment of each VMM, which goes when the guest runs
 *
 * To name a slot as a place (for a retype, a copy, a delete) the kernel wants the CNode that
 * contains it: cspace_place says it in the three words that these invocations take.
 */
enum {
    CSPACE_LEVEL1_BITS = 8,
    CSPACE_LEVEL2_BITS = 24,
    CSPACE_UNTYPED_BITS = 12, /* BUDDY_BLOCK_MAX slots */
    CSPACE_OWN_BITS = 12,
    CSPACE_INITIAL = 0,
    CSPACE_UNTYPED = 1,
    CSPACE_OWN = 2,
    CSPACE_COMPARTMENT = 16,
    CSPACE_COMPARTMENT_MAX = 64,
    CSPACE_RAM = CSPACE_COMPARTMENT + CSPACE_COMPARTMENT_MAX,
    CSPACE_START = CSPACE_RAM + CSPACE_COMPARTMENT_MAX,
};

static inline seL4_CPtr cspace_slot(seL4_Word cnode, seL4_Word slot)
{
    return cnode << CSPACE_LEVEL2_BITS | slot;
}

/*
 * Builds the CSpace out of one of the kernel's untyped objects and makes it root's own. `untyped`
 * is an initial capability of at least CSPACE_BOOTSTRAP_BYTES. Stops with a message on failure:
 * there is nothing to fall back to.
 */
enum { CSPACE_BOOTSTRAP_BYTES = 512 * 1024 };
void cspace_build(const seL4_BootInfo *info, seL4_CPtr untyped);

/* A free slot of root's own CNode, never given back. */
seL4_CPtr cspace_own_slot(void);

/* Retypes into a slot that cspace_slot made. */
seL4_Error cspace_retype(seL4_CPtr untyped, seL4_Word type, seL4_Word size_bits, seL4_CPtr first,
                         seL4_Word count);
seL4_Error cspace_copy(seL4_CPtr to, seL4_CPtr from, seL4_CapRights_t rights);
seL4_Error cspace_mint(seL4_CPtr to, seL4_CPtr from, seL4_CapRights_t rights, seL4_Word badge);
seL4_Error cspace_move(seL4_CPtr to, seL4_CPtr from);
seL4_Error cspace_delete(seL4_CPtr slot);
seL4_Error cspace_revoke(seL4_CPtr slot);

/* Puts a copy of `from` into another process's CNode (a capability of that CNode itself), at
 * `slot`. */
seL4_Error cspace_give(seL4_CPtr cnode, unsigned cnode_bits, seL4_Word slot, seL4_CPtr from,
                       seL4_CapRights_t rights, seL4_Word badge);
/* Empties a slot of another process's CNode. */
seL4_Error cspace_take(seL4_CPtr cnode, unsigned cnode_bits, seL4_Word slot);

/* The handler of a shared, level-triggered interrupt, delivered to core 0. */
seL4_Error cspace_irq_handler(seL4_CPtr to, seL4_Word intid);

/* Hangs a CNode of 2^bits slots, whose capability is `cnode`, in at level-1 slot `index`. */
seL4_Error cspace_hang(seL4_Word index, seL4_CPtr cnode, unsigned bits);
seL4_Error cspace_unhang(seL4_Word index);
