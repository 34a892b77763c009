// SPDX-License-Identifier: BSD-2-Clause
/* Zero copy: the service with a client whose VM's RAM is lent to it, and a fake device. */
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
// clang-format on

#include <stdlib.h>
#include <string.h>

#include "link/block_client.h"
#include "service/block/server.h"
#include "test/fake/block_device.h"

#define FEATURES                                                                                   \
    (VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX | VIRTIO_BLK_F_FLUSH | VIRTIO_BLK_F_SEG_MAX)
#define DMA_PADDR  0x48000000ull
#define LINK_PADDR 0x80000000ull

enum {
    DISK = 0, /* ports: of the device, and in memory; the third has no RAM lent */
    MEMORY,
    POOR,
    PORTS,
    SECTORS = 4000,
    DMA_BYTES = 2 << 20,
    RAMDISK_BYTES = 4096 + 1000 * 512,
    FRAME = BLOCK_FRAME_BYTES,
    FRAMES = 2,
    FRAME_0 = 0x500, /* where they are: in the other order, and apart */
    FRAME_1 = 0x480,
};

struct fixture {
    struct fake_block device;
    struct transport_registers registers;
    struct block_roster roster;
    struct block_stats stats;
    struct block_guest told;
    struct server server;
    struct block_client client[PORTS];
    unsigned quiets;
    bool device_waits;
    _Alignas(4096) uint8_t dma[DMA_BYTES];
    _Alignas(4096) uint8_t links[PORTS][BLOCK_LINK_BYTES];
    _Alignas(4096) uint8_t ramdisk[RAMDISK_BYTES];
    _Alignas(4096) uint8_t ram[FRAMES * FRAME];
};

static void on_signal(void *ctx, unsigned port)
{
    (void)ctx, (void)port;
}

static void on_quiet(void *ctx)
{
    ((struct fixture *)ctx)->quiets++;
}

static void *memory_at(void *ctx, uint64_t vaddr)
{
    (void)ctx;
    return (void *)(uintptr_t)vaddr;
}

static void start_service(struct fixture *f)
{
    struct server_setup setup = {
        .roster = &f->roster,
        .links = f->links[0],
        .registers = &f->registers,
        .dma = {f->dma, DMA_PADDR, DMA_BYTES, 0},
        .stats = &f->stats,
        .signal = on_signal,
        .quiet = on_quiet,
        .memory = memory_at,
        .ctx = f,
    };
    server_init(&f->server, &setup);
}

static void run(struct fixture *f)
{
    for (unsigned idle = 0, rounds = 0; idle < 2; rounds++) {
        assert_true(rounds < 10000);
        uint64_t badge = f->device.virtio.interrupt != 0 ? BLOCK_BADGE_IRQ : 0;
        for (unsigned i = 0; i < PORTS; i++) {
            if (f->client[i].link != NULL) {
                block_client_update(&f->client[i]);
                badge |= f->client[i].signal ? 1ull << i : 0;
                f->client[i].signal = false;
            }
        }
        idle = !f->device_waits && fake_block_run(&f->device) != 0 ? 0 : idle;
        server_event(&f->server, badge);
        bool more = server_run(&f->server);
        idle = badge != 0 || more ? 0 : idle + 1;
    }
}

/* As root does it. Returns the generation that the service has to say when it is quiet. */
static uint32_t close_port(struct fixture *f, unsigned port)
{
    uint32_t generation = atomic_load(&f->roster.port[port].generation) | 1;
    atomic_store(&f->roster.port[port].generation, generation);
    f->client[port].link = NULL;
    server_event(&f->server, BLOCK_BADGE_ROSTER);
    return generation;
}

static void start_client(struct fixture *f, unsigned port)
{
    struct block_link *link = (struct block_link *)(void *)f->links[port];
    uint32_t generation = close_port(f, port) + 1;
    block_link_format(link, generation);
    atomic_store(&f->roster.port[port].generation, generation);
    server_event(&f->server, BLOCK_BADGE_ROSTER);
    block_client_open(&f->client[port], link);
}

static void start_all(struct fixture *f, uint64_t features, uint32_t seg_max)
{
    fake_block_fini(&f->device);
    fake_block_init(&f->device, features, SECTORS, 64);
    fake_block_config(&f->device)->seg_max = seg_max;
    fake_virtio_add_region(&f->device.virtio, DMA_PADDR, f->dma, DMA_BYTES);
    fake_virtio_add_region(&f->device.virtio, LINK_PADDR, f->links, sizeof f->links);
    fake_virtio_add_region(&f->device.virtio, (uint64_t)FRAME_0 * FRAME, f->ram, FRAME);
    fake_virtio_add_region(&f->device.virtio, (uint64_t)FRAME_1 * FRAME, f->ram + FRAME, FRAME);
    f->registers = fake_virtio_registers(&f->device.virtio);
    start_service(f);
    for (unsigned i = 0; i < PORTS; i++) {
        start_client(f, i);
    }
    run(f);
}

static int setup(void **state)
{
    struct fixture *f = aligned_alloc(4096, sizeof *f);
    memset(f, 0, sizeof *f);
    f->told = (struct block_guest){
        .vaddr = (uintptr_t)f->ram, .size_bytes = sizeof f->ram, .frame = {FRAME_0, FRAME_1}
    };
    f->roster.port[DISK] = (struct block_port_info){
        .kind = BLOCK_PORT_RANGE, .range = {100, 3000},
             .guest_vaddr = (uintptr_t)&f->told
    };
    f->roster.port[MEMORY] = (struct block_port_info){
        .kind = BLOCK_PORT_RAM,
        .ram = {(uintptr_t)f->ramdisk, RAMDISK_BYTES, 0, 0},
        .guest_vaddr = (uintptr_t)&f->told,
    };
    f->roster.port[POOR] = (struct block_port_info){
        .kind = BLOCK_PORT_RANGE, .range = {3100, 800}
    };
    start_all(f, FEATURES, 62);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    fake_block_fini(&f->device);
    free(f);
    return 0;
}

/* An answer that must be the only one. */
static enum block_status finish(struct fixture *f, unsigned port, int id)
{
    enum block_status status = BLOCK_OK;
    run(f);
    assert_int_equal(block_client_receive(&f->client[port], &status), id);
    block_client_give(&f->client[port], id);
    return status;
}

static int send(struct fixture *f, unsigned port, enum block_type type, uint64_t sector,
                const struct block_segment *segments, uint32_t count)
{
    int id = block_client_take(&f->client[port], 0);
    assert_in_range(id, 0, BLOCK_FLIGHT_MAX - 1);
    block_client_send_direct(&f->client[port], id, type, sector, segments, count);
    return id;
}

static enum block_status ask(struct fixture *f, unsigned port, enum block_type type,
                             uint64_t sector, const struct block_segment *segments, uint32_t count)
{
    return finish(f, port, send(f, port, type, sector, segments, count));
}

/* 16 pieces of odd lengths all over the RAM, 8 sectors together. */
static uint32_t scatter(struct block_segment segments[BLOCK_SEGMENT_MAX], uint32_t from)
{
    uint32_t left = 8 * 512;
    for (uint32_t i = 0; i < BLOCK_SEGMENT_MAX; i++) {
        uint32_t length = i + 1 == BLOCK_SEGMENT_MAX ? left : 100 + i * 17;
        segments[i] = (struct block_segment){
            .offset = from + (i % 2 == 0 ? i * 8192u : FRAME + i * 4096u), .length = length};
        left -= length;
    }
    return BLOCK_SEGMENT_MAX;
}

static void fill(struct fixture *f, const struct block_segment *segments, uint32_t count,
                 uint8_t seed)
{
    for (uint32_t i = 0; i < count; i++) {
        for (uint32_t k = 0; k < segments[i].length; k++) {
            f->ram[segments[i].offset + k] = seed++;
        }
    }
}

static void expect(struct fixture *f, const struct block_segment *segments, uint32_t count,
                   uint8_t seed)
{
    for (uint32_t i = 0; i < count; i++) {
        for (uint32_t k = 0; k < segments[i].length; k++) {
            assert_int_equal(f->ram[segments[i].offset + k], seed++);
        }
        assert_int_equal(f->ram[segments[i].offset + segments[i].length], 0);
    }
}

static bool copied(const struct fixture *f)
{
    for (unsigned i = 0; i < BLOCK_DATA_BYTES; i++) {
        if (((const struct block_link *)(const void *)f->links[DISK])->data[i] != 0) {
            return true;
        }
    }
    for (unsigned i = 0; i < f->server.driver.copies_pages * 4096; i++) {
        if (f->server.driver.copies[i] != 0) {
            return true;
        }
    }
    return false;
}

static void data_go_straight_to_the_guest(void **state)
{
    struct fixture *f = *state;
    struct block_segment out[BLOCK_SEGMENT_MAX], in[BLOCK_SEGMENT_MAX];
    uint32_t count = scatter(out, 512);
    scatter(in, 512 + FRAME / 2);
    for (unsigned port = DISK; port <= MEMORY; port++) {
        memset(f->ram, 0, sizeof f->ram);
        assert_true(block_client_direct(&f->client[port]));
        fill(f, out, count, 7);
        assert_int_equal(ask(f, port, BLOCK_WRITE, 50, out, count), BLOCK_OK);
        assert_int_equal(ask(f, port, BLOCK_READ, 50, in, count), BLOCK_OK);
        expect(f, in, count, 7);
    }
    assert_int_equal(f->device.request_count[VIRTIO_BLK_OUT], 1);
    assert_int_equal(f->device.cache[150 * 512], 7);
    assert_false(copied(f));
    assert_int_equal(f->stats.port[DISK].sectors_read, 8);
}

/* A device that takes fewer segments, or one: cut where blocks end, and a copy of what cannot. */
static void a_device_of_few_segments_gets_what_it_takes(void **state)
{
    static const uint32_t most[] = {0, 1, 2, 3, 7, 15};
    struct fixture *f = *state;
    struct block_segment out[BLOCK_SEGMENT_MAX], in[BLOCK_SEGMENT_MAX];
    uint32_t count = scatter(out, 512);
    scatter(in, 512 + FRAME / 2);
    for (unsigned i = 0; i < 2 * sizeof most / sizeof most[0]; i++) {
        uint64_t features = FEATURES & ~(i % 2 != 0 ? VIRTIO_F_INDIRECT_DESC : 0);
        memset(f->ram, 0, sizeof f->ram);
        start_all(f, features, most[i / 2]);
        fill(f, out, count, (uint8_t)i);
        assert_int_equal(ask(f, DISK, BLOCK_WRITE, 3, out, count), BLOCK_OK);
        assert_int_equal(ask(f, DISK, BLOCK_READ, 3, in, count), BLOCK_OK);
        expect(f, in, count, (uint8_t)i);
    }
}

static void segments_that_cannot_be_are_refused(void **state)
{
    static const struct {
        uint32_t sectors, count;
        struct block_segment segment;
    } cases[] = {
        {1,   1,  {.offset = FRAMES * FRAME, .length = 512}     },
        {1,   1,  {.offset = UINT64_MAX - 255, .length = 512}   },
        {1,   1,  {.offset = FRAME - 1, .length = 512}          },
        {1,   1,  {.offset = 0, .length = 0}                    },
        {2,   1,  {.offset = 0, .length = 512}                  },
        {1,   0,  {.offset = 0, .length = 512}                  },
        {1,   17, {.offset = 0, .length = 512}                  },
        {513, 1,  {.offset = 0, .length = 513 * 512}            },
        {1,   1,  {.offset = 1ull << 41, .length = 512}         },
        {1,   1,  {.offset = (uint64_t)0 - FRAME, .length = 512}},
    };
    struct fixture *f = *state;
    struct block_link *link = (struct block_link *)(void *)f->links[DISK];
    struct ring ring;
    bool signal;
    ring_open_producer(&ring, &link->requests, link->request_data, BLOCK_REQUESTS_BYTES);
    uint64_t requests = f->server.driver.request_count;
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct block_request request = {.id = i,
                                        .attachment = 1,
                                        .type = i % 2 == 0 ? BLOCK_READ : BLOCK_WRITE,
                                        .flags = BLOCK_DIRECT,
                                        .sector_count = cases[i].sectors,
                                        .segment_count = cases[i].count};
        link->segments[i][0] = cases[i].segment;
        ring_write(&ring, &request, sizeof request, &signal);
    }
    server_event(&f->server, 1 << DISK);
    server_run(&f->server);
    assert_int_equal(f->stats.port[DISK].errors, sizeof cases / sizeof cases[0]);
    assert_int_equal(f->server.port[DISK].bad_count, sizeof cases / sizeof cases[0]);
    assert_int_equal(f->server.driver.request_count, requests);
    assert_int_equal(f->server.flights.used_count, 0);
}

static void ram_that_was_not_lent_is_nobody_s(void **state)
{
    struct fixture *f = *state;
    const struct block_segment segment = {.offset = 0, .length = 512};
    assert_false(block_client_direct(&f->client[POOR]));
    assert_int_equal(ask(f, POOR, BLOCK_READ, 0, &segment, 1), BLOCK_ERROR);
    assert_int_equal(f->server.port[POOR].bad_count, 1);
    f->told.vaddr = 0;
    start_client(f, MEMORY);
    run(f);
    assert_false(block_client_direct(&f->client[MEMORY]));
    assert_int_equal(ask(f, MEMORY, BLOCK_READ, 0, &segment, 1), BLOCK_ERROR);
}

static void flush_and_discard_are_as_before(void **state)
{
    struct fixture *f = *state;
    int id = block_client_take(&f->client[DISK], 0);
    block_client_send(&f->client[DISK], id, BLOCK_FLUSH, 0, 0, 0);
    assert_int_equal(finish(f, DISK, id), BLOCK_OK);
    id = block_client_take(&f->client[MEMORY], 0);
    block_client_send(&f->client[MEMORY], id, BLOCK_DISCARD, 0, 5, 1);
    assert_int_equal(finish(f, MEMORY, id), BLOCK_OK);
}

/* Root may give the RAM away when it is told so: not as long as the device may touch it. */
static void it_is_quiet_when_the_device_is(void **state)
{
    struct fixture *f = *state;
    const struct block_segment segment = {.offset = 4096, .length = 4096};
    f->device_waits = true;
    send(f, DISK, BLOCK_READ, 0, &segment, 1);
    send(f, DISK, BLOCK_READ, 8, &segment, 1);
    run(f);
    assert_int_equal(fake_block_take(&f->device), 2);
    f->quiets = 0;
    uint32_t wanted = close_port(f, DISK);
    run(f);
    assert_int_not_equal(f->stats.quiet[DISK], wanted);
    fake_block_answer(&f->device);
    run(f);
    assert_int_not_equal(f->stats.quiet[DISK], wanted);
    assert_int_equal(f->quiets, 0);
    fake_block_answer(&f->device);
    run(f);
    assert_int_equal(f->stats.quiet[DISK], wanted);
    assert_int_equal(f->quiets, 1);
    /* The other port is not, and an idle one is at once. */
    assert_int_equal(f->stats.quiet[MEMORY] & 1, 0);
    wanted = close_port(f, MEMORY);
    run(f);
    assert_int_equal(f->stats.quiet[MEMORY], wanted);
    assert_int_equal(f->quiets, 2);
}

static void a_request_that_waits_for_the_device_is_dropped(void **state)
{
    struct fixture *f = *state;
    const struct block_segment segment = {.offset = 4096, .length = 512};
    f->device_waits = true;
    for (unsigned i = 0; i < 100; i++) {
        send(f, DISK, BLOCK_READ, 0, &segment, 1);
    }
    run(f);
    uint32_t wanted = close_port(f, DISK);
    run(f);
    assert_int_not_equal(f->stats.quiet[DISK], wanted);
    f->device_waits = false;
    run(f);
    assert_int_equal(f->stats.quiet[DISK], wanted);
    assert_in_range(f->device.request_count[VIRTIO_BLK_IN], 1, 64 + 2); /* and the table's */
}

/* A service that comes after one that died has nothing in flight, and says so. */
static void a_new_service_is_quiet(void **state)
{
    struct fixture *f = *state;
    const struct block_segment segment = {.offset = 4096, .length = 512};
    f->device_waits = true;
    send(f, DISK, BLOCK_READ, 0, &segment, 1);
    run(f);
    uint32_t wanted = close_port(f, DISK);
    f->device.held_count = 0;
    start_service(f);
    run(f);
    assert_int_equal(f->stats.quiet[DISK], wanted);
}

static void requests_survive_a_restart_of_the_service(void **state)
{
    struct fixture *f = *state;
    struct block_segment out[BLOCK_SEGMENT_MAX], in[BLOCK_SEGMENT_MAX];
    uint32_t count = scatter(out, 512);
    scatter(in, 512 + FRAME / 2);
    fill(f, out, count, 9);
    f->device_waits = true;
    int id = send(f, DISK, BLOCK_WRITE, 50, out, count);
    run(f);
    f->device.held_count = 0; /* the reset makes the device forget */
    start_service(f);
    f->device_waits = false;
    assert_int_equal(finish(f, DISK, id), BLOCK_OK);
    assert_int_equal(ask(f, DISK, BLOCK_READ, 50, in, count), BLOCK_OK);
    expect(f, in, count, 9);
}

/* Nobody knows what it writes to: the RAM must not be given to anybody else. */
static void with_a_device_that_does_not_reset_it_is_never_quiet(void **state)
{
    struct fixture *f = *state;
    const struct block_segment segment = {.offset = 4096, .length = 512};
    f->device_waits = true;
    send(f, DISK, BLOCK_READ, 0, &segment, 1);
    run(f);
    uint32_t wanted = close_port(f, DISK);
    f->device.virtio.ignore_reset = true;
    f->device.virtio.status |= VIRTIO_NEEDS_RESET;
    f->device.virtio.interrupt |= TRANSPORT_CONFIG;
    run(f);
    assert_false(f->server.driver.alive);
    assert_int_equal(f->server.flights.used_count, 0);
    assert_int_not_equal(f->stats.quiet[DISK], wanted);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(data_go_straight_to_the_guest),
        TEST(a_device_of_few_segments_gets_what_it_takes),
        TEST(segments_that_cannot_be_are_refused),
        TEST(ram_that_was_not_lent_is_nobody_s),
        TEST(flush_and_discard_are_as_before),
        TEST(it_is_quiet_when_the_device_is),
        TEST(a_request_that_waits_for_the_device_is_dropped),
        TEST(a_new_service_is_quiet),
        TEST(requests_survive_a_restart_of_the_service),
        TEST(with_a_device_that_does_not_reset_it_is_never_quiet),
    };
    return cmocka_run_group_tests_name("direct", tests, NULL, NULL);
}
