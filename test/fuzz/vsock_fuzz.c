// SPDX-License-Identifier: BSD-2-Clause
/*
 * The socket relay with hostile clients. Ports 0 and 1 are hostile: the input is what they write
 * into their links, by the rules or not, what root does with them, and how time goes. Ports 2 and 3
 * are honest, and everybody may connect to everybody. At all times:
 *   - no honest client finds that the relay broke a rule, nor the relay that an honest client did;
 *   - bytes between the honest ones arrive unchanged, in a bounded number of turns, and so does an
 *     answer of the host;
 *   - a turn ends.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "lib/check.h"
#include "link/vsock_client.h"
#include "service/vsock/relay.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PORTS = 4, FROM = 2, TO = 3, HZ = 10, TURNS = 64, STEPS = 300 };

static struct {
    struct vsock_link link[VSOCK_PORT_MAX];
    struct vsock_roster roster;
    struct relay relay;
    struct vsock_client client[PORTS];
    uint64_t now;
    uint32_t to_relay;
    int accepted; /* channel of TO that was taken last */
    const uint8_t *data;
    size_t left;
} t;

static uint32_t next(void)
{
    if (t.left == 0) {
        return 0;
    }
    t.left--;
    return *t.data++;
}

static uint32_t next_32(void)
{
    uint32_t value = next() << 24;
    value |= next() << 16;
    value |= next() << 8;
    return value | next();
}

static void note_signal(void *ctx, unsigned port)
{
    (void)ctx;
    CHECK(port < PORTS);
}

static uint64_t now(void *ctx)
{
    (void)ctx;
    return t.now;
}

static void signal_relay(void *ctx)
{
    t.to_relay |= 1u << ((struct vsock_client *)ctx - t.client);
}

static void start_relay(void)
{
    relay_init(&t.relay, &(struct relay_runner){
                             .signal = note_signal,
                             .now = now,
                             .roster = &t.roster,
                             .links = (uint8_t *)t.link,
                             .link_stride = sizeof t.link[0],
                             .counter_hz = HZ,
                         });
    relay_roster_changed(&t.relay);
}

static void start_client(unsigned port)
{
    struct vsock_port_info *info = &t.roster.port[port];
    atomic_fetch_or(&info->generation, 1);
    vsock_link_format(&t.link[port]);
    atomic_fetch_add(&info->generation, 1);
    CHECK(vsock_client_open(&t.client[port], &t.link[port], signal_relay, &t.client[port]));
    relay_roster_changed(&t.relay);
}

/* What a client's event thread does; TO takes every offer, and all close what is closed. */
static void serve_client(unsigned port)
{
    struct vsock_client *client = &t.client[port];
    struct vsock_record r;
    vsock_client_attach(client);
    while (vsock_client_next(client, &r)) {
        if (r.operation == VSOCK_LINK_OFFER && port == TO) {
            t.accepted = vsock_client_take(client, r.offer);
        } else if (r.operation == VSOCK_LINK_OFFER) {
            vsock_client_refuse(client, r.offer);
        } else if (r.operation == VSOCK_LINK_CLOSE) {
            vsock_client_close(client, r.channel);
        }
    }
    vsock_client_flush(client);
}

static void turn(void)
{
    relay_signalled(&t.relay, t.to_relay);
    t.to_relay = 0;
    relay_run(&t.relay);
    for (unsigned i = FROM; i < PORTS; i++) {
        serve_client(i);
        CHECK(t.client[i].broken == 0);
    }
}

/* From FROM to TO, or to the host. TO's channels may all be taken by hostile ones: it leaves them.
 */
static void honest_talk(bool is_host)
{
    static const uint8_t question[] = "cid\n", answer[] = "ok 5\n";
    struct vsock_client *from = &t.client[FROM], *to = is_host ? from : &t.client[TO];
    uint8_t got[sizeof answer] = {0};
    const struct vsock_address address = {is_host ? VSOCK_HOST_CID : 3 + TO, VSOCK_HOST_PORT, 9};
    for (unsigned i = 0; i < VSOCK_CHANNELS; i++) {
        vsock_client_close(&t.client[TO], i);
        vsock_client_close(from, i);
    }
    vsock_client_flush(&t.client[TO]);
    vsock_client_flush(from);
    t.now += (VSOCK_LINGER_S + 1) * HZ;
    for (unsigned i = 0; i < TURNS; i++) {
        turn();
    }
    t.accepted = -1;
    int channel = vsock_client_ask(from, &address);
    CHECK(channel >= 0);
    vsock_client_flush(from);
    for (unsigned i = 0; i < TURNS && from->channel[channel].phase != VSOCK_CHANNEL_OPEN; i++) {
        turn();
    }
    CHECK(from->channel[channel].phase == VSOCK_CHANNEL_OPEN && (is_host || t.accepted >= 0));
    CHECK(vsock_client_write(from, (unsigned)channel, question, 4) == 4);
    vsock_client_flush(from);
    uint32_t wanted = is_host ? 5 : 4, count = 0;
    for (unsigned i = 0; i < TURNS && count < wanted; i++) {
        turn();
        count += vsock_client_read(to, (unsigned)(is_host ? channel : t.accepted), got + count,
                                   wanted - count);
    }
    CHECK(count == wanted && memcmp(got, is_host ? answer : question, wanted) == 0);
    vsock_client_close(from, (unsigned)channel);
    vsock_client_flush(from);
}

static void hostile_words(struct vsock_link *link)
{
    uint32_t which = next(), value = next_32(), channel = next() % VSOCK_CHANNELS;
    struct ring_shared *rings[] = {&link->to_service, &link->to_client,
                                   &link->channel[channel].to_service,
                                   &link->channel[channel].to_client};
    struct ring_shared *ring = rings[which >> 4 & 3];
    switch (which & 7) {
    case 0:
        atomic_store(&ring->head, value);
        break;
    case 1:
        atomic_store(&ring->tail, value);
        break;
    case 2:
        atomic_fetch_add(&ring->head, value & 0x7fff);
        break;
    case 3:
        atomic_fetch_add(&ring->tail, value & 0x7fff);
        break;
    case 4:
        atomic_store(&ring->producer_wants, value);
        atomic_store(&ring->consumer_wants, value >> 1);
        break;
    case 5:
        atomic_store(&link->client_life, value & 3);
        break;
    case 6:
        atomic_store(&link->service_life, (which & 8) != 0 ? value : UINT32_MAX);
        break;
    default: /* any record, in its place */
        link->to_service_data[value % VSOCK_CONTROL_BYTES] = (uint8_t)(value >> 24);
        break;
    }
}

/* A record that may be right. */
static void hostile_record(unsigned port)
{
    struct vsock_client *client = &t.client[port];
    struct vsock_record r = {
        .operation = (uint8_t)(next() % 9),
        .channel = (uint8_t)(next() % (VSOCK_CHANNELS + 1)),
        .flags = (uint8_t)next(),
        .offer =
            (next() & 1) != 0 ? next_32() : (uint32_t)(next() << 16 | next() % PORTS << 8 | next()),
        .address = {2 + next() % 6, next() % 3, next()},
    };
    if (client->out.shared != NULL && vsock_record_write(&client->out, &r, &client->due)) {
        t.to_relay |= 1u << port;
    }
}

/* A client that keeps to the rules, more or less. */
static void honest_step(unsigned port)
{
    struct vsock_client *client = &t.client[port];
    const struct vsock_address address = {2 + next() % 6, 1, next()};
    unsigned channel = next() % VSOCK_CHANNELS;
    uint8_t bytes[64] = "name\ncid\n\r\nuptime";
    switch (next() % 8) {
    case 0:
    case 1:
        vsock_client_ask(client, &address);
        break;
    case 2:
        vsock_client_close(client, channel);
        break;
    case 3:
        vsock_client_end(client, channel, (uint8_t)(next() & 3));
        break;
    case 4:
        vsock_client_read(client, channel, bytes, next() % sizeof bytes);
        break;
    case 5:
        serve_client(port);
        break;
    default:
        for (unsigned i = next(); i != 0; i--) {
            vsock_client_write(client, channel, bytes, sizeof bytes);
        }
        break;
    }
    vsock_client_flush(client);
}

static void step(void)
{
    uint32_t what = next();
    unsigned port = what >> 7;
    switch (what & 15) {
    case 0:
    case 1:
        hostile_words(&t.link[port]);
        t.to_relay |= 1u << port;
        break;
    case 2:
    case 3:
    case 4:
        hostile_record(port);
        break;
    case 5:
        start_client(port);
        break;
    case 6: /* it stops */
        atomic_fetch_or(&t.roster.port[port].generation, 1);
        relay_roster_changed(&t.relay);
        break;
    case 7:
        start_relay();
        break;
    case 8:
        t.now += next();
        break;
    case 9:
        honest_step(FROM + (what >> 6 & 1));
        break;
    case 10:
    case 11:
    case 12:
        honest_step(port);
        break;
    case 13:
        honest_talk((what & 64) != 0);
        break;
    default:
        turn();
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    t.data = data;
    t.left = size;
    t.now = 100 * HZ;
    t.to_relay = 0;
    t.roster = (struct vsock_roster){.magic = VSOCK_ROSTER_MAGIC, .version = VSOCK_ROSTER_VERSION};
    for (unsigned i = 0; i < PORTS; i++) {
        t.roster.port[i] = (struct vsock_port_info){.cid = 3 + i, .is_used = 1, .reaches = ~0u};
    }
    start_relay();
    for (unsigned i = 0; i < PORTS; i++) {
        start_client(i);
    }
    for (unsigned i = 0; i < 4; i++) {
        turn();
        serve_client(0);
        serve_client(1);
    }
    for (unsigned i = 0; i < STEPS && t.left != 0; i++) {
        step();
    }
    honest_talk(false);
    honest_talk(true);
    return 0;
}
