// SPDX-License-Identifier: BSD-2-Clause
#include "vmm/pci_host.h"

#include "lib/check.h"
#include "lib/start_only.h"
#include "link/map.h"

enum { STRAY_LINES = 4 };

static void set_line(void *ctx, unsigned line, bool high)
{
    struct pci_host *host = ctx;
    gic_set_level(host->gic, 0, GIC_SPI_BASE + MAP_PCI_SPI + line, high);
}

/* GICv3 has a register for messages, GICv2 has a frame for them. */
static bool has_frame(const struct pci_host *host)
{
    return KERNEL_GIC == 0 ? host->v2m.gic != NULL : KERNEL_GIC == GIC_V2;
}

static bool take_message(struct pci_host *host, uint64_t address, uint32_t data)
{
    if (address != host->doorbell.value) {
        return false;
    }
    return has_frame(host) ? gic_v2m_message(&host->v2m, data) : gic_message(host->gic, data, true);
}

static void message(void *ctx, uint64_t address, uint32_t data)
{
    struct pci_host *host = ctx;
    if (!take_message(host, address, data) && log_limit_pass(&host->stray, STRAY_LINES)) {
        log_warning("pci: a message of 0x%x to 0x%lx is no interrupt", data,
                    (unsigned long)address);
    }
}

static enum outcome access_ecam(void *state, struct access *access)
{
    return pci_ecam_access(state, access);
}

static enum outcome access_memory(void *state, struct access *access)
{
    return pci_memory_access(state, access);
}

static enum outcome access_io(void *state, struct access *access)
{
    return pci_io_access(state, access);
}

static enum outcome access_v2m(void *state, struct access *access)
{
    return gic_v2m_access(state, access);
}

START_ONLY void pci_host_init(struct pci_host *host, enum gic_version version, struct gic *gic,
                              struct bus *bus, uint32_t mutex_id)
{
    *host = (struct pci_host){
        .port = {set_line, message, host},
        .gic = gic,
        .doorbell = {MAP_GICD_BASE + GIC_V3_SETSPI_NSR   },
    };
    pci_init(&host->pci, &host->port, MAP_PCI_MMIO_BASE, mutex_id);
    const struct bus_window windows[] = {
        {{MAP_PCI_MMIO_BASE, MAP_PCI_MMIO_SIZE}, access_memory, &host->pci},
        {{MAP_PCI_PIO_BASE, MAP_PCI_PIO_SIZE},   access_io,     &host->pci},
        {{MAP_PCI_ECAM_BASE, MAP_PCI_ECAM_SIZE}, access_ecam,   &host->pci},
    };
    for (unsigned i = 0; i < sizeof windows / sizeof windows[0]; i++) {
        CHECK(bus_add(bus, &windows[i])); /* our own map: nothing overlaps */
    }
    if (version == GIC_V2) {
        gic_v2m_init(&host->v2m, gic, GIC_SPI_BASE + MAP_MSI_SPI, MAP_MSI_COUNT);
    }
    if (has_frame(host)) {
        const struct bus_window frame = {
            {MAP_V2M_BASE, MAP_V2M_SIZE},
            access_v2m, &host->v2m
        };
        CHECK(bus_add(bus, &frame));
        host->doorbell = (gpa_t){MAP_V2M_BASE + GIC_V2M_SETSPI};
    }
}
