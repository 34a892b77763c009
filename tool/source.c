// SPDX-License-Identifier: BSD-2-Clause
#include "tool/source.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tool/process.h"

/* dtc's complaints about style: the binding uses unit addresses without reg. */
#define STYLE_OFF "-Wno-unit_address_vs_reg"

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

/* dtc names the file without the folder that it was given with. */
static char *given_name(const struct source *source, const char *name, size_t length)
{
    const char *base = base_name(source->path);
    if (strlen(base) == length && strncmp(base, name, length) == 0) {
        return tool_format("%s", source->path);
    }
    return tool_format("%.*s", (int)length, name);
}

/* ---- the annotated form of the source: "name = value; / * file:line * /"
 * --------------------------- */

static void add_location(struct source *source, const char *path, const char *property,
                         size_t property_length, const char *comment)
{
    /* The last place is the one that counts: "a.dts:4, b.dts:11". */
    const char *end = strstr(comment, " */");
    const char *start = comment;
    for (const char *c = comment; end != NULL && c < end; c++) {
        if (strncmp(c, ", ", 2) == 0) {
            start = c + 2;
        }
    }
    const char *colon = NULL;
    for (const char *c = start; end != NULL && c < end; c++) {
        colon = *c == ':' ? c : colon;
    }
    if (colon == NULL) {
        return;
    }
    size_t size = (source->location_count + 1) * sizeof *source->locations;
    struct location *locations = realloc(source->locations, size);
    if (locations == NULL) {
        tool_fail(TOOL_WRONG_ENVIRONMENT, "out of memory");
    }
    locations[source->location_count++] = (struct location){
        .path = tool_format("%s", path),
        .property = property != NULL ? tool_format("%.*s", (int)property_length, property) : NULL,
        .file = given_name(source, start, (size_t)(colon - start)),
        .line = (unsigned)strtoul(colon + 1, NULL, 10),
    };
    source->locations = locations;
}

/* The last word of [start, end), without labels before it. */
static const char *last_word(const char *start, const char *end)
{
    const char *word = end;
    while (word > start && word[-1] != ' ' && word[-1] != '\t') {
        word--;
    }
    return word;
}

static void enter_node(struct source *source, char *path, size_t path_size, const char *line,
                       const char *brace, const char *comment)
{
    const char *end = brace;
    while (end > line && end[-1] == ' ') {
        end--;
    }
    const char *name = last_word(line, end);
    size_t length = strlen(path);
    if (length == 0) {
        snprintf(path, path_size, "/");
    } else {
        snprintf(path + length, path_size - length, "%s%.*s", length == 1 ? "" : "/",
                 (int)(end - name), name);
    }
    add_location(source, path, NULL, 0, comment);
}

static void leave_node(char *path)
{
    char *slash = strrchr(path, '/');
    if (slash != NULL) {
        slash[slash == path && path[1] != '\0' ? 1 : 0] = '\0';
    }
}

static void parse_line(struct source *source, char *path, size_t path_size, const char *line)
{
    /* A text may hold anything; the comment is the last one. */
    const char *comment = NULL;
    for (const char *c = line; (c = strstr(c, " /* ")) != NULL; c += 4) {
        comment = c + 4;
    }
    if (comment == NULL) {
        return;
    }
    const char *end = comment - 4; /* of the code */
    while (*line == '\t' || *line == ' ') {
        line++;
    }
    if (end > line && end[-1] == '{') {
        enter_node(source, path, path_size, line, end - 1, comment);
    } else if (line[0] == '}') {
        leave_node(path);
    } else {
        const char *stop = strpbrk(line, "=;");
        if (stop != NULL && stop < end) {
            stop = *stop == '=' && stop > line ? stop - 1 : stop;
            const char *name = last_word(line, stop);
            add_location(source, path, name, (size_t)(stop - name), comment);
        }
    }
}

void source_parse_locations(struct source *source, const char *text)
{
    char path[4096] = "";
    while (*text != '\0') {
        const char *end = strchr(text, '\n');
        size_t length = end != NULL ? (size_t)(end - text) : strlen(text);
        char *line = tool_format("%.*s", (int)length, text);
        parse_line(source, path, sizeof path, line);
        free(line);
        text += end != NULL ? length + 1 : length;
    }
}

static const struct location *find_location(const struct source *source, const char *path,
                                            const char *property)
{
    for (size_t i = 0; i < source->location_count; i++) {
        const struct location *l = &source->locations[i];
        bool same_property = property == NULL
                                 ? l->property == NULL
                                 : l->property != NULL && strcmp(l->property, property) == 0;
        if (same_property && strcmp(l->path, path) == 0) {
            return l;
        }
    }
    return NULL;
}

void source_locate(const struct source *source, struct problem *problem)
{
    if (problem->node == NULL) {
        return;
    }
    const struct location *found = find_location(source, problem->node, problem->property);
    if (found == NULL) {
        found = find_location(source, problem->node, NULL);
    }
    if (found != NULL) {
        free(problem->file);
        problem->file = tool_format("%s", found->file);
        problem->line = found->line;
    }
}

/* ---- dtc's errors
 * ---------------------------------------------------------------------------------- */

/* "FILE:LINE.COLUMN..." at the start; returns what follows the position, or NULL. */
static const char *take_position(const struct source *source, const char *text, char **file,
                                 unsigned *line)
{
    const char *colon = strchr(text, ':');
    if (colon == NULL || colon == text || colon[1] < '0' || colon[1] > '9') {
        return NULL;
    }
    char *end;
    *line = (unsigned)strtoul(colon + 1, &end, 10);
    if (*end != '.') {
        return NULL;
    }
    *file = given_name(source, text, (size_t)(colon - text));
    return end + strspn(end, ".-:0123456789");
}

/*
 * "Error: FILE:LINE.COL-COL TEXT" of the parser, "FILE:LINE.COL-COL: ERROR (check): /node: TEXT" of
 * the checks. Summaries that follow them are left out, anything else is taken as it is.
 */
static void parse_error(const struct source *source, const char *line,
                        struct problem_list *problems)
{
    char *file = NULL;
    unsigned number = 0;
    const char *rest = line;
    if (strncmp(line, "Error: ", 7) == 0) {
        rest = take_position(source, line + 7, &file, &number);
        rest = rest != NULL ? rest : line + 7;
    } else if (strstr(line, ": ERROR (") != NULL) {
        take_position(source, line, &file, &number);
        const char *close = strstr(line, "): ");
        rest = close != NULL ? close + 3 : line;
    } else if (problems->error_count != 0 || strncmp(line, "  also defined", 14) == 0) {
        return;
    } else if (strncmp(line, "FATAL ERROR: ", 13) == 0) {
        rest = line + 13;
    }
    struct problem *problem = problem_add(problems, true, NULL, NULL, rest + strspn(rest, " "));
    problem->file = file;
    problem->line = number;
}

void source_parse_errors(const struct source *source, const char *text,
                         struct problem_list *problems)
{
    while (*text != '\0') {
        const char *end = strchr(text, '\n');
        size_t length = end != NULL ? (size_t)(end - text) : strlen(text);
        if (length != 0) {
            char *line = tool_format("%.*s", (int)length, text);
            parse_error(source, line, problems);
            free(line);
        }
        text += end != NULL ? length + 1 : length;
    }
}

/* ---- dtc
 * ------------------------------------------------------------------------------------------- */

enum { ARGUMENTS_MAX = 16 + 2 * INCLUDES_MAX };

static void run_dtc(const struct source *source, const char *format, const char *const *includes,
                    unsigned include_count, struct process_result *result)
{
    const char *argv[ARGUMENTS_MAX];
    unsigned count = 0;
    argv[count++] = "dtc";
    argv[count++] = "-q";
    argv[count++] = STYLE_OFF;
    argv[count++] = "-I";
    argv[count++] = "dts";
    argv[count++] = "-O";
    argv[count++] = format;
    if (strcmp(format, "dts") == 0) {
        argv[count++] = "-T";
    }
    for (unsigned i = 0; i < include_count; i++) {
        argv[count++] = "-i";
        argv[count++] = includes[i];
    }
    argv[count++] = source->path;
    argv[count] = NULL;
    if (!process_capture((char *const *)(uintptr_t)argv, result)) {
        tool_fail(TOOL_WRONG_ENVIRONMENT, "dtc: %s (Debian package device-tree-compiler)",
                  strerror(errno));
    }
}

bool source_compile(struct source *source, const char *path, const char *const *includes,
                    unsigned include_count, struct problem_list *problems)
{
    *source = (struct source){.path = path};
    if (!file_exists(path)) {
        tool_fail(TOOL_WRONG_INPUT, "%s: %s", path, strerror(errno));
    }
    struct process_result compiled;
    run_dtc(source, "dtb", includes, include_count, &compiled);
    if (compiled.exit_status != 0) {
        source_parse_errors(source, (const char *)compiled.errors.data, problems);
        if (problems->error_count == 0) {
            problem_add(problems, true, NULL, NULL, "dtc refused it without a word");
        }
        process_result_free(&compiled);
        return false;
    }
    source->tree = compiled.output;
    compiled.output = (struct bytes){.data = NULL};
    process_result_free(&compiled);

    struct process_result annotated;
    run_dtc(source, "dts", includes, include_count, &annotated);
    if (annotated.exit_status == 0) { /* else problems have no line, which is no reason to stop */
        source_parse_locations(source, (const char *)annotated.output.data);
    }
    process_result_free(&annotated);
    return true;
}

void source_free(struct source *source)
{
    bytes_free(&source->tree);
    for (size_t i = 0; i < source->location_count; i++) {
        free(source->locations[i].path);
        free(source->locations[i].property);
        free(source->locations[i].file);
    }
    free(source->locations);
    *source = (struct source){.path = NULL};
}
