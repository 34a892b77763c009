/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdint.h>

/*
 * Caches by address, from EL0 (the kernel allows it with KernelAArch64UserCacheEnable). It touches
 * each line of [start, start + size), and none beyond.
 */
enum cache_operation {
    CACHE_CLEAN,                   /* DC CVAC: to memory, for who has its caches off */
    CACHE_CLEAN_INVALIDATE,        /* DC CIVAC: and out of the cache */
    CACHE_INVALIDATE_INSTRUCTIONS, /* IC IVAU: after one of the others */
};

void cache_maintain(enum cache_operation operation, const void *start, uint64_t size_bytes);
