// SPDX-License-Identifier: BSD-2-Clause
#include "lib/image.h"

#include <string.h>

#include "lib/range.h"

uint64_t image_alignment_bytes(enum image_type type)
{
    switch (type) {
    case IMAGE_GUEST:
        return IMAGE_GUEST_ALIGN_BYTES;
    case IMAGE_LOADER:
        return 4;
    default:
        return IMAGE_PAGE_BYTES;
    }
}

uint32_t image_header_crc(const struct image_header *header, const struct image_file *files)
{
    struct image_header copy = *header;
    copy.crc = 0;
    uint32_t crc = crc_update(0, &copy, sizeof copy);
    return crc_update(crc, files, header->file_count * sizeof files[0]);
}

static bool is_text(const char *text, size_t size)
{
    return memchr(text, '\0', size) != NULL;
}

static bool machine_valid(const struct image_machine *machine)
{
    if (machine->memory_count == 0 || machine->memory_count > IMAGE_MEMORY_MAX ||
        machine->core_count == 0) {
        return false;
    }
    for (unsigned i = 0; i < machine->memory_count; i++) {
        const struct image_range *memory = &machine->memory[i];
        if (memory->size_bytes == 0 || memory->base > UINT64_MAX - memory->size_bytes) {
            return false;
        }
    }
    return is_text(machine->board, sizeof machine->board) &&
           is_text(machine->cpu, sizeof machine->cpu) &&
           is_text(machine->kernel, sizeof machine->kernel);
}

/* Where the bytes behind a file may be used by the next one. */
static uint64_t file_end(const struct image_file *file)
{
    uint64_t end = file->offset + file->size_bytes;
    return file->type == IMAGE_GUEST ? align_up(end, IMAGE_GUEST_ALIGN_BYTES) : end;
}

/* `limit` is where the image's end magic begins; `end` where the files before this one end. */
static bool file_valid(const struct image_file *file, uint64_t end, uint64_t limit)
{
    struct range inside = {.size_bytes = limit};
    return file->type >= IMAGE_LOADER && file->type < IMAGE_TYPE_COUNT &&
           is_text(file->name, sizeof file->name) && file->name[0] != '\0' &&
           file->size_bytes != 0 && range_contains(inside, file->offset, file->size_bytes) &&
           is_aligned(file->offset, image_alignment_bytes(file->type)) && file->offset >= end &&
           file_end(file) <= limit;
}

static bool names_unique(const struct image *image)
{
    for (unsigned i = 0; i < image->file_count; i++) {
        if (image_find(image, image->files[i].type, image->files[i].name) != &image->files[i]) {
            return false;
        }
    }
    return true;
}

/* The loader lies between header and table, all other files behind the table. */
static bool files_valid(const struct image *image)
{
    const struct image_header *header = image->header;
    uint64_t table_end = header->table_offset + header->file_count * sizeof(struct image_file);
    uint64_t limit = header->size_bytes - IMAGE_MAGIC_BYTES;
    uint64_t end = table_end;
    for (unsigned i = 0; i < image->file_count; i++) {
        const struct image_file *file = &image->files[i];
        if (file->type == IMAGE_LOADER) {
            uint64_t code = IMAGE_HEADER_OFFSET + sizeof *header;
            if (!file_valid(file, code, header->table_offset)) {
                return false;
            }
            continue;
        }
        if (!file_valid(file, end, limit)) {
            return false;
        }
        end = file_end(file);
    }
    return names_unique(image);
}

enum image_error image_open(struct image *image, const void *data, size_t readable_bytes)
{
    const uint8_t *bytes = data;
    const struct image_header *header = (const void *)(bytes + IMAGE_HEADER_OFFSET);
    if (readable_bytes < IMAGE_HEADER_OFFSET + sizeof *header ||
        memcmp(header->magic, IMAGE_MAGIC, IMAGE_MAGIC_BYTES) != 0) {
        return IMAGE_NO_MAGIC;
    }
    if (header->version != IMAGE_VERSION || header->header_bytes != sizeof *header) {
        return IMAGE_WRONG_VERSION;
    }
    uint64_t table_bytes = (uint64_t)header->file_count * sizeof(struct image_file);
    struct range readable = {.size_bytes = readable_bytes};
    if (header->file_count > IMAGE_FILES_MAX || header->table_offset % IMAGE_PAGE_BYTES != 0 ||
        header->table_offset < IMAGE_HEADER_OFFSET + sizeof *header) {
        return IMAGE_HEADER_DAMAGED;
    }
    if (!range_contains(readable, header->table_offset, table_bytes)) {
        return IMAGE_TRUNCATED;
    }
    const struct image_file *files = (const void *)(bytes + header->table_offset);
    if (image_header_crc(header, files) != header->crc) {
        return IMAGE_HEADER_DAMAGED;
    }
    *image = (struct image){
        .data = bytes, .header = header, .files = files, .file_count = header->file_count};
    bool valid = header->size_bytes >= header->table_offset + table_bytes + IMAGE_MAGIC_BYTES &&
                 machine_valid(&header->machine) && files_valid(image);
    return valid ? IMAGE_OK : IMAGE_HEADER_WRONG;
}

bool image_has_end(const struct image *image)
{
    const uint8_t *end = image->data + image->header->size_bytes;
    return memcmp(end - IMAGE_MAGIC_BYTES, IMAGE_END_MAGIC, IMAGE_MAGIC_BYTES) == 0;
}

enum image_error image_check_file(const struct image *image, const struct image_file *file,
                                  crc_update_fn *crc)
{
    return crc(0, image->data + file->offset, file->size_bytes) == file->crc ? IMAGE_OK
                                                                             : IMAGE_FILE_DAMAGED;
}

const struct image_file *image_find(const struct image *image, enum image_type type,
                                    const char *name)
{
    for (unsigned i = 0; i < image->file_count; i++) {
        const struct image_file *file = &image->files[i];
        if (file->type == type && strcmp(file->name, name) == 0) {
            return file;
        }
    }
    return NULL;
}

const struct image_file *image_find_type(const struct image *image, enum image_type type)
{
    for (unsigned i = 0; i < image->file_count; i++) {
        if (image->files[i].type == type) {
            return &image->files[i];
        }
    }
    return NULL;
}

const char *image_type_name(enum image_type type)
{
    static const char *const names[IMAGE_TYPE_COUNT] = {
        [IMAGE_LOADER] = "loader", [IMAGE_KERNEL] = "kernel",
        [IMAGE_ROOT] = "root",     [IMAGE_DESCRIPTION] = "description",
        [IMAGE_BOARD] = "board",   [IMAGE_PROGRAM] = "program",
        [IMAGE_GUEST] = "guest",
    };
    return type < IMAGE_TYPE_COUNT && names[type] != NULL ? names[type] : "unknown";
}

const char *image_error_text(enum image_error error)
{
    switch (error) {
    case IMAGE_OK:
        return "is good";
    case IMAGE_NO_MAGIC:
        return "is not a Bulkhead image";
    case IMAGE_WRONG_VERSION:
        return "has another version's format; pack it again";
    case IMAGE_TRUNCATED:
        return "is truncated";
    case IMAGE_HEADER_DAMAGED:
        return "is damaged: header or file table do not have their checksum";
    case IMAGE_HEADER_WRONG:
        return "has a header or a file table that makes no sense";
    case IMAGE_FILE_DAMAGED:
        return "is damaged: a file does not have its checksum";
    }
    return "is wrong in an unknown way";
}
