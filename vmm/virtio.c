// SPDX-License-Identifier: BSD-2-Clause
#include "vmm/virtio.h"

#include <libfdt.h>
#include <sel4/sel4.h>
#include <string.h>

#include "device/virtio/virtio_balloon.h"
#include "device/virtio/virtio_blk_link.h"
#include "device/virtio/virtio_console.h"
#include "device/virtio/virtio_mmio.h"
#include "device/virtio/virtio_net_link.h"
#include "device/virtio/virtio_pci.h"
#include "device/virtio/virtio_rng.h"
#include "device/virtio/virtio_vsock_link.h"
#include "lib/random.h"
#include "link/map.h"
#include "vmm/balloon.h"
#include "vmm/console.h"
#include "vmm/irq.h"
#include "vmm/pci_host.h"
#include "vmm/vmm.h"

enum { SLOT_MAX = PROCESS_LINK_MAX };

struct slot;

/* A kind of device. */
struct kind {
    const char *device; /* as in the description */
    bool has_link;
    /* Initialises; `device` is then the struct virtio_device that is the first member. */
    bool (*init)(struct slot *slot, const void *tree, int node);
    /* Its link's service has signalled. True: there is more to do, call again soon. */
    bool (*event)(struct slot *slot);
};

/* One device, in its own piece of the memory that root mapped for them. */
struct slot {
    const struct kind *kind;
    unsigned index; /* of the slot */
    unsigned link;  /* of its link, if its kind has one */
    struct virtio_port port;
    struct virtio_mmio_port line;
    struct fdt_window window;
    struct virtio_device *device; /* the first member of what follows */
    union {
        struct virtio_mmio mmio;
        struct virtio_pci pci;
    };
    union {
        struct virtio_device virtio;
        struct virtio_rng rng;
        struct virtio_console console;
        struct virtio_balloon balloon;
        struct {
            struct virtio_blk device;
            struct virtio_blk_link link;
        } blk;
        struct virtio_net_link net;
    };
};
_Static_assert(sizeof(struct slot) <= PROCESS_VIRTIO_BYTES, "a device has room for its state");

static unsigned slot_count, link_count;
static seL4_Word early_events;    /* that came while a device waited for its service */
static _Atomic uint32_t deferred; /* a bit for each slot */
static struct pci_host *pci_host;

static struct slot *slot_at(unsigned index)
{
    return (struct slot *)(PROCESS_VIRTIO_VADDR + index * PROCESS_VIRTIO_BYTES);
}

static bool is_text(const void *tree, int node, const char *property, const char *wanted)
{
    const char *text = fdt_getprop(tree, node, property, NULL);
    return text != NULL && strcmp(text, wanted) == 0;
}

/* ---- kinds -------------------------------------------------------------------------------------
 */

static size_t draw(void *ctx, uint8_t *bytes, size_t count)
{
    static struct random random;
    static bool seeded;
    (void)ctx;
    if (!seeded) {
        random_seed(&random, &vmm.boot->seed[PROCESS_SEED_OWN],
                    (PROCESS_SEED_WORDS - PROCESS_SEED_OWN) * sizeof vmm.boot->seed[0]);
        seeded = true;
    }
    random_draw(&random, bytes, count);
    return count;
}

static bool init_rng(struct slot *slot, const void *tree, int node)
{
    (void)tree, (void)node;
    static const struct virtio_rng_port source = {.draw = draw};
    virtio_rng_init(&slot->rng, &source, &vmm.ram, &slot->port, MUTEX_VIRTIO + slot->index);
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

static void signal_link(void *ctx)
{
    const struct slot *slot = ctx;
    seL4_Signal(SLOT_LINK_BASE + slot->link);
}

/* A guest must be told what its disk is like when it looks, so the disk has to be there first. */
static bool init_blk(struct slot *slot, const void *tree, int node)
{
    bool zero_copy = is_text(tree, node, "zero-copy", "yes");
    struct virtio_blk_disk disk;
    unsigned queue_count =
        vmm.vcpu_count < VIRTIO_BLK_QUEUE_MAX ? vmm.vcpu_count : VIRTIO_BLK_QUEUE_MAX;
    virtio_blk_link_open(&slot->blk.link, link_memory(slot), zero_copy, &slot->blk.device,
                         signal_link, slot);
    while (!virtio_blk_link_ready(&slot->blk.link, &disk)) {
        seL4_Word events;
        seL4_Wait(SLOT_NOTIFICATION, &events);
        early_events |= events;
    }
    virtio_blk_init(&slot->blk.device, &disk, queue_count, &virtio_blk_link_backend,
                    &slot->blk.link, &vmm.ram, &slot->port, MUTEX_VIRTIO + slot->index);
    return true;
}

static bool event_blk(struct slot *slot)
{
    return virtio_blk_link_event(&slot->blk.link);
}

static bool init_net(struct slot *slot, const void *tree, int node)
{
    (void)tree, (void)node;
    const struct virtio_net_link_setup setup = {
        .link = link_memory(slot),
        .signal = signal_link,
        .ctx = slot,
        .pair_count = vmm.vcpu_count < VIRTIO_NET_PAIR_MAX ? vmm.vcpu_count : VIRTIO_NET_PAIR_MAX,
        .ram = &vmm.ram,
        .port = &slot->port,
        .mutex_id = MUTEX_VIRTIO + slot->index,
    };
    return virtio_net_link_init(&slot->net, &setup);
}

static bool event_net(struct slot *slot)
{
    virtio_net_link_event(&slot->net);
    return false;
}

/* Its connections need more room than a slot has; a VM has one of these at the most. */
static struct virtio_vsock_link *const vsock = (struct virtio_vsock_link *)PROCESS_VSOCK_VADDR;
_Static_assert(sizeof *vsock <= PROCESS_VSOCK_BYTES, "the socket device has room for its state");

static bool init_vsock(struct slot *slot, const void *tree, int node)
{
    int length = 0;
    const fdt32_t *cid = fdt_getprop(tree, node, "cid", &length);
    if (cid == NULL || length != (int)sizeof *cid || fdt32_to_cpu(*cid) < VSOCK_CID_MIN ||
        fdt32_to_cpu(*cid) == UINT32_MAX) {
        return false;
    }
    slot->device = &vsock->vsock.device;
    return virtio_vsock_link_init(vsock, &(struct virtio_vsock_link_setup){
                                             .link = link_memory(slot),
                                             .signal = signal_link,
                                             .ctx = slot,
                                             .guest_cid = fdt32_to_cpu(*cid),
                                             .ram = &vmm.ram,
                                             .port = &slot->port,
                                             .mutex_id = MUTEX_VIRTIO + slot->index,
                                         });
}

static bool event_vsock(struct slot *slot)
{
    (void)slot;
    return virtio_vsock_link_event(vsock);
}

static const struct kind kinds[] = {
    {.device = "virtio-vsock", .has_link = true,                      .init = init_vsock, .event = event_vsock},
    {.device = "virtio-net",    .has_link = true,                                         .init = init_net, .event = event_net},
    {.device = "virtio-blk",     .has_link = true,.init = init_blk, .event = event_blk},
    {.device = "virtio-rng",                        .init = init_rng                                       },
    {.device = "virtio-console",        .init = init_console                                         },
    {.device = "virtio-balloon",   .init = init_balloon},
};

/* ---- putting them together ---------------------------------------------------------------------
 */

/* Under the device's lock. The event thread looks whenever it is woken, with or without an event.
 */
static void defer(void *ctx)
{
    const struct slot *slot = ctx;
    atomic_fetch_or(&deferred, 1u << slot->index);
    seL4_Signal(SLOT_NOTIFICATION);
}

static enum outcome access_mmio(void *state, struct access *access)
{
    return virtio_mmio_access(state, access);
}

static bool attach_mmio(struct slot *slot)
{
    uint64_t base = MAP_VIRTIO_BASE + slot->index * MAP_VIRTIO_SIZE;
    unsigned spi = MAP_VIRTIO_SPI + slot->index;
    slot->line = (struct virtio_mmio_port){irq_set_level, (void *)(uintptr_t)(GIC_SPI_BASE + spi)};
    slot->window = (struct fdt_window){base, MAP_VIRTIO_SIZE, spi};
    virtio_mmio_init(&slot->mmio, slot->device, &slot->line);
    return bus_add(&vmm.bus, &(struct bus_window){
                                 .range = {base, MAP_VIRTIO_SIZE},
                                 .access = access_mmio,
                                 .state = &slot->mmio,
                                 .name = "virtio"
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
    const struct kind *kind = find_kind(tree, node);
    if (kind == NULL || slot_count == SLOT_MAX) {
        return false;
    }
    struct slot *slot = slot_at(slot_count);
    slot->kind = kind;
    slot->index = slot_count++;
    slot->link = kind->has_link ? link_count++ : 0;
    slot->port = (struct virtio_port){.defer = defer, .ctx = slot};
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

uint64_t virtio_early_events(void)
{
    return early_events;
}

void virtio_event(uint64_t events)
{
    static uint32_t unfinished; /* a bit for each slot whose link has more to do */
    uint32_t left = atomic_exchange(&deferred, 0), links = unfinished;
    unfinished = 0;
    for (unsigned i = 0; i < slot_count; i++) {
        struct slot *slot = slot_at(i);
        bool signalled = slot->kind->has_link && (events & EVENT_LINK(slot->link)) != 0;
        if ((signalled || (links & 1u << i) != 0) && slot->kind->event(slot)) {
            unfinished |= 1u << i;
        }
        if ((left & 1u << i) != 0) {
            virtio_run(slot->device);
        }
    }
    if (unfinished != 0) {
        seL4_Signal(SLOT_NOTIFICATION);
    }
}
