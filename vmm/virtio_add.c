// SPDX-License-Identifier: BSD-2-Clause
/* Puts the virtio devices together: before the guest runs, and gone when it does. */
#include <libfdt.h>
#include <sel4/sel4.h>
#include <string.h>

#include "link/map.h"
#include "vmm/balloon.h"
#include "vmm/console.h"
#include "vmm/irq.h"
#include "vmm/pci_host.h"
#include "vmm/virtio_slot.h"
#include "vmm/vmm.h"

enum { SLOT_MAX = PROCESS_LINK_MAX };

static struct pci_host *pci_host;

static bool is_text(const void *tree, int node, const char *property, const char *wanted)
{
    const char *text = fdt_getprop(tree, node, property, NULL);
    return text != NULL && strcmp(text, wanted) == 0;
}

/* ---- kinds -------------------------------------------------------------------------------------
 */

static bool init_rng(struct slot *slot, const void *tree, int node)
{
    (void)tree, (void)node;
    virtio_rng_init(&slot->rng, &virtio_slot_source, &vmm.ram, &slot->port,
                    MUTEX_VIRTIO + slot->index);
    return true;
}

static bool init_console(struct slot *slot, const void *tree, int node)
{
    console_add_virtio(&slot->console, tree, node, &slot->port, MUTEX_VIRTIO + slot->index);
    return true;
}

static bool init_balloon(struct slot *slot, const void *tree, int node)
{
    balloon_init(&slot->balloon, is_text(tree, node, "free-page-reporting", "yes"), &slot->port,
                 MUTEX_VIRTIO + slot->index);
    return true;
}

static void *link_memory(const struct slot *slot)
{
    return (void *)(PROCESS_LINK_VADDR + slot->link * PROCESS_LINK_STRIDE);
}

/* A guest must be told what its disk is like when it looks, so the disk has to be there first. */
static bool init_blk(struct slot *slot, const void *tree, int node)
{
    bool zero_copy = is_text(tree, node, "zero-copy", "yes");
    struct virtio_blk_disk disk;
    unsigned queue_count =
        vmm.vcpu_count < VIRTIO_BLK_QUEUE_MAX ? vmm.vcpu_count : VIRTIO_BLK_QUEUE_MAX;
    virtio_blk_link_open(&slot->blk.link, link_memory(slot), zero_copy, &slot->blk.device,
                         virtio_slot_signal, slot);
    while (!virtio_blk_link_ready(&slot->blk.link, &disk)) {
        seL4_Word events;
        seL4_Wait(SLOT_NOTIFICATION, &events);
        virtio_slot_missed |= events;
    }
    virtio_blk_init(&slot->blk.device, &disk, queue_count, NULL, &slot->blk.link, &vmm.ram,
                    &slot->port, MUTEX_VIRTIO + slot->index);
    return true;
}

static bool init_net(struct slot *slot, const void *tree, int node)
{
    (void)tree, (void)node;
    const struct virtio_net_link_setup setup = {
        .link = link_memory(slot),
        .signal = virtio_slot_signal,
        .ctx = slot,
        .pair_count = vmm.vcpu_count < VIRTIO_NET_PAIR_MAX ? vmm.vcpu_count : VIRTIO_NET_PAIR_MAX,
        .ram = &vmm.ram,
        .port = &slot->port,
        .mutex_id = MUTEX_VIRTIO + slot->index,
    };
    return virtio_net_link_init(&slot->net, &setup);
}

static bool init_vsock(struct slot *slot, const void *tree, int node)
{
    int length = 0;
    const fdt32_t *cid = fdt_getprop(tree, node, "cid", &length);
    if (cid == NULL || length != (int)sizeof *cid || fdt32_to_cpu(*cid) < VSOCK_CID_MIN ||
        fdt32_to_cpu(*cid) == UINT32_MAX) {
        return false;
    }
    slot->device = &virtio_vsock->vsock.device;
    return virtio_vsock_link_init(virtio_vsock, &(struct virtio_vsock_link_setup){
                                                    .link = link_memory(slot),
                                                    .signal = virtio_slot_signal,
                                                    .ctx = slot,
                                                    .guest_cid = fdt32_to_cpu(*cid),
                                                    .ram = &vmm.ram,
                                                    .port = &slot->port,
                                                    .mutex_id = MUTEX_VIRTIO + slot->index,
                                                });
}

/* A kind of device. */
static const struct kind {
    const char *device; /* as in the description */
    /* Initialises; `device` is then the struct virtio_device that is the first member. */
    bool (*init)(struct slot *slot, const void *tree, int node);
    bool (*event)(struct slot *slot); /* of one with a link */
} kinds[] = {
    {"virtio-vsock",   init_vsock,   virtio_slot_vsock},
    {"virtio-net",     init_net,     virtio_slot_net  },
    {"virtio-blk",     init_blk,     virtio_slot_blk  },
    {"virtio-rng",     init_rng,     NULL             },
    {"virtio-console", init_console, NULL             },
    {"virtio-balloon", init_balloon, NULL             },
};

/* ---- putting them together ---------------------------------------------------------------------
 */

static bool attach_mmio(struct slot *slot)
{
    uint64_t base = MAP_VIRTIO_BASE + slot->index * MAP_VIRTIO_SIZE;
    unsigned spi = MAP_VIRTIO_SPI + slot->index;
    slot->line = (struct virtio_mmio_port){irq_set_level, (void *)(uintptr_t)(GIC_SPI_BASE + spi)};
    slot->window = (struct fdt_window){base, MAP_VIRTIO_SIZE, spi};
    virtio_mmio_init(&slot->mmio, slot->device, &slot->line);
    return bus_add(&vmm.bus, &(struct bus_window){
                                 .range = {base, MAP_VIRTIO_SIZE},
                                 .access = virtio_slot_access,
                                 .state = &slot->mmio,
    });
}

static void attach_pci(struct slot *slot)
{
    static struct pci_host host;
    enum { FIRST_PLACE = 1 }; /* 0 is the host bridge's */
    if (pci_host == NULL) {
        pci_host = &host;
        pci_host_init(pci_host, vmm.boot->gic_version == 3 ? GIC_V3 : GIC_V2, &vmm.gic, &vmm.bus,
                      MUTEX_PCI);
    }
    virtio_pci_init(&slot->pci, slot->device, &pci_host->pci, FIRST_PLACE + slot->index);
}

static const struct kind *find_kind(const void *tree, int node)
{
    for (unsigned i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (is_text(tree, node, "device", kinds[i].device)) {
            return &kinds[i];
        }
    }
    return NULL;
}

bool virtio_add(const void *tree, int node, const struct fdt_window **window)
{
    static unsigned link_count;
    const struct kind *kind = find_kind(tree, node);
    if (kind == NULL || virtio_slot_count == SLOT_MAX) {
        return false;
    }
    struct slot *slot = virtio_slot(virtio_slot_count);
    slot->index = virtio_slot_count++;
    slot->event = kind->event;
    slot->link = kind->event != NULL ? link_count++ : 0;
    slot->port = (struct virtio_port){.defer = virtio_slot_defer, .ctx = slot};
    slot->device = &slot->virtio;
    if (!kind->init(slot, tree, node)) {
        return false;
    }
    if (is_text(tree, node, "transport", "pci")) {
        attach_pci(slot);
        return true;
    }
    *window = &slot->window;
    return attach_mmio(slot);
}

bool virtio_has_pci(void)
{
    return pci_host != NULL;
}
