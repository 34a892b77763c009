// SPDX-License-Identifier: BSD-2-Clause
/* Capabilities and where they lie: copies, badges, moves, deletion, revocation, guards, two levels.
 */
#include "lib/format.h"
#include "test/contract/contract.h"
#include "test/contract/thread.h"

enum { LEAF_BITS = 6, TOP_BITS = 5, LEAF_INDEX = 3, TOP_INDEX = 7 };

static seL4_Error copy(seL4_CPtr to, seL4_CPtr from)
{
    return seL4_CNode_Copy(seL4_CapInitThreadCNode, to, ROOT_DEPTH, seL4_CapInitThreadCNode, from,
                           ROOT_DEPTH, seL4_AllRights);
}

static seL4_Error mint(seL4_CPtr to, seL4_CPtr from, seL4_Word data)
{
    return seL4_CNode_Mint(seL4_CapInitThreadCNode, to, ROOT_DEPTH, seL4_CapInitThreadCNode, from,
                           ROOT_DEPTH, seL4_AllRights, data);
}

static seL4_Error move(seL4_CPtr to, seL4_CPtr from)
{
    return seL4_CNode_Move(seL4_CapInitThreadCNode, to, ROOT_DEPTH, seL4_CapInitThreadCNode, from,
                           ROOT_DEPTH);
}

static seL4_Error mutate(seL4_CPtr to, seL4_CPtr from, seL4_Word data)
{
    return seL4_CNode_Mutate(seL4_CapInitThreadCNode, to, ROOT_DEPTH, seL4_CapInitThreadCNode, from,
                             ROOT_DEPTH, data);
}

static void check_copy(void)
{
    seL4_CPtr notification = cap_new(seL4_NotificationObject, 0);
    seL4_CPtr slot = cap_slot(), other = cap_slot();
    seL4_Word badge = 0;

    contract_error("cnode.copy", copy(slot, notification), seL4_NoError);
    contract_error("cnode.copy.slot_used", copy(slot, notification), seL4_DeleteFirst);
    contract_error("cnode.copy.of_nothing", copy(cap_slot(), other), seL4_FailedLookup);
    contract_error("cnode.mint.badge", mint(other, notification, 0x51), seL4_NoError);
    seL4_Signal(other);
    seL4_Poll(notification, &badge);
    contract_number("cnode.mint.badge.seen", badge, 0x51);
    contract_error("cnode.mint.badge_twice", mint(cap_slot(), other, 1), seL4_IllegalOperation);
    contract_error("cnode.copy.of_badged", copy(cap_slot(), other), seL4_NoError);
    contract_error("cnode.mutate.badge", mutate(cap_slot(), slot, 1), seL4_IllegalOperation);

    seL4_CPtr receive_only = cap_mint(notification, seL4_CanRead, 0);
    contract_error(
        "cnode.rights.no_write",
        seL4_MessageInfo_get_label(seL4_Call(receive_only, seL4_MessageInfo_new(0, 0, 0, 0))),
        seL4_InvalidCapability);
    seL4_Signal(receive_only);
    seL4_Poll(notification, &badge);
    contract_number("cnode.rights.signal_without", badge, 0);
}

static void check_move(void)
{
    seL4_CPtr a = cap_new(seL4_EndpointObject, 0), b = cap_slot(), c = cap_slot();
    contract_error("cnode.move", move(b, a), seL4_NoError);
    contract_claim("cnode.move.source", !cap_exists(a) && cap_exists(b), "empty");
    contract_error("cnode.move.slot_used", move(b, b), seL4_DeleteFirst);
    contract_error("cnode.move.of_nothing", move(c, a), seL4_FailedLookup);
    contract_error("cnode.delete", cap_delete(b), seL4_NoError);
    contract_error("cnode.delete.nothing", cap_delete(b), seL4_NoError);

    seL4_CPtr x = cap_new(seL4_TCBObject, 0), y = cap_new(seL4_TCBObject, 0);
    contract_error("cnode.rotate",
                   seL4_CNode_Rotate(seL4_CapInitThreadCNode, a, ROOT_DEPTH, 0,
                                     seL4_CapInitThreadCNode, x, ROOT_DEPTH, 0,
                                     seL4_CapInitThreadCNode, y, ROOT_DEPTH),
                   seL4_NoError);
    contract_claim("cnode.rotate.slots", cap_exists(a) && cap_exists(x) && !cap_exists(y),
                   "pivot to destination, source to pivot");
}

static void check_revoke(void)
{
    seL4_CPtr parent = cap_new(seL4_EndpointObject, 0);
    seL4_CPtr child = cap_mint(parent, seL4_AllRights, 5);
    seL4_CPtr grandchild = cap_copy(child, seL4_AllRights);
    seL4_CPtr unbadged = cap_copy(parent, seL4_AllRights);
    contract_error("cnode.revoke.badged", cap_revoke(child), seL4_NoError);
    contract_claim("cnode.revoke.badged.copies", cap_exists(child) && !cap_exists(grandchild),
                   "gone; the badged one stays");
    contract_error("cnode.revoke", cap_revoke(parent), seL4_NoError);
    contract_claim("cnode.revoke.derived",
                   cap_exists(parent) && !cap_exists(child) && !cap_exists(grandchild) &&
                       !cap_exists(unbadged),
                   "gone; the revoked one stays");
    contract_error("cnode.revoke.nothing", cap_revoke(child), seL4_NoError);
}

static void check_derivation(void)
{
    seL4_CPtr untyped = cap_new(seL4_UntypedObject, 12), child = cap_slot();
    contract_error("cnode.copy.untyped", copy(cap_slot(), untyped), seL4_NoError);
    REQUIRE(cap_revoke(untyped) == seL4_NoError);
    REQUIRE(cap_retype(untyped, seL4_EndpointObject, 0, child, 1) == seL4_NoError);
    contract_error("cnode.copy.untyped_with_child", copy(cap_slot(), untyped), seL4_RevokeFirst);
    contract_error("cnode.copy.irq_control", copy(cap_slot(), seL4_CapIRQControl),
                   seL4_IllegalOperation);
    contract_error("cnode.copy.vspace_no_asid", copy(cap_slot(), cap_new(seL4_ARM_VSpaceObject, 0)),
                   seL4_IllegalOperation);
    contract_error("cnode.copy.table_unmapped",
                   copy(cap_slot(), cap_new(seL4_ARM_PageTableObject, 0)), seL4_IllegalOperation);
    contract_error("cnode.copy.reply", copy(cap_slot(), cap_new(seL4_ReplyObject, 0)),
                   seL4_NoError);
    contract_error("cnode.copy.tcb", copy(cap_slot(), cap_new(seL4_TCBObject, 0)), seL4_NoError);
    contract_error("cnode.copy.vcpu", copy(cap_slot(), cap_new(seL4_ARM_VCPUObject, 0)),
                   seL4_NoError);
}

static void check_lookup(void)
{
    seL4_CPtr cnode = cap_new(seL4_CapTableObject, LEAF_BITS);
    seL4_CPtr thing = cap_new(seL4_EndpointObject, 0);
    const seL4_CPtr root = seL4_CapInitThreadCNode;

    contract_error("cnode.depth_zero",
                   seL4_CNode_Copy(cnode, 1, 0, root, thing, ROOT_DEPTH, seL4_AllRights),
                   seL4_RangeError);
    contract_error("cnode.depth_too_large",
                   seL4_CNode_Copy(cnode, 1, 65, root, thing, ROOT_DEPTH, seL4_AllRights),
                   seL4_RangeError);
    contract_error(
        "cnode.depth_short",
        seL4_CNode_Copy(cnode, 1, LEAF_BITS - 1, root, thing, ROOT_DEPTH, seL4_AllRights),
        seL4_FailedLookup);
    contract_error(
        "cnode.depth_long",
        seL4_CNode_Copy(cnode, 1, LEAF_BITS + 1, root, thing, ROOT_DEPTH, seL4_AllRights),
        seL4_FailedLookup);
    contract_error("cnode.depth_exact",
                   seL4_CNode_Copy(cnode, 1, LEAF_BITS, root, thing, ROOT_DEPTH, seL4_AllRights),
                   seL4_NoError);
    seL4_Word guard = seL4_CNode_CapData_new(0x2a, 8).words[0];
    seL4_CPtr guarded = cap_mint(cnode, seL4_AllRights, guard);
    contract_error("cnode.guard.match",
                   seL4_CNode_Copy(guarded, 0x2a << LEAF_BITS | 2, LEAF_BITS + 8, root, thing,
                                   ROOT_DEPTH, seL4_AllRights),
                   seL4_NoError);
    contract_error("cnode.guard.mismatch",
                   seL4_CNode_Copy(guarded, 0x2b << LEAF_BITS | 4, LEAF_BITS + 8, root, thing,
                                   ROOT_DEPTH, seL4_AllRights),
                   seL4_FailedLookup);
    seL4_CPtr mutated = cap_slot();
    contract_error("cnode.mutate.guard",
                   mutate(mutated, guarded, seL4_CNode_CapData_new(0, 58).words[0]), seL4_NoError);
    contract_error("cnode.mutate.guard.used", seL4_CNode_Delete(mutated, 2, seL4_WordBits),
                   seL4_NoError);
    contract_error("cnode.delete.two_levels", seL4_CNode_Delete(root, mutated, ROOT_DEPTH),
                   seL4_NoError);
}

/* A process's CSpace: a top CNode with a guard that leaves 11 bits, a leaf in one of its slots. */
static seL4_CPtr make_two_levels(void)
{
    const seL4_CPtr root = seL4_CapInitThreadCNode;
    seL4_CPtr top = cap_new(seL4_CapTableObject, TOP_BITS);
    seL4_CPtr leaf = cap_new(seL4_CapTableObject, LEAF_BITS);
    seL4_Word guard = seL4_CNode_CapData_new(0, seL4_WordBits - TOP_BITS - LEAF_BITS).words[0];
    REQUIRE(seL4_CNode_Copy(top, TOP_INDEX, TOP_BITS, root, leaf, ROOT_DEPTH, seL4_AllRights) ==
            seL4_NoError);
    return cap_mint(top, seL4_AllRights, guard);
}

enum { THREAD_ADDRESS = TOP_INDEX << LEAF_BITS | LEAF_INDEX, NOWHERE = THREAD_ADDRESS + 1 };

/* Runs in a CSpace of its own. */
static void use_two_levels(void *argument)
{
    (void)argument;
    seL4_Signal(THREAD_ADDRESS);
    seL4_Call(NOWHERE, seL4_MessageInfo_new(0, 0, 0, 0)); /* an empty slot: an error, no fault */
    seL4_Signal(THREAD_ADDRESS);
    seL4_Wait(NOWHERE, NULL); /* a receive there faults */
}

static void use_no_slot(void *argument)
{
    (void)argument;
    seL4_Send(1ul << (TOP_BITS + LEAF_BITS), seL4_MessageInfo_new(0, 0, 0, 0));
}

static void check_cap_fault(const char *name, const struct message *m, seL4_Word address,
                            bool in_receive, seL4_Word failure)
{
    char observed[120], expected[120];
    format(observed, sizeof observed, "label %lu badge %lu address 0x%lx receive %lu failure %lu",
           m->label, m->badge, m->words[seL4_CapFault_Addr], m->words[seL4_CapFault_InRecvPhase],
           m->words[seL4_CapFault_LookupFailureType]);
    format(expected, sizeof expected, "label %u badge 3 address 0x%lx receive %u failure %lu",
           seL4_Fault_CapFault, address, in_receive, failure);
    contract_line(name, observed, expected);
}

static void check_two_levels(void)
{
    const seL4_CPtr root = seL4_CapInitThreadCNode;
    seL4_CPtr cspace = make_two_levels();
    seL4_CPtr notification = cap_new(seL4_NotificationObject, 0);
    seL4_CPtr faults = cap_new(seL4_EndpointObject, 0), reply = cap_new(seL4_ReplyObject, 0);
    seL4_CPtr badged = cap_mint(faults, seL4_AllRights, 3);
    struct thread thread;
    struct message m;
    seL4_Word badge = 0;
    contract_error("cspace.two_levels.mint",
                   seL4_CNode_Mint(cspace, THREAD_ADDRESS, seL4_WordBits, root, notification,
                                   ROOT_DEPTH, seL4_AllRights, 9),
                   seL4_NoError);
    thread_make(&thread, &(struct thread_options){.entry = use_two_levels});
    contract_error("cspace.two_levels.set_space",
                   seL4_TCB_SetSpace(thread.tcb, badged, cspace, 0, seL4_CapInitThreadVSpace, 0),
                   seL4_NoError);
    REQUIRE(seL4_TCB_Resume(thread.tcb) == seL4_NoError);
    contract_receive(faults, reply, &m, 100);
    seL4_Poll(notification, &badge);
    contract_number("cspace.two_levels.signal", badge, 9);
    check_cap_fault("cap_fault.receive_empty_slot", &m, NOWHERE, true, seL4_MissingCapability);

    thread_make(&thread, &(struct thread_options){.entry = use_no_slot});
    REQUIRE(seL4_TCB_SetSpace(thread.tcb, badged, cspace, 0, seL4_CapInitThreadVSpace, 0) ==
            seL4_NoError);
    REQUIRE(seL4_TCB_Resume(thread.tcb) == seL4_NoError);
    contract_receive(faults, reply, &m, 100);
    check_cap_fault("cap_fault.send_guard_mismatch", &m, 1ul << (TOP_BITS + LEAF_BITS), false,
                    seL4_GuardMismatch);
}

void cnode_run(void)
{
    check_copy();
    check_move();
    check_revoke();
    check_derivation();
    check_lookup();
    check_two_levels();
}
