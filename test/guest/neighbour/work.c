// SPDX-License-Identifier: BSD-2-Clause
/*
 * A guest that works: computes; then 4 KiB to or from its disk, one request at a time; then frames
 * from one of its network devices to the other, one at a time. For each phase it says how much it
 * did in which time:
 * "neighbour: PHASE compute COUNT TICKS disk COUNT TICKS net COUNT TICKS lost COUNT wrong COUNT".
 */
#include <stddef.h>

#include "lib/virtio_blk.h"
#include "test/guest/neighbour/irq.h"
#include "test/guest/neighbour/phase.h"
#include "test/guest/neighbour/queue.h"

enum {
    SECTOR_BYTES = 512,
    BLOCK_BYTES = 4096,
    BLOCKS = 512, /* of the disk, that are used */
    RECEIVE = 0,
    TRANSMIT = 1,
    NET_HEADER_BYTES = 12, /* VIRTIO 1.3, 5.1.6 */
    FRAME_BYTES = 1514,
    SENDER = NET_HEADER_BYTES + 11, /* the last byte of the frame's source address */
    SERIAL = NET_HEADER_BYTES + 14,
    RECEIVE_BUFFERS = 8,
    COMPUTE_LOOPS = 500,
    LOST_MS = 1, /* a frame that has not come then is lost: some ten times what it takes */
};

struct count {
    uint64_t done, ticks;
};

static struct rings disk_rings, send_rings, receive_rings, idle_rings;
static struct queue disk, sender, receiver, idle;
static uint64_t lost, wrong;

static struct virtio_blk_header header;
static volatile uint8_t status;
static _Alignas(BLOCK_BYTES) volatile uint64_t block[BLOCK_BYTES / sizeof(uint64_t)];
static _Alignas(64) volatile uint8_t frame[NET_HEADER_BYTES + FRAME_BYTES];
static _Alignas(64) volatile uint8_t received[RECEIVE_BUFFERS][2048];

static bool open_disk(void)
{
    if (!device_find(VIRTIO_TYPE_BLOCK) || !device_reset() ||
        !device_negotiate(VIRTIO_F_VERSION_1)) {
        return false;
    }
    queue_init(&disk, 0, &disk_rings);
    irq_enable();
    device_go();
    return true;
}

static bool open_net(unsigned n, struct queue *in, struct rings *in_rings, struct queue *out,
                     struct rings *out_rings)
{
    if (!device_find_nth(VIRTIO_TYPE_NET, n) || !device_reset() ||
        !device_negotiate(VIRTIO_F_VERSION_1)) {
        return false;
    }
    queue_init(in, RECEIVE, in_rings);
    irq_enable();
    if (out != NULL) {
        queue_init(out, TRANSMIT, out_rings);
    }
    device_go();
    return true;
}

/* ---- disk -------------------------------------------------------------------------------------
 */

static void disk_request(uint32_t type, uint64_t sector)
{
    bool reads = type == VIRTIO_BLK_IN;
    header = (struct virtio_blk_header){.type = type, .sector = sector};
    status = 0xff;
    queue_put(&disk, 0, (uint64_t)&header, sizeof header, VIRTQ_DESC_NEXT);
    queue_put(&disk, 1, (uint64_t)block, BLOCK_BYTES,
              (uint16_t)(VIRTQ_DESC_NEXT | (reads ? VIRTQ_DESC_WRITE : 0)));
    queue_put(&disk, 2, (uint64_t)&status, 1, VIRTQ_DESC_WRITE);
    queue_add(&disk, 0);
    queue_notify(&disk);
    while (queue_take(&disk) < 0) {
        irq_wait(UINT64_MAX / 2);
    }
    wrong += status != VIRTIO_BLK_OK;
}

/* Each block is written and then read; its first and last word say which writing it was. */
static void disk_step(struct count *count)
{
    static uint64_t step;
    const unsigned last = BLOCK_BYTES / sizeof block[0] - 1;
    uint64_t turn = step / 2, sector = turn % BLOCKS * (BLOCK_BYTES / SECTOR_BYTES);
    uint64_t began = machine_now();
    bool reads = step % 2 != 0;
    block[0] = block[last] = reads ? 0 : turn;
    disk_request(reads ? VIRTIO_BLK_IN : VIRTIO_BLK_OUT, sector);
    wrong += reads && (block[0] != turn || block[last] != turn);
    step++;
    count->done++;
    count->ticks += machine_now() - began;
}

/* ---- network ----------------------------------------------------------------------------------
 */

static void give_buffer(unsigned i)
{
    queue_put(&receiver, i, (uint64_t)received[i], sizeof received[i], VIRTQ_DESC_WRITE);
    queue_add(&receiver, (uint16_t)i);
}

/* Has the frame with that number come? Looks at a queue's worth, however many others come. */
static bool has_come(uint8_t serial)
{
    int i;
    bool came = false;
    unsigned taken = 0;
    for (; taken < RECEIVE_BUFFERS && (i = queue_take(&receiver)) >= 0; taken++) {
        const volatile uint8_t *bytes = received[(unsigned)i % RECEIVE_BUFFERS];
        came |= bytes[SENDER] == 1 && bytes[SERIAL] == serial;
        give_buffer((unsigned)i % RECEIVE_BUFFERS);
    }
    if (taken != 0) {
        queue_notify(&receiver);
    }
    return came;
}

static void net_step(struct count *count)
{
    static uint8_t serial;
    uint64_t began = machine_now(), until = began + phase_ticks(LOST_MS);
    frame[SERIAL] = ++serial;
    queue_put(&sender, 0, (uint64_t)frame, sizeof frame, 0);
    queue_add(&sender, 0);
    queue_notify(&sender);
    bool came = has_come(serial);
    for (; !came && machine_now() < until; came = has_come(serial)) {
        irq_wait(until);
    }
    while (queue_take(&sender) < 0) {
        irq_wait(UINT64_MAX / 2);
    }
    lost += !came;
    count->done += came;
    count->ticks += machine_now() - began;
}

static void make_frame(void)
{
    static const uint8_t addresses[] = {2, 0xbe, 0, 0, 0, 2, 2, 0xbe, 0, 0, 0, 1, 0x88, 0xb5};
    for (unsigned i = 0; i < sizeof addresses; i++) {
        frame[NET_HEADER_BYTES + i] = addresses[i];
    }
}

/* ---- phases -----------------------------------------------------------------------------------
 */

static void say_count(const char *name, const struct count *count)
{
    say(name);
    say_number(count->done);
    say(" ");
    say_number(count->ticks);
}

static void compute_step(struct count *count)
{
    uint64_t began = machine_now();
    for (volatile unsigned i = 0; i < COMPUTE_LOOPS; i++) {
    }
    count->done++;
    count->ticks += machine_now() - began;
}

static void work_in(uint64_t phase)
{
    static void (*const steps[SLOT_COUNT])(struct count *) = {compute_step, disk_step, net_step};
    struct count counts[SLOT_COUNT] = {0};
    lost = wrong = 0;
    for (unsigned slot = 0; slot < SLOT_COUNT; slot++) {
        struct phase_window window = phase_window(phase, (enum phase_slot)slot);
        for (struct count unused = {0}; machine_now() < window.begin;) {
            steps[slot](&unused);
        }
        while (machine_now() < window.end) {
            steps[slot](&counts[slot]);
        }
    }
    say("neighbour: ");
    say_number(phase);
    say_count(" compute ", &counts[SLOT_COMPUTE]);
    say_count(" disk ", &counts[SLOT_DISK]);
    say_count(" net ", &counts[SLOT_NET]);
    say(" lost ");
    say_number(lost);
    say(" wrong ");
    say_number(wrong);
    say("\n");
}

void second_main(void)
{
}

void guest_main(void)
{
    irq_open();
    if (!open_disk() || !open_net(0, &idle, &idle_rings, &sender, &send_rings) ||
        !open_net(1, &receiver, &receive_rings, NULL, NULL)) {
        say("neighbour: a device is missing\n");
        return;
    }
    for (unsigned i = 0; i < RECEIVE_BUFFERS; i++) {
        give_buffer(i);
    }
    queue_notify(&receiver);
    make_frame();
    if (phase_now() >= PHASE_FIRST) {
        say("neighbour: too late\n");
        return;
    }
    while (phase_now() < PHASE_FIRST) {
    }
    for (uint64_t phase = PHASE_FIRST; phase < PHASE_END; phase++) {
        work_in(phase);
    }
}
