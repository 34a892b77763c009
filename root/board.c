// SPDX-License-Identifier: BSD-2-Clause
#include "root/board.h"

#include <libfdt.h>
#include <string.h>

#include "lib/tree.h"
#include "root/reason.h"

enum {
    GICV_REGION =
        3 /* of a GICv2 node: distributor, CPU interface, hypervisor control, virtual CPU */
};

static const void *find_tree(const seL4_BootInfo *info)
{
    const uint8_t *at = (const uint8_t *)info + seL4_BootInfoFrameSize;
    const uint8_t *end = at + info->extraLen;
    while ((size_t)(end - at) > sizeof(seL4_BootInfoHeader)) {
        const seL4_BootInfoHeader *header = (const seL4_BootInfoHeader *)at;
        if (header->len < sizeof *header || header->len > (size_t)(end - at)) {
            return NULL;
        }
        if (header->id == SEL4_BOOTINFO_HEADER_FDT &&
            tree_check(at + sizeof *header, header->len - sizeof *header)) {
            return at + sizeof *header;
        }
        at += header->len;
    }
    return NULL;
}

static uint64_t read_cells(const fdt32_t *cells, int count)
{
    uint64_t value = 0;
    for (int i = 0; i < count; i++) {
        value = value << 32 | fdt32_to_cpu(cells[i]);
    }
    return value;
}

bool board_reg(const void *tree, int node, int index, uint64_t *base, uint64_t *bytes)
{
    int parent = fdt_parent_offset(tree, node), length = 0;
    int address = fdt_address_cells(tree, parent), size = fdt_size_cells(tree, parent);
    const fdt32_t *reg = fdt_getprop(tree, node, "reg", &length);
    int entry = address + size;
    if (reg == NULL || address < 1 || address > 2 || size < 1 || size > 2 ||
        length < (index + 1) * entry * (int)sizeof(fdt32_t)) {
        return false;
    }
    *base = read_cells(reg + index * entry, address);
    *bytes = read_cells(reg + index * entry + address, size);
    return true;
}

static bool read_uart(struct board *board)
{
    int length = 0;
    int chosen = fdt_path_offset(board->tree, "/chosen");
    const char *path = chosen < 0 ? NULL : fdt_getprop(board->tree, chosen, "stdout-path", &length);
    if (path == NULL) {
        return false;
    }
    const char *colon = memchr(path, ':', (size_t)length); /* "serial0:115200" */
    int node = fdt_path_offset_namelen(board->tree, path,
                                       colon != NULL ? (int)(colon - path) : (int)strlen(path));
    uint64_t bytes;
    const fdt32_t *irq = node < 0 ? NULL : fdt_getprop(board->tree, node, "interrupts", &length);
    if (irq == NULL || length < 2 * (int)sizeof *irq || fdt32_to_cpu(irq[0]) != 0 /* SPI */ ||
        fdt_node_check_compatible(board->tree, node, "arm,pl011") != 0) {
        return false;
    }
    board->uart_intid = 32 + fdt32_to_cpu(irq[1]);
    return board_reg(board->tree, node, 0, &board->uart_base, &bytes);
}

static bool read_gic(struct board *board)
{
    static const char *const v2[] = {"arm,cortex-a15-gic", "arm,gic-400", "arm,cortex-a9-gic"};
    if (fdt_node_offset_by_compatible(board->tree, -1, "arm,gic-v3") >= 0) {
        board->gic_version = 3;
        return true;
    }
    for (unsigned i = 0; i < sizeof v2 / sizeof v2[0]; i++) {
        int node = fdt_node_offset_by_compatible(board->tree, -1, v2[i]);
        if (node >= 0) {
            board->gic_version = 2;
            return board_reg(board->tree, node, GICV_REGION, &board->gicv_base, &board->gicv_bytes);
        }
    }
    return false;
}

static void read_rtc(struct board *board)
{
    uint64_t bytes;
    int length;
    int node = fdt_node_offset_by_compatible(board->tree, -1, "arm,pl031");
    if (node < 0 || !board_reg(board->tree, node, 0, &board->rtc_base, &bytes)) {
        board->rtc_base = 0;
        return;
    }
    const fdt32_t *irq = fdt_getprop(board->tree, node, "interrupts", &length);
    if (irq != NULL && length >= 2 * (int)sizeof *irq && fdt32_to_cpu(irq[0]) == 0 /* SPI */) {
        board->rtc_intid = 32 + fdt32_to_cpu(irq[1]);
    }
}

static void read_seed(struct board *board)
{
    int length = 0;
    int chosen = fdt_path_offset(board->tree, "/chosen");
    const void *seed = chosen < 0 ? NULL : fdt_getprop(board->tree, chosen, "rng-seed", &length);
    if (seed != NULL && length > 0) {
        memcpy(board->seed, seed,
               (size_t)length < sizeof board->seed ? (size_t)length : sizeof board->seed);
    }
}

bool board_read(struct board *board, const seL4_BootInfo *info)
{
    *board = (struct board){.tree = find_tree(info)};
    if (board->tree == NULL) {
        return reason_set("the kernel passed no device tree in its boot information");
    }
    if (!read_uart(board)) {
        return reason_set(
            "the device tree names no PL011 with an interrupt in /chosen/stdout-path");
    }
    if (!read_gic(board)) {
        return reason_set(
            "the device tree has neither a GICv3 nor a GICv2 with a virtual CPU interface");
    }
    read_rtc(board);
    read_seed(board);
    return true;
}
