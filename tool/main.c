// SPDX-License-Identifier: BSD-2-Clause
#include <stdio.h>
#include <string.h>

#include "tool/tool.h"

static const struct command *const commands[] = {
    &command_check, &command_build, &command_run, &command_show, &command_kernel, &command_capture,
};

enum { COMMAND_COUNT = sizeof commands / sizeof commands[0] };

static void print_help(FILE *to)
{
    fprintf(to, "Usage: bulkhead COMMAND ...\n\n"
                "Virtual machines on the seL4 microkernel, from one description.\n\nCommands:\n");
    for (unsigned i = 0; i < COMMAND_COUNT; i++) {
        fprintf(to, "  %-8s %s\n", commands[i]->name, commands[i]->summary);
    }
    fprintf(to,
            "\n\"bulkhead COMMAND --help\" says more. A description is a device tree source file;\n"
            "docs/description.md has the rules, \"bulkhead check --explain\" its properties.\n");
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        print_help(stderr);
        return TOOL_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
        strcmp(argv[1], "help") == 0) {
        print_help(stdout);
        return TOOL_OK;
    }
    for (unsigned i = 0; i < COMMAND_COUNT; i++) {
        if (strcmp(argv[1], commands[i]->name) == 0) {
            struct options options;
            options_parse(commands[i], argc - 1, argv + 1, &options);
            return commands[i]->run(&options);
        }
    }
    fprintf(stderr, "bulkhead: there is no command \"%s\"\nTry: bulkhead --help\n", argv[1]);
    return TOOL_USAGE;
}
