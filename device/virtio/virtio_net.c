// SPDX-License-Identifier: BSD-2-Clause
#include "device/virtio/virtio_net.h"

#include <string.h>

#include "device/virtio/virtio_net_parts.h"
#include "lib/check.h"
#include "lib/start_only.h"

/* 5.1.4 */
enum { STATUS_LINK_UP = 1 };

/* 5.1.2: behind all pairs if the driver may use more than one, else behind the first. */
static unsigned control_queue(const struct virtio_net *net)
{
    return virtio_has(&net->device, VIRTIO_NET_F_MQ) ? 2u * net->state.config.pair_max : 2;
}

static enum virtio_progress work(struct virtio_device *device, unsigned queue, unsigned *budget)
{
    struct virtio_net *net = (struct virtio_net *)device;
    enum virtio_progress progress = VIRTIO_EMPTY;
    if (virtio_has(device, VIRTIO_NET_F_CTRL_VQ) && queue == control_queue(net)) {
        progress = virtio_net_control(net, queue, budget);
    } else if (queue < 2u * net->state.config.pair_max) {
        progress = virtio_net_is_transmit(queue) ? virtio_net_transmit(net, queue, budget)
                                                 : virtio_net_receive(net, queue, budget);
    } else {
        progress = VIRTIO_BLOCKED; /* a queue that this driver has no use for */
    }
    virtio_net_far_call(net, flush, net->far_ctx);
    return progress;
}

/* 5.1.3.1 */
static bool accept(struct virtio_device *device, uint64_t features)
{
    static const struct {
        uint64_t feature, needs;
    } rules[] = {
        {VIRTIO_NET_F_GUEST_TSO4,          VIRTIO_NET_F_GUEST_CSUM},
        {VIRTIO_NET_F_GUEST_TSO6,          VIRTIO_NET_F_GUEST_CSUM},
        {VIRTIO_NET_F_HOST_TSO4,           VIRTIO_NET_F_CSUM      },
        {VIRTIO_NET_F_HOST_TSO6,           VIRTIO_NET_F_CSUM      },
        {VIRTIO_NET_F_CTRL_RX,             VIRTIO_NET_F_CTRL_VQ   },
        {VIRTIO_NET_F_CTRL_RX_EXTRA,       VIRTIO_NET_F_CTRL_VQ   },
        {VIRTIO_NET_F_CTRL_GUEST_OFFLOADS, VIRTIO_NET_F_CTRL_VQ   },
        {VIRTIO_NET_F_CTRL_MAC_ADDR,       VIRTIO_NET_F_CTRL_VQ   },
        {VIRTIO_NET_F_MQ,                  VIRTIO_NET_F_CTRL_VQ   },
    };
    (void)device;
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        if ((features & rules[i].feature) != 0 && (features & rules[i].needs) == 0) {
            return false;
        }
    }
    return true;
}

uint32_t virtio_net_offloads(uint64_t features)
{
    uint32_t offloads = 0;
    offloads |= (features & VIRTIO_NET_F_GUEST_CSUM) != 0 ? NET_OFFLOAD_CSUM : 0;
    offloads |= (features & VIRTIO_NET_F_GUEST_TSO4) != 0 ? NET_OFFLOAD_TSO4 : 0;
    offloads |= (features & VIRTIO_NET_F_GUEST_TSO6) != 0 ? NET_OFFLOAD_TSO6 : 0;
    return offloads;
}

static void start(struct virtio_device *device)
{
    struct virtio_net *net = (struct virtio_net *)device;
    net->state.pairs = 1;
    net->state.accepts = virtio_net_offloads(device->state.features);
    virtio_net_far_call(net, accept, net->far_ctx, net->state.accepts);
    /* What came before there was a driver is nothing to it. */
    virtio_net_far_call(net, discard, net->far_ctx);
    /* It may have added buffers before, and does not have to notify for these. */
    virtio_defer(device, 0);
}

/* The far side does not touch guest memory: the chains that are held can be forgotten at once. */
static bool stop(struct virtio_device *device)
{
    struct virtio_net *net = (struct virtio_net *)device;
    struct virtio_net_config config = net->state.config;
    memset(&net->state, 0, sizeof net->state);
    net->state.config = config;
    memcpy(net->state.config.mac, net->mac, sizeof net->mac);
    net->gather.count = 0;
    virtio_net_far_call(net, accept, net->far_ctx, 0);
    virtio_net_far_call(net, flush, net->far_ctx);
    return true;
}

static bool stop_queue(struct virtio_device *device, unsigned queue)
{
    struct virtio_net *net = (struct virtio_net *)device;
    if (net->gather.queue == queue) {
        net->gather.count = 0;
    }
    net->state.blocked &= ~(1u << queue);
    return true;
}

static const struct virtio_ops ops = {
    .name = "net",
    .type = VIRTIO_TYPE_NET,
    .work = work,
    .accept = accept,
    .start = start,
    .stop = stop,
    .stop_queue = stop_queue,
};

static uint64_t offered(const struct virtio_net_setup *setup)
{
    uint64_t features = VIRTIO_FEATURES | VIRTIO_F_IN_ORDER | VIRTIO_NET_F_MAC | VIRTIO_NET_F_MTU |
                        VIRTIO_NET_F_STATUS | VIRTIO_NET_F_MRG_RXBUF | VIRTIO_NET_F_CTRL_VQ |
                        VIRTIO_NET_F_CTRL_RX | VIRTIO_NET_F_CTRL_RX_EXTRA |
                        VIRTIO_NET_F_CTRL_MAC_ADDR;
    /* The far side does for the guest what it does not take; that needs no more than its word. */
    if ((setup->takes & NET_OFFLOAD_CSUM) != 0) {
        features |= VIRTIO_NET_F_CSUM | VIRTIO_NET_F_GUEST_CSUM | VIRTIO_NET_F_CTRL_GUEST_OFFLOADS;
        features |= (setup->takes & NET_OFFLOAD_TSO4) != 0
                        ? VIRTIO_NET_F_HOST_TSO4 | VIRTIO_NET_F_GUEST_TSO4
                        : 0;
        features |= (setup->takes & NET_OFFLOAD_TSO6) != 0
                        ? VIRTIO_NET_F_HOST_TSO6 | VIRTIO_NET_F_GUEST_TSO6
                        : 0;
    }
    return features | (setup->pair_count > 1 ? VIRTIO_NET_F_MQ : 0);
}

START_ONLY void virtio_net_init(struct virtio_net *net, const struct virtio_net_setup *setup)
{
    CHECK(setup->pair_count >= 1 && setup->pair_count <= VIRTIO_NET_PAIR_MAX);
    memset(net, 0, sizeof *net);
    net->far = setup->far;
    net->far_ctx = setup->far_ctx;
    memcpy(net->mac, setup->mac, sizeof net->mac);
    net->state.config = (struct virtio_net_config){
        .status = virtio_net_far_call(net, up, net->far_ctx) ? STATUS_LINK_UP : 0,
        .pair_max = (uint16_t)setup->pair_count,
        .mtu = setup->mtu,
    };
    memcpy(net->state.config.mac, setup->mac, sizeof net->mac);
    virtio_init(&net->device, &(struct virtio_setup){
                                  .ops = &ops,
                                  .port = setup->port,
                                  .ram = setup->ram,
                                  .mutex_id = setup->mutex_id,
                                  .segments = net->segments,
                                  .features = offered(setup),
                                  .config = &net->state.config,
                                  .config_bytes = sizeof net->state.config,
                                  .queue_count = 2 * setup->pair_count + 1,
                                  .queue_size = VIRTIO_NET_QUEUE_SIZE,
                              });
}

static void look_at_link(struct virtio_net *net)
{
    uint16_t status = virtio_net_far_call(net, up, net->far_ctx) ? STATUS_LINK_UP : 0;
    if (status != net->state.config.status) {
        net->state.config.status = status;
        virtio_config_changed(&net->device);
    }
}

void virtio_net_ready(struct virtio_net *net)
{
    struct virtio_device *device = &net->device;
    virtio_lock(device);
    look_at_link(net);
    if (virtio_alive(device)) {
        uint32_t blocked = net->state.blocked;
        net->state.blocked = 0;
        for (; blocked != 0; blocked &= blocked - 1) {
            virtio_work(device, (unsigned)__builtin_ctz(blocked));
        }
        /* Any receive queue does: what is next decides which one gets it. */
        unsigned queue = 0;
        while (queue + 2 < 2u * net->state.pairs && !device->queue[queue].ring.state.open) {
            queue += 2;
        }
        virtio_work(device, queue);
    }
    virtio_unlock(device);
}
