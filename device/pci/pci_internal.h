/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include "device/pci/pci.h"

/* Inside device/pci only. All of these want the bus's lock. */

/* Configuration space, PCI, 6.1 and 6.2. */
enum {
    PCI_VENDOR = 0x00,
    PCI_COMMAND = 0x04,
    PCI_REVISION = 0x08, /* and the class code */
    PCI_BAR = 0x10,
    PCI_BAR_END = 0x28,
    PCI_SUBSYSTEM_VENDOR = 0x2c,
    PCI_CAPABILITY_LIST = 0x34,
    PCI_INTERRUPT = 0x3c, /* line, pin */
    PCI_HEADER_END = 0x40,

    /* The command and, in the upper half of its word, the status. */
    PCI_COMMAND_MEMORY = 1 << 1,
    PCI_COMMAND_MASTER = 1 << 2,
    PCI_COMMAND_NO_INTX = 1 << 10,
    PCI_STATUS_INTERRUPT = 1 << (16 + 3),
    PCI_STATUS_CAPABILITIES = 1 << (16 + 4),
};

static inline bool pci_commanded(const struct pci_function *function, uint32_t bits)
{
    return function->state.config[PCI_COMMAND / 4] & bits;
}

/* pci.c: after a change of commands, BARs or interrupts. */
void pci_map_windows(struct pci *pci);
void pci_drive_line(struct pci_function *function);

/* pci_function.c. An access within one aligned word. */
void pci_config_access(struct pci_function *function, struct access *access);
void pci_function_reset(struct pci_function *function);

/* pci_msix.c. */
bool pci_msix_is_on(const struct pci_function *function);
void pci_msix_reset(struct pci_function *function);
/* Sends what is pending and may go now, or forgets it when MSI-X is off. */
void pci_msix_flush(struct pci_function *function);
void pci_msix_access(struct pci_function *function, struct access *access);
