// SPDX-License-Identifier: BSD-2-Clause
#include "service/block/backend.h"

#include <string.h>

/* Where the part's data go on after `done` bytes, and how many are in one piece there. */
struct cursor {
    const struct backend_segment *segment;
    uint32_t offset;
    uint64_t left;
};

static uint8_t *next(struct cursor *at, uint64_t *length)
{
    if (at->left == 0) {
        return NULL;
    }
    uint8_t *bytes = at->segment->bytes + at->offset;
    uint64_t here = at->segment->length - at->offset;
    *length = here < at->left ? here : at->left;
    at->left -= *length;
    at->offset = 0;
    at->segment++;
    return bytes;
}

static struct cursor begin(const struct backend_part *part)
{
    return (struct cursor){part->segment, part->offset,
                           (uint64_t)part->sector_count * BLOCK_SECTOR_BYTES};
}

void backend_scatter(const struct backend_part *part, const uint8_t *from)
{
    struct cursor at = begin(part);
    uint64_t length;
    uint8_t *bytes;
    while ((bytes = next(&at, &length)) != NULL) {
        memcpy(bytes, from, length);
        from += length;
    }
}

void backend_gather(const struct backend_part *part, uint8_t *to)
{
    struct cursor at = begin(part);
    uint64_t length;
    const uint8_t *bytes;
    while ((bytes = next(&at, &length)) != NULL) {
        memcpy(to, bytes, length);
        to += length;
    }
}
