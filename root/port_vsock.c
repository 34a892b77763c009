// SPDX-License-Identifier: BSD-2-Clause
#include <libfdt.h>
#include <string.h>

#include "lib/aarch64/cpu.h"
#include "lib/format.h"
#include "link/vsock.h"
#include "root/description.h"
#include "root/port_class.h"

static void vsock_open(void *roster_page, const void *tree, const struct port_memory *memory)
{
    (void)tree, (void)memory;
    *(struct vsock_roster *)roster_page = (struct vsock_roster){
        .magic = VSOCK_ROSTER_MAGIC,
        .version = VSOCK_ROSTER_VERSION,
    };
}

/* Ports are numbered in the order of the VMs that have the device. VSOCK_PORT_MAX: not this one. */
static uint32_t port_of(const void *tree, const char *vm_name)
{
    uint32_t port = 0;
    for (int vm = description_next_vm(tree, -1); vm >= 0; vm = description_next_vm(tree, vm)) {
        uint32_t count = description_device_count(tree, vm, "virtio-vsock");
        if (strcmp(fdt_get_name(tree, vm, NULL), vm_name) == 0) {
            return count != 0 ? port : VSOCK_PORT_MAX;
        }
        port += count;
    }
    return VSOCK_PORT_MAX;
}

static const char *vsock_describe(void *roster_page, uint32_t port, const struct port_node *node,
                                  uint64_t link_paddr)
{
    struct vsock_port_info *info = &((struct vsock_roster *)roster_page)->port[port];
    (void)link_paddr;
    *info = (struct vsock_port_info){
        .is_used = 1,
        .cid = port_number(node->tree, node->node, "cid", 0),
    };
    format(info->name, sizeof info->name, "%s", node->vm_name);
    if (info->cid < VSOCK_CID_MIN || info->cid == UINT32_MAX) {
        return "it has no CID";
    }
    int count = fdt_stringlist_count(node->tree, node->node, "connects-to");
    for (int i = 0; i < count; i++) {
        const char *name = fdt_stringlist_get(node->tree, node->node, "connects-to", i, NULL);
        uint32_t peer = name != NULL ? port_of(node->tree, name) : VSOCK_PORT_MAX;
        if (peer >= VSOCK_PORT_MAX) {
            return "connects-to names a VM without a virtio-vsock";
        }
        info->reaches |= 1u << peer;
    }
    return NULL;
}

static void vsock_close(void *roster_page, uint32_t port)
{
    struct vsock_port_info *info = &((struct vsock_roster *)roster_page)->port[port];
    atomic_fetch_or(&info->generation, 1); /* odd: hands off */
}

static void vsock_format(void *roster_page, uint32_t port, void *link)
{
    struct vsock_port_info *info = &((struct vsock_roster *)roster_page)->port[port];
    vsock_close(roster_page, port);
    vsock_link_format(link);
    info->started = counter_now();
    info->starts++;
    atomic_fetch_add(&info->generation, 1);
}

/* Its guest's connections are reset at once, even if the relay never comes back. */
static void vsock_detach(void *link)
{
    vsock_link_detach(link);
}

const struct port_class port_vsock = {
    .name = "vsock",
    .device = "virtio-vsock",
    .backing = "",
    .client = CLIENT_VSOCK,
    .priority = PRIORITY_SERVICE,
    .open = vsock_open,
    .describe = vsock_describe,
    .format = vsock_format,
    .detach = vsock_detach,
    .close = vsock_close,
};
