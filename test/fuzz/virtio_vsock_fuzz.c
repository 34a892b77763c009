// SPDX-License-Identifier: BSD-2-Clause
/*
 * Random guests and endpoints against the socket device. Packets of the guest mostly have a header
 * that fits a connection. An endpoint is only called for connections that it has, and each one that
 * it has is taken from it once; the bytes that one connection's guest sends come in order, because
 * they count. After a reset an honest guest connects and talks.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "device/virtio/virtio_vsock.h"
#include "lib/check.h"
#include "test/fake/virtio_chaos.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CID = 3, PORT = 80, RX = 0, TX = 1, REQUEST = 1, RW = 5 };

struct __attribute__((packed)) header {
    uint64_t source_cid, target_cid;
    uint32_t source_port, target_port;
    uint32_t length;
    uint16_t type, operation;
    uint32_t flags, alloc, forwarded;
};

static struct {
    struct chaos c;
    struct virtio_vsock vsock;
    bool has[VIRTIO_VSOCK_CONNECTIONS];   /* the endpoint has this connection */
    bool asked[VIRTIO_VSOCK_CONNECTIONS]; /* it asked the guest, which has not answered yet */
    bool later[VIRTIO_VSOCK_CONNECTIONS]; /* the guest asked, and it has not answered yet */
    bool ended[VIRTIO_VSOCK_CONNECTIONS]; /* it sends no more */
    size_t room, bytes;
    uint64_t got;
} t;

static enum virtio_vsock_answer open(void *ctx, unsigned connection,
                                     const struct vsock_address *address)
{
    (void)ctx;
    CHECK(connection < VIRTIO_VSOCK_CONNECTIONS && !t.has[connection] && !t.later[connection]);
    bool is_answer = t.asked[connection];
    t.asked[connection] = t.ended[connection] = false;
    if (!is_answer && t.room % 16 == 7) {
        t.later[connection] = true;
        return VIRTIO_VSOCK_LATER;
    }
    t.has[connection] = t.room % 16 != 15 && (is_answer || address->far_port == PORT);
    return t.has[connection] ? VIRTIO_VSOCK_ACCEPT : VIRTIO_VSOCK_REFUSE;
}

static size_t take(void *ctx, unsigned connection, const uint8_t *bytes, size_t count)
{
    (void)ctx;
    CHECK(t.has[connection] && count != 0);
    if (t.room == 77) {
        t.has[connection] = false;
        return VIRTIO_VSOCK_CLOSE;
    }
    size_t taken = count < t.room ? count : t.room;
    for (size_t i = 0; i < taken; i++) {
        t.got += 1 + 0 * bytes[i]; /* for the address sanitizer */
    }
    t.room -= taken;
    return taken;
}

static size_t give(void *ctx, unsigned connection, uint8_t *bytes, size_t count)
{
    (void)ctx;
    CHECK(t.has[connection] && count != 0 && !t.ended[connection]);
    if (t.bytes == 77) {
        t.has[connection] = false;
        return VIRTIO_VSOCK_CLOSE;
    }
    if (t.bytes == 78) {
        t.ended[connection] = true;
        return VIRTIO_VSOCK_END;
    }
    size_t given = count < t.bytes ? count : t.bytes;
    memset(bytes, 0x5a, given);
    t.bytes -= given;
    return given;
}

static void end(void *ctx, unsigned connection)
{
    (void)ctx;
    CHECK(t.has[connection]);
}

static void closed(void *ctx, unsigned connection)
{
    (void)ctx;
    CHECK(t.has[connection] + t.asked[connection] + t.later[connection] == 1);
    t.has[connection] = t.asked[connection] = t.later[connection] = false;
}

static const struct virtio_vsock_endpoint endpoint = {open, take, give, end, end, closed, NULL};

/* The guest sends a packet that nearly fits. */
static void packet(void)
{
    unsigned what = chaos_next(&t.c);
    struct header h = {
        .source_cid = CID,
        .target_cid = VSOCK_HOST_CID,
        .source_port = chaos_next(&t.c) % 4,
        .target_port = PORT,
        .type = 1,
        .operation = (uint16_t)(chaos_next(&t.c) % 9),
        .flags = what & 3,
        .alloc = what & 4 ? 0x10000 : chaos_next(&t.c),
        .forwarded = what & 8 ? (uint32_t)chaos_bytes(&t.c, 4) : 0,
    };
    if (h.operation == RW) {
        h.length = what & 16 ? chaos_next(&t.c) : 32 * chaos_next(&t.c);
    }
    if (what & 0x80) { /* one byte of it is anything */
        ((uint8_t *)&h)[chaos_next(&t.c) % sizeof h] = (uint8_t)chaos_next(&t.c);
    }
    uint32_t bytes = h.length <= 8192 ? h.length : 8192;
    struct fake_buffer buffers[] = {
        {FAKE_RAM_BASE + (1 << 18) - 16384, sizeof h, false},
        {FAKE_RAM_BASE + (1 << 18) - 16000, bytes,    false}
    };
    memcpy(driver_at(&t.c.d, buffers[0].address, sizeof h), &h, sizeof h);
    if (t.c.d.queue[TX].size >= 2) {
        driver_add(&t.c.d, TX, buffers, 2);
        driver_kick(&t.c.d, TX);
    }
}

static void connect(void)
{
    const struct vsock_address address = {VSOCK_HOST_CID, PORT, chaos_next(&t.c) % 8};
    int number = virtio_vsock_connect(&t.vsock, &address);
    if (number >= 0) {
        CHECK(!t.has[number] && !t.asked[number] && !t.later[number]);
        t.asked[number] = true;
    }
}

static void far_step(void)
{
    unsigned connection = chaos_next(&t.c) % VIRTIO_VSOCK_CONNECTIONS;
    unsigned what = chaos_next(&t.c) % 16;
    switch (what) {
    case 0:
    case 1:
        t.has[connection] = t.asked[connection] = t.later[connection] = false;
        (what == 0 ? virtio_vsock_close : virtio_vsock_cut)(&t.vsock, connection);
        break;
    case 2:
        connect();
        break;
    case 3:
        virtio_vsock_reset(&t.vsock);
        break;
    case 4:
        virtio_vsock_deaf(&t.vsock, connection);
        break;
    case 5:
    case 6:
    case 7:
        t.has[connection] |= t.later[connection];
        t.later[connection] = false;
        virtio_vsock_accept(&t.vsock, connection);
        break;
    default:
        t.room = chaos_next(&t.c) * 8;
        t.bytes = chaos_next(&t.c) * 8;
        t.room += t.room == 72 ? 5 : 0;
        t.bytes += t.bytes == 72 ? 5 + what % 2 : 0;
        virtio_vsock_ready(&t.vsock, connection);
        break;
    }
}

static void check(void)
{
    for (unsigned i = 0; i < VIRTIO_VSOCK_CONNECTIONS; i++) {
        const struct virtio_vsock_connection *c = &t.vsock.state.connection[i];
        CHECK(t.has[i] == (c->phase == VSOCK_OPEN));
        CHECK(t.asked[i] == (c->phase == VSOCK_CONNECTING));
        CHECK(c->received - c->forwarded <= VIRTIO_VSOCK_BUFFER);
        CHECK(t.later[i] == (c->phase == VSOCK_ASKED));
        t.ended[i] = t.ended[i] && t.has[i];
    }
    CHECK(t.vsock.state.stray_count <= VIRTIO_VSOCK_STRAYS);
}

static void talk(void)
{
    struct header h = {CID, VSOCK_HOST_CID, 1234, PORT, 0, 1, REQUEST, 0, 1000, 0};
    struct header answer;
    uint8_t in[sizeof h + 4];
    t.room = 0; /* not 15 modulo 16 */
    CHECK(driver_request(&t.c.d, TX, &h, sizeof h, NULL, 0) == 0);
    CHECK(driver_request(&t.c.d, RX, NULL, 0, in, sizeof in) == sizeof h);
    memcpy(&answer, in, sizeof answer);
    CHECK(answer.operation == 2 && answer.target_port == 1234);
    t.bytes = 4;
    virtio_lock(&t.vsock.device);
    for (unsigned i = 0; i < VIRTIO_VSOCK_CONNECTIONS; i++) {
        virtio_vsock_ready(&t.vsock, i);
    }
    virtio_unlock(&t.vsock.device);
    CHECK(driver_request(&t.c.d, RX, NULL, 0, in, sizeof in) == sizeof h + 4);
    CHECK(in[sizeof h] == 0x5a && t.bytes == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    memset(t.has, 0, sizeof t.has);
    memset(t.asked, 0, sizeof t.asked);
    memset(t.later, 0, sizeof t.later);
    memset(t.ended, 0, sizeof t.ended);
    t.room = t.bytes = 0;
    chaos_init(&t.c, data, size);
    virtio_vsock_init(&t.vsock, CID, &endpoint, &t.c.d.ram, &t.c.d.port, 0);
    chaos_attach(&t.c, &t.vsock.device);
    while (chaos_more(&t.c)) {
        unsigned what = chaos_next(&t.c) % 8;
        if (what == 0) {
            virtio_lock(&t.vsock.device);
            far_step();
            virtio_unlock(&t.vsock.device);
        } else if (what < 4) {
            t.c.steps++;
            packet();
        } else {
            chaos_step(&t.c);
        }
        check();
    }
    CHECK(chaos_recover(&t.c, 0));
    check();
    talk();
    return 0;
}
