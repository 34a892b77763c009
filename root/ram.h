/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include "lib/allowance.h"
#include "lib/log.h"
#include "root/space.h"

/*
 * The RAM of a guest: frames of 2 MiB, mapped by the guest at MAP_RAM_BASE and by its VMM at
 * PROCESS_RAM_VADDR. It has an arena of its own, because it outlives its VM's other parts when the
 * guest resets its machine: nobody else had these frames, so the next life gets them as they are.
 *
 * Without a balloon they are made many at a time, of blocks as large as there are, and stay until
 * the VM ends. With one, each frame has a block of its own, so that it can go back to root alone,
 * and root uses the memory for whom it likes. The guest's addresses then lead nowhere (its VMM
 * hears of it when they are used). The VMM's must always lead somewhere, since the guest decides
 * what its VMM reads: a VMM that touches a frame which is gone gets the VM's scratch frame in its
 * place (ram_fault).
 */
enum {
    RAM_FRAME_BYTES = 1 << seL4_LargePageBits,
    /* A balloon's RAM: what a page of block numbers can hold, 4 GiB. */
    RAM_BALLOON_FRAMES_MAX = (1 << seL4_PageBits) / sizeof(uint16_t),
};

struct ram {
    struct arena *arena;
    uint32_t count;  /* frames */
    seL4_CPtr frame; /* the first of as many slots: mappings of the guest */
    /* while it is mapped: */
    struct space *guest, *vmm;
    seL4_CPtr view; /* the first of as many slots of the VMM's arena: its mappings */
    /* with a balloon only: */
    uint16_t *block;   /* a page: the block of each frame, or enum ram_gone; NULL: no balloon */
    seL4_CPtr scratch; /* what the VMM sees of frames that are gone */
    uint32_t gone;     /* frames that root has */
    struct allowance releases;
    bool wants;             /* a frame was asked for that root did not have .. */
    uint64_t refused_bytes; /* .. with so much free memory */
    struct log_limit refusals;
};

/* Capability slots that ram_make takes of the RAM's arena. */
uint32_t ram_slots(uint32_t frame_count, bool has_balloon);

/*
 * Makes the RAM; with a balloon only the books for it. table_vaddr: a page of root's own address
 * space for them, 0: it has no balloon. False: the reason says why, and ram_drop takes back what
 * there is.
 */
bool ram_make(struct ram *ram, struct arena *arena, uint32_t frame_count, uint64_t table_vaddr);

/*
 * Maps all of it for one life of the VM, after it has got back what a balloon gave away. Takes as
 * many slots as there are frames, and page tables, of the VMM's arena, and page tables of the
 * guest's. False: the reason says why.
 */
bool ram_map(struct ram *ram, struct space *guest, struct space *vmm);

/* That life is over, and both address spaces are closed: no ASID may be used again before this. */
void ram_unmap(struct ram *ram);

/* Gives all blocks back; before the arena is closed, and after ram_unmap. Nothing happens when
 * there is none. */
void ram_drop(struct ram *ram);

/*
 * The VMM asks: root takes the frame at this guest address. False: it is no frame of this RAM, or
 * this VM asks too often; nothing has changed then.
 */
bool ram_release(struct ram *ram, uint64_t address);

/* The VMM asks for the frame back; it is zero if it was gone. False: root has none, ram->wants. */
bool ram_reclaim(struct ram *ram, uint64_t address);

/*
 * A thread of the VMM found nothing at this address of its own. True: there is something now, and
 * it may go on.
 */
bool ram_fault(struct ram *ram, uint64_t vaddr, uint64_t syndrome);

/* Root may have now what it did not have when this VM asked last. */
bool ram_may_ask_again(struct ram *ram);
