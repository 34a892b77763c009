// SPDX-License-Identifier: BSD-2-Clause
/*
 * A socket device whose relay is hostile, and whose guest is random: the relay writes what it likes
 * into the link, records by the rules and others, and begins new lives. Nothing of the VMM breaks;
 * every connection of the link belongs to one of the device. At the end an honest relay begins, and
 * a guest that goes by the book gets its answer.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "device/virtio/virtio_vsock_link.h"
#include "lib/check.h"
#include "test/fake/virtio_chaos.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CID = 3, PORT = 80, RX = 0, TX = 1, REQUEST = 1, RESPONSE = 2 };

struct __attribute__((packed)) header {
    uint64_t source_cid, target_cid;
    uint32_t source_port, target_port;
    uint32_t length;
    uint16_t type, operation;
    uint32_t flags, alloc, forwarded;
};

static struct {
    struct chaos c;
    struct virtio_vsock_link vsock;
    struct vsock_link link;
    struct ring to_client; /* the relay's end, if it keeps to it */
    unsigned signals;
} t;

static void signal(void *ctx)
{
    (void)ctx;
    t.signals++;
}

static void begin_life(uint32_t life)
{
    atomic_store(&t.link.service_life, life);
    virtio_vsock_link_event(&t.vsock);
    ring_open_producer(&t.to_client, &t.link.to_client, t.link.to_client_data, VSOCK_CONTROL_BYTES);
}

static void relay_record(void)
{
    bool due = false;
    struct vsock_record r = {
        .operation = (uint8_t)(chaos_next(&t.c) % 9),
        .channel = (uint8_t)(chaos_next(&t.c) % (VSOCK_CHANNELS + 1)),
        .flags = (uint8_t)(chaos_next(&t.c) & 3),
        .offer = chaos_next(&t.c) & 7,
        .address = {2 + chaos_next(&t.c) % 4, chaos_next(&t.c) & 3, PORT + (chaos_next(&t.c) & 1)},
    };
    if ((chaos_next(&t.c) & 3) != 0) { /* one that fits */
        for (unsigned i = 0; i < VIRTIO_VSOCK_CONNECTIONS; i++) {
            if (t.vsock.end[i].phase == VSOCK_END_ASKED || t.vsock.end[i].phase == VSOCK_END_OPEN) {
                r.channel = t.vsock.end[i].channel;
            }
        }
    }
    vsock_record_write(&t.to_client, &r, &due);
}

static void relay_step(void)
{
    unsigned what = chaos_next(&t.c), channel = chaos_next(&t.c) % VSOCK_CHANNELS;
    struct vsock_channel *c = &t.link.channel[channel];
    uint32_t value;
    switch (what & 15) {
    case 0:
        begin_life((what & 16) != 0 ? chaos_next(&t.c) : vsock_next_life(t.vsock.client.life));
        break;
    case 1:
        value = (uint32_t)chaos_bytes(&t.c, 4);
        atomic_store((what & 16) != 0 ? &c->to_client.head : &c->to_service.tail, value);
        break;
    case 2:
        value = (uint32_t)chaos_bytes(&t.c, 4);
        atomic_store((what & 16) != 0 ? &t.link.to_client.head : &t.link.to_service.tail, value);
        break;
    case 3: /* takes all that the client has written */
        atomic_store(&t.link.to_service.tail, atomic_load(&t.link.to_service.head));
        break;
    case 4:
        atomic_store(&c->to_service.tail, atomic_load(&c->to_service.head));
        break;
    case 5:
    case 6:
        atomic_fetch_add(&c->to_client.head, chaos_next(&t.c) * 16);
        break;
    default:
        relay_record();
        break;
    }
    virtio_vsock_link_event(&t.vsock);
}

/* The guest sends a packet that nearly fits. */
static void packet(void)
{
    struct header h = {
        .source_cid = CID,
        .target_cid = 2 + chaos_next(&t.c) % 4,
        .source_port = PORT + (chaos_next(&t.c) & 1),
        .target_port = chaos_next(&t.c) & 3,
        .type = 1,
        .operation = (uint16_t)(chaos_next(&t.c) % 8),
        .flags = chaos_next(&t.c) & 3,
        .alloc = 0x10000,
    };
    h.length = h.operation == 5 ? chaos_next(&t.c) * 8 : 0;
    struct fake_buffer buffers[] = {
        {FAKE_RAM_BASE + (1 << 18) - 16384, sizeof h, false},
        {FAKE_RAM_BASE + (1 << 18) - 16000, h.length, false}
    };
    memcpy(driver_at(&t.c.d, buffers[0].address, sizeof h), &h, sizeof h);
    if (t.c.d.queue[TX].size >= 2) {
        driver_add(&t.c.d, TX, buffers, 2);
        driver_kick(&t.c.d, TX);
    }
}

static void check(void)
{
    for (unsigned i = 0; i < VIRTIO_VSOCK_CONNECTIONS; i++) {
        unsigned phase = t.vsock.vsock.state.connection[i].phase;
        unsigned end = t.vsock.end[i].phase;
        bool is_live = phase == VSOCK_CONNECTING || phase == VSOCK_ASKED || phase == VSOCK_OPEN;
        /* A client that left in the middle of it is put right by the next event. */
        CHECK(end != VSOCK_END_NONE ? is_live : !is_live || !t.vsock.client.is_there);
        CHECK(end != VSOCK_END_OFFERED || phase == VSOCK_CONNECTING);
    }
}

/* An honest relay, as far as it goes: accepts what is asked for. */
static void talk(void)
{
    struct header h = {CID, 2, 1234, 1, 0, 1, REQUEST, 0, 1000, 0};
    struct vsock_record r;
    struct ring from;
    bool due = false;
    uint8_t in[sizeof h + 4];
    begin_life(vsock_next_life(t.vsock.client.life));
    CHECK(t.vsock.client.is_there && atomic_load(&t.link.client_life) == t.vsock.client.life);
    CHECK(chaos_recover(&t.c, 0));
    check();
    ring_open_consumer(&from, &t.link.to_service, t.link.to_service_data, VSOCK_CONTROL_BYTES);
    CHECK(driver_request(&t.c.d, TX, &h, sizeof h, NULL, 0) == 0);
    do {
        CHECK(vsock_record_read(&from, &r, &due));
    } while (r.operation != VSOCK_LINK_OPEN);
    CHECK(r.address.far_cid == 2 && r.address.far_port == 1 && r.address.guest_port == 1234);
    r.operation = VSOCK_LINK_ACCEPT;
    CHECK(vsock_record_write(&t.to_client, &r, &due));
    virtio_vsock_link_event(&t.vsock);
    CHECK(driver_request(&t.c.d, RX, NULL, 0, in, sizeof in) == sizeof h);
    memcpy(&h, in, sizeof h);
    CHECK(h.operation == RESPONSE && h.target_port == 1234);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    memset(&t.link, 0, offsetof(struct vsock_link, to_service_data));
    vsock_link_format(&t.link);
    chaos_init(&t.c, data, size);
    CHECK(virtio_vsock_link_init(&t.vsock, &(struct virtio_vsock_link_setup){
                                               .link = &t.link,
                                               .signal = signal,
                                               .guest_cid = CID,
                                               .ram = &t.c.d.ram,
                                               .port = &t.c.d.port,
                                           }));
    chaos_attach(&t.c, &t.vsock.vsock.device);
    begin_life(1);
    while (chaos_more(&t.c)) {
        unsigned what = chaos_next(&t.c) % 8;
        if (what < 3) {
            relay_step();
        } else if (what < 6) {
            t.c.steps++;
            packet();
        } else {
            chaos_step(&t.c);
        }
        check();
    }
    talk();
    return 0;
}
