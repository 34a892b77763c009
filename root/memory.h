/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <sel4/sel4.h>
#include <stdbool.h>
#include <stdint.h>

#include "root/cspace.h"

/*
 * Memory of compartments. A compartment is what lives and dies together: a VM with its VMM, a
 * service, root itself. Its arena takes blocks of untyped memory, makes the compartment's kernel
 * objects and frames of them, and holds their capabilities in a CNode which is itself made of that
 * memory. To destroy a compartment is to revoke its blocks: nothing can be forgotten.
 */
enum {
    ARENA_BLOCK_MAX = 96,
    /* What an arena grows by at least, as a power of two: for what has processes in it, and for
     * what has little beside frames. */
    ARENA_CHUNK_BITS = 19,
    ARENA_SMALL_CHUNK_BITS = 14,
};

/* What an arena's memory is used for, but for the 2 MiB frames of RAM. */
enum memory_use {
    MEMORY_TABLES,  /* page tables of guest and process, their roots included */
    MEMORY_OBJECTS, /* threads, vCPUs, scheduling contexts, endpoints, notifications, replies */
    MEMORY_SLOTS,   /* CNodes */
    MEMORY_PROGRAM, /* pages with code and data of the program's file */
    MEMORY_STATE,   /* its zeroed pages, stacks included */
    MEMORY_BUFFERS, /* IPC buffers */
    MEMORY_DEVICES, /* a VMM's state of virtio devices, and of its balloon */
    MEMORY_RECORDS, /* boot record, description, counters */
    MEMORY_USES,
};

struct arena {
    const char *name; /* for messages */
    uint16_t index;   /* level-1 slot of its CNode; 0: not open */
    uint8_t cnode_bits;
    uint8_t chunk_bits;
    uint16_t block_count;
    uint16_t block[ARENA_BLOCK_MAX]; /* buddy block indices; the last one is being filled */
    seL4_CPtr cnode;                 /* the CNode's own capability */
    seL4_Word next_slot;
    uint64_t bytes;             /* taken from the buddy allocator */
    uint64_t used[MEMORY_USES]; /* of them, in bytes; the rest is RAM, or empty */
    uint16_t asids;             /* address spaces that have an ASID */
};

/* All calls here that fail set the reason (root/reason.h). */

/* What is free and what is in use, of the whole machine. */
struct memory_counts {
    uint64_t total_bytes, free_bytes;
    uint64_t largest_bytes; /* of the free blocks */
    uint32_t slots_used;    /* capability slots: of untyped memory and in all arenas */
    uint32_t arenas_open;
    uint32_t asids_used, asids_max;
};

/* Takes over all of the kernel's untyped memory. Call once, before all else here. */
void memory_init(const seL4_BootInfo *info);
void memory_counts(struct memory_counts *counts);
uint64_t memory_free_bytes(void);

/*
 * Opens an arena with room for `slots` capabilities, which grows by 2^chunk_bits bytes at least.
 * False: not enough memory (nothing is held then), reason() says why.
 */
bool arena_open(struct arena *arena, const char *name, uint16_t index, uint32_t slots,
                unsigned chunk_bits);

/* Revokes and gives back all that the arena has. Its threads must not run any more. */
void arena_close(struct arena *arena);

/*
 * Makes one object of the given type, whose size is 2^size_bits bytes for untyped, frames and such,
 * as for Untyped_Retype. Returns its capability, 0 when there is no memory or no slot.
 */
seL4_CPtr arena_object(struct arena *arena, seL4_Word type, seL4_Word size_bits);

/* The same for a frame of one page; which is counted for `use`. */
seL4_CPtr arena_page(struct arena *arena, enum memory_use use);

/* An empty slot for a copy of something. 0: no slot left. */
seL4_CPtr arena_slot(struct arena *arena);

/* `count` empty slots next to each other: the first one. 0: not so many left. */
seL4_CPtr arena_slots(struct arena *arena, uint32_t count);

/*
 * Makes `count` frames of 2 MiB, next to each other in capability slots. Returns the first one's
 * capability; 0, with nothing taken, when there is no memory or no slot.
 */
seL4_CPtr arena_large_frames(struct arena *arena, uint32_t count);

/*
 * One such frame, zero and mapped nowhere, in an empty slot of the arena and in a block of its own,
 * so that it can go back alone. Returns the block, which the caller keeps and gives back before the
 * arena is closed; 0 when there is no memory.
 */
uint16_t arena_take_frame(struct arena *arena, seL4_CPtr slot);
/* Takes the frame away from all who have it mapped. Its slot, and those of its copies, are empty
 * then. */
void arena_give_frame(struct arena *arena, uint16_t block);

/*
 * Frames of memory at a physical address that the kernel does not manage (device registers, and RAM
 * that it was not told of), for root's own use: size_bits is seL4_PageBits or seL4_LargePageBits.
 * 0: not there, or already taken.
 */
seL4_CPtr memory_device_frame(uint64_t base, unsigned size_bits);

/* Gives an address space its ASID, counted in the arena. */
bool arena_assign_asid(struct arena *arena, seL4_CPtr vspace);
