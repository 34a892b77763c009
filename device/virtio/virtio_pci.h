/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdint.h>

#include "device/pci/pci.h"
#include "device/virtio/virtio.h"

/*
 * A virtio device as a PCI function (VIRTIO 1.3, 4.1), modern only. One BAR has the registers,
 * another one MSI-X's table with a vector for each queue and one for configuration changes; a
 * driver that does not turn MSI-X on gets INTA.
 *
 * Threads: as virtio.h; all state here is under the device's lock, which is taken before the bus's.
 */

enum {
    VIRTIO_PCI_BAR = 0, /* registers */
    VIRTIO_PCI_MSIX_BAR = 1,
    VIRTIO_PCI_NO_VECTOR = 0xffff,
};

struct virtio_pci {
    struct pci_function function;
    struct virtio_device *device;
    uint8_t window; /* offset of the capability that is a window to the BAR, 4.1.4.9 */
    struct virtio_pci_state {
        uint32_t window_data;
    } state;
};

/*
 * Attaches the device to the transport, and plugs that into the bus as number `place`. The device
 * is initialised; device and bus outlive it.
 */
void virtio_pci_init(struct virtio_pci *pci, struct virtio_device *device, struct pci *bus,
                     unsigned place);
