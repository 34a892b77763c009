/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <libfdt.h>
#include <string.h>

#include "lib/tree_child.h"
#include "tool/description.h"

/* Looking at nodes: for description_device.c and description_io.c. */

static inline bool has(const struct checker *checker, int node, const char *property)
{
    return fdt_getprop(checker->tree, node, property, NULL) != NULL;
}

static inline bool is_text(const void *tree, int node, const char *property, const char *wanted)
{
    const char *text = description_text(tree, node, property);
    return text != NULL && strcmp(text, wanted) == 0;
}
