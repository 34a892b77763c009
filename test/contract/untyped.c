// SPDX-License-Identifier: BSD-2-Clause
/* Untyped memory: the size of each object, the errors of seL4_Untyped_Retype, and what frees
 * memory. */
#include <string.h>

#include "lib/format.h"
#include "test/contract/contract.h"

enum { SMALL_BITS = 16, CNODE_BITS = 4 };

static seL4_Error retype_new(seL4_CPtr untyped, seL4_Word type, seL4_Word size_bits)
{
    return cap_retype(untyped, type, size_bits, cap_slot(), 1);
}

/* The object fills an untyped of 2^bits, once, and does not fit in half of that. */
static void check_object(const char *name, seL4_Word type, seL4_Word size_bits, unsigned bits)
{
    char observed[80];
    seL4_CPtr exact = cap_new(seL4_UntypedObject, bits);
    seL4_Error small = seL4_NotEnoughMemory;
    if (bits > seL4_MinUntypedBits) {
        small = retype_new(cap_new(seL4_UntypedObject, bits - 1), type, size_bits);
    }
    seL4_Error first = retype_new(exact, type, size_bits);
    seL4_Error second = retype_new(exact, type, size_bits);
    format(observed, sizeof observed, "%s, once more %s, in half its size %s",
           contract_error_name(first), contract_error_name(second), contract_error_name(small));
    contract_line(name, observed,
                  "NoError, once more NotEnoughMemory, in half its size NotEnoughMemory");
    REQUIRE(cap_revoke(exact) == seL4_NoError);
}

static void check_sizes(void)
{
    check_object("retype.untyped", seL4_UntypedObject, 12, 12);
    check_object("retype.tcb", seL4_TCBObject, 0, seL4_TCBBits);
    check_object("retype.endpoint", seL4_EndpointObject, 0, seL4_EndpointBits);
    check_object("retype.notification", seL4_NotificationObject, 0, seL4_NotificationBits);
    check_object("retype.reply", seL4_ReplyObject, 0, seL4_ReplyBits);
    check_object("retype.cnode", seL4_CapTableObject, CNODE_BITS, CNODE_BITS + seL4_SlotBits);
    check_object("retype.sched_context", seL4_SchedContextObject, seL4_MinSchedContextBits,
                 seL4_MinSchedContextBits);
    check_object("retype.small_page", seL4_ARM_SmallPageObject, 0, seL4_PageBits);
    check_object("retype.large_page", seL4_ARM_LargePageObject, 0, seL4_LargePageBits);
    check_object("retype.page_table", seL4_ARM_PageTableObject, 0, seL4_PageTableBits);
    check_object("retype.vspace", seL4_ARM_VSpaceObject, 0, seL4_VSpaceBits);
    check_object("retype.vcpu", seL4_ARM_VCPUObject, 0, seL4_ARM_VCPUBits);
}

static void check_arguments(void)
{
    seL4_CPtr untyped = cap_new(seL4_UntypedObject, SMALL_BITS);
    seL4_CPtr slot = cap_slot();

    contract_error("retype.type_unknown", cap_retype(untyped, 0xffff, 0, slot, 1),
                   seL4_InvalidArgument);
    contract_error("retype.size_64", cap_retype(untyped, seL4_UntypedObject, 64, slot, 1),
                   seL4_RangeError);
    contract_error("retype.untyped_too_small",
                   cap_retype(untyped, seL4_UntypedObject, seL4_MinUntypedBits - 1, slot, 1),
                   seL4_InvalidArgument);
    contract_error("retype.cnode_of_one_slot", cap_retype(untyped, seL4_CapTableObject, 0, slot, 1),
                   seL4_InvalidArgument);
    contract_error(
        "retype.sched_context_too_small",
        cap_retype(untyped, seL4_SchedContextObject, seL4_MinSchedContextBits - 1, slot, 1),
        seL4_InvalidArgument);
    contract_error("retype.too_large",
                   cap_retype(untyped, seL4_UntypedObject, SMALL_BITS + 1, slot, 1),
                   seL4_NotEnoughMemory);
    contract_number("retype.too_large.memory_left", seL4_GetMR(0), 1ul << SMALL_BITS);
    contract_error("retype.none", cap_retype(untyped, seL4_EndpointObject, 0, slot, 0),
                   seL4_RangeError);
    contract_error("retype.fan_out", cap_retype(untyped, seL4_EndpointObject, 0, slot, 257),
                   seL4_RangeError);
    contract_claim("retype.fan_out.limit", seL4_GetMR(0) == 1 && seL4_GetMR(1) == 256, "1 to 256");
    contract_claim("retype.failed_makes_nothing", !cap_exists(slot), "no capability");
    contract_error(
        "invoke.wrong_label",
        seL4_MessageInfo_get_label(seL4_Call(untyped, seL4_MessageInfo_new(0xfff, 0, 0, 0))),
        seL4_IllegalOperation);
    contract_error("invoke.truncated",
                   seL4_MessageInfo_get_label(
                       seL4_Call(untyped, seL4_MessageInfo_new(UntypedRetype, 0, 0, 1))),
                   seL4_TruncatedMessage);
    contract_error("invoke.empty_slot", cap_retype(slot, seL4_EndpointObject, 0, slot, 1),
                   seL4_InvalidCapability);
}

static void check_destination(void)
{
    seL4_CPtr untyped = cap_new(seL4_UntypedObject, SMALL_BITS);
    seL4_CPtr cnode = cap_new(seL4_CapTableObject, CNODE_BITS);
    seL4_CPtr used = cap_new(seL4_EndpointObject, 0);
    seL4_Word size = 1ul << CNODE_BITS;

    contract_error("retype.slot_used", cap_retype(untyped, seL4_EndpointObject, 0, used, 1),
                   seL4_DeleteFirst);
    contract_error("retype.last_slot_used",
                   cap_retype(untyped, seL4_EndpointObject, 0, used - 1, 2), seL4_DeleteFirst);
    contract_error("retype.offset_too_large",
                   seL4_Untyped_Retype(untyped, seL4_EndpointObject, 0, cnode, 0, 0, size, 1),
                   seL4_RangeError);
    contract_error("retype.window_overruns",
                   seL4_Untyped_Retype(untyped, seL4_EndpointObject, 0, cnode, 0, 0, size - 1, 2),
                   seL4_RangeError);
    contract_error("retype.not_a_cnode",
                   seL4_Untyped_Retype(untyped, seL4_EndpointObject, 0, used, 0, 0, 0, 1),
                   seL4_FailedLookup);
    contract_error("retype.into_own_cnode",
                   seL4_Untyped_Retype(untyped, seL4_EndpointObject, 0, cnode, 0, 0, 0, size),
                   seL4_NoError);
    contract_error("retype.into_cnode_by_address",
                   seL4_Untyped_Retype(untyped, seL4_EndpointObject, 0, seL4_CapInitThreadCNode,
                                       cnode, ROOT_DEPTH, 0, 1),
                   seL4_DeleteFirst);
}

static void check_freeing(void)
{
    seL4_CPtr untyped = cap_new(seL4_UntypedObject, seL4_PageBits + 1u);
    seL4_CPtr a = cap_slot(), b = cap_slot(), c = cap_slot();
    REQUIRE(cap_retype(untyped, seL4_ARM_SmallPageObject, 0, a, 1) == seL4_NoError);
    REQUIRE(cap_retype(untyped, seL4_ARM_SmallPageObject, 0, b, 1) == seL4_NoError);

    contract_error("untyped.full", cap_retype(untyped, seL4_ARM_SmallPageObject, 0, c, 1),
                   seL4_NotEnoughMemory);
    contract_number("untyped.full.memory_left", seL4_GetMR(0), 0);
    REQUIRE(cap_delete(a) == seL4_NoError);
    contract_error("untyped.one_child_left", cap_retype(untyped, seL4_ARM_SmallPageObject, 0, c, 1),
                   seL4_NotEnoughMemory);
    REQUIRE(cap_delete(b) == seL4_NoError);
    contract_error("untyped.no_child_left", cap_retype(untyped, seL4_ARM_SmallPageObject, 0, c, 1),
                   seL4_NoError);

    seL4_CPtr copy = cap_copy(c, seL4_AllRights);
    contract_error("untyped.revoke", cap_revoke(untyped), seL4_NoError);
    contract_claim("untyped.revoke.children", !cap_exists(c) && !cap_exists(copy),
                   "all gone, copies too");
    contract_error("untyped.revoke.again", cap_revoke(untyped), seL4_NoError);
    contract_error("untyped.after_revoke", cap_retype(untyped, seL4_ARM_SmallPageObject, 0, c, 2),
                   seL4_NoError);
}

static void check_clearing(void)
{
    seL4_CPtr untyped = cap_new(seL4_UntypedObject, seL4_PageBits), frame = cap_slot();
    seL4_Word window = memory_window(seL4_PageBits);
    REQUIRE(cap_retype(untyped, seL4_ARM_SmallPageObject, 0, frame, 1) == seL4_NoError);
    memory_map(frame, seL4_CapInitThreadVSpace, window, seL4_ReadWrite);
    unsigned char *bytes = (unsigned char *)window;
    memset(bytes, 0xa5, 1ul << seL4_PageBits);
    REQUIRE(cap_revoke(untyped) == seL4_NoError);
    REQUIRE(cap_retype(untyped, seL4_ARM_SmallPageObject, 0, frame, 1) == seL4_NoError);
    memory_map(frame, seL4_CapInitThreadVSpace, window, seL4_ReadWrite);
    unsigned char seen = 0;
    for (size_t i = 0; i < 1ul << seL4_PageBits; i++) {
        seen |= bytes[i];
    }
    contract_claim("untyped.reused_memory", seen == 0, "all zero");
}

static void check_device(void)
{
    seL4_CPtr device = cap_untyped(seL4_LargePageBits, true);
    seL4_CPtr piece = cap_slot();
    if (device == seL4_CapNull) {
        contract_skip("untyped.device", "no large device untyped");
        return;
    }
    contract_error("untyped.device.kernel_object",
                   cap_retype(device, seL4_EndpointObject, 0, cap_slot(), 1), seL4_InvalidArgument);
    contract_error("untyped.device.untyped",
                   cap_retype(device, seL4_UntypedObject, seL4_LargePageBits, piece, 1),
                   seL4_NoError);
    contract_error("untyped.device.child.kernel_object",
                   cap_retype(piece, seL4_TCBObject, 0, cap_slot(), 1), seL4_InvalidArgument);
    contract_error("untyped.device.large_page",
                   cap_retype(piece, seL4_ARM_LargePageObject, 0, cap_slot(), 1), seL4_NoError);
    (void)cap_revoke(piece);
    (void)cap_delete(piece);
}

void untyped_run(void)
{
    check_sizes();
    check_arguments();
    check_destination();
    check_freeing();
    check_clearing();
    check_device();
}
