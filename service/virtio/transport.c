// SPDX-License-Identifier: BSD-2-Clause
#include "service/virtio/transport.h"

enum { RESET_POLLS = 1000000 }; /* a device that resets for longer will not get better */

static uint32_t get(const struct transport *t, uint32_t offset)
{
    return t->registers.read(t->registers.ctx, offset, 4);
}

static void set(const struct transport *t, uint32_t offset, uint32_t value)
{
    t->registers.write(t->registers.ctx, offset, value);
}

static void add_status(const struct transport *t, uint32_t bits)
{
    set(t, MMIO_STATUS, get(t, MMIO_STATUS) | bits);
}

bool transport_open(struct transport *t, const struct transport_registers *registers,
                    uint32_t device_type)
{
    *t = (struct transport){.registers = *registers};
    return get(t, MMIO_MAGIC) == MMIO_MAGIC_VALUE && get(t, MMIO_VERSION) == MMIO_VERSION_VALUE &&
           get(t, MMIO_DEVICE_ID) == device_type;
}

bool transport_reset(struct transport *t)
{
    set(t, MMIO_STATUS, 0);
    for (unsigned i = 0; i < RESET_POLLS; i++) {
        if (get(t, MMIO_STATUS) == 0) {
            set(t, MMIO_INTERRUPT_ACK, TRANSPORT_USED | TRANSPORT_CONFIG);
            return true;
        }
    }
    return false;
}

static uint64_t offered_features(const struct transport *t)
{
    set(t, MMIO_DEVICE_FEATURES_SEL, 0);
    uint64_t low = get(t, MMIO_DEVICE_FEATURES);
    set(t, MMIO_DEVICE_FEATURES_SEL, 1);
    return (uint64_t)get(t, MMIO_DEVICE_FEATURES) << 32 | low;
}

bool transport_negotiate(struct transport *t, uint64_t wanted)
{
    if (!transport_reset(t)) {
        return false;
    }
    add_status(t, VIRTIO_ACKNOWLEDGE);
    add_status(t, VIRTIO_DRIVER);
    t->features = offered_features(t) & (wanted | VIRTIO_F_VERSION_1);
    if ((t->features & VIRTIO_F_VERSION_1) == 0) {
        transport_fail(t);
        return false;
    }
    set(t, MMIO_DRIVER_FEATURES_SEL, 0);
    set(t, MMIO_DRIVER_FEATURES, (uint32_t)t->features);
    set(t, MMIO_DRIVER_FEATURES_SEL, 1);
    set(t, MMIO_DRIVER_FEATURES, (uint32_t)(t->features >> 32));
    add_status(t, VIRTIO_FEATURES_OK);
    if ((get(t, MMIO_STATUS) & VIRTIO_FEATURES_OK) == 0) {
        transport_fail(t);
        return false;
    }
    return true;
}

static void set_address(const struct transport *t, uint32_t offset, uint64_t paddr)
{
    set(t, offset, (uint32_t)paddr);
    set(t, offset + 4, (uint32_t)(paddr >> 32));
}

static uint16_t power_of_two(uint32_t limit)
{
    uint32_t size = 1;
    while (size * 2 <= limit) {
        size *= 2;
    }
    return (uint16_t)size;
}

bool transport_queue(struct transport *t, uint32_t index, uint16_t size_wanted, struct vring *vring,
                     struct dma *dma)
{
    set(t, MMIO_QUEUE_SEL, index);
    uint32_t most = get(t, MMIO_QUEUE_SIZE_MAX);
    if (most == 0 || get(t, MMIO_QUEUE_READY) != 0) {
        return false;
    }
    uint16_t size = power_of_two(most < size_wanted ? most : size_wanted);
    if (!vring_init(vring, dma, size, t->features)) {
        return false;
    }
    set(t, MMIO_QUEUE_SIZE, size);
    set_address(t, MMIO_QUEUE_DESC, vring->desc_paddr);
    set_address(t, MMIO_QUEUE_DRIVER, vring->avail_paddr);
    set_address(t, MMIO_QUEUE_DEVICE, vring->used_paddr);
    set(t, MMIO_QUEUE_READY, 1);
    return true;
}

void transport_start(struct transport *t)
{
    add_status(t, VIRTIO_DRIVER_OK);
}

void transport_fail(struct transport *t)
{
    add_status(t, VIRTIO_FAILED);
}

void transport_notify(const struct transport *t, uint32_t index)
{
    set(t, MMIO_QUEUE_NOTIFY, index);
}

uint32_t transport_interrupts(const struct transport *t)
{
    uint32_t causes = get(t, MMIO_INTERRUPT_STATUS) & (TRANSPORT_USED | TRANSPORT_CONFIG);
    if (causes != 0) {
        set(t, MMIO_INTERRUPT_ACK, causes);
    }
    return causes;
}

bool transport_broken(const struct transport *t)
{
    uint32_t status = get(t, MMIO_STATUS);
    return (status & (VIRTIO_NEEDS_RESET | VIRTIO_FAILED)) != 0 || (status & VIRTIO_DRIVER_OK) == 0;
}

uint64_t transport_config(const struct transport *t, uint32_t offset, unsigned width_bytes)
{
    if (width_bytes != 8) {
        return t->registers.read(t->registers.ctx, MMIO_CONFIG + offset, width_bytes);
    }
    /* 4.2.2.2: a field of 64 bits is read as two of 32. */
    uint64_t low = get(t, MMIO_CONFIG + offset);
    return (uint64_t)get(t, MMIO_CONFIG + offset + 4) << 32 | low;
}

uint32_t transport_config_begin(const struct transport *t)
{
    return get(t, MMIO_CONFIG_GENERATION);
}

bool transport_config_end(const struct transport *t, uint32_t begun)
{
    return get(t, MMIO_CONFIG_GENERATION) == begun;
}
