/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include "service/block/backend.h"

/*
 * The RAM of a client's VM, which root has lent to the service ("zero copy"). Zero: none is.
 * A client may say anything of where its data are; what comes out of here is inside this RAM.
 */
struct guest {
    uint8_t *bytes;
    uint64_t size_bytes;
    const uint32_t *frame; /* physical address of each BLOCK_FRAME_BYTES, in such */
};

/* What root tells, and `bytes`, which is the RAM. */
void guest_open(struct guest *guest, const struct block_guest *told, uint8_t *bytes);

static inline bool guest_present(const struct guest *guest)
{
    return guest->size_bytes != 0;
}

/*
 * The data of a direct request, into to[segment_count]. Each word of the segments, which the client
 * can change at any moment, is read once. False: they are not all inside the RAM, each in one frame
 * of it, or not as long as the request's sectors.
 */
bool guest_resolve(const struct guest *guest, const struct block_request *request,
                   const struct block_segment *segments,
                   struct backend_segment to[BLOCK_SEGMENT_MAX]);
