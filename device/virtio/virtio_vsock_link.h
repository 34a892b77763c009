/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include "device/virtio/virtio_vsock.h"
#include "link/vsock_client.h"

/*
 * A socket device whose far ends are behind the socket relay. All that is here belongs to the
 * device's lock.
 */
enum virtio_vsock_link_phase {
    VSOCK_END_NONE,    /* no such connection */
    VSOCK_END_ASKED,   /* the guest asks, the relay has not answered */
    VSOCK_END_OFFERED, /* the relay asks, the guest has not answered */
    VSOCK_END_OPEN,
};

struct virtio_vsock_link {
    struct vsock_client client;
    struct virtio_vsock_end {
        uint8_t phase;   /* enum virtio_vsock_link_phase */
        uint8_t channel; /* ASKED, OPEN */
        bool deaf;       /* the guest receives no more */
        bool told_end;   /* the device knows that the far end sends no more */
        uint32_t offer;  /* OFFERED */
    } end[VIRTIO_VSOCK_CONNECTIONS];
    struct virtio_vsock vsock; /* by far the largest */
};

struct virtio_vsock_link_setup {
    struct vsock_link *link;
    void (*signal)(void *ctx); /* the relay */
    void *ctx;
    uint64_t guest_cid;
    const struct ram *ram;
    const struct virtio_port *port;
    uint32_t mutex_id;
};

/* False: the link was not formatted. */
bool virtio_vsock_link_init(struct virtio_vsock_link *link,
                            const struct virtio_vsock_link_setup *setup);

/* Event thread: the relay has signalled. True: there is more to do, call again soon. */
bool virtio_vsock_link_event(struct virtio_vsock_link *link);

/* What the device calls, which must be one of these: as in struct virtio_vsock_endpoint. */
enum virtio_vsock_answer virtio_vsock_link_open(struct virtio_vsock *vsock, unsigned connection,
                                                const struct vsock_address *address);
size_t virtio_vsock_link_write(struct virtio_vsock *vsock, unsigned connection,
                               const uint8_t *bytes, size_t count);
size_t virtio_vsock_link_read(struct virtio_vsock *vsock, unsigned connection, uint8_t *bytes,
                              size_t count);
void virtio_vsock_link_end(struct virtio_vsock *vsock, unsigned connection);
void virtio_vsock_link_deaf(struct virtio_vsock *vsock, unsigned connection);
void virtio_vsock_link_close(struct virtio_vsock *vsock, unsigned connection);
