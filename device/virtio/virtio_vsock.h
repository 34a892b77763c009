/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "device/virtio/virtio.h"
#include "link/vsock.h"

/*
 * The socket device, VIRTIO 1.3, 5.10, streams only. The device is one end of every connection of
 * its guest: it keeps the books of credit, and hands bytes to its endpoint, which is whoever knows
 * the far ends. Every header is checked; a packet that belongs to no connection is answered with
 * RST.
 *
 * Credit: we promise the guest VIRTIO_VSOCK_BUFFER bytes for each connection and keep what its
 * endpoint does not take at once; who sends more than was promised is cut off. We send no more than
 * the guest promised.
 */
enum {
    VIRTIO_VSOCK_CONNECTIONS = 16,
    VIRTIO_VSOCK_BUFFER = 8192, /* a power of two */
    VIRTIO_VSOCK_STRAYS = 16,   /* RSTs for nobody's packets that wait for a receive buffer */
};

/* What read and write of an endpoint return to close the connection. */
#define VIRTIO_VSOCK_CLOSE SIZE_MAX
/* What read returns when the far end sends no more bytes, but still takes some. */
#define VIRTIO_VSOCK_END (SIZE_MAX - 1)

enum virtio_vsock_answer {
    VIRTIO_VSOCK_REFUSE,
    VIRTIO_VSOCK_ACCEPT,
    VIRTIO_VSOCK_LATER, /* virtio_vsock_accept or virtio_vsock_close follows */
};

/*
 * The far end of connections, known by their numbers (below VIRTIO_VSOCK_CONNECTIONS). All under
 * the device's lock: must not call back.
 */
struct virtio_vsock_endpoint {
    /* The guest asks for a connection; or it has accepted one, then LATER is no answer. */
    enum virtio_vsock_answer (*open)(void *ctx, unsigned connection,
                                     const struct vsock_address *address);
    /* Bytes of the guest; returns how many it took. If not all, virtio_vsock_ready follows. */
    size_t (*write)(void *ctx, unsigned connection, const uint8_t *bytes, size_t count);
    /* Bytes for the guest, right into its memory. If none at all, virtio_vsock_ready follows when
     * there are some, or when it wants to end or close. */
    size_t (*read)(void *ctx, unsigned connection, uint8_t *bytes, size_t count);
    /* The guest sends no more; all of its bytes have been taken. */
    void (*end)(void *ctx, unsigned connection);
    /* The guest receives no more. */
    void (*deaf)(void *ctx, unsigned connection);
    /* The connection is gone, and so is its number; not after the endpoint closed it itself. */
    void (*close)(void *ctx, unsigned connection);
    void *ctx;
};

enum virtio_vsock_phase {
    VSOCK_FREE,
    VSOCK_CONNECTING, /* we ask the guest */
    VSOCK_ASKED,      /* the guest asks, and the endpoint has not answered yet */
    VSOCK_OPEN,
    VSOCK_CLOSING, /* the endpoint is gone, the guest has to answer our SHUTDOWN */
    VSOCK_DYING,   /* the endpoint is gone, RST waits for a receive buffer */
};

struct virtio_vsock_connection {
    struct vsock_address address;
    uint8_t number;                        /* its index */
    uint8_t phase;                         /* enum virtio_vsock_phase */
    uint8_t messages;                      /* bit for each operation to be sent */
    bool may_read;                         /* the endpoint may have bytes */
    bool guest_ended;                      /* the guest sends no more */
    bool told_end;                         /* and the endpoint knows */
    bool guest_deaf;                       /* the guest receives no more */
    bool far_ended;                        /* the far end sends no more */
    bool far_deaf;                         /* the far end receives no more */
    bool asked;                            /* for credit, and there has been none since */
    uint32_t guest_alloc, guest_forwarded; /* the guest's promise */
    uint32_t sent;                         /* bytes to the guest, modulo 2^32 */
    uint32_t received;                     /* bytes from the guest, .. */
    uint32_t forwarded;                    /* of these, what the endpoint took, .. */
    uint32_t told_forwarded;               /* and what the guest knows of that */
    uint8_t buffer[VIRTIO_VSOCK_BUFFER];   /* bytes forwarded .. received, by their number */
};

struct virtio_vsock {
    struct virtio_device device;
    const struct virtio_vsock_endpoint *endpoint;
    struct virtio_vsock_state {
        uint64_t cid; /* of the guest: the configuration space, 5.10.4 */
        struct virtio_vsock_stray {
            struct vsock_address address;
        } stray[VIRTIO_VSOCK_STRAYS];
        unsigned stray_count;
        unsigned turn;        /* who may send data next */
        bool transmit_waits;  /* for room for a stray */
        bool wants_event;     /* the guest shall look at its CID again */
        uint64_t bad_packets; /* dropped without an answer */
        struct virtio_vsock_connection connection[VIRTIO_VSOCK_CONNECTIONS];
    } state;
    struct chain_segment segments[VIRTQUEUE_SIZE_MAX]; /* of device.chain */
};

/* endpoint NULL: that of the struct virtio_vsock_link around it; always, in a VMM. */
void virtio_vsock_init(struct virtio_vsock *vsock, uint64_t guest_cid,
                       const struct virtio_vsock_endpoint *endpoint, const struct ram *ram,
                       const struct virtio_port *port, uint32_t mutex_id);

/* For the endpoint, outside of its own functions. All (L): with virtio_lock of the device taken. */

/*
 * Connects to a port of the guest. Returns the connection's number, -1 when there is no room, no
 * guest, or such a connection already. open says when the guest has accepted, close when it did
 * not.
 */
int virtio_vsock_connect(struct virtio_vsock *vsock, const struct vsock_address *address);

/* After LATER: there it is. Harmless for any number. */
void virtio_vsock_accept(struct virtio_vsock *vsock, unsigned connection);

/* The endpoint may take bytes again, or has some. Harmless for any number. */
void virtio_vsock_ready(struct virtio_vsock *vsock, unsigned connection);

/* Does it hold bytes of the guest that the endpoint had no room for? */
bool virtio_vsock_waits(const struct virtio_vsock *vsock, unsigned connection);

/* The far end takes no more bytes. Harmless for any number. */
void virtio_vsock_deaf(struct virtio_vsock *vsock, unsigned connection);

/* The endpoint is done with the connection. Nothing more is called for it. */
void virtio_vsock_close(struct virtio_vsock *vsock, unsigned connection);

/* The same, and the guest shall not think that this was the end of what it was sent. */
void virtio_vsock_cut(struct virtio_vsock *vsock, unsigned connection);

/*
 * All far ends are gone at once: the guest shuts its connections down, and looks at its CID again
 * (5.10.6.7, VIRTIO_VSOCK_EVENT_TRANSPORT_RESET). close is called for each of them. RST would be
 * the end of a stream to the guest, if it came first; this is an error.
 */
void virtio_vsock_reset(struct virtio_vsock *vsock);
