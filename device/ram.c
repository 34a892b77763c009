// SPDX-License-Identifier: BSD-2-Clause
#include "device/ram.h"

#include <string.h>

void *ram_span(const struct ram *ram, gpa_t at, uint64_t size_bytes)
{
    if (!range_contains(ram_range(ram), at.value, size_bytes)) {
        return NULL;
    }
    return ram->host + (at.value - ram->base.value);
}

bool ram_read(const struct ram *ram, gpa_t from, void *to, uint64_t size_bytes)
{
    const void *span = ram_span(ram, from, size_bytes);
    if (span == NULL) {
        return false;
    }
    memcpy(to, span, size_bytes);
    return true;
}

bool ram_write(const struct ram *ram, gpa_t to, const void *from, uint64_t size_bytes)
{
    void *span = ram_span(ram, to, size_bytes);
    if (span == NULL) {
        return false;
    }
    memcpy(span, from, size_bytes);
    return true;
}
