/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "service/virtio/transport.h"

/*
 * A virtio-mmio device for tests of drivers: registers, features, split queues, interrupts. What a
 * driver must not do (an address outside the DMA memory, a descriptor in two buffers at once, steps
 * out of order) is a failed CHECK. Tests make it lie by writing into the rings behind its back.
 */
enum { FAKE_QUEUES = 4, FAKE_REGIONS = 4, FAKE_SEGMENTS = 64, FAKE_QUEUE_SIZE = 256 };

struct fake_device_queue {
    uint32_t size_max, size, ready;
    uint64_t desc, driver, device; /* physical */
    uint16_t seen, used;           /* of the available ring; of the used ring */
    bool held[FAKE_QUEUE_SIZE];    /* heads of buffers that the device has */
};

struct fake_virtio {
    uint32_t type, version;
    uint64_t offered, accepted;
    bool refuse_features, ignore_reset, ignore_event_idx;
    uint32_t status, select, feature_select, interrupt, config_generation;
    struct fake_device_queue queue[FAKE_QUEUES];
    uint8_t config[256];
    uint32_t notify_count, interrupt_count, reset_count; /* what happened */
    struct {
        uint64_t paddr, size_bytes;
        uint8_t *host;
    } region[FAKE_REGIONS];
};

/* A buffer as the device sees it. */
struct fake_held {
    uint16_t id;
    unsigned readable, writable; /* segments */
    struct {
        uint8_t *host;
        uint32_t bytes;
    } segment[FAKE_SEGMENTS];
};

/* A device of this type with all queues of `queue_size` and these features beside VERSION_1. */
void fake_virtio_init(struct fake_virtio *device, uint32_t type, uint64_t features,
                      uint32_t queue_size);

/* Memory that the device can reach. */
void fake_virtio_add_region(struct fake_virtio *device, uint64_t paddr, void *host,
                            uint64_t size_bytes);
void *fake_virtio_span(const struct fake_virtio *device, uint64_t paddr, uint64_t size_bytes);

struct transport_registers fake_virtio_registers(struct fake_virtio *device);

/* The next buffer of a queue, if there is one. */
bool fake_virtio_pop(struct fake_virtio *device, unsigned queue, struct fake_held *buffer);

/* Done with a buffer; interrupts when the driver wants that. */
void fake_virtio_push(struct fake_virtio *device, unsigned queue, uint16_t id, uint32_t written);

/* What the device writes: for tests that make it lie. */
struct vring_used *fake_virtio_used(struct fake_virtio *device, unsigned queue);
