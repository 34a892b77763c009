/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stddef.h>
#include <stdint.h>

/*
 * One request of a driver: a list of spans of guest memory, first those that the device reads, then
 * those that it writes (VIRTIO 1.3, 2.6). Every span was checked to be guest memory when the chain
 * was popped, and stays so. The guest can change the bytes at any moment: copy a header out once
 * (chain_read), validate the copy, use the copy.
 *
 * Device types go by offset, over the borders of spans: a driver may cut a request into spans as it
 * likes (2.6.4), so no type may look at how many there are. Lengths are exact: the sum over
 * both parts is below 2^32.
 */
struct chain_segment {
    uint8_t *bytes;
    uint32_t length; /* not 0 */
};

struct chain {
    struct chain_segment *segment; /* the owner's storage; readable ones come first */
    uint16_t segment_max;
    uint16_t readable_count;
    uint16_t writable_count;
    /* The queue's: how to give it back. */
    uint16_t id;
    uint16_t slots;    /* descriptors of the packed ring that it takes */
    uint16_t position; /* the how many-th chain of this queue, modulo 2^16 */
    uint32_t readable_bytes;
    uint32_t writable_bytes;
};

/* Gives a chain its storage, once; any number of chains can be popped into it one after another. */
static inline void chain_init(struct chain *chain, struct chain_segment *segments,
                              uint16_t segment_max)
{
    *chain = (struct chain){.segment = segments, .segment_max = segment_max};
}

/*
 * Copies from the readable part, beginning at byte `offset` of it. Returns how many bytes it
 * copied: fewer than asked for, or none, when the part ends before.
 */
uint32_t chain_read(const struct chain *chain, uint32_t offset, void *to, uint32_t size_bytes);

/* Copies into the writable part, beginning at byte `offset` of it; returns how many bytes. */
uint32_t chain_write(const struct chain *chain, uint32_t offset, const void *from,
                     uint32_t size_bytes);

/* Fills a piece of the writable part with zeroes; returns how many bytes. */
uint32_t chain_zero(const struct chain *chain, uint32_t offset, uint32_t size_bytes);

/*
 * For who copies by itself (into a ring, say): the bytes at `offset` of a part that lie in one
 * piece, NULL at or beyond its end. *length gets how many they are. Asking for one span after the
 * other by offset costs a walk from the first span each time; use segment[] for that.
 */
const uint8_t *chain_readable_span(const struct chain *chain, uint32_t offset, uint32_t *length);
uint8_t *chain_writable_span(const struct chain *chain, uint32_t offset, uint32_t *length);
