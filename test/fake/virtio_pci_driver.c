// SPDX-License-Identifier: BSD-2-Clause
#include "test/fake/virtio_pci_driver.h"

#include <string.h>

#include "lib/check.h"

enum { COMMON = 1, NOTIFY = 2, ISR = 3, DEVICE = 4, WINDOW = 5 };

/* Later ones of a type are alternatives; a driver takes the first that it can use. */
static void found(struct virtio_pci_driver *p, unsigned capability)
{
    unsigned size = fake_config_read(p->pci, p->place, capability + 2, 1);
    unsigned type = fake_config_read(p->pci, p->place, capability + 3, 1);
    unsigned bar = fake_config_read(p->pci, p->place, capability + 4, 1);
    uint32_t offset = fake_config_read(p->pci, p->place, capability + 8, 4);
    uint32_t length = fake_config_read(p->pci, p->place, capability + 12, 4);
    uint32_t address = fake_bar(p->pci, p->place, bar) + offset;
    CHECK(size >= 16 && (type == WINDOW || length != 0));
    CHECK(type == WINDOW || offset + length <= fake_bar_size(p->pci, p->place, bar));
    switch (type) {
    case COMMON:
        CHECK(length >= VP_COMMON_BYTES && offset % 4 == 0);
        p->common = address;
        break;
    case NOTIFY:
        CHECK(size >= 20 && offset % 2 == 0);
        p->notify = address;
        p->notify_bytes = length;
        p->notify_multiplier = fake_config_read(p->pci, p->place, capability + 16, 4);
        break;
    case ISR:
        p->isr = address;
        break;
    case DEVICE:
        CHECK(offset % 4 == 0);
        p->config = address;
        p->config_bytes = length;
        break;
    case WINDOW:
        CHECK(size >= 20);
        p->window = capability;
        break;
    default:
        CHECK(type > WINDOW);
    }
}

void virtio_pci_find(struct virtio_pci_driver *p, struct pci *pci, unsigned place)
{
    *p = (struct virtio_pci_driver){.pci = pci, .place = place};
    CHECK(fake_config_read(pci, place, 0, 2) == 0x1af4);
    CHECK(fake_config_read(pci, place, 2, 2) >= 0x1040);
    for (unsigned at = 0; (at = fake_capability(pci, place, 0x09, at)) != 0;) {
        found(p, at);
    }
    CHECK(p->common != 0 && p->notify != 0 && p->isr != 0 && p->window != 0);
}

uint32_t virtio_pci_read(struct virtio_pci_driver *p, unsigned offset, unsigned width)
{
    return (uint32_t)fake_memory_read(p->pci, p->common + offset, width);
}

void virtio_pci_write(struct virtio_pci_driver *p, unsigned offset, unsigned width, uint32_t value)
{
    fake_memory_write(p->pci, p->common + offset, width, value);
}

uint32_t virtio_pci_queue(struct virtio_pci_driver *p, unsigned queue, unsigned offset,
                          unsigned width)
{
    virtio_pci_write(p, VP_QUEUE_SELECT, 2, queue);
    return virtio_pci_read(p, offset, width);
}

void virtio_pci_set_queue(struct virtio_pci_driver *p, unsigned queue, unsigned offset,
                          unsigned width, uint32_t value)
{
    virtio_pci_write(p, VP_QUEUE_SELECT, 2, queue);
    virtio_pci_write(p, offset, width, value);
}

void virtio_pci_set_address(struct virtio_pci_driver *p, unsigned queue, unsigned offset,
                            uint64_t address)
{
    virtio_pci_set_queue(p, queue, offset, 4, (uint32_t)address);
    virtio_pci_write(p, offset + 4, 4, (uint32_t)(address >> 32));
}

static void set_up_queue(struct virtio_pci_driver *p, struct fake_driver *d, unsigned queue)
{
    struct fake_queue *q = &d->queue[queue];
    uint16_t size = (uint16_t)virtio_pci_queue(p, queue, VP_QUEUE_SIZE, 2);
    driver_make_queue(d, q, size, d->features);
    virtio_pci_set_queue(p, queue, VP_QUEUE_SIZE, 2, size);
    virtio_pci_set_address(p, queue, VP_QUEUE_DESC, q->descriptor_address);
    virtio_pci_set_address(p, queue, VP_QUEUE_DRIVER, q->driver_address);
    virtio_pci_set_address(p, queue, VP_QUEUE_DEVICE, q->device_address);
    virtio_pci_set_queue(p, queue, VP_QUEUE_ENABLE, 2, 1);
}

bool virtio_pci_set_up(struct virtio_pci_driver *p, struct fake_driver *d, uint64_t features)
{
    const unsigned ready = VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER;
    d->features = features | VIRTIO_F_VERSION_1;
    d->used_bytes = 0;
    virtio_pci_write(p, VP_STATUS, 1, 0);
    CHECK(virtio_pci_read(p, VP_STATUS, 1) == 0);
    virtio_pci_write(p, VP_STATUS, 1, VIRTIO_ACKNOWLEDGE);
    virtio_pci_write(p, VP_STATUS, 1, ready);
    for (unsigned word = 0; word < 2; word++) {
        virtio_pci_write(p, VP_DRIVER_FEATURE_SELECT, 4, word);
        virtio_pci_write(p, VP_DRIVER_FEATURE, 4, (uint32_t)(d->features >> (32 * word)));
    }
    virtio_pci_write(p, VP_STATUS, 1, ready | VIRTIO_FEATURES_OK);
    if (!(virtio_pci_read(p, VP_STATUS, 1) & VIRTIO_FEATURES_OK)) {
        return false;
    }
    unsigned queues = virtio_pci_read(p, VP_NUM_QUEUES, 2);
    for (unsigned i = 0; i < queues; i++) {
        set_up_queue(p, d, i);
    }
    return true;
}

void virtio_pci_go(struct virtio_pci_driver *p)
{
    virtio_pci_write(p, VP_STATUS, 1, virtio_pci_read(p, VP_STATUS, 1) | VIRTIO_DRIVER_OK);
}

void virtio_pci_kick(struct virtio_pci_driver *p, unsigned queue)
{
    uint32_t offset = virtio_pci_queue(p, queue, VP_QUEUE_NOTIFY_OFF, 2) * p->notify_multiplier;
    CHECK(offset + 2 <= p->notify_bytes);
    fake_memory_write(p->pci, p->notify + offset, 2, queue);
}
