/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdint.h>

/* The string property /chosen/bootargs of a flattened device tree; "" if there is none. Never reads
   beyond size bytes of the blob. Devicetree Specification, chapter 5. */
const char *fdt_bootargs(const void *blob, uint64_t size);
