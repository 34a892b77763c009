// SPDX-License-Identifier: BSD-2-Clause
#include "device/virtio/virtio_mmio.h"

#include "lib/start_only.h"
#include "lib/virtio_mmio.h"

#define VENDOR 0x4b4c5542u /* "BULK" */

enum { HIGH = 4 }; /* half of an address */

/* The line is high while there is a cause that the driver has not acknowledged. */
static void update_line(struct virtio_mmio *mmio)
{
    bool high = mmio->device->state.isr != 0;
    if (high != mmio->state.line_high) {
        mmio->state.line_high = high;
        mmio->port->set_level(mmio->port->ctx, high);
    }
}

static void interrupt(void *ctx, unsigned source)
{
    (void)source;
    update_line(ctx);
}

static void reset(void *ctx)
{
    struct virtio_mmio *mmio = ctx;
    bool line_high = mmio->state.line_high;
    mmio->state = (struct virtio_mmio_state){.line_high = line_high};
    update_line(mmio);
}

static uint32_t read_register(const struct virtio_mmio *mmio, unsigned offset)
{
    const struct virtio_device *device = mmio->device;
    const struct virtio_queue_state *queue = virtio_queue_state(device, mmio->state.queue_select);
    switch (offset) {
    case MMIO_MAGIC:
        return MMIO_MAGIC_VALUE;
    case MMIO_VERSION:
        return MMIO_VERSION_VALUE;
    case MMIO_DEVICE_ID:
        return device->ops->type;
    case MMIO_VENDOR_ID:
        return VENDOR;
    case MMIO_DEVICE_FEATURES:
        return virtio_offered(device, mmio->state.offered_select);
    case MMIO_QUEUE_SIZE_MAX:
        return queue->size_max;
    case MMIO_QUEUE_READY:
        return queue->enabled;
    case MMIO_INTERRUPT_STATUS:
        return device->state.isr;
    case MMIO_STATUS:
        return virtio_status(device);
    case MMIO_QUEUE_RESET:
        return queue->stopping;
    case MMIO_CONFIG_GENERATION:
        return device->state.generation;
    default:
        /* No shared memory regions: a length and a base of -1 (4.2.2). */
        return offset >= MMIO_SHM_LEN && offset < MMIO_SHM_BASE + 8 ? ~0u : 0;
    }
}

static void write_queue_address(struct virtio_mmio *mmio, unsigned offset, uint32_t value)
{
    enum virtio_area area = offset < MMIO_QUEUE_DRIVER   ? VIRTIO_AREA_DESCRIPTOR
                            : offset < MMIO_QUEUE_DEVICE ? VIRTIO_AREA_DRIVER
                                                         : VIRTIO_AREA_DEVICE;
    virtio_queue_set_address(mmio->device, mmio->state.queue_select, area, offset / 4 & 1, value);
}

static void acknowledge(struct virtio_mmio *mmio, uint32_t causes)
{
    mmio->device->state.isr = (uint8_t)(mmio->device->state.isr & ~causes);
    update_line(mmio);
}

static void write_register(struct virtio_mmio *mmio, unsigned offset, uint32_t value)
{
    struct virtio_device *device = mmio->device;
    struct virtio_mmio_state *s = &mmio->state;
    switch (offset) {
    case MMIO_QUEUE_NOTIFY:
        virtio_notify(device, value);
        break;
    case MMIO_INTERRUPT_ACK:
        acknowledge(mmio, value);
        break;
    case MMIO_DEVICE_FEATURES_SEL:
        s->offered_select = value;
        break;
    case MMIO_DRIVER_FEATURES:
        virtio_accept(device, s->accept_select, value);
        break;
    case MMIO_DRIVER_FEATURES_SEL:
        s->accept_select = value;
        break;
    case MMIO_QUEUE_SEL:
        s->queue_select = value;
        break;
    case MMIO_QUEUE_SIZE:
        virtio_queue_set_size(device, s->queue_select, value);
        break;
    case MMIO_QUEUE_READY:
        if (value == 1) {
            virtio_queue_enable(device, s->queue_select);
        } else if (value == 0) {
            virtio_queue_disable(device, s->queue_select);
        }
        break;
    case MMIO_STATUS:
        virtio_set_status(device, (uint8_t)value);
        break;
    case MMIO_QUEUE_DESC:
    case MMIO_QUEUE_DESC + HIGH:
    case MMIO_QUEUE_DRIVER:
    case MMIO_QUEUE_DRIVER + HIGH:
    case MMIO_QUEUE_DEVICE:
    case MMIO_QUEUE_DEVICE + HIGH:
        write_queue_address(mmio, offset, value);
        break;
    case MMIO_QUEUE_RESET:
        if (value == 1) {
            virtio_queue_reset(device, s->queue_select);
        }
        break;
    default: /* MMIO_SHM_SEL among them: no region, whichever is selected */
        break;
    }
}

static void access_control(struct virtio_mmio *mmio, struct access *access)
{
    if (access->width_bytes != 4 || access->offset % 4 != 0) {
        access->value = access->is_write ? access->value : 0;
    } else if (access->is_write) {
        write_register(mmio, (unsigned)access->offset, (uint32_t)access->value);
    } else {
        access->value = read_register(mmio, (unsigned)access->offset);
    }
}

static void access_config(struct virtio_mmio *mmio, struct access *access)
{
    uint64_t at = access->offset - MMIO_CONFIG;
    if (access->is_write) {
        virtio_config_write(mmio->device, at, access->width_bytes, access->value);
    } else {
        access->value = virtio_config_read(mmio->device, at, access->width_bytes);
    }
}

enum outcome virtio_mmio_access(struct virtio_mmio *mmio, struct access *access)
{
    if (access->offset >= VIRTIO_MMIO_SIZE) {
        return OUTCOME_UNHANDLED;
    }
    virtio_lock(mmio->device);
    if (access->offset < MMIO_CONFIG) {
        access_control(mmio, access);
    } else {
        access_config(mmio, access);
    }
    virtio_unlock(mmio->device);
    return OUTCOME_DONE;
}

START_ONLY void virtio_mmio_init(struct virtio_mmio *mmio, struct virtio_device *device,
                                 const struct virtio_mmio_port *port)
{
    static const struct virtio_transport transport = {interrupt, reset};
    *mmio = (struct virtio_mmio){.device = device, .port = port};
    virtio_attach(device, &transport, mmio);
}
