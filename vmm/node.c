// SPDX-License-Identifier: BSD-2-Clause
#include "vmm/node.h"

#include <libfdt.h>
#include <string.h>

#include "lib/check.h"
#include "lib/format.h"

enum { CELLS_MAX = 160 /* the interrupt map of a PCI bus */ };

void node_begin(struct node_writer *out, const char *name)
{
    if (out->error == 0) {
        out->error = fdt_begin_node(out->fdt, name);
    }
}

void node_begin_at(struct node_writer *out, const char *name, uint64_t address)
{
    char full[64];
    size_t length = format(full, sizeof full, "%s@%lx", name, address);
    CHECK(length < sizeof full);
    node_begin(out, full);
}

void node_end(struct node_writer *out)
{
    if (out->error == 0) {
        out->error = fdt_end_node(out->fdt);
    }
}

void node_bytes(struct node_writer *out, const char *property, const void *bytes, size_t size)
{
    if (out->error == 0) {
        out->error = fdt_property(out->fdt, property, bytes, (int)size);
    }
}

void node_flag(struct node_writer *out, const char *property)
{
    node_bytes(out, property, NULL, 0);
}

void node_text(struct node_writer *out, const char *property, const char *text)
{
    node_bytes(out, property, text, strlen(text) + 1);
}

void node_cells(struct node_writer *out, const char *property, const uint32_t *cells, size_t count)
{
    fdt32_t stored[CELLS_MAX];
    CHECK(count <= CELLS_MAX);
    for (size_t i = 0; i < count; i++) {
        stored[i] = cpu_to_fdt32(cells[i]);
    }
    node_bytes(out, property, stored, count * sizeof stored[0]);
}

void node_u32(struct node_writer *out, const char *property, uint32_t value)
{
    node_cells(out, property, &value, 1);
}

void node_u64(struct node_writer *out, const char *property, uint64_t value)
{
    uint32_t cells[] = {(uint32_t)(value >> 32), (uint32_t)value};
    node_cells(out, property, cells, 2);
}

void node_reg(struct node_writer *out, uint64_t base, uint64_t size_bytes)
{
    uint32_t cells[] = {(uint32_t)(base >> 32), (uint32_t)base, (uint32_t)(size_bytes >> 32),
                        (uint32_t)size_bytes};
    node_cells(out, "reg", cells, 4);
}

void node_spi(struct node_writer *out, uint32_t spi, uint32_t flags)
{
    uint32_t cells[] = {0, spi, flags};
    node_cells(out, "interrupts", cells, 3);
}
