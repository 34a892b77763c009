// SPDX-License-Identifier: BSD-2-Clause
#include "lib/tree.h"

#include <stdint.h>
#include <string.h>

#include "lib/range.h"

/* Devicetree Specification v0.4, 5.2 and 5.4. All words are big-endian. */
enum {
    HEADER_BYTES = 40,
    VERSION = 17,
    WORD_BYTES = 4,
    RESERVATION_BYTES = 16,
    TOKEN_BEGIN_NODE = 1,
    TOKEN_END_NODE = 2,
    TOKEN_PROPERTY = 3,
    TOKEN_NOP = 4,
    TOKEN_END = 9,
};

#define MAGIC 0xd00dfeedu

/* The header's words, in their order. */
enum word {
    WORD_MAGIC,
    WORD_TOTAL_SIZE,
    WORD_STRUCTURE,
    WORD_STRINGS,
    WORD_RESERVATIONS,
    WORD_VERSION,
    WORD_COMPATIBLE_VERSION,
    WORD_BOOT_CPU,
    WORD_STRINGS_SIZE,
    WORD_STRUCTURE_SIZE,
};

/* A reader of the structure block. */
struct walk {
    const uint8_t *at, *end;
    const char *strings;
    size_t strings_bytes;
    unsigned depth;
    bool has_subnode[TREE_DEPTH_MAX + 1]; /* by depth: a property may not follow */
};

static uint32_t load(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static uint32_t header_word(const void *data, enum word word)
{
    return load((const uint8_t *)data + (size_t)word * WORD_BYTES);
}

static bool take_word(struct walk *walk, uint32_t *value)
{
    if (walk->end - walk->at < WORD_BYTES) {
        return false;
    }
    *value = load(walk->at);
    walk->at += WORD_BYTES;
    return true;
}

/* Steps over size bytes and the padding behind them. */
static bool skip(struct walk *walk, uint64_t size)
{
    uint64_t padded = align_up(size, WORD_BYTES);
    if (padded > (uint64_t)(walk->end - walk->at)) {
        return false;
    }
    walk->at += padded;
    return true;
}

static bool begin_node(struct walk *walk)
{
    size_t left = (size_t)(walk->end - walk->at);
    const uint8_t *end = memchr(walk->at, '\0', left);
    if (end == NULL || walk->depth == TREE_DEPTH_MAX) {
        return false;
    }
    bool is_root = walk->depth == 0;
    if (is_root != (end == walk->at)) {
        return false; /* the root's name is empty, no other is */
    }
    walk->has_subnode[walk->depth] = true;
    walk->depth++;
    walk->has_subnode[walk->depth] = false;
    return skip(walk, (uint64_t)(end - walk->at) + 1);
}

static bool property(struct walk *walk)
{
    uint32_t length, name;
    return walk->depth != 0 && !walk->has_subnode[walk->depth] && take_word(walk, &length) &&
           take_word(walk, &name) && name < walk->strings_bytes &&
           memchr(walk->strings + name, '\0', walk->strings_bytes - name) != NULL &&
           skip(walk, length);
}

static bool check_structure(struct walk *walk)
{
    bool has_root = false;
    uint32_t token;
    while (take_word(walk, &token)) {
        switch (token) {
        case TOKEN_BEGIN_NODE:
            if ((walk->depth == 0 && has_root) || !begin_node(walk)) {
                return false;
            }
            has_root = true;
            break;
        case TOKEN_END_NODE:
            if (walk->depth == 0) {
                return false;
            }
            walk->depth--;
            break;
        case TOKEN_PROPERTY:
            if (!property(walk)) {
                return false;
            }
            break;
        case TOKEN_NOP:
            break;
        case TOKEN_END:
            return has_root && walk->depth == 0;
        default:
            return false;
        }
    }
    return false;
}

/* An entry of no bytes is the last one, whose address is zero, too: to libfdt any address ends it.
 */
static bool check_reservations(const uint8_t *data, uint64_t offset, uint64_t total)
{
    static const uint8_t zero[RESERVATION_BYTES];
    struct range all = {.size_bytes = total};
    for (; range_contains(all, offset, RESERVATION_BYTES); offset += RESERVATION_BYTES) {
        if (memcmp(data + offset + RESERVATION_BYTES / 2, zero, RESERVATION_BYTES / 2) == 0) {
            return memcmp(data + offset, zero, RESERVATION_BYTES) == 0;
        }
    }
    return false;
}

bool tree_check(const void *data, size_t size_bytes)
{
    if (size_bytes < HEADER_BYTES || header_word(data, WORD_MAGIC) != MAGIC ||
        header_word(data, WORD_VERSION) < VERSION ||
        header_word(data, WORD_COMPATIBLE_VERSION) > VERSION) {
        return false;
    }
    uint32_t total = header_word(data, WORD_TOTAL_SIZE);
    uint32_t structure = header_word(data, WORD_STRUCTURE);
    uint32_t structure_bytes = header_word(data, WORD_STRUCTURE_SIZE);
    uint32_t strings = header_word(data, WORD_STRINGS);
    uint32_t strings_bytes = header_word(data, WORD_STRINGS_SIZE);
    uint32_t reservations = header_word(data, WORD_RESERVATIONS);
    struct range all = {.size_bytes = total};
    if (total > size_bytes || total > INT32_MAX || structure % WORD_BYTES != 0 ||
        reservations % 8 != 0 || structure < HEADER_BYTES || strings < HEADER_BYTES ||
        reservations < HEADER_BYTES || !range_contains(all, structure, structure_bytes) ||
        !range_contains(all, strings, strings_bytes) ||
        !check_reservations(data, reservations, total)) {
        return false;
    }
    const uint8_t *bytes = data;
    struct walk walk = {
        .at = bytes + structure,
        .end = bytes + structure + structure_bytes,
        .strings = (const char *)bytes + strings,
        .strings_bytes = strings_bytes,
    };
    return check_structure(&walk);
}
