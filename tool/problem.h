/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdbool.h>

/* A list of what is wrong with a description, or to be known of it, and its two forms of output. */

struct problem {
    struct problem *next;
    bool is_error, is_note; /* neither: a warning */
    char *file;             /* NULL: not known */
    unsigned line;
    char *node;     /* NULL: not about a node */
    char *property; /* NULL: not about a property */
    char *text;
};

struct problem_list {
    struct problem *first, **last; /* last: where the next one goes */
    unsigned error_count, warning_count;
};

void problem_list_init(struct problem_list *list);
void problem_list_free(struct problem_list *list);
/* Appends; copies the texts. Returns the new one, for its place to be filled in. */
struct problem *problem_add(struct problem_list *list, bool is_error, const char *node,
                            const char *property, const char *text);

/* The same for what is not wrong, but to be known: counted as neither. */
struct problem *problem_add_note(struct problem_list *list, const char *node, const char *property,
                                 const char *text);

/* By file and line, as a reader meets them; what has no line first. */
void problem_list_sort(struct problem_list *list);

/* "file:line: error: /vms/a: memory-mib: is 8, must be ...", one line each, and a last one that
 * counts. */
void problem_list_print(const struct problem_list *list, const char *input);
/* {"file": ..., "ok": ..., "problems": [...]} on standard output. */
void problem_list_print_json(const struct problem_list *list, const char *input);
