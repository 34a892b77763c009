// SPDX-License-Identifier: BSD-2-Clause
/* Each node and property by itself, against the schema. */
#include <libfdt.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lib/tree.h"
#include "tool/description.h"

enum {
    DEPTH_MAX = 8,
    WORD_MAX = 32, /* longer words are not compared */
    SIMILAR_MAX = 2,
    NAMES_MAX_BYTES = 256,
};

static const char *path_of(struct checker *checker, int node)
{
    if (fdt_get_path(checker->tree, node, checker->path, sizeof checker->path) != 0) {
        snprintf(checker->path, sizeof checker->path, "(a path that is too long)");
    }
    return checker->path;
}

void checker_report(struct checker *checker, bool is_error, int node, const char *property,
                    const char *fmt, ...)
{
    char text[DESCRIPTION_TEXT_MAX];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    checker->error_count += is_error;
    checker->report(checker->ctx, &(struct description_problem){.is_error = is_error,
                                                                .node = path_of(checker, node),
                                                                .property = property,
                                                                .text = text});
}

void checker_note(struct checker *checker, int node, const char *property, const char *text)
{
    checker->report(checker->ctx, &(struct description_problem){.is_note = true,
                                                                .node = path_of(checker, node),
                                                                .property = property,
                                                                .text = text});
}

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
    unsigned smaller = a < b ? a : b;
    return smaller < c ? smaller : c;
}

/* Optimal string alignment: the usual table, two rows and the one before. */
unsigned description_distance(const char *a, const char *b)
{
    size_t a_length = strnlen(a, WORD_MAX + 1), b_length = strnlen(b, WORD_MAX + 1);
    if (a_length > WORD_MAX || b_length > WORD_MAX) {
        return WORD_MAX;
    }
    unsigned rows[3][WORD_MAX + 1] = {{0}};
    for (unsigned j = 0; j <= b_length; j++) {
        rows[0][j] = j;
    }
    for (unsigned i = 1; i <= a_length; i++) {
        unsigned *row = rows[i % 3], *last = rows[(i - 1) % 3], *before = rows[(i + 1) % 3];
        row[0] = i;
        for (unsigned j = 1; j <= b_length; j++) {
            row[j] = min3(last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                before[j - 2] + 1 < row[j]) {
                row[j] = before[j - 2] + 1;
            }
        }
    }
    return rows[a_length % 3][b_length];
}

static bool is_similar(const char *given, const char *name)
{
    return description_distance(given, name) <= SIMILAR_MAX ||
           (strlen(given) >= 3 && strncmp(given, name, strlen(given)) == 0);
}

static const char *similar_property(const struct description_property *table, const char *given)
{
    for (const struct description_property *p = table; p->name != NULL; p++) {
        if (is_similar(given, p->name)) {
            return p->name;
        }
    }
    return NULL;
}

/* The node kind that has a property of this very name. */
static const char *home_of(const struct description_node *node, const char *property)
{
    for (const struct description_property *p = node->properties; p->name != NULL; p++) {
        if (strcmp(p->name, property) == 0) {
            return node->path;
        }
    }
    const struct description_node *child = node->children;
    for (; child != NULL && child->name != NULL; child++) {
        const char *home = home_of(child, property);
        if (home != NULL) {
            return home;
        }
    }
    return NULL;
}

static void list_properties(const struct description_property *table, char *names, size_t size)
{
    size_t length = 0;
    names[0] = '\0';
    for (const struct description_property *p = table; p->name != NULL && length < size; p++) {
        length += (size_t)snprintf(names + length, size - length, "%s%s", length != 0 ? ", " : "",
                                   p->name);
    }
}

static void report_unknown_property(struct checker *checker, int node,
                                    const struct description_node *schema, const char *name)
{
    char names[NAMES_MAX_BYTES];
    const char *similar = similar_property(schema->properties, name);
    const char *home = home_of(&description_schema, name);
    list_properties(schema->properties, names, sizeof names);
    if (similar != NULL) {
        checker_report(checker, true, node, name, "there is no such property; did you mean \"%s\"?",
                       similar);
    } else if (home != NULL) {
        checker_report(checker, true, node, name, "does not belong here but into %s", home);
    } else if (names[0] == '\0') {
        checker_report(checker, true, node, name, "there is no such property: %s has none",
                       schema->path);
    } else {
        checker_report(checker, true, node, name, "there is no such property: %s can have %s",
                       schema->path, names);
    }
}

static void check_text(struct checker *checker, int node, const struct description_property *p,
                       const char *value, int length)
{
    if (length < 1 || value[length - 1] != '\0' ||
        memchr(value, '\0', (size_t)length - 1) != NULL) {
        checker_report(checker, true, node, p->name, "must be one text in quotes: %s = \"%s\"",
                       p->name, p->choices != NULL ? p->choices[0] : "...");
        return;
    }
    size_t characters = (size_t)length - 1;
    size_t max = p->type == DESCRIPTION_FILE ? (size_t)DESCRIPTION_FILE_MAX : p->max;
    size_t min = p->type == DESCRIPTION_FILE ? 1 : p->min;
    if (p->type != DESCRIPTION_CHOICE) {
        if (characters < min) {
            checker_report(checker, true, node, p->name, "is empty");
        } else if (characters > max) {
            checker_report(checker, true, node, p->name,
                           "is %zu characters long, must be %zu at the most", characters, max);
        }
        return;
    }
    char list[NAMES_MAX_BYTES];
    size_t used = 0;
    list[0] = '\0';
    for (const char *const *choice = p->choices; *choice != NULL; choice++) {
        if (strcmp(*choice, value) == 0) {
            return;
        }
        used += (size_t)snprintf(list + used, sizeof list - used, "%s\"%s\"", used != 0 ? ", " : "",
                                 *choice);
    }
    checker_report(checker, true, node, p->name, "is \"%.64s\", must be %s%s", value,
                   p->choices[1] != NULL ? "one of " : "", list);
}

static void check_texts(struct checker *checker, int node, const struct description_property *p,
                        const char *value, int length)
{
    const char *end = value + length;
    if (length < 1 || end[-1] != '\0') {
        checker_report(checker, true, node, p->name,
                       "must be texts in quotes: %s = \"...\", \"...\"", p->name);
        return;
    }
    for (; value < end; value += strlen(value) + 1) {
        check_text(checker, node, p, value, (int)strlen(value) + 1);
    }
}

static void check_number(struct checker *checker, int node, const struct description_property *p,
                         uint32_t value)
{
    if (value < p->min || value > p->max) {
        checker_report(checker, true, node, p->name, "is %u, must be %u to %u", value, p->min,
                       p->max);
    } else if (value % p->multiple != 0) {
        checker_report(checker, true, node, p->name, "is %u, must be a multiple of %u", value,
                       p->multiple);
    }
}

/* "64M" has the size of a number. No number in the schema's ranges looks like that. */
static bool looks_like_text(const char *value, int length)
{
    for (int i = 0; i < length - 1; i++) {
        if (value[i] < ' ' || value[i] > '~') {
            return false;
        }
    }
    return length > 1 && value[length - 1] == '\0';
}

static void check_numbers(struct checker *checker, int node, const struct description_property *p,
                          const fdt32_t *cells, int length)
{
    int count = length / (int)sizeof *cells;
    const char *example = p->fallback != NULL ? p->fallback : p->max >= 256 ? "256" : "2";
    if (length % (int)sizeof *cells != 0 || count == 0 ||
        looks_like_text((const char *)cells, length)) {
        checker_report(checker, true, node, p->name,
                       "must be a number in angle brackets: %s = <%s>", p->name, example);
    } else if (p->type == DESCRIPTION_NUMBER && count != 1) {
        checker_report(checker, true, node, p->name,
                       "must be one number in angle brackets: %s = <%s>", p->name, example);
    } else if (count > DESCRIPTION_VCPU_MAX) {
        checker_report(checker, true, node, p->name,
                       "has %d numbers, a VM has %d vCPUs at the most", count,
                       DESCRIPTION_VCPU_MAX);
    } else {
        for (int i = 0; i < count; i++) {
            check_number(checker, node, p, fdt32_ld(&cells[i]));
        }
    }
}

static void check_properties(struct checker *checker, int node,
                             const struct description_node *schema)
{
    for (const struct description_property *p = schema->properties; p->name != NULL; p++) {
        if (p->required && fdt_getprop(checker->tree, node, p->name, NULL) == NULL) {
            checker_report(checker, true, node, p->name, "is missing: %s", p->doc);
        }
    }
    int offset;
    fdt_for_each_property_offset(offset, checker->tree, node)
    {
        const char *name;
        int length;
        const void *value = fdt_getprop_by_offset(checker->tree, offset, &name, &length);
        if (value == NULL || strcmp(name, "phandle") == 0) { /* dtc adds it to a referenced node */
            continue;
        }
        const struct description_property *p = schema->properties;
        while (p->name != NULL && strcmp(p->name, name) != 0) {
            p++;
        }
        if (p->name == NULL) {
            report_unknown_property(checker, node, schema, name);
        } else if (p->type == DESCRIPTION_TEXTS) {
            check_texts(checker, node, p, value, length);
        } else if (p->type == DESCRIPTION_NUMBER || p->type == DESCRIPTION_NUMBERS) {
            check_numbers(checker, node, p, value, length);
        } else {
            check_text(checker, node, p, value, length);
        }
    }
}

static bool is_child(const struct description_node *schema, const char *name)
{
    return strcmp(schema->name, "*") == 0 || strcmp(schema->name, name) == 0;
}

static void report_unknown_node(struct checker *checker, int node,
                                const struct description_node *schema, const char *name)
{
    const struct description_node *child = schema->children;
    for (; child != NULL && child->name != NULL; child++) {
        if (is_similar(name, child->name)) {
            checker_report(checker, true, node, NULL, "there is no such node; did you mean \"%s\"?",
                           child->name);
            return;
        }
    }
    checker_report(checker, true, node, NULL, "there is no such node in %s", schema->path);
}

static void check_node(struct checker *checker, int node, const struct description_node *schema,
                       unsigned depth);

static void check_children(struct checker *checker, int node, const struct description_node *schema,
                           unsigned depth)
{
    const struct description_node *child;
    for (child = schema->children; child != NULL && child->name != NULL; child++) {
        if (child->required && fdt_subnode_offset(checker->tree, node, child->name) < 0) {
            checker_report(checker, true, node, NULL, "has no node \"%s\": %s", child->name,
                           child->doc);
        }
    }
    int subnode;
    fdt_for_each_subnode(subnode, checker->tree, node)
    {
        const char *name = fdt_get_name(checker->tree, subnode, NULL);
        if (name == NULL || strcmp(name, "__symbols__") == 0) { /* of dtc -@ */
            continue;
        }
        child = schema->children;
        while (child != NULL && child->name != NULL && !is_child(child, name)) {
            child++;
        }
        if (child == NULL || child->name == NULL) {
            report_unknown_node(checker, subnode, schema, name);
        } else {
            check_node(checker, subnode, child, depth + 1);
        }
    }
}

static void check_node(struct checker *checker, int node, const struct description_node *schema,
                       unsigned depth)
{
    if (depth > DEPTH_MAX) {
        return; /* deeper than the schema: cannot happen */
    }
    check_properties(checker, node, schema);
    check_children(checker, node, schema, depth);
}

unsigned description_check(const void *tree, size_t size_bytes,
                           const struct description_facts *facts, description_report_fn *report,
                           void *ctx)
{
    struct checker checker = {.tree = tree, .facts = facts, .report = report, .ctx = ctx};
    if (!tree_check(tree, size_bytes)) {
        report(ctx, &(struct description_problem){.is_error = true,
                                                  .node = "/",
                                                  .property = NULL,
                                                  .text = "is not a valid device tree blob"});
        return 1;
    }
    check_node(&checker, 0, &description_schema, 0);
    checker_check_system(&checker);
    return checker.error_count;
}
