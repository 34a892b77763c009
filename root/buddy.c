// SPDX-License-Identifier: BSD-2-Clause
#include "root/buddy.h"

#include <stddef.h>

#include "lib/check.h"

enum buddy_state { STATE_UNUSED, STATE_FREE, STATE_TAKEN, STATE_SPLIT };

static void list_push(struct buddy *buddy, uint16_t index)
{
    struct buddy_block *b = &buddy->block[index];
    b->state = STATE_FREE;
    buddy->may_join = true;
    if (b->is_device) {
        return; /* device memory is found by address only */
    }
    uint16_t *head = &buddy->free[b->bits];
    b->prev = 0;
    b->next = *head;
    if (*head != 0) {
        buddy->block[*head].prev = index;
    }
    *head = index;
}

static void list_remove(struct buddy *buddy, uint16_t index)
{
    struct buddy_block *b = &buddy->block[index];
    if (b->is_device) {
        return;
    }
    if (b->prev != 0) {
        buddy->block[b->prev].next = b->next;
    } else {
        buddy->free[b->bits] = b->next;
    }
    if (b->next != 0) {
        buddy->block[b->next].prev = b->prev;
    }
    b->prev = b->next = 0;
}

static uint16_t index_take(struct buddy *buddy)
{
    uint16_t index = buddy->unused;
    if (index != 0) {
        buddy->unused = buddy->block[index].next;
        buddy->block[index] = (struct buddy_block){0};
        buddy->used_blocks++;
    }
    return index;
}

static void index_give(struct buddy *buddy, uint16_t index)
{
    buddy->block[index] = (struct buddy_block){.next = buddy->unused};
    buddy->unused = index;
    buddy->used_blocks--;
}

void buddy_init(struct buddy *buddy)
{
    for (uint16_t i = BUDDY_BLOCK_MAX - 1; i > 0; i--) {
        buddy->block[i] = (struct buddy_block){.next = buddy->unused};
        buddy->unused = i;
    }
}

uint16_t buddy_next_index(const struct buddy *buddy)
{
    return buddy->unused;
}

void buddy_add(struct buddy *buddy, uint64_t base, unsigned bits, bool is_device)
{
    CHECK(bits < BUDDY_BITS_MAX);
    uint16_t index = index_take(buddy);
    CHECK(index != 0);
    struct buddy_block *b = &buddy->block[index];
    b->base = base;
    b->bits = (uint8_t)bits;
    b->is_device = is_device;
    list_push(buddy, index);
    if (!is_device) {
        buddy->total_bytes += 1ull << bits;
        buddy->free_bytes += 1ull << bits;
    }
}

/* Splits a free block, which leaves its free list. */
static bool split(struct buddy *buddy, uint16_t index)
{
    struct buddy_block *b = &buddy->block[index];
    uint16_t low = index_take(buddy);
    uint16_t high = index_take(buddy);
    if (low == 0 || high == 0 || !buddy->split(buddy->ctx, index, b->bits, low, high)) {
        if (high != 0) {
            index_give(buddy, high);
        }
        if (low != 0) {
            index_give(buddy, low);
        }
        return false;
    }
    list_remove(buddy, index);
    b->state = STATE_SPLIT;
    b->half[0] = low;
    b->half[1] = high;
    for (int i = 0; i < 2; i++) {
        struct buddy_block *h = &buddy->block[b->half[i]];
        h->bits = b->bits - 1;
        h->base = b->base + (i == 0 ? 0 : 1ull << h->bits);
        h->parent = index;
        h->is_device = b->is_device;
    }
    list_push(buddy, high); /* the low half goes on top: it is split or taken next */
    list_push(buddy, low);
    return true;
}

/* Joins a free block with its twin as long as that is free too. */
static void join_upwards(struct buddy *buddy, uint16_t index)
{
    while (buddy->block[index].parent != 0) {
        uint16_t parent = buddy->block[index].parent;
        struct buddy_block *p = &buddy->block[parent];
        if (buddy->block[p->half[0]].state != STATE_FREE ||
            buddy->block[p->half[1]].state != STATE_FREE) {
            return;
        }
        uint16_t low = p->half[0], high = p->half[1];
        list_remove(buddy, low);
        list_remove(buddy, high);
        buddy->join(buddy->ctx, parent, low, high);
        index_give(buddy, low);
        index_give(buddy, high);
        p->half[0] = p->half[1] = 0;
        list_push(buddy, parent);
        index = parent;
    }
}

void buddy_join(struct buddy *buddy)
{
    for (uint16_t i = 1; buddy->may_join && i < BUDDY_BLOCK_MAX; i++) {
        if (buddy->block[i].state == STATE_FREE) {
            join_upwards(buddy, i);
        }
    }
    buddy->may_join = false;
}

static void take(struct buddy *buddy, uint16_t index)
{
    struct buddy_block *b = &buddy->block[index];
    list_remove(buddy, index);
    b->state = STATE_TAKEN;
    if (!b->is_device) {
        buddy->free_bytes -= 1ull << b->bits;
    }
}

/* 0: no free block is large enough, or it could not be split. */
static uint16_t take_from_free(struct buddy *buddy, unsigned bits)
{
    unsigned from = bits;
    while (from < BUDDY_BITS_MAX && buddy->free[from] == 0) {
        from++;
    }
    if (from == BUDDY_BITS_MAX) {
        return 0;
    }
    uint16_t index = buddy->free[from];
    for (; from > bits; from--) {
        if (!split(buddy, index)) {
            return 0;
        }
        index = buddy->block[index].half[0];
    }
    take(buddy, index);
    return index;
}

uint16_t buddy_take(struct buddy *buddy, unsigned bits)
{
    if (bits < BUDDY_BITS_MIN || bits >= BUDDY_BITS_MAX) {
        return 0;
    }
    uint16_t index = take_from_free(buddy, bits);
    if (index == 0) {
        buddy_join(buddy); /* for a larger block, or for indices */
        index = take_from_free(buddy, bits);
        if (index == 0) {
            buddy_join(buddy); /* what was split in vain */
        }
    }
    return index;
}

static bool covers(const struct buddy_block *b, uint64_t base, unsigned bits)
{
    return b->bits >= bits && base >= b->base && base - b->base < 1ull << b->bits;
}

static uint16_t find_top(const struct buddy *buddy, uint64_t base, unsigned bits)
{
    for (uint16_t i = 1; i < BUDDY_BLOCK_MAX; i++) {
        const struct buddy_block *b = &buddy->block[i];
        if (b->state != STATE_UNUSED && b->parent == 0 && covers(b, base, bits)) {
            return i;
        }
    }
    return 0;
}

uint16_t buddy_take_at(struct buddy *buddy, uint64_t base, unsigned bits)
{
    if (bits < BUDDY_BITS_MIN || bits >= BUDDY_BITS_MAX || (base & ((1ull << bits) - 1)) != 0) {
        return 0;
    }
    buddy_join(buddy);
    uint16_t index = find_top(buddy, base, bits);
    while (index != 0 && buddy->block[index].bits > bits) {
        struct buddy_block *b = &buddy->block[index];
        if (b->state == STATE_TAKEN || (b->state == STATE_FREE && !split(buddy, index))) {
            buddy_join(buddy);
            return 0;
        }
        index = b->half[covers(&buddy->block[b->half[1]], base, bits) ? 1 : 0];
    }
    if (index == 0 || buddy->block[index].state != STATE_FREE) {
        return 0;
    }
    take(buddy, index);
    return index;
}

void buddy_give(struct buddy *buddy, uint16_t block)
{
    CHECK(block != 0 && block < BUDDY_BLOCK_MAX);
    struct buddy_block *b = &buddy->block[block];
    CHECK(b->state == STATE_TAKEN);
    if (!b->is_device) {
        buddy->free_bytes += 1ull << b->bits;
    }
    list_push(buddy, block);
}

unsigned buddy_largest(const struct buddy *buddy)
{
    for (unsigned bits = BUDDY_BITS_MAX - 1; bits >= BUDDY_BITS_MIN; bits--) {
        if (buddy->free[bits] != 0) {
            return bits;
        }
    }
    return 0;
}
