// SPDX-License-Identifier: BSD-2-Clause
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tool/tool.h"

enum { OPTIONS_MAX = 16, HELP = 1000, FIRST = 1001, HELP_COLUMN = 26 };

static void print_option(const struct command_option *option)
{
    char left[64];
    int length = snprintf(
        left, sizeof left, "  %c%c%s--%s%s%s", option->letter != 0 ? '-' : ' ',
        option->letter != 0 ? option->letter : ' ', option->letter != 0 ? ", " : "  ", option->name,
        option->argument != NULL ? " " : "", option->argument != NULL ? option->argument : "");
    printf("%-*s", HELP_COLUMN, left);
    if (length >= HELP_COLUMN) {
        printf("\n%*s", HELP_COLUMN, "");
    }
    for (const char *c = option->help; *c != '\0'; c++) {
        putchar(*c);
        if (*c == '\n') {
            printf("%*s", HELP_COLUMN, "");
        }
    }
    putchar('\n');
}

static void print_help(const struct command *command)
{
    printf("Usage: bulkhead %s %s\n\n%s.\n", command->name, command->usage, command->summary);
    if (command->detail != NULL) {
        printf("\n%s\n", command->detail);
    }
    printf("\nOptions:\n");
    for (const struct command_option *o = command->options; o->name != NULL; o++) {
        print_option(o);
    }
    print_option(&(struct command_option){'h', "help", NULL, "this text", 0, false});
    printf("\nExit status: 0 all is well, 1 the input is wrong, 2 the command line is wrong,\n"
           "3 a program or file is missing or the system refused.\n");
}

_Noreturn static void fail_usage(const struct command *command, const char *what)
{
    fprintf(stderr, "bulkhead %s: %s\nUsage: bulkhead %s %s\nTry: bulkhead %s --help\n",
            command->name, what, command->name, command->usage, command->name);
    exit(TOOL_USAGE);
}

/* The table in getopt's form; value FIRST + i stands for option i. */
struct getopt_tables {
    struct option longs[OPTIONS_MAX + 2];
    char shorts[2 * OPTIONS_MAX + 4];
};

static void translate(const struct command_option *options, struct getopt_tables *tables)
{
    char *s = tables->shorts;
    struct option *l = tables->longs;
    *s++ = ':'; /* we report errors ourselves */
    *s++ = 'h';
    for (const struct command_option *o = options; o->name != NULL; o++) {
        int kind = o->argument != NULL ? required_argument : no_argument;
        *l++ = (struct option){o->name, kind, NULL, FIRST + (int)(o - options)};
        if (o->letter != 0) {
            *s++ = o->letter;
            if (o->argument != NULL) {
                *s++ = ':';
            }
        }
    }
    *l++ = (struct option){"help", no_argument, NULL, HELP};
    *l = (struct option){.name = NULL};
    *s = '\0';
}

static void store(const struct command *command, const struct command_option *option,
                  struct options *options)
{
    void *field = (char *)options + option->field;
    if (option->is_list) {
        if (options->include_count == INCLUDES_MAX) {
            fail_usage(command, "too many -I");
        }
        options->includes[options->include_count++] = optarg;
    } else if (option->argument != NULL) {
        *(const char **)field = optarg;
    } else {
        *(bool *)field = true;
    }
}

static const struct command_option *find(const struct command_option *options, int value)
{
    for (const struct command_option *o = options; o->name != NULL; o++) {
        if (value == FIRST + (int)(o - options) || (o->letter != 0 && value == o->letter)) {
            return o;
        }
    }
    return NULL;
}

_Noreturn static void fail_option(const struct command *command, int value, const char *given)
{
    char what[160];
    const struct command_option *option = find(command->options, optopt);
    if (value == ':' && option != NULL) {
        snprintf(what, sizeof what, "--%s needs its %s", option->name, option->argument);
    } else if (value == '?' && optopt != 0 && option == NULL && optopt < HELP) {
        snprintf(what, sizeof what, "there is no option -%c", optopt);
    } else {
        snprintf(what, sizeof what, "there is no option like \"%s\" here", given);
    }
    fail_usage(command, what);
}

static void take_input(const struct command *command, int count, char *const *arguments,
                       struct options *options)
{
    if (count > 1) {
        fail_usage(command, command->takes_extra ? "one file only; put QEMU's options behind --"
                                                 : "one argument only");
    }
    if (count == 0 && !command->input_optional) {
        fail_usage(command, "what to work on is missing");
    }
    options->input = count == 1 ? arguments[0] : NULL;
}

void options_parse(const struct command *command, int argc, char *const *argv,
                   struct options *options)
{
    struct getopt_tables tables;
    translate(command->options, &tables);
    *options = (struct options){.output = NULL};

    /* Arguments behind "--" belong to somebody else; getopt must not move them. */
    int own = 1;
    while (own < argc && strcmp(argv[own], "--") != 0) {
        own++;
    }
    static char *const none[] = {NULL};
    options->extra = own < argc ? argv + own + 1 : none;
    if (own < argc && !command->takes_extra) {
        fail_usage(command, "takes nothing behind --");
    }

    opterr = 0;
    optind = 1;
    int value;
    while ((value = getopt_long(own, argv, tables.shorts, tables.longs, NULL)) != -1) {
        if (value == 'h' || value == HELP) {
            print_help(command);
            exit(TOOL_OK);
        }
        const struct command_option *option = find(command->options, value);
        if (option == NULL) {
            fail_option(command, value, argv[optind - 1]);
        }
        store(command, option, options);
    }
    take_input(command, own - optind, argv + optind, options);
}
