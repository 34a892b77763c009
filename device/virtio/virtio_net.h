/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "device/virtio/virtio.h"
#include "link/net.h"

/*
 * The network device, VIRTIO 1.3, 5.1: frames go from the guest's buffers to the far side and back
 * with one copy each way. Nothing that the guest sends is lost here: what the far side has no room
 * for stays in the guest's queue. What the guest has no buffers for stays with the far side.
 *
 * Checksums and long frames are left to the far side only if it takes them, and come to the guest
 * only if its driver does. Several queue pairs share the one far side: a flow's frames come in the
 * queue pair on which the guest sent to it last (5.1.6.5.5).
 */
enum {
    VIRTIO_NET_PAIR_MAX = 8,
    VIRTIO_NET_QUEUES_MAX = 2 * VIRTIO_NET_PAIR_MAX + 1,
    VIRTIO_NET_QUEUE_SIZE = 256,
    VIRTIO_NET_HEAD_BYTES = 12,
    VIRTIO_NET_MERGE_MAX = 64,  /* receive buffers that one frame may take */
    VIRTIO_NET_FILTER_MAX = 32, /* addresses of each kind; with more, all of that kind pass */
    VIRTIO_NET_FLOWS = 256,
};

/* 5.1.3. */
#define VIRTIO_NET_F_CSUM                (1ull << 0)
#define VIRTIO_NET_F_GUEST_CSUM          (1ull << 1)
#define VIRTIO_NET_F_CTRL_GUEST_OFFLOADS (1ull << 2)
#define VIRTIO_NET_F_MTU                 (1ull << 3)
#define VIRTIO_NET_F_MAC                 (1ull << 5)
#define VIRTIO_NET_F_GUEST_TSO4          (1ull << 7)
#define VIRTIO_NET_F_GUEST_TSO6          (1ull << 8)
#define VIRTIO_NET_F_HOST_TSO4           (1ull << 11)
#define VIRTIO_NET_F_HOST_TSO6           (1ull << 12)
#define VIRTIO_NET_F_MRG_RXBUF           (1ull << 15)
#define VIRTIO_NET_F_STATUS              (1ull << 16)
#define VIRTIO_NET_F_CTRL_VQ             (1ull << 17)
#define VIRTIO_NET_F_CTRL_RX             (1ull << 18)
#define VIRTIO_NET_F_CTRL_RX_EXTRA       (1ull << 20)
#define VIRTIO_NET_F_MQ                  (1ull << 22)
#define VIRTIO_NET_F_CTRL_MAC_ADDR       (1ull << 23)

/* The far side. Everything under the device's lock; must not call back. */
struct virtio_net_far {
    /* Is anybody there? */
    bool (*up)(void *ctx);
    /* Which frames it may send from now on: enum net_offload. */
    void (*accept)(void *ctx, uint32_t offloads);
    /* Sends a frame: begin, false without room; put, all of its bytes; publish. */
    bool (*begin)(void *ctx, const struct net_head *head);
    void (*put)(void *ctx, uint32_t offset, const void *bytes, uint32_t size);
    void (*publish)(void *ctx);
    /* virtio_net_ready is to follow when there is room for it. False: there is now. */
    bool (*wait_room)(void *ctx, const struct net_head *head);
    /* The next frame for the guest, NULL: none; a piece of its bytes; it has been dealt with. */
    const struct net_head *(*peek)(void *ctx);
    void (*copy)(void *ctx, uint32_t offset, void *to, uint32_t size);
    void (*done)(void *ctx);
    /* virtio_net_ready is to follow when there is a frame. False: there is one now. */
    bool (*wait_frame)(void *ctx);
    /* Throws away what waits for the guest. */
    void (*discard)(void *ctx);
    /* The end of a pass: tells the far side of all that was done. */
    void (*flush)(void *ctx);
    /* Optional: may the guest have this address? NULL: only the one that it was given. */
    bool (*allow_mac)(void *ctx, const uint8_t mac[NET_MAC_BYTES]);
};

/* 5.1.4 */
struct virtio_net_config {
    uint8_t mac[NET_MAC_BYTES];
    uint16_t status;
    uint16_t pair_max;
    uint16_t mtu;
};

enum virtio_net_counter {
    VIRTIO_NET_SENT_FRAMES,
    VIRTIO_NET_SENT_BYTES,
    VIRTIO_NET_RECEIVED_FRAMES,
    VIRTIO_NET_RECEIVED_BYTES,
    VIRTIO_NET_SENT_INVALID,      /* frames of the guest that cannot be, or were not negotiated */
    VIRTIO_NET_SENT_BLOCKED,      /* times that the far side had no room */
    VIRTIO_NET_RECEIVED_UNWANTED, /* frames that the guest's driver filters or does not take */
    VIRTIO_NET_RECEIVED_TOO_LONG, /* for the guest's buffers */
    VIRTIO_NET_CONTROL_REFUSED,
    VIRTIO_NET_COUNTERS
};

/* What the guest's driver may ask for by command, 5.1.6.5.1. */
enum virtio_net_mode {
    VIRTIO_NET_PROMISCUOUS,
    VIRTIO_NET_ALL_MULTICAST,
    VIRTIO_NET_ALL_UNICAST,
    VIRTIO_NET_NO_MULTICAST,
    VIRTIO_NET_NO_UNICAST,
    VIRTIO_NET_NO_BROADCAST,
    VIRTIO_NET_MODES
};

/* Which addresses the guest wants of one kind, 5.1.6.5.2. */
struct virtio_net_filter {
    bool too_many; /* more than there is room for: all pass */
    uint8_t count;
    uint8_t mac[VIRTIO_NET_FILTER_MAX][NET_MAC_BYTES];
};

/* Receive buffers taken for the frame that is next, while they are too few. */
struct virtio_net_gather {
    unsigned queue, count;
    uint32_t room;
    unsigned segments; /* of the storage, in use */
    struct chain chain[VIRTIO_NET_MERGE_MAX];
    struct chain_segment segment[2 * VIRTQUEUE_SIZE_MAX];
};

struct virtio_net {
    struct virtio_device device;
    const struct virtio_net_far *far;
    void *far_ctx;
    uint8_t mac[NET_MAC_BYTES]; /* the one that it was given */
    uint64_t counter[VIRTIO_NET_COUNTERS];
    struct virtio_net_state {
        struct virtio_net_config config;
        uint16_t pairs;   /* that the driver uses */
        uint32_t accepts; /* enum net_offload: what its driver takes */
        uint32_t blocked; /* bit for each transmit queue that waits for room */
        bool filters;     /* the driver has said what it wants */
        bool mode[VIRTIO_NET_MODES];
        struct virtio_net_filter filter[2]; /* unicast, multicast */
        uint8_t flow[VIRTIO_NET_FLOWS];     /* by hash: the pair on which the guest sent last */
    } state;
    struct virtio_net_gather gather;
    struct chain_segment segments[VIRTQUEUE_SIZE_MAX]; /* of device.chain */
};

struct virtio_net_setup {
    const struct virtio_net_far *far; /* NULL: a net link (virtio_net_link.h); always, in a VMM */
    void *far_ctx;
    uint8_t mac[NET_MAC_BYTES];
    uint16_t mtu;
    uint32_t takes;      /* enum net_offload: what the far side takes */
    unsigned pair_count; /* 1 .. VIRTIO_NET_PAIR_MAX; of use: one for each vCPU */
    const struct ram *ram;
    const struct virtio_port *port;
    uint32_t mutex_id;
};

void virtio_net_init(struct virtio_net *net, const struct virtio_net_setup *setup);

/* The far side has room, or frames, or is up or down now. May come too often. */
void virtio_net_ready(struct virtio_net *net);
