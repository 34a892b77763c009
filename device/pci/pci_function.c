// SPDX-License-Identifier: BSD-2-Clause
/*
 * A function's configuration space is words, and for each word the bits that the guest may write.
 * All of those are 0 after a reset. A BAR needs no more than that: the bits below its size are
 * read-only zeroes, which is how a guest learns the size (PCI, 6.2.5.1).
 */
#include <string.h>

#include "device/pci/pci_internal.h"
#include "lib/check.h"
#include "lib/start_only.h"

enum { INTA = 1 };

START_ONLY void pci_function_init(struct pci_function *function,
                                  const struct pci_identity *identity, const struct pci_ops *ops,
                                  void *ctx)
{
    memset(function, 0, sizeof *function);
    function->ops = ops;
    function->ctx = ctx;
    function->config_end = PCI_HEADER_END;
    function->last_link = PCI_CAPABILITY_LIST;

    uint32_t *config = function->state.config, *writable = function->writable;
    config[PCI_VENDOR / 4] = identity->vendor | (uint32_t)identity->device << 16;
    config[PCI_REVISION / 4] = identity->revision | identity->class_code << 8;
    config[PCI_SUBSYSTEM_VENDOR / 4] = identity->subsystem_vendor | (uint32_t)identity->subsystem
                                                                        << 16;
    config[PCI_INTERRUPT / 4] = INTA << 8;
    writable[PCI_COMMAND / 4] = PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | PCI_COMMAND_NO_INTX;
    writable[PCI_INTERRUPT / 4] = 0xff; /* the line's number: nothing but a note of the guest's */
}

START_ONLY void pci_function_add_bar(struct pci_function *function, unsigned bar,
                                     uint32_t size_bytes)
{
    CHECK(bar < PCI_BAR_MAX && function->bar_bytes[bar] == 0);
    CHECK(size_bytes >= 4096 && (size_bytes & (size_bytes - 1)) == 0);
    function->bar_bytes[bar] = size_bytes;
    function->writable[PCI_BAR / 4 + bar] = ~(size_bytes - 1);
}

START_ONLY uint8_t pci_function_add_capability(struct pci_function *function, uint8_t id,
                                               const void *body, unsigned size_bytes)
{
    uint8_t offset = function->config_end;
    unsigned end = (offset + 2 + size_bytes + 3) & ~3u;
    CHECK(end < PCI_CONFIG_BYTES);
    uint8_t *bytes = (uint8_t *)function->state.config;
    bytes[function->last_link] = offset;
    bytes[offset] = id;
    memcpy(&bytes[offset + 2], body, size_bytes);
    function->state.config[PCI_COMMAND / 4] |= PCI_STATUS_CAPABILITIES;
    function->last_link = (uint8_t)(offset + 1);
    function->config_end = (uint8_t)end;
    return offset;
}

START_ONLY void pci_function_allow(struct pci_function *function, unsigned offset,
                                   unsigned size_bytes)
{
    CHECK(offset >= PCI_HEADER_END && offset + size_bytes <= function->config_end);
    memset((uint8_t *)function->writable + offset, 0xff, size_bytes);
}

START_ONLY void pci_function_claim(struct pci_function *function, uint8_t offset)
{
    CHECK(offset >= PCI_HEADER_END && offset % 4 == 0 && offset + 4 <= function->config_end);
    CHECK(function->ops->config != NULL && function->claimed == 0);
    function->claimed = offset;
}

/* The line that the function drives is the caller's to update: it may not be on a bus yet. */
void pci_function_reset(struct pci_function *function)
{
    for (unsigned i = 0; i < PCI_CONFIG_WORDS; i++) {
        function->state.config[i] &= ~function->writable[i];
    }
    function->state.intx = false;
    pci_msix_reset(function);
}

void pci_config_access(struct pci_function *function, struct access *access)
{
    unsigned at = (unsigned)access->offset / 4, shift = 8 * (access->offset % 4);
    uint32_t mask = (uint32_t)((1ull << (8 * access->width_bytes)) - 1);
    if (access->offset >= PCI_CONFIG_BYTES) {
        access->value = access->is_write ? access->value : 0;
        return;
    }
    uint32_t *word = &function->state.config[at];
    if (!access->is_write) {
        access->value = *word >> shift & mask;
        return;
    }
    mask = mask << shift & function->writable[at];
    *word = (*word & ~mask) | ((uint32_t)access->value << shift & mask);
    if (at < PCI_BAR_END / 4) {
        pci_map_windows(function->bus);
    }
    pci_msix_flush(function);
    pci_drive_line(function);
}
