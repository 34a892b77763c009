/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include "tool/problem.h"
#include "tool/tool.h"

/* A device tree source file, compiled by dtc, and where in it everything stands. */

struct location {
    char *path;     /* of the node */
    char *property; /* NULL: the node itself */
    char *file;
    unsigned line;
};

struct source {
    const char *path;
    struct bytes tree; /* the blob; empty when dtc refused */
    struct location *locations;
    size_t location_count;
};

/* Compiles; what dtc has to say becomes problems. False when there is no blob. */
bool source_compile(struct source *source, const char *path, const char *const *includes,
                    unsigned include_count, struct problem_list *problems);
void source_free(struct source *source);

/* Fills in file and line of a problem that names a node, and maybe a property, as well as it can.
 */
void source_locate(const struct source *source, struct problem *problem);

/* The parsers by themselves, for tests. `text` is NUL-terminated. */
void source_parse_locations(struct source *source, const char *text);
void source_parse_errors(const struct source *source, const char *text,
                         struct problem_list *problems);
