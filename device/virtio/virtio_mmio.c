// SPDX-License-Identifier: BSD-2-Clause
#include "device/virtio/virtio_mmio.h"

#include "lib/start_only.h"
#include "lib/virtio_mmio.h"

#define VENDOR 0x4b4c5542u /* "BULK" */

/* By offset / 4. Those that a driver only writes read as zero. */
enum { WRITE_ONLY = 1 << 7 };
#define ADDRESS(at, area)                                                                          \
    [(at) / 4] = VIRTIO_REGISTER_QUEUE_##area | WRITE_ONLY,                                        \
            [(at) / 4 + 1] = (VIRTIO_REGISTER_QUEUE_##area + 1) | WRITE_ONLY

static const uint8_t registers[MMIO_CONFIG / 4] = {
    [MMIO_DEVICE_FEATURES / 4] = VIRTIO_REGISTER_OFFERED,
    [MMIO_DEVICE_FEATURES_SEL / 4] = VIRTIO_REGISTER_OFFERED_SELECT | WRITE_ONLY,
    [MMIO_DRIVER_FEATURES / 4] = VIRTIO_REGISTER_ACCEPTED | WRITE_ONLY,
    [MMIO_DRIVER_FEATURES_SEL / 4] = VIRTIO_REGISTER_ACCEPTED_SELECT | WRITE_ONLY,
    [MMIO_QUEUE_SEL / 4] = VIRTIO_REGISTER_QUEUE_SELECT | WRITE_ONLY,
    [MMIO_QUEUE_SIZE_MAX / 4] = VIRTIO_REGISTER_QUEUE_SIZE_MAX,
    [MMIO_QUEUE_SIZE / 4] = VIRTIO_REGISTER_QUEUE_SIZE | WRITE_ONLY,
    [MMIO_QUEUE_READY / 4] = VIRTIO_REGISTER_QUEUE_READY,
    [MMIO_STATUS / 4] = VIRTIO_REGISTER_STATUS,
    ADDRESS(MMIO_QUEUE_DESC, DESCRIPTOR),
    ADDRESS(MMIO_QUEUE_DRIVER, DRIVER),
    ADDRESS(MMIO_QUEUE_DEVICE, DEVICE),
    [MMIO_QUEUE_RESET / 4] = VIRTIO_REGISTER_QUEUE_RESET,
    [MMIO_CONFIG_GENERATION / 4] = VIRTIO_REGISTER_GENERATION,
};

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
    update_line(ctx);
}

static uint32_t read_register(const struct virtio_mmio *mmio, unsigned offset)
{
    const struct virtio_device *device = mmio->device;
    unsigned which = registers[offset / 4];
    switch (offset) {
    case MMIO_INTERRUPT_STATUS:
        return device->state.isr;
    case MMIO_MAGIC:
        return MMIO_MAGIC_VALUE;
    case MMIO_VERSION:
        return MMIO_VERSION_VALUE;
    case MMIO_DEVICE_ID:
        return device->ops->type;
    case MMIO_VENDOR_ID:
        return VENDOR;
    default:
        /* No shared memory regions: a length and a base of -1 (4.2.2). */
        if (offset >= MMIO_SHM_LEN && offset < MMIO_SHM_BASE + 8) {
            return ~0u;
        }
        return which & WRITE_ONLY ? 0 : virtio_register_read(device, (enum virtio_register)which);
    }
}

static void write_register(struct virtio_mmio *mmio, unsigned offset, uint32_t value)
{
    struct virtio_device *device = mmio->device;
    switch (offset) {
    case MMIO_QUEUE_NOTIFY:
        virtio_notify(device, value);
        break;
    case MMIO_INTERRUPT_ACK:
        device->state.isr = (uint8_t)(device->state.isr & ~value);
        update_line(mmio);
        break;
    default: /* MMIO_SHM_SEL among them: no region, whichever is selected */
        virtio_register_write(device, registers[offset / 4] & (WRITE_ONLY - 1u), value);
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
