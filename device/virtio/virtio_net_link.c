// SPDX-License-Identifier: BSD-2-Clause
#include "device/virtio/virtio_net_link.h"

#include <string.h>

#include "lib/start_only.h"

static bool up(void *ctx)
{
    return net_client_up(ctx);
}

static void accept(void *ctx, uint32_t offloads)
{
    net_client_accept(ctx, offloads);
}

static bool begin(void *ctx, const struct net_head *head)
{
    return net_client_begin(ctx, head);
}

static void put(void *ctx, uint32_t offset, const void *bytes, uint32_t size)
{
    net_client_put(ctx, offset, bytes, size);
}

static void publish(void *ctx)
{
    net_client_publish(ctx);
}

static bool wait_room(void *ctx, const struct net_head *head)
{
    return net_client_wait_room(ctx, head);
}

static const struct net_head *peek(void *ctx)
{
    return net_client_peek(ctx);
}

static void copy(void *ctx, uint32_t offset, void *to, uint32_t size)
{
    net_client_copy(ctx, offset, to, size);
}

static void done(void *ctx)
{
    net_client_done(ctx);
}

static bool wait_frame(void *ctx)
{
    return net_client_wait_frame(ctx);
}

static void discard(void *ctx)
{
    net_client_discard(ctx);
}

static void flush(void *ctx)
{
    net_client_flush(ctx);
}

static const struct virtio_net_far far = {
    .up = up,
    .accept = accept,
    .begin = begin,
    .put = put,
    .publish = publish,
    .wait_room = wait_room,
    .peek = peek,
    .copy = copy,
    .done = done,
    .wait_frame = wait_frame,
    .discard = discard,
    .flush = flush,
};

START_ONLY bool virtio_net_link_init(struct virtio_net_link *net,
                                     const struct virtio_net_link_setup *setup)
{
    if (!net_client_open(&net->client, setup->link, setup->signal, setup->ctx)) {
        return false;
    }
    struct virtio_net_setup device = {
        .far = &far,
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
