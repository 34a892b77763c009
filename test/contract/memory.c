// SPDX-License-Identifier: BSD-2-Clause
/* VSpaces: ASIDs, page tables, frames of each size, what a mapping allows and what it refuses. */
#include <stdatomic.h>

#include "test/contract/contract.h"
#include "test/contract/thread.h"

enum { ASIDS_IN_POOL = 512 };

static const seL4_CPtr own = seL4_CapInitThreadVSpace;
static const seL4_ARM_VMAttributes attributes = seL4_ARM_Default_VMAttributes;

static void check_small_page(void)
{
    seL4_CPtr frame = cap_new(seL4_ARM_SmallPageObject, 0);
    seL4_CPtr copy = cap_copy(frame, seL4_AllRights);
    seL4_Word far = memory_window(seL4_HugePageBits);
    contract_error("map.no_table", seL4_ARM_Page_Map(frame, own, far, seL4_ReadWrite, attributes),
                   seL4_FailedLookup);
    seL4_CPtr table = cap_new(seL4_ARM_PageTableObject, 0);
    contract_error("table.map", seL4_ARM_PageTable_Map(table, own, far, attributes), seL4_NoError);
    contract_error("table.map.again", seL4_ARM_PageTable_Map(table, own, far, attributes),
                   seL4_InvalidCapability);
    memory_add_tables(own, far, seL4_PageBits);
    contract_error(
        "table.map.all_there",
        seL4_ARM_PageTable_Map(cap_new(seL4_ARM_PageTableObject, 0), own, far, attributes),
        seL4_DeleteFirst);

    contract_error("map.4k", seL4_ARM_Page_Map(frame, own, far, seL4_ReadWrite, attributes),
                   seL4_NoError);
    volatile uint64_t *word = (uint64_t *)far;
    word[3] = 0x1234;
    contract_error("map.4k.elsewhere",
                   seL4_ARM_Page_Map(frame, own, far + 0x1000, seL4_ReadWrite, attributes),
                   seL4_InvalidArgument);
    contract_error("map.4k.same_again",
                   seL4_ARM_Page_Map(frame, own, far, seL4_ReadWrite, attributes), seL4_NoError);
    contract_error("map.4k.copy_elsewhere",
                   seL4_ARM_Page_Map(copy, own, far + 0x1000, seL4_ReadWrite, attributes),
                   seL4_NoError);
    contract_number("map.4k.copy_same_memory", ((volatile uint64_t *)(far + 0x1000))[3], 0x1234);
    contract_error("map.wrong_alignment",
                   seL4_ARM_Page_Map(cap_copy(frame, seL4_AllRights), own, far + 0x800,
                                     seL4_ReadWrite, attributes),
                   seL4_AlignmentError);
    contract_error("map.above_user",
                   seL4_ARM_Page_Map(cap_copy(frame, seL4_AllRights), own, 0xffff000000000000,
                                     seL4_ReadWrite, attributes),
                   seL4_InvalidArgument);
    contract_error("map.other_vspace",
                   seL4_ARM_Page_Map(frame, memory_new_vspace(), far, seL4_ReadWrite, attributes),
                   seL4_InvalidCapability);
    contract_error("map.vspace_no_asid",
                   seL4_ARM_Page_Map(cap_copy(frame, seL4_AllRights),
                                     cap_new(seL4_ARM_VSpaceObject, 0), far, seL4_ReadWrite,
                                     attributes),
                   seL4_InvalidCapability);
    contract_error("unmap.4k", seL4_ARM_Page_Unmap(frame), seL4_NoError);
    contract_error("unmap.4k.again", seL4_ARM_Page_Unmap(frame), seL4_NoError);
    contract_error("map.after_unmap",
                   seL4_ARM_Page_Map(frame, own, far + 0x2000, seL4_ReadWrite, attributes),
                   seL4_NoError);
    contract_number("map.after_unmap.content", ((volatile uint64_t *)(far + 0x2000))[3], 0x1234);
}

static void check_occupied(void)
{
    seL4_CPtr a = cap_new(seL4_ARM_SmallPageObject, 0), b = cap_new(seL4_ARM_SmallPageObject, 0);
    seL4_Word base = memory_window(seL4_LargePageBits);
    volatile uint64_t *word = (uint64_t *)base;
    memory_map(a, own, base, seL4_ReadWrite);
    word[0] = 0xa;
    contract_error("map.address_used", seL4_ARM_Page_Map(b, own, base, seL4_ReadWrite, attributes),
                   seL4_NoError);
    contract_number("map.address_used.content", word[0], 0);
    contract_error("unmap.replaced", seL4_ARM_Page_Unmap(a), seL4_NoError);
    word[0] = 0xb;
    contract_number("unmap.replaced.other_stays", word[0], 0xb);
    contract_error("map.2m.over_table",
                   seL4_ARM_Page_Map(cap_new(seL4_ARM_LargePageObject, 0), own, base,
                                     seL4_ReadWrite, attributes),
                   seL4_FailedLookup);
}

static void check_large_pages(void)
{
    seL4_CPtr frame = cap_new(seL4_ARM_LargePageObject, 0);
    seL4_Word base = memory_window(seL4_HugePageBits);
    memory_add_tables(own, base, seL4_LargePageBits);
    contract_error("map.2m.wrong_alignment",
                   seL4_ARM_Page_Map(frame, own, base + 0x1000, seL4_ReadWrite, attributes),
                   seL4_AlignmentError);
    contract_error("map.2m", seL4_ARM_Page_Map(frame, own, base, seL4_ReadWrite, attributes),
                   seL4_NoError);
    volatile uint64_t *word = (uint64_t *)base;
    word[0x1ffff8 / 8] = 0x77;
    contract_number("map.2m.last_word", word[0x1ffff8 / 8], 0x77);
    contract_error("map.4k.over_2m",
                   seL4_ARM_Page_Map(cap_new(seL4_ARM_SmallPageObject, 0), own, base,
                                     seL4_ReadWrite, attributes),
                   seL4_FailedLookup);
    contract_error(
        "table.map.over_2m",
        seL4_ARM_PageTable_Map(cap_new(seL4_ARM_PageTableObject, 0), own, base, attributes),
        seL4_DeleteFirst);
    contract_error("page.clean", seL4_ARM_Page_CleanInvalidate_Data(frame, 0, 4096), seL4_NoError);
    contract_error("page.clean.outside",
                   seL4_ARM_Page_CleanInvalidate_Data(frame, 0, (1 << seL4_LargePageBits) + 1),
                   seL4_InvalidArgument);
    contract_error("page.unify", seL4_ARM_Page_Unify_Instruction(frame, 0, 4096), seL4_NoError);
    contract_error("vspace.clean", seL4_ARM_VSpace_CleanInvalidate_Data(own, base, base + 4096),
                   seL4_NoError);

    seL4_CPtr huge = cap_slot();
    seL4_CPtr untyped = cap_untyped(seL4_HugePageBits, false);
    bool is_device = untyped == seL4_CapNull;
    if (is_device) {
        untyped = cap_untyped(seL4_HugePageBits, true);
    }
    if (untyped == seL4_CapNull ||
        cap_retype(untyped, seL4_ARM_HugePageObject, 0, huge, 1) != seL4_NoError) {
        contract_skip("map.1g", "no untyped of 1 GiB");
        return;
    }
    seL4_Word far = memory_window(seL4_HugePageBits);
    contract_error("map.1g", seL4_ARM_Page_Map(huge, own, far, seL4_ReadWrite, attributes),
                   seL4_NoError);
    contract_error("map.1g.unmap", seL4_ARM_Page_Unmap(huge), seL4_NoError);
    (void)cap_delete(huge);
}

/* What a helper thread does to a page: *(volatile uint64_t *)address read or written. */
static seL4_Word probe_address;
static _Atomic unsigned probe_count;

static void probe_read(void *argument)
{
    (void)argument;
    (void)*(volatile uint64_t *)probe_address;
    atomic_fetch_add(&probe_count, 1);
}

static void probe_write(void *argument)
{
    (void)argument;
    *(volatile uint64_t *)probe_address = 1;
    atomic_fetch_add(&probe_count, 1);
}

static void probe_jump(void *argument)
{
    (void)argument;
    ((void (*)(void))probe_address)();
}

/* The label of the fault (0: none) that a helper runs into; *m has its words. */
static seL4_Word probe(void (*entry)(void *), seL4_Word address, struct message *m)
{
    seL4_CPtr faults = cap_new(seL4_EndpointObject, 0), reply = cap_new(seL4_ReplyObject, 0);
    struct thread thread;
    probe_address = address;
    unsigned before = atomic_load(&probe_count);
    thread_start(&thread, &(struct thread_options){.entry = entry,
                                                   .fault = cap_mint(faults, seL4_AllRights, 1)});
    bool faulted = contract_receive(faults, reply, m, 20);
    thread_end(&thread);
    REQUIRE(faulted || atomic_load(&probe_count) == before + 1);
    return faulted ? m->label : 0;
}

enum { ESR_EC_SHIFT = 26, EC_DATA_ABORT = 0x24, EC_FETCH_ABORT = 0x20, ESR_WRITE = 1 << 6 };

static void check_rights(void)
{
    seL4_CPtr frame = cap_new(seL4_ARM_SmallPageObject, 0);
    seL4_Word page = memory_window(seL4_PageBits);
    struct message m;
    memory_map(frame, own, page, seL4_CanRead);
    contract_number("rights.read_only.read", probe(probe_read, page, &m), 0);
    contract_number("rights.read_only.write", probe(probe_write, page, &m), seL4_Fault_VMFault);
    contract_number("vm_fault.length", m.length, seL4_VMFault_Length);
    contract_claim("vm_fault.address", m.words[seL4_VMFault_Addr] == page, "of the access");
    contract_claim("vm_fault.ip", m.words[seL4_VMFault_IP] - (seL4_Word)probe_write < 64,
                   "of the instruction");
    contract_number("vm_fault.prefetch", m.words[seL4_VMFault_PrefetchFault], 0);
    contract_number("vm_fault.fsr.class", m.words[seL4_VMFault_FSR] >> ESR_EC_SHIFT, EC_DATA_ABORT);
    contract_claim("vm_fault.fsr.write", (m.words[seL4_VMFault_FSR] & ESR_WRITE) != 0, "set");

    contract_error("remap.read_write",
                   seL4_ARM_Page_Map(frame, own, page, seL4_ReadWrite, attributes), seL4_NoError);
    contract_number("remap.read_write.write", probe(probe_write, page, &m), 0);
    contract_error("remap.read_only", seL4_ARM_Page_Map(frame, own, page, seL4_CanRead, attributes),
                   seL4_NoError);
    contract_number("remap.read_only.write", probe(probe_write, page, &m), seL4_Fault_VMFault);
    contract_error("remap.never_execute",
                   seL4_ARM_Page_Map(frame, own, page, seL4_ReadWrite,
                                     (seL4_ARM_VMAttributes)(attributes | seL4_ARM_ExecuteNever)),
                   seL4_NoError);
    contract_number("rights.never_execute.fetch", probe(probe_jump, page, &m), seL4_Fault_VMFault);
    contract_number("vm_fault.fetch.prefetch", m.words[seL4_VMFault_PrefetchFault], 1);
    contract_claim("vm_fault.fetch.address", m.words[seL4_VMFault_Addr] == page, "of the fetch");

    seL4_CPtr weak = cap_copy(frame, seL4_CanRead);
    seL4_Word second = memory_window(seL4_PageBits);
    memory_map(weak, own, second, seL4_ReadWrite);
    contract_number("rights.of_the_capability", probe(probe_write, second, &m), seL4_Fault_VMFault);
    REQUIRE(seL4_ARM_Page_Unmap(frame) == seL4_NoError);
    contract_number("unmap.read", probe(probe_read, page, &m), seL4_Fault_VMFault);
    contract_number("vm_fault.read.fsr.write", m.words[seL4_VMFault_FSR] & ESR_WRITE, 0);
    REQUIRE(cap_delete(weak) == seL4_NoError);
    contract_number("delete_frame.read", probe(probe_read, second, &m), seL4_Fault_VMFault);
}

static void check_tables(void)
{
    seL4_Word base = memory_window(seL4_HugePageBits);
    seL4_CPtr frame = cap_new(seL4_ARM_SmallPageObject, 0);
    seL4_CPtr last = seL4_CapNull;
    struct message m;
    while (seL4_ARM_Page_Map(frame, own, base, seL4_ReadWrite, attributes) == seL4_FailedLookup) {
        last = cap_new(seL4_ARM_PageTableObject, 0);
        REQUIRE(seL4_ARM_PageTable_Map(last, own, base, attributes) == seL4_NoError);
    }
    contract_error("table.unmap", seL4_ARM_PageTable_Unmap(last), seL4_NoError);
    contract_number("table.unmap.read", probe(probe_read, base, &m), seL4_Fault_VMFault);
    contract_error("table.unmap.frame_unmap", seL4_ARM_Page_Unmap(frame), seL4_NoError);
    contract_error("table.map.after_unmap", seL4_ARM_PageTable_Map(last, own, base, attributes),
                   seL4_NoError);
    contract_error("table.map.vspace_no_asid",
                   seL4_ARM_PageTable_Map(cap_new(seL4_ARM_PageTableObject, 0),
                                          cap_new(seL4_ARM_VSpaceObject, 0), base, attributes),
                   seL4_InvalidCapability);
}

/* A frame outlives the address space that it was mapped in, and goes with its contents into
 * another.
 */
static void check_frame_outlives_space(void)
{
    enum { CONTENTS = 42 };
    seL4_CPtr frame = cap_new(seL4_ARM_SmallPageObject, 0);
    seL4_CPtr other = cap_new(seL4_ARM_VSpaceObject, 0);
    seL4_Word page = memory_window(seL4_PageBits);
    memory_map(frame, own, page, seL4_ReadWrite);
    *(volatile seL4_Word *)page = CONTENTS;
    REQUIRE(seL4_ARM_Page_Unmap(frame) == seL4_NoError);
    REQUIRE(seL4_ARM_ASIDPool_Assign(seL4_CapInitThreadASIDPool, other) == seL4_NoError);
    memory_map(frame, other, page, seL4_ReadWrite);
    REQUIRE(cap_delete(other) == seL4_NoError);
    contract_error("delete_vspace.map",
                   seL4_ARM_Page_Map(frame, own, page, seL4_ReadWrite, attributes),
                   seL4_InvalidCapability);
    contract_error("delete_vspace.unmap", seL4_ARM_Page_Unmap(frame), seL4_NoError);
    memory_map(frame, own, page, seL4_ReadWrite);
    contract_number("delete_vspace.contents", *(volatile seL4_Word *)page, CONTENTS);
}

/* A pool of our own holds 512 VSpaces, and takes another when one of them is deleted. */
static void check_asids(void)
{
    const seL4_CPtr root = seL4_CapInitThreadCNode;
    seL4_CPtr pool = cap_slot(), untyped = cap_new(seL4_UntypedObject, seL4_ASIDPoolBits);
    contract_error(
        "asid.make_pool",
        seL4_ARM_ASIDControl_MakePool(seL4_CapASIDControl, untyped, root, pool, ROOT_DEPTH),
        seL4_NoError);
    contract_error("asid.make_pool.wrong_size",
                   seL4_ARM_ASIDControl_MakePool(seL4_CapASIDControl,
                                                 cap_new(seL4_UntypedObject, 13), root, cap_slot(),
                                                 ROOT_DEPTH),
                   seL4_InvalidCapability);
    seL4_CPtr big = cap_new(seL4_UntypedObject, seL4_VSpaceBits + 10u);
    seL4_CPtr first = seL4_CapNull;
    seL4_Error error = seL4_NoError;
    unsigned count = 0;
    for (; count <= ASIDS_IN_POOL && error == seL4_NoError; count++) {
        seL4_CPtr vspace = cap_slot();
        first = first == seL4_CapNull ? vspace : first;
        REQUIRE(cap_retype(big, seL4_ARM_VSpaceObject, 0, vspace, 1) == seL4_NoError);
        error = seL4_ARM_ASIDPool_Assign(pool, vspace);
    }
    contract_number("asid.pool_holds", count - 1, ASIDS_IN_POOL);
    contract_error("asid.pool_full", error, seL4_DeleteFirst);
    contract_error("asid.assign_twice", seL4_ARM_ASIDPool_Assign(seL4_CapInitThreadASIDPool, first),
                   seL4_InvalidCapability);
    REQUIRE(cap_delete(first + 7) == seL4_NoError);
    contract_error("asid.after_delete", seL4_ARM_ASIDPool_Assign(pool, first + ASIDS_IN_POOL),
                   seL4_NoError);
    contract_error("asid.not_a_vspace", seL4_ARM_ASIDPool_Assign(pool, cap_new(seL4_TCBObject, 0)),
                   seL4_InvalidCapability);
    REQUIRE(cap_revoke(big) == seL4_NoError);
    contract_error("asid.pool_delete", cap_delete(pool), seL4_NoError);
}

void memory_run(void)
{
    check_small_page();
    check_occupied();
    check_large_pages();
    check_rights();
    check_tables();
    check_frame_outlives_space();
    check_asids();
}
