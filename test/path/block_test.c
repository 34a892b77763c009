// SPDX-License-Identifier: BSD-2-Clause
/*
 * A guest's block requests on their whole way: its driver, virtio_blk, the link, the service, a
 * virtio disk. The disk must be what a plain array is after the same requests, whatever is
 * restarted in between.
 */
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
// clang-format on

#include <stdlib.h>
#include <string.h>

#include "device/virtio/virtio_blk_link.h"
#include "service/block/server.h"
#include "test/fake/block_device.h"
#include "test/fake/virtio_driver.h"

enum { SECTORS = 2048, DMA_BYTES = 2 << 20, PENDING_MAX = 40, PIECE = 3000 };
#define DMA_PADDR    0x48000000ull
#define LINK_PADDR   0x80000000ull
#define RAM_FRAME    0x700 /* of BLOCK_FRAME_BYTES: where the guest's memory is */
#define ALL_FEATURES (VIRTIO_BLK_F_FLUSH | VIRTIO_BLK_F_DISCARD | VIRTIO_BLK_F_WRITE_ZEROES)

/* A request of the guest that is under way. No two of them touch the same sectors. */
struct pending {
    bool used;
    uint16_t id;
    uint32_t type;
    uint64_t sector;
    uint32_t sectors;
    uint64_t in; /* guest address of the writable part */
};

static struct {
    /* the machine */
    struct fake_block disk;
    struct transport_registers registers;
    _Alignas(4096) uint8_t dma[DMA_BYTES];
    /* root */
    struct block_roster roster;
    struct block_stats stats;
    bool zero_copy;
    struct block_guest told;
    _Alignas(4096) uint8_t link[BLOCK_LINK_BYTES];
    /* the service */
    struct server server;
    uint64_t badge;
    /* the VMM */
    struct virtio_blk blk;
    struct virtio_blk_link backend;
    bool event;
    unsigned signals_to_service, signals_to_client;
    /* the guest */
    struct fake_driver guest;
    uint64_t ring_bytes; /* of its memory, that are not for requests */
    struct pending pending[PENDING_MAX];
    uint8_t wanted[SECTORS * 512];
    unsigned answers;
} t;

/* ---- what is between the processes ----------------------------------------------------------- */

static void signal_client(void *ctx, unsigned port)
{
    (void)ctx;
    assert_int_equal(port, 0);
    t.event = true;
    t.signals_to_client++;
}

static void signal_service(void *ctx)
{
    (void)ctx;
    t.badge |= 1;
    t.signals_to_service++;
}

static void *memory_at(void *ctx, uint64_t vaddr)
{
    (void)ctx;
    return (void *)(uintptr_t)vaddr;
}

static void start_service(void)
{
    struct server_setup setup = {
        .roster = &t.roster,
        .links = t.link,
        .registers = &t.registers,
        .dma = {t.dma, DMA_PADDR, DMA_BYTES, 0},
        .stats = &t.stats,
        .signal = signal_client,
        .memory = memory_at,
    };
    t.disk.held_count = 0; /* the device is reset */
    server_init(&t.server, &setup);
}

/* One step of everybody but the guest. Like the real ones they act only when they are signalled. */
static bool step(bool disk_too)
{
    bool moved = false;
    if (disk_too && fake_block_run(&t.disk) != 0) {
        moved = true;
    }
    if (t.disk.virtio.interrupt != 0) {
        t.badge |= BLOCK_BADGE_IRQ;
    }
    if (t.badge != 0 || t.server.ready != 0) {
        uint64_t badge = t.badge;
        t.badge = 0;
        server_event(&t.server, badge);
        server_run(&t.server);
        moved = true;
    }
    if (t.event) {
        t.event = virtio_blk_link_event(&t.backend);
        moved = true;
    }
    driver_run(&t.guest);
    return moved;
}

static void settle(void)
{
    for (unsigned i = 0; step(true); i++) {
        assert_true(i < 100000);
    }
}

static void settle(void);

static void start_driver(uint64_t features)
{
    if (t.zero_copy) { /* waits for the end of the reset, 2.4.2 */
        virtio_lock(&t.blk.device);
        virtio_set_status(&t.blk.device, 0);
        virtio_unlock(&t.blk.device);
        settle();
        assert_int_equal(virtio_status(&t.blk.device), 0);
    }
    assert_true(driver_start(&t.guest, features));
    t.ring_bytes = t.guest.used_bytes;
    memset(t.pending, 0, sizeof t.pending);
}

/* The client is gone. With zero copy its memory goes when the service has let go of it. */
static void stop_client(void)
{
    uint32_t generation = atomic_load(&t.roster.port[0].generation) | 1;
    atomic_store(&t.roster.port[0].generation, generation);
    t.badge |= BLOCK_BADGE_ROSTER;
    for (unsigned i = 0; t.zero_copy && atomic_load(&t.stats.quiet[0]) != generation; i++) {
        assert_true(i < 1000);
        server_event(&t.server, t.badge | BLOCK_BADGE_IRQ);
        t.badge = 0;
        server_run(&t.server);
        if (rand() % 2 == 0) {
            fake_block_take(&t.disk);
            fake_block_answer(&t.disk);
        }
    }
    driver_fini(&t.guest);
    driver_init(&t.guest);
    t.told = (struct block_guest){(uintptr_t)t.guest.ram.host, FAKE_RAM_BYTES, {RAM_FRAME}};
    t.disk.virtio.region[2].host = t.guest.ram.host;
}

/* A VM starts, as root and the VMM do it. */
static void start_client(uint64_t features)
{
    struct block_link *link = (struct block_link *)(void *)t.link;
    struct virtio_blk_disk disk;
    stop_client();
    uint32_t generation = atomic_load(&t.roster.port[0].generation) + 1;
    block_link_format(link, generation);
    atomic_store(&t.roster.port[0].generation, generation);
    t.badge |= BLOCK_BADGE_ROSTER;
    virtio_blk_link_open(&t.backend, link, t.zero_copy, &t.blk, signal_service, NULL);
    for (unsigned i = 0; !virtio_blk_link_ready(&t.backend, &disk); i++) {
        assert_true(i < 1000);
        fake_block_run(&t.disk);
        server_event(&t.server, t.badge | BLOCK_BADGE_IRQ);
        t.badge = 0;
        server_run(&t.server);
    }
    assert_int_equal(disk.capacity, SECTORS);
    virtio_blk_init(&t.blk, &disk, 2, NULL, &t.backend, &t.guest.ram, &t.guest.port, 1);
    driver_attach(&t.guest, &t.blk.device);
    start_driver(features);
}

static int set_up_with(bool zero_copy, uint64_t features)
{
    memset(&t, 0, sizeof t);
    t.zero_copy = zero_copy;
    fake_block_init(&t.disk, VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX | ALL_FEATURES | features,
                    4096, 32);
    fake_virtio_add_region(&t.disk.virtio, DMA_PADDR, t.dma, DMA_BYTES);
    fake_virtio_add_region(&t.disk.virtio, LINK_PADDR, t.link, sizeof t.link);
    fake_virtio_add_region(&t.disk.virtio, (uint64_t)RAM_FRAME * BLOCK_FRAME_BYTES, NULL,
                           FAKE_RAM_BYTES);
    t.registers = fake_virtio_registers(&t.disk.virtio);
    t.roster.port[0] = (struct block_port_info){
        .name = "vm",
        .kind = BLOCK_PORT_RANGE,
        .range = {1000, SECTORS},
        .link_paddr = LINK_PADDR,
        .guest_vaddr = zero_copy ? (uintptr_t)&t.told : 0
    };
    driver_init(&t.guest);
    start_service();
    return 0;
}

static int set_up(void **state)
{
    (void)state;
    return set_up_with(false, 0);
}

static int set_up_zero_copy(void **state)
{
    (void)state;
    return set_up_with(true, VIRTIO_BLK_F_SEG_MAX);
}

static int set_up_few_segments(void **state)
{
    (void)state;
    int result = set_up_with(true, VIRTIO_BLK_F_SEG_MAX);
    fake_block_config(&t.disk)->seg_max = 2;
    start_service();
    return result;
}

static int tear_down(void **state)
{
    (void)state;
    driver_fini(&t.guest);
    fake_block_fini(&t.disk);
    return 0;
}

/* ---- the guest ------------------------------------------------------------------------------- */

static unsigned cut(struct fake_buffer *buffers, uint64_t address, uint32_t bytes, bool writable)
{
    unsigned count = 0;
    for (; bytes != 0; count++) {
        uint32_t length = bytes < PIECE ? bytes : PIECE;
        buffers[count] = (struct fake_buffer){address, length, writable};
        address += length;
        bytes -= length;
    }
    return count;
}

static bool free_sectors(uint64_t sector, uint32_t count)
{
    for (unsigned i = 0; i < PENDING_MAX; i++) {
        const struct pending *p = &t.pending[i];
        if (p->used && sector < p->sector + p->sectors && p->sector < sector + count) {
            return false;
        }
    }
    return true;
}

static bool send(uint32_t type, uint64_t sector, uint32_t sectors, uint8_t fill)
{
    struct virtio_blk_header header = {type, 0, sector};
    struct virtio_blk_range range = {sector, sectors, 0};
    struct fake_buffer buffers[64];
    bool data = type == VIRTIO_BLK_IN || type == VIRTIO_BLK_OUT;
    bool clear = type == VIRTIO_BLK_DISCARD || type == VIRTIO_BLK_WRITE_ZEROES;
    uint32_t out = type == VIRTIO_BLK_OUT ? sectors * 512 : clear ? 16 : 0;
    uint32_t in = type == VIRTIO_BLK_IN ? sectors * 512 : 0;
    unsigned slot = 0;
    while (slot < PENDING_MAX && t.pending[slot].used) {
        slot++;
    }
    if (slot == PENDING_MAX || (data && !free_sectors(sector, sectors)) ||
        (clear && !free_sectors(sector, sectors)) ||
        t.guest.used_bytes + out + in + 64 > FAKE_RAM_BYTES) {
        return false;
    }
    uint64_t at = driver_alloc(&t.guest, 16 + out, 8);
    uint64_t in_at = driver_alloc(&t.guest, in + 1, 8);
    memcpy(driver_at(&t.guest, at, 16), &header, 16);
    memset(driver_at(&t.guest, at + 16, out), fill, out);
    if (clear) {
        memcpy(driver_at(&t.guest, at + 16, 16), &range, 16);
    }
    memset(driver_at(&t.guest, in_at, in + 1), 0xee, in + 1);
    unsigned count = cut(buffers, at, 16 + out, false);
    count += cut(buffers + count, in_at, in + 1, true);
    uint16_t id = driver_add(&t.guest, 0, buffers, count);
    if (id == FAKE_NO_ID) {
        return false;
    }
    driver_kick(&t.guest, 0);
    t.pending[slot] = (struct pending){true, id, type, sector, data || clear ? sectors : 0, in_at};
    if (type != VIRTIO_BLK_IN && type != VIRTIO_BLK_FLUSH) {
        memset(t.wanted + sector * 512, clear ? 0 : fill, (size_t)sectors * 512);
    }
    return true;
}

/* Takes answers and checks them. */
static void take(void)
{
    uint16_t id;
    uint32_t written;
    while (driver_take(&t.guest, 0, &id, &written)) {
        unsigned i = 0;
        while (!t.pending[i].used || t.pending[i].id != id) {
            i++;
            assert_true(i < PENDING_MAX);
        }
        struct pending *p = &t.pending[i];
        uint32_t bytes = p->type == VIRTIO_BLK_IN ? p->sectors * 512 : 0;
        const uint8_t *in = driver_at(&t.guest, p->in, bytes + 1);
        assert_int_equal(written, bytes + 1);
        assert_int_equal(in[bytes], VIRTIO_BLK_OK);
        assert_memory_equal(in, t.wanted + p->sector * 512, bytes);
        p->used = false;
        t.answers++;
    }
    bool idle = true;
    for (unsigned i = 0; i < PENDING_MAX; i++) {
        idle &= !t.pending[i].used;
    }
    /* All is answered: its memory can be used again. */
    t.guest.used_bytes = idle ? t.ring_bytes : t.guest.used_bytes;
}

static void send_any(void)
{
    static const uint32_t types[] = {VIRTIO_BLK_IN,  VIRTIO_BLK_OUT,   VIRTIO_BLK_OUT,
                                     VIRTIO_BLK_IN,  VIRTIO_BLK_FLUSH, VIRTIO_BLK_DISCARD,
                                     VIRTIO_BLK_OUT, VIRTIO_BLK_IN,    VIRTIO_BLK_WRITE_ZEROES};
    uint32_t sectors = 1 + (uint32_t)rand() % (rand() % 4 == 0 ? 64 : 8);
    uint64_t sector = (uint64_t)rand() % (SECTORS - sectors + 1);
    send(types[rand() % 9], sector, sectors, (uint8_t)rand());
}

static void expect_disk(void)
{
    settle();
    take();
    for (unsigned i = 0; i < PENDING_MAX; i++) {
        assert_false(t.pending[i].used);
    }
    assert_memory_equal(t.disk.cache + 1000 * 512, t.wanted, SECTORS * 512);
    /* Nothing around it. */
    for (unsigned i = 0; i < 1000 * 512; i++) {
        assert_int_equal(t.disk.cache[i], 0);
    }
}

static void expect_nothing_wrong(void)
{
    assert_int_equal(block_client_bad_count(&t.backend.client), 0);
    assert_int_equal(port_bad_count(&t.server.port[0]), 0);
    assert_int_equal(t.server.flights.used_count, 0);
    assert_true(virtio_alive(&t.blk.device));
    for (unsigned i = 0; i < RUNS_MAX / 64; i++) {
        assert_int_equal(t.blk.spans_taken.taken[i], 0);
        assert_int_equal(t.backend.client.pages.taken[i], 0);
    }
}

/* ---- tests ----------------------------------------------------------------------------------- */

static void the_disk_is_what_was_written(void **state)
{
    static const uint64_t formats[] = {0, VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX,
                                       VIRTIO_F_RING_PACKED | VIRTIO_F_INDIRECT_DESC |
                                           VIRTIO_F_EVENT_IDX};
    (void)state;
    srand(1);
    t.disk.shuffle = 1;
    for (unsigned f = 0; f < 3; f++) {
        start_client(ALL_FEATURES | formats[f]);
        for (unsigned i = 0; i < 1500; i++) {
            send_any();
            if (rand() % 3 == 0) {
                step(rand() % 2 == 0);
            }
            take();
        }
        expect_disk();
        expect_nothing_wrong();
    }
    assert_true(t.answers > 2000);
}

static void the_service_is_restarted_all_the_time(void **state)
{
    (void)state;
    srand(2);
    t.disk.shuffle = 1;
    start_client(ALL_FEATURES | VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX);
    for (unsigned i = 0; i < 3000; i++) {
        send_any();
        step(rand() % 2 == 0);
        if (rand() % 4 == 0) { /* the device has done some of it */
            fake_block_take(&t.disk);
            fake_block_answer(&t.disk);
        }
        if (rand() % 20 == 0) {
            start_service();
        }
        take();
    }
    expect_disk();
    expect_nothing_wrong();
    assert_true(t.answers > 500);
    assert_true(t.server.port[0].attachment > 50);
}

/* The guest resets its device, or its VM is started again, in the middle of what it does. */
static void the_client_is_restarted_all_the_time(void **state)
{
    (void)state;
    srand(3);
    for (unsigned round = 0; round < 60; round++) {
        start_client(ALL_FEATURES | VIRTIO_F_INDIRECT_DESC);
        /* What was under way may have been carried out or not: read it. */
        settle();
        memcpy(t.wanted, t.disk.cache + 1000 * 512, SECTORS * 512);
        for (unsigned i = 0; i < 60; i++) {
            send_any();
            step(rand() % 2 == 0);
            take();
            if (rand() % 40 == 0) {
                start_driver(ALL_FEATURES | VIRTIO_F_INDIRECT_DESC);
                /* A request that was under way ends before anything new begins. */
                send(VIRTIO_BLK_FLUSH, 0, 0, 0);
                settle();
                take();
                memcpy(t.wanted, t.disk.cache + 1000 * 512, SECTORS * 512);
            }
        }
    }
    expect_disk();
    expect_nothing_wrong();
}

/* The same with zero copy: the device says that the reset is over when nothing writes there. */
static void a_reset_waits_for_reads_into_the_guest_s_memory(void **state)
{
    (void)state;
    start_client(ALL_FEATURES);
    assert_true(send(VIRTIO_BLK_IN, 0, 8, 0));
    step(false);
    step(false);
    virtio_lock(&t.blk.device);
    virtio_set_status(&t.blk.device, 0);
    virtio_unlock(&t.blk.device);
    for (unsigned i = 0; i < 5; i++) {
        step(false);
        assert_int_not_equal(virtio_status(&t.blk.device), 0);
    }
    settle();
    assert_int_equal(virtio_status(&t.blk.device), 0);
    start_driver(ALL_FEATURES);
    assert_true(send(VIRTIO_BLK_OUT, 0, 8, 3));
    expect_disk();
    expect_nothing_wrong();
}

static void zero_copy_copies_nothing(void **state)
{
    (void)state;
    start_client(ALL_FEATURES);
    for (unsigned i = 0; i < 8; i++) {
        assert_true(send(VIRTIO_BLK_OUT, 64 * i, 50, (uint8_t)(i + 1)));
        settle();
        take();
        assert_true(send(VIRTIO_BLK_IN, 64 * i, 50, 0));
        settle();
        take();
    }
    assert_int_equal(t.answers, 16);
    assert_int_equal(t.backend.copied_bytes, 0);
    expect_disk();
}

/* One sector in 64 pieces: no request can say that, so it goes by the link as without zero copy. */
static void a_block_in_many_pieces_is_copied(void **state)
{
    (void)state;
    start_client(ALL_FEATURES);
    for (unsigned type = VIRTIO_BLK_IN; type <= VIRTIO_BLK_OUT; type++) {
        struct virtio_blk_header header = {type, 0, 5};
        struct fake_buffer buffers[66];
        uint16_t id;
        uint32_t written;
        buffers[0] = (struct fake_buffer){driver_put(&t.guest, &header, 16), 16, false};
        uint64_t data = driver_alloc(&t.guest, 2 * 512, 8);
        memset(driver_at(&t.guest, data, 1024), 0x41, 1024);
        for (unsigned i = 0; i < 64; i++) {
            buffers[1 + i] = (struct fake_buffer){data + 16 * i, 8, type == VIRTIO_BLK_IN};
        }
        buffers[65] = (struct fake_buffer){driver_alloc(&t.guest, 1, 1), 1, true};
        assert_int_not_equal(driver_add(&t.guest, 0, buffers, 66), FAKE_NO_ID);
        driver_kick(&t.guest, 0);
        settle();
        assert_true(driver_take(&t.guest, 0, &id, &written));
        const uint8_t *bytes = driver_at(&t.guest, data, 1024);
        assert_int_equal(bytes[0], type == VIRTIO_BLK_IN ? 0 : 0x41);
        assert_int_equal(bytes[8], 0x41);
        assert_int_equal(bytes[63 * 16 + 7], type == VIRTIO_BLK_IN ? 0 : 0x41);
    }
    assert_int_equal(t.backend.copied_bytes, 1024);
    memset(t.wanted + 5 * 512, 0x41, 512);
    expect_disk();
}

/* The guest reuses the memory of what was under way when it reset its device. */
static void a_read_of_before_a_reset_writes_no_memory(void **state)
{
    (void)state;
    start_client(ALL_FEATURES);
    assert_true(send(VIRTIO_BLK_IN, 0, 8, 0));
    uint64_t in = t.pending[0].in;
    step(false);
    start_driver(ALL_FEATURES);
    memset(driver_at(&t.guest, in, 4097), 0x77, 4097);
    settle();
    assert_int_equal(t.blk.orphan_count, 0);
    for (unsigned i = 0; i < 4097; i++) {
        assert_int_equal(*(uint8_t *)driver_at(&t.guest, in + i, 1), 0x77);
    }
    expect_nothing_wrong();
}

static void a_request_larger_than_the_link_is_carried_out(void **state)
{
    (void)state;
    start_client(ALL_FEATURES);
    for (unsigned i = 0; i < 3; i++) {
        /* One request of 600 KiB, all of it the same few pages of the guest's memory. */
        struct virtio_blk_header header = {VIRTIO_BLK_OUT, 0, 100};
        struct fake_buffer buffers[102];
        uint64_t head = driver_put(&t.guest, &header, 16), data = driver_alloc(&t.guest, 8192, 8);
        uint64_t status = driver_alloc(&t.guest, 1, 1);
        uint16_t id;
        uint32_t written;
        memset(driver_at(&t.guest, data, 8192), 0x33 + (int)i, 8192);
        buffers[0] = (struct fake_buffer){head, 16, false};
        for (unsigned k = 1; k <= 100; k++) {
            buffers[k] = (struct fake_buffer){data, 6144, false};
        }
        buffers[101] = (struct fake_buffer){status, 1, true};
        assert_int_not_equal(driver_add(&t.guest, 0, buffers, 102), FAKE_NO_ID);
        driver_kick(&t.guest, 0);
        if (i == 1) {
            start_service();
        }
        settle();
        assert_true(driver_take(&t.guest, 0, &id, &written));
        assert_int_equal(*(uint8_t *)driver_at(&t.guest, status, 1), VIRTIO_BLK_OK);
        memset(t.wanted + 100 * 512, 0x33 + (int)i, 614400);
        assert_memory_equal(t.disk.cache + 1000 * 512, t.wanted, SECTORS * 512);
    }
}

static void one_request_costs_two_signals(void **state)
{
    (void)state;
    start_client(ALL_FEATURES | VIRTIO_F_EVENT_IDX);
    send(VIRTIO_BLK_OUT, 0, 8, 1);
    settle();
    take();
    assert_int_equal(t.answers, 1);
    unsigned service = t.signals_to_service, client = t.signals_to_client;
    uint32_t kicks = t.disk.virtio.notify_count, interrupts = t.disk.virtio.interrupt_count;
    unsigned guest = t.guest.interrupts[0];
    for (unsigned i = 0; i < 10; i++) {
        driver_listen(&t.guest, 0, 0);
        assert_true(send(VIRTIO_BLK_IN, 0, 8, 0));
        settle();
        take();
    }
    assert_int_equal(t.signals_to_service - service, 10);
    assert_int_equal(t.signals_to_client - client, 10);
    assert_int_equal(t.disk.virtio.notify_count - kicks, 10);
    assert_int_equal(t.disk.virtio.interrupt_count - interrupts, 10);
    assert_int_equal(t.guest.interrupts[0] - guest, 10);
    /* And a batch costs no more than one. */
    service = t.signals_to_service;
    client = t.signals_to_client;
    kicks = t.disk.virtio.notify_count;
    guest = t.guest.interrupts[0];
    driver_listen(&t.guest, 0, 0);
    for (unsigned i = 0; i < 20; i++) {
        assert_true(send(VIRTIO_BLK_IN, i * 8, 8, 0));
    }
    settle();
    take();
    assert_int_equal(t.signals_to_service - service, 1);
    assert_int_equal(t.signals_to_client - client, 1);
    assert_int_equal(t.disk.virtio.notify_count - kicks, 1);
    assert_int_equal(t.guest.interrupts[0] - guest, 1);
}

/* A service that says anything at all does not harm the VMM. */
static void a_hostile_service_harms_nobody(void **state)
{
    struct block_link *link = (struct block_link *)(void *)t.link;
    (void)state;
    srand(5);
    start_client(ALL_FEATURES | VIRTIO_F_INDIRECT_DESC);
    for (unsigned i = 0; i < 20000; i++) {
        uint32_t *words = (uint32_t *)(void *)link;
        if (i % 2000 == 0) {
            start_driver(ALL_FEATURES | VIRTIO_F_INDIRECT_DESC);
        }
        send_any();
        switch (rand() % 5) {
        case 0:
            words[rand() % 128] = (uint32_t)rand() * (rand() % 2 == 0 ? 1u : 0u);
            break;
        case 1:
            atomic_store(&link->replies.head,
                         atomic_load(&link->replies.tail) + (uint32_t)rand() % 200);
            break;
        case 2:
            for (unsigned k = 0; k < BLOCK_REPLIES_BYTES; k += 4) {
                uint32_t value = (uint32_t)rand() % 130;
                memcpy(link->reply_data + k, &value, 4);
            }
            break;
        case 3:
            atomic_store(&link->attached,
                         (uint64_t)t.backend.client.session << 32 | ((uint32_t)rand() % 4));
            break;
        default:
            atomic_store(&link->requests.tail, atomic_load(&link->requests.head));
            break;
        }
        virtio_blk_link_event(&t.backend);
        driver_run(&t.guest);
        uint16_t id;
        uint32_t written;
        while (driver_take(&t.guest, 0, &id, &written)) {
            t.answers++;
        }
        memset(t.pending, 0, sizeof t.pending);
        t.guest.used_bytes = t.ring_bytes;
    }
    assert_true(t.answers != 0);
}

#define TEST(test)         cmocka_unit_test_setup_teardown(test, set_up, tear_down)
#define ZERO_COPY(test)    cmocka_unit_test_setup_teardown(test, set_up_zero_copy, tear_down)
#define FEW_SEGMENTS(test) cmocka_unit_test_setup_teardown(test, set_up_few_segments, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_disk_is_what_was_written),
        TEST(the_service_is_restarted_all_the_time),
        TEST(the_client_is_restarted_all_the_time),
        TEST(a_read_of_before_a_reset_writes_no_memory),
        TEST(a_request_larger_than_the_link_is_carried_out),
        TEST(one_request_costs_two_signals),
        ZERO_COPY(the_disk_is_what_was_written),
        ZERO_COPY(the_service_is_restarted_all_the_time),
        ZERO_COPY(the_client_is_restarted_all_the_time),
        ZERO_COPY(a_reset_waits_for_reads_into_the_guest_s_memory),
        ZERO_COPY(a_request_larger_than_the_link_is_carried_out),
        ZERO_COPY(one_request_costs_two_signals),
        ZERO_COPY(zero_copy_copies_nothing),
        ZERO_COPY(a_block_in_many_pieces_is_copied),
        FEW_SEGMENTS(the_disk_is_what_was_written),
        FEW_SEGMENTS(the_service_is_restarted_all_the_time),
        TEST(a_hostile_service_harms_nobody),
    };
    return cmocka_run_group_tests_name("block-path", tests, NULL, NULL);
}
