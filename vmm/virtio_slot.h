/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include "device/virtio/virtio_balloon.h"
#include "device/virtio/virtio_blk_link.h"
#include "device/virtio/virtio_console.h"
#include "device/virtio/virtio_mmio.h"
#include "device/virtio/virtio_net_link.h"
#include "device/virtio/virtio_pci.h"
#include "device/virtio/virtio_rng.h"
#include "device/virtio/virtio_vsock_link.h"
#include "link/process.h"
#include "vmm/virtio.h"

/*
 * Between virtio_add.c, which is gone when the guest runs, and virtio.c: one device, in its own
 * piece of the memory that root mapped for them.
 */
struct slot {
    unsigned index;
    unsigned link; /* of its link, if it has one */
    /* Its link's service has signalled. True: there is more to do, call again soon. NULL: no link.
     */
    bool (*event)(struct slot *slot);
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

/* Its connections need more room than a slot has; a VM has one of these at the most. */
static struct virtio_vsock_link *const virtio_vsock =
    (struct virtio_vsock_link *)PROCESS_VSOCK_VADDR;
_Static_assert(sizeof *virtio_vsock <= PROCESS_VSOCK_BYTES,
               "the socket device has room for its state");

static inline struct slot *virtio_slot(unsigned index)
{
    return (struct slot *)(PROCESS_VIRTIO_VADDR + index * PROCESS_VIRTIO_BYTES);
}

/* How many slots have a device, and events that came while one waited for its service. */
extern unsigned virtio_slot_count;
extern uint64_t virtio_slot_missed;

/* Callbacks; `ctx` and `slot` are the device's slot. */
bool virtio_slot_blk(struct slot *slot);
bool virtio_slot_net(struct slot *slot);
bool virtio_slot_vsock(struct slot *slot);
void virtio_slot_signal(void *ctx);
void virtio_slot_defer(void *ctx);
extern const struct virtio_rng_port virtio_slot_source;
enum outcome virtio_slot_access(void *state, struct access *access);
