// SPDX-License-Identifier: BSD-2-Clause
#include "test/fake/guest_pci.h"

#include <string.h>

#include "lib/check.h"

static void set_line(void *ctx, unsigned line, bool high)
{
    struct fake_pci_port *f = ctx;
    CHECK(line < PCI_LINE_COUNT && f->line[line] != high);
    f->line[line] = high;
    f->changes[line]++;
}

static void message(void *ctx, uint64_t address, uint32_t data)
{
    struct fake_pci_port *f = ctx;
    if (f->message_count < FAKE_MESSAGE_MAX) {
        f->message[f->message_count] = (struct fake_message){address, data};
    }
    f->message_count++;
}

void fake_pci_port_init(struct fake_pci_port *f)
{
    memset(f, 0, sizeof *f);
    f->port = (struct pci_port){set_line, message, f};
}

static uint64_t ones(unsigned width)
{
    return width == 8 ? ~0ull : (1ull << (8 * width)) - 1;
}

uint32_t fake_config_read(struct pci *pci, unsigned device, unsigned offset, unsigned width)
{
    struct access a = {.offset = device << 15 | offset, .width_bytes = (uint8_t)width};
    CHECK(pci_ecam_access(pci, &a) == OUTCOME_DONE);
    CHECK((a.value & ~ones(width)) == 0);
    return (uint32_t)a.value;
}

void fake_config_write(struct pci *pci, unsigned device, unsigned offset, unsigned width,
                       uint32_t value)
{
    struct access a = {.offset = device << 15 | offset,
                       .value = value,
                       .width_bytes = (uint8_t)width,
                       .is_write = true};
    CHECK(pci_ecam_access(pci, &a) == OUTCOME_DONE);
}

uint64_t fake_memory_read(struct pci *pci, uint32_t address, unsigned width)
{
    struct access a = {.offset = address - pci->memory_base, .width_bytes = (uint8_t)width};
    CHECK(pci_memory_access(pci, &a) == OUTCOME_DONE);
    CHECK((a.value & ~ones(width)) == 0);
    return a.value;
}

void fake_memory_write(struct pci *pci, uint32_t address, unsigned width, uint64_t value)
{
    struct access a = {.offset = address - pci->memory_base,
                       .value = value,
                       .width_bytes = (uint8_t)width,
                       .is_write = true};
    CHECK(pci_memory_access(pci, &a) == OUTCOME_DONE);
}

unsigned fake_capability(struct pci *pci, unsigned device, uint8_t id, unsigned after)
{
    unsigned link = after == 0 ? 0x34 : after + 1;
    if (!(fake_config_read(pci, device, 0x06, 2) & 0x10)) {
        return 0;
    }
    for (unsigned steps = 0;; steps++) {
        CHECK(steps < PCI_CONFIG_BYTES / 4); /* the list ends */
        unsigned offset = fake_config_read(pci, device, link, 1);
        if (offset == 0 || fake_config_read(pci, device, offset, 1) == id) {
            return offset;
        }
        CHECK(offset >= 0x40 && offset % 4 == 0);
        link = offset + 1;
    }
}

uint32_t fake_bar(struct pci *pci, unsigned device, unsigned bar)
{
    return fake_config_read(pci, device, 0x10 + 4 * bar, 4);
}

void fake_set_bar(struct pci *pci, unsigned device, unsigned bar, uint32_t address)
{
    fake_config_write(pci, device, 0x10 + 4 * bar, 4, address);
}

uint32_t fake_bar_size(struct pci *pci, unsigned device, unsigned bar)
{
    uint32_t before = fake_bar(pci, device, bar);
    fake_set_bar(pci, device, bar, ~0u);
    uint32_t mask = fake_bar(pci, device, bar);
    fake_set_bar(pci, device, bar, before);
    CHECK((mask & 0xf) == 0); /* 32-bit memory, not prefetchable */
    return ~mask + 1;
}

void fake_assign_all(struct pci *pci, uint32_t address)
{
    for (unsigned device = 0; device < PCI_DEVICE_MAX; device++) {
        if (fake_config_read(pci, device, 0, 4) == ~0u) {
            continue;
        }
        for (unsigned bar = 0; bar < PCI_BAR_MAX; bar++) {
            uint32_t size = fake_bar_size(pci, device, bar);
            if (size != 0) {
                address = (address + size - 1) & ~(size - 1);
                fake_set_bar(pci, device, bar, address);
                CHECK(fake_bar(pci, device, bar) == address);
                address += size;
            }
        }
        fake_config_write(pci, device, 0x04, 2, 6);
    }
}

/* Table and pending bits have the same form: an offset, and in the low three bits a BAR. */
static uint32_t msix_place(struct pci *pci, unsigned device, unsigned field)
{
    unsigned capability = fake_capability(pci, device, 0x11, 0);
    CHECK(capability != 0);
    uint32_t place = fake_config_read(pci, device, capability + field, 4);
    return fake_bar(pci, device, place & 7) + (place & ~7u);
}

uint32_t fake_msix_table(struct pci *pci, unsigned device)
{
    return msix_place(pci, device, 4);
}

uint32_t fake_msix_pending(struct pci *pci, unsigned device)
{
    return msix_place(pci, device, 8);
}

void fake_msix_control(struct pci *pci, unsigned device, uint16_t flags)
{
    fake_config_write(pci, device, fake_capability(pci, device, 0x11, 0) + 2, 2, flags);
}

void fake_msix_set(struct pci *pci, unsigned device, unsigned vector, uint64_t address,
                   uint32_t data, bool masked)
{
    uint32_t entry = fake_msix_table(pci, device) + 16 * vector;
    fake_memory_write(pci, entry, 4, (uint32_t)address);
    fake_memory_write(pci, entry + 4, 4, address >> 32);
    fake_memory_write(pci, entry + 8, 4, data);
    fake_memory_write(pci, entry + 12, 4, masked);
}
