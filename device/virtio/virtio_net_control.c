// SPDX-License-Identifier: BSD-2-Clause
#include <stddef.h>
#include <string.h>

#include "device/virtio/virtio_net_parts.h"

/* 5.1.6.5 */
enum { ANSWER_OK = 0, ANSWER_ERROR = 1 };

/* What a driver asks for. */
struct __attribute__((packed)) request {
    uint8_t class, command;
    union __attribute__((packed)) {
        uint8_t on;
        uint8_t mac[NET_MAC_BYTES];
        uint16_t pairs;
        uint64_t offloads;
    };
};
enum { DATA = offsetof(struct request, on) };

enum action { SET_MODE, SET_MORE_MODES, SET_TABLES, SET_ADDRESS, SET_PAIRS, SET_OFFLOADS };

static const struct {
    uint8_t class, first, last; /* commands of that class */
    uint8_t data_bytes;         /* exactly; 0: see there */
    uint32_t feature;
} actions[] = {
  /* The commands have the numbers of the modes. */
    [SET_MODE] = {0, VIRTIO_NET_PROMISCUOUS, VIRTIO_NET_ALL_MULTICAST, 1,                VIRTIO_NET_F_CTRL_RX            },
    [SET_MORE_MODES] = {0, VIRTIO_NET_ALL_UNICAST, VIRTIO_NET_NO_BROADCAST,  1,
                  VIRTIO_NET_F_CTRL_RX_EXTRA                                                                             },
    [SET_TABLES] = {1, 0,                      0,                        0,                VIRTIO_NET_F_CTRL_RX            },
    [SET_ADDRESS] = {1, 1,                      1,                        NET_MAC_BYTES,    VIRTIO_NET_F_CTRL_MAC_ADDR      },
    [SET_PAIRS] = {4, 0,                      0,                        sizeof(uint16_t), VIRTIO_NET_F_MQ                 },
    [SET_OFFLOADS] = {5, 0,                      0,                        sizeof(uint64_t), VIRTIO_NET_F_CTRL_GUEST_OFFLOADS},
};
enum { ACTIONS = sizeof actions / sizeof actions[0] };

static bool set_mode(struct virtio_net *net, const struct request *r)
{
    if (r->on > 1) {
        return false;
    }
    net->state.mode[r->command] = r->on != 0;
    net->state.filters = true;
    return true;
}

/*
 * 5.1.6.5.2: a table of unicast addresses, then one of multicast addresses; each is a count, then
 * addresses. Nothing changes before both are known to be there.
 */
static bool set_tables(struct virtio_net *net, const struct chain *chain)
{
    uint32_t count[2], at[2], offset = DATA;
    for (unsigned i = 0; i < 2; i++) {
        if (chain_read(chain, offset, &count[i], sizeof count[i]) != sizeof count[i]) {
            return false;
        }
        at[i] = offset + (uint32_t)sizeof count[i];
        if (count[i] > (chain->readable_bytes - at[i]) / NET_MAC_BYTES) {
            return false;
        }
        offset = at[i] + count[i] * NET_MAC_BYTES;
    }
    if (offset != chain->readable_bytes) {
        return false;
    }
    for (unsigned i = 0; i < 2; i++) {
        struct virtio_net_filter *filter = &net->state.filter[i];
        filter->too_many = count[i] > VIRTIO_NET_FILTER_MAX;
        filter->count = (uint8_t)(filter->too_many ? 0 : count[i]);
        chain_read(chain, at[i], filter->mac, filter->count * (uint32_t)NET_MAC_BYTES);
    }
    net->state.filters = true;
    return true;
}

static bool set_address(struct virtio_net *net, const struct request *r)
{
    /* Better an error here than frames that the switch drops as not the guest's. */
    if (net_mac_is_multicast(r->mac) ||
        (memcmp(r->mac, net->mac, NET_MAC_BYTES) != 0 &&
         (virtio_net_is_linked(net) || net->far->allow_mac == NULL ||
          !net->far->allow_mac(net->far_ctx, r->mac)))) {
        return false;
    }
    memcpy(net->state.config.mac, r->mac, NET_MAC_BYTES);
    return true;
}

static bool set_pairs(struct virtio_net *net, const struct request *r)
{
    if (r->pairs == 0 || r->pairs > net->state.config.pair_max) {
        return false;
    }
    net->state.pairs = r->pairs;
    virtio_net_give_back(net); /* no frame may come in a queue that is not used any more */
    return true;
}

/* 5.1.6.5.6.1: only what was negotiated can be switched on again. */
static bool set_offloads(struct virtio_net *net, const struct request *r)
{
    const uint64_t known =
        VIRTIO_NET_F_GUEST_CSUM | VIRTIO_NET_F_GUEST_TSO4 | VIRTIO_NET_F_GUEST_TSO6;
    if ((r->offloads & ~(net->device.state.features & known)) != 0) {
        return false;
    }
    net->state.accepts = virtio_net_offloads(r->offloads);
    if ((net->state.accepts & NET_OFFLOAD_CSUM) == 0) {
        net->state.accepts = 0;
    }
    virtio_net_far_call(net, accept, net->far_ctx, net->state.accepts);
    return true;
}

/* ACTIONS: none; not negotiated, or its data do not have the size that they must have. */
static unsigned action_of(const struct virtio_net *net, const struct request *r, uint32_t size)
{
    unsigned i = 0;
    while (i < ACTIONS &&
           (actions[i].class != r->class || actions[i].first > r->command ||
            actions[i].last < r->command || !virtio_has(&net->device, actions[i].feature) ||
            (actions[i].data_bytes != 0 && size - DATA != actions[i].data_bytes))) {
        i++;
    }
    return i;
}

static bool carry_out(struct virtio_net *net, const struct chain *chain)
{
    struct request r;
    if (chain_read(chain, 0, &r, sizeof r) < DATA) {
        return false;
    }
    switch (action_of(net, &r, chain->readable_bytes)) {
    case SET_MODE:
    case SET_MORE_MODES:
        return set_mode(net, &r);
    case SET_TABLES:
        return set_tables(net, chain);
    case SET_ADDRESS:
        return set_address(net, &r);
    case SET_PAIRS:
        return set_pairs(net, &r);
    case SET_OFFLOADS:
        return set_offloads(net, &r);
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
