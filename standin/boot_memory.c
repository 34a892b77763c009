// SPDX-License-Identifier: BSD-2-Clause

/* Plays the untyped memory of "System Bootstrapping" in the seL4 manual: who gets which memory. */

#include "standin/boot.h"
#include "standin/cpu.h"
#include "standin/memory.h"

#define RAM_START  0x60000000ull
#define RAM_END    0xc0000000ull
#define DEVICE_END BIT(40)
#define VIRTUAL    0xffc0000000ull
#define PAGE       BIT(seL4_PageBits)
#define HOLES_MAX  8

struct region {
    uint64_t start;
    uint64_t end;
};

/* What user space does not get, by address. RAM itself is a hole in device memory. */
static struct region taken[HOLES_MAX];
static unsigned taken_count;

/* Free RAM by address; boot objects come from the end of the last. */
static struct region free_ram[HOLES_MAX];
static unsigned free_count;

extern uint8_t image_end[];

#ifdef CONFIG_ARM_GIC_V3_SUPPORT
static const struct region gic[] = {
    {0x08000000, 0x08010000},
    {0x080a0000, 0x081a0000}
};
#else
static const struct region gic[] = {
    {0x08000000, 0x08001000},
    {0x08010000, 0x08011000},
    {0x08030000, 0x08031000}
};
#endif

static void insert(struct region list[], unsigned *count, struct region region)
{
    if (*count == HOLES_MAX) {
        cpu_panic("too many memory regions", *count);
    }
    unsigned i = (*count)++;
    for (; i > 0 && list[i - 1].start > region.start; i--) {
        list[i] = list[i - 1];
    }
    list[i] = region;
}

void boot_reserve(const struct boot_args *args)
{
    struct region in_ram[3];
    unsigned in_ram_count = 0;
    struct region fdt = {args->fdt_start, args->fdt_start + args->fdt_size};
    for (unsigned i = 0; i < sizeof gic / sizeof *gic; i++) {
        insert(taken, &taken_count, gic[i]);
    }
    insert(taken, &taken_count, (struct region){RAM_START, RAM_END});
    insert(in_ram, &in_ram_count,
           (struct region){RAM_START, (uint64_t)image_end - VIRTUAL + RAM_START});
    insert(in_ram, &in_ram_count, (struct region){args->image_start, args->image_end});
    if (args->fdt_size > 0 && fdt.start >= RAM_START && fdt.end <= RAM_END) {
        fdt.start &= ~(PAGE - 1);
        fdt.end = (fdt.end + PAGE - 1) & ~(PAGE - 1);
        insert(in_ram, &in_ram_count, fdt);
    } else if (args->fdt_size > 0) {
        insert(taken, &taken_count, fdt);
    }
    uint64_t start = RAM_START;
    for (unsigned i = 0; i < in_ram_count; i++) {
        if (start < in_ram[i].start) {
            insert(free_ram, &free_count, (struct region){start, in_ram[i].start});
        }
        start = in_ram[i].end;
    }
    if (start < RAM_END) {
        insert(free_ram, &free_count, (struct region){start, RAM_END});
    }
}

static uint64_t take_from_top(uint64_t size, uint64_t alignment)
{
    struct region *last = &free_ram[free_count - 1];
    uint64_t start = (last->end - size) & ~(alignment - 1);
    if (last->end - last->start < size || start < last->start) {
        cpu_panic("not enough RAM for the initial thread, bytes", size);
    }
    last->end = start;
    memory_zero((void *)start, size);
    return start;
}

uint64_t boot_allocate(unsigned bits)
{
    return take_from_top(BIT(bits), BIT(bits));
}

uint64_t boot_allocate_pages(uint64_t size)
{
    return take_from_top(size, PAGE);
}

static void add_untyped(seL4_BootInfo *info, seL4_SlotPos first, struct region region, bool device)
{
    while (region.start < region.end) {
        unsigned bits = 63 - (unsigned)__builtin_clzll(region.end - region.start);
        if (region.start != 0 && (unsigned)__builtin_ctzll(region.start) < bits) {
            bits = (unsigned)__builtin_ctzll(region.start);
        }
        uint64_t i = info->untyped.end - first;
        if (bits >= seL4_MinUntypedBits && i < CONFIG_MAX_NUM_BOOTINFO_UNTYPED_CAPS) {
            struct cap cap = cap_make(CAP_UNTYPED, region.start, (uint8_t)bits, 0);
            cap.flags = device ? CAP_DEVICE : 0;
            info->untyped.end = boot_add_cap(cap) + 1;
            info->untypedList[i] = (seL4_UntypedDesc){
                .paddr = region.start, .sizeBits = (seL4_Uint8)bits, .isDevice = device};
        }
        region.start += BIT(bits);
    }
}

void boot_create_untyped(seL4_BootInfo *info, seL4_SlotPos first)
{
    info->untyped = (seL4_SlotRegion){first, first};
    uint64_t start = 0;
    for (unsigned i = 0; i < taken_count; i++) {
        add_untyped(info, first, (struct region){start, taken[i].start}, true);
        start = taken[i].end;
    }
    add_untyped(info, first, (struct region){start, DEVICE_END}, true);
    /* No part of a page that has a kernel object in it. */
    free_ram[free_count - 1].end &= ~(PAGE - 1);
    for (unsigned i = 0; i < free_count; i++) {
        add_untyped(info, first, free_ram[i], false);
    }
}
