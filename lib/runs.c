// SPDX-License-Identifier: BSD-2-Clause
#include "lib/runs.h"

#include <stdbool.h>

#include "lib/check.h"

/* The first slot in [at, end) that is taken, or is free, as `taken` says; end if there is none. */
static uint32_t find(const struct runs *runs, uint32_t at, uint32_t end, bool taken)
{
    while (at < end) {
        uint64_t word = runs->taken[at / 64];
        uint64_t wanted = (taken ? word : ~word) & (UINT64_MAX << (at % 64));
        if (wanted != 0) {
            uint32_t found = (at & ~63u) + (uint32_t)__builtin_ctzll(wanted);
            return found < end ? found : end;
        }
        at = (at & ~63u) + 64;
    }
    return end;
}

static void mark(struct runs *runs, uint32_t start, uint32_t length, bool taken)
{
    while (length != 0) {
        uint32_t bit = start % 64;
        uint32_t part = length < 64 - bit ? length : 64 - bit;
        uint64_t mask = UINT64_MAX >> (64 - part) << bit;
        /* Taken twice or given twice is our own mistake. */
        CHECK((runs->taken[start / 64] & mask) == (taken ? 0 : mask));
        runs->taken[start / 64] ^= mask;
        start += part;
        length -= part;
    }
}

uint32_t runs_take(struct runs *runs, uint32_t count, uint32_t length)
{
    CHECK(count <= RUNS_MAX && length != 0);
    uint32_t start = find(runs, 0, count, false);
    while (start < count && length <= count - start) {
        uint32_t end = find(runs, start, start + length, true);
        if (end == start + length) {
            mark(runs, start, length, true);
            return start;
        }
        start = find(runs, end, count, false);
    }
    return RUNS_NONE;
}

void runs_give(struct runs *runs, uint32_t start, uint32_t length)
{
    CHECK(start < RUNS_MAX && length <= RUNS_MAX - start);
    mark(runs, start, length, false);
}
