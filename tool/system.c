// SPDX-License-Identifier: BSD-2-Clause
#include "tool/system.h"

#include <errno.h>
#include <libfdt.h>
#include <stdlib.h>
#include <string.h>

#include "lib/tree.h"
#include "link/map.h"
#include "tool/payload.h"
#include "vmm/load.h"

enum { GUEST_TREE_BYTES = 1 << 20 /* what is kept for the guest's device tree */ };

static void report(void *ctx, const struct description_problem *problem)
{
    struct system *system = ctx;
    struct problem *added =
        problem->is_note
            ? problem_add_note(&system->problems, problem->node, problem->property, problem->text)
            : problem_add(&system->problems, problem->is_error, problem->node, problem->property,
                          problem->text);
    source_locate(&system->source, added);
}

static void report_node(struct system *system, int node, const char *property, const char *text)
{
    char path[DESCRIPTION_PATH_MAX];
    if (fdt_get_path(system->source.tree.data, node, path, sizeof path) != 0) {
        path[0] = '\0';
    }
    report(system, &(struct description_problem){
                       .is_error = true, .node = path, .property = property, .text = text});
}

/* ---- paths
 * ------------------------------------------------------------------------------------------ */

/* The description's folder, with its slash; empty when it has none. */
static int folder_length(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? (int)(slash - path + 1) : 0;
}

/* In the description's folder, then in each -I; NULL when it is nowhere. */
static char *find_path(const struct options *options, const char *name)
{
    if (name[0] == '/') {
        return file_exists(name) ? tool_format("%s", name) : NULL;
    }
    char *path = tool_format("%.*s%s", folder_length(options->input), options->input, name);
    for (unsigned i = 0; !file_exists(path); i++) {
        free(path);
        if (i == options->include_count) {
            return NULL;
        }
        path = tool_format("%s/%s", options->includes[i], name);
    }
    return path;
}

/* Where find_path looked, for messages. */
static char *searched(const struct options *options)
{
    int length = folder_length(options->input);
    char *list = length > 0 ? tool_format("%.*s", length, options->input) : tool_format("./");
    for (unsigned i = 0; i < options->include_count; i++) {
        char *longer = tool_format("%s, %s", list, options->includes[i]);
        free(list);
        list = longer;
    }
    return list;
}

/* ---- board
 * ------------------------------------------------------------------------------------------ */

static void load_board(struct system *system)
{
    const char *name = description_board(system->source.tree.data);
    if (name == NULL || name[0] == '\0' || strchr(name, '/') != NULL) {
        if (name != NULL && name[0] != '\0') {
            report(system,
                   &(struct description_problem){.is_error = true,
                                                 .node = "/",
                                                 .property = "board",
                                                 .text = "is the name of a board, not a path"});
        }
        return; /* the checker says that it is missing */
    }
    char *file = tool_format("board/%s/board.dts", name);
    char *path = find_path(system->options, file);
    if (path == NULL) {
        char *where = searched(system->options);
        char *text = tool_format("there is no %s in %s: correct the name, or say with -I where the "
                                 "folder \"board\" is",
                                 file, where);
        report(system, &(struct description_problem){
                           .is_error = true, .node = "/", .property = "board", .text = text});
        free(text);
        free(where);
    } else {
        source_compile(&system->board, path, NULL, 0, &system->problems);
    }
    free(file);
    free(path); /* source keeps it only for messages during compilation */
    system->board.path = NULL;
}

/* ---- guests' files
 * ---------------------------------------------------------------------------------- */

static struct system_file *find_file(struct system *system, const char *name)
{
    for (unsigned i = 0; i < system->file_count; i++) {
        if (strcmp(system->files[i].name, name) == 0) {
            return &system->files[i];
        }
    }
    return NULL;
}

static struct system_file *load_file(struct system *system, int node, const char *property,
                                     const char *name)
{
    struct system_file *known = find_file(system, name);
    if (known != NULL || name[0] == '\0' || strlen(name) > DESCRIPTION_FILE_MAX ||
        system->file_count == SYSTEM_FILES_MAX) {
        return known;
    }
    char *text = NULL;
    char *path = find_path(system->options, name);
    struct bytes bytes = {.data = NULL};
    if (path == NULL) {
        char *where = searched(system->options);
        text =
            tool_format("there is no file \"%s\" in %s: correct the name, or say with -I where it "
                        "is",
                        name, where);
        free(where);
    } else if (!file_read(path, &bytes)) {
        text = tool_format("%s: %s", path, strerror(errno));
    } else if (bytes.size == 0) {
        text = tool_format("%s is empty", path);
        bytes_free(&bytes);
    }
    free(path);
    if (text != NULL) {
        report_node(system, node, property, text);
        free(text);
        return NULL;
    }
    struct system_file *file = &system->files[system->file_count++];
    *file = (struct system_file){.name = tool_format("%s", name), .bytes = bytes};
    return file;
}

static bool unpack_kernel(struct system *system, const struct description_vm *vm,
                          struct system_file *file)
{
    if (file->is_kernel) {
        return true;
    }
    char *wrong = payload_unpack(&file->bytes);
    if (wrong != NULL) {
        char *text = tool_format("\"%s\" %s", file->name, wrong);
        report_node(system, vm->node, "kernel", text);
        free(text);
        free(wrong);
        return false;
    }
    file->is_kernel = true;
    return true;
}

/* Exactly what the VMM will decide when it loads them. */
static void check_fit(struct system *system, const struct description_vm *vm,
                      const struct system_file *kernel, const struct system_file *initrd)
{
    struct load_request request = {
        .ram = {MAP_RAM_BASE,        (uint64_t)vm->memory_mib << 20},
        .kernel = { kernel->name, kernel->bytes.data,             kernel->bytes.size},
        .dtb_size_bytes = GUEST_TREE_BYTES,
    };
    if (initrd != NULL) {
        request.initrd = (struct load_file){initrd->name, initrd->bytes.data, initrd->bytes.size};
    }
    struct load_plan plan;
    struct load_failure failure;
    if (!load_place(&request, &plan, &failure)) {
        bool is_initrd = strncmp(failure.text, "initrd", strlen("initrd")) == 0;
        report_node(system, vm->node, is_initrd ? "initrd" : "kernel", failure.text);
    }
}

static void load_files(struct system *system)
{
    struct description_vm vm;
    const void *tree = system->source.tree.data;
    for (int at = -1; description_vm_next(tree, at, &vm); at = vm.node) {
        struct system_file *kernel =
            vm.kernel != NULL ? load_file(system, vm.node, "kernel", vm.kernel) : NULL;
        struct system_file *initrd =
            vm.initrd != NULL ? load_file(system, vm.node, "initrd", vm.initrd) : NULL;
        bool complete = kernel != NULL && (vm.initrd == NULL || initrd != NULL);
        if (kernel != NULL && !unpack_kernel(system, &vm, kernel)) {
            complete = false;
        }
        if (complete && vm.memory_mib != 0) {
            check_fit(system, &vm, kernel, initrd);
        }
    }
    const char *name;
    for (int at = -1; (at = description_disk_file_next(tree, at, &name)) >= 0;) {
        load_file(system, at, "file", name);
    }
}

/* ---- kernel
 * ----------------------------------------------------------------------------------------- */

/* How many cores vCPUs without a core of their own are spread over; 0: all. */
static unsigned spread(const char *text)
{
    char *end;
    unsigned long count = text == NULL ? 0 : strtoul(text, &end, 10);
    if (text != NULL && (*text < '0' || *text > '9' || *end != '\0' || count == 0 || count > 64)) {
        tool_fail(TOOL_USAGE, "--spread %s: a number of cores, 1 to 64", text);
    }
    return (unsigned)count;
}

static void load_kernel(struct system *system)
{
    const struct options *options = system->options;
    if (options->kernel == NULL) {
        return;
    }
    system->kernel_error_count = kernel_load(&system->kernel, options->kernel, options->board,
                                             options->config, options->quiet ? NULL : stderr);
    system->has_kernel = true;
    const struct image_machine *machine = &system->kernel.machine;
    system->facts.core_count = machine->core_count;
    system->facts.gic_version = machine->gic_version;
    system->facts.spread = spread(options->spread);
    for (unsigned i = 0; i < machine->memory_count; i++) {
        system->facts.memory_mib += machine->memory[i].size_bytes >> 20;
    }
}

void system_load(struct system *system, const struct options *options)
{
    *system = (struct system){.options = options};
    problem_list_init(&system->problems);
    load_kernel(system);
    if (!source_compile(&system->source, options->input, options->includes, options->include_count,
                        &system->problems)) {
        return;
    }
    const struct bytes *tree = &system->source.tree;
    description_check(tree->data, tree->size, &system->facts, report, system);
    if (tree_check(tree->data, tree->size)) {
        load_board(system);
        load_files(system);
    }
    problem_list_sort(&system->problems);
}

void system_free(struct system *system)
{
    problem_list_free(&system->problems);
    source_free(&system->source);
    source_free(&system->board);
    kernel_free(&system->kernel);
    for (unsigned i = 0; i < system->file_count; i++) {
        free(system->files[i].name);
        bytes_free(&system->files[i].bytes);
    }
}
