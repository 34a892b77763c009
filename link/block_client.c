// SPDX-License-Identifier: BSD-2-Clause
#include "link/block_client.h"

#include <string.h>

#include "lib/check.h"
#include "lib/start_only.h"

START_ONLY void block_client_open(struct block_client *client, struct block_link *link)
{
    memset(client, 0, sizeof *client);
    client->link = link;
    client->session = *(volatile uint32_t *)&link->session;
    for (uint32_t i = 0; i < BLOCK_FLIGHT_MAX; i++) {
        client->flight[i].next = i + 1 < BLOCK_FLIGHT_MAX ? i + 2 : 0;
    }
    client->free_first = 1;
}

/* Takes over what the service says of the disk, made possible where it is not. */
static void read_info(struct block_client *client)
{
    struct block_info *info = &client->info;
    memcpy(info, &client->link->info, sizeof *info);
    bool good = info->block_bytes >= BLOCK_SECTOR_BYTES && info->block_bytes <= BLOCK_PAGE_BYTES &&
                (info->block_bytes & (info->block_bytes - 1)) == 0 &&
                info->sector_count <= UINT64_MAX / BLOCK_SECTOR_BYTES &&
                info->physical_exponent < 16;
    if (!good) {
        *info = (struct block_info){.block_bytes = BLOCK_SECTOR_BYTES, .flags = BLOCK_READ_ONLY};
        client->bad_count++;
    }
}

/* False when the ring is full. */
static bool push(struct block_client *client, struct block_flight *flight)
{
    if (ring_space(&client->requests) < sizeof flight->request) {
        return false;
    }
    flight->request.attachment = client->attachment;
    flight->state = BLOCK_FLIGHT_SENT;
    ring_write(&client->requests, &flight->request, sizeof flight->request, &client->signal);
    return true;
}

static void push_unsent(struct block_client *client)
{
    for (uint32_t i = 0; client->unsent_count != 0 && i < BLOCK_FLIGHT_MAX; i++) {
        if (client->flight[i].state == BLOCK_FLIGHT_UNSENT) {
            if (!push(client, &client->flight[i])) {
                return;
            }
            client->unsent_count--;
        }
    }
}

bool block_client_update(struct block_client *client)
{
    struct block_link *link = client->link;
    /* Acquire: the service wrote the rest of the link before this word. */
    uint64_t attached = atomic_load_explicit(&link->attached, memory_order_acquire);
    uint32_t attachment = (uint32_t)attached;
    if (attached >> 32 != client->session || attachment == 0) {
        return false; /* a service that has attached does not detach; one that lies is ignored */
    }
    if (attachment == client->attachment) {
        push_unsent(client);
        return false;
    }
    if (client->attachment == 0) {
        ring_open_producer(&client->requests, &link->requests, link->request_data,
                           BLOCK_REQUESTS_BYTES);
        ring_open_consumer(&client->replies, &link->replies, link->reply_data, BLOCK_REPLIES_BYTES);
    }
    client->attachment = attachment;
    read_info(client);
    for (uint32_t i = 0; i < BLOCK_FLIGHT_MAX; i++) {
        if (client->flight[i].state == BLOCK_FLIGHT_SENT) {
            client->flight[i].state = BLOCK_FLIGHT_UNSENT;
            client->unsent_count++;
        }
    }
    push_unsent(client);
    return true;
}

int block_client_take(struct block_client *client, uint32_t data_bytes)
{
    if (client->free_first == 0 || client->attachment == 0 || data_bytes > BLOCK_DATA_BYTES) {
        return BLOCK_CLIENT_NONE;
    }
    uint32_t pages = (data_bytes + BLOCK_PAGE_BYTES - 1) / BLOCK_PAGE_BYTES;
    uint32_t start = 0;
    if (pages != 0) {
        start = runs_take(&client->pages, BLOCK_DATA_BYTES / BLOCK_PAGE_BYTES, pages);
        if (start == RUNS_NONE) {
            return BLOCK_CLIENT_NONE;
        }
    }
    uint32_t id = client->free_first - 1;
    struct block_flight *flight = &client->flight[id];
    client->free_first = flight->next;
    flight->state = BLOCK_FLIGHT_TAKEN;
    flight->pages = (uint16_t)pages;
    flight->request.data_offset = start * BLOCK_PAGE_BYTES;
    return (int)id;
}

static struct block_flight *taken(struct block_client *client, int id)
{
    CHECK(id >= 0 && id < BLOCK_FLIGHT_MAX && client->flight[id].state == BLOCK_FLIGHT_TAKEN);
    return &client->flight[id];
}

uint8_t *block_client_data(const struct block_client *client, int id)
{
    CHECK(id >= 0 && id < BLOCK_FLIGHT_MAX && client->flight[id].state != BLOCK_FLIGHT_FREE);
    return client->link->data + client->flight[id].request.data_offset;
}

static void send(struct block_client *client, int id, enum block_type type, uint32_t flags,
                 uint64_t sector, uint32_t sector_count)
{
    struct block_flight *flight = taken(client, id);
    flight->request.id = (uint32_t)id;
    flight->request.type = type;
    flight->request.flags = flags;
    flight->request.sector = sector;
    flight->request.sector_count = sector_count;
    if (!push(client, flight)) {
        flight->state = BLOCK_FLIGHT_UNSENT;
        client->unsent_count++;
    }
}

void block_client_send(struct block_client *client, int id, enum block_type type, uint32_t flags,
                       uint64_t sector, uint32_t sector_count)
{
    const struct block_flight *flight = taken(client, id);
    bool has_data = type == BLOCK_READ || type == BLOCK_WRITE;
    CHECK((flags & BLOCK_DIRECT) == 0);
    CHECK(!has_data || (uint64_t)sector_count * BLOCK_SECTOR_BYTES <=
                           (uint64_t)flight->pages * BLOCK_PAGE_BYTES);
    send(client, id, type, flags, sector, sector_count);
}

void block_client_send_direct(struct block_client *client, int id, enum block_type type,
                              uint64_t sector, const struct block_segment *segments,
                              uint32_t segment_count)
{
    struct block_flight *flight = taken(client, id);
    uint64_t bytes = 0;
    CHECK(flight->pages == 0 && (type == BLOCK_READ || type == BLOCK_WRITE));
    CHECK(segment_count >= 1 && segment_count <= BLOCK_SEGMENT_MAX);
    for (uint32_t i = 0; i < segment_count; i++) {
        client->link->segments[id][i] = segments[i];
        bytes += segments[i].length;
    }
    CHECK(bytes % BLOCK_SECTOR_BYTES == 0 &&
          bytes <= BLOCK_DIRECT_SECTORS_MAX * BLOCK_SECTOR_BYTES);
    flight->request.segment_count = segment_count;
    send(client, id, type, BLOCK_DIRECT, sector, (uint32_t)(bytes / BLOCK_SECTOR_BYTES));
}

int block_client_receive(struct block_client *client, enum block_status *status)
{
    struct block_reply reply;
    while (client->attachment != 0 && ring_used(&client->replies) >= sizeof reply) {
        ring_read(&client->replies, &reply, sizeof reply, &client->signal);
        if (reply.attachment != client->attachment) {
            continue; /* of the service before: it was sent again */
        }
        if (reply.id >= BLOCK_FLIGHT_MAX || client->flight[reply.id].state != BLOCK_FLIGHT_SENT) {
            client->bad_count++;
            continue;
        }
        client->flight[reply.id].state = BLOCK_FLIGHT_TAKEN;
        *status = reply.status <= BLOCK_UNSUPPORTED ? (enum block_status)reply.status : BLOCK_ERROR;
        return (int)reply.id;
    }
    return BLOCK_CLIENT_NONE;
}

void block_client_give(struct block_client *client, int id)
{
    struct block_flight *flight = taken(client, id);
    if (flight->pages != 0) {
        runs_give(&client->pages, flight->request.data_offset / BLOCK_PAGE_BYTES, flight->pages);
    }
    flight->state = BLOCK_FLIGHT_FREE;
    flight->next = client->free_first;
    client->free_first = (uint32_t)id + 1;
}

bool block_client_wait(struct block_client *client)
{
    return client->attachment == 0 || ring_wait_for_data(&client->replies) ||
           /* A part of a record will not become a whole one: the service lies. */
           ring_used(&client->replies) < sizeof(struct block_reply);
}

uint64_t block_client_bad_count(const struct block_client *client)
{
    return client->bad_count + client->requests.bad_count + client->replies.bad_count;
}
