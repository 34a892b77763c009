// SPDX-License-Identifier: BSD-2-Clause
#include "root/files.h"

#include <libfdt.h>

#include "lib/range.h"
#include "link/process.h"
#include "root/layout.h"
#include "root/reason.h"

#define LARGE_BYTES (1ull << seL4_LargePageBits)

static struct image image;
static uint64_t base;         /* physical, 2 MiB aligned: what ROOT_FILES_VADDR shows */
static uint64_t image_offset; /* of the image from base */
static seL4_CPtr first_frame; /* frames in consecutive slots */

static bool map_all(struct space *root, uint64_t start, uint64_t size_bytes)
{
    base = align_down(start, LARGE_BYTES);
    image_offset = start - base;
    uint64_t end = align_up(start + size_bytes, LARGE_BYTES);
    for (uint64_t at = base; at < end; at += LARGE_BYTES) {
        seL4_CPtr frame = memory_device_frame(at, seL4_LargePageBits);
        if (frame == 0 || !space_map(root, frame, ROOT_FILES_VADDR + (at - base), SPACE_READ)) {
            return false;
        }
        if (first_frame == 0) {
            first_frame = frame;
        }
    }
    return true;
}

bool files_open(const void *board_tree, struct space *root)
{
    int length = 0;
    int chosen = fdt_path_offset(board_tree, "/chosen");
    const fdt64_t *where =
        chosen < 0 ? NULL : fdt_getprop(board_tree, chosen, "bulkhead,image", &length);
    if (where == NULL || length != 2 * (int)sizeof(fdt64_t)) {
        return reason_set("the loader left no /chosen/bulkhead,image in the device tree");
    }
    uint64_t start = fdt64_to_cpu(where[0]), size_bytes = fdt64_to_cpu(where[1]);
    if (!map_all(root, start, size_bytes)) {
        return false;
    }
    enum image_error error =
        image_open(&image, (const void *)(ROOT_FILES_VADDR + image_offset), size_bytes);
    return error == IMAGE_OK || reason_set("the boot image %s", image_error_text(error));
}

const void *files_find(enum image_type type, const char *name, uint64_t *size_bytes)
{
    const struct image_file *file = image_find(&image, type, name);
    if (file == NULL) {
        return NULL;
    }
    *size_bytes = file->size_bytes;
    return image.data + file->offset;
}

const void *files_description(uint64_t *size_bytes)
{
    const struct image_file *file = image_find_type(&image, IMAGE_DESCRIPTION);
    if (file == NULL) {
        return NULL;
    }
    *size_bytes = file->size_bytes;
    return image.data + file->offset;
}

/* First and last 2 MiB frame of a file, counted from base. */
static bool frames_of(const char *name, uint64_t *first, uint64_t *last, uint64_t *offset,
                      uint64_t *size_bytes)
{
    const struct image_file *file = image_find(&image, IMAGE_GUEST, name);
    if (file == NULL || file->size_bytes == 0) {
        return false;
    }
    *offset = image_offset + file->offset;
    *size_bytes = file->size_bytes;
    *first = *offset / LARGE_BYTES;
    *last = (*offset + file->size_bytes - 1) / LARGE_BYTES;
    return true;
}

uint32_t files_slots(const char *name)
{
    uint64_t first, last, offset, size_bytes;
    return frames_of(name, &first, &last, &offset, &size_bytes) ? (uint32_t)(last - first + 1) : 0;
}

uint64_t files_map(struct space *space, const char *name, uint64_t *size_bytes)
{
    uint64_t first, last, offset;
    if (!frames_of(name, &first, &last, &offset, size_bytes)) {
        reason_set("the boot image has no file \"%s\"", name);
        return 0;
    }
    for (uint64_t i = first; i <= last; i++) {
        if (!space_map_copy(space, first_frame + i, PROCESS_FILES_VADDR + i * LARGE_BYTES,
                            SPACE_READ)) {
            return 0;
        }
    }
    return PROCESS_FILES_VADDR + offset;
}
