// SPDX-License-Identifier: BSD-2-Clause
/*
 * The block service with a hostile client on one port and an honest one on another, and a device
 * that lies now and then. Each step of the input is a request of any numbers, a word anywhere in
 * the link's head, root's starts and stops, a turn of the service or of the device. The hostile
 * client may read and write its own sectors and nothing else; the honest one gets each of its
 * answers. The hostile one may have zero copy: then nothing around its VM's RAM changes, and
 * nothing touches the RAM after the service has said that it is quiet.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/check.h"
#include "link/block_client.h"
#include "service/block/server.h"
#include "test/fake/block_device.h"

enum {
    FIRST = 20, /* the hostile client's sectors of the device */
    COUNT = 40,
    HONEST = 80, /* the honest one's */
    SECTORS = 120,
    DMA_BYTES = 2 << 20,
    HEAD_BYTES = offsetof(struct block_link, data),
    RAM_BYTES = 96 << 10, /* of the hostile client's VM */
    GUARD_BYTES = 64 << 10,
    RAM_FRAME = 0x700,
    COUNTER_HZ = 62500000,
};
#define DMA_PADDR  0x48000000ull
#define LINK_PADDR 0x80000000ull

static struct {
    struct fake_block device;
    struct transport_registers registers;
    struct block_roster roster;
    struct server server;
    struct block_stats stats;
    struct block_client honest;
    bool lent;    /* the hostile client has zero copy */
    bool closing; /* root waits for the service to be quiet */
    struct block_guest told;
    int asked; /* the honest client's request that is under way */
    uint64_t now;
    _Alignas(4096) uint8_t dma[DMA_BYTES];
    _Alignas(4096) uint8_t links[2][BLOCK_LINK_BYTES];
    uint8_t before[GUARD_BYTES], ram[RAM_BYTES], after[GUARD_BYTES];
} w;

static void on_signal(void *ctx, unsigned port)
{
    (void)ctx;
    CHECK(port < 2);
}

static uint32_t take(const uint8_t **at, const uint8_t *end, unsigned bytes)
{
    uint32_t value = 0;
    while (bytes-- != 0 && *at < end) {
        value = value << 8 | *(*at)++;
    }
    return value;
}

static struct block_link *link_of(unsigned port)
{
    return (struct block_link *)(void *)w.links[port];
}

static void *memory_at(void *ctx, uint64_t vaddr)
{
    (void)ctx;
    return (void *)(uintptr_t)vaddr;
}

/* Time goes on with each pass. */
static uint64_t now(void *ctx)
{
    (void)ctx;
    return w.now += COUNTER_HZ / 1000;
}

static void start_service(void)
{
    struct server_setup setup = {
        .roster = &w.roster,
        .links = w.links[0],
        .registers = &w.registers,
        .dma = {w.dma, DMA_PADDR, DMA_BYTES, 0},
        .stats = &w.stats,
        .signal = on_signal,
        .memory = memory_at,
        .now = now,
        .counter_hz = COUNTER_HZ,
    };
    w.device.held_count = 0;
    server_init(&w.server, &setup);
}

static void start_client(unsigned port)
{
    uint32_t generation = (atomic_load(&w.roster.port[port].generation) | 1) + 1;
    atomic_store(&w.roster.port[port].generation, generation - 1);
    block_link_format(link_of(port), generation);
    atomic_store(&w.roster.port[port].generation, generation);
    server_event(&w.server, BLOCK_BADGE_ROSTER);
}

static void stop_client(unsigned port)
{
    atomic_fetch_or(&w.roster.port[port].generation, 1);
    server_event(&w.server, BLOCK_BADGE_ROSTER);
}

static bool in_ram(const uint8_t *at)
{
    return (uintptr_t)at >= (uintptr_t)w.ram && (uintptr_t)at < (uintptr_t)w.ram + RAM_BYTES;
}

/* The RAM is another VM's as soon as the service is quiet. */
static void finish_restart(void)
{
    if (!w.closing || atomic_load(&w.stats.quiet[0]) != atomic_load(&w.roster.port[0].generation)) {
        return;
    }
    w.closing = false;
    fake_block_take(&w.device);
    for (unsigned i = 0; i < w.device.held_count; i++) {
        const struct fake_held *held = &w.device.held[i];
        for (unsigned k = 0; k < held->readable + held->writable; k++) {
            CHECK(!in_ram(held->segment[k].host));
        }
    }
    start_client(0);
}

/* ---- the honest client ----------------------------------------------------------------------- */

static void honest_step(void)
{
    enum block_status status;
    block_client_update(&w.honest);
    if (w.asked >= 0) {
        if (block_client_receive(&w.honest, &status) == w.asked) {
            block_client_give(&w.honest, w.asked);
            w.asked = -1;
        }
        return;
    }
    w.asked = block_client_take(&w.honest, 512);
    if (w.asked >= 0) {
        memset(block_client_data(&w.honest, w.asked), 0x44, 512);
        block_client_send(&w.honest, w.asked, BLOCK_WRITE, 0, 0, 1);
        server_event(&w.server, 1 << 1);
    }
}

/* ---- the hostile one ------------------------------------------------------------------------- */

/* What a direct request says. */
static void put_segments(struct block_segment *segments, uint32_t how)
{
    static const uint64_t offsets[] = {
        0,   3, RAM_BYTES - 512, RAM_BYTES, UINT64_MAX - 255, 1ull << 63, BLOCK_FRAME_BYTES - 256,
        5000};
    static const uint32_t lengths[] = {512, 256, 511, 1, 0, UINT32_MAX, 4096, 0xffffff00};
    for (unsigned i = 0; i < BLOCK_SEGMENT_MAX; i++) {
        /* All alike but the second, so that some sums are right. */
        unsigned shift = i == 1 ? 6 : 0;
        segments[i] = (struct block_segment){.offset = offsets[how >> shift & 7] + i * 16u,
                                             .length = lengths[how >> (shift + 3) & 7]};
    }
}

static void push_request(const uint8_t **at, const uint8_t *end)
{
    static const uint64_t sectors[] = {0, 1, COUNT - 1, COUNT, UINT64_MAX, 1ull << 55, 10, 20};
    static const uint32_t counts[] = {1, 2, 8, 0, COUNT, UINT32_MAX, 600, 1u << 23};
    static const uint32_t offsets[] = {
        0, 512, 1, BLOCK_DATA_BYTES - 512, BLOCK_DATA_BYTES, 0xfffffe00, 4096, 8192};
    struct block_link *link = link_of(0);
    uint32_t shape = take(at, end, 3);
    struct block_request request = {
        .id = shape & 0xff,
        .attachment = (uint32_t)atomic_load(&link->attached) + ((shape >> 8 & 7) == 7),
        .type = shape >> 11 & 7,
        .flags = shape,
        .sector = sectors[shape >> 14 & 7],
        .sector_count = counts[shape >> 17 & 7],
        .data_offset = offsets[shape >> 20 & 7],
    };
    if (w.lent && (request.flags & BLOCK_DIRECT) != 0 && request.id < BLOCK_FLIGHT_MAX) {
        static const uint32_t numbers[] = {1, 2, 8, 16, 0, 17, UINT32_MAX, 4};
        request.segment_count = numbers[shape >> 20 & 7];
        put_segments(link->segments[request.id], take(at, end, 2));
    }
    uint32_t head = atomic_load(&link->requests.head);
    for (uint32_t i = 0; i < sizeof request; i++) {
        link->request_data[(head + i) % BLOCK_REQUESTS_BYTES] = ((uint8_t *)&request)[i];
    }
    atomic_store(&link->requests.head, head + (uint32_t)sizeof request);
}

static void poke(const uint8_t **at, const uint8_t *end)
{
    uint32_t where = take(at, end, 1), value = take(at, end, 2);
    /* The words at the start, which matter most. */
    memcpy(w.links[0] + where * 4 % 512, &value, 4);
}

/* A device that says what is not so stops working, and says that, too. */
static void lie(uint32_t how)
{
    struct fake_virtio *virtio = &w.device.virtio;
    w.device.held_count = 0;
    virtio->status |= VIRTIO_NEEDS_RESET;
    virtio->interrupt |= TRANSPORT_CONFIG;
    if (how % 4 != 0 && virtio->queue[0].ready != 0) {
        struct vring_used *used = fake_virtio_used(virtio, 0);
        used->ring[how % 8].id = how % 4 == 1 ? how : 1u << (how % 32);
        atomic_fetch_add(&used->index, (uint16_t)(how % 4 == 2 ? how : 1));
    }
}

static void step(const uint8_t **at, const uint8_t *end)
{
    uint32_t what = take(at, end, 1);
    switch (what % 12) {
    case 0:
    case 1:
    case 2:
    case 3:
        push_request(at, end);
        break;
    case 4:
        server_event(&w.server, what >> 4 & 1);
        server_run(&w.server);
        break;
    case 5:
        fake_block_take(&w.device);
        fake_block_answer(&w.device);
        break;
    case 6:
        server_event(&w.server, BLOCK_BADGE_IRQ);
        server_run(&w.server);
        break;
    case 7:
        poke(at, end);
        break;
    case 8:
        if (!w.lent) {
            start_client(0);
        } else if (!w.closing) {
            stop_client(0);
            w.closing = true;
        }
        break;
    case 9:
        if (what >> 4 == 15) {
            start_service();
        } else if (what >> 4 == 14) {
            lie(take(at, end, 1));
        }
        break;
    case 10:
        honest_step();
        break;
    default:
        w.device.fail_status = (uint8_t)(what >> 4 & 3);
        break;
    }
    finish_restart();
}

/* The honest client's request is answered, whatever the other one did. */
static void settle(void)
{
    w.device.fail_status = 0;
    for (unsigned i = 0; i < 3000; i++) {
        fake_block_run(&w.device);
        server_event(&w.server, BLOCK_BADGE_IRQ);
        server_run(&w.server);
        block_client_update(&w.honest);
        server_event(&w.server, 2);
        finish_restart();
        if (w.asked < 0 && block_client_attached(&w.honest) && !w.closing) {
            return;
        }
        if (w.asked >= 0) {
            honest_step();
        }
    }
    CHECK(false && "the honest client was left without an answer");
}

static void check_guards(void)
{
    for (unsigned i = 0; i < GUARD_BYTES; i++) {
        CHECK(w.before[i] == 0x88 && w.after[i] == 0x88);
    }
}

static void check_disk(void)
{
    for (uint32_t sector = 0; sector < SECTORS; sector++) {
        uint8_t wanted = sector == HONEST ? w.device.cache[HONEST * 512] & 0x44 : 0;
        for (uint32_t i = 0; i < 512; i += 8) {
            uint64_t word;
            memcpy(&word, w.device.cache + sector * 512 + i, 8);
            CHECK(word == wanted * 0x0101010101010101u ||
                  (sector >= FIRST && sector < FIRST + COUNT));
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    const uint8_t *end = input + size;
    uint32_t options = take(&input, end, 1);
    fake_block_fini(&w.device);
    memset(&w.roster, 0, sizeof w.roster);
    memset(w.links[0], 0, HEAD_BYTES);
    memset(w.links[1], 0, HEAD_BYTES);
    memset(w.links[0] + HEAD_BYTES, 0x99, 16384);
    fake_block_init(&w.device,
                    (options & 1 ? VIRTIO_F_INDIRECT_DESC : 0) |
                        (options & 2 ? VIRTIO_F_EVENT_IDX : 0) |
                        (options & 64 ? VIRTIO_BLK_F_SEG_MAX : 0) | VIRTIO_BLK_F_FLUSH |
                        VIRTIO_BLK_F_DISCARD | VIRTIO_BLK_F_WRITE_ZEROES,
                    SECTORS, options & 4 ? 8 : 64);
    fake_virtio_add_region(&w.device.virtio, DMA_PADDR, w.dma, DMA_BYTES);
    fake_virtio_add_region(&w.device.virtio, LINK_PADDR, w.links, sizeof w.links);
    fake_virtio_add_region(&w.device.virtio, (uint64_t)RAM_FRAME * BLOCK_FRAME_BYTES, w.ram,
                           RAM_BYTES);
    w.registers = fake_virtio_registers(&w.device.virtio);
    w.lent = (options & 16) != 0;
    w.closing = false;
    w.told = (struct block_guest){(uintptr_t)w.ram, RAM_BYTES, {options & 32 ? 0 : RAM_FRAME}};
    memset(&w.stats, 0, sizeof w.stats);
    memset(w.before, 0x88, GUARD_BYTES);
    memset(w.after, 0x88, GUARD_BYTES);
    memset(w.ram, 0x99, RAM_BYTES);
    for (unsigned i = 0; i < 2; i++) {
        w.roster.port[i] = (struct block_port_info){
            .kind = BLOCK_PORT_RANGE, .range = {i == 0 ? FIRST : HONEST, COUNT}
        };
        w.roster.port[i].link_paddr = options & 8 ? LINK_PADDR + i * BLOCK_LINK_BYTES : 0;
    }
    w.roster.port[0].guest_vaddr = w.lent ? (uintptr_t)&w.told : 0;
    if ((options & 128) != 0) {
        w.roster.port[0].requests_per_s = 100;
        w.roster.port[0].sectors_per_s = 1000;
    }
    w.now = 0;
    start_service();
    start_client(0);
    start_client(1);
    block_client_open(&w.honest, link_of(1));
    w.asked = -1;
    server_run(&w.server);
    fake_block_run(&w.device);
    while (input < end) {
        step(&input, end);
    }
    settle();
    check_disk();
    check_guards();
    CHECK(block_client_bad_count(&w.honest) == 0);
    return 0;
}
