// SPDX-License-Identifier: BSD-2-Clause
#include "link/net_client.h"

#include "lib/start_only.h"

START_ONLY bool net_client_open(struct net_client *client, struct net_link *link,
                                void (*signal)(void *ctx), void *ctx)
{
    *client = (struct net_client){.link = link, .signal = signal, .ctx = ctx};
    ring_open_producer(&client->out, &link->to_service, link->to_service_data, NET_RING_BYTES);
    ring_open_consumer(&client->in, &link->to_client, link->to_client_data, NET_RING_BYTES);
    return net_link_parameters(link, &client->parameters);
}

bool net_client_up(const struct net_client *client)
{
    return atomic_load_explicit(&client->link->up, memory_order_relaxed) == 1;
}

void net_client_accept(struct net_client *client, uint32_t offloads)
{
    atomic_store_explicit(&client->link->accepts, offloads, memory_order_relaxed);
}

bool net_client_begin(struct net_client *client, const struct net_head *head)
{
    client->sending = *head;
    return net_begin(&client->out, head);
}

void net_client_put(struct net_client *client, uint32_t offset, const void *bytes, uint32_t size)
{
    net_put_bytes(&client->out, offset, bytes, size);
}

void net_client_publish(struct net_client *client)
{
    net_publish(&client->out, &client->sending, &client->due);
}

bool net_client_wait_room(struct net_client *client, const struct net_head *head)
{
    return net_wait_for_room(&client->out, head);
}

const struct net_head *net_client_peek(struct net_client *client)
{
    enum net_result result = net_peek(&client->in, &client->next, &client->due);
    return result == NET_FRAME ? &client->next : NULL;
}

void net_client_copy(const struct net_client *client, uint32_t offset, void *to, uint32_t size)
{
    net_peek_bytes(&client->in, offset, to, size);
}

void net_client_done(struct net_client *client)
{
    net_done(&client->in, &client->next, &client->due);
}

bool net_client_wait_frame(struct net_client *client)
{
    return ring_wait_for_data(&client->in);
}

void net_client_discard(struct net_client *client)
{
    uint32_t used = ring_used(&client->in);
    if (used != 0) {
        ring_discard(&client->in, used, &client->due);
    }
}

void net_client_flush(struct net_client *client)
{
    if (client->due) {
        client->due = false;
        client->signal(client->ctx);
    }
}
