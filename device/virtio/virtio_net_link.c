// SPDX-License-Identifier: BSD-2-Clause
#include "device/virtio/virtio_net_link.h"

#include <string.h>

#include "lib/start_only.h"

START_ONLY bool virtio_net_link_init(struct virtio_net_link *net,
                                     const struct virtio_net_link_setup *setup)
{
    if (!net_client_open(&net->client, setup->link, setup->signal, setup->ctx)) {
        return false;
    }
    struct virtio_net_setup device = {
        .far_ctx = &net->client,
        .mtu = net->client.parameters.mtu,
        .takes = net->client.parameters.takes,
        .pair_count = setup->pair_count,
        .ram = setup->ram,
        .port = setup->port,
        .mutex_id = setup->mutex_id,
    };
    memcpy(device.mac, net->client.parameters.mac, sizeof device.mac);
    virtio_net_init(&net->net, &device);
    return true;
}

void virtio_net_link_event(struct virtio_net_link *net)
{
    virtio_net_ready(&net->net);
}
