// SPDX-License-Identifier: BSD-2-Clause
#include "link/vsock_client.h"

#include <string.h>

#include "lib/check.h"
#include "lib/start_only.h"

START_ONLY bool vsock_client_open(struct vsock_client *client, struct vsock_link *link,
                                  void (*signal)(void *ctx), void *ctx)
{
    memset(client, 0, sizeof *client);
    client->link = link;
    client->signal = signal;
    client->ctx = ctx;
    return link->magic == VSOCK_LINK_MAGIC && link->version == VSOCK_LINK_VERSION;
}

bool vsock_client_attach(struct vsock_client *client)
{
    struct vsock_link *link = client->link;
    uint32_t life = atomic_load(&link->service_life);
    if (life == client->life) {
        return false;
    }
    client->life = life;
    client->is_there = vsock_is_life(life);
    memset(client->channel, 0, sizeof client->channel);
    if (client->is_there) {
        ring_format(&link->to_service);
        ring_format(&link->to_client);
        ring_open_producer(&client->out, &link->to_service, link->to_service_data,
                           VSOCK_CONTROL_BYTES);
        ring_open_consumer(&client->in, &link->to_client, link->to_client_data,
                           VSOCK_CONTROL_BYTES);
    }
    atomic_store(&link->client_life, life);
    client->due = true;
    return true;
}

void vsock_client_leave(struct vsock_client *client)
{
    if (client->is_there) {
        client->is_there = false;
        client->broken++;
        atomic_store(&client->link->client_life, 0);
        client->due = true;
    }
}

/* What an operation has no use for is 0, and NULL. */
static bool send(struct vsock_client *client, enum vsock_link_operation operation, unsigned channel,
                 uint8_t flags, uint32_t offer, const struct vsock_address *address)
{
    struct vsock_record record = {.operation = (uint8_t)operation,
                                  .channel = (uint8_t)channel,
                                  .flags = flags,
                                  .offer = offer};
    if (address != NULL) {
        record.address = *address;
    }
    if (client->is_there && !vsock_record_write(&client->out, &record, &client->due)) {
        vsock_client_leave(client); /* a relay that works reads what it is sent */
    }
    return client->is_there;
}

/* Fresh rings; nobody else looks at those of a free channel. */
static void open_rings(struct vsock_client *client, unsigned channel)
{
    struct vsock_channel *shared = &client->link->channel[channel];
    struct vsock_channel_data *data = &client->link->data[channel];
    struct vsock_client_channel *c = &client->channel[channel];
    memset(c, 0, sizeof *c);
    ring_format(&shared->to_service);
    ring_format(&shared->to_client);
    ring_open_producer(&c->out, &shared->to_service, data->to_service, VSOCK_RING_BYTES);
    ring_open_consumer(&c->in, &shared->to_client, data->to_client, VSOCK_RING_BYTES);
}

static int begin(struct vsock_client *client, enum vsock_link_operation operation, uint32_t offer,
                 const struct vsock_address *address)
{
    for (unsigned i = 0; client->is_there && i < VSOCK_CHANNELS; i++) {
        if (client->channel[i].phase == VSOCK_CHANNEL_FREE) {
            open_rings(client, i);
            if (!send(client, operation, i, 0, offer, address)) {
                return -1;
            }
            client->channel[i].phase =
                operation == VSOCK_LINK_OPEN ? VSOCK_CHANNEL_ASKED : VSOCK_CHANNEL_OPEN;
            return (int)i;
        }
    }
    return -1;
}

int vsock_client_ask(struct vsock_client *client, const struct vsock_address *address)
{
    return begin(client, VSOCK_LINK_OPEN, 0, address);
}

int vsock_client_take(struct vsock_client *client, uint32_t offer)
{
    return begin(client, VSOCK_LINK_TAKE, offer, NULL);
}

void vsock_client_refuse(struct vsock_client *client, uint32_t offer)
{
    send(client, VSOCK_LINK_REFUSE, 0, 0, offer, NULL);
}

static struct vsock_client_channel *ours(struct vsock_client *client, unsigned channel)
{
    CHECK(channel < VSOCK_CHANNELS);
    return &client->channel[channel];
}

void vsock_client_end(struct vsock_client *client, unsigned channel, uint8_t flags)
{
    const struct vsock_client_channel *c = ours(client, channel);
    if (c->phase == VSOCK_CHANNEL_OPEN && !c->far_closed) {
        send(client, VSOCK_LINK_END, channel, flags, 0, NULL);
    }
}

void vsock_client_close(struct vsock_client *client, unsigned channel)
{
    struct vsock_client_channel *c = ours(client, channel);
    if (c->phase == VSOCK_CHANNEL_ASKED || c->phase == VSOCK_CHANNEL_OPEN) {
        c->phase = c->far_closed ? VSOCK_CHANNEL_FREE : VSOCK_CHANNEL_LEFT;
        send(client, VSOCK_LINK_CLOSE, channel, 0, 0, NULL);
    }
}

/* An index of the relay's that cannot be. */
static bool is_broken(struct vsock_client *client, const struct ring *ring)
{
    if (ring->bad_count == 0) {
        return false;
    }
    vsock_client_leave(client);
    return true;
}

uint32_t vsock_client_write(struct vsock_client *client, unsigned channel, const uint8_t *bytes,
                            uint32_t count)
{
    struct vsock_client_channel *c = ours(client, channel);
    if (!client->is_there || c->phase != VSOCK_CHANNEL_OPEN || c->far_closed) {
        return 0;
    }
    uint32_t done = ring_write_or_wait(&c->out, bytes, count, &client->due);
    is_broken(client, &c->out);
    return done;
}

uint32_t vsock_client_read(struct vsock_client *client, unsigned channel, uint8_t *bytes,
                           uint32_t count)
{
    struct vsock_client_channel *c = ours(client, channel);
    if (!client->is_there || c->phase != VSOCK_CHANNEL_OPEN) {
        return 0;
    }
    uint32_t done = ring_read_or_wait(&c->in, bytes, count, &client->due);
    is_broken(client, &c->in);
    return done;
}

enum verdict { PASS, IGNORE, WRONG };

static enum verdict judge_channel(struct vsock_client_channel *c, const struct vsock_record *r)
{
    bool is_left = c->phase == VSOCK_CHANNEL_LEFT;
    if (c->phase == VSOCK_CHANNEL_FREE || c->far_closed) {
        return WRONG;
    }
    switch (r->operation) {
    case VSOCK_LINK_ACCEPT:
        if (c->phase == VSOCK_CHANNEL_ASKED) {
            c->phase = VSOCK_CHANNEL_OPEN;
            return PASS;
        }
        return is_left ? IGNORE : WRONG;
    case VSOCK_LINK_END:
        c->far_ended |= (r->flags & VSOCK_LINK_SENDS_NO_MORE) != 0;
        return is_left ? IGNORE : c->phase == VSOCK_CHANNEL_OPEN ? PASS : WRONG;
    default:
        c->far_closed = true;
        if (is_left) {
            c->phase = VSOCK_CHANNEL_FREE;
        }
        return is_left ? IGNORE : PASS;
    }
}

static enum verdict judge(struct vsock_client *client, const struct vsock_record *r)
{
    switch (r->operation) {
    case VSOCK_LINK_OFFER:
    case VSOCK_LINK_WITHDRAW:
        return PASS;
    case VSOCK_LINK_ACCEPT:
    case VSOCK_LINK_END:
    case VSOCK_LINK_CLOSE:
        return r->channel < VSOCK_CHANNELS ? judge_channel(&client->channel[r->channel], r) : WRONG;
    default:
        return WRONG;
    }
}

bool vsock_client_next(struct vsock_client *client, struct vsock_record *record)
{
    while (client->is_there) {
        if (!vsock_record_read(&client->in, record, &client->due)) {
            if (is_broken(client, &client->in) || ring_wait_for_data(&client->in)) {
                return false;
            }
            if (ring_used(&client->in) < sizeof *record) {
                vsock_client_leave(client); /* half a record */
            }
            continue;
        }
        switch (judge(client, record)) {
        case PASS:
            return true;
        case IGNORE:
            break;
        default:
            vsock_client_leave(client);
            break;
        }
    }
    return false;
}

void vsock_client_flush(struct vsock_client *client)
{
    if (client->due) {
        client->due = false;
        client->signal(client->ctx);
    }
}
