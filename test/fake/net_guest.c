// SPDX-License-Identifier: BSD-2-Clause
#include "test/fake/net_guest.h"

#include <string.h>

#include "lib/check.h"

enum { HEAD = VIRTIO_NET_HEAD_BYTES, SPANS_MAX = 16 };

void net_guest_init(struct net_guest *g)
{
    memset(g, 0, sizeof *g);
    driver_init(&g->d);
}

void net_guest_fini(struct net_guest *g)
{
    driver_fini(&g->d);
}

void net_guest_attach(struct net_guest *g, struct virtio_net *net)
{
    driver_attach(&g->d, &net->device);
}

bool net_guest_start(struct net_guest *g, uint64_t features)
{
    bool started = driver_start_sized(&g->d, features, GUEST_QUEUE_SIZE);
    g->send_memory = driver_alloc(&g->d, GUEST_SEND_BYTES, 64);
    g->send_at = 0;
    g->sending = 0;
    return started;
}

static void post(struct net_guest *g, unsigned queue, uint64_t address, uint32_t size, uint32_t cut)
{
    const struct fake_buffer buffers[2] = {
        {address,       cut != 0 ? cut : size, true},
        {address + cut, size - cut,            true}
    };
    uint16_t id = driver_add(&g->d, queue, buffers, cut != 0 ? 2 : 1);
    CHECK(id != FAKE_NO_ID);
    g->posted[queue].address[id] = address;
    g->posted[queue].length[id] = size;
}

void net_guest_post(struct net_guest *g, unsigned queue, uint32_t size, unsigned count,
                    uint32_t cut)
{
    for (unsigned i = 0; i < count; i++) {
        post(g, queue, driver_alloc(&g->d, size, 16), size, cut);
    }
    driver_kick(&g->d, queue);
}

bool net_guest_send(struct net_guest *g, unsigned queue, const struct guest_head *head,
                    const uint8_t *bytes, uint32_t length, uint32_t cut)
{
    struct fake_buffer buffers[SPANS_MAX];
    uint32_t size = HEAD + length, count = 0;
    net_guest_reap(g, queue);
    if (g->sending == 0 || g->send_at + size > GUEST_SEND_BYTES) {
        if (g->sending != 0) {
            return false;
        }
        g->send_at = 0;
    }
    uint64_t address = g->send_memory + g->send_at;
    uint8_t *to = driver_at(&g->d, address, size);
    memcpy(to, head, HEAD);
    memcpy(to + HEAD, bytes, length);
    for (uint32_t at = 0; at < size; count++) {
        bool last = cut == 0 || count == SPANS_MAX - 1 || size - at < cut;
        uint32_t span = last ? size - at : cut;
        buffers[count] = (struct fake_buffer){address + at, span, false};
        at += span;
    }
    if (driver_add(&g->d, queue, buffers, count) == FAKE_NO_ID) {
        return false;
    }
    g->send_at += size;
    g->sending++;
    driver_kick(&g->d, queue);
    return true;
}

void net_guest_reap(struct net_guest *g, unsigned queue)
{
    uint16_t id;
    uint32_t written;
    while (driver_take(&g->d, queue, &id, &written)) {
        CHECK(written == 0);
        g->sending--;
    }
}

uint32_t net_guest_receive(struct net_guest *g, unsigned queue, struct guest_head *head,
                           uint8_t *bytes)
{
    uint32_t length = 0, written;
    uint16_t id;
    if (!driver_take(&g->d, queue, &id, &written)) {
        return 0;
    }
    memcpy(head, driver_at(&g->d, g->posted[queue].address[id], HEAD), HEAD);
    CHECK(head->buffer_count != 0);
    for (unsigned i = 0; i < head->buffer_count; i++) {
        /* All buffers of a frame show at once (5.1.6.4). */
        CHECK(i == 0 || driver_take(&g->d, queue, &id, &written));
        uint64_t address = g->posted[queue].address[id];
        uint32_t size = g->posted[queue].length[id], skip = i == 0 ? HEAD : 0;
        CHECK(written <= size && written >= skip);
        CHECK(i + 1u == head->buffer_count || written == size);
        memcpy(bytes + length, (uint8_t *)driver_at(&g->d, address, size) + skip, written - skip);
        length += written - skip;
        post(g, queue, address, size, 0);
    }
    driver_kick(&g->d, queue);
    return length;
}

uint32_t net_guest_command(struct net_guest *g, unsigned queue, uint8_t class, uint8_t command,
                           const void *data, uint32_t size)
{
    uint8_t request[2 + 1024] = {class, command}, answer = 0xee;
    CHECK(size <= 1024);
    memcpy(request + 2, data, size);
    uint32_t written = driver_request(&g->d, queue, request, 2 + size, &answer, 1);
    return written == 1 ? answer : FAKE_NO_ANSWER;
}
