// SPDX-License-Identifier: BSD-2-Clause

/*
 * Plays "Deletion and Revocation" in chapter "Capability Spaces" of the seL4 manual.
 *
 * With its last capability an object ends. CNodes and TCBs hold capabilities that end with them,
 * and those may be the last ones to further containers: they are walked depth first without
 * recursion. While that goes on, the slot of a container has a CAP_DYING, whose data is the number
 * of slots that are still to be emptied in the high half and the slot to go back to in the low
 * half. One deletion is done at once, so nobody else ever sees a CAP_DYING; Revoke stops between
 * deletions.
 */

#include "standin/ipc.h"
#include "standin/irq.h"
#include "standin/memory.h"
#include "standin/sched_context.h"
#include "standin/thread.h"
#include "standin/vcpu.h"
#include "standin/vspace.h"

/* The object that this was the last capability to. */
static void finalise(struct cap cap)
{
    switch (cap.type) {
    case CAP_ENDPOINT:
        endpoint_cancel_all(cap_object(cap));
        break;
    case CAP_NOTIFICATION:
        notification_finalise(cap_object(cap));
        break;
    case CAP_REPLY:
        reply_finalise(cap_object(cap));
        break;
    case CAP_SCHED_CONTEXT:
        sched_context_finalise(cap_object(cap));
        break;
    case CAP_TCB:
        thread_finalise(cap_object(cap));
        break;
    case CAP_IRQ_HANDLER:
        irq_release(cap.data);
        break;
    case CAP_PAGE_TABLE:
        page_table_unmap(cap);
        break;
    case CAP_VSPACE:
        vspace_finalise(cap);
        break;
    case CAP_ASID_POOL:
        asid_pool_finalise(cap);
        break;
    case CAP_VCPU:
        vcpu_detach(cap_object(cap));
        break;
    default:
        break;
    }
}

static bool is_container(struct cap cap)
{
    return cap.type == CAP_CNODE || cap.type == CAP_TCB;
}

static void begin_container(struct slot *slot, const struct slot *back)
{
    struct cap cap = slot->cap;
    uint64_t count = cap.type == CAP_CNODE ? BIT(cap.bits) : TCB_SLOTS;
    uint64_t address = cap_address(cap) + (cap.type == CAP_TCB ? offsetof(struct tcb, slots) : 0);
    finalise(cap);
    slot->cap = cap_make(CAP_DYING, address, 0, count << 32 | slot_ref(back));
}

static void delete_plain(struct slot *slot)
{
    struct cap cap = slot->cap;
    bool final = slot_is_final(slot);
    if (cap.type == CAP_FRAME) {
        frame_unmap(cap);
    }
    slot_clear(slot);
    if (final) {
        finalise(cap);
    }
}

void slot_delete(struct slot *slot)
{
    if (slot->cap.type == CAP_NULL) {
        return;
    }
    if (!is_container(slot->cap) || !slot_is_final(slot)) {
        delete_plain(slot);
        return;
    }
    begin_container(slot, NULL);
    while (slot != NULL) {
        uint64_t left = slot->cap.data >> 32;
        struct slot *back = slot_at((uint32_t)slot->cap.data);
        if (left == 0) {
            slot_clear(slot);
            slot = back;
            continue;
        }
        slot->cap.data -= BIT(32);
        struct slot *inner = (struct slot *)cap_object(slot->cap) + (left - 1);
        if (inner->cap.type == CAP_NULL || inner->cap.type == CAP_DYING) {
            /* A dying one is further up on the way here. */
            continue;
        }
        if (is_container(inner->cap) && slot_is_final(inner)) {
            begin_container(inner, slot);
            slot = inner;
        } else {
            delete_plain(inner);
        }
    }
}

enum outcome slot_revoke(struct slot *slot)
{
    while (slot_has_children(slot)) {
        slot_delete(slot_at(slot->child));
        if (slot_has_children(slot) && interrupt_pending()) {
            return AGAIN;
        }
    }
    return DONE;
}
