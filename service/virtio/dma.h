/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stddef.h>
#include <stdint.h>

/*
 * Memory that a device reads and writes: contiguous, at a known physical address. Taken piece by
 * piece from the front; given back only all at once, when the driver starts over.
 */
struct dma {
    uint8_t *vaddr;
    uint64_t paddr;
    uint64_t size_bytes;
    uint64_t taken_bytes;
};

/* Zeroed memory, or NULL when there is not that much left. alignment is a power of two. */
void *dma_take(struct dma *dma, uint64_t size_bytes, uint64_t alignment);

/* Where the device finds memory that dma_take gave. */
uint64_t dma_paddr(const struct dma *dma, const void *at);
