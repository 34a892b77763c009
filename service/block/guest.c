// SPDX-License-Identifier: BSD-2-Clause
#include "service/block/guest.h"

#include "lib/range.h"

void guest_open(struct guest *guest, const struct block_guest *told, uint8_t *bytes)
{
    const uint64_t most = (uint64_t)BLOCK_GUEST_FRAME_MAX * BLOCK_FRAME_BYTES;
    *guest = (struct guest){0};
    if (told->vaddr != 0) {
        uint64_t size = told->size_bytes;
        *guest = (struct guest){bytes, size < most ? size : most, told->frame};
    }
}

/* One segment: a copy, which nobody changes. */
static bool resolve(const struct guest *guest, uint64_t offset, uint32_t length,
                    struct backend_segment *to)
{
    const struct range ram = {0, guest->size_bytes};
    if (length == 0 || !range_contains(ram, offset, length) ||
        offset / BLOCK_FRAME_BYTES != (offset + length - 1) / BLOCK_FRAME_BYTES) {
        return false;
    }
    uint64_t frame = guest->frame[offset / BLOCK_FRAME_BYTES];
    *to = (struct backend_segment){
        .bytes = guest->bytes + offset,
        .paddr = frame != 0 ? frame * BLOCK_FRAME_BYTES + offset % BLOCK_FRAME_BYTES : 0,
        .length = length,
    };
    return true;
}

bool guest_resolve(const struct guest *guest, const struct block_request *request,
                   const struct block_segment *segments,
                   struct backend_segment to[BLOCK_SEGMENT_MAX])
{
    uint64_t bytes = 0;
    if (request->segment_count == 0 || request->segment_count > BLOCK_SEGMENT_MAX ||
        request->sector_count > BLOCK_DIRECT_SECTORS_MAX) {
        return false;
    }
    for (uint32_t i = 0; i < request->segment_count; i++) {
        uint64_t offset = *(const volatile uint64_t *)&segments[i].offset;
        uint32_t length = *(const volatile uint32_t *)&segments[i].length;
        if (!resolve(guest, offset, length, &to[i])) {
            return false;
        }
        bytes += length;
    }
    return bytes == (uint64_t)request->sector_count * BLOCK_SECTOR_BYTES;
}
