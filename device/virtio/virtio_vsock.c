// SPDX-License-Identifier: BSD-2-Clause
#include "device/virtio/virtio_vsock.h"

#include <string.h>

#include "device/virtio/virtio_vsock_packet.h"
#include "lib/check.h"
#include "lib/start_only.h"

enum {
    F_STREAM = 1 << 0, /* 5.10.3 */
    QUEUES = 3,
    QUEUE_SIZE = 128,
};

static struct virtio_vsock *vsock_of(struct virtio_device *device)
{
    return (struct virtio_vsock *)device;
}

static struct virtio_vsock_connection *find(struct virtio_vsock *vsock,
                                            const struct vsock_address *address)
{
    for (unsigned i = 0; i < VIRTIO_VSOCK_CONNECTIONS; i++) {
        struct virtio_vsock_connection *c = &vsock->state.connection[i];
        if (c->phase != VSOCK_FREE && c->address.far_cid == address->far_cid &&
            c->address.far_port == address->far_port &&
            c->address.guest_port == address->guest_port) {
            return c;
        }
    }
    return NULL;
}

/* A place for a connection; if need be, that of one whose guest does not answer our SHUTDOWN. */
static struct virtio_vsock_connection *allocate(struct virtio_vsock *vsock,
                                                const struct vsock_address *address)
{
    struct virtio_vsock_connection *found = NULL;
    for (unsigned i = 0; i < VIRTIO_VSOCK_CONNECTIONS; i++) {
        struct virtio_vsock_connection *c = &vsock->state.connection[i];
        if (c->phase == VSOCK_FREE) {
            found = c;
            break;
        }
        if (c->phase == VSOCK_CLOSING && c->messages == 0) {
            found = c;
        }
    }
    if (found != NULL) {
        memset(found, 0, offsetof(struct virtio_vsock_connection, buffer));
        found->number = (uint8_t)(found - vsock->state.connection);
        found->address = *address;
    }
    return found;
}

/* The endpoint loses the connection, unless it has given it up itself. */
static void lose(struct virtio_vsock *vsock, struct virtio_vsock_connection *c)
{
    bool is_live = vsock_is_live(c);
    c->phase = VSOCK_FREE;
    if (is_live) {
        vsock_endpoint_call(vsock, close, c->number);
    }
}

/* The same, and the guest hears of it. */
static void cut(struct virtio_vsock *vsock, struct virtio_vsock_connection *c)
{
    lose(vsock, c);
    c->phase = VSOCK_DYING;
    c->messages = 1u << VSOCK_OP_RST;
}

void vsock_hang_up(struct virtio_vsock_connection *c)
{
    if (c->phase == VSOCK_OPEN && !(c->guest_ended && c->guest_deaf)) {
        c->phase = VSOCK_CLOSING;
        c->messages |= 1u << VSOCK_OP_SHUTDOWN;
    } else {
        c->phase = VSOCK_DYING;
        c->messages = 1u << VSOCK_OP_RST;
    }
}

/* Hands bytes to the endpoint. Returns how many it took; all of them, if nobody listens any more.
 */
static uint32_t hand_over(struct virtio_vsock *vsock, struct virtio_vsock_connection *c,
                          const uint8_t *bytes, uint32_t count)
{
    if (c->phase != VSOCK_OPEN || c->far_deaf) {
        return count;
    }
    size_t taken = vsock_endpoint_call(vsock, write, c->number, bytes, count);
    if (taken == VIRTIO_VSOCK_CLOSE) {
        vsock_hang_up(c);
        return count;
    }
    CHECK(taken <= count);
    return (uint32_t)taken;
}

/* What the endpoint has taken since the guest was told, once it is worth a packet. */
static void offer_credit(struct virtio_vsock_connection *c)
{
    if (c->phase == VSOCK_OPEN && c->forwarded - c->told_forwarded >= VIRTIO_VSOCK_BUFFER / 2) {
        vsock_say(c, VSOCK_OP_CREDIT_UPDATE);
    }
}

/* Empties the buffer as far as the endpoint takes it, and then does what had to wait for that. */
static void drain(struct virtio_vsock *vsock, struct virtio_vsock_connection *c)
{
    while (vsock_buffered(c) != 0) {
        uint32_t at = c->forwarded % VIRTIO_VSOCK_BUFFER;
        uint32_t piece = VIRTIO_VSOCK_BUFFER - at;
        piece = piece < vsock_buffered(c) ? piece : vsock_buffered(c);
        uint32_t taken = hand_over(vsock, c, c->buffer + at, piece);
        c->forwarded += taken;
        if (taken < piece) {
            break;
        }
    }
    offer_credit(c);
    if (c->phase != VSOCK_OPEN || !c->guest_ended || vsock_buffered(c) != 0) {
        return;
    }
    if (!c->told_end) {
        c->told_end = true;
        vsock_endpoint_call(vsock, end, c->number);
    }
    if (c->guest_deaf) {
        cut(vsock, c);
    }
}

static void keep(struct virtio_vsock_connection *c, const uint8_t *bytes, uint32_t count)
{
    for (uint32_t done = 0, piece; done < count; done += piece) {
        uint32_t at = c->received % VIRTIO_VSOCK_BUFFER;
        piece = VIRTIO_VSOCK_BUFFER - at;
        piece = piece < count - done ? piece : count - done;
        memcpy(c->buffer + at, bytes + done, piece);
        c->received += piece;
    }
}

/* RW: `length` bytes behind the header, which are in the chain. */
static void take_data(struct virtio_vsock *vsock, struct virtio_vsock_connection *c,
                      const struct chain *chain, uint32_t length)
{
    if (c->phase == VSOCK_CLOSING) {
        return;
    }
    if (c->phase != VSOCK_OPEN || c->guest_ended ||
        length > VIRTIO_VSOCK_BUFFER - vsock_buffered(c)) {
        cut(vsock, c);
        return;
    }
    for (uint32_t done = 0, piece; done < length; done += piece) {
        const uint8_t *bytes =
            chain_readable_span(chain, (uint32_t)sizeof(struct vsock_header) + done, &piece);
        piece = piece < length - done ? piece : length - done;
        uint32_t taken = vsock_buffered(c) == 0 ? hand_over(vsock, c, bytes, piece) : 0;
        c->received += taken;
        c->forwarded += taken;
        keep(c, bytes + taken, piece - taken);
    }
    offer_credit(c);
}

static struct vsock_address address_of(const struct vsock_header *h)
{
    return (struct vsock_address){h->target_cid, h->target_port, h->source_port};
}

static void stray(struct virtio_vsock *vsock, const struct vsock_header *h)
{
    CHECK(vsock->state.stray_count < VIRTIO_VSOCK_STRAYS);
    vsock->state.stray[vsock->state.stray_count++].address = address_of(h);
}

/* Both sides have agreed. */
static void open(struct virtio_vsock *vsock, struct virtio_vsock_connection *c)
{
    c->phase = VSOCK_OPEN;
    c->may_read = true;
    vsock_say(c, VSOCK_OP_RESPONSE);
    /* What the guest has said meanwhile. */
    if (c->guest_deaf) {
        vsock_endpoint_call(vsock, deaf, c->number);
    }
    drain(vsock, c);
}

static void request(struct virtio_vsock *vsock, const struct vsock_header *h)
{
    const struct vsock_address address = address_of(h);
    struct virtio_vsock_connection *c = allocate(vsock, &address);
    if (c == NULL) {
        stray(vsock, h);
        return;
    }
    c->phase = VSOCK_ASKED;
    c->guest_alloc = h->alloc;
    c->guest_forwarded = h->forwarded;
    switch (vsock_endpoint_call(vsock, open, c->number, &address)) {
    case VIRTIO_VSOCK_ACCEPT:
        open(vsock, c);
        break;
    case VIRTIO_VSOCK_LATER:
        break;
    default:
        c->phase = VSOCK_FREE;
        stray(vsock, h);
        break;
    }
}

static void response(struct virtio_vsock *vsock, struct virtio_vsock_connection *c)
{
    if (c->phase != VSOCK_CONNECTING) {
        cut(vsock, c);
        return;
    }
    c->phase = VSOCK_OPEN;
    c->may_read = true;
    if (vsock_endpoint_call(vsock, open, c->number, &c->address) != VIRTIO_VSOCK_ACCEPT) {
        vsock_hang_up(c);
    }
}

static void shut_down(struct virtio_vsock *vsock, struct virtio_vsock_connection *c, uint32_t flags)
{
    bool newly_deaf = !c->guest_deaf && (flags & VSOCK_SHUTDOWN_RECEIVE) != 0;
    c->guest_deaf |= newly_deaf;
    c->guest_ended |= (flags & VSOCK_SHUTDOWN_SEND) != 0;
    if (c->phase != VSOCK_OPEN && (flags & VSOCK_SHUTDOWN_BOTH) == VSOCK_SHUTDOWN_BOTH) {
        cut(vsock, c);
        return;
    }
    if (c->phase == VSOCK_OPEN && newly_deaf) {
        vsock_endpoint_call(vsock, deaf, c->number);
    }
    drain(vsock, c);
}

/* A packet of a connection that there is. */
static void serve(struct virtio_vsock *vsock, struct virtio_vsock_connection *c,
                  const struct vsock_header *h, const struct chain *chain)
{
    if (c->phase == VSOCK_DYING) {
        return; /* its RST is on the way */
    }
    c->guest_alloc = h->alloc;
    c->guest_forwarded = h->forwarded;
    c->asked = c->asked && vsock_credit(c) == 0;
    switch (h->operation) {
    case VSOCK_OP_RESPONSE:
        response(vsock, c);
        break;
    case VSOCK_OP_RST:
        lose(vsock, c);
        break;
    case VSOCK_OP_SHUTDOWN:
        shut_down(vsock, c, h->flags);
        break;
    case VSOCK_OP_RW:
        take_data(vsock, c, chain, h->length);
        break;
    case VSOCK_OP_CREDIT_UPDATE:
        break;
    case VSOCK_OP_CREDIT_REQUEST:
        vsock_say(c, VSOCK_OP_CREDIT_UPDATE);
        break;
    default: /* VSOCK_OP_REQUEST among them: there is this connection already */
        cut(vsock, c);
        break;
    }
}

/* One packet of the guest. Every field of the header is the guest's; room for a stray is there. */
static void packet(struct virtio_vsock *vsock, const struct chain *chain)
{
    struct vsock_header h;
    if (chain_read(chain, 0, &h, sizeof h) != sizeof h || h.source_cid != vsock->state.cid ||
        h.length > chain->readable_bytes - sizeof h || h.length > VSOCK_PAYLOAD_MAX) {
        vsock->state.bad_packets++;
        return;
    }
    const struct vsock_address address = address_of(&h);
    struct virtio_vsock_connection *c = find(vsock, &address);
    if (h.type == VSOCK_TYPE_STREAM && c != NULL) {
        serve(vsock, c, &h, chain);
    } else if (h.type == VSOCK_TYPE_STREAM && h.operation == VSOCK_OP_REQUEST) {
        request(vsock, &h);
    } else if (h.operation != VSOCK_OP_RST) {
        stray(vsock, &h);
    }
}

static enum virtio_progress work_transmit(struct virtio_vsock *vsock, unsigned *budget)
{
    struct virtio_device *device = &vsock->device;
    virtio_also(device, VSOCK_RECEIVE);
    while (*budget != 0) {
        /* Answers wait for receive buffers, so the guest's packets wait for them, too. */
        vsock->state.transmit_waits = vsock->state.stray_count == VIRTIO_VSOCK_STRAYS;
        if (vsock->state.transmit_waits) {
            return VIRTIO_BLOCKED;
        }
        if (!virtio_pop(device, VSOCK_TRANSMIT, &device->chain)) {
            return VIRTIO_EMPTY;
        }
        unsigned price = 1 + device->chain.readable_bytes / VSOCK_PIECE_BYTES;
        *budget -= price < *budget ? price : *budget;
        packet(vsock, &device->chain);
        virtio_push(device, VSOCK_TRANSMIT, &device->chain, 0);
    }
    return VIRTIO_AGAIN;
}

/* 5.10.6.7: VIRTIO_VSOCK_EVENT_TRANSPORT_RESET is 0. */
static enum virtio_progress work_event(struct virtio_vsock *vsock)
{
    struct virtio_device *device = &vsock->device;
    const uint32_t event = 0;
    if (!vsock->state.wants_event) {
        return VIRTIO_BLOCKED;
    }
    if (virtio_pop(device, VSOCK_EVENT, &device->chain)) {
        vsock->state.wants_event = false;
        virtio_push(device, VSOCK_EVENT, &device->chain,
                    chain_write(&device->chain, 0, &event, sizeof event));
        return VIRTIO_BLOCKED;
    }
    return VIRTIO_EMPTY;
}

static enum virtio_progress work(struct virtio_device *device, unsigned queue, unsigned *budget)
{
    struct virtio_vsock *vsock = vsock_of(device);
    switch (queue) {
    case VSOCK_RECEIVE:
        return vsock_send(vsock, budget);
    case VSOCK_TRANSMIT:
        return work_transmit(vsock, budget);
    default:
        return work_event(vsock);
    }
}

static void lose_all(struct virtio_vsock *vsock)
{
    for (unsigned i = 0; i < VIRTIO_VSOCK_CONNECTIONS; i++) {
        lose(vsock, &vsock->state.connection[i]);
    }
    vsock->state.stray_count = 0;
    vsock->state.transmit_waits = false;
}

static bool stop(struct virtio_device *device)
{
    lose_all(vsock_of(device));
    vsock_of(device)->state.wants_event = false;
    return true;
}

static const struct virtio_ops ops = {
    .name = "vsock",
    .type = VIRTIO_TYPE_VSOCK,
    .work = work,
    .stop = stop,
};

int virtio_vsock_connect(struct virtio_vsock *vsock, const struct vsock_address *address)
{
    struct virtio_vsock_connection *c = NULL;
    if (virtio_alive(&vsock->device) && find(vsock, address) == NULL) {
        c = allocate(vsock, address);
    }
    if (c == NULL) {
        return -1;
    }
    c->phase = VSOCK_CONNECTING;
    vsock_say(c, VSOCK_OP_REQUEST);
    virtio_work(&vsock->device, VSOCK_RECEIVE);
    return c->number;
}

static struct virtio_vsock_connection *numbered(struct virtio_vsock *vsock, unsigned connection)
{
    CHECK(connection < VIRTIO_VSOCK_CONNECTIONS);
    return &vsock->state.connection[connection];
}

void virtio_vsock_accept(struct virtio_vsock *vsock, unsigned connection)
{
    struct virtio_vsock_connection *c = numbered(vsock, connection);
    if (c->phase == VSOCK_ASKED) {
        open(vsock, c);
        virtio_work(&vsock->device, VSOCK_RECEIVE);
    }
}

void virtio_vsock_ready(struct virtio_vsock *vsock, unsigned connection)
{
    struct virtio_vsock_connection *c = numbered(vsock, connection);
    if (c->phase == VSOCK_OPEN) {
        c->may_read = !c->far_ended;
        drain(vsock, c);
    }
    virtio_work(&vsock->device, VSOCK_RECEIVE);
}

bool virtio_vsock_waits(const struct virtio_vsock *vsock, unsigned connection)
{
    CHECK(connection < VIRTIO_VSOCK_CONNECTIONS);
    return vsock_buffered(&vsock->state.connection[connection]) != 0;
}

void virtio_vsock_deaf(struct virtio_vsock *vsock, unsigned connection)
{
    struct virtio_vsock_connection *c = numbered(vsock, connection);
    if (c->phase == VSOCK_OPEN && !c->far_deaf) {
        c->far_deaf = true;
        vsock_say(c, VSOCK_OP_SHUTDOWN);
        drain(vsock, c);
        virtio_work(&vsock->device, VSOCK_RECEIVE);
    }
}

void virtio_vsock_close(struct virtio_vsock *vsock, unsigned connection)
{
    struct virtio_vsock_connection *c = numbered(vsock, connection);
    if (vsock_is_live(c)) {
        vsock_hang_up(c);
        virtio_work(&vsock->device, VSOCK_RECEIVE);
    }
}

void virtio_vsock_cut(struct virtio_vsock *vsock, unsigned connection)
{
    struct virtio_vsock_connection *c = numbered(vsock, connection);
    if (vsock_is_live(c)) {
        c->phase = VSOCK_DYING;
        c->messages = 1u << VSOCK_OP_RST;
        virtio_work(&vsock->device, VSOCK_RECEIVE);
    }
}

void virtio_vsock_reset(struct virtio_vsock *vsock)
{
    for (unsigned i = 0; i < VIRTIO_VSOCK_CONNECTIONS; i++) {
        struct virtio_vsock_connection *c = &vsock->state.connection[i];
        if (c->phase == VSOCK_ASKED) {
            cut(vsock, c); /* the event is for established connections */
        } else if (vsock_is_live(c)) {
            lose(vsock, c);
        }
    }
    vsock->state.wants_event = virtio_alive(&vsock->device);
    virtio_work(&vsock->device, VSOCK_EVENT);
    virtio_work(&vsock->device, VSOCK_RECEIVE);
}

START_ONLY void virtio_vsock_init(struct virtio_vsock *vsock, uint64_t guest_cid,
                                  const struct virtio_vsock_endpoint *endpoint,
                                  const struct ram *ram, const struct virtio_port *port,
                                  uint32_t mutex_id)
{
    CHECK(guest_cid >= VSOCK_CID_MIN && guest_cid < UINT32_MAX);
    memset(&vsock->state, 0, sizeof vsock->state);
    vsock->endpoint = endpoint;
    vsock->state.cid = guest_cid;
    virtio_init(&vsock->device, &(struct virtio_setup){
                                    .ops = &ops,
                                    .port = port,
                                    .ram = ram,
                                    .mutex_id = mutex_id,
                                    .segments = vsock->segments,
                                    .features = VIRTIO_FEATURES | VIRTIO_F_IN_ORDER | F_STREAM,
                                    .config = &vsock->state.cid,
                                    .config_bytes = sizeof vsock->state.cid,
                                    .queue_count = QUEUES,
                                    .queue_size = QUEUE_SIZE,
                                });
}
