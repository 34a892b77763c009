// SPDX-License-Identifier: BSD-2-Clause
#include "service/net/checksum.h"

#include <string.h>

/* Adds with the carry back in at the bottom. */
static uint64_t add_word(uint64_t sum, uint64_t word)
{
    sum += word;
    return sum + (sum < word);
}

static uint64_t load(const uint8_t *at)
{
    uint64_t word;
    memcpy(&word, at, sizeof word);
    return word;
}

uint64_t checksum_add(uint64_t sum, const void *bytes, size_t size)
{
    const uint8_t *at = bytes;
    for (; size >= 32; size -= 32, at += 32) {
        sum = add_word(sum, load(at));
        sum = add_word(sum, load(at + 8));
        sum = add_word(sum, load(at + 16));
        sum = add_word(sum, load(at + 24));
    }
    for (; size >= 8; size -= 8, at += 8) {
        sum = add_word(sum, load(at));
    }
    uint64_t last = 0;
    for (size_t i = 0; i < size; i++) {
        last |= (uint64_t)at[i] << (8 * i);
    }
    return add_word(sum, last);
}

uint16_t checksum_finish(uint64_t sum)
{
    sum = (sum & 0xffffffff) + (sum >> 32);
    sum = (sum & 0xffff) + (sum >> 16 & 0xffff) + (sum >> 32);
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    uint16_t value = (uint16_t)~sum;
    return value != 0 ? value : 0xffff;
}

void checksum_complete(uint8_t *frame, size_t length, size_t start, size_t offset)
{
    uint16_t value = checksum_finish(checksum_add(0, frame + start, length - start));
    memcpy(frame + start + offset, &value, sizeof value);
}
