// SPDX-License-Identifier: BSD-2-Clause
/* The socket device's packets to its guest, VIRTIO 1.3, 5.10.6. */
#include <string.h>

#include "device/virtio/virtio_vsock_packet.h"
#include "lib/check.h"

/* Each SHUTDOWN says all that is over by now, 5.10.6.5. */
static uint32_t shutdown_flags(const struct virtio_vsock_connection *c)
{
    if (c->phase != VSOCK_OPEN) {
        return VSOCK_SHUTDOWN_BOTH;
    }
    return (c->far_ended ? VSOCK_SHUTDOWN_SEND : 0u) | (c->far_deaf ? VSOCK_SHUTDOWN_RECEIVE : 0u);
}

/* Writes a packet's header into the chain. c: NULL: it is for nobody's packet. */
static uint32_t write_header(const struct virtio_vsock *vsock, const struct chain *chain,
                             struct virtio_vsock_connection *c, enum vsock_operation operation,
                             uint32_t length)
{
    const struct vsock_address *address = c != NULL ? &c->address : &vsock->state.stray[0].address;
    struct vsock_header h = {
        .source_cid = address->far_cid,
        .target_cid = vsock->state.cid,
        .source_port = address->far_port,
        .target_port = address->guest_port,
        .length = length,
        .type = VSOCK_TYPE_STREAM,
        .operation = (uint16_t)operation,
    };
    if (c != NULL) {
        h.flags = operation == VSOCK_OP_SHUTDOWN ? shutdown_flags(c) : 0;
        h.alloc = VIRTIO_VSOCK_BUFFER;
        h.forwarded = c->told_forwarded = c->forwarded;
    }
    return chain_write(chain, 0, &h, sizeof h);
}

static uint32_t send_stray(struct virtio_vsock *vsock, const struct chain *chain)
{
    struct virtio_vsock_state *s = &vsock->state;
    uint32_t written = write_header(vsock, chain, NULL, VSOCK_OP_RST, 0);
    s->stray_count--;
    memmove(s->stray, s->stray + 1, s->stray_count * sizeof s->stray[0]);
    return written;
}

static uint32_t send_message(struct virtio_vsock *vsock, struct virtio_vsock_connection *c,
                             const struct chain *chain)
{
    enum vsock_operation operation = (enum vsock_operation)__builtin_ctz(c->messages);
    c->messages &= (uint8_t)(c->messages - 1);
    uint32_t written = write_header(vsock, chain, c, operation, 0);
    if (operation == VSOCK_OP_RST) {
        c->phase = VSOCK_FREE;
    }
    return written;
}

/* Reads from the endpoint into the chain, behind the header. Returns how many bytes. */
static uint32_t read_data(struct virtio_vsock *vsock, struct virtio_vsock_connection *c,
                          const struct chain *chain)
{
    uint32_t most = vsock_credit(c) < VSOCK_PAYLOAD_MAX ? vsock_credit(c) : VSOCK_PAYLOAD_MAX;
    uint32_t done = 0, piece;
    uint8_t *bytes;
    while (done < most &&
           (bytes = chain_writable_span(chain, (uint32_t)sizeof(struct vsock_header) + done,
                                        &piece)) != NULL) {
        piece = piece < most - done ? piece : most - done;
        size_t got = vsock_endpoint_call(vsock, read, c->number, bytes, piece);
        if (got == VIRTIO_VSOCK_CLOSE) {
            vsock_hang_up(c);
            break;
        }
        if (got == VIRTIO_VSOCK_END) {
            c->far_ended = true;
            c->may_read = false;
            vsock_say(c, VSOCK_OP_SHUTDOWN);
            break;
        }
        CHECK(got <= piece);
        done += (uint32_t)got;
        if (got < piece) {
            /* Behind the last bytes there may be an end, so only nothing at all is enough. */
            c->may_read = got != 0;
            break;
        }
    }
    c->sent += done;
    return done;
}

/* 0: the endpoint has nothing after all. */
static uint32_t send_data(struct virtio_vsock *vsock, struct virtio_vsock_connection *c,
                          const struct chain *chain)
{
    uint32_t length = read_data(vsock, c, chain);
    if (length == 0) {
        return 0;
    }
    return write_header(vsock, chain, c, VSOCK_OP_RW, length) + length;
}

/* Who has something to send? Messages first, then data, in turn. */
static struct virtio_vsock_connection *choose(struct virtio_vsock *vsock)
{
    struct virtio_vsock_connection *with_data = NULL;
    for (unsigned i = 0; i < VIRTIO_VSOCK_CONNECTIONS; i++) {
        unsigned number = (vsock->state.turn + i) % VIRTIO_VSOCK_CONNECTIONS;
        struct virtio_vsock_connection *c = &vsock->state.connection[number];
        if (c->phase == VSOCK_OPEN && c->may_read && !c->guest_deaf && vsock_credit(c) == 0 &&
            !c->asked) {
            c->asked = true;
            vsock_say(c, VSOCK_OP_CREDIT_REQUEST);
        }
        if (c->phase != VSOCK_FREE && c->messages != 0) {
            return c;
        }
        if (with_data == NULL && c->phase == VSOCK_OPEN && c->may_read && !c->guest_deaf &&
            vsock_credit(c) != 0) {
            with_data = c;
        }
    }
    return with_data;
}

/* Fills one receive buffer. False: there was nothing for it. */
static bool fill(struct virtio_vsock *vsock, struct virtio_vsock_connection *c)
{
    struct virtio_device *device = &vsock->device;
    struct chain *chain = &device->chain;
    uint32_t written = 0;
    if (chain->writable_bytes > sizeof(struct vsock_header)) {
        if (vsock->state.stray_count != 0) {
            written = send_stray(vsock, chain);
        } else if (c->messages != 0) {
            written = send_message(vsock, c, chain);
        } else {
            vsock->state.turn = c->number + 1;
            written = send_data(vsock, c, chain);
            if (written == 0) {
                virtio_unpop(device, VSOCK_RECEIVE, chain);
                return false;
            }
        }
    }
    virtio_push(device, VSOCK_RECEIVE, chain, written); /* one without room for a packet: empty */
    return true;
}

enum virtio_progress vsock_send(struct virtio_vsock *vsock, unsigned *budget)
{
    struct virtio_device *device = &vsock->device;
    enum virtio_progress progress = VIRTIO_AGAIN;
    while (*budget != 0) {
        struct virtio_vsock_connection *c = choose(vsock);
        if (c == NULL && vsock->state.stray_count == 0) {
            progress = VIRTIO_BLOCKED;
            break;
        }
        if (!virtio_pop(device, VSOCK_RECEIVE, &device->chain)) {
            progress = VIRTIO_EMPTY;
            break;
        }
        unsigned price = 1;
        if (fill(vsock, c)) {
            price += device->chain.writable_bytes / VSOCK_PIECE_BYTES;
        }
        *budget -= price < *budget ? price : *budget;
    }
    if (vsock->state.transmit_waits && vsock->state.stray_count < VIRTIO_VSOCK_STRAYS) {
        vsock->state.transmit_waits = false;
        virtio_also(device, VSOCK_TRANSMIT);
    }
    return progress;
}
