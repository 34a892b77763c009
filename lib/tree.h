/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/*
 * A flattened device tree from somebody whom we do not trust, checked before libfdt sees it:
 * Debian's libfdt 1.6.1 reads through a null pointer or loops for ever in some blobs, in
 * fdt_check_full too.
 *
 * True when [data, data + size) begins with a whole blob of version 17 (Devicetree Specification
 * v0.4, chapter 5): every block inside totalsize, the reservation map ended, every name and value
 * inside its block, names ended, nodes balanced, at most TREE_DEPTH_MAX deep, properties before
 * subnodes, one root.
 */
enum { TREE_DEPTH_MAX = 32 };

bool tree_check(const void *data, size_t size_bytes);
