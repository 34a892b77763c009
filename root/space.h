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

/* False: memory_explain says why. */
bool space_open(struct space *space, struct arena *arena);

/* Root's own address space, with page tables from root's own arena. */
void space_open_root(struct space *space, struct arena *arena);

/* Maps a frame of 4 KiB or 2 MiB that is mapped nowhere yet; makes missing page tables. */
bool space_map(struct space *space, seL4_CPtr frame, uint64_t vaddr, enum space_access access);

/* The same for a copy of `frame`, whose capability is made in the space's arena. */
bool space_map_copy(struct space *space, seL4_CPtr frame, uint64_t vaddr, enum space_access access);

/*
 * Makes a zeroed page of the arena, fills it from [bytes, bytes + size) by way of a window in
 * root's address space, and maps it. size_bytes <= 4096, and may be 0. Returns the frame, 0 on
 * failure.
 */
seL4_CPtr space_map_page(struct space *space, struct space *root, uint64_t vaddr, const void *bytes,
                         size_t size_bytes, size_t offset, enum space_access access);
