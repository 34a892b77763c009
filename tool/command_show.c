// SPDX-License-Identifier: BSD-2-Clause
#include <cjson/cJSON.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/image.h"
#include "tool/tool.h"

static const char *state_of(const struct image *image, const struct image_file *file,
                            const struct bytes *bytes)
{
    if (file->offset + file->size_bytes > bytes->size) {
        return "missing";
    }
    return image_check_file(image, file, crc_update) == IMAGE_OK ? "good" : "damaged";
}

static void print_text(const struct image *image, const struct bytes *bytes, const char *path)
{
    const struct image_machine *machine = &image->header->machine;
    printf(
        "%s: %lu bytes\nboard     %s\nkernel    %s\ncpu       %s, %u core%s, GICv%u, timer %u Hz\n",
        path, image->header->size_bytes, machine->board, machine->kernel, machine->cpu,
        machine->core_count, machine->core_count == 1 ? "" : "s", machine->gic_version,
        machine->timer_hz);
    for (unsigned i = 0; i < machine->memory_count; i++) {
        const struct image_range *r = &machine->memory[i];
        printf("memory    0x%lx to 0x%lx, %lu MiB\n", r->base, r->base + r->size_bytes - 1,
               r->size_bytes >> 20);
    }
    printf("\n%-12s %10s %10s  %-8s %s\n", "type", "offset", "size", "state", "name");
    for (unsigned i = 0; i < image->file_count; i++) {
        const struct image_file *file = &image->files[i];
        printf("%-12s %#10lx %10lu  %-8s %s\n", image_type_name(file->type), file->offset,
               file->size_bytes, state_of(image, file, bytes), file->name);
    }
}

static void print_json(const struct image *image, const struct bytes *bytes, const char *path)
{
    const struct image_machine *machine = &image->header->machine;
    cJSON *object = cJSON_CreateObject();
    cJSON_AddStringToObject(object, "file", path);
    cJSON_AddNumberToObject(object, "size", (double)image->header->size_bytes);
    cJSON_AddStringToObject(object, "board", machine->board);
    cJSON_AddStringToObject(object, "kernel", machine->kernel);
    cJSON_AddStringToObject(object, "cpu", machine->cpu);
    cJSON_AddNumberToObject(object, "cores", machine->core_count);
    cJSON_AddNumberToObject(object, "gic-version", machine->gic_version);
    cJSON *files = cJSON_AddArrayToObject(object, "files");
    for (unsigned i = 0; i < image->file_count; i++) {
        const struct image_file *file = &image->files[i];
        cJSON *item = cJSON_CreateObject();
        cJSON_AddStringToObject(item, "type", image_type_name(file->type));
        cJSON_AddStringToObject(item, "name", file->name);
        cJSON_AddNumberToObject(item, "offset", (double)file->offset);
        cJSON_AddNumberToObject(item, "size", (double)file->size_bytes);
        cJSON_AddStringToObject(item, "state", state_of(image, file, bytes));
        cJSON_AddItemToArray(files, item);
    }
    char *text = cJSON_Print(object);
    puts(text);
    free(text);
    cJSON_Delete(object);
}

static int run(const struct options *options)
{
    struct bytes bytes;
    if (!file_read(options->input, &bytes)) {
        tool_fail(TOOL_WRONG_INPUT, "%s: %s", options->input, strerror(errno));
    }
    struct image image;
    enum image_error error = image_open(&image, bytes.data, bytes.size);
    if (error != IMAGE_OK) {
        tool_fail(TOOL_WRONG_INPUT, "%s: %s", options->input, image_error_text(error));
    }
    (options->json ? print_json : print_text)(&image, &bytes, options->input);
    bool good = image.header->size_bytes <= bytes.size && image_has_end(&image);
    for (unsigned i = 0; i < image.file_count; i++) {
        good &= strcmp(state_of(&image, &image.files[i], &bytes), "good") == 0;
    }
    bytes_free(&bytes);
    return good ? TOOL_OK : TOOL_WRONG_INPUT;
}

static const struct command_option options_table[] = {
    {0,     "json", NULL, "as JSON", offsetof(struct options, json), false},
    {.name = NULL},
};

const struct command command_show = {
    .name = "show",
    .summary = "Say what is in an image, and whether it is whole",
    .usage = "[--json] IMAGE",
    .options = options_table,
    .run = run,
};
