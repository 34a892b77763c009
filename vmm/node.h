/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stddef.h>
#include <stdint.h>

/*
 * Writes device tree nodes (Devicetree Specification 0.4) one after the other, through libfdt. The
 * first error stays and makes every later call do nothing, so callers check once, at the end.
 */
struct node_writer {
    void *fdt;
    int error; /* 0, or libfdt's -FDT_ERR_... of the first call that failed */
};

/* What nodes refer to one another by; every tree that fdt.c makes has them. */
enum { NODE_PHANDLE_GIC = 1, NODE_PHANDLE_CLOCK = 2, NODE_PHANDLE_V2M = 3 };

/* The third cell of an interrupt (Linux bindings, interrupt-controller/arm,gic.yaml). */
enum { NODE_IRQ_EDGE_RISING = 1, NODE_IRQ_LEVEL_HIGH = 4 };

/* A node inside the current one, until node_end. node_begin_at names it "name@address". */
void node_begin(struct node_writer *out, const char *name);
void node_begin_at(struct node_writer *out, const char *name, uint64_t address);
void node_end(struct node_writer *out);

/* Properties of the current node; they come before its inner nodes. */
void node_flag(struct node_writer *out, const char *property);
void node_u32(struct node_writer *out, const char *property, uint32_t value);
void node_u64(struct node_writer *out, const char *property, uint64_t value);
void node_text(struct node_writer *out, const char *property, const char *text);
void node_bytes(struct node_writer *out, const char *property, const void *bytes, size_t size);
void node_cells(struct node_writer *out, const char *property, const uint32_t *cells, size_t count);

/* A list of strings that is spelt as one: "first\0second". */
#define node_texts(out, property, texts) node_bytes(out, property, texts, sizeof(texts))

/* `reg` with one window; parents have two address and two size cells. */
void node_reg(struct node_writer *out, uint64_t base, uint64_t size_bytes);

/* `interrupts` with one shared interrupt. */
void node_spi(struct node_writer *out, uint32_t spi, uint32_t flags);
