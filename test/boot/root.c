// SPDX-License-Identifier: BSD-2-Clause
/*
 * A root task that only looks at what the loader left: the device tree in the boot information, the
 * image that it names, the UART. Prints one line for each and then "boot test: done". Needs nothing
 * of root/, so that loader and kernels can be tried alone.
 */
#include <libfdt.h>
#include <sel4/sel4.h>
#include <stdint.h>

#include "lib/check.h"
#include "lib/format.h"
#include "lib/image.h"
#include "lib/thread.h"

enum { PL011_DR = 0, PL011_FR = 0x18, FR_FULL = 1 << 5, TEXT_MAX = 200 };

#define UART_PADDR  0x09000000ull
#define UART_VADDR  0x10000000ull
#define IMAGE_VADDR 0x20000000ull

_Noreturn void root_main(const seL4_BootInfo *info);

static const seL4_BootInfo *boot;
static seL4_CPtr next_slot, memory;
static volatile uint8_t *uart;

static void print(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void print(const char *fmt, ...)
{
    char line[TEXT_MAX];
    va_list args;
    va_start(args, fmt);
    format_va(line, sizeof line, fmt, args);
    va_end(args);
    for (const char *c = line; uart != NULL && *c != '\0'; c++) {
        while ((*(volatile uint32_t *)(uart + PL011_FR) & FR_FULL) != 0) {
        }
        *(volatile uint32_t *)(uart + PL011_DR) = (uint8_t)*c;
    }
}

_Noreturn void check_failed(const char *file, int line)
{
    print("boot test: %s:%d: CHECK failed\n", file, line);
    for (;;) {
        seL4_Yield();
    }
}

static seL4_CPtr make(seL4_CPtr untyped, seL4_Word type, seL4_Word bits)
{
    CHECK(seL4_Untyped_Retype(untyped, type, bits, seL4_CapInitThreadCNode, 0, 0, next_slot, 1) ==
          seL4_NoError);
    return next_slot++;
}

static void map(seL4_CPtr frame, seL4_Word vaddr)
{
    seL4_Error error;
    while ((error = seL4_ARM_Page_Map(frame, seL4_CapInitThreadVSpace, vaddr, seL4_AllRights,
                                      seL4_ARM_Default_VMAttributes)) == seL4_FailedLookup) {
        seL4_CPtr table = make(memory, seL4_ARM_PageTableObject, 0);
        CHECK(seL4_ARM_PageTable_Map(table, seL4_CapInitThreadVSpace, vaddr,
                                     seL4_ARM_Default_VMAttributes) == seL4_NoError);
    }
    CHECK(error == seL4_NoError);
}

/* A page of device memory. Objects come in ascending order, so what lies below it is passed over.
 */
static void map_device(seL4_Word paddr, seL4_Word type, seL4_Word vaddr)
{
    for (seL4_CPtr cap = boot->untyped.start; cap < boot->untyped.end; cap++) {
        const seL4_UntypedDesc *untyped = &boot->untypedList[cap - boot->untyped.start];
        if (!untyped->isDevice || paddr < untyped->paddr ||
            paddr - untyped->paddr >= 1ull << untyped->sizeBits) {
            continue;
        }
        for (seL4_Word at = untyped->paddr; at < paddr;) {
            seL4_Word bits = seL4_PageBits;
            while ((at & ((2ull << bits) - 1)) == 0 && at + (2ull << bits) <= paddr) {
                bits++;
            }
            make(cap, seL4_UntypedObject, bits);
            at += 1ull << bits;
        }
        map(make(cap, type, 0), vaddr);
        return;
    }
    CHECK(!"device memory is in the boot information");
}

static void find_memory(void)
{
    seL4_Word best = 0;
    for (seL4_CPtr cap = boot->untyped.start; cap < boot->untyped.end; cap++) {
        const seL4_UntypedDesc *untyped = &boot->untypedList[cap - boot->untyped.start];
        if (!untyped->isDevice && untyped->sizeBits > best) {
            best = untyped->sizeBits;
            memory = cap;
        }
    }
}

static const void *find_tree(void)
{
    const seL4_BootInfoHeader *header =
        (const void *)((const uint8_t *)boot + seL4_BootInfoFrameSize);
    CHECK(boot->extraLen > sizeof *header && header->id == SEL4_BOOTINFO_HEADER_FDT);
    CHECK(fdt_check_full(header + 1, header->len - sizeof *header) == 0);
    return header + 1;
}

static void look_at_image(const void *tree)
{
    int length;
    const fdt64_t *where =
        fdt_getprop(tree, fdt_path_offset(tree, "/chosen"), "bulkhead,image", &length);
    CHECK(where != NULL && length == 2 * (int)sizeof *where);
    uint64_t start = fdt64_to_cpu(where[0]), size = fdt64_to_cpu(where[1]);
    map_device(start, seL4_ARM_LargePageObject, IMAGE_VADDR);
    struct image image;
    enum image_error error = image_open(&image, (const void *)IMAGE_VADDR, 2 << 20);
    print("boot test: image at 0x%lx, %lu bytes, %s\n", start, size, image_error_text(error));
    CHECK(error == IMAGE_OK && size == image.header->size_bytes);
    print("boot test: %s, %u files\n", image.header->machine.kernel, image.file_count);
}

void root_main(const seL4_BootInfo *info)
{
    boot = info;
    next_slot = info->empty.start;
    thread_begin((uintptr_t)info->ipcBuffer);
    find_memory();
    map_device(UART_PADDR, seL4_ARM_SmallPageObject, UART_VADDR);
    uart = (volatile uint8_t *)UART_VADDR;
    print("boot test: root runs, %lu cores\n", info->numNodes);
    look_at_image(find_tree());
    print("boot test: done\n");
    for (;;) {
        seL4_Yield();
    }
}
