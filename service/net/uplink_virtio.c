// SPDX-License-Identifier: BSD-2-Clause
#include "service/net/uplink_virtio.h"

#include <string.h>

#include "lib/check.h"
#include "lib/log.h"
#include "lib/range.h"

enum { QUEUE_RECEIVE = 0, QUEUE_SEND = 1 };

/* 5.1.3. */
#define F_CSUM       (1ull << 0)
#define F_GUEST_CSUM (1ull << 1)
#define F_STATUS     (1ull << 16)

/* 5.1.4: where `status` is, and its bits. */
enum { CONFIG_STATUS = 6, STATUS_LINK_UP = 1 };

/* 5.1.6: before each frame. */
struct virtio_net_head {
    uint8_t flags, gso_type;
    uint16_t header_length, gso_size, csum_start, csum_offset, buffer_count;
};
enum { HEAD = sizeof(struct virtio_net_head) };
_Static_assert(HEAD == 12, "5.1.6");

static uint8_t *buffer(const struct uplink_virtio *u, unsigned index)
{
    return u->buffers + (size_t)index * u->buffer_bytes;
}

static void post_receive(struct uplink_virtio *u, uint16_t index)
{
    struct vring_segment segment = {dma_paddr(&u->dma, buffer(u, index)), u->buffer_bytes};
    int id = vring_add(&u->receive, &segment, 0, 1);
    if (id >= 0) {
        u->receive_buffer[id] = index;
    }
}

static void read_status(struct uplink_virtio *u)
{
    u->up = (u->transport.features & F_STATUS) == 0 ||
            (transport_config(&u->transport, CONFIG_STATUS, 2) & STATUS_LINK_UP) != 0;
}

static bool make_queues(struct uplink_virtio *u)
{
    u->dma.taken_bytes = 0;
    if (!transport_queue(&u->transport, QUEUE_RECEIVE, UPLINK_QUEUE_SIZE, &u->receive, &u->dma) ||
        !transport_queue(&u->transport, QUEUE_SEND, UPLINK_QUEUE_SIZE, &u->send, &u->dma)) {
        return false;
    }
    u->buffer_bytes = (uint32_t)align_up(HEAD + u->frame_max, 64);
    u->buffers = dma_take(&u->dma, 2ull * UPLINK_QUEUE_SIZE * u->buffer_bytes, 64);
    return u->buffers != NULL;
}

static bool begin(struct uplink_virtio *u)
{
    if (!transport_negotiate(&u->transport,
                             F_CSUM | F_GUEST_CSUM | F_STATUS | VIRTIO_F_EVENT_IDX)) {
        return false;
    }
    if (!make_queues(u)) {
        transport_fail(&u->transport);
        return false;
    }
    transport_start(&u->transport);
    for (uint16_t i = 0; i < u->receive.size; i++) {
        post_receive(u, i);
    }
    u->free_send_count = 0;
    for (uint16_t i = 0; i < UPLINK_QUEUE_SIZE; i++) {
        u->free_send[u->free_send_count++] = (uint16_t)(UPLINK_QUEUE_SIZE + i);
    }
    read_status(u);
    if (vring_publish(&u->receive)) {
        transport_notify(&u->transport, QUEUE_RECEIVE);
    }
    vring_wait(&u->receive);
    return true;
}

bool uplink_virtio_start(struct uplink_virtio *u, const struct transport_registers *registers,
                         const struct dma *dma, uint32_t mtu)
{
    memset(u, 0, sizeof *u);
    u->registers = *registers;
    u->dma = *dma;
    u->frame_max = mtu + NET_ETHERNET_BYTES + NET_VLAN_BYTES;
    u->running = transport_open(&u->transport, registers, VIRTIO_TYPE_NET) && begin(u);
    return u->running;
}

/* The device broke the rules: it begins anew, a few times. Frames in its queues are lost. */
static void restart(struct uplink_virtio *u)
{
    log_warning("the uplink's device broke the rules of its queues");
    u->running = u->restarts++ < UPLINK_RESTARTS && begin(u);
    if (!u->running) {
        transport_fail(&u->transport);
        log_error("the uplink is out of service");
    }
}

void uplink_virtio_interrupt(struct uplink_virtio *u)
{
    if (!u->running) {
        return;
    }
    uint32_t causes = transport_interrupts(&u->transport);
    if ((causes & TRANSPORT_CONFIG) != 0) {
        if (transport_broken(&u->transport)) {
            restart(u);
        } else {
            read_status(u);
        }
    }
}

static uint32_t accepts(void *ctx)
{
    const struct uplink_virtio *u = ctx;
    return (u->transport.features & F_CSUM) != 0 ? NET_OFFLOAD_CSUM : 0;
}

/* Takes back the buffers that the device has sent. */
static void reap(struct uplink_virtio *u)
{
    uint16_t id;
    uint32_t written;
    enum vring_result result;
    while ((result = vring_take(&u->send, &id, &written)) == VRING_TAKEN) {
        CHECK(u->free_send_count < UPLINK_QUEUE_SIZE);
        u->free_send[u->free_send_count++] = u->send_buffer[id];
    }
    if (result == VRING_BROKEN) {
        restart(u);
    }
}

static bool send(void *ctx, const struct frame *frame)
{
    struct uplink_virtio *u = ctx;
    if (!u->running || !u->up || frame->start.head.length > u->frame_max) {
        return false;
    }
    if (u->free_send_count == 0 || vring_room(&u->send, 1) == 0) {
        reap(u);
    }
    if (!u->running || u->free_send_count == 0 || vring_room(&u->send, 1) == 0) {
        return false;
    }
    uint16_t index = u->free_send[--u->free_send_count];
    uint8_t *to = buffer(u, index);
    const struct virtio_net_head head = {
        .flags = frame->start.head.flags & NET_NEEDS_CSUM,
        .csum_start = frame->start.head.csum_start,
        .csum_offset = frame->start.head.csum_offset,
    };
    memcpy(to, &head, HEAD);
    memcpy(to + HEAD, frame->start.ethernet, NET_ETHERNET_BYTES);
    to += HEAD + NET_ETHERNET_BYTES;
    for (unsigned i = 0; i < 2; i++) {
        if (frame->rest[i].size != 0) {
            memcpy(to, frame->rest[i].bytes, frame->rest[i].size);
            to += frame->rest[i].size;
        }
    }
    struct vring_segment segment = {dma_paddr(&u->dma, buffer(u, index)),
                                    HEAD + frame->start.head.length};
    int id = vring_add(&u->send, &segment, 1, 0);
    CHECK(id >= 0);
    u->send_buffer[id] = index;
    return true;
}

/* What the device wrote into a buffer, as a frame. False: it cannot be. */
static bool read_frame(struct uplink_virtio *u, const uint8_t *from, uint32_t written,
                       struct frame *frame)
{
    struct virtio_net_head head;
    if (written < HEAD + NET_FRAME_MIN) {
        return false;
    }
    memcpy(&head, from, HEAD);
    frame->start.head = (struct net_head){
        .length = written - HEAD,
        .flags = head.flags,
        .gso_type = head.gso_type,
        .csum_start = head.csum_start,
        .csum_offset = head.csum_offset,
    };
    if ((u->transport.features & F_GUEST_CSUM) == 0) {
        frame->start.head.flags = 0;
    }
    memcpy(frame->start.ethernet, from + HEAD, NET_ETHERNET_BYTES);
    frame->rest[0] =
        (struct ring_piece){from + HEAD + NET_ETHERNET_BYTES, written - HEAD - NET_ETHERNET_BYTES};
    frame->rest[1] = (struct ring_piece){NULL, 0};
    /* Long frames were not negotiated. */
    return head.gso_type == NET_GSO_NONE && net_head_valid(&frame->start.head);
}

static bool receive(void *ctx, struct frame *frame)
{
    struct uplink_virtio *u = ctx;
    uint32_t written;
    uint16_t id;
    for (unsigned i = 0; u->running && i < UPLINK_QUEUE_SIZE; i++) {
        switch (vring_take(&u->receive, &id, &written)) {
        case VRING_EMPTY:
            return false;
        case VRING_BROKEN:
            restart(u);
            break;
        case VRING_TAKEN:
            u->taken = u->receive_buffer[id];
            if (read_frame(u, buffer(u, u->taken), written, frame)) {
                return true;
            }
            u->bad_count++;
            post_receive(u, u->taken);
            break;
        }
    }
    return false;
}

static void done(void *ctx)
{
    struct uplink_virtio *u = ctx;
    post_receive(u, u->taken);
}

static void flush(void *ctx)
{
    struct uplink_virtio *u = ctx;
    if (!u->running) {
        return;
    }
    if (vring_publish(&u->send)) {
        transport_notify(&u->transport, QUEUE_SEND);
    }
    if (vring_publish(&u->receive)) {
        transport_notify(&u->transport, QUEUE_RECEIVE);
    }
}

static bool wait(void *ctx)
{
    struct uplink_virtio *u = ctx;
    return !u->running || vring_wait(&u->receive);
}

const struct uplink_ops uplink_virtio_ops = {
    .accepts = accepts,
    .send = send,
    .receive = receive,
    .done = done,
    .flush = flush,
    .wait = wait,
};
