/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include "lib/image.h"
#include "tool/tool.h"

/* Makes a packed image (lib/image.h) from the loader and files. Pure: memory in, memory out. */

struct pack_file {
    enum image_type type; /* any but IMAGE_LOADER */
    const char *name;
    const uint8_t *data; /* not owned */
    size_t size;
};

struct pack {
    const uint8_t *loader; /* boot.elf */
    size_t loader_size;
    struct image_machine machine;
    const struct pack_file *files;
    unsigned file_count;
};

/* NULL and the image in *out (to be freed with bytes_free), or what is wrong (to be freed). */
char *pack_image(const struct pack *pack, struct bytes *out);
