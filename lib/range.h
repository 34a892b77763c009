/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* A span of addresses or offsets that cannot wrap: base + size_bytes <= 2^64 holds when
 * range_valid. */
struct range {
    uint64_t base;
    uint64_t size_bytes;
};

static inline bool range_valid(struct range r)
{
    return r.size_bytes == 0 || r.base + (r.size_bytes - 1) >= r.base;
}

/* The last byte's address; only for a valid, non-empty range. */
static inline uint64_t range_last(struct range r)
{
    return r.base + (r.size_bytes - 1);
}

/* True when [base, base + size) lies inside r. An empty inner range lies inside when its base does.
 */
static inline bool range_contains(struct range r, uint64_t base, uint64_t size_bytes)
{
    return base >= r.base && base - r.base <= r.size_bytes &&
           size_bytes <= r.size_bytes - (base - r.base);
}

static inline bool range_overlaps(struct range a, struct range b)
{
    return a.size_bytes != 0 && b.size_bytes != 0 && a.base <= range_last(b) &&
           b.base <= range_last(a);
}

static inline uint64_t align_down(uint64_t value, uint64_t alignment)
{
    return value & ~(alignment - 1);
}

/* alignment is a power of two. Wraps to 0 when value is within alignment of 2^64: check first. */
static inline uint64_t align_up(uint64_t value, uint64_t alignment)
{
    return (value + (alignment - 1)) & ~(alignment - 1);
}

static inline bool is_aligned(uint64_t value, uint64_t alignment)
{
    return (value & (alignment - 1)) == 0;
}
