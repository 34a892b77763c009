// SPDX-License-Identifier: BSD-2-Clause
/*
 * A client's end of a net link with a hostile service: between the client's calls it writes what it
 * likes into the link. Every frame that the client is given can be, lies inside the ring, and
 * reading and sending end.
 */
#include <string.h>

#include "lib/check.h"
#include "link/net_client.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { STEPS = 200 };

static struct {
    struct net_link link;
    struct net_client client;
    uint8_t bytes[NET_FRAME_MAX];
    unsigned signals;
} t;

static void signal(void *ctx)
{
    (void)ctx;
    t.signals++;
}

static uint32_t next_32(const uint8_t **data, size_t *left)
{
    uint32_t value = 0;
    size_t size = *left < sizeof value ? *left : sizeof value;
    if (size != 0) {
        memcpy(&value, *data, size);
    }
    *data += size;
    *left -= size;
    return value;
}

/* A record with any head where the client reads next, and more of the ring than that. */
static void plant(uint32_t value, uint32_t more)
{
    const struct net_head head = {
        .length = value & 0x1ffff,
        .flags = (uint8_t)(value >> 17 & 3),
        .gso_type = (uint8_t)(value >> 19 & 7),
        .gso_size = (uint16_t)(value >> 20),
        .csum_start = (uint16_t)(more & 0xff),
        .csum_offset = (uint16_t)(more >> 8 & 0xff),
    };
    uint32_t at = t.client.in.index & (NET_RING_BYTES - 1);
    for (uint32_t i = 0; i < sizeof head; i++) {
        t.link.to_client_data[(at + i) & (NET_RING_BYTES - 1)] = ((const uint8_t *)&head)[i];
    }
    atomic_store(&t.link.to_client.head, t.client.in.index + (more >> 14));
}

static void words(uint32_t which, uint32_t value)
{
    struct ring_shared *ring = (which & 16) != 0 ? &t.link.to_service : &t.link.to_client;
    switch (which >> 5 & 3) {
    case 0:
        atomic_store(&ring->head, value);
        break;
    case 1:
        atomic_store(&ring->tail, value);
        break;
    case 2:
        atomic_store(&ring->producer_wants, value);
        atomic_store(&ring->consumer_wants, value);
        break;
    default:
        atomic_store(&t.link.up, value);
        memcpy(t.link.mac, &value, sizeof value);
        break;
    }
}

static void receive(void)
{
    for (unsigned i = 0; i < 20; i++) {
        const struct net_head *head = net_client_peek(&t.client);
        if (head == NULL) {
            net_client_wait_frame(&t.client);
            return;
        }
        CHECK(net_head_valid(head) && net_record_bytes(head->length) <= NET_RING_BYTES);
        uint32_t length = head->length;
        atomic_fetch_add(&t.link.to_client.head, 1); /* in the middle of it */
        net_client_copy(&t.client, 0, t.bytes, length);
        CHECK(head->length == length);
        net_client_done(&t.client);
    }
}

static void send(uint32_t value)
{
    const struct net_head head = {.length =
                                      NET_FRAME_MIN + value % (NET_FRAME_MAX - NET_FRAME_MIN)};
    if (!net_client_begin(&t.client, &head)) {
        net_client_wait_room(&t.client, &head);
        return;
    }
    atomic_fetch_add(&t.link.to_service.tail, value);
    net_client_put(&t.client, 0, t.bytes, head.length);
    net_client_publish(&t.client);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t mac[NET_MAC_BYTES] = {2, 0, 0, 0, 0, 1};
    net_link_format(&t.link, mac, NET_MTU_DEFAULT);
    CHECK(net_client_open(&t.client, &t.link, signal, NULL));
    for (unsigned i = 0; i < STEPS && size != 0; i++) {
        uint32_t which = *data++, value;
        size--;
        value = next_32(&data, &size);
        switch (which & 7) {
        case 0:
        case 1:
            plant(value, next_32(&data, &size));
            receive();
            break;
        case 2:
            words(which, value);
            break;
        case 3:
            receive();
            break;
        case 4:
            send(value);
            break;
        case 5:
            net_client_discard(&t.client);
            break;
        case 6: { /* the VMM's own restart looks at what is there */
            struct net_parameters parameters;
            if (net_link_parameters(&t.link, &parameters)) {
                CHECK((parameters.mac[0] & 1) == 0 && parameters.mtu <= NET_MTU_MAX);
            }
            break;
        }
        default:
            net_client_flush(&t.client);
            CHECK(!t.client.due);
            break;
        }
    }
    return 0;
}
