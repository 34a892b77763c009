// SPDX-License-Identifier: BSD-2-Clause
/*
 * A hostile guest and a fickle far side against the network device. The input is what the guest's
 * driver does, by the rules or not, and what it writes over its rings. At all times: what the far
 * side gets is a frame that can be, whole; what it gives is only read inside; a pass ends. At the
 * end a reset, and the device works as new.
 */
#include <string.h>

#include "lib/check.h"
#include "test/fake/input.h"
#include "test/fake/net.h"
#include "test/fake/net_guest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PAIRS = 2, STEPS = 200, RINGS_BYTES = 16384, SPANS = 4 };

static struct {
    struct net_guest g;
    struct virtio_net net;
    bool tampered; /* the guest broke its own rings: what it sees proves nothing */
    bool began;
    struct net_head sending, waiting; /* for the guest, while waiting.length != 0 */
    uint32_t put, room, sent, frames, moods;
    uint8_t bytes[NET_FRAME_MAX], got[NET_FRAME_MAX];
} t;

/* ---- the far side ---------------------------------------------------------------------------- */

static bool up(void *ctx)
{
    (void)ctx;
    return (t.frames & 1) == 0;
}

static void accept(void *ctx, uint32_t offloads)
{
    (void)ctx;
    CHECK((offloads & ~(uint32_t)NET_OFFLOADS) == 0);
}

static bool begin(void *ctx, const struct net_head *head)
{
    (void)ctx;
    CHECK(net_head_valid(head));
    t.sending = *head;
    t.put = 0;
    t.began = t.room != 0;
    return t.began;
}

static void put(void *ctx, uint32_t offset, const void *bytes, uint32_t size)
{
    (void)ctx;
    CHECK(t.began && offset == t.put && size <= t.sending.length - offset);
    memcpy(t.got + offset, bytes, size);
    t.put += size;
}

static void publish(void *ctx)
{
    (void)ctx;
    CHECK(t.began && t.put == t.sending.length);
    t.began = false;
    t.room--;
    t.sent++;
}

/* Sometimes it says that there is something, and then there is not. */
static bool moody(void)
{
    t.moods -= t.moods != 0;
    return t.moods % 4 == 1;
}

static bool wait_room(void *ctx, const struct net_head *head)
{
    (void)ctx;
    CHECK(head->length == t.sending.length);
    return !moody();
}

static const struct net_head *peek(void *ctx)
{
    (void)ctx;
    return t.waiting.length != 0 ? &t.waiting : NULL;
}

static void copy(void *ctx, uint32_t offset, void *to, uint32_t size)
{
    (void)ctx;
    CHECK(offset + size <= t.waiting.length);
    memcpy(to, t.bytes + offset, size);
}

/* There are `frames` of the same kind. */
static void done(void *ctx)
{
    (void)ctx;
    CHECK(t.waiting.length != 0 && t.frames != 0);
    if (--t.frames == 0) {
        t.waiting.length = 0;
    }
}

static bool wait_frame(void *ctx)
{
    (void)ctx;
    return t.waiting.length == 0 && !moody();
}

static void discard(void *ctx)
{
    (void)ctx;
    t.waiting.length = t.frames = 0;
}

static void flush(void *ctx)
{
    (void)ctx;
}

static const struct virtio_net_far far = {
    up, accept, begin, put, publish, wait_room, peek, copy, done, wait_frame, discard, flush, NULL,
};

static void offer(void)
{
    static const uint8_t types[] = {NET_GSO_NONE, NET_GSO_NONE, NET_GSO_TCP4, NET_GSO_TCP6};
    uint32_t what = input_8();
    struct net_head head = {
        .length = NET_FRAME_MIN + input_16(),
        .flags = (uint8_t)(what & 3),
        .gso_type = types[what >> 2 & 3],
        .gso_size = (uint16_t)input_16(),
        .csum_start = (uint16_t)input_8(),
        .csum_offset = (uint16_t)input_8(),
    };
    if (net_head_valid(&head)) { /* the link sees to that */
        t.waiting = head;
        t.frames = 1 + (what >> 4);
        t.bytes[0] = (uint8_t)input_8();
        t.bytes[13] = (uint8_t)input_8();
    }
}

/* ---- the guest ------------------------------------------------------------------------------- */

static bool room_for(unsigned queue, uint32_t bytes)
{
    return t.g.d.queue[queue].free_count > SPANS && bytes + 64 <= FAKE_RAM_BYTES - t.g.d.used_bytes;
}

static void start(uint64_t features)
{
    t.tampered = !net_guest_start(&t.g, features & t.net.device.state.offered);
}

static void add_any(unsigned queue)
{
    struct fake_buffer buffers[SPANS];
    unsigned count = 1 + input_8() % SPANS;
    for (unsigned i = 0; i < count; i++) {
        uint32_t where = input_32();
        buffers[i] = (struct fake_buffer){FAKE_RAM_BASE + where % FAKE_RAM_BYTES, input_16(),
                                          (where >> 31) != 0};
    }
    t.tampered = true; /* it may hit the rings, or be no frame's */
    if (room_for(queue, 0)) {
        driver_add(&t.g.d, queue, buffers, count);
        driver_kick(&t.g.d, queue);
    }
}

static void send_any(unsigned queue)
{
    struct guest_head head = {
        .flags = (uint8_t)input_8(),
        .gso_type = (uint8_t)(input_8() % 6),
        .header_length = (uint16_t)input_16(),
        .gso_size = (uint16_t)input_16(),
        .csum_start = (uint16_t)input_8(),
        .csum_offset = (uint16_t)input_8(),
    };
    uint32_t length = input_16(), cut = input_16();
    if (!t.tampered && room_for(queue, 0) && t.g.d.queue[queue].free_count > 16) {
        net_guest_send(&t.g, queue, &head, t.bytes, length, cut);
    }
}

static void command(unsigned queue)
{
    uint8_t data[64];
    uint32_t class = input_8(), what = input_8(), size = input_8() % (sizeof data + 1);
    for (uint32_t i = 0; i < size; i++) {
        data[i] = (uint8_t)input_8();
    }
    bool there = virtio_has(&t.net.device, VIRTIO_NET_F_CTRL_VQ) &&
                 virtio_has(&t.net.device, VIRTIO_NET_F_MQ) == (queue == 2 * PAIRS);
    if (!t.tampered && there && room_for(queue, 256)) {
        net_guest_command(&t.g, queue, (uint8_t)(class % 6), (uint8_t)(what % 7), data, size);
    }
}

static void tamper(void)
{
    uint32_t at = input_32() % RINGS_BYTES, value = input_32();
    memcpy(t.g.d.ram.host + at, &value, 1 + (value & 3));
    t.tampered = true;
}

/* Without multi-queue, the queue behind the first pair is for commands. */
static bool is_receive(unsigned queue)
{
    return queue == 0 || (queue == 2 && virtio_has(&t.net.device, VIRTIO_NET_F_MQ));
}

static void receive_all(unsigned queue)
{
    struct guest_head head;
    static uint8_t frame[NET_FRAME_MAX + 4096];
    for (unsigned i = 0; !t.tampered && is_receive(queue) && i < 64; i++) {
        if (net_guest_receive(&t.g, queue, &head, frame) == 0) {
            break;
        }
    }
}

static void locked(void (*function)(struct virtio_device *device, uint32_t queue), uint32_t queue)
{
    virtio_lock(&t.net.device);
    function(&t.net.device, queue);
    virtio_unlock(&t.net.device);
}

static void run(void)
{
    for (unsigned i = 0; t.g.d.deferred && i < 100; i++) {
        t.g.d.deferred = false;
        virtio_run(&t.net.device);
    }
}

static void step(void)
{
    uint32_t what = input_8();
    unsigned queue = (what >> 4) % (2 * PAIRS + 1);
    switch (what & 15) {
    case 0:
        start(input_32() | (uint64_t)(what >> 4 & 1) << 34 | (uint64_t)(what >> 5 & 1) << 35 |
              (uint64_t)(what >> 6 & 1) << 40);
        break;
    case 1: {
        uint32_t size = 12 + input_16() % 5000, count = 1 + input_8() % 8;
        if (!t.tampered && is_receive(queue) && t.g.d.queue[queue].free_count >= 2 * count &&
            room_for(queue, (size + 16) * count)) {
            net_guest_post(&t.g, queue, size, count, size > 40 && (what & 0x80) != 0 ? 20 : 0);
        }
        break;
    }
    case 2:
    case 3:
        send_any((queue | 1) % (2 * PAIRS));
        break;
    case 4:
        tamper();
        break;
    case 5:
        locked(virtio_notify, queue);
        break;
    case 6:
    case 7:
        offer();
        virtio_net_ready(&t.net);
        break;
    case 8:
        t.room = input_8();
        virtio_net_ready(&t.net);
        break;
    case 9:
        run();
        break;
    case 10:
        command(2 * PAIRS);
        break;
    case 11:
        command(2);
        break;
    case 12:
        locked(virtio_queue_reset, queue);
        t.tampered = true; /* the guest does not set it up again */
        break;
    case 13:
        add_any(queue);
        break;
    case 14:
        receive_all(queue & ~1u);
        break;
    default:
        t.bytes[input_8() % 80] = (uint8_t)input_8();
        break;
    }
}

static void works_as_new(void)
{
    static const struct guest_head plain;
    struct guest_head head;
    static uint8_t frame[2048];
    t.room = 1;
    t.sent = 0;
    CHECK(net_guest_start(&t.g, VIRTIO_NET_F_MRG_RXBUF));
    net_guest_post(&t.g, 0, 2048, 2, 0);
    run();
    fake_frame(t.bytes, 100, 1, 2, 3);
    CHECK(net_guest_send(&t.g, 1, &plain, t.bytes, 100, 0));
    CHECK(t.sent == 1 && memcmp(t.got, t.bytes, 100) == 0);
    t.waiting = (struct net_head){.length = 100};
    t.frames = 1;
    virtio_net_ready(&t.net);
    run();
    CHECK(net_guest_receive(&t.g, 0, &head, frame) == 100 && memcmp(frame, t.bytes, 100) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool ready;
    if (!ready) {
        net_guest_init(&t.g);
        ready = true;
    }
    input_open(data, size);
    t.room = t.sent = 0;
    t.moods = 40;
    t.waiting.length = t.frames = 0;
    memset(t.g.d.ram.host, 0, 64 * 1024); /* the rings */
    virtio_net_init(&t.net, &(struct virtio_net_setup){
                                .far = &far,
                                .mac = {2, 0, 0, 0, 0, 1},
                                .mtu = 1500,
                                .takes = NET_OFFLOADS,
                                .pair_count = PAIRS,
                                .ram = &t.g.d.ram,
                                .port = &t.g.d.port,
    });
    net_guest_attach(&t.g, &t.net);
    start(input_32() | (uint64_t)input_8() << 32);
    for (unsigned i = 0; i < STEPS && !input_over(); i++) {
        step();
    }
    works_as_new();
    return 0;
}
