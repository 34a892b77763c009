// SPDX-License-Identifier: BSD-2-Clause
/*
 * A guest that makes as much work as it can for what it shares with others: in each phase one
 * attack, again and again. At the end it says how often it did what: "attacker: NAME COUNT NAME
 * COUNT ..".
 */
#include "lib/virtio_blk.h"
#include "test/guest/neighbour/phase.h"
#include "test/guest/neighbour/queue.h"

#define BULK 0x40400000ull /* memory that nothing of ours is in: 8 MiB */

enum {
    REQUESTS = QUEUE_SIZE / 3,
    SECTOR_BYTES = 512,
    LARGE_BYTES = 1 << 20,
    DISK_SECTORS = 4 << 11,
    BEYOND = 1 << 24, /* a sector that there is not */
    TRANSMIT = 1,
    NET_HEADER_BYTES = 12,
    FRAME_BYTES = 1514,
    LINE_BYTES = 64, /* of text; a buffer has some of them */
};

static struct virtio_blk_header headers[REQUESTS];
static struct virtio_blk_range ranges[REQUESTS];
static uint8_t statuses[REQUESTS];
static struct rings queue_rings;
static struct queue queue;
static uint64_t until, done[ATTACK_COUNT];

static bool over(void)
{
    return machine_now() >= until;
}

/* ---- the disk ---------------------------------------------------------------------------------
 */

/* Request n, in descriptors 3n to 3n + 2. */
static void put_request(unsigned n, uint32_t type, uint64_t sector, uint32_t bytes)
{
    bool in = type == VIRTIO_BLK_IN;
    uint64_t data = BULK + (uint64_t)n * LARGE_BYTES;
    if (type == VIRTIO_BLK_DISCARD || type == VIRTIO_BLK_WRITE_ZEROES) {
        ranges[n] = (struct virtio_blk_range){.sector_count = DISK_SECTORS};
        data = (uint64_t)&ranges[n];
        bytes = sizeof ranges[n];
    }
    headers[n] = (struct virtio_blk_header){.type = type, .sector = sector};
    queue_put(&queue, 3 * n, (uint64_t)&headers[n], sizeof headers[n], VIRTQ_DESC_NEXT);
    queue_put(&queue, 3 * n + 1, data, bytes,
              (uint16_t)(VIRTQ_DESC_NEXT | (in ? VIRTQ_DESC_WRITE : 0)));
    queue_put(&queue, 3 * n + 2, (uint64_t)&statuses[n], 1, VIRTQ_DESC_WRITE);
}

static bool start_disk(uint64_t features)
{
    if (!device_find(VIRTIO_TYPE_BLOCK) || !device_reset() ||
        !device_negotiate(VIRTIO_F_VERSION_1 | features)) {
        return false;
    }
    queue_init(&queue, 0, &queue_rings);
    device_go();
    return true;
}

/* The queue is full of them all the time. */
static void requests(enum phase_attack attack, uint32_t type, uint64_t sector, uint32_t bytes)
{
    if (!start_disk(VIRTIO_BLK_F_DISCARD | VIRTIO_BLK_F_WRITE_ZEROES) && !start_disk(0)) {
        return;
    }
    for (unsigned n = 0; n < REQUESTS; n++) {
        put_request(n, type, sector, bytes);
        queue_add(&queue, (uint16_t)(3 * n));
    }
    queue_notify(&queue);
    while (!over()) {
        bool some = false;
        for (int head; (head = queue_take(&queue)) >= 0; some = true) {
            queue_add(&queue, (uint16_t)head);
            done[attack]++;
        }
        if (some) {
            queue_notify(&queue);
        }
    }
    device_reset();
}

static void storm(void)
{
    start_disk(0);
    for (unsigned i = 0; !over(); i++) {
        mmio_write(MMIO_QUEUE_NOTIFY, i & 3);
        done[ATTACK_STORM]++;
    }
}

static void chains(void)
{
    static const struct {
        uint64_t address;
        uint32_t length;
    } bad[] = {
        {0x09000000,       SECTOR_BYTES},
        {UINT64_MAX - 255, SECTOR_BYTES},
        {BULK,             UINT32_MAX  },
    };
    for (unsigned i = 0; !over() && start_disk(0); i++) {
        put_request(0, VIRTIO_BLK_IN, 0, SECTOR_BYTES);
        queue_put(&queue, 1, bad[i % 3].address, bad[i % 3].length,
                  VIRTQ_DESC_NEXT | VIRTQ_DESC_WRITE);
        queue_add(&queue, 0);
        queue_notify(&queue);
        if (!status_has(VIRTIO_NEEDS_RESET)) {
            return;
        }
        done[ATTACK_CHAINS]++;
    }
}

static void resets(void)
{
    while (!over() && start_disk(0)) {
        for (unsigned n = 0; n < REQUESTS; n++) {
            put_request(n, VIRTIO_BLK_OUT, 0, LARGE_BYTES);
            queue_add(&queue, (uint16_t)(3 * n));
        }
        queue_notify(&queue);
        done[ATTACK_RESETS]++;
    }
}

/* ---- network and console ----------------------------------------------------------------------
 */

/* Queue 1 of a device is full of buffers of `bytes` all the time. */
static void send(enum phase_attack attack, uint32_t type, unsigned device_number, uint32_t bytes)
{
    if (!device_find_nth(type, device_number) || !device_reset() ||
        !device_negotiate(VIRTIO_F_VERSION_1)) {
        return;
    }
    queue_init(&queue, TRANSMIT, &queue_rings);
    device_go();
    for (unsigned i = 0; i < QUEUE_SIZE; i++) {
        queue_put(&queue, i, BULK, bytes, 0);
        queue_add(&queue, (uint16_t)i);
    }
    queue_notify(&queue);
    while (!over()) {
        bool some = false;
        for (int head; (head = queue_take(&queue)) >= 0; some = true) {
            queue_add(&queue, (uint16_t)head);
            done[attack]++;
        }
        if (some) {
            queue_notify(&queue);
        }
    }
    device_reset();
}

/* To all, from the address that the device has. */
static void frames(enum phase_attack attack, unsigned device_number)
{
    volatile uint8_t *frame = (volatile uint8_t *)BULK;
    if (!device_find_nth(VIRTIO_TYPE_NET, device_number)) {
        return;
    }
    for (unsigned i = 0; i < NET_HEADER_BYTES; i++) {
        frame[i] = 0;
    }
    for (unsigned i = 0; i < 6; i++) {
        frame[NET_HEADER_BYTES + i] = 0xff;
        frame[NET_HEADER_BYTES + 6 + i] = *(volatile uint8_t *)(device + MMIO_CONFIG + i);
    }
    send(attack, VIRTIO_TYPE_NET, device_number, NET_HEADER_BYTES + FRAME_BYTES);
}

static void output(void)
{
    volatile uint8_t *text = (volatile uint8_t *)BULK;
    for (unsigned i = 0; i < BUFFER_BYTES; i++) {
        text[i] = i % LINE_BYTES == LINE_BYTES - 1 ? '\n' : '.';
    }
    send(ATTACK_OUTPUT, VIRTIO_TYPE_CONSOLE, 0, BUFFER_BYTES);
}

/* ---- phases -----------------------------------------------------------------------------------
 */

static void attack_with(enum phase_attack attack)
{
    switch (attack) {
    case ATTACK_STORM:
        storm();
        break;
    case ATTACK_CHAINS:
        chains();
        break;
    case ATTACK_RESETS:
        resets();
        break;
    case ATTACK_IMPOSSIBLE:
        requests(attack, VIRTIO_BLK_IN, BEYOND, SECTOR_BYTES);
        break;
    case ATTACK_SMALL:
        requests(attack, VIRTIO_BLK_OUT, 0, SECTOR_BYTES);
        break;
    case ATTACK_LARGE:
        requests(attack, VIRTIO_BLK_OUT, 0, LARGE_BYTES);
        break;
    case ATTACK_DISCARDS:
        requests(attack, VIRTIO_BLK_DISCARD, 0, 0);
        break;
    case ATTACK_FRAMES:
        frames(attack, 0);
        break;
    case ATTACK_BROADCASTS:
        frames(attack, 1);
        break;
    case ATTACK_OUTPUT:
        output();
        break;
    default:
        break;
    }
}

static void say_done(void)
{
    static const char *const names[ATTACK_COUNT] = {
        "storm", "chains",   "resets", "impossible", "small",
        "large", "discards", "output", "frames",     "broadcasts",
    };
    say("attacker:");
    for (unsigned i = 0; i < ATTACK_COUNT; i++) {
        say(" ");
        say(names[i]);
        say(" ");
        say_number(done[i]);
    }
    say("\n");
}

void second_main(void)
{
}

void guest_main(void)
{
    for (uint64_t phase; (phase = phase_now()) < PHASE_END;) {
        until = phase_begin(phase + 1);
        if (phase > PHASE_FIRST && (phase - PHASE_FIRST) % 2 != 0) {
            attack_with((enum phase_attack)((phase - PHASE_FIRST) / 2));
        }
        while (!over()) {
        }
    }
    say_done();
}
