/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdint.h>

#include "device/gic/gic.h"
#include "device/gic/gic_v2m.h"
#include "device/pci/pci.h"
#include "lib/log.h"
#include "vmm/bus.h"

/*
 * The PCI host bridge of a VM: a bus of device/pci at its places in the machine (link/map.h). Its
 * lines are SPIs of the GIC, and so are messages that go to the GIC's register for them: GICv2m's,
 * or the one in GICv3's distributor. Messages to other addresses go nowhere. Of real hardware they
 * would be writes to memory; here a guest that wants its memory written does so itself.
 */
struct pci_host {
    struct pci pci; /* functions are plugged in with pci_add */
    struct pci_port port;
    struct gic *gic;
    struct gic_v2m v2m; /* GICv2 only */
    gpa_t doorbell;
    struct log_limit stray; /* messages that went nowhere, more or less */
};

/* Adds the windows to `bus`. GIC and bus stay the caller's, and have what the map says. */
void pci_host_init(struct pci_host *host, enum gic_version version, struct gic *gic,
                   struct bus *bus, uint32_t mutex_id);
