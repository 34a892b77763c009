// SPDX-License-Identifier: BSD-2-Clause
/* The arm64 Image: Linux Documentation/arch/arm64/booting.rst, "4. Call the kernel image". */
#include <string.h>

#include "lib/check.h"
#include "vmm/load.h"

#define IMAGE_MAGIC       0x644d5241u /* "ARM\x64" */
#define TEXT_OFFSET_PLAIN 0x80000ull  /* of kernels before 3.17, whose image_size is zero */
#define ADDRESS_LIMIT     (1ull << 48)

/* All fields are little-endian, as are the machines that this runs on. */
struct image_header {
    uint32_t code[2];
    uint64_t text_offset;
    uint64_t image_size;
    uint64_t flags;
    uint64_t reserved[3];
    uint32_t magic;
    uint32_t reserved_pe;
};
_Static_assert(sizeof(struct image_header) == 64, "the header is 64 bytes long");

static bool recognise(const struct load_file *file)
{
    struct image_header header;
    if (file->size_bytes < sizeof header) {
        return false;
    }
    memcpy(&header, file->bytes, sizeof header);
    return header.magic == IMAGE_MAGIC;
}

/*
 * At text_offset from memory's base, which is 2 MiB aligned: a kernel whose flag bit 3 is clear
 * cannot use memory below its 2 MiB boundary, and one whose bit is set can be anywhere. The
 * endianness and page size in the flags are between the kernel and the CPU.
 */
static bool place(const struct load_file *file, struct range ram, struct load_plan *plan,
                  struct load_failure *failure)
{
    struct image_header header;
    memcpy(&header, file->bytes, sizeof header);
    uint64_t text_offset = header.image_size == 0 ? TEXT_OFFSET_PLAIN : header.text_offset;
    /* A file longer than its image_size has something appended (a signature): it is copied too. */
    uint64_t size = header.image_size > file->size_bytes ? header.image_size : file->size_bytes;

    if (text_offset >= ADDRESS_LIMIT || size >= ADDRESS_LIMIT ||
        ram.base + text_offset + size > ADDRESS_LIMIT) {
        return load_refuse(
            failure,
            "kernel '%s': damaged Image header: text_offset 0x%lx + image_size 0x%lx "
            "ends beyond 48 address bits",
            file->name, text_offset, size);
    }
    if (!is_aligned(text_offset, sizeof(uint32_t))) {
        return load_refuse(
            failure,
            "kernel '%s': damaged Image header: text_offset 0x%lx is not the address "
            "of an instruction",
            file->name, text_offset);
    }
    plan->kernel = (struct range){ram.base + text_offset, size};
    plan->entry = (gpa_t){plan->kernel.base};
    if (!range_contains(ram, plan->kernel.base, size)) {
        return load_refuse(failure,
                           "kernel '%s' needs 0x%lx-0x%lx, memory is 0x%lx-0x%lx: give the VM at "
                           "least %lu MiB",
                           file->name, plan->kernel.base, range_last(plan->kernel), ram.base,
                           range_last(ram), load_needed_mib(ram, plan->kernel.base + size));
    }
    return true;
}

static void copy(const struct load_file *file, const struct load_plan *plan, const struct ram *ram)
{
    load_fill(ram, plan->kernel, file->bytes, file->size_bytes);
}

const struct load_format load_image = {
    .name = "arm64 Image",
    .recognise = recognise,
    .place = place,
    .copy = copy,
};
