// SPDX-License-Identifier: BSD-2-Clause
#include "root/space.h"

#include <string.h>

#include "lib/check.h"
#include "link/process.h"
#include "root/layout.h"
#include "root/reason.h"

#define PAGE_BYTES (1ull << seL4_PageBits)

static const struct {
    unsigned read, write;
    seL4_ARM_VMAttributes attributes;
} access_rules[] = {
    [SPACE_READ] = {1, 0, seL4_ARM_Default_VMAttributes | seL4_ARM_ExecuteNever},
    [SPACE_READ_WRITE] = {1, 1, seL4_ARM_Default_VMAttributes | seL4_ARM_ExecuteNever},
    [SPACE_READ_EXECUTE] = {1, 0, seL4_ARM_Default_VMAttributes                        },
    [SPACE_ALL] = {1, 1, seL4_ARM_Default_VMAttributes                        },
    [SPACE_DEVICE] = {1, 1, seL4_ARM_ExecuteNever                                },
};

bool space_open(struct space *space, struct arena *arena)
{
    *space = (struct space){.arena = arena};
    space->vspace = arena_object(arena, seL4_ARM_VSpaceObject, 0);
    return space->vspace != 0 && arena_assign_asid(arena, space->vspace);
}

static bool empty_window(bool deliver);

void space_close(struct space *space)
{
    (void)empty_window(false); /* none of its pages may stay there */
    if (space->vspace != 0) {
        CHECK(cspace_revoke(space->vspace) == seL4_NoError);
        CHECK(cspace_delete(space->vspace) == seL4_NoError);
    }
    *space = (struct space){0};
}

void space_open_root(struct space *space, struct arena *arena)
{
    *space = (struct space){.arena = arena, .vspace = seL4_CapInitThreadVSpace};
}

bool space_map(struct space *space, seL4_CPtr frame, uint64_t vaddr, enum space_access access)
{
    seL4_CapRights_t rights =
        seL4_CapRights_new(0, 0, access_rules[access].read, access_rules[access].write);
    /* A missing level of page tables is a failed lookup; there are at most three below the root. */
    for (unsigned tables = 0; tables <= 3; tables++) {
        seL4_Error error = (seL4_Error)seL4_ARM_Page_Map(frame, space->vspace, vaddr, rights,
                                                         access_rules[access].attributes);
        if (error == seL4_NoError) {
            return true;
        }
        if (error != seL4_FailedLookup) {
            return reason_set("%s: the kernel refused a mapping at 0x%lx: error %u",
                              space->arena->name, (unsigned long)vaddr, (unsigned)error);
        }
        seL4_CPtr table = arena_object(space->arena, seL4_ARM_PageTableObject, 0);
        if (table == 0) {
            return false;
        }
        error = (seL4_Error)seL4_ARM_PageTable_Map(table, space->vspace, vaddr,
                                                   seL4_ARM_Default_VMAttributes);
        if (!reason_check(error, space->arena->name, "a page table")) {
            return false;
        }
    }
    return reason_set("%s: no mapping at 0x%lx with all page tables there", space->arena->name,
                      (unsigned long)vaddr);
}

bool space_map_copy(struct space *space, seL4_CPtr frame, uint64_t vaddr, enum space_access access)
{
    seL4_CPtr copy = arena_slot(space->arena);
    return copy != 0 &&
           reason_check(cspace_copy(copy, frame, seL4_AllRights), space->arena->name,
                        "a copy of a frame") &&
           space_map(space, copy, vaddr, access);
}

bool space_map_frames(struct space *space, seL4_CPtr first, uint32_t count, uint64_t vaddr,
                      enum space_access access)
{
    for (uint32_t i = 0; i < count; i++) {
        if (!space_map_copy(space, first + i, vaddr + ((uint64_t)i << seL4_LargePageBits),
                            access)) {
            return false;
        }
    }
    return true;
}

/* By where a process has it (link/process.h). */
static enum memory_use use_of_page(uint64_t vaddr, bool has_contents)
{
    if (vaddr < PROCESS_BOOT_VADDR) {
        return has_contents ? MEMORY_PROGRAM : MEMORY_STATE;
    }
    if (vaddr >= PROCESS_IPC_VADDR && vaddr < PROCESS_STATS_VADDR) {
        return MEMORY_BUFFERS;
    }
    return vaddr >= PROCESS_VIRTIO_VADDR && vaddr < PROCESS_LINK_VADDR ? MEMORY_DEVICES
                                                                       : MEMORY_RECORDS;
}

seL4_CPtr space_map_page(struct space *space, uint64_t vaddr, enum space_access access)
{
    seL4_CPtr frame = arena_page(space->arena, use_of_page(vaddr, false));
    return frame != 0 && space_map(space, frame, vaddr, access) ? frame : 0;
}

/* ---- pages with contents ------------------------------------------------------------------------
 */

enum { FILL_MAX = 512 }; /* pages that one page table covers */

/*
 * Pages that are mapped in root's window to be written, and where they go. To take a page out of
 * the window costs an interrupt to every core, for its TLB; so they are taken out all at once, with
 * the page table.
 */
static struct {
    struct space *root;
    seL4_CPtr table; /* of the window; 0: not made yet */
    unsigned count;
    struct {
        seL4_CPtr frame;
        struct space *space;
        uint64_t vaddr;
        enum space_access access;
    } page[FILL_MAX];
} fill;

/* Adds page tables at the window's address until there is one of the last level. */
bool space_open_window(struct space *root)
{
    fill.root = root;
    for (;;) {
        seL4_CPtr table = arena_object(root->arena, seL4_ARM_PageTableObject, 0);
        seL4_Error error =
            table == 0 ? seL4_NotEnoughMemory
                       : (seL4_Error)seL4_ARM_PageTable_Map(table, root->vspace, ROOT_WINDOW_VADDR,
                                                            seL4_ARM_Default_VMAttributes);
        if (error != seL4_NoError) {
            return error == seL4_DeleteFirst && fill.table != 0;
        }
        fill.table = table;
    }
}

bool space_fill_page(struct space *space, uint64_t vaddr, const void *bytes, size_t size_bytes,
                     size_t offset, enum space_access access)
{
    CHECK(offset + size_bytes <= PAGE_BYTES);
    if (fill.count == FILL_MAX && !space_fill_end()) {
        return false;
    }
    uint64_t window = ROOT_WINDOW_VADDR + fill.count * PAGE_BYTES;
    seL4_CPtr frame = arena_page(space->arena, use_of_page(vaddr, true));
    if (frame == 0 || !space_map(fill.root, frame, window, SPACE_READ_WRITE)) {
        return false;
    }
    /* A fresh frame is zero (Untyped_Retype), so only the bytes given have to be written. */
    memcpy((uint8_t *)window + offset, bytes, size_bytes);
    if (access == SPACE_READ_EXECUTE) {
        CHECK(seL4_ARM_Page_Unify_Instruction(frame, 0, PAGE_BYTES) == seL4_NoError);
    }
    fill.page[fill.count].frame = frame;
    fill.page[fill.count].space = space;
    fill.page[fill.count].vaddr = vaddr;
    fill.page[fill.count].access = access;
    fill.count++;
    return true;
}

/* Takes all pages out. False when one could not be mapped where it belongs, for which they are. */
static bool empty_window(bool deliver)
{
    bool all = true;
    if (fill.count == 0) {
        return true;
    }
    CHECK(seL4_ARM_PageTable_Unmap(fill.table) == seL4_NoError);
    for (unsigned i = 0; i < fill.count; i++) {
        CHECK(seL4_ARM_Page_Unmap(fill.page[i].frame) == seL4_NoError);
        all = all && (!deliver || space_map(fill.page[i].space, fill.page[i].frame,
                                            fill.page[i].vaddr, fill.page[i].access));
    }
    fill.count = 0;
    CHECK(seL4_ARM_PageTable_Map(fill.table, fill.root->vspace, ROOT_WINDOW_VADDR,
                                 seL4_ARM_Default_VMAttributes) == seL4_NoError);
    return all;
}

bool space_fill_end(void)
{
    return empty_window(true);
}
