// SPDX-License-Identifier: BSD-2-Clause
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
// clang-format on

#include "device/virtio/virtio_vsock.h"

#include <string.h>

#include "test/fake/virtio_driver.h"

enum {
    CID = 9,
    HOST = VSOCK_HOST_CID,
    RX = 0,
    TX = 1,
    EVENT = 2,
    REQUEST = 1,
    RESPONSE = 2,
    RST = 3,
    SHUTDOWN = 4,
    RW = 5,
    CREDIT_UPDATE = 6,
    CREDIT_REQUEST = 7,
    PORT = 80, /* where the endpoint listens, at the host */
    GUEST_PORT = 999,
    STREAM = 100000,
    ROOM = 4096, /* of a receive buffer */
};

struct __attribute__((packed)) header {
    uint64_t source_cid, target_cid;
    uint32_t source_port, target_port;
    uint32_t length;
    uint16_t type, operation;
    uint32_t flags, alloc, forwarded;
};

/* The endpoint: takes `room` bytes, has `has`; what it gives counts 0, 1, 2 .. */
static struct {
    struct fake_driver d;
    struct virtio_vsock vsock;
    uint8_t got[STREAM];
    size_t got_count, room, has;
    uint8_t next;
    unsigned opens, closes, ends, deafs, connection;
    bool refuse, later, close_on_write, close_on_read, end_on_read;
    struct vsock_address address;
    struct header packet; /* the last one that was received, and its payload */
    uint8_t payload[ROOM];
} t;

static enum virtio_vsock_answer open(void *ctx, unsigned connection,
                                     const struct vsock_address *address)
{
    (void)ctx;
    t.opens++;
    t.connection = connection;
    t.address = *address;
    bool is_there =
        address->far_port == PORT && (address->far_cid == HOST || address->far_cid == 77);
    return t.refuse || !is_there ? VIRTIO_VSOCK_REFUSE
           : t.later             ? VIRTIO_VSOCK_LATER
                                 : VIRTIO_VSOCK_ACCEPT;
}

static size_t take(void *ctx, unsigned connection, const uint8_t *bytes, size_t count)
{
    (void)ctx;
    assert_true(connection < VIRTIO_VSOCK_CONNECTIONS && count != 0);
    if (t.close_on_write) {
        return VIRTIO_VSOCK_CLOSE;
    }
    size_t taken = count < t.room ? count : t.room;
    memcpy(t.got + t.got_count, bytes, taken);
    t.got_count += taken;
    t.room -= taken;
    return taken;
}

static size_t give(void *ctx, unsigned connection, uint8_t *bytes, size_t count)
{
    (void)ctx;
    assert_true(connection < VIRTIO_VSOCK_CONNECTIONS && count != 0);
    if (t.close_on_read && t.has == 0) {
        return VIRTIO_VSOCK_CLOSE;
    }
    if (t.end_on_read && t.has == 0) {
        return VIRTIO_VSOCK_END;
    }
    size_t given = count < t.has ? count : t.has;
    for (size_t i = 0; i < given; i++) {
        bytes[i] = t.next++;
    }
    t.has -= given;
    return given;
}

static void end(void *ctx, unsigned connection)
{
    (void)ctx;
    (void)connection;
    t.ends++;
}

static void deaf(void *ctx, unsigned connection)
{
    (void)ctx;
    (void)connection;
    t.deafs++;
}

static void closed(void *ctx, unsigned connection)
{
    (void)ctx;
    (void)connection;
    t.closes++;
}

static const struct virtio_vsock_endpoint endpoint = {open, take, give, end, deaf, closed, NULL};

/* The endpoint's side, with the device's lock as it has to be. */
static void ready(unsigned connection)
{
    virtio_lock(&t.vsock.device);
    virtio_vsock_ready(&t.vsock, connection);
    virtio_unlock(&t.vsock.device);
}

static void far(void (*function)(struct virtio_vsock *, unsigned), unsigned connection)
{
    virtio_lock(&t.vsock.device);
    function(&t.vsock, connection);
    virtio_unlock(&t.vsock.device);
}

static int far_connects(uint64_t cid, uint32_t far_port, uint32_t guest_port)
{
    const struct vsock_address address = {cid, far_port, guest_port};
    virtio_lock(&t.vsock.device);
    int connection = virtio_vsock_connect(&t.vsock, &address);
    virtio_unlock(&t.vsock.device);
    return connection;
}

static int set_up(void **state)
{
    (void)state;
    memset(&t, 0, sizeof t);
    t.room = STREAM;
    driver_init(&t.d);
    virtio_vsock_init(&t.vsock, CID, &endpoint, &t.d.ram, &t.d.port, 5);
    driver_attach(&t.d, &t.vsock.device);
    assert_true(driver_start(&t.d, VIRTIO_F_RING_PACKED));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    driver_fini(&t.d);
    return 0;
}

static struct header header(uint16_t operation)
{
    return (struct header){
        .source_cid = CID,
        .target_cid = HOST,
        .source_port = GUEST_PORT,
        .target_port = PORT,
        .type = 1,
        .operation = operation,
        .alloc = 0x10000,
    };
}

/* The guest sends a packet; its payload is what is behind the header. */
static void send_with(struct header h, const void *payload, uint32_t bytes)
{
    uint8_t packet[sizeof h + 20000];
    memcpy(packet, &h, sizeof h);
    if (bytes != 0) {
        memcpy(packet + sizeof h, payload, bytes);
    }
    assert_int_equal(driver_request(&t.d, TX, packet, (uint32_t)sizeof h + bytes, NULL, 0), 0);
}

static void send(uint16_t operation)
{
    send_with(header(operation), NULL, 0);
}

static void send_data(const void *payload, uint32_t bytes)
{
    struct header h = header(RW);
    h.length = bytes;
    send_with(h, payload, bytes);
}

/* Offers a receive buffer. Returns the payload's length, or -1 when there is no packet. */
static int receive(void)
{
    uint8_t packet[sizeof t.packet + ROOM];
    uint32_t got = driver_request(&t.d, RX, NULL, 0, packet, sizeof packet);
    if (got == FAKE_NO_ANSWER) {
        return -1;
    }
    assert_in_range(got, sizeof t.packet, sizeof packet);
    memcpy(&t.packet, packet, sizeof t.packet);
    memcpy(t.payload, packet + sizeof t.packet, got - sizeof t.packet);
    assert_int_equal(t.packet.length, got - sizeof t.packet);
    assert_int_equal(t.packet.target_cid, CID);
    assert_int_equal(t.packet.type, 1);
    return (int)(got - sizeof t.packet);
}

static void expect(uint16_t operation)
{
    assert_int_equal(receive(), 0);
    assert_int_equal(t.packet.operation, operation);
    assert_int_equal(t.packet.source_cid, HOST);
    assert_int_equal(t.packet.source_port, PORT);
    assert_int_equal(t.packet.target_port, GUEST_PORT);
}

static void expect_silence(void)
{
    assert_int_equal(receive(), -1);
    assert_true(driver_start(&t.d, VIRTIO_F_RING_PACKED)); /* takes the buffer back */
}

static void connect(void)
{
    send(REQUEST);
    assert_int_equal(t.opens, 1);
    expect(RESPONSE);
    assert_int_equal(t.packet.alloc, VIRTIO_VSOCK_BUFFER);
    assert_int_equal(t.packet.forwarded, 0);
}

static void a_guest_connects_talks_and_leaves(void **state)
{
    (void)state;
    connect();
    send_data("hello", 5);
    assert_int_equal(t.got_count, 5);
    assert_memory_equal(t.got, "hello", 5);
    t.has = 10;
    ready(t.connection);
    assert_int_equal(receive(), 10);
    assert_int_equal(t.packet.operation, RW);
    assert_int_equal(t.packet.forwarded, 5);
    assert_int_equal(t.payload[9], 9);
    struct header h = header(SHUTDOWN);
    h.flags = 2;
    send_with(h, NULL, 0);
    assert_int_equal(t.ends, 1);
    assert_int_equal(t.closes, 0);
    h.flags = 3;
    send_with(h, NULL, 0);
    assert_int_equal(t.ends, 1);
    assert_int_equal(t.closes, 1);
    expect(RST);
    expect_silence();
}

static void the_configuration_has_the_cid(void **state)
{
    (void)state;
    assert_int_equal(virtio_config_read(&t.vsock.device, 0, 8), CID);
}

static void nobody_listens(void **state)
{
    (void)state;
    struct header h = header(REQUEST);
    h.target_port = PORT + 1;
    send_with(h, NULL, 0);
    assert_int_equal(receive(), 0);
    assert_int_equal(t.packet.operation, RST);
    assert_int_equal(t.packet.source_port, PORT + 1);
    h = header(REQUEST);
    h.target_cid = 78;
    send_with(h, NULL, 0);
    assert_int_equal(t.address.far_cid, 78);
    assert_int_equal(receive(), 0);
    assert_int_equal(t.packet.operation, RST);
    assert_int_equal(t.packet.source_cid, 78);
    t.refuse = true;
    send(REQUEST);
    expect(RST);
    assert_int_equal(t.opens, 3);
    assert_int_equal(t.closes, 0);
    expect_silence();
}

static void another_vm_is_found(void **state)
{
    (void)state;
    struct header h = header(REQUEST);
    h.target_cid = 77;
    send_with(h, NULL, 0);
    assert_int_equal(receive(), 0);
    assert_int_equal(t.packet.operation, RESPONSE);
    assert_int_equal(t.packet.source_cid, 77);
}

static void packets_without_a_connection_are_reset(void **state)
{
    (void)state;
    const uint16_t operations[] = {RESPONSE, SHUTDOWN, RW, CREDIT_UPDATE, CREDIT_REQUEST, 0, 77};
    for (unsigned i = 0; i < sizeof operations / sizeof operations[0]; i++) {
        send(operations[i]);
        expect(RST);
    }
    send(RST); /* not answered, or two sides would go on for ever */
    struct header h = header(REQUEST);
    h.type = 2;
    send_with(h, NULL, 0);
    expect(RST);
    assert_int_equal(t.opens, 0);
    expect_silence();
}

static void bad_headers_are_dropped(void **state)
{
    (void)state;
    connect();
    struct header h = header(RW);
    h.source_cid = CID + 1; /* another guest's name */
    send_with(h, NULL, 0);
    h = header(RW);
    h.length = 6; /* more than there is */
    send_with(h, "hello", 5);
    h.length = ~0u;
    send_with(h, "hello", 5);
    h.length = 65537;
    send_with(h, "hello", 5);
    assert_int_equal(driver_request(&t.d, TX, &h, sizeof h - 1, NULL, 0), 0);
    uint8_t in[64];
    assert_int_equal(driver_request(&t.d, TX, NULL, 0, in, sizeof in), 0);
    assert_int_equal(t.vsock.state.bad_packets, 6);
    assert_int_equal(t.got_count, 0);
    /* Less than there is: what the header says. */
    h.length = 3;
    send_with(h, "hello", 5);
    assert_int_equal(t.got_count, 3);
    expect_silence();
}

static void a_second_request_resets_the_connection(void **state)
{
    (void)state;
    connect();
    send(REQUEST);
    expect(RST);
    assert_int_equal(t.closes, 1);
    send(RW);
    expect(RST);
    expect_silence();
}

static void operations_out_of_place_reset_the_connection(void **state)
{
    (void)state;
    const uint16_t operations[] = {RESPONSE, 0, 8, 0xffff};
    for (unsigned i = 0; i < 4; i++) {
        t.opens = t.closes = 0;
        connect();
        send(operations[i]);
        assert_int_equal(t.closes, 1);
        expect(RST);
    }
}

static void the_guests_reset_ends_a_connection(void **state)
{
    (void)state;
    connect();
    send(RST);
    assert_int_equal(t.closes, 1);
    expect_silence();
}

/* What the endpoint does not take waits; the guest gets credit as it is taken. */
static void a_slow_endpoint_uses_up_the_guests_credit(void **state)
{
    (void)state;
    static uint8_t text[VIRTIO_VSOCK_BUFFER];
    for (unsigned i = 0; i < sizeof text; i++) {
        text[i] = (uint8_t)(i * 7 + i / 251);
    }
    connect();
    t.room = 100;
    send_data(text, 5000);
    assert_int_equal(t.got_count, 100);
    send_data(text + 5000, sizeof text - 5000);
    t.room = 1000;
    ready(t.connection);
    send(CREDIT_REQUEST);
    expect(CREDIT_UPDATE);
    assert_int_equal(t.packet.forwarded, 1100);
    t.room = 3000;
    ready(t.connection); /* not worth a packet */
    t.room = STREAM;
    send_data(text, 1);
    assert_int_equal(t.got_count, 4100); /* in order: behind what waits */
    ready(t.connection);
    expect(CREDIT_UPDATE);
    assert_int_equal(t.packet.forwarded, sizeof text + 1);
    assert_int_equal(t.got_count, sizeof text + 1);
    assert_memory_equal(t.got, text, sizeof text);
    for (unsigned i = 0; i < 9; i++) { /* around the buffer */
        t.room = 10;
        send_data(text, 3000);
        t.room = STREAM;
        ready(t.connection);
        assert_memory_equal(t.got + t.got_count - 3000, text, 3000);
    }
    assert_int_equal(t.closes, 0);
}

static void more_than_was_promised_cuts_the_guest_off(void **state)
{
    (void)state;
    static uint8_t text[VIRTIO_VSOCK_BUFFER + 1];
    connect();
    t.room = 0;
    send_data(text, VIRTIO_VSOCK_BUFFER);
    assert_int_equal(t.closes, 0);
    send_data(text, 1);
    assert_int_equal(t.closes, 1);
    expect(RST);
    t.opens = 0;
    connect();
    send_data(text, sizeof text);
    assert_int_equal(t.closes, 2);
    expect(RST);
}

static void the_guest_gets_no_more_than_it_has_room_for(void **state)
{
    (void)state;
    struct header h = header(REQUEST);
    h.alloc = 1000;
    send_with(h, NULL, 0);
    expect(RESPONSE);
    t.has = 5000;
    ready(t.connection);
    assert_int_equal(receive(), 1000);
    assert_int_equal(receive(), 0);
    assert_int_equal(t.packet.operation, CREDIT_REQUEST); /* once */
    assert_int_equal(receive(), -1);
    h = header(CREDIT_UPDATE);
    h.alloc = 1000;
    h.forwarded = 700;
    send_with(h, NULL, 0); /* the waiting buffer is filled */
    uint16_t id;
    uint32_t written;
    assert_true(driver_take(&t.d, RX, &id, &written));
    assert_int_equal(written, sizeof h + 700);
    assert_int_equal(t.has, 3300);
    /* Numbers that cannot be give nothing. */
    h.forwarded = 1701;
    send_with(h, NULL, 0);
    assert_int_equal(receive(), 0);
    assert_int_equal(t.packet.operation, CREDIT_REQUEST);
    h.forwarded = 1700;
    h.alloc = 0;
    send_with(h, NULL, 0);
    assert_int_equal(receive(), -1);
    assert_int_equal(t.has, 3300);
}

static void the_endpoint_closes(void **state)
{
    (void)state;
    for (unsigned way = 0; way < 3; way++) {
        t.opens = 0;
        t.close_on_write = t.close_on_read = false;
        connect();
        t.close_on_write = way == 1;
        t.close_on_read = way == 2;
        if (way == 0) {
            far(virtio_vsock_close, t.connection);
            far(virtio_vsock_close, t.connection);
        } else if (way == 1) {
            send_data("x", 1);
        } else {
            t.has = 20;
            ready(t.connection);
            assert_int_equal(receive(), 20);
            ready(t.connection); /* and that was all */
        }
        expect(SHUTDOWN);
        assert_int_equal(t.packet.flags, 3);
        send_data("late", 4); /* on its way meanwhile */
        if (way == 0) {
            send(RST);
        } else {
            struct header h = header(SHUTDOWN);
            h.flags = 3;
            send_with(h, NULL, 0);
            expect(RST);
        }
        send(RW);
        expect(RST); /* nobody's, now */
    }
    assert_int_equal(t.closes, 0); /* it knows */
    assert_int_equal(t.got_count, 0);
}

static void a_half_closed_connection_still_talks(void **state)
{
    (void)state;
    connect();
    struct header h = header(SHUTDOWN);
    h.flags = 2; /* the guest sends no more */
    send_with(h, NULL, 0);
    t.has = 4;
    ready(t.connection);
    assert_int_equal(receive(), 4);
    send_data("x", 1); /* it said that it would not */
    expect(RST);
    assert_int_equal(t.closes, 1);

    t.opens = 0;
    connect();
    h.flags = 1; /* the guest receives no more */
    send_with(h, NULL, 0);
    send_with(h, NULL, 0);
    assert_int_equal(t.deafs, 1);
    send_data("y", 1);
    assert_int_equal(t.got_count, 1);
    t.has = 4;
    ready(t.connection);
    assert_int_equal(t.has, 4);
    expect_silence();
}

/* The end comes to the endpoint behind the last byte. */
static void the_end_waits_for_the_buffer(void **state)
{
    (void)state;
    connect();
    t.room = 2;
    send_data("abcd", 4);
    struct header h = header(SHUTDOWN);
    h.flags = 3;
    send_with(h, NULL, 0);
    assert_int_equal(t.ends + t.closes, 0);
    t.room = 9;
    ready(t.connection);
    assert_memory_equal(t.got, "abcd", 4);
    assert_int_equal(t.ends, 1);
    assert_int_equal(t.closes, 1);
    expect(RST);
}

static void the_far_side_connects(void **state)
{
    (void)state;
    int number = far_connects(HOST, PORT, GUEST_PORT);
    assert_int_not_equal(number, -1);
    assert_int_equal(far_connects(HOST, PORT, GUEST_PORT), -1);
    expect(REQUEST);
    assert_int_equal(t.opens, 0);
    send(RESPONSE);
    assert_int_equal(t.opens, 1);
    assert_int_equal(t.connection, number);
    send_data("ok", 2);
    assert_int_equal(t.got_count, 2);
    send(RST);
    assert_int_equal(t.closes, 1);
    /* A guest that refuses. */
    assert_int_not_equal(far_connects(HOST, PORT, GUEST_PORT), -1);
    expect(REQUEST);
    send(RST);
    assert_int_equal(t.opens, 1);
    assert_int_equal(t.closes, 2);
    /* Data before the answer. */
    far_connects(HOST, PORT, GUEST_PORT);
    expect(REQUEST);
    send_data("x", 1);
    expect(RST);
    assert_int_equal(t.closes, 3);
    virtio_reset(&t.vsock.device);
    assert_int_equal(far_connects(HOST, PORT, GUEST_PORT), -1);
}

static void the_table_fills_and_empties(void **state)
{
    (void)state;
    struct header h = header(REQUEST);
    for (unsigned i = 0; i < VIRTIO_VSOCK_CONNECTIONS; i++) {
        h.source_port = i;
        send_with(h, NULL, 0);
        assert_int_equal(receive(), 0);
        assert_int_equal(t.packet.operation, RESPONSE);
    }
    h.source_port = 1000;
    send_with(h, NULL, 0);
    assert_int_equal(receive(), 0);
    assert_int_equal(t.packet.operation, RST);
    assert_int_equal(far_connects(HOST, 1, 1), -1);
    /* A guest that does not answer SHUTDOWN does not keep the place. */
    far(virtio_vsock_close, 3);
    assert_int_equal(receive(), 0);
    assert_int_equal(t.packet.operation, SHUTDOWN);
    send_with(h, NULL, 0);
    assert_int_equal(receive(), 0);
    assert_int_equal(t.packet.operation, RESPONSE);
    assert_int_equal(t.connection, 3);
}

/* A guest without receive buffers: what it sends waits, and nothing is lost. */
static void answers_wait_for_buffers(void **state)
{
    (void)state;
    struct header h = header(RW);
    uint64_t at = driver_put(&t.d, &h, sizeof h);
    struct fake_buffer buffer = {at, sizeof h, false};
    uint16_t id;
    uint32_t written;
    for (unsigned i = 0; i < 40; i++) {
        driver_add(&t.d, TX, &buffer, 1);
    }
    driver_kick(&t.d, TX);
    unsigned done = 0, answers = 0;
    while (driver_take(&t.d, TX, &id, &written)) {
        done++;
    }
    assert_int_equal(done, VIRTIO_VSOCK_STRAYS);
    for (; receive() == 0; answers++) {
        assert_int_equal(t.packet.operation, RST);
        while (driver_take(&t.d, TX, &id, &written)) {
            done++;
        }
    }
    assert_int_equal(done, 40);
    assert_int_equal(answers, 40);
}

static void buffers_too_small_for_a_packet_come_back_empty(void **state)
{
    (void)state;
    uint8_t small[44];
    send(REQUEST);
    assert_int_equal(driver_request(&t.d, RX, NULL, 0, small, sizeof small), 0);
    assert_int_equal(driver_request(&t.d, RX, small, sizeof small, NULL, 0), 0);
    expect(RESPONSE);
}

static void a_reset_closes_all(void **state)
{
    (void)state;
    connect();
    t.opens = 0;
    assert_true(driver_start(&t.d, 0));
    assert_int_equal(t.closes, 1);
    send_data("x", 1);
    expect(RST);
    connect();
}

static void an_answer_may_come_later(void **state)
{
    (void)state;
    t.later = true;
    send(REQUEST);
    assert_int_equal(t.address.guest_port, GUEST_PORT);
    assert_int_equal(receive(), -1);
    far(virtio_vsock_accept, t.connection);
    far(virtio_vsock_accept, t.connection); /* harmless */
    uint16_t id;
    uint32_t written;
    assert_true(driver_take(&t.d, RX, &id, &written));
    assert_false(driver_take(&t.d, RX, &id, &written));
    send_data("hi", 2);
    assert_int_equal(t.got_count, 2);
    send(RST);
    assert_int_equal(t.closes, 1);
    /* A late no. */
    send(REQUEST);
    far(virtio_vsock_close, t.connection);
    expect(RST);
    assert_int_equal(t.closes, 1);
    /* A guest that does not wait: what it may not do, and what it may. */
    send(REQUEST);
    send_data("x", 1);
    expect(RST);
    assert_int_equal(t.closes, 2);
    send(REQUEST);
    struct header h = header(SHUTDOWN);
    h.flags = 2;
    send_with(h, NULL, 0);
    assert_int_equal(t.ends, 0);
    far(virtio_vsock_accept, t.connection);
    assert_int_equal(t.ends, 1);
    expect(RESPONSE);
    send(RST);
    send(REQUEST);
    h.flags = 3;
    send_with(h, NULL, 0);
    expect(RST);
    assert_int_equal(t.closes, 4);
}

static void the_far_end_sends_no_more(void **state)
{
    (void)state;
    connect();
    t.has = 3;
    t.end_on_read = true;
    ready(t.connection);
    assert_int_equal(receive(), 3);
    ready(t.connection);
    expect(SHUTDOWN);
    assert_int_equal(t.packet.flags, 2);
    ready(t.connection); /* is not asked again */
    send_data("still", 5);
    assert_int_equal(t.got_count, 5);
    far(virtio_vsock_close, t.connection);
    expect(SHUTDOWN);
    assert_int_equal(t.packet.flags, 3);
}

static void the_far_end_takes_no_more(void **state)
{
    (void)state;
    connect();
    t.room = 0;
    send_data("lost", 4);
    assert_true(virtio_vsock_waits(&t.vsock, t.connection));
    far(virtio_vsock_deaf, t.connection);
    assert_false(virtio_vsock_waits(&t.vsock, t.connection));
    expect(SHUTDOWN);
    assert_int_equal(t.packet.flags, 1);
    t.room = 100;
    send_data("lost", 4);
    assert_int_equal(t.got_count, 0);
    t.has = 2;
    ready(t.connection);
    assert_int_equal(receive(), 2);
    t.end_on_read = true;
    ready(t.connection);
    expect(SHUTDOWN);
    assert_int_equal(t.packet.flags, 3);
}

static void the_far_end_is_cut_off(void **state)
{
    (void)state;
    connect();
    t.has = 5;
    far(virtio_vsock_cut, t.connection);
    expect(RST);
    send(RW);
    expect(RST);
    assert_int_equal(t.closes, 0); /* it knows */
    far(virtio_vsock_cut, t.connection);
    expect_silence();
}

/* A driver that has no room is asked for it once, and not again by what it says without any. */
static void credit_is_asked_for_once(void **state)
{
    (void)state;
    struct header h = header(REQUEST);
    h.alloc = 0;
    send_with(h, NULL, 0);
    expect(RESPONSE);
    t.has = 1;
    ready(t.connection);
    assert_int_equal(receive(), 0);
    assert_int_equal(t.packet.operation, CREDIT_REQUEST);
    h = header(CREDIT_UPDATE);
    h.alloc = 0;
    send_with(h, NULL, 0);
    expect_silence();
}

static void a_reset_of_all_far_ends_is_told(void **state)
{
    (void)state;
    connect();
    uint32_t event = ~0u;
    assert_int_equal(driver_request(&t.d, EVENT, NULL, 0, &event, 4), FAKE_NO_ANSWER);
    virtio_lock(&t.vsock.device);
    virtio_vsock_reset(&t.vsock);
    virtio_unlock(&t.vsock.device);
    uint16_t id;
    uint32_t written;
    assert_true(driver_take(&t.d, EVENT, &id, &written));
    assert_int_equal(written, 4);
    assert_int_equal(t.closes, 1);
    assert_int_equal(virtio_config_read(&t.vsock.device, 0, 8), CID);
    send(RW); /* it does not know yet */
    expect(RST);
    t.opens = 0;
    connect();
    /* Who waits for an answer gets one. */
    send(RST);
    t.later = true;
    send(REQUEST);
    virtio_lock(&t.vsock.device);
    virtio_vsock_reset(&t.vsock);
    virtio_unlock(&t.vsock.device);
    expect(RST);
    assert_int_equal(t.closes, 3);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_guest_connects_talks_and_leaves),
        TEST(the_configuration_has_the_cid),
        TEST(nobody_listens),
        TEST(another_vm_is_found),
        TEST(packets_without_a_connection_are_reset),
        TEST(bad_headers_are_dropped),
        TEST(a_second_request_resets_the_connection),
        TEST(operations_out_of_place_reset_the_connection),
        TEST(the_guests_reset_ends_a_connection),
        TEST(a_slow_endpoint_uses_up_the_guests_credit),
        TEST(more_than_was_promised_cuts_the_guest_off),
        TEST(the_guest_gets_no_more_than_it_has_room_for),
        TEST(the_endpoint_closes),
        TEST(a_half_closed_connection_still_talks),
        TEST(the_end_waits_for_the_buffer),
        TEST(the_far_side_connects),
        TEST(the_table_fills_and_empties),
        TEST(answers_wait_for_buffers),
        TEST(buffers_too_small_for_a_packet_come_back_empty),
        TEST(a_reset_closes_all),
        TEST(an_answer_may_come_later),
        TEST(the_far_end_sends_no_more),
        TEST(the_far_end_takes_no_more),
        TEST(the_far_end_is_cut_off),
        TEST(credit_is_asked_for_once),
        TEST(a_reset_of_all_far_ends_is_told),
    };
    return cmocka_run_group_tests_name("virtio-vsock", tests, NULL, NULL);
}
