/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include "link/control.h"
#include "root/port.h"
#include "root/virtio.h"

/* What port.c and the classes, port_block.c, port_net.c and port_vsock.c, share. */

enum { PORT_WHY_MAX = 240 }; /* bytes of a reason that is kept */

#define PORT_OF_BOARD UINT32_MAX /* in place of a VM's port: the board's own device */

/* What a class's service shares with root beside its ports. */
struct port_memory {
    uint64_t dma_paddr, dma_bytes;
    const struct virtio_place *device; /* NULL: the board has none */
    uint64_t epoch_s;
};

/* The description of one device, checked by the host tool; `tree` is the whole one. */
struct port_node {
    const void *tree;
    int vm, node;
    const char *vm_name;
    uint32_t client; /* number of the VM */
};

struct port_class {
    const char *name; /* of the service, its program, and in messages */
    const char *device;
    const char *backing; /* property of the device that names what is behind it */
    uint32_t client;     /* number */
    uint8_t priority;
    uint32_t virtio_id;       /* the board's device: VIRTIO 1.3, chapter 5; 0: it has none */
    const char *board_device; /* its name in messages */

    /* Once: writes the head of the roster. */
    void (*open)(void *roster, const void *tree, const struct port_memory *memory);

    /* Whether the VM's device is for nothing without the board's. With virtio_id. */
    bool (*needs_board)(const struct port_node *node);

    /* Once for each port: what the roster says of it. NULL, or why it cannot be. */
    const char *(*describe)(void *roster, uint32_t port, const struct port_node *node,
                            uint64_t link_paddr);

    /* The client starts: a fresh link. Between the two the service keeps its hands off. */
    void (*format)(void *roster, uint32_t port, void *link);

    /* The service is dead: what its clients find in the link until the next one is there. Optional.
     */
    void (*detach)(void *link);

    /* What the service has counted, and what root knows of its link. Optional: see port_report. */
    void (*count)(const void *stats, uint32_t port, const void *link,
                  struct control_port_info *info);
    /* The board's own device, if it is a port as well. False: it is none. Optional. */
    bool (*count_device)(const void *roster, const void *stats, struct control_port_info *info);

    /* Networks: what is kept of their frames; begins or ends it. False: there is no such one.
     * Optional. */
    void (*captures)(const void *roster, struct control_reply *reply);
    bool (*capture)(void *roster, uint32_t network, bool on);
    /* Networks: whether a port's cable is in. False: there is no such port. Optional. */
    bool (*link)(void *roster, uint32_t port, bool up);

    /* The client is gone: the service lets go of its port. Optional. */
    void (*close)(void *roster, uint32_t port);
    /* Whether it has, of a port for which RAM is lent. With close. */
    bool (*is_quiet)(const void *roster, const void *stats, uint32_t port);

    /* Each life of the service: what it gets beyond what all of them get. Optional. */
    bool (*map)(void *roster, struct process *process);
    uint32_t (*map_slots)(const void *roster); /* capability slots that map takes */
};

extern const struct port_class port_block, port_net, port_vsock;

/* A text property of a device's or another node; "" when there is none. */
const char *port_text(const void *tree, int node, const char *property);
/* A number; `fallback` when there is none. */
uint32_t port_number(const void *tree, int node, const char *property, uint32_t fallback);
/* The node /table/name, negative when there is none. */
int port_lookup(const void *tree, const char *table, const char *name);
