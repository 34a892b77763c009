/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "device/access.h"
#include "lib/range.h"

/*
 * Guest memory, and the only door to it: nobody else turns a gpa_t into a pointer. A guest may
 * change a byte at any moment, so read a value once, with ram_read into a local, then validate it,
 * then use the local. One contiguous range; the VMM has all of it mapped.
 */
struct ram {
    gpa_t base;
    uint64_t size_bytes; /* base + size_bytes <= 2^64 */
    uint8_t *host;       /* where the first byte is mapped here */
};

/* The guest-physical addresses that ram covers. */
static inline struct range ram_range(const struct ram *ram)
{
    return (struct range){ram->base.value, ram->size_bytes};
}

/*
 * The bytes [at, at + size_bytes), or NULL unless all of them are guest memory. An empty span is
 * inside when `at` is inside or one past the end. The guest can write what the pointer shows.
 */
void *ram_span(const struct ram *ram, gpa_t at, uint64_t size_bytes);

/* Copies out of, or into, guest memory. False, with nothing copied, unless all of it is inside. */
bool ram_read(const struct ram *ram, gpa_t from, void *to, uint64_t size_bytes);
bool ram_write(const struct ram *ram, gpa_t to, const void *from, uint64_t size_bytes);
