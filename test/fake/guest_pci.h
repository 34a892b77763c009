/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "device/pci/pci.h"

/*
 * The neighbours of a PCI bus, for unit tests and fuzzers: an interrupt controller that notes what
 * arrives, and a guest that looks at configuration space as operating systems do.
 */

enum { FAKE_MESSAGE_MAX = 64 };

struct fake_pci_port {
    struct pci_port port;
    bool line[PCI_LINE_COUNT];
    unsigned changes[PCI_LINE_COUNT];
    struct fake_message {
        uint64_t address;
        uint32_t data;
    } message[FAKE_MESSAGE_MAX]; /* the first ones */
    unsigned message_count;
};

void fake_pci_port_init(struct fake_pci_port *f);

/* Registers of function 0 of a device. */
uint32_t fake_config_read(struct pci *pci, unsigned device, unsigned offset, unsigned width);
void fake_config_write(struct pci *pci, unsigned device, unsigned offset, unsigned width,
                       uint32_t value);

/* Memory of the bus, by address; inside the window. */
uint64_t fake_memory_read(struct pci *pci, uint32_t address, unsigned width);
void fake_memory_write(struct pci *pci, uint32_t address, unsigned width, uint64_t value);

/* Offset of the capability after `after` (0: the first one) with this id, 0 if there is none. */
unsigned fake_capability(struct pci *pci, unsigned device, uint8_t id, unsigned after);

/* Size of a BAR by writing ones; the BAR is as before afterwards. 0: there is none. */
uint32_t fake_bar_size(struct pci *pci, unsigned device, unsigned bar);
uint32_t fake_bar(struct pci *pci, unsigned device, unsigned bar);
void fake_set_bar(struct pci *pci, unsigned device, unsigned bar, uint32_t address);

/* Gives all BARs of all devices room from `address` on, and turns memory and mastering on. */
void fake_assign_all(struct pci *pci, uint32_t address);

/* MSI-X: the function's control word, and one vector's table entry. BARs must be assigned. */
enum { FAKE_MSIX_ENABLE = 1 << 15, FAKE_MSIX_MASK = 1 << 14 };
uint32_t fake_msix_table(struct pci *pci, unsigned device);
uint32_t fake_msix_pending(struct pci *pci, unsigned device);
void fake_msix_control(struct pci *pci, unsigned device, uint16_t flags);
void fake_msix_set(struct pci *pci, unsigned device, unsigned vector, uint64_t address,
                   uint32_t data, bool masked);
