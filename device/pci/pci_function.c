// SPDX-License-Identifier: BSD-2-Clause
/*
 * A function's configuration space is bytes, and for each byte the bits that the guest may write.
 * All of those are 0 after a reset. A BAR needs no more than that: the bits below its size are
 * read-only zeroes, which is how a guest learns the size (PCI, 6.2.5.1).
 */
#include <string.h>

#include "device/pci/pci_internal.h"
#include "lib/check.h"
#include "lib/start_only.h"

enum { INTA = 1 };

static void store(uint8_t *bytes, unsigned offset, unsigned width_bytes, uint32_t value)
{
    for (unsigned i = 0; i < width_bytes; i++) {
        bytes[offset + i] = (uint8_t)(value >> (8 * i));
    }
}

START_ONLY void pci_function_init(struct pci_function *function,
                                  const struct pci_identity *identity, const struct pci_ops *ops,
                                  void *ctx)
{
    memset(function, 0, sizeof *function);
    function->ops = ops;
    function->ctx = ctx;
    function->config_end = PCI_HEADER_END;
    function->last_link = PCI_CAPABILITY_LIST;

    uint8_t *config = function->state.config;
    store(config, PCI_VENDOR, 4, identity->vendor | (uint32_t)identity->device << 16);
    store(config, PCI_REVISION, 4, identity->revision | identity->class_code << 8);
    store(config, PCI_SUBSYSTEM_VENDOR, 4,
          identity->subsystem_vendor | (uint32_t)identity->subsystem << 16);
    store(config, PCI_INTERRUPT_PIN, 1, INTA);
    store(function->writable, PCI_COMMAND, 2,
          PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | PCI_COMMAND_NO_INTX);
    store(function->writable, PCI_INTERRUPT_LINE, 1, 0xff); /* nothing but a note of the guest's */
}

void pci_function_add_bar(struct pci_function *function, unsigned bar, uint32_t size_bytes)
{
    CHECK(bar < PCI_BAR_MAX && function->bar_bytes[bar] == 0);
    CHECK(size_bytes >= 4096 && (size_bytes & (size_bytes - 1)) == 0);
    function->bar_bytes[bar] = size_bytes;
    store(function->writable, PCI_BAR + 4 * bar, 4, ~(size_bytes - 1));
}

uint8_t pci_function_add_capability(struct pci_function *function, uint8_t id, const void *body,
                                    unsigned size_bytes)
{
    uint8_t offset = function->config_end;
    unsigned end = (offset + 2 + size_bytes + 3) & ~3u;
    CHECK(end < PCI_CONFIG_BYTES);
    uint8_t *config = function->state.config;
    config[function->last_link] = offset;
    config[offset] = id;
    memcpy(&config[offset + 2], body, size_bytes);
    config[PCI_STATUS] |= PCI_STATUS_CAPABILITIES;
    function->last_link = (uint8_t)(offset + 1);
    function->config_end = (uint8_t)end;
    return offset;
}

void pci_function_allow(struct pci_function *function, unsigned offset, unsigned size_bytes)
{
    CHECK(offset >= PCI_HEADER_END && offset + size_bytes <= function->config_end);
    memset(&function->writable[offset], 0xff, size_bytes);
}

void pci_function_claim(struct pci_function *function, uint8_t offset)
{
    CHECK(offset >= PCI_HEADER_END && offset % 4 == 0 && offset + 4 <= function->config_end);
    CHECK(function->ops->config != NULL && function->claimed == 0);
    function->claimed = offset;
}

/* The line that the function drives is the caller's to update: it may not be on a bus yet. */
void pci_function_reset(struct pci_function *function)
{
    for (unsigned i = 0; i < PCI_CONFIG_BYTES; i++) {
        function->state.config[i] &= (uint8_t)~function->writable[i];
    }
    function->state.intx = false;
    pci_msix_reset(function);
}

void pci_config_read(struct pci_function *function, struct access *access)
{
    bool exists = access->offset < PCI_CONFIG_BYTES;
    access->value = exists ? pci_load(function, (unsigned)access->offset, access->width_bytes) : 0;
}

void pci_config_write(struct pci_function *function, const struct access *access)
{
    if (access->offset >= PCI_CONFIG_BYTES) {
        return;
    }
    unsigned first = (unsigned)access->offset;
    for (unsigned i = 0; i < access->width_bytes; i++) {
        uint8_t mask = function->writable[first + i];
        uint8_t *byte = &function->state.config[first + i];
        *byte = (uint8_t)((*byte & ~mask) | ((uint8_t)(access->value >> (8 * i)) & mask));
    }
    if (first < PCI_BAR_END) {
        pci_map_windows(function->bus);
    }
    pci_msix_flush(function);
    pci_drive_line(function);
}
