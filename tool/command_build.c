// SPDX-License-Identifier: BSD-2-Clause
#include <errno.h>
#include <libfdt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tool/build.h"
#include "tool/pack.h"
#include "tool/system.h"

enum { TREE_ROOM_BYTES = 64 << 10, PROGRAM_COUNT = 6, OWN_FILES = 4 + PROGRAM_COUNT };

/* Those with a device are for descriptions in which some VM has one. */
static const struct {
    const char *name, *device;
} programs[PROGRAM_COUNT] = {
    {"vmm",    NULL          },
    {"serial", NULL          },
    {"timer",  NULL          },
    {"block",  "virtio-blk"  },
    {"net",    "virtio-net"  },
    {"vsock",  "virtio-vsock"},
};

/* All files of one image; those of the system belong to it, the others are freed here. */
struct parts {
    struct pack_file files[OWN_FILES + SYSTEM_FILES_MAX];
    unsigned count;
    struct bytes owned[OWN_FILES + 1];
    unsigned owned_count;
};

static void add(struct parts *parts, enum image_type type, const char *name, struct bytes bytes)
{
    parts->files[parts->count++] = (struct pack_file){type, name, bytes.data, bytes.size};
}

static struct bytes own(struct parts *parts, struct bytes bytes)
{
    parts->owned[parts->owned_count++] = bytes;
    return bytes;
}

static struct bytes read_own(struct parts *parts, const char *path, const char *hint)
{
    struct bytes bytes;
    if (!file_read(path, &bytes)) {
        tool_fail(TOOL_WRONG_ENVIRONMENT, "%s: %s%s", path, strerror(errno), hint);
    }
    return own(parts, bytes);
}

static struct bytes read_program(struct parts *parts, const char *folder, const char *name)
{
    char *path = tool_format("%s/%s.elf", folder, name);
    struct bytes bytes =
        read_own(parts, path, " (--programs names the folder that \"make\" filled)");
    free(path);
    return bytes;
}

static struct bytes complete_description(struct parts *parts, const struct system *system)
{
    size_t size = system->source.tree.size * 2 + TREE_ROOM_BYTES;
    struct bytes tree = {tool_allocate(size), size};
    int error = description_complete(system->source.tree.data, &system->facts, tree.data, size);
    if (error != 0) {
        tool_fail(TOOL_WRONG_INPUT, "%s: defaults cannot be written out: %s",
                  system->options->input, fdt_strerror(error));
    }
    tree.size = fdt_totalsize(tree.data);
    return own(parts, tree);
}

/* The board's facts that the loader needs before it can read a device tree. */
static void read_board(const struct system *system, struct image_machine *machine)
{
    const void *tree = system->board.tree.data;
    const char *uart = description_text(tree, 0, "uart");
    uint32_t address;
    if (uart == NULL || strcmp(uart, "pl011") != 0 ||
        description_cells(tree, 0, "uart-address", &address, 1) != 1) {
        tool_fail(TOOL_WRONG_INPUT,
                  "board \"%s\": board.dts must have uart = \"pl011\" and uart-address = <...>",
                  description_board(system->source.tree.data));
    }
    machine->uart = IMAGE_UART_PL011;
    machine->uart_paddr = address;
    snprintf(machine->board, sizeof machine->board, "%s",
             description_board(system->source.tree.data));
}

static void collect(struct parts *parts, const struct system *system, struct bytes *loader)
{
    const struct options *options = system->options;
    *loader = read_program(parts, options->programs, "boot");
    add(parts, IMAGE_KERNEL, "kernel", read_own(parts, system->kernel.elf_path, ""));
    if (options->root != NULL) {
        add(parts, IMAGE_ROOT, "root", read_own(parts, options->root, ""));
    } else {
        add(parts, IMAGE_ROOT, "root", read_program(parts, options->programs, "root"));
        for (unsigned i = 0; i < PROGRAM_COUNT; i++) {
            if (programs[i].device == NULL ||
                description_has_device(system->source.tree.data, programs[i].device)) {
                add(parts, IMAGE_PROGRAM, programs[i].name,
                    read_program(parts, options->programs, programs[i].name));
            }
        }
    }
    add(parts, IMAGE_DESCRIPTION, "description", complete_description(parts, system));
    add(parts, IMAGE_BOARD, "board", system->board.tree);
    for (unsigned i = 0; i < system->file_count; i++) {
        add(parts, IMAGE_GUEST, system->files[i].name, system->files[i].bytes);
    }
}

static int pack_parts(const struct system *system, struct bytes *image)
{
    struct parts parts = {.count = 0};
    struct bytes loader;
    collect(&parts, system, &loader);
    struct pack pack = {
        .loader = loader.data,
        .loader_size = loader.size,
        .machine = system->kernel.machine,
        .files = parts.files,
        .file_count = parts.count,
    };
    read_board(system, &pack.machine);
    char *error = pack_image(&pack, image);
    if (error != NULL) {
        tool_fail(TOOL_WRONG_INPUT, "%s", error);
    }
    for (unsigned i = 0; i < parts.owned_count; i++) {
        bytes_free(&parts.owned[i]);
    }
    return TOOL_OK;
}

int build_image(const struct options *options, struct bytes *image)
{
    if (options->kernel == NULL) {
        tool_fail(TOOL_USAGE, "which kernel? --kernel SDK is missing");
    }
    if (options->programs == NULL) {
        tool_fail(TOOL_USAGE,
                  "where are boot.elf, root.elf and the others? --programs DIR is missing");
    }
    struct system system;
    system_load(&system, options);
    problem_list_print(&system.problems, options->input);
    int status = TOOL_WRONG_INPUT;
    if (system.problems.error_count == 0 && system.kernel_error_count == 0) {
        status = pack_parts(&system, image);
    }
    system_free(&system);
    return status;
}

static int run(const struct options *options)
{
    if (options->output == NULL) {
        tool_fail(TOOL_USAGE, "where to? -o IMAGE is missing");
    }
    struct bytes bytes;
    int status = build_image(options, &bytes);
    if (status != TOOL_OK) {
        return status;
    }
    if (!file_write(options->output, bytes.data, bytes.size)) {
        tool_fail(TOOL_WRONG_ENVIRONMENT, "%s: %s", options->output, strerror(errno));
    }
    struct image image;
    if (!options->quiet && image_open(&image, bytes.data, bytes.size) == IMAGE_OK) {
        const struct image_machine *machine = &image.header->machine;
        printf("%s: %zu KiB, %u files, for %s (%u core%s, GICv%u, %s)\n", options->output,
               bytes.size >> 10, image.file_count, machine->kernel, machine->core_count,
               machine->core_count == 1 ? "" : "s", machine->gic_version, machine->cpu);
    }
    bytes_free(&bytes);
    return TOOL_OK;
}

#define field(name) offsetof(struct options, name)

static const struct command_option options_table[] = {
    {'o',                                    "output", "IMAGE", "the image to write", field(output), false},
    {'k',                               "kernel", "SDK", "seL4 install prefix or Microkit SDK", field(kernel), false},
    {0,                         "board", "BOARD", "board of a Microkit SDK (qemu_virt_aarch64)", field(board), false},
    {0,                                      "config", "CONFIG", "configuration of a Microkit SDK (debug)", field(config), false},
    {'p',"programs", "DIR", "the folder with boot.elf, root.elf and all other programs",
     field(programs), false},
    {0, "root", "FILE", "another root task, alone, instead of root.elf and the others", field(root),
     false},
    {'I',                                 "include", "DIR", "where else to look for files and the folder \"board\"",
     field(includes), true},
    {0,                                      "spread", "N", "vCPUs that name no core get the first N cores in turn (all)", field(spread),
     false},
    {'q',                               "quiet", NULL, "only what is wrong with the description", field(quiet), false},
    {.name = NULL                         },
};

const struct command command_build = {
    .name = "build",
    .summary = "Check a description and pack it into one bootable image",
    .usage = "[OPTION...] FILE.dts -o IMAGE --kernel SDK --programs DIR",
    .detail =
        "The image starts with QEMU's -kernel and U-Boot's booti. Kernels of guests may be packed\n"
        "with gzip; they are unpacked here.",
    .options = options_table,
    .run = run,
};
