// SPDX-License-Identifier: BSD-2-Clause
#include "service/serial/history.h"

#include <string.h>

#include "lib/check.h"

_Static_assert((HISTORY_BYTES & (HISTORY_BYTES - 1)) == 0, "a position's place is a mask away");

static uint32_t place(uint64_t position)
{
    return (uint32_t)(position & (HISTORY_BYTES - 1));
}

uint8_t *history_space(struct history *history, uint32_t *size)
{
    uint32_t at = place(history->written);
    *size = HISTORY_BYTES - at;
    return history->bytes + at;
}

void history_commit(struct history *history, uint32_t size)
{
    CHECK(size <= HISTORY_BYTES - place(history->written));
    history->written += size;
}

void history_write(struct history *history, const void *bytes, size_t size)
{
    const uint8_t *from = bytes;
    while (size != 0) {
        uint32_t room;
        uint8_t *to = history_space(history, &room);
        uint32_t count = size < room ? (uint32_t)size : room;
        memcpy(to, from, count);
        history_commit(history, count);
        from += count;
        size -= count;
    }
}

uint64_t history_oldest(const struct history *history)
{
    return history->written > HISTORY_BYTES ? history->written - HISTORY_BYTES : 0;
}

const uint8_t *history_span(const struct history *history, uint64_t *position, uint32_t *size)
{
    uint64_t oldest = history_oldest(history);
    if (*position < oldest) {
        *position = oldest;
    }
    if (*position > history->written) {
        *position = history->written;
    }
    uint32_t at = place(*position);
    uint64_t left = history->written - *position;
    *size = left < HISTORY_BYTES - at ? (uint32_t)left : HISTORY_BYTES - at;
    return history->bytes + at;
}

uint64_t history_last_lines(const struct history *history, unsigned lines, uint32_t max_bytes)
{
    uint64_t first = history_oldest(history);
    if (history->written - first > max_bytes) {
        first = history->written - max_bytes;
    }
    uint64_t position = history->written;
    if (lines == 0 || position == first) {
        return position;
    }
    position--; /* the newline that ends the last line begins none */
    while (position > first) {
        if (history->bytes[place(position - 1)] == '\n' && --lines == 0) {
            return position;
        }
        position--;
    }
    return first;
}
