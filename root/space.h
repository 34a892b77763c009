/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stddef.h>

#include "root/memory.h"

/* An address space (a VSpace with its ASID) whose page tables come from an arena. */
struct space {
    struct arena *arena;
    seL4_CPtr vspace;
};

enum space_access {
    SPACE_READ,
    SPACE_READ_WRITE,
    SPACE_READ_EXECUTE,
    SPACE_ALL,    /* a guest's RAM */
    SPACE_DEVICE, /* read and write, Device-nGnRnE, never executed */
};

/* All calls here that fail set the reason (root/reason.h). */
bool space_open(struct space *space, struct arena *arena);

/*
 * Takes the address space away from its threads and from the hardware; what was mapped stays in the
 * arena. Nothing happens when there is none.
 */
void space_close(struct space *space);

/* Root's own address space, with page tables from root's own arena. */
void space_open_root(struct space *space, struct arena *arena);

/* Maps a frame of 4 KiB or 2 MiB that is mapped nowhere yet; makes missing page tables. */
bool space_map(struct space *space, seL4_CPtr frame, uint64_t vaddr, enum space_access access);

/* The same for a copy of `frame`, whose capability is made in the space's arena. */
bool space_map_copy(struct space *space, seL4_CPtr frame, uint64_t vaddr, enum space_access access);
/* And for `count` frames of 2 MiB, one after the other in slots and addresses. */
bool space_map_frames(struct space *space, seL4_CPtr first, uint32_t count, uint64_t vaddr,
                      enum space_access access);

/* Makes a zeroed page of the arena and maps it. Returns the frame, 0 on failure. */
seL4_CPtr space_map_page(struct space *space, uint64_t vaddr, enum space_access access);

/*
 * Pages with contents: root writes them through a window in its own address space, then they go
 * where they belong. space_fill_page may keep them in the window; after space_fill_end all are
 * where they should be. An arena with pages in the window must not be closed: call space_fill_end
 * or space_close, which drops them, on every way out.
 */
bool space_open_window(struct space *root);
bool space_fill_page(struct space *space, uint64_t vaddr, const void *bytes, size_t size_bytes,
                     size_t offset, enum space_access access);
bool space_fill_end(void);
