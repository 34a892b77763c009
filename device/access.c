// SPDX-License-Identifier: BSD-2-Clause
#include "device/access.h"

void access_by_words(struct access *access, void (*word)(void *ctx, struct access *access),
                     void *ctx)
{
    if (access->width_bytes != 8) {
        word(ctx, access);
        return;
    }
    struct access high = *access;
    high.offset += 4;
    high.value >>= 32;
    access->value = (uint32_t)access->value;
    access->width_bytes = high.width_bytes = 4;
    word(ctx, access);
    word(ctx, &high);
    access->value |= high.value << 32;
    access->width_bytes = 8;
}
