// SPDX-License-Identifier: BSD-2-Clause
#include "tool/pack.h"

#include <string.h>

#include "lib/elf.h"
#include "lib/range.h"

enum {
    ARM64_IMAGE_SIZE_OFFSET = 16, /* u64 image_size of the arm64 Image header */
    ARM64_MAGIC_OFFSET = 56,
    FIRST_BLOCK_BYTES = 2 << 20, /* what the loader maps before it knows anything */
    LOADER_CODE = IMAGE_HEADER_OFFSET + sizeof(struct image_header),
};

/* Where everything goes, before there is memory for it. */
struct layout {
    struct elf loader;
    uint64_t code_end; /* of what has a checksum */
    uint64_t table_offset;
    uint64_t offsets[IMAGE_FILES_MAX]; /* of pack->files[i] */
    uint64_t size_bytes;
};

static char *lay_out_loader(const struct pack *pack, struct layout *layout)
{
    enum elf_error error = elf_check(&layout->loader, pack->loader, pack->loader_size);
    if (error != ELF_OK) {
        return tool_format("the loader %s", elf_error_text(error));
    }
    struct elf_segment segment;
    unsigned cursor = 0;
    elf_segment_next(&layout->loader, &cursor, &segment);
    if (segment.vaddr != 0 || segment.writable || segment.file_bytes <= LOADER_CODE ||
        memcmp(segment.data + ARM64_MAGIC_OFFSET, "ARM\x64", 4) != 0) {
        return tool_format("the loader does not begin with an arm64 Image header");
    }
    layout->code_end = segment.file_bytes;
    uint64_t table_bytes = (pack->file_count + 1) * sizeof(struct image_file);
    layout->table_offset = align_up(layout->loader.span.size_bytes, IMAGE_PAGE_BYTES);
    if (layout->table_offset + table_bytes > FIRST_BLOCK_BYTES) {
        return tool_format("the loader is too large (%llu KiB)",
                           (unsigned long long)layout->loader.span.size_bytes >> 10);
    }
    layout->size_bytes = layout->table_offset + table_bytes;
    return NULL;
}

/* Guest files last: they are large and want large pages of their own. */
static void lay_out_files(const struct pack *pack, struct layout *layout)
{
    uint64_t end = layout->size_bytes;
    for (int guests = 0; guests <= 1; guests++) {
        for (unsigned i = 0; i < pack->file_count; i++) {
            enum image_type type = pack->files[i].type;
            if ((type == IMAGE_GUEST) == (guests == 1)) {
                layout->offsets[i] = align_up(end, image_alignment_bytes(type));
                end = layout->offsets[i] + pack->files[i].size;
                end = guests == 1 ? align_up(end, IMAGE_GUEST_ALIGN_BYTES) : end;
            }
        }
    }
    layout->size_bytes = align_up(end + IMAGE_MAGIC_BYTES, IMAGE_PAGE_BYTES);
}

static void copy_loader(const struct layout *layout, uint8_t *image)
{
    struct elf_segment segment;
    for (unsigned cursor = 0; elf_segment_next(&layout->loader, &cursor, &segment);) {
        memcpy(image + segment.vaddr, segment.data, segment.file_bytes);
    }
    memset(image + IMAGE_HEADER_OFFSET, 0, sizeof(struct image_header));
    memcpy(image + ARM64_IMAGE_SIZE_OFFSET, &layout->size_bytes, sizeof layout->size_bytes);
}

static struct image_file make_entry(enum image_type type, const char *name, uint64_t offset,
                                    size_t size, const uint8_t *image)
{
    struct image_file file = {.type = type, .offset = offset, .size_bytes = size};
    memcpy(file.name, name, strlen(name));
    file.crc = crc_update(0, image + offset, size);
    return file;
}

/* In the order of their offsets, as the format wants it. */
static void fill_table(const struct pack *pack, const struct layout *layout, uint8_t *image)
{
    struct image_file *table = (void *)(image + layout->table_offset);
    unsigned count = 0;
    table[count++] =
        make_entry(IMAGE_LOADER, "loader", LOADER_CODE, layout->code_end - LOADER_CODE, image);
    for (int guests = 0; guests <= 1; guests++) {
        for (unsigned i = 0; i < pack->file_count; i++) {
            const struct pack_file *file = &pack->files[i];
            if ((file->type == IMAGE_GUEST) == (guests == 1)) {
                memcpy(image + layout->offsets[i], file->data, file->size);
                table[count++] =
                    make_entry(file->type, file->name, layout->offsets[i], file->size, image);
            }
        }
    }
    struct image_header *header = (void *)(image + IMAGE_HEADER_OFFSET);
    *header = (struct image_header){
        .version = IMAGE_VERSION,
        .header_bytes = sizeof *header,
        .size_bytes = layout->size_bytes,
        .table_offset = (uint32_t)layout->table_offset,
        .file_count = count,
        .machine = pack->machine,
    };
    memcpy(header->magic, IMAGE_MAGIC, IMAGE_MAGIC_BYTES);
    header->crc = image_header_crc(header, table);
}

static char *check_files(const struct pack *pack)
{
    if (pack->file_count >= IMAGE_FILES_MAX) {
        return tool_format("%u files are more than an image can hold (%d)", pack->file_count,
                           IMAGE_FILES_MAX - 1);
    }
    for (unsigned i = 0; i < pack->file_count; i++) {
        const struct pack_file *file = &pack->files[i];
        if (strlen(file->name) >= IMAGE_NAME_MAX) {
            return tool_format("the name \"%s\" is longer than %d characters", file->name,
                               IMAGE_NAME_MAX - 1);
        }
        if (file->size == 0) {
            return tool_format("%s is empty", file->name);
        }
    }
    return NULL;
}

char *pack_image(const struct pack *pack, struct bytes *out)
{
    struct layout layout;
    char *error = check_files(pack);
    error = error != NULL ? error : lay_out_loader(pack, &layout);
    if (error != NULL) {
        return error;
    }
    lay_out_files(pack, &layout);
    *out = (struct bytes){tool_allocate(layout.size_bytes), layout.size_bytes};
    copy_loader(&layout, out->data);
    fill_table(pack, &layout, out->data);
    memcpy(out->data + layout.size_bytes - IMAGE_MAGIC_BYTES, IMAGE_END_MAGIC, IMAGE_MAGIC_BYTES);

    struct image image;
    enum image_error wrong = image_open(&image, out->data, out->size);
    if (wrong != IMAGE_OK) {
        bytes_free(out);
        return tool_format("the packed image %s", image_error_text(wrong));
    }
    return NULL;
}
