// SPDX-License-Identifier: BSD-2-Clause
#include <errno.h>
#include <libfdt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/image.h"
#include "lib/tree.h"
#include "tool/build.h"
#include "tool/capture.h"
#include "tool/description.h"
#include "tool/process.h"

enum { ARGUMENTS_MAX = 128 };

static bool is_image(const struct bytes *bytes)
{
    return bytes->size > IMAGE_HEADER_OFFSET + IMAGE_MAGIC_BYTES &&
           memcmp(bytes->data + IMAGE_HEADER_OFFSET, IMAGE_MAGIC, IMAGE_MAGIC_BYTES) == 0;
}

static void open_image(struct image *image, const struct bytes *bytes, const char *path)
{
    enum image_error error = image_open(image, bytes->data, bytes->size);
    if (error == IMAGE_OK && (image->header->size_bytes > bytes->size || !image_has_end(image))) {
        error = IMAGE_TRUNCATED;
    }
    if (error != IMAGE_OK) {
        tool_fail(TOOL_WRONG_INPUT, "%s: %s", path, image_error_text(error));
    }
}

static const char *machine_option(const struct image *image)
{
    const struct image_file *board = image_find_type(image, IMAGE_BOARD);
    const void *tree = board != NULL ? image->data + board->offset : NULL;
    if (tree == NULL || !tree_check(tree, board->size_bytes) ||
        description_text(tree, 0, "qemu-machine") == NULL) {
        tool_fail(TOOL_WRONG_INPUT,
                  "the image is for board \"%s\", which QEMU does not have (its "
                  "board.dts names no qemu-machine)",
                  image->header->machine.board);
    }
    return description_text(tree, 0, "qemu-machine");
}

/* QEMU's RAM begins where the lowest RAM of its machine does; the kernel's may begin above that. */
static uint64_t memory_mib(const struct image *image)
{
    const struct image_file *board = image_find_type(image, IMAGE_BOARD);
    uint32_t base = 0;
    description_cells(image->data + board->offset, 0, "ram-address", &base, 1);
    const struct image_machine *machine = &image->header->machine;
    uint64_t end = 0;
    for (unsigned i = 0; i < machine->memory_count; i++) {
        uint64_t last = machine->memory[i].base + machine->memory[i].size_bytes;
        end = last > end ? last : end;
    }
    return (end - base) >> 20;
}

struct command_line {
    const char *argv[ARGUMENTS_MAX];
    unsigned count;
};

static void push(struct command_line *line, const char *argument)
{
    if (line->count == ARGUMENTS_MAX - 1) {
        tool_fail(TOOL_USAGE, "too many arguments for QEMU");
    }
    line->argv[line->count++] = argument;
    line->argv[line->count] = NULL;
}

/* A value of QEMU's options in which commas are doubled. */
static char *option_value(const char *text)
{
    char *value = tool_allocate(2 * strlen(text) + 1), *to = value;
    for (; *text != '\0'; text++) {
        *to++ = *text;
        if (*text == ',') {
            *to++ = ',';
        }
    }
    *to = '\0';
    return value;
}

/*
 * The board's virtio devices that the description asks for. A service is given the page with its
 * device's registers, so each has a page, eight slots, of its own.
 */
static void push_devices(struct command_line *line, const struct options *options,
                         const struct image *image)
{
    enum { DISK_SLOT = 0, NETWORK_SLOT = 8 };
    const struct image_file *file = image_find_type(image, IMAGE_DESCRIPTION);
    const void *tree = file != NULL ? image->data + file->offset : NULL;
    bool known = tree != NULL && tree_check(tree, file->size_bytes);
    bool disk = known && description_has_board_disk(tree);
    bool uplink = known && description_has_uplink(tree);
    if (disk && options->disk == NULL) {
        tool_fail(TOOL_USAGE, "the system has a disk: say with --disk FILE what is on it");
    }
    if (options->disk != NULL && !disk) {
        tool_fail(TOOL_USAGE, "--disk %s: the description has no disk with backend \"virtio-blk\"",
                  options->disk);
    }
    if (disk || uplink) {
        push(line, "-global");
        push(line, "virtio-mmio.force-legacy=false");
    }
    if (disk) {
        push(line, "-drive");
        push(line, tool_format("file=%s,if=none,format=raw,discard=unmap,id=disk",
                               option_value(options->disk)));
        push(line, "-device");
        push(line, tool_format("virtio-blk-device,drive=disk,bus=virtio-mmio-bus.%d", DISK_SLOT));
    }
    if (uplink) {
        push(line, "-netdev");
        push(line, options->netdev != NULL ? tool_format("%s,id=uplink", options->netdev)
                                           : "user,id=uplink");
        push(line, "-device");
        push(line,
             tool_format("virtio-net-device,netdev=uplink,bus=virtio-mmio-bus.%d", NETWORK_SLOT));
    }
}

static void make_command_line(struct command_line *line, const struct options *options,
                              const struct image *image, const char *path)
{
    const struct image_machine *machine = &image->header->machine;
    push(line, options->qemu != NULL ? options->qemu : "qemu-system-aarch64");
    push(line, "-machine");
    push(line, tool_format("%s,gic-version=%u", machine_option(image), machine->gic_version));
    push(line, "-cpu");
    push(line, tool_format("%s", machine->cpu));
    push(line, "-smp");
    push(line, tool_format("%u", machine->core_count));
    push(line, "-m");
    push(line, tool_format("%lu", memory_mib(image)));
    push(line, "-display");
    push(line, "none");
    /* The default card wants a ROM that Debian has in a package of its own. */
    push(line, "-nic");
    push(line, "none");
    push_devices(line, options, image);
    push(line, "-serial");
    push(line, "mon:stdio");
    push(line, "-kernel");
    push(line, path);
    for (char *const *extra = options->extra; *extra != NULL; extra++) {
        push(line, *extra);
    }
}

static void print_command_line(const struct command_line *line)
{
    for (unsigned i = 0; i < line->count; i++) {
        bool plain =
            line->argv[i][0] != '\0' && strpbrk(line->argv[i], " \t\"'\\$*?;&|<>()") == NULL;
        printf(plain ? "%s%s" : "%s'%s'", i != 0 ? " " : "", line->argv[i]);
    }
    putchar('\n');
}

/* A description is built into a file that lives as long as QEMU runs. */
static char *build_temporary(const struct options *options, struct bytes *bytes, int *status)
{
    *status = build_image(options, bytes);
    if (*status != TOOL_OK) {
        return NULL;
    }
    const char *folder = getenv("TMPDIR");
    char *path = tool_format("%s/bulkhead.XXXXXX", folder != NULL ? folder : "/tmp");
    int fd = mkstemp(path);
    if (fd < 0 || close(fd) != 0 || !file_write(path, bytes->data, bytes->size)) {
        tool_fail(TOOL_WRONG_ENVIRONMENT, "%s: %s", path, strerror(errno));
    }
    return path;
}

/* ---- captures of networks -----------------------------------------------------------------------
 */

struct recording {
    const char *path;
    struct capture_scan scan;
    int error; /* errno of the last attempt to write the file; 0: it is there */
};

/* Before anything is built or begun. */
static void check_recording(const struct options *options)
{
    if (options->capture == NULL && options->network != NULL) {
        tool_fail(TOOL_USAGE, "--network %s is for --capture FILE", options->network);
    }
    if (options->capture != NULL && !file_can_write(options->capture)) {
        tool_fail(TOOL_WRONG_ENVIRONMENT, "--capture %s: %s", options->capture, strerror(errno));
    }
}

static void check_networks(const struct options *options, const struct image *image)
{
    const struct image_file *file = image_find_type(image, IMAGE_DESCRIPTION);
    const void *tree = file != NULL ? image->data + file->offset : NULL;
    if (options->capture != NULL && tree != NULL && tree_check(tree, file->size_bytes) &&
        !description_has_capture(tree)) {
        tool_fail(TOOL_USAGE, "--capture %s: no network of the description has capture-mib",
                  options->capture);
    }
}

/* Each capture at once, so that it is there even if nobody ends us in an orderly way. */
static void see(void *ctx, const char *text, size_t size)
{
    struct recording *recording = ctx;
    const struct capture_scan *scan = &recording->scan;
    if (capture_scan(&recording->scan, text, size)) {
        bool done = file_write(recording->path, scan->file.data, scan->file.size);
        recording->error = done ? 0 : errno;
    }
}

/* What has become of it, behind all that the console said. */
static int end_recording(struct recording *recording)
{
    const struct capture_scan *scan = &recording->scan;
    int status = TOOL_OK;
    if (scan->state == CAPTURE_NONE) {
        fprintf(stderr,
                "bulkhead: %s: not written: nothing was captured: `capture start NETWORK` in the "
                "operator's shell\nbegins, `capture dump NETWORK` puts it here\n",
                recording->path);
        status = TOOL_WRONG_INPUT;
    } else if (scan->state != CAPTURE_WHOLE) {
        fprintf(stderr, "bulkhead: %s: not written: %s\n", recording->path,
                capture_state_text(scan->state));
        status = TOOL_WRONG_INPUT;
    } else if (recording->error != 0) {
        fprintf(stderr, "bulkhead: %s: %s\n", recording->path, strerror(recording->error));
        status = TOOL_WRONG_ENVIRONMENT;
    } else {
        fprintf(stderr, "bulkhead: %s: %zu bytes of network %s%s\n", recording->path,
                scan->file.size, scan->file_network,
                scan->whole_count > 1 ? ", the last capture of several" : "");
    }
    capture_scan_end(&recording->scan);
    return status;
}

/* ---- the command --------------------------------------------------------------------------------
 */

static int start(const struct options *options, const struct command_line *line)
{
    struct recording recording = {.path = options->capture, .scan.network = options->network};
    const struct process_watcher watcher = {see, &recording};
    int status = process_run((char *const *)(uintptr_t)line->argv,
                             options->capture != NULL ? &watcher : NULL);
    if (status == -1 || status == 127) {
        fprintf(stderr, "bulkhead: %s: %s (Debian package qemu-system-arm)\n", line->argv[0],
                strerror(errno != 0 ? errno : ENOENT));
        capture_scan_end(&recording.scan);
        return TOOL_WRONG_ENVIRONMENT;
    }
    int recorded = options->capture != NULL ? end_recording(&recording) : TOOL_OK;
    return status == 0 ? recorded : TOOL_WRONG_ENVIRONMENT;
}

static int run(const struct options *options)
{
    struct bytes bytes;
    char *temporary = NULL;
    int status = TOOL_OK;
    check_recording(options);
    if (!file_read(options->input, &bytes)) {
        tool_fail(TOOL_WRONG_INPUT, "%s: %s", options->input, strerror(errno));
    }
    if (!is_image(&bytes)) {
        bytes_free(&bytes);
        temporary = build_temporary(options, &bytes, &status);
        if (temporary == NULL) {
            return status;
        }
    }
    struct image image;
    open_image(&image, &bytes, options->input);
    check_networks(options, &image);
    struct command_line line = {.count = 0};
    make_command_line(&line, options, &image, temporary != NULL ? temporary : options->input);
    bytes_free(&bytes);
    if (options->dry_run) {
        print_command_line(&line);
    } else {
        status = start(options, &line);
    }
    if (temporary != NULL) {
        unlink(temporary);
        free(temporary);
    }
    return status;
}

#define field(name) offsetof(struct options, name)

static const struct command_option options_table[] = {
    {'n',                                            "dry-run", NULL, "print the command line instead", field(dry_run), false},
    {0,                                          "qemu", "PROGRAM", "another QEMU than qemu-system-aarch64", field(qemu), false},
    {'k',                                "kernel", "SDK", "for a description: seL4 install prefix or Microkit SDK", field(kernel),
     false},
    {0,                                              "board", "BOARD", "board of a Microkit SDK (qemu_virt_aarch64)", field(board), false},
    {0,"config", "CONFIG", "configuration of a Microkit SDK (debug)", field(config), false},
    {'p',       "programs", "DIR", "for a description: as for build", field(programs), false},
    {0,                                         "root", "FILE", "for a description: as for build", field(root), false},
    {'I',                                            "include", "DIR", "for a description: as for build", field(includes), true},
    {0,                                         "spread", "N", "vCPUs that name no core get the first N cores in turn (all)", field(spread),
     false},
    {0,                                 "disk", "FILE", "what is on the board's disk, if the system has one", field(disk), false},
    {0,                                              "netdev", "BACKEND", "QEMU's side of the uplink, if the system has one (user)",
     field(netdev), false},
    {0,"capture", "FILE", "a pcap file of what `capture dump` in the operator's\nshell prints",
     field(capture), false},
    {0, "network", "NAME", "of this network only", field(network), false},
    {'q',                                         "quiet", NULL, "only what is wrong with the description", field(quiet), false},
    {.name = NULL                                             },
};

const struct command command_run = {
    .name = "run",
    .summary = "Start an image, or a description, in QEMU",
    .usage = "[OPTION...] IMAGE|FILE.dts [-- QEMU-OPTION...]",
    .detail =
        "QEMU gets the machine that the kernel was built for. Ctrl-A X ends it, Ctrl-A C switches\n"
        "to its monitor.\n\n"
        "With --capture FILE: in the operator's shell, `capture start NETWORK` keeps the frames of "
        "a\n"
        "network whose node in the description has capture-mib, and each `capture dump NETWORK` "
        "puts\n"
        "them into FILE, in place of an earlier one, for Wireshark and tcpdump.",
    .options = options_table,
    .takes_extra = true,
    .run = run,
};
