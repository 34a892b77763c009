// SPDX-License-Identifier: BSD-2-Clause
#include <string.h>

#include "device/virtio/virtio_net_parts.h"

/* 5.1.6.5 */
enum { ANSWER_OK = 0, ANSWER_ERROR = 1 };
enum control_class {
    CLASS_RX = 0,
    CLASS_MAC = 1,
    CLASS_MQ = 4,
    CLASS_GUEST_OFFLOADS = 5,
};
enum {
    RX_PROMISCUOUS = 0,
    RX_ALL_MULTICAST = 1,
    RX_ALL_UNICAST = 2,
    RX_NO_MULTICAST = 3,
    RX_NO_UNICAST = 4,
    RX_NO_BROADCAST = 5,
    MAC_TABLE_SET = 0,
    MAC_ADDRESS_SET = 1,
    MQ_PAIRS_SET = 0,
    GUEST_OFFLOADS_SET = 0,
};

/* What a driver asks for: class, command, then data of size bytes, which are read by offset. */
struct request {
    const struct chain *chain;
    uint32_t size;
};
enum { DATA = 2 };

/* All of the data, which must have exactly this size. */
static bool read_all(const struct request *r, void *to, uint32_t size)
{
    return r->size == size && chain_read(r->chain, DATA, to, size) == size;
}

static bool set_receive_mode(struct virtio_net *net, const struct request *r, uint8_t command)
{
    struct virtio_net_state *s = &net->state;
    bool *const mode[] = {
        [RX_PROMISCUOUS] = &s->promiscuous, [RX_ALL_MULTICAST] = &s->multicast.all,
        [RX_ALL_UNICAST] = &s->unicast.all, [RX_NO_MULTICAST] = &s->no_multicast,
        [RX_NO_UNICAST] = &s->no_unicast,   [RX_NO_BROADCAST] = &s->no_broadcast,
    };
    uint64_t feature =
        command <= RX_ALL_MULTICAST ? VIRTIO_NET_F_CTRL_RX : VIRTIO_NET_F_CTRL_RX_EXTRA;
    uint8_t on;
    if (command >= sizeof mode / sizeof mode[0] || !virtio_has(&net->device, feature) ||
        !read_all(r, &on, 1) || on > 1) {
        return false;
    }
    *mode[command] = on != 0;
    s->filters = true;
    return true;
}

/* One table: a count, then addresses. *offset moves behind it. */
static bool read_table(const struct request *r, uint32_t *offset, struct virtio_net_filter *filter)
{
    uint32_t count;
    if (r->size - *offset < sizeof count) {
        return false;
    }
    chain_read(r->chain, DATA + *offset, &count, sizeof count);
    *offset += (uint32_t)sizeof count;
    if (count > (r->size - *offset) / NET_MAC_BYTES) {
        return false;
    }
    filter->too_many = count > VIRTIO_NET_FILTER_MAX;
    filter->count = (uint8_t)(filter->too_many ? 0 : count);
    chain_read(r->chain, DATA + *offset, filter->mac, filter->count * (uint32_t)NET_MAC_BYTES);
    *offset += count * NET_MAC_BYTES;
    return true;
}

/* 5.1.6.5.2: a table of unicast addresses, then one of multicast addresses. */
static bool set_tables(struct virtio_net *net, const struct request *r)
{
    struct virtio_net_filter unicast = {0}, multicast = {0};
    uint32_t offset = 0;
    if (!virtio_has(&net->device, VIRTIO_NET_F_CTRL_RX) || !read_table(r, &offset, &unicast) ||
        !read_table(r, &offset, &multicast) || offset != r->size) {
        return false;
    }
    unicast.all = net->state.unicast.all;
    multicast.all = net->state.multicast.all;
    net->state.unicast = unicast;
    net->state.multicast = multicast;
    net->state.filters = true;
    return true;
}

static bool set_address(struct virtio_net *net, const struct request *r)
{
    uint8_t mac[NET_MAC_BYTES];
    if (!virtio_has(&net->device, VIRTIO_NET_F_CTRL_MAC_ADDR) || !read_all(r, mac, sizeof mac) ||
        net_mac_is_multicast(mac)) {
        return false;
    }
    /* Better an error here than frames that the switch drops as not the guest's. */
    if (memcmp(mac, net->mac, sizeof mac) != 0 &&
        (virtio_net_is_linked(net) || net->far->allow_mac == NULL ||
         !net->far->allow_mac(net->far_ctx, mac))) {
        return false;
    }
    memcpy(net->state.config.mac, mac, sizeof mac);
    return true;
}

static bool set_pairs(struct virtio_net *net, const struct request *r)
{
    uint16_t pairs;
    if (!virtio_has(&net->device, VIRTIO_NET_F_MQ) || !read_all(r, &pairs, sizeof pairs) ||
        pairs == 0 || pairs > net->state.config.pair_max) {
        return false;
    }
    net->state.pairs = pairs;
    virtio_net_give_back(net); /* no frame may come in a queue that is not used any more */
    return true;
}

/* 5.1.6.5.6.1: only what was negotiated can be switched on again. */
static bool set_offloads(struct virtio_net *net, const struct request *r)
{
    const uint64_t known =
        VIRTIO_NET_F_GUEST_CSUM | VIRTIO_NET_F_GUEST_TSO4 | VIRTIO_NET_F_GUEST_TSO6;
    uint64_t offloads;
    if (!virtio_has(&net->device, VIRTIO_NET_F_CTRL_GUEST_OFFLOADS) ||
        !read_all(r, &offloads, sizeof offloads) ||
        (offloads & ~(net->device.state.features & known)) != 0) {
        return false;
    }
    net->state.accepts = virtio_net_offloads(offloads);
    if ((net->state.accepts & NET_OFFLOAD_CSUM) == 0) {
        net->state.accepts = 0;
    }
    virtio_net_far_call(net, accept, net->far_ctx, net->state.accepts);
    return true;
}

static bool carry_out(struct virtio_net *net, const struct chain *chain)
{
    uint8_t head[DATA];
    if (chain_read(chain, 0, head, sizeof head) != sizeof head) {
        return false;
    }
    const struct request request = {chain, chain->readable_bytes - DATA};
    switch (head[0]) {
    case CLASS_RX:
        return set_receive_mode(net, &request, head[1]);
    case CLASS_MAC:
        return head[1] == MAC_TABLE_SET     ? set_tables(net, &request)
               : head[1] == MAC_ADDRESS_SET ? set_address(net, &request)
                                            : false;
    case CLASS_MQ:
        return head[1] == MQ_PAIRS_SET && set_pairs(net, &request);
    case CLASS_GUEST_OFFLOADS:
        return head[1] == GUEST_OFFLOADS_SET && set_offloads(net, &request);
    default:
        return false;
    }
}

enum virtio_progress virtio_net_control(struct virtio_net *net, unsigned queue, unsigned *budget)
{
    struct virtio_device *device = &net->device;
    struct chain *chain = &device->chain;
    for (; *budget != 0; --*budget) {
        if (!virtio_pop(device, queue, chain)) {
            return VIRTIO_EMPTY;
        }
        uint8_t answer = ANSWER_ERROR;
        /* Without room for an answer nothing is done: the driver could not know of it. */
        if (chain->writable_bytes != 0) {
            answer = carry_out(net, chain) ? ANSWER_OK : ANSWER_ERROR;
        }
        net->counter[VIRTIO_NET_CONTROL_REFUSED] += answer != ANSWER_OK;
        virtio_push(device, queue, chain, chain_write(chain, 0, &answer, sizeof answer));
    }
    return VIRTIO_AGAIN;
}
