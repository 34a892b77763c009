/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include "device/virtio/virtio_net.h"
#include "link/net_client.h"

/* A network device whose far side is the network service, through a link. */
struct virtio_net_link {
    struct virtio_net net;
    struct net_client client;
};

struct virtio_net_link_setup {
    struct net_link *link;
    void (*signal)(void *ctx); /* the service */
    void *ctx;
    unsigned pair_count;
    const struct ram *ram;
    const struct virtio_port *port;
    uint32_t mutex_id;
};

/* MAC and MTU come with the link. False: the link was not formatted. */
bool virtio_net_link_init(struct virtio_net_link *net, const struct virtio_net_link_setup *setup);

/* Event thread: the service has signalled. */
void virtio_net_link_event(struct virtio_net_link *net);
