/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "test/fake/guest_pci.h"
#include "test/fake/virtio_driver.h"

/*
 * A guest's driver of a virtio device that is a PCI function: it finds everything by configuration
 * space and capabilities (VIRTIO 1.3, 4.1), and knows nothing that a real one would not. Memory and
 * rings are those of a struct fake_driver.
 */
struct virtio_pci_driver {
    struct pci *pci;
    unsigned place;
    uint32_t common, isr, notify, config; /* addresses; 0: no such structure */
    uint32_t config_bytes, notify_bytes, notify_multiplier;
    unsigned window; /* offset of the capability */
};

/* Registers of the common configuration. */
enum {
    VP_DEVICE_FEATURE_SELECT = 0x00,
    VP_DEVICE_FEATURE = 0x04,
    VP_DRIVER_FEATURE_SELECT = 0x08,
    VP_DRIVER_FEATURE = 0x0c,
    VP_CONFIG_VECTOR = 0x10,
    VP_NUM_QUEUES = 0x12,
    VP_STATUS = 0x14,
    VP_GENERATION = 0x15,
    VP_QUEUE_SELECT = 0x16,
    VP_QUEUE_SIZE = 0x18,
    VP_QUEUE_VECTOR = 0x1a,
    VP_QUEUE_ENABLE = 0x1c,
    VP_QUEUE_NOTIFY_OFF = 0x1e,
    VP_QUEUE_DESC = 0x20,
    VP_QUEUE_DRIVER = 0x28,
    VP_QUEUE_DEVICE = 0x30,
    VP_QUEUE_NOTIFY_DATA = 0x38,
    VP_QUEUE_RESET = 0x3a,
    VP_ADMIN_INDEX = 0x3c,
    VP_ADMIN_NUM = 0x3e,
    VP_COMMON_BYTES = 0x40,
    VP_NO_VECTOR = 0xffff,
};

/* Finds the structures. The BARs have their addresses (fake_assign_all). */
void virtio_pci_find(struct virtio_pci_driver *p, struct pci *pci, unsigned place);

uint32_t virtio_pci_read(struct virtio_pci_driver *p, unsigned offset, unsigned width);
void virtio_pci_write(struct virtio_pci_driver *p, unsigned offset, unsigned width, uint32_t value);

/* One register of one queue, after selecting it. */
uint32_t virtio_pci_queue(struct virtio_pci_driver *p, unsigned queue, unsigned offset,
                          unsigned width);
void virtio_pci_set_queue(struct virtio_pci_driver *p, unsigned queue, unsigned offset,
                          unsigned width, uint32_t value);
void virtio_pci_set_address(struct virtio_pci_driver *p, unsigned queue, unsigned offset,
                            uint64_t address);

/*
 * 3.1.1 up to, but without, DRIVER_OK: reset, features, and d's rings for every queue. False: the
 * device does not take the features.
 */
bool virtio_pci_set_up(struct virtio_pci_driver *p, struct fake_driver *d, uint64_t features);
void virtio_pci_go(struct virtio_pci_driver *p); /* DRIVER_OK */

/* Notifies, whether the device wants that or not. */
void virtio_pci_kick(struct virtio_pci_driver *p, unsigned queue);
