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

/* A half of a word of 64 bits, and what has the shape of one: the lower comes first. */
typedef uint32_t __attribute__((may_alias)) half_word;

static uint32_t half(const uint64_t *bits, uint32_t word)
{
    return word < 2 ? ((const half_word *)bits)[word] : 0;
}

uint32_t virtio_offered(const struct virtio_device *device, uint32_t word)
{
    return half(&device->state.offered, word);
}

uint32_t virtio_accepted(const struct virtio_device *device, uint32_t word)
{
    return half(&device->state.features, word);
}

void virtio_accept(struct virtio_device *device, uint32_t word, uint32_t bits)
{
    if (word < 2 && !(device->state.status & VIRTIO_FEATURES_OK) && !device->state.stopping) {
        ((half_word *)&device->state.features)[word] = bits;
    }
}

const struct virtio_queue_state *virtio_queue_state(const struct virtio_device *device,
                                                    uint32_t queue)
{
    static const struct virtio_queue_state none;
    return queue < device->queue_count ? &device->queue[queue].state : &none;
}

__attribute__((noinline)) struct virtio_queue_state *
virtio_queue_fresh(struct virtio_device *device, uint32_t queue)
{
    if (queue >= device->queue_count) {
        return NULL;
    }
    struct virtio_queue_state *q = &device->queue[queue].state;
    return q->fresh && !q->enabled ? q : NULL;
}

/* A size that does not fit is kept as one that cannot be. */
void virtio_queue_set_size(struct virtio_device *device, uint32_t queue, uint32_t size)
{
    struct virtio_queue_state *q = virtio_queue_fresh(device, queue);
    if (q != NULL) {
        q->setup.size = (uint16_t)(size <= UINT16_MAX ? size : UINT16_MAX);
    }
}

void virtio_queue_set_address(struct virtio_device *device, uint32_t queue, enum virtio_area area,
                              unsigned word, uint32_t value)
{
    _Static_assert(offsetof(struct virtqueue_setup, driver_address) == 8 * VIRTIO_AREA_DRIVER &&
                       offsetof(struct virtqueue_setup, device_address) == 8 * VIRTIO_AREA_DEVICE,
                   "addresses are in the order of the areas");
    struct virtio_queue_state *q = virtio_queue_fresh(device, queue);
    if (q != NULL) {
        ((half_word *)&q->setup)[2 * area + word] = value;
    }
}

/* Where a register that is no more than a field of the device's state or of a queue's is. */
struct place {
    uint8_t offset, size_bytes;
};

#define IN_STATE(field)                                                                            \
    {                                                                                              \
        offsetof(struct virtio_state, field), sizeof((struct virtio_state *)NULL)->field           \
    }
#define IN_QUEUE(field)                                                                            \
    {                                                                                              \
        offsetof(struct virtio_queue_state, field),                                                \
            sizeof((struct virtio_queue_state *)NULL)->field                                       \
    }
#define ADDRESS_IN_QUEUE(area, half)                                                               \
    {                                                                                              \
        offsetof(struct virtio_queue_state, setup.area##_address) + 4 * (half), 4                  \
    }

static const struct place places[VIRTIO_REGISTER_COUNT] = {
    [VIRTIO_REGISTER_OFFERED_SELECT] = IN_STATE(offered_select),
    [VIRTIO_REGISTER_ACCEPTED_SELECT] = IN_STATE(accepted_select),
    [VIRTIO_REGISTER_QUEUE_SELECT] = IN_STATE(queue_select),
    [VIRTIO_REGISTER_STATUS] = IN_STATE(status),
    [VIRTIO_REGISTER_GENERATION] = IN_STATE(generation),
    [VIRTIO_REGISTER_VECTOR] = IN_STATE(vector),
    [VIRTIO_REGISTER_QUEUE_VECTOR] = IN_QUEUE(vector),
    [VIRTIO_REGISTER_QUEUE_SIZE_MAX] = IN_QUEUE(size_max),
    [VIRTIO_REGISTER_QUEUE_SIZE] = IN_QUEUE(setup.size),
    [VIRTIO_REGISTER_QUEUE_READY] = IN_QUEUE(enabled),
    [VIRTIO_REGISTER_QUEUE_RESET] = IN_QUEUE(stopping),
    [VIRTIO_REGISTER_QUEUE_DESCRIPTOR] = ADDRESS_IN_QUEUE(descriptor, 0),
    [VIRTIO_REGISTER_QUEUE_DESCRIPTOR + 1] = ADDRESS_IN_QUEUE(descriptor, 1),
    [VIRTIO_REGISTER_QUEUE_DRIVER] = ADDRESS_IN_QUEUE(driver, 0),
    [VIRTIO_REGISTER_QUEUE_DRIVER + 1] = ADDRESS_IN_QUEUE(driver, 1),
    [VIRTIO_REGISTER_QUEUE_DEVICE] = ADDRESS_IN_QUEUE(device, 0),
    [VIRTIO_REGISTER_QUEUE_DEVICE + 1] = ADDRESS_IN_QUEUE(device, 1),
};

uint32_t virtio_register_read(const struct virtio_device *device, enum virtio_register which)
{
    const struct virtio_state *s = &device->state;
    const struct virtio_queue_state *queue = virtio_queue_state(device, s->queue_select);
    uint32_t value = 0;
    switch (which) {
    case VIRTIO_REGISTER_OFFERED:
        return virtio_offered(device, s->offered_select);
    case VIRTIO_REGISTER_ACCEPTED:
        return virtio_accepted(device, s->accepted_select);
    case VIRTIO_REGISTER_QUEUE_ENABLE:
        return queue->enabled && !queue->stopping;
    default:
        memcpy(
            &value,
            (which < VIRTIO_REGISTER_QUEUE_VECTOR ? (const uint8_t *)s : (const uint8_t *)queue) +
                places[which].offset,
            places[which].size_bytes);
        return value;
    }
}

void virtio_register_write(struct virtio_device *device, enum virtio_register which, uint32_t value)
{
    struct virtio_state *s = &device->state;
    uint32_t queue = s->queue_select;
    switch (which) {
    case VIRTIO_REGISTER_OFFERED_SELECT:
        s->offered_select = value;
        break;
    case VIRTIO_REGISTER_ACCEPTED_SELECT:
        s->accepted_select = value;
        break;
    case VIRTIO_REGISTER_QUEUE_SELECT:
        s->queue_select = value;
        break;
    case VIRTIO_REGISTER_ACCEPTED:
        virtio_accept(device, s->accepted_select, value);
        break;
    case VIRTIO_REGISTER_STATUS:
        virtio_set_status(device, (uint8_t)value);
        break;
    case VIRTIO_REGISTER_VECTOR:
        s->vector = (uint16_t)value;
        break;
    case VIRTIO_REGISTER_QUEUE_VECTOR:
        if (queue < device->queue_count) {
            device->queue[queue].state.vector = (uint16_t)value;
        }
        break;
    case VIRTIO_REGISTER_QUEUE_SIZE:
        virtio_queue_set_size(device, queue, value);
        break;
    case VIRTIO_REGISTER_QUEUE_READY:
        if (value == 0) {
            virtio_queue_disable(device, queue);
        }
        /* fall through */
    case VIRTIO_REGISTER_QUEUE_ENABLE:
        if (value == 1) {
            virtio_queue_enable(device, queue);
        }
        break;
    case VIRTIO_REGISTER_QUEUE_RESET:
        if (value == 1) {
            virtio_queue_reset(device, queue);
        }
        break;
    default:
        if (which >= VIRTIO_REGISTER_QUEUE_DESCRIPTOR) {
            unsigned at = which - VIRTIO_REGISTER_QUEUE_DESCRIPTOR;
            virtio_queue_set_address(device, queue, (enum virtio_area)(at / 2), at % 2, value);
        }
        break;
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
