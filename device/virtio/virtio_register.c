// SPDX-License-Identifier: BSD-2-Clause
/* What registers of both transports read and write. All numbers here come from the guest. */
#include <string.h>

#include "device/virtio/virtio.h"
#include "lib/range.h"

void virtio_attach(struct virtio_device *device, const struct virtio_transport *transport,
                   void *ctx)
{
    device->transport = transport;
    device->transport_ctx = ctx;
}

static uint32_t half(uint64_t bits, uint32_t word)
{
    return word < 2 ? (uint32_t)(bits >> (32 * word)) : 0;
}

static void set_half(uint64_t *bits, uint32_t word, uint32_t value)
{
    if (word < 2) {
        *bits = (*bits & ~(0xffffffffull << (32 * word))) | (uint64_t)value << (32 * word);
    }
}

uint32_t virtio_offered(const struct virtio_device *device, uint32_t word)
{
    return half(device->state.offered, word);
}

uint32_t virtio_accepted(const struct virtio_device *device, uint32_t word)
{
    return half(device->state.features, word);
}

void virtio_accept(struct virtio_device *device, uint32_t word, uint32_t bits)
{
    if (!(device->state.status & VIRTIO_FEATURES_OK) && !device->state.stopping) {
        set_half(&device->state.features, word, bits);
    }
}

const struct virtio_queue_state *virtio_queue_state(const struct virtio_device *device,
                                                    uint32_t queue)
{
    static const struct virtio_queue_state none;
    return queue < device->queue_count ? &device->queue[queue].state : &none;
}

/* A queue's set-up, if the driver may change it now. */
static struct virtqueue_setup *setup(struct virtio_device *device, uint32_t queue)
{
    if (queue >= device->queue_count) {
        return NULL;
    }
    struct virtio_queue_state *q = &device->queue[queue].state;
    return q->fresh && !q->enabled ? &q->setup : NULL;
}

/* A size that does not fit is kept as one that cannot be. */
void virtio_queue_set_size(struct virtio_device *device, uint32_t queue, uint32_t size)
{
    struct virtqueue_setup *s = setup(device, queue);
    if (s != NULL) {
        s->size = (uint16_t)(size <= UINT16_MAX ? size : UINT16_MAX);
    }
}

void virtio_queue_set_address(struct virtio_device *device, uint32_t queue, enum virtio_area area,
                              unsigned word, uint32_t value)
{
    struct virtqueue_setup *s = setup(device, queue);
    if (s != NULL) {
        uint64_t *address[] = {
            [VIRTIO_AREA_DESCRIPTOR] = &s->descriptor_address,
            [VIRTIO_AREA_DRIVER] = &s->driver_address,
            [VIRTIO_AREA_DEVICE] = &s->device_address,
        };
        set_half(address[area], word, value);
    }
}

static struct range config_range(const struct virtio_device *device)
{
    return (struct range){0, device->config_bytes};
}

uint64_t virtio_config_read(const struct virtio_device *device, uint64_t offset,
                            unsigned width_bytes)
{
    uint64_t value = 0;
    if (range_contains(config_range(device), offset, width_bytes)) {
        memcpy(&value, (const uint8_t *)device->config + offset, width_bytes);
    }
    return value;
}

void virtio_config_write(struct virtio_device *device, uint64_t offset, unsigned width_bytes,
                         uint64_t value)
{
    uint8_t bytes[8];
    memcpy(bytes, &value, sizeof bytes);
    if (range_contains(config_range(device), offset, width_bytes) &&
        device->ops->config_write != NULL && !device->state.stopping) {
        device->ops->config_write(device, (uint32_t)offset, bytes, width_bytes);
    }
}
