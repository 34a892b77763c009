/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <libfdt.h>
#include <string.h>

#include "tool/description.h"

/* Looking at nodes: for description_device.c and description_io.c. */

static inline bool has(const struct checker *checker, int node, const char *property)
{
    return fdt_getprop(checker->tree, node, property, NULL) != NULL;
}

/* For loops over a node that may be absent: libfdt would take the root node for it. */
static inline int first_child(const void *tree, int parent)
{
    return parent < 0 ? parent : fdt_first_subnode(tree, parent);
}

#define for_each_child(node, tree, parent)                                                         \
    for ((node) = first_child(tree, parent); (node) >= 0; (node) = fdt_next_subnode(tree, node))

static inline bool is_text(const void *tree, int node, const char *property, const char *wanted)
{
    const char *text = description_text(tree, node, property);
    return text != NULL && strcmp(text, wanted) == 0;
}
