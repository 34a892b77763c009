// SPDX-License-Identifier: BSD-2-Clause

/*
 * Plays "Address Spaces and Virtual Memory" of the seL4 manual: ASID pools, and the hardware's
 * 8-bit VMIDs, which are lent to the address spaces that run.
 */

#include "standin/cspace.h"
#include "standin/inject.h"
#include "standin/memory.h"
#include "standin/sched.h"
#include "standin/vspace.h"

#define POOLS     (1u << seL4_NumASIDPoolsBits)
#define IN_POOL   (1u << seL4_ASIDPoolIndexBits)
#define VMIDS     256u
#define VMID_NONE 0 /* of the address space that forbids all */

static struct asid_entry *pools[POOLS];
static uint16_t vmid_owner[VMIDS]; /* its ASID, 0: free */
static uint32_t vmid_next = 1;
static uint64_t empty_space;

void asid_init(struct asid_entry *pool, uint64_t empty_root)
{
    pools[0] = pool;
    empty_space = empty_root;
}

struct asid_entry *asid_find(uint64_t asid)
{
    struct asid_entry *pool = pools[asid / IN_POOL % POOLS];
    return pool != NULL ? &pool[asid % IN_POOL] : NULL;
}

uint64_t vspace_root(struct cap cap, unsigned number)
{
    if (cap.type != CAP_VSPACE || !(cap.flags & CAP_MAPPED)) {
        refuse(seL4_InvalidCapability, number);
        return 0;
    }
    const struct asid_entry *entry = asid_find(cap.data);
    if (entry == NULL || entry->vspace == 0) {
        lookup_failed(seL4_InvalidRoot, 0, 0, 0);
        refuse_lookup(false);
        return 0;
    }
    if (entry->vspace != cap_address(cap)) {
        refuse(seL4_InvalidCapability, number);
        return 0;
    }
    return entry->vspace;
}

static void set_vttbr(uint64_t root, uint32_t vmid)
{
    write_reg(vttbr_el2, (uint64_t)vmid << 48 | root);
    isb();
}

/* Forgets what all cores know of a VMID. */
static void flush_vmid(uint32_t vmid)
{
    uint64_t vttbr = read_reg(vttbr_el2);
    dsb();
    set_vttbr(0, vmid);
    __asm__ volatile("tlbi vmalls12e1is" ::: "memory");
    dsb();
    write_reg(vttbr_el2, vttbr);
    isb();
}

static bool vmid_runs(uint32_t vmid)
{
    for (uint32_t i = 0; i < CPUS; i++) {
        if (cpus[i].vmid == vmid) {
            return true;
        }
    }
    return false;
}

/* Takes a VMID from an address space that does not run right now. */
static void assign_vmid(uint64_t asid, struct asid_entry *entry)
{
    uint32_t vmid;
    do {
        vmid = vmid_next;
        vmid_next = vmid_next == VMIDS - 1 ? 1 : vmid_next + 1;
    } while (vmid_runs(vmid));
    if (vmid_owner[vmid] != 0) {
        struct asid_entry *owner = asid_find(vmid_owner[vmid]);
        if (owner != NULL) {
            owner->vmid = VMID_NONE;
        }
        flush_vmid(vmid);
    }
    vmid_owner[vmid] = (uint16_t)asid;
    entry->vmid = vmid;
}

void vspace_switch(const struct tcb *tcb)
{
    struct cpu *cpu = this_cpu();
    struct cap cap = tcb != NULL ? tcb->slots[TCB_VSPACE].cap : (struct cap){0};
    struct asid_entry *entry = cap.type == CAP_VSPACE ? asid_find(cap.data) : NULL;
    if (entry == NULL || entry->vspace == 0 || entry->vspace != cap_address(cap)) {
        cpu->vmid = VMID_NONE;
        set_vttbr(empty_space, VMID_NONE);
        return;
    }
    if (entry->vmid == VMID_NONE) {
        assign_vmid(cap.data, entry);
    }
    if (cpu->vmid != entry->vmid) {
        cpu->vmid = (uint8_t)entry->vmid;
        set_vttbr(entry->vspace, entry->vmid);
    }
}

void vspace_flush(uint64_t asid)
{
    const struct asid_entry *entry = asid_find(asid);
    dsb();
    if (entry != NULL && entry->vmid != VMID_NONE) {
        flush_vmid(entry->vmid);
    }
}

/* The address space is no more. Cores that run in it must choose again before they go on. */
static void forget(struct asid_entry *entry)
{
    uint32_t vmid = entry->vmid;
    *entry = (struct asid_entry){0};
    if (vmid == VMID_NONE) {
        return;
    }
    for (uint32_t i = 0; i < CPUS; i++) {
        if (cpus[i].vmid != vmid) {
            continue;
        }
        if (i == this_cpu()->id) {
            sched_reschedule();
        } else if (cpus[i].current != NULL) {
            cpu_preempt_remote(cpus[i].current);
        }
        cpus[i].vmid = VMID_NONE;
    }
    flush_vmid(vmid);
    vmid_owner[vmid] = 0;
}

void vspace_finalise(struct cap cap)
{
    struct asid_entry *entry = cap.flags & CAP_MAPPED ? asid_find(cap.data) : NULL;
    if (entry != NULL && entry->vspace == cap_address(cap)) {
        forget(entry);
    }
}

void asid_pool_finalise(struct cap cap)
{
    struct asid_entry *pool = cap_object(cap);
    uint64_t first = cap.data;
    if (pools[first / IN_POOL] != pool) {
        return;
    }
    for (unsigned i = 0; i < IN_POOL; i++) {
        if (pool[i].vspace != 0) {
            forget(&pool[i]);
        }
    }
    pools[first / IN_POOL] = NULL;
}

enum outcome asid_control_invoke(const struct call *call)
{
    if (call->label != ARMASIDControlMakePool) {
        return refuse(seL4_IllegalOperation, 0);
    }
    if (call_lacks(call, 2, 2)) {
        return refuse(seL4_TruncatedMessage, 0);
    }
    unsigned free = 0;
    while (free < POOLS && pools[free] != NULL) {
        free++;
    }
    if (free == POOLS) {
        return refuse(seL4_DeleteFirst, 0);
    }
    struct slot *parent = call->extra[0];
    struct cap untyped = parent->cap;
    if (untyped.type != CAP_UNTYPED || untyped.bits != seL4_ASIDPoolBits ||
        (untyped.flags & CAP_DEVICE)) {
        return refuse(seL4_InvalidCapability, 1);
    }
    if (slot_has_children(parent)) {
        return refuse(seL4_RevokeFirst, 0);
    }
    struct slot *slot =
        cspace_lookup_empty(call->extra[1]->cap, call_word(call, 0), call_word(call, 1));
    if (slot == NULL) {
        return REFUSED;
    }
    uint64_t address = cap_address(untyped);
    if (!memory_clear(address, BIT(seL4_ASIDPoolBits))) {
        return AGAIN;
    }
    parent->cap.data = BIT(seL4_ASIDPoolBits);
    slot_insert_child(parent, slot, cap_make(CAP_ASID_POOL, address, 0, (uint64_t)free * IN_POOL));
    pools[free] = (struct asid_entry *)address;
    return DONE;
}

enum outcome asid_pool_invoke(const struct call *call)
{
    if (call->label != ARMASIDPoolAssign) {
        return refuse(seL4_IllegalOperation, 0);
    }
    if (call_lacks(call, 0, 1)) {
        return refuse(seL4_TruncatedMessage, 0);
    }
    struct slot *slot = call->extra[0];
    if (slot->cap.type != CAP_VSPACE || (slot->cap.flags & CAP_MAPPED)) {
        return refuse(seL4_InvalidCapability, 1);
    }
    uint64_t first = call->cap.data;
    struct asid_entry *pool = pools[first / IN_POOL];
    if (pool == NULL) {
        lookup_failed(seL4_InvalidRoot, 0, 0, 0);
        return refuse_lookup(false);
    }
    if (pool != cap_object(call->cap)) {
        return refuse(seL4_InvalidCapability, 0);
    }
    for (unsigned i = inject_asid_fails() ? IN_POOL : 0; i < IN_POOL; i++) {
        if (first + i != 0 && pool[i].vspace == 0) {
            pool[i] = (struct asid_entry){.vspace = (uint32_t)cap_address(slot->cap)};
            slot->cap.flags |= CAP_MAPPED;
            slot->cap.data = first + i;
            return DONE;
        }
    }
    return refuse(seL4_DeleteFirst, 0);
}
