/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <libfdt.h>
#include <string.h>

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

/* The index-th text of a property that is a list of them; NULL when it has no so many. */
static inline const char *tree_list_text(const void *tree, int node, const char *property,
                                         unsigned index)
{
    int length = 0;
    const char *text = node < 0 ? NULL : fdt_getprop(tree, node, property, &length);
    if (text == NULL || length <= 0 || text[length - 1] != '\0') {
        return NULL;
    }
    const char *end = text + length;
    while (index-- != 0 && text < end) {
        text += strlen(text) + 1;
    }
    return text < end ? text : NULL;
}
