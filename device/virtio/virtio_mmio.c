// SPDX-License-Identifier: BSD-2-Clause
#include "device/virtio/virtio_mmio.h"

/* 4.2.2; names as there. */
enum {
    MAGIC_VALUE = 0x000,
    VERSION = 0x004,
    DEVICE_ID = 0x008,
    VENDOR_ID = 0x00c,
    DEVICE_FEATURES = 0x010,
    DEVICE_FEATURES_SEL = 0x014,
    DRIVER_FEATURES = 0x020,
    DRIVER_FEATURES_SEL = 0x024,
    QUEUE_SEL = 0x030,
    QUEUE_SIZE_MAX = 0x034,
    QUEUE_SIZE = 0x038,
    QUEUE_READY = 0x044,
    QUEUE_NOTIFY = 0x050,
    INTERRUPT_STATUS = 0x060,
    INTERRUPT_ACK = 0x064,
    STATUS = 0x070,
    QUEUE_DESC_LOW = 0x080,
    QUEUE_DESC_HIGH = 0x084,
    QUEUE_DRIVER_LOW = 0x090,
    QUEUE_DRIVER_HIGH = 0x094,
    QUEUE_DEVICE_LOW = 0x0a0,
    QUEUE_DEVICE_HIGH = 0x0a4,
    SHM_SEL = 0x0ac,
    SHM_LEN_LOW = 0x0b0,
    SHM_BASE_HIGH = 0x0bc,
    QUEUE_RESET = 0x0c0,
    CONFIG_GENERATION = 0x0fc,
    CONFIG = 0x100,
};

#define MAGIC  0x74726976u /* "virt" */
#define VENDOR 0x4b4c5542u /* "BULK" */

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
    case MAGIC_VALUE:
        return MAGIC;
    case VERSION:
        return 2;
    case DEVICE_ID:
        return device->ops->type;
    case VENDOR_ID:
        return VENDOR;
    case DEVICE_FEATURES:
        return virtio_offered(device, mmio->state.offered_select);
    case QUEUE_SIZE_MAX:
        return queue->size_max;
    case QUEUE_READY:
        return queue->enabled;
    case INTERRUPT_STATUS:
        return device->state.isr;
    case STATUS:
        return virtio_status(device);
    case QUEUE_RESET:
        return queue->stopping;
    case CONFIG_GENERATION:
        return device->state.generation;
    default:
        /* No shared memory regions: a length and a base of -1 (4.2.2). */
        return offset >= SHM_LEN_LOW && offset <= SHM_BASE_HIGH ? ~0u : 0;
    }
}

static void write_queue_address(struct virtio_mmio *mmio, unsigned offset, uint32_t value)
{
    enum virtio_area area = offset < QUEUE_DRIVER_LOW   ? VIRTIO_AREA_DESCRIPTOR
                            : offset < QUEUE_DEVICE_LOW ? VIRTIO_AREA_DRIVER
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
    case QUEUE_NOTIFY:
        virtio_notify(device, value);
        break;
    case INTERRUPT_ACK:
        acknowledge(mmio, value);
        break;
    case DEVICE_FEATURES_SEL:
        s->offered_select = value;
        break;
    case DRIVER_FEATURES:
        virtio_accept(device, s->accept_select, value);
        break;
    case DRIVER_FEATURES_SEL:
        s->accept_select = value;
        break;
    case QUEUE_SEL:
        s->queue_select = value;
        break;
    case QUEUE_SIZE:
        virtio_queue_set_size(device, s->queue_select, value);
        break;
    case QUEUE_READY:
        if (value == 1) {
            virtio_queue_enable(device, s->queue_select);
        } else if (value == 0) {
            virtio_queue_disable(device, s->queue_select);
        }
        break;
    case STATUS:
        virtio_set_status(device, (uint8_t)value);
        break;
    case QUEUE_DESC_LOW:
    case QUEUE_DESC_HIGH:
    case QUEUE_DRIVER_LOW:
    case QUEUE_DRIVER_HIGH:
    case QUEUE_DEVICE_LOW:
    case QUEUE_DEVICE_HIGH:
        write_queue_address(mmio, offset, value);
        break;
    case QUEUE_RESET:
        if (value == 1) {
            virtio_queue_reset(device, s->queue_select);
        }
        break;
    default: /* SHM_SEL among them: no region, whichever is selected */
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
    uint64_t at = access->offset - CONFIG;
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
    if (access->offset < CONFIG) {
        access_control(mmio, access);
    } else {
        access_config(mmio, access);
    }
    virtio_unlock(mmio->device);
    return OUTCOME_DONE;
}

void virtio_mmio_init(struct virtio_mmio *mmio, struct virtio_device *device,
                      const struct virtio_mmio_port *port)
{
    static const struct virtio_transport transport = {interrupt, reset};
    *mmio = (struct virtio_mmio){.device = device, .port = port};
    virtio_attach(device, &transport, mmio);
}
