/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include "tool/tool.h"

/* Guests' kernels, unpacked here so that the target needs no inflate. */

enum { PAYLOAD_MAX_BYTES = 512 << 20 };

/*
 * Replaces a gzip'd kernel by what it holds, at most PAYLOAD_MAX_BYTES. Says what is wrong, as the
 * end of a sentence that begins with the file's name (to be freed), or NULL. Whether what is there
 * is a kernel decides vmm/load.h, the same code that loads it.
 */
char *payload_unpack(struct bytes *bytes);
