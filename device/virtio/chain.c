// SPDX-License-Identifier: BSD-2-Clause
#include "device/virtio/chain.h"

#include <string.h>

/* A place in one part of a chain: a segment of it and an offset inside. */
struct place {
    const struct chain_segment *segment;
    const struct chain_segment *end;
    uint32_t offset;
};

static struct place find(const struct chain_segment *segment, unsigned count, uint32_t offset)
{
    const struct chain_segment *end = segment + count;
    while (segment < end && offset >= segment->length) {
        offset -= segment->length;
        segment++;
    }
    return (struct place){segment, end, offset};
}

static struct place find_readable(const struct chain *chain, uint32_t offset)
{
    return find(chain->segment, chain->readable_count, offset);
}

static struct place find_writable(const struct chain *chain, uint32_t offset)
{
    return find(chain->segment + chain->readable_count, chain->writable_count, offset);
}

/* The next piece of at most size bytes, in one span; moves on behind it. */
static uint8_t *next(struct place *place, uint32_t size, uint32_t *piece)
{
    if (place->segment == place->end || size == 0) {
        return NULL;
    }
    uint8_t *bytes = place->segment->bytes + place->offset;
    uint32_t length = place->segment->length - place->offset;
    *piece = length < size ? length : size;
    place->segment++;
    place->offset = 0;
    return bytes;
}

uint32_t chain_read(const struct chain *chain, uint32_t offset, void *to, uint32_t size_bytes)
{
    struct place place = find_readable(chain, offset);
    uint32_t done = 0, piece;
    const uint8_t *from;
    while ((from = next(&place, size_bytes - done, &piece)) != NULL) {
        memcpy((uint8_t *)to + done, from, piece);
        done += piece;
    }
    return done;
}

uint32_t chain_write(const struct chain *chain, uint32_t offset, const void *from,
                     uint32_t size_bytes)
{
    struct place place = find_writable(chain, offset);
    uint32_t done = 0, piece;
    uint8_t *to;
    while ((to = next(&place, size_bytes - done, &piece)) != NULL) {
        memcpy(to, (const uint8_t *)from + done, piece);
        done += piece;
    }
    return done;
}

uint32_t chain_zero(const struct chain *chain, uint32_t offset, uint32_t size_bytes)
{
    struct place place = find_writable(chain, offset);
    uint32_t done = 0, piece;
    uint8_t *to;
    while ((to = next(&place, size_bytes - done, &piece)) != NULL) {
        memset(to, 0, piece);
        done += piece;
    }
    return done;
}

const uint8_t *chain_readable_span(const struct chain *chain, uint32_t offset, uint32_t *length)
{
    struct place place = find_readable(chain, offset);
    return next(&place, UINT32_MAX, length);
}

uint8_t *chain_writable_span(const struct chain *chain, uint32_t offset, uint32_t *length)
{
    struct place place = find_writable(chain, offset);
    return next(&place, UINT32_MAX, length);
}
