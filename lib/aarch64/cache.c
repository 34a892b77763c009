// SPDX-License-Identifier: BSD-2-Clause
#include "lib/aarch64/cache.h"

#include "lib/range.h"

static inline void maintain_line(enum cache_operation operation, uint64_t at)
{
    switch (operation) {
    case CACHE_CLEAN:
        __asm__ volatile("dc cvac, %0" ::"r"(at) : "memory");
        break;
    case CACHE_CLEAN_INVALIDATE:
        __asm__ volatile("dc civac, %0" ::"r"(at) : "memory");
        break;
    case CACHE_INVALIDATE_INSTRUCTIONS:
        __asm__ volatile("ic ivau, %0" ::"r"(at) : "memory");
        break;
    }
}

/* Inlined for each operation: eight lines in 18 instructions, for there may be millions. */
static inline __attribute__((always_inline)) void
maintain_lines(enum cache_operation operation, uint64_t at, uint64_t count, uint64_t line_bytes)
{
    enum { UNROLLED = 8 };
    for (; count >= UNROLLED; count -= UNROLLED) {
#pragma GCC unroll 8
        for (unsigned i = 0; i < UNROLLED; i++, at += line_bytes) {
            maintain_line(operation, at);
        }
    }
    for (; count != 0; count--, at += line_bytes) {
        maintain_line(operation, at);
    }
}

/* CTR_EL0 (Arm ARM D17.2.34): lines in words, as powers of two, of data caches and of instruction
 * caches. */
void cache_maintain(enum cache_operation operation, const void *start, uint64_t size_bytes)
{
    uint64_t type;
    __asm__ volatile("mrs %0, ctr_el0" : "=r"(type));
    unsigned shift = operation == CACHE_INVALIDATE_INSTRUCTIONS ? 0 : 16;
    uint64_t line_bytes = 4ull << (type >> shift & 15);
    uint64_t from = align_down((uint64_t)start, line_bytes);
    uint64_t count = (align_up((uint64_t)start + size_bytes, line_bytes) - from) / line_bytes;
    if (operation == CACHE_CLEAN) {
        maintain_lines(CACHE_CLEAN, from, count, line_bytes);
    } else if (operation == CACHE_CLEAN_INVALIDATE) {
        maintain_lines(CACHE_CLEAN_INVALIDATE, from, count, line_bytes);
    } else {
        maintain_lines(CACHE_INVALIDATE_INSTRUCTIONS, from, count, line_bytes);
    }
    __asm__ volatile("dsb sy" ::: "memory");
}
