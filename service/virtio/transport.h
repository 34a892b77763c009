/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/virtio_mmio.h"
#include "service/virtio/vring.h"

/*
 * The driver's side of a virtio-mmio device, modern register layout only (VIRTIO 1.3, 4.2). The
 * steps of 3.1.1 in their order: transport_open, transport_negotiate, transport_queue for each
 * queue, transport_start. Any step may fail; then the device is left with VIRTIO_FAILED.
 */

/* The only way to the registers, so that tests can be the device. Width: 1, 2 or 4 bytes. */
struct transport_registers {
    uint32_t (*read)(void *ctx, uint32_t offset, unsigned width_bytes);
    void (*write)(void *ctx, uint32_t offset, uint32_t value); /* 4 bytes */
    void *ctx;
};

struct transport {
    struct transport_registers registers;
    uint64_t features; /* negotiated */
};

/* What interrupted (4.2.2, InterruptStatus). */
enum { TRANSPORT_USED = 1, TRANSPORT_CONFIG = 2 };

/* False unless there is a modern device of this type. */
bool transport_open(struct transport *transport, const struct transport_registers *registers,
                    uint32_t device_type);

/* The device forgets all and touches no memory any more. False when it does not come to that. */
bool transport_reset(struct transport *transport);

/*
 * Resets it and accepts all of `wanted` that it offers. False when it does not do VIRTIO 1, or
 * does not like the set.
 */
bool transport_negotiate(struct transport *transport, uint64_t wanted);

/*
 * Makes queue number `index`, with `size_wanted` entries at most, in DMA memory and tells the
 * device of it. False when it has no such queue or memory is short.
 */
bool transport_queue(struct transport *transport, uint32_t index, uint16_t size_wanted,
                     struct vring *vring, struct dma *dma);

void transport_start(struct transport *transport);
void transport_fail(struct transport *transport);

/* Tells the device to look at a queue. */
void transport_notify(const struct transport *transport, uint32_t index);

/* Reads and acknowledges: TRANSPORT_USED, TRANSPORT_CONFIG. */
uint32_t transport_interrupts(const struct transport *transport);

/* The device asks for a reset, or is not in use any more. */
bool transport_broken(const struct transport *transport);

/*
 * A field of the device's configuration: 1, 2, 4 or 8 bytes wide. All reads between
 * transport_config_begin and a transport_config_end that returns true are of one moment.
 */
uint64_t transport_config(const struct transport *transport, uint32_t offset, unsigned width_bytes);
uint32_t transport_config_begin(const struct transport *transport);
bool transport_config_end(const struct transport *transport, uint32_t begun);

/* The registers that are mapped at this address. For the target only. */
struct transport_registers transport_mapped(uintptr_t vaddr);
