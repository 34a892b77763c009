// SPDX-License-Identifier: BSD-2-Clause
#include "device/virtio/virtio_vsock_link.h"

#include <string.h>

#include "lib/start_only.h"

enum { RECORDS_MAX = 64 }; /* of the relay, in one pass */

/* ---- what the device calls ---------------------------------------------------------------------
 */

static struct virtio_vsock_link *link_of(struct virtio_vsock *vsock)
{
    return (struct virtio_vsock_link *)(void *)((uint8_t *)vsock -
                                                offsetof(struct virtio_vsock_link, vsock));
}

static enum virtio_vsock_answer open_asked(struct virtio_vsock_link *l, struct virtio_vsock_end *e,
                                           const struct vsock_address *address)
{
    int channel = vsock_client_ask(&l->client, address);
    if (channel < 0) {
        return VIRTIO_VSOCK_REFUSE;
    }
    *e = (struct virtio_vsock_end){.phase = VSOCK_END_ASKED, .channel = (uint8_t)channel};
    return VIRTIO_VSOCK_LATER;
}

static enum virtio_vsock_answer open_offered(struct virtio_vsock_link *l,
                                             struct virtio_vsock_end *e)
{
    uint32_t offer = e->offer;
    int channel = vsock_client_take(&l->client, offer);
    if (channel < 0) {
        vsock_client_refuse(&l->client, offer);
        *e = (struct virtio_vsock_end){0};
        return VIRTIO_VSOCK_REFUSE;
    }
    *e = (struct virtio_vsock_end){.phase = VSOCK_END_OPEN, .channel = (uint8_t)channel};
    return VIRTIO_VSOCK_ACCEPT;
}

enum virtio_vsock_answer virtio_vsock_link_open(struct virtio_vsock *vsock, unsigned connection,
                                                const struct vsock_address *address)
{
    struct virtio_vsock_link *l = link_of(vsock);
    struct virtio_vsock_end *e = &l->end[connection];
    enum virtio_vsock_answer answer =
        e->phase == VSOCK_END_OFFERED ? open_offered(l, e) : open_asked(l, e, address);
    vsock_client_flush(&l->client);
    return answer;
}

size_t virtio_vsock_link_write(struct virtio_vsock *vsock, unsigned connection,
                               const uint8_t *bytes, size_t count)
{
    struct virtio_vsock_link *l = link_of(vsock);
    uint32_t taken =
        vsock_client_write(&l->client, l->end[connection].channel, bytes, (uint32_t)count);
    vsock_client_flush(&l->client);
    return taken;
}

/* Gives the channel up; the device knows already, or is about to be told. */
static void leave(struct virtio_vsock_link *l, struct virtio_vsock_end *e)
{
    vsock_client_close(&l->client, e->channel);
    *e = (struct virtio_vsock_end){0};
}

size_t virtio_vsock_link_read(struct virtio_vsock *vsock, unsigned connection, uint8_t *bytes,
                              size_t count)
{
    struct virtio_vsock_link *l = link_of(vsock);
    struct virtio_vsock_end *e = &l->end[connection];
    const struct vsock_client_channel *channel = &l->client.channel[e->channel];
    /* Before looking into the ring: what is in it then is all. */
    bool is_closed = channel->far_closed, has_ended = channel->far_ended;
    size_t got = vsock_client_read(&l->client, e->channel, bytes, (uint32_t)count);
    if (got == 0 && is_closed) {
        leave(l, e);
        got = VIRTIO_VSOCK_CLOSE;
    } else if (got == 0 && has_ended) {
        e->told_end = true;
        got = VIRTIO_VSOCK_END;
    }
    vsock_client_flush(&l->client);
    return got;
}

void virtio_vsock_link_end(struct virtio_vsock *vsock, unsigned connection)
{
    struct virtio_vsock_link *l = link_of(vsock);
    vsock_client_end(&l->client, l->end[connection].channel, VSOCK_LINK_SENDS_NO_MORE);
    vsock_client_flush(&l->client);
}

void virtio_vsock_link_deaf(struct virtio_vsock *vsock, unsigned connection)
{
    struct virtio_vsock_link *l = link_of(vsock);
    l->end[connection].deaf = true;
    vsock_client_end(&l->client, l->end[connection].channel, VSOCK_LINK_TAKES_NO_MORE);
    vsock_client_flush(&l->client);
}

void virtio_vsock_link_close(struct virtio_vsock *vsock, unsigned connection)
{
    struct virtio_vsock_link *l = link_of(vsock);
    struct virtio_vsock_end *e = &l->end[connection];
    if (e->phase == VSOCK_END_OFFERED) {
        vsock_client_refuse(&l->client, e->offer);
        *e = (struct virtio_vsock_end){0};
    } else if (e->phase != VSOCK_END_NONE) {
        leave(l, e);
    }
    vsock_client_flush(&l->client);
}

/* ---- what the relay says -----------------------------------------------------------------------
 */

static void take_offer(struct virtio_vsock_link *l, const struct vsock_record *r)
{
    int connection = virtio_vsock_connect(&l->vsock, &r->address);
    if (connection < 0) {
        vsock_client_refuse(&l->client, r->offer);
        return;
    }
    l->end[connection] = (struct virtio_vsock_end){.phase = VSOCK_END_OFFERED, .offer = r->offer};
}

static void withdraw(struct virtio_vsock_link *l, uint32_t offer)
{
    for (unsigned i = 0; i < VIRTIO_VSOCK_CONNECTIONS; i++) {
        if (l->end[i].phase == VSOCK_END_OFFERED && l->end[i].offer == offer) {
            l->end[i] = (struct virtio_vsock_end){0};
            virtio_vsock_close(&l->vsock, i);
        }
    }
}

/* The far end is gone: at once, or behind what the guest has still to read. */
static void close(struct virtio_vsock_link *l, unsigned connection, bool is_reset)
{
    struct virtio_vsock_end *e = &l->end[connection];
    bool was_open = e->phase == VSOCK_END_OPEN;
    if (was_open && !is_reset && !e->deaf && !e->told_end) {
        virtio_vsock_deaf(&l->vsock, connection);
        virtio_vsock_ready(&l->vsock, connection); /* reads on, up to the end */
        return;
    }
    leave(l, e);
    if (is_reset) {
        virtio_vsock_cut(&l->vsock, connection);
    } else {
        virtio_vsock_close(&l->vsock, connection);
    }
}

static void obey_channel(struct virtio_vsock_link *l, unsigned connection,
                         const struct vsock_record *r)
{
    switch (r->operation) {
    case VSOCK_LINK_ACCEPT:
        l->end[connection].phase = VSOCK_END_OPEN;
        virtio_vsock_accept(&l->vsock, connection);
        break;
    case VSOCK_LINK_END:
        if ((r->flags & VSOCK_LINK_TAKES_NO_MORE) != 0) {
            virtio_vsock_deaf(&l->vsock, connection);
        }
        virtio_vsock_ready(&l->vsock, connection);
        break;
    default:
        close(l, connection, (r->flags & VSOCK_LINK_RESET) != 0);
        break;
    }
}

static void obey(struct virtio_vsock_link *l, const struct vsock_record *r)
{
    if (r->operation == VSOCK_LINK_OFFER) {
        take_offer(l, r);
        return;
    }
    if (r->operation == VSOCK_LINK_WITHDRAW) {
        withdraw(l, r->offer);
        return;
    }
    for (unsigned i = 0; i < VIRTIO_VSOCK_CONNECTIONS; i++) {
        const struct virtio_vsock_end *e = &l->end[i];
        if ((e->phase == VSOCK_END_ASKED || e->phase == VSOCK_END_OPEN) &&
            e->channel == r->channel) {
            obey_channel(l, i, r);
            return;
        }
    }
}

/* The relay that had our connections is gone, or the link is broken. */
static void forget(struct virtio_vsock_link *l)
{
    memset(l->end, 0, sizeof l->end);
    virtio_vsock_reset(&l->vsock);
}

/* Is there something for the guest, or something of the guest that had to wait for room? */
static bool is_ready(struct virtio_vsock_link *l, unsigned connection)
{
    struct vsock_client_channel *channel = &l->client.channel[l->end[connection].channel];
    return l->end[connection].phase == VSOCK_END_OPEN &&
           (ring_used(&channel->in) != 0 || virtio_vsock_waits(&l->vsock, connection));
}

bool virtio_vsock_link_event(struct virtio_vsock_link *l)
{
    struct vsock_record record;
    unsigned count = 0;
    virtio_lock(&l->vsock.device);
    bool was_there = l->client.is_there;
    if (vsock_client_attach(&l->client)) {
        forget(l);
    }
    while (count < RECORDS_MAX && vsock_client_next(&l->client, &record)) {
        obey(l, &record);
        count++;
    }
    for (unsigned i = 0; i < VIRTIO_VSOCK_CONNECTIONS; i++) {
        if (is_ready(l, i)) {
            virtio_vsock_ready(&l->vsock, i);
        }
    }
    if (was_there && !l->client.is_there) {
        forget(l);
    }
    vsock_client_flush(&l->client);
    virtio_unlock(&l->vsock.device);
    return count == RECORDS_MAX;
}

START_ONLY bool virtio_vsock_link_init(struct virtio_vsock_link *l,
                                       const struct virtio_vsock_link_setup *setup)
{
    memset(l->end, 0, sizeof l->end);
    if (!vsock_client_open(&l->client, setup->link, setup->signal, setup->ctx)) {
        return false;
    }
    virtio_vsock_init(&l->vsock, setup->guest_cid, NULL, setup->ram, setup->port, setup->mutex_id);
    vsock_client_attach(&l->client);
    vsock_client_flush(&l->client);
    return true;
}
