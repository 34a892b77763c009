// SPDX-License-Identifier: BSD-2-Clause

/* Just enough of a device tree reader to find the kernel's boot arguments. */

#include "standin/fdt.h"
#include <stdbool.h>
#include <stddef.h>

#define MAGIC      0xd00dfeedu
#define BEGIN_NODE 1u
#define END_NODE   2u
#define PROPERTY   3u
#define NOP        4u

struct blob {
    const uint8_t *bytes;
    uint64_t size;
};

static uint32_t word_at(const struct blob *blob, uint64_t offset)
{
    if (offset + 4 > blob->size || offset + 4 < offset) {
        return 0;
    }
    const uint8_t *b = blob->bytes + offset;
    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

/* Is there this string, with its end, at offset? */
static bool string_is(const struct blob *blob, uint64_t offset, const char *string)
{
    for (;; offset++, string++) {
        if (offset >= blob->size || blob->bytes[offset] != (uint8_t)*string) {
            return false;
        }
        if (*string == '\0') {
            return true;
        }
    }
}

/* The offset behind the string and its padding to words; the size if it has no end. */
static uint64_t skip_string(const struct blob *blob, uint64_t offset)
{
    while (offset < blob->size && blob->bytes[offset] != 0) {
        offset++;
    }
    return (offset + 4) & ~3ull;
}

const char *fdt_bootargs(const void *bytes, uint64_t size)
{
    struct blob blob = {bytes, size};
    if (word_at(&blob, 0) != MAGIC) {
        return "";
    }
    uint64_t offset = word_at(&blob, 8);
    uint64_t strings = word_at(&blob, 12);
    unsigned depth = 0;
    bool chosen = false;
    while (offset < size) {
        uint32_t token = word_at(&blob, offset);
        offset += 4;
        if (token == BEGIN_NODE) {
            depth++;
            chosen = depth == 2 && string_is(&blob, offset, "chosen");
            offset = skip_string(&blob, offset);
        } else if (token == END_NODE) {
            depth--;
            chosen = false;
        } else if (token == PROPERTY) {
            uint64_t length = word_at(&blob, offset);
            uint64_t name = strings + word_at(&blob, offset + 4);
            uint64_t value = offset + 8;
            if (chosen && length > 0 && value + length <= size &&
                blob.bytes[value + length - 1] == 0 && string_is(&blob, name, "bootargs")) {
                return (const char *)blob.bytes + value;
            }
            offset = (value + length + 3) & ~3ull;
        } else if (token != NOP) {
            break;
        }
    }
    return "";
}
