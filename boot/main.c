// SPDX-License-Identifier: BSD-2-Clause
/*
 * From firmware to the kernel's first instruction, in numbered steps. Whatever is wrong ends in one
 * line on the UART that says what and what to do about it.
 */
#include <libfdt.h>

#include "boot/boot.h"

enum {
    FIRST_BLOCK_BYTES = 2 << 20, /* the packer keeps loader, header and table inside it */
    TREE_BYTES = 128 << 10,
};

/* The device tree's copy: firmware's may lie where the kernel is going to be. */
static uint8_t tree[TREE_BYTES] __attribute__((aligned(8)));

_Noreturn void boot_main(void *dtb, const uint8_t *base);

static void map(uint64_t paddr, uint64_t size_bytes, enum arch_memory kind)
{
    if (!arch_map(paddr, size_bytes, kind)) {
        boot_fail("out of translation tables at 0x%lx", paddr);
    }
}

/* Loader, device tree and UART; the rest when we know what there is. */
static void start_translation(const struct image_header *header, void *dtb, const uint8_t *base)
{
    map((uintptr_t)base, FIRST_BLOCK_BYTES, ARCH_NORMAL);
    if (dtb != NULL) {
        map((uintptr_t)dtb, MACHINE_DTB_MAX_BYTES, ARCH_NORMAL);
    }
    if (header->machine.uart_paddr != 0) {
        map(header->machine.uart_paddr, 4096, ARCH_DEVICE);
    }
    arch_mmu_on(header->machine.paddr_bits);
}

/* A damaged header may have named a wrong UART or none. */
static void use_stdout_of_tree(const void *dtb)
{
    uint64_t paddr = 0;
    enum image_uart uart = machine_stdout(dtb, &paddr);
    if (uart != IMAGE_UART_NONE) {
        map(paddr, 4096, ARCH_DEVICE);
        boot_print_open(uart, paddr);
    }
}

static void check_image(struct image *image, const uint8_t *base, const void *dtb)
{
    enum image_error error = image_open(image, base, FIRST_BLOCK_BYTES);
    if (error != IMAGE_OK) {
        use_stdout_of_tree(dtb);
        boot_fail("the image %s", image_error_text(error));
    }
    map((uintptr_t)base, image->header->size_bytes, ARCH_NORMAL);
    if (!image_has_end(image)) {
        boot_fail(
            "the image is truncated: its header says %lu bytes, and they do not end where they "
            "should; copy it again",
            image->header->size_bytes);
    }
    uint64_t start_us = arch_time_us();
    for (unsigned i = 0; i < image->file_count; i++) {
        const struct image_file *file = &image->files[i];
        if (image_check_file(image, file, arch_crc()) != IMAGE_OK) {
            boot_fail(
                "the image is damaged: %s \"%s\" at offset 0x%lx, %lu bytes, does not have its "
                "checksum; copy it again",
                image_type_name(file->type), file->name, file->offset, file->size_bytes);
        }
    }
    boot_print("image of %lu KiB, %u files, checked in %lu us", image->header->size_bytes >> 10,
               image->file_count, arch_time_us() - start_us);
}

static void copy_tree(const void *dtb)
{
    int error = fdt_open_into(dtb, tree, sizeof tree);
    if (error != 0) {
        boot_fail("the device tree of %u bytes is too large for the loader: %s", fdt_totalsize(dtb),
                  fdt_strerror(error));
    }
    fdt_pack(tree);
}

static void map_memory(const struct machine *machine)
{
    for (unsigned i = 0; i < machine->memory_count; i++) {
        map(machine->memory[i].base, machine->memory[i].size_bytes, ARCH_NORMAL);
    }
}

_Noreturn void boot_main(void *dtb, const uint8_t *base)
{
    uint64_t start_us = arch_time_us();

    /* 1. A voice, from what the tool wrote into the header. */
    const struct image_header *header = (const void *)(base + IMAGE_HEADER_OFFSET);
    boot_print_open(header->machine.uart, header->machine.uart_paddr);

    /* 2. The mode that the kernel wants. */
    const char *error = arch_mode_error();
    if (error != NULL) {
        boot_fail("%s", error);
    }

    /* 3. Translation and caches, without which a checksum takes seconds. */
    start_translation(header, dtb, base);

    /* 4. The image is complete and undamaged. */
    struct image image;
    check_image(&image, base, dtb);

    /* 5. The machine is the one that the kernel was built for. */
    struct machine machine;
    machine_read(&machine, dtb);
    machine_compare(&machine, &header->machine);
    map_memory(&machine);

    /* 6. The image is where root can reach it and the kernel does not take it. */
    move_image(&machine, &image, (uintptr_t)dtb, fdt_totalsize(dtb));
    copy_tree(dtb);

    /* 7. Kernel, device tree and root task go where the kernel expects them. */
    place_all(&image, tree, &arch_cores.entry);

    /* 8. The other cores, which wait inside the kernel for this one. */
    cores_start(&machine, header->machine.core_count);

    /* 9. The kernel. */
    boot_print("starting %s on %u core%s after %lu us", header->machine.kernel,
               header->machine.core_count, header->machine.core_count == 1 ? "" : "s",
               arch_time_us() - start_us);
    arch_enter_kernel();
}
