// SPDX-License-Identifier: BSD-2-Clause
#include "root/cspace.h"

#include "lib/check.h"

/* Where the capabilities of the CNodes themselves live, in the initial CNode. */
static seL4_CPtr level1, untyped_cnode, own_cnode;
static seL4_Word own_next = 1;

/* Depth of a level-1 slot seen from level1, and of any slot seen from it. */
enum { DEPTH_LEVEL1 = CSPACE_LEVEL1_BITS, DEPTH_FULL = CSPACE_LEVEL1_BITS + CSPACE_LEVEL2_BITS };

static seL4_Error make_cnode(seL4_CPtr untyped, unsigned bits, seL4_CPtr slot)
{
    return seL4_Untyped_Retype(untyped, seL4_CapTableObject, bits, seL4_CapInitThreadCNode, 0, 0,
                               slot, 1);
}

static seL4_Word guard(unsigned radix_bits)
{
    return seL4_CNode_CapData_new(0, CSPACE_LEVEL2_BITS - radix_bits).words[0];
}

void cspace_build(const seL4_BootInfo *info, seL4_CPtr untyped)
{
    seL4_CPtr slot = info->empty.start;
    level1 = slot++;
    untyped_cnode = slot++;
    own_cnode = slot++;
    /* 1. The three CNodes, their capabilities in the initial CNode. */
    CHECK(make_cnode(untyped, CSPACE_UNTYPED_BITS, untyped_cnode) == seL4_NoError);
    CHECK(make_cnode(untyped, CSPACE_OWN_BITS, own_cnode) == seL4_NoError);
    CHECK(make_cnode(untyped, CSPACE_LEVEL1_BITS, level1) == seL4_NoError);
    /* 2. Hang them into level 1, each with the guard that makes its addresses 24 bits long. */
    CHECK(seL4_CNode_Mint(level1, CSPACE_INITIAL, DEPTH_LEVEL1, seL4_CapInitThreadCNode,
                          seL4_CapInitThreadCNode, seL4_WordBits, seL4_AllRights,
                          guard((unsigned)info->initThreadCNodeSizeBits)) == seL4_NoError);
    CHECK(seL4_CNode_Mint(level1, CSPACE_UNTYPED, DEPTH_LEVEL1, seL4_CapInitThreadCNode,
                          untyped_cnode, seL4_WordBits, seL4_AllRights,
                          guard(CSPACE_UNTYPED_BITS)) == seL4_NoError);
    CHECK(seL4_CNode_Mint(level1, CSPACE_OWN, DEPTH_LEVEL1, seL4_CapInitThreadCNode, own_cnode,
                          seL4_WordBits, seL4_AllRights, guard(CSPACE_OWN_BITS)) == seL4_NoError);
    /* 3. Move in. The guard makes up the 64 bits; initial capabilities keep their addresses. */
    seL4_Word data = seL4_CNode_CapData_new(0, seL4_WordBits - DEPTH_FULL).words[0];
    CHECK(seL4_TCB_SetSpace(seL4_CapInitThreadTCB, seL4_CapNull, level1, data,
                            seL4_CapInitThreadVSpace, 0) == seL4_NoError);
}

seL4_CPtr cspace_own_slot(void)
{
    CHECK(own_next < 1u << CSPACE_OWN_BITS);
    return cspace_slot(CSPACE_OWN, own_next++);
}

seL4_Error cspace_retype(seL4_CPtr untyped, seL4_Word type, seL4_Word size_bits, seL4_CPtr first,
                         seL4_Word count)
{
    seL4_Word cnode = first >> CSPACE_LEVEL2_BITS;
    seL4_Word offset = first & ((1ul << CSPACE_LEVEL2_BITS) - 1);
    return (seL4_Error)seL4_Untyped_Retype(untyped, type, size_bits, level1, cnode, DEPTH_LEVEL1,
                                           offset, count);
}

seL4_Error cspace_copy(seL4_CPtr to, seL4_CPtr from, seL4_CapRights_t rights)
{
    return (seL4_Error)seL4_CNode_Copy(level1, to, DEPTH_FULL, level1, from, DEPTH_FULL, rights);
}

seL4_Error cspace_mint(seL4_CPtr to, seL4_CPtr from, seL4_CapRights_t rights, seL4_Word badge)
{
    return (seL4_Error)seL4_CNode_Mint(level1, to, DEPTH_FULL, level1, from, DEPTH_FULL, rights,
                                       badge);
}

seL4_Error cspace_move(seL4_CPtr to, seL4_CPtr from)
{
    return (seL4_Error)seL4_CNode_Move(level1, to, DEPTH_FULL, level1, from, DEPTH_FULL);
}

seL4_Error cspace_delete(seL4_CPtr slot)
{
    return (seL4_Error)seL4_CNode_Delete(level1, slot, DEPTH_FULL);
}

seL4_Error cspace_revoke(seL4_CPtr slot)
{
    return (seL4_Error)seL4_CNode_Revoke(level1, slot, DEPTH_FULL);
}

seL4_Error cspace_give(seL4_CPtr cnode, unsigned cnode_bits, seL4_Word slot, seL4_CPtr from,
                       seL4_CapRights_t rights, seL4_Word badge)
{
    if (badge == 0) {
        return (seL4_Error)seL4_CNode_Copy(cnode, slot, (seL4_Uint8)cnode_bits, level1, from,
                                           DEPTH_FULL, rights);
    }
    return (seL4_Error)seL4_CNode_Mint(cnode, slot, (seL4_Uint8)cnode_bits, level1, from,
                                       DEPTH_FULL, rights, badge);
}

seL4_Error cspace_take(seL4_CPtr cnode, unsigned cnode_bits, seL4_Word slot)
{
    return (seL4_Error)seL4_CNode_Delete(cnode, slot, (seL4_Uint8)cnode_bits);
}

seL4_Error cspace_irq_handler(seL4_CPtr to, seL4_Word intid)
{
    enum { LEVEL = 0 };
    return (seL4_Error)seL4_IRQControl_GetTrigger(seL4_CapIRQControl, intid, LEVEL, level1, to,
                                                  DEPTH_FULL);
}

seL4_Error cspace_hang(seL4_Word index, seL4_CPtr cnode, unsigned bits)
{
    return (seL4_Error)seL4_CNode_Mint(level1, index, DEPTH_LEVEL1, level1, cnode, DEPTH_FULL,
                                       seL4_AllRights, guard(bits));
}

seL4_Error cspace_unhang(seL4_Word index)
{
    return (seL4_Error)seL4_CNode_Delete(level1, index, DEPTH_LEVEL1);
}
