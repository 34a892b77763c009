/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "link/vsock.h"

/*
 * What a guest finds at VSOCK_HOST_CID, port VSOCK_HOST_PORT: what root knows of this very VM, and
 * of no other. A line of text asks, one line answers: "ok VALUE" or "error REASON". A carriage
 * return before the line's end is ignored, and so is an empty line.
 *
 *   name      of the VM             state    "running": a guest that asks is
 *   cid       its CID               starts   how often it has been started
 *   uptime    seconds since that    version  of this protocol, 1
 *   help      the words above
 */
enum {
    HOST_LINE_MAX = 32, /* of a request, without its end */
    HOST_ANSWER_MAX = 128,
    HOST_VERSION = 1,
};

/* Of one connection. Zero is a fresh one. */
struct host {
    uint8_t length; /* of the line so far; HOST_LINE_MAX + 1: it is too long */
    char line[HOST_LINE_MAX + 1];
};

struct host_facts {
    char name[16];
    uint64_t cid;
    uint32_t starts;
    uint64_t uptime_s;
};

/*
 * Takes a byte of the guest. Returns the length of the answer, which is 0 inside of a line.
 */
uint32_t host_take(struct host *host, uint8_t byte, const struct host_facts *facts,
                   char answer[HOST_ANSWER_MAX]);
