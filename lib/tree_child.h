/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <libfdt.h>

/*
 * Children of a node that may be absent (its offset is negative then): libfdt's own loop would take
 * the root node for it. The tree must not change meanwhile.
 */
static inline int tree_first_child(const void *tree, int parent)
{
    return parent < 0 ? parent : fdt_first_subnode(tree, parent);
}

#define tree_for_each_child(node, tree, parent)                                                    \
    for ((node) = tree_first_child(tree, parent); (node) >= 0;                                     \
         (node) = fdt_next_subnode(tree, node))
