// SPDX-License-Identifier: BSD-2-Clause
#include <string.h>

#include "boot/boot.h"

enum { OCCUPIED_MAX = MACHINE_BLOCKED_MAX + IMAGE_MEMORY_MAX + 2 };

/* What a place for the image must not touch. */
struct occupied {
    struct range ranges[OCCUPIED_MAX];
    unsigned count;
};

static void add(struct occupied *occupied, uint64_t base, uint64_t size_bytes)
{
    occupied->ranges[occupied->count++] = (struct range){base, size_bytes};
}

static bool is_free(const struct machine *machine, const struct occupied *occupied,
                    struct range place)
{
    for (unsigned i = 0; i < occupied->count; i++) {
        if (range_overlaps(place, occupied->ranges[i])) {
            return false;
        }
    }
    for (unsigned i = 0; i < machine->memory_count; i++) {
        if (range_contains(machine->memory[i], place.base, place.size_bytes)) {
            return true;
        }
    }
    return false;
}

/* The lowest 2 MiB boundary at which the image fits: right at the start of memory or behind
 * something. */
static uint64_t find(const struct machine *machine, const struct occupied *occupied,
                     uint64_t size_bytes)
{
    uint64_t best = UINT64_MAX;
    for (unsigned i = 0; i < machine->memory_count + occupied->count; i++) {
        uint64_t edge = i < machine->memory_count
                            ? machine->memory[i].base
                            : range_last(occupied->ranges[i - machine->memory_count]) + 1;
        struct range place = {align_up(edge, IMAGE_GUEST_ALIGN_BYTES), size_bytes};
        if (place.base >= edge && place.base < best && range_valid(place) &&
            is_free(machine, occupied, place)) {
            best = place.base;
        }
    }
    return best;
}

static bool is_in_kernel_memory(const struct image_machine *kernel, struct range place)
{
    for (unsigned i = 0; i < kernel->memory_count; i++) {
        struct range memory = {kernel->memory[i].base, kernel->memory[i].size_bytes};
        if (range_overlaps(place, memory)) {
            return true;
        }
    }
    return false;
}

void move_image(const struct machine *machine, const struct image *image, uint64_t dtb,
                uint64_t dtb_bytes)
{
    const struct image_machine *kernel = &image->header->machine;
    struct range here = {(uintptr_t)image->data, image->header->size_bytes};
    if (!is_in_kernel_memory(kernel, here)) {
        return;
    }
    struct occupied occupied = {.count = 0};
    add(&occupied, here.base, here.size_bytes);
    add(&occupied, dtb, dtb_bytes);
    for (unsigned i = 0; i < kernel->memory_count; i++) {
        add(&occupied, kernel->memory[i].base, kernel->memory[i].size_bytes);
    }
    for (unsigned i = 0; i < machine->blocked_count; i++) {
        if (machine->blocked[i].size_bytes != 0) {
            add(&occupied, machine->blocked[i].base, machine->blocked[i].size_bytes);
        }
    }
    uint64_t to = find(machine, &occupied, here.size_bytes);
    if (to == UINT64_MAX) {
        boot_fail(
            "no room for the image: its %lu MiB must lie outside the kernel's memory, and this "
            "machine has no other free block of that size",
            (here.size_bytes + (1 << 20) - 1) >> 20);
    }
    boot_print("moving the image from 0x%lx to 0x%lx, out of the kernel's memory", here.base, to);
    if (!arch_map(to, here.size_bytes, ARCH_NORMAL)) {
        boot_fail("out of translation tables for the image's new place");
    }
    memcpy((void *)to, image->data, here.size_bytes);
    arch_clean((const void *)to, here.size_bytes);
    arch_enter_image((const void *)to, dtb);
}
