// SPDX-License-Identifier: BSD-2-Clause
#include <stdio.h>
#include <string.h>

#include "tool/system.h"

static const char *type_text(const struct description_property *p, char *text, size_t size)
{
    switch (p->type) {
    case DESCRIPTION_TEXT:
        snprintf(text, size, "text, %u to %u characters", p->min, p->max);
        break;
    case DESCRIPTION_FILE:
        snprintf(text, size, "file name");
        break;
    case DESCRIPTION_TEXTS:
        snprintf(text, size, "texts, %u to %u characters each", p->min, p->max);
        break;
    case DESCRIPTION_NUMBER:
    case DESCRIPTION_NUMBERS:
        snprintf(text, size, "number%s, %u to %u%s",
                 p->type == DESCRIPTION_NUMBERS ? " or list" : "", p->min, p->max,
                 p->multiple == 2 ? ", even" : "");
        break;
    case DESCRIPTION_CHOICE: {
        size_t used = 0;
        text[0] = '\0';
        for (const char *const *c = p->choices; *c != NULL && used < size; c++) {
            used +=
                (size_t)snprintf(text + used, size - used, "%s\"%s\"", used != 0 ? " " : "", *c);
        }
        break;
    }
    }
    return text;
}

static const char *fallback_text(const struct description_property *p)
{
    return p->required ? "required" : p->fallback != NULL ? p->fallback : "-";
}

/* As Markdown: docs/description.md has this very text. */
static bool explain_node(const struct description_node *node, const char *only)
{
    bool found = false, header = false;
    for (const struct description_property *p = node->properties; p->name != NULL; p++) {
        if (only != NULL && strcmp(p->name, only) != 0) {
            continue;
        }
        char text[160];
        if (!header) {
            printf(
                "### `%s`\n\n%s\n\n| property | value | default | meaning |\n|---|---|---|---|\n",
                node->path, node->doc);
            header = true;
        }
        printf("| `%s` | %s | %s | %s |\n", p->name, type_text(p, text, sizeof text),
               fallback_text(p), p->doc);
        found = true;
    }
    if (header) {
        printf("\n");
    } else if (only == NULL) {
        printf("### `%s`\n\n%s\n\n", node->path, node->doc);
    }
    const struct description_node *child = node->children;
    for (; child != NULL && child->name != NULL; child++) {
        found |= explain_node(child, only);
    }
    return found;
}

static int explain(const char *property)
{
    if (!explain_node(&description_schema, property)) {
        tool_fail(TOOL_USAGE, "there is no property \"%s\"; \"bulkhead check --explain\" lists all",
                  property);
    }
    return TOOL_OK;
}

static int run(const struct options *options)
{
    if (options->explain) {
        return explain(options->input);
    }
    if (options->input == NULL) {
        tool_fail(TOOL_USAGE, "check: which description? Try: bulkhead check --help");
    }
    struct system system;
    system_load(&system, options);
    if (options->json) {
        problem_list_print_json(&system.problems, options->input);
    } else {
        problem_list_print(&system.problems, options->input);
        if (system.problems.error_count == 0 && !options->quiet) {
            printf("%s: good%s\n", options->input,
                   system.has_kernel ? ""
                                     : " (cores, GIC and memory not checked: no kernel given)");
        }
    }
    bool wrong = system.problems.error_count != 0 || system.kernel_error_count != 0;
    system_free(&system);
    return wrong ? TOOL_WRONG_INPUT : TOOL_OK;
}

#define field(name) offsetof(struct options, name)

static const struct command_option options_table[] = {
    {'I',                                                               "include", "DIR", "where else to look for files and the folder \"board\"",
     field(includes), true},
    {'k',                                                            "kernel", "SDK", "check against this kernel: seL4 install prefix or Microkit SDK",
     field(kernel), false},
    {0,                                                   "board", "BOARD", "board of a Microkit SDK (qemu_virt_aarch64)", field(board), false},
    {0,                                                                 "config", "CONFIG", "configuration of a Microkit SDK (debug)", field(config), false},
    {0,"json", NULL, "the result as JSON on standard output", field(json), false},
    {0, "explain", NULL, "print what may stand in a description, or only PROPERTY", field(explain),
     false},
    {'q',                                                            "quiet", NULL, "only what is wrong with the description", field(quiet), false},
    {.name = NULL                                                                },
};

const struct command command_check = {
    .name = "check",
    .summary = "Find every mistake in a description",
    .usage = "[OPTION...] FILE.dts | --explain [PROPERTY]",
    .options = options_table,
    .input_optional = true,
    .run = run,
};
