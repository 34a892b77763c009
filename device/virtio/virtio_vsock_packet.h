/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include "device/virtio/virtio_vsock_link.h"

/* Between the two directions of the socket device; for nobody else. */

enum { VSOCK_RECEIVE = 0, VSOCK_TRANSMIT = 1, VSOCK_EVENT = 2 };

enum {
    VSOCK_TYPE_STREAM = 1,    /* 5.10.6.2 */
    VSOCK_PIECE_BYTES = 4096, /* what one unit of the budget pays */
    VSOCK_PAYLOAD_MAX = 65536,
};

/* 5.10.6 */
enum vsock_operation {
    VSOCK_OP_REQUEST = 1,
    VSOCK_OP_RESPONSE = 2,
    VSOCK_OP_RST = 3,
    VSOCK_OP_SHUTDOWN = 4,
    VSOCK_OP_RW = 5,
    VSOCK_OP_CREDIT_UPDATE = 6,
    VSOCK_OP_CREDIT_REQUEST = 7,
};

enum { VSOCK_SHUTDOWN_RECEIVE = 1, VSOCK_SHUTDOWN_SEND = 2, VSOCK_SHUTDOWN_BOTH = 3 };

struct __attribute__((packed)) vsock_header {
    uint64_t source_cid, target_cid;
    uint32_t source_port, target_port;
    uint32_t length;
    uint16_t type;
    uint16_t operation;
    uint32_t flags;
    uint32_t alloc;     /* the sender's promise: buf_alloc */
    uint32_t forwarded; /* fwd_cnt */
};
_Static_assert(sizeof(struct vsock_header) == 44, "as in 5.10.6");

/*
 * Calls a function of the endpoint. In a VMM that is always a link, called directly; on the host
 * there are others.
 */
#define vsock_endpoint_call(vsock, function, ...)                                                  \
    (!__STDC_HOSTED__ || (vsock)->endpoint == NULL                                                 \
         ? virtio_vsock_link_##function(vsock, __VA_ARGS__)                                        \
         : (vsock)->endpoint->function((vsock)->endpoint->ctx, __VA_ARGS__))

static inline void vsock_say(struct virtio_vsock_connection *c, enum vsock_operation operation)
{
    c->messages |= (uint8_t)(1u << operation);
}

static inline uint32_t vsock_buffered(const struct virtio_vsock_connection *c)
{
    return c->received - c->forwarded;
}

/* How many bytes the guest has promised room for. It may take promises back: then none. */
static inline uint32_t vsock_credit(const struct virtio_vsock_connection *c)
{
    uint32_t in_flight = c->sent - c->guest_forwarded;
    return in_flight < c->guest_alloc ? c->guest_alloc - in_flight : 0;
}

/* Has an endpoint that wants to hear of it. */
static inline bool vsock_is_live(const struct virtio_vsock_connection *c)
{
    return c->phase == VSOCK_CONNECTING || c->phase == VSOCK_ASKED || c->phase == VSOCK_OPEN;
}

/* The endpoint has given the connection up: tells the guest. */
void vsock_hang_up(struct virtio_vsock_connection *c);

/* Sends the guest what there is for it, as far as it has buffers. */
enum virtio_progress vsock_send(struct virtio_vsock *vsock, unsigned *budget);
