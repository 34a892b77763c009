/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdbool.h>

#include "vmm/fdt.h"

/*
 * The VM's virtio devices: puts each together from its node of the description, on the transport
 * that it asks for, with its link. Their state is in memory that root mapped for them
 * (PROCESS_VIRTIO_VADDR).
 */

/*
 * Adds the device of a node, in the order of the description; the event thread, before any vCPU
 * runs. *window is set when the guest's device tree has to tell of it (virtio-mmio). False: it is
 * none, or there is no room.
 */
bool virtio_add(const void *tree, int node, const struct fdt_window **window);

/* Is there one on PCI, and so a host bridge? */
bool virtio_has_pci(void);

/* Events that came to the event thread's notification while virtio_add waited for a service. */
uint64_t virtio_early_events(void);

/* Event thread: work that a handler left over, and signals of services (EVENT_LINK). */
void virtio_event(uint64_t events);
