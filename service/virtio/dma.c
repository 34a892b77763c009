// SPDX-License-Identifier: BSD-2-Clause
#include "service/virtio/dma.h"

#include <string.h>

#include "lib/check.h"
#include "lib/range.h"

void *dma_take(struct dma *dma, uint64_t size_bytes, uint64_t alignment)
{
    /* Aligned for the device, so by the physical address. */
    uint64_t end = dma->paddr + dma->taken_bytes;
    uint64_t start = align_up(end, alignment) - dma->paddr;
    if (start > dma->size_bytes || size_bytes > dma->size_bytes - start) {
        return NULL;
    }
    dma->taken_bytes = start + size_bytes;
    return memset(dma->vaddr + start, 0, size_bytes);
}

uint64_t dma_paddr(const struct dma *dma, const void *at)
{
    uint64_t offset = (uint64_t)((const uint8_t *)at - dma->vaddr);
    CHECK(offset < dma->size_bytes);
    return dma->paddr + offset;
}
