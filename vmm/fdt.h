/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "device/gic/gic.h"
#include "lib/range.h"
#include "vmm/node.h"

/* Makes the device tree that a guest boots with: the machine of link/map.h. */

/* By which instruction the guest calls PSCI. */
enum fdt_conduit { FDT_CONDUIT_HVC, FDT_CONDUIT_SMC };

/* Writes a device's own node: a complete one, inside the root node. */
typedef void fdt_emit(struct node_writer *out, const void *state);

struct fdt_device {
    fdt_emit *emit;
    const void *state;
};

/* A device that has one window and one shared interrupt. */
struct fdt_window {
    uint64_t base;
    uint64_t size_bytes;
    uint32_t spi;
};

/* These take a struct fdt_window. */
fdt_emit fdt_emit_pl011;
fdt_emit fdt_emit_pl031;
fdt_emit fdt_emit_virtio_mmio;

struct fdt_machine {
    struct range ram;
    struct range initrd; /* empty: none */
    unsigned vcpu_count; /* 1 to VCPU_MAX */
    enum gic_version gic;
    enum fdt_conduit conduit;
    const char *bootargs;    /* NULL: none */
    const char *console;     /* path of the console's node, as "/serial@9000000"; NULL: none */
    uint64_t kaslr_seed;     /* 0: none */
    const uint8_t *rng_seed; /* NULL: none */
    size_t rng_seed_bytes;
    bool has_pci; /* a PCI host bridge, and messages to the GIC as interrupts */
    const struct fdt_device *devices;
    unsigned device_count;
};

/*
 * Writes the tree to the size_bytes at `to` (8-byte aligned) and returns how long it is, 0 when it
 * does not fit. The seeds are secrets of this guest: the caller draws them, and draws new ones for
 * every start.
 */
size_t fdt_generate(void *to, size_t size_bytes, const struct fdt_machine *machine);
