// SPDX-License-Identifier: BSD-2-Clause
/*
 * The packed image's parser. The header's checksum is made right in half of the runs, so that what
 * lies behind it is reached. What is accepted must lie inside the image and be found again.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/check.h"
#include "lib/image.h"
#include "lib/range.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* When header and table are there at all, gives them their checksum. */
static void seal(uint8_t *copy, size_t size)
{
    struct image_header *header = (void *)(copy + IMAGE_HEADER_OFFSET);
    if (size < IMAGE_HEADER_OFFSET + sizeof *header || header->file_count > IMAGE_FILES_MAX) {
        return;
    }
    struct range all = {.size_bytes = size};
    if (header->table_offset % 8 == 0 &&
        range_contains(all, header->table_offset, header->file_count * sizeof(struct image_file))) {
        header->crc = image_header_crc(header, (const void *)(copy + header->table_offset));
    }
}

static void use(const struct image *image, size_t size)
{
    for (unsigned i = 0; i < image->file_count; i++) {
        const struct image_file *file = &image->files[i];
        struct range all = {.size_bytes = image->header->size_bytes};
        CHECK(range_contains(all, file->offset, file->size_bytes));
        CHECK(image_find(image, file->type, file->name) == file);
        CHECK(image_find_type(image, file->type) != NULL);
        CHECK(strcmp(image_type_name(file->type), "unknown") != 0);
        if (file->offset + file->size_bytes <= size) {
            image_check_file(image, file, crc_update);
        }
    }
    if (image->header->size_bytes <= size) {
        image_has_end(image);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    bool sealed = data[0] % 2 != 0;
    data++, size--;
    uint8_t *copy = malloc(size + 1);
    CHECK(copy != NULL);
    memcpy(copy, data, size);
    if (sealed) {
        seal(copy, size);
    }
    struct image image;
    enum image_error error = image_open(&image, copy, size);
    CHECK(image_error_text(error) != NULL);
    if (error == IMAGE_OK) {
        use(&image, size);
    }
    free(copy);
    return 0;
}
