/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include "device/access.h"
#include "device/virtio/virtio.h"

/*
 * The register window of a virtio device on a bus without discovery (VIRTIO 1.3, 4.2; version 2
 * only). Its node in the device tree is made by vmm/fdt.h, fdt_emit_virtio_mmio.
 */
enum { VIRTIO_MMIO_SIZE = 0x200 };

struct virtio_mmio_port {
    /* Drives the interrupt line, at each change. Under the device's lock: must not call back. */
    void (*set_level)(void *ctx, bool high);
    void *ctx;
};

struct virtio_mmio {
    struct virtio_device *device;
    const struct virtio_mmio_port *port;
    struct virtio_mmio_state {
        bool line_high;
    } state;
};

/* Attaches to the device, which must be initialised. All pointers must outlive it. */
void virtio_mmio_init(struct virtio_mmio *mmio, struct virtio_device *device,
                      const struct virtio_mmio_port *port);

/*
 * A register access; takes the device's lock. Work of the device is done in it, in the caller's
 * thread. What 4.2.2 does not have, and control registers at any other width than 32 bits or
 * misaligned, read as zero and ignore writes. The configuration space takes any access.
 */
enum outcome virtio_mmio_access(struct virtio_mmio *mmio, struct access *access);
