/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "link/net.h"

/*
 * Cuts a TCP frame that is longer than the MTU into frames that are not, for a receiver that does
 * not do that itself (or does not take long ones). The frame lies in private memory; its head was
 * checked (net_head_valid), its headers are checked here.
 */
enum { SEGMENT_HEADERS_MAX = 14 + 8 + 60 + 60 + 256 }; /* two VLAN tags, options, extensions */

struct segment {
    const uint8_t *frame;
    uint32_t length;
    uint32_t ip, tcp;      /* where these headers begin */
    uint32_t header_bytes; /* all before the payload */
    uint32_t size;         /* payload of each frame but the last */
    uint32_t next;         /* where the next frame's payload begins */
    uint32_t number;
    bool is_ip6;
};

/* False: not a TCP frame as the head says, or its segments are longer than frame_max bytes. */
bool segment_begin(struct segment *segment, const struct net_head *head, const uint8_t *frame,
                   uint32_t frame_max);

/* The next frame, complete with its checksums, and its length; 0: that was the last one. `to` has
 * room for frame_max bytes. */
uint32_t segment_next(struct segment *segment, uint8_t *to);
