// SPDX-License-Identifier: BSD-2-Clause
#include <libfdt.h>
#include <string.h>

#include "boot/boot.h"
#include "lib/elf.h"

enum { PAGE = IMAGE_PAGE_BYTES, BLOCK = IMAGE_GUEST_ALIGN_BYTES, DTB_ROOM_BYTES = 4096 };

/* Memory of the kernel that is still free: one block that shrinks from below. */
struct room {
    uint64_t next;
    uint64_t end;
};

static uint64_t take(struct room *room, const char *what, uint64_t size_bytes)
{
    uint64_t base = align_up(room->next, PAGE), size = align_up(size_bytes, PAGE);
    if (base > room->end || size > room->end - base) {
        boot_fail("no room for %s: %lu KiB behind the kernel, %lu KiB are left", what, size >> 10,
                  (room->end - room->next) >> 10);
    }
    room->next = base + size;
    return base;
}

static void open_elf(struct elf *elf, const struct image *image, enum image_type type)
{
    const struct image_file *file = image_find_type(image, type);
    if (file == NULL) {
        boot_fail("the image has no %s", image_type_name(type));
    }
    enum elf_error error = elf_check(elf, image->data + file->offset, file->size_bytes);
    if (error != ELF_OK) {
        boot_fail("%s %s", file->name, elf_error_text(error));
    }
}

/* Zeroes what the file does not have; data goes to segment's vaddr + offset. */
static void copy_segment(const struct elf_segment *segment, uint64_t offset)
{
    uint8_t *to = (uint8_t *)(segment->vaddr + offset);
    memcpy(to, segment->data, segment->file_bytes);
    memset(to + segment->file_bytes, 0, segment->memory_bytes - segment->file_bytes);
}

/* The kernel's range that holds the whole span; root and device tree go into it, too. */
static struct room find_room(const struct image_machine *kernel, uint64_t base, uint64_t size)
{
    for (unsigned i = 0; i < kernel->memory_count; i++) {
        struct range memory = {kernel->memory[i].base, kernel->memory[i].size_bytes};
        if (range_contains(memory, base, size)) {
            return (struct room){base + size, memory.base + memory.size_bytes};
        }
    }
    boot_fail("the kernel wants to be at 0x%lx, %lu KiB, outside the memory that it was built for",
              base, size >> 10);
}

/* One offset for all segments: the kernel's window is one contiguous mapping of large pages. */
static struct room place_kernel(const struct image *image, struct arch_kernel_entry *entry)
{
    struct elf elf;
    struct elf_segment segment;
    open_elf(&elf, image, IMAGE_KERNEL);
    unsigned cursor = 0;
    elf_segment_next(&elf, &cursor, &segment);
    uint64_t offset = segment.paddr - segment.vaddr;
    if (!is_aligned(offset, BLOCK)) {
        boot_fail(
            "the kernel's virtual and physical addresses differ by 0x%lx, not by a multiple of "
            "2 MiB",
            offset);
    }
    struct room room =
        find_room(&image->header->machine, elf.span.base + offset, elf.span.size_bytes);
    for (cursor = 0; elf_segment_next(&elf, &cursor, &segment);) {
        if (segment.paddr - segment.vaddr != offset) {
            boot_fail("the kernel's segments have different offsets to physical memory");
        }
        copy_segment(&segment, offset);
    }
    if (!arch_map_kernel(elf.span.base, elf.span.base + offset, elf.span.size_bytes)) {
        boot_fail("out of translation tables for the kernel");
    }
    entry->kernel_entry = elf.entry;
    arch_clean((const void *)(elf.span.base + offset), elf.span.size_bytes);
    return room;
}

/* The kernel hands the tree to root as it is, so it says where the image is. */
static void place_dtb(const struct image *image, const void *dtb, struct room *room,
                      struct arch_kernel_entry *entry)
{
    size_t size = fdt_totalsize(dtb) + DTB_ROOM_BYTES;
    uint64_t base = take(room, "the device tree", size);
    void *copy = (void *)base;
    int error = fdt_open_into(dtb, copy, (int)size);
    int chosen = error == 0 ? fdt_path_offset(copy, "/chosen") : error;
    if (chosen == -FDT_ERR_NOTFOUND) {
        chosen = fdt_add_subnode(copy, 0, "chosen");
    }
    fdt64_t where[2] = {cpu_to_fdt64((uintptr_t)image->data),
                        cpu_to_fdt64(image->header->size_bytes)};
    error = chosen >= 0 ? fdt_setprop(copy, chosen, "bulkhead,image", where, sizeof where) : chosen;
    error = error == 0 ? fdt_pack(copy) : error;
    if (error != 0) {
        boot_fail("the device tree cannot take /chosen/bulkhead,image: %s", fdt_strerror(error));
    }
    /* Whole pages, so that the kernel does not cut the rest of the last one into small untypeds. */
    entry->dtb = base;
    entry->dtb_bytes = align_up(fdt_totalsize(copy), PAGE);
    memset((uint8_t *)copy + fdt_totalsize(copy), 0, entry->dtb_bytes - fdt_totalsize(copy));
    room->next = base + entry->dtb_bytes;
    arch_clean(copy, entry->dtb_bytes);
}

/* seL4 maps root's image as one contiguous run of pages. */
static void place_root(const struct image *image, struct room *room,
                       struct arch_kernel_entry *entry)
{
    struct elf elf;
    struct elf_segment segment;
    open_elf(&elf, image, IMAGE_ROOT);
    uint64_t vaddr = align_down(elf.span.base, PAGE);
    uint64_t size = align_up(range_last(elf.span) + 1, PAGE) - vaddr;
    uint64_t base = take(room, "the root task", size);
    memset((void *)base, 0, size);
    for (unsigned cursor = 0; elf_segment_next(&elf, &cursor, &segment);) {
        copy_segment(&segment, base - vaddr);
    }
    arch_clean((const void *)base, size);
    entry->image_start = base;
    entry->image_end = base + size;
    entry->image_offset = base - vaddr;
    entry->image_entry = elf.entry;
}

/* In this order: the kernel wants its reserved regions in ascending order, device tree before root.
 */
void place_all(const struct image *image, const void *dtb, struct arch_kernel_entry *entry)
{
    struct room room = place_kernel(image, entry);
    place_dtb(image, dtb, &room, entry);
    place_root(image, &room, entry);
}
