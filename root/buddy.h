/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/*
 * All physical memory, as a forest of power-of-two blocks of untyped memory (seL4 manual, chapter
 * "Memory Allocation"). A block is whole and free, given out, or split into two halves. Two free
 * halves join again, so what is given back is as good as new, but only when that is asked for or
 * nothing else fits: a block that was joined is cleared by the kernel as a whole before anything
 * is made of it, however little is wanted. A block's index is also the capability slot that holds
 * its untyped capability, so the caller needs no second table.
 *
 * Pure: splitting is done by a callback, so it runs under test on the host.
 */
enum {
    BUDDY_BLOCK_MAX = 4096, /* block indices, 0 is never used */
    BUDDY_BITS_MAX = 48,
    BUDDY_BITS_MIN = 12, /* blocks are not split below a page */
};

struct buddy_block {
    uint64_t base;
    uint16_t parent;     /* 0: the kernel gave it */
    uint16_t half[2];    /* 0: not split */
    uint16_t prev, next; /* in the free list of its size */
    uint8_t bits;
    uint8_t state; /* enum buddy_state */
    bool is_device;
};

struct buddy {
    /*
     * Makes two untyped objects of bits - 1 from the block in slot `block`, into the slots low and
     * high. False when the kernel refuses; nothing has changed then.
     */
    bool (*split)(void *ctx, uint16_t block, unsigned bits, uint16_t low, uint16_t high);
    /* Takes the two halves of a block away again (deletes the capabilities). */
    void (*join)(void *ctx, uint16_t block, uint16_t low, uint16_t high);
    void *ctx;

    struct buddy_block block[BUDDY_BLOCK_MAX];
    uint16_t unused;                  /* list of block indices that stand for nothing, by next */
    uint16_t free[BUDDY_BITS_MAX];    /* free lists of normal memory by size */
    uint64_t free_bytes, total_bytes; /* of normal memory */
    uint16_t used_blocks;             /* indices in use */
    bool may_join;                    /* since buddy_join something became free */
};

void buddy_init(struct buddy *buddy);

/* The index that buddy_add will use next; 0 when there is none left. */
uint16_t buddy_next_index(const struct buddy *buddy);

/* Adds a block from the kernel. Its capability is in the slot buddy_next_index() said. */
void buddy_add(struct buddy *buddy, uint64_t base, unsigned bits, bool is_device);

/*
 * Takes a block of normal memory, 2^bits bytes. 0: there is none (too little memory, or no block
 * index left). Prefers the smallest block that fits.
 */
uint16_t buddy_take(struct buddy *buddy, unsigned bits);

/*
 * Takes the block that covers [base, base + 2^bits), which must be aligned to its size; of device
 * memory too. 0: it does not exist, or it (or a part of it) is taken.
 */
uint16_t buddy_take_at(struct buddy *buddy, uint64_t base, unsigned bits);

/* Gives a block back. The caller has revoked its capability: nothing is made of it any more. */
void buddy_give(struct buddy *buddy, uint16_t block);

/* Joins all free halves whose twins are free. */
void buddy_join(struct buddy *buddy);

/* The size, as a power of two, of the largest free block, which may grow by buddy_join; 0: none. */
unsigned buddy_largest(const struct buddy *buddy);
