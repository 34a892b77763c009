// SPDX-License-Identifier: BSD-2-Clause

/*
 * Plays "Kernel Memory Allocation" of the seL4 manual: untyped memory and its one method, Retype.
 *
 * An untyped capability counts the bytes that it has handed out; once it has no children it starts
 * again from zero. Objects are cleared when they are made. As that can be long for large frames, it
 * stops when an interrupt is due, and the repeated call goes on from where it was.
 */

#include "standin/cspace.h"
#include "standin/inject.h"
#include "standin/memory.h"
#include "standin/vcpu.h"

/* log2 of an object's size; at least 64 if that is out of all proportion. */
static uint64_t object_bits(uint64_t type, uint64_t size)
{
    switch (type) {
    case seL4_UntypedObject:
    case seL4_SchedContextObject:
        return size;
    case seL4_TCBObject:
        return seL4_TCBBits;
    case seL4_EndpointObject:
        return seL4_EndpointBits;
    case seL4_NotificationObject:
        return seL4_NotificationBits;
    case seL4_ReplyObject:
        return seL4_ReplyBits;
    case seL4_CapTableObject:
        return size + seL4_SlotBits;
    case seL4_ARM_SmallPageObject:
        return seL4_PageBits;
    case seL4_ARM_LargePageObject:
        return seL4_LargePageBits;
    case seL4_ARM_HugePageObject:
        return seL4_HugePageBits;
    case seL4_ARM_PageTableObject:
        return seL4_PageTableBits;
    case seL4_ARM_VSpaceObject:
        return seL4_VSpaceBits;
    default:
        return seL4_VCPUBits;
    }
}

static bool is_frame(uint64_t type)
{
    return type == seL4_ARM_SmallPageObject || type == seL4_ARM_LargePageObject ||
           type == seL4_ARM_HugePageObject;
}

static enum outcome check_size(uint64_t type, uint64_t size)
{
    if (type >= seL4_ObjectTypeCount) {
        return refuse(seL4_InvalidArgument, 0);
    }
    if (size >= seL4_WordBits || object_bits(type, size) > seL4_MaxUntypedBits) {
        return refuse_range(0, seL4_MaxUntypedBits);
    }
    bool small = (type == seL4_CapTableObject && size == 0) ||
                 (type == seL4_UntypedObject && size < seL4_MinUntypedBits) ||
                 (type == seL4_SchedContextObject && size < seL4_MinSchedContextBits);
    return small ? refuse(seL4_InvalidArgument, 1) : DONE;
}

/* The first of `count` slots for the new capabilities. */
static struct slot *find_slots(const struct call *call, uint64_t count)
{
    uint64_t depth = call_word(call, 3);
    uint64_t offset = call_word(call, 4);
    struct cap node = call->extra[0]->cap;
    if (depth != 0) {
        const struct slot *slot = cspace_lookup_slot(node, call_word(call, 2), depth, false);
        if (slot == NULL) {
            return NULL;
        }
        node = slot->cap;
    }
    if (node.type != CAP_CNODE) {
        lookup_failed(seL4_MissingCapability, depth, 0, 0);
        refuse_lookup(false);
        return NULL;
    }
    uint64_t size = BIT(node.bits);
    if (offset > size - 1) {
        refuse_range(0, size - 1);
        return NULL;
    }
    if (count < 1 || count > CONFIG_RETYPE_FAN_OUT_LIMIT) {
        refuse_range(1, CONFIG_RETYPE_FAN_OUT_LIMIT);
        return NULL;
    }
    if (count > size - offset) {
        refuse_range(1, size - offset);
        return NULL;
    }
    struct slot *first = (struct slot *)cap_object(node) + offset;
    for (uint64_t i = 0; i < count; i++) {
        if (first[i].cap.type != CAP_NULL) {
            refuse(seL4_DeleteFirst, 0);
            return NULL;
        }
    }
    return first;
}

static struct cap make_object(uint64_t type, uint64_t size, uint64_t address, uint8_t device)
{
    uint8_t bits = (uint8_t)object_bits(type, size);
    struct cap cap;
    switch (type) {
    case seL4_UntypedObject:
        cap = cap_make(CAP_UNTYPED, address, bits, 0);
        cap.flags = device & CAP_DEVICE;
        return cap;
    case seL4_TCBObject:
        ((struct tcb *)address)->regs[REG_SPSR] = PSTATE_USER;
        return cap_make(CAP_TCB, address, 0, 0);
    case seL4_EndpointObject:
        return cap_make(CAP_ENDPOINT, address, 0, 0);
    case seL4_NotificationObject:
        return cap_make(CAP_NOTIFICATION, address, 0, 0);
    case seL4_ReplyObject:
        return cap_make(CAP_REPLY, address, 0, 0);
    case seL4_CapTableObject:
        return cap_make(CAP_CNODE, address, (uint8_t)size, 0);
    case seL4_SchedContextObject:
        return cap_make(CAP_SCHED_CONTEXT, address, bits, 0);
    case seL4_ARM_PageTableObject:
        return cap_make(CAP_PAGE_TABLE, address, 0, 0);
    case seL4_ARM_VSpaceObject:
        return cap_make(CAP_VSPACE, address, 0, 0);
    case seL4_ARM_VCPUObject:
        vcpu_init((struct vcpu *)address);
        return cap_make(CAP_VCPU, address, 0, 0);
    default:
        cap = cap_make(CAP_FRAME, address, bits, 0);
        cap.flags = device & CAP_DEVICE;
        cap.rights = RIGHT_READ | RIGHT_WRITE;
        return cap;
    }
}

enum outcome untyped_invoke(const struct call *call)
{
    if (call->label != UntypedRetype) {
        return refuse(seL4_IllegalOperation, 0);
    }
    if (call_lacks(call, 6, 1)) {
        return refuse(seL4_TruncatedMessage, 0);
    }
    uint64_t type = call_word(call, 0);
    uint64_t size = call_word(call, 1);
    uint64_t count = call_word(call, 5);
    if (check_size(type, size) != DONE) {
        return REFUSED;
    }
    struct slot *slots = find_slots(call, count);
    if (slots == NULL) {
        return REFUSED;
    }
    uint64_t bits = object_bits(type, size);
    uint64_t used = slot_has_children(call->slot) ? call->cap.data : 0;
    uint64_t left = BIT(call->cap.bits) - used;
    if (left >> bits < count) {
        return refuse(seL4_NotEnoughMemory, left);
    }
    uint8_t device = call->cap.flags & CAP_DEVICE;
    if (device && !is_frame(type) && type != seL4_UntypedObject) {
        return refuse(seL4_InvalidArgument, 1);
    }
    if (inject_retype_fails()) {
        return refuse(seL4_NotEnoughMemory, 0);
    }
    uint64_t start = (used + MASK(bits)) & ~MASK(bits);
    uint64_t base = cap_address(call->cap) + start;
    if (!device && type != seL4_UntypedObject && !memory_clear(base, count << bits)) {
        inject_retype_again();
        return AGAIN;
    }
    call->slot->cap.data = start + (count << bits);
    for (uint64_t i = 0; i < count; i++) {
        struct cap cap = make_object(type, size, base + (i << bits), device);
        slot_insert_child(call->slot, &slots[i], cap);
    }
    return DONE;
}
