// SPDX-License-Identifier: BSD-2-Clause
#include "tool/kernel.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tool/tool.h"

/* As kernel.mk has them. */
#define DEFAULT_BOARD  "qemu_virt_aarch64"
#define DEFAULT_CONFIG "debug"

/* The folder's entries, "a, b, c"; the caller frees it. */
static char *list(const char *directory)
{
    struct dirent **entries;
    int count = scandir(directory, &entries, NULL, alphasort);
    char *names = tool_format("%s", count < 0 ? "nothing" : "");
    for (int i = 0; i < count; i++) {
        if (entries[i]->d_name[0] != '.') {
            char *longer =
                tool_format("%s%s%s", names, *names != '\0' ? ", " : "", entries[i]->d_name);
            free(names);
            names = longer;
        }
        free(entries[i]);
    }
    if (count >= 0) {
        free(entries);
    }
    return names;
}

/* The last part of a path, trailing slashes ignored. */
static char *last_part(const char *path)
{
    size_t end = strlen(path);
    while (end > 1 && path[end - 1] == '/') {
        end--;
    }
    size_t start = end;
    while (start > 0 && path[start - 1] != '/') {
        start--;
    }
    return tool_format("%.*s", (int)(end - start), path + start);
}

static bool find_plain(struct kernel *kernel, const char *sdk)
{
    char *elf = tool_format("%s/bin/kernel.elf", sdk);
    if (!file_exists(elf)) {
        free(elf);
        return false;
    }
    char *name = last_part(sdk);
    *kernel = (struct kernel){
        .name = tool_format("seL4 %s", name),
        .elf_path = elf,
        .config_path = tool_format("%s/libsel4/include/kernel/gen_config.json", sdk),
        .platform_path = tool_format("%s/support/platform_gen.json", sdk),
    };
    free(name);
    return true;
}

static char *describe_missing(const char *sdk, const char *board, const char *config)
{
    char *boards_path = tool_format("%s/board", sdk);
    char *board_path = tool_format("%s/board/%s", sdk, board);
    char *error;
    if (!file_exists(boards_path)) {
        error =
            tool_format("%s: neither the install prefix of a seL4 build (no bin/kernel.elf) nor a "
                        "Microkit SDK (no board/)",
                        sdk);
    } else if (!file_exists(board_path)) {
        char *names = list(boards_path);
        error = tool_format("%s: this Microkit SDK has no board \"%s\"; --board can be one of: %s",
                            sdk, board, names);
        free(names);
    } else {
        char *names = list(board_path);
        error =
            tool_format("%s: board \"%s\" has no configuration \"%s\"; --config can be one of: %s",
                        sdk, board, config, names);
        free(names);
    }
    free(boards_path);
    free(board_path);
    return error;
}

bool kernel_find(struct kernel *kernel, const char *sdk, const char *board, const char *config,
                 char **error)
{
    if (find_plain(kernel, sdk)) {
        return true;
    }
    board = board != NULL ? board : DEFAULT_BOARD;
    config = config != NULL ? config : DEFAULT_CONFIG;
    char *base = tool_format("%s/board/%s/%s", sdk, board, config);
    *kernel = (struct kernel){
        .name = tool_format("seL4 of Microkit, %s %s", board, config),
        .elf_path = tool_format("%s/elf/sel4.elf", base),
        .config_path = tool_format("%s/include/kernel/gen_config.json", base),
        .platform_path = tool_format("%s/platform_gen.json", base),
    };
    free(base);
    if (file_exists(kernel->elf_path)) {
        return true;
    }
    kernel_free(kernel);
    *error = describe_missing(sdk, board, config);
    return false;
}

void kernel_free(struct kernel *kernel)
{
    free(kernel->name);
    free(kernel->elf_path);
    free(kernel->config_path);
    free(kernel->platform_path);
    *kernel = (struct kernel){.name = NULL};
}

struct lines {
    FILE *file;
    unsigned error_count;
};

static void print_finding(void *ctx, const struct kernel_finding *finding)
{
    struct lines *lines = ctx;
    lines->error_count += finding->is_error;
    if (lines->file != NULL) {
        fprintf(lines->file, "%s: %s is %s, %s %s: %s\n", finding->is_error ? "error" : "warning",
                finding->option, finding->found, finding->is_error ? "must be" : "better",
                finding->wanted, finding->why);
    }
}

static char *read_text(const char *path)
{
    struct bytes bytes;
    if (!file_read(path, &bytes)) {
        tool_fail(TOOL_WRONG_INPUT, "%s: %s", path, strerror(errno));
    }
    char *text = tool_format("%.*s", (int)bytes.size, (const char *)bytes.data);
    bytes_free(&bytes);
    return text;
}

unsigned kernel_load(struct kernel *kernel, const char *sdk, const char *board, const char *config,
                     FILE *lines)
{
    char *error = NULL;
    if (!kernel_find(kernel, sdk, board, config, &error)) {
        tool_fail(TOOL_WRONG_INPUT, "%s", error);
    }
    char *config_json = read_text(kernel->config_path);
    char *platform_json = read_text(kernel->platform_path);
    struct lines found = {.file = lines};
    const char *wrong = kernel_read(kernel, config_json, platform_json, print_finding, &found);
    if (wrong != NULL) {
        tool_fail(TOOL_WRONG_INPUT, "%s: %s", sdk, wrong);
    }
    free(config_json);
    free(platform_json);
    if (kernel->is_standin) {
        char *name = last_part(sdk);
        free(kernel->name);
        kernel->name = tool_format("the stand-in kernel %s", name);
        free(name);
    }
    struct image_machine *machine = &kernel->machine;
    snprintf(machine->kernel, sizeof machine->kernel, "%s", kernel->name);
    return found.error_count;
}
