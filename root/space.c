// SPDX-License-Identifier: BSD-2-Clause
#include "root/space.h"

#include <string.h>

#include "lib/check.h"
#include "lib/log.h"
#include "root/layout.h"

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
            log_error("%s: mapping at 0x%lx failed: error %u", space->arena->name,
                      (unsigned long)vaddr, (unsigned)error);
            return false;
        }
        seL4_CPtr table = arena_object(space->arena, seL4_ARM_PageTableObject, 0);
        if (table == 0 || seL4_ARM_PageTable_Map(table, space->vspace, vaddr,
                                                 seL4_ARM_Default_VMAttributes) != seL4_NoError) {
            return false;
        }
    }
    return false;
}

bool space_map_copy(struct space *space, seL4_CPtr frame, uint64_t vaddr, enum space_access access)
{
    seL4_CPtr copy = arena_slot(space->arena);
    return copy != 0 && cspace_copy(copy, frame, seL4_AllRights) == seL4_NoError &&
           space_map(space, copy, vaddr, access);
}

seL4_CPtr space_map_page(struct space *space, struct space *root, uint64_t vaddr, const void *bytes,
                         size_t size_bytes, size_t offset, enum space_access access)
{
    CHECK(offset + size_bytes <= 1ul << seL4_PageBits);
    seL4_CPtr frame = arena_object(space->arena, seL4_ARM_SmallPageObject, 0);
    if (frame == 0) {
        return 0;
    }
    if (size_bytes != 0) {
        /* A fresh frame is zero (Untyped_Retype), so only the bytes given have to be written. */
        if (!space_map(root, frame, ROOT_WINDOW_VADDR, SPACE_READ_WRITE)) {
            return 0;
        }
        memcpy((uint8_t *)ROOT_WINDOW_VADDR + offset, bytes, size_bytes);
        if (access == SPACE_READ_EXECUTE) {
            CHECK(seL4_ARM_Page_Unify_Instruction(frame, 0, 1ul << seL4_PageBits) == seL4_NoError);
        }
        CHECK(seL4_ARM_Page_Unmap(frame) == seL4_NoError);
    }
    return space_map(space, frame, vaddr, access) ? frame : 0;
}
