// SPDX-License-Identifier: BSD-2-Clause
/*
 * The whole service between real clients (link/block_client.h) and a fake device, with restarts of
 * either.
 */
#include "service/block/server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "link/block_client.h"
#include "test/fake/block_device.h"
#include "test/fake/gpt_disk.h"

#define FEATURES                                                                                   \
    (VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX | VIRTIO_BLK_F_FLUSH | VIRTIO_BLK_F_DISCARD |     \
     VIRTIO_BLK_F_WRITE_ZEROES)

enum {
    PORTS = 4,
    SECTORS = 20000,
    DMA_BYTES = 2 << 20,
    RAM_BYTES = 4096 + 4096 * 512,
    FILE_BYTES = 300000,
};
#define DMA_PADDR  0x48000000ull
#define LINK_PADDR 0x80000000ull

struct fixture {
    struct fake_block device;
    struct transport_registers registers;
    struct block_roster roster;
    struct server server;
    struct block_client client[PORTS];
    unsigned signals[BLOCK_PORT_MAX];
    bool device_waits; /* for the test to run it */
    _Alignas(4096) uint8_t dma[DMA_BYTES];
    _Alignas(4096) uint8_t links[PORTS][BLOCK_LINK_BYTES];
    _Alignas(4096) uint8_t ram[RAM_BYTES];
    uint8_t file[FILE_BYTES];
};

static void on_signal(void *ctx, unsigned port)
{
    ((struct fixture *)ctx)->signals[port]++;
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
        .registers = f->registers.read != NULL ? &f->registers : NULL,
        .dma = {f->dma, DMA_PADDR, DMA_BYTES, 0},
        .signal = on_signal,
        .memory = memory_at,
        .ctx = f,
    };
    server_init(&f->server, &setup);
}

/* As root does it. */
static void start_client(struct fixture *f, unsigned port)
{
    struct block_port_info *info = &f->roster.port[port];
    struct block_link *link = (struct block_link *)(void *)f->links[port];
    uint32_t generation = atomic_load(&info->generation) + 2;
    atomic_store(&info->generation, generation - 1);
    server_event(&f->server, BLOCK_BADGE_ROSTER);
    server_run(&f->server);
    block_link_format(link, generation);
    atomic_store(&info->generation, generation);
    server_event(&f->server, BLOCK_BADGE_ROSTER);
    block_client_open(&f->client[port], link);
}

/* All works until nothing moves any more. */
static void run(struct fixture *f)
{
    for (unsigned idle = 0, rounds = 0; idle < 2; rounds++) {
        assert_true(rounds < 10000);
        uint64_t badge = 0;
        for (unsigned i = 0; i < PORTS; i++) {
            if (f->client[i].link != NULL) {
                block_client_update(&f->client[i]);
                badge |= f->client[i].signal ? 1ull << i : 0;
                f->client[i].signal = false;
            }
        }
        if (!f->device_waits && fake_block_run(&f->device) != 0) {
            idle = 0;
        }
        if (f->device.virtio.interrupt != 0) {
            badge |= BLOCK_BADGE_IRQ;
        }
        if (badge != 0) {
            server_event(&f->server, badge);
        }
        bool more = server_run(&f->server);
        idle = badge != 0 || more ? 0 : idle + 1;
    }
}

static int setup(void **state)
{
    struct fixture *f = aligned_alloc(4096, sizeof *f);
    struct gpt_disk table;
    memset(f, 0, sizeof *f);
    fake_block_init(&f->device, FEATURES, SECTORS, 64);
    fake_virtio_add_region(&f->device.virtio, DMA_PADDR, f->dma, DMA_BYTES);
    fake_virtio_add_region(&f->device.virtio, LINK_PADDR, f->links, sizeof f->links);
    f->registers = fake_virtio_registers(&f->device.virtio);
    gpt_disk_init(&table, SECTORS, 512, 128, 128);
    gpt_disk_add(&table, 1, "alpha", 1000, 1999);
    gpt_disk_add(&table, 2, "beta", 2000, 9999);
    gpt_disk_seal(&table);
    memcpy(f->device.cache, table.bytes, (size_t)SECTORS * 512);
    gpt_disk_fini(&table);
    f->roster.port[0] = (struct block_port_info){.name = "a",
                                                 .kind = BLOCK_PORT_PARTITION_NAME,
                                                 .partition_name = "alpha",
                                                 .serial = "serial-of-a",
                                                 .link_paddr = LINK_PADDR};
    f->roster.port[1] = (struct block_port_info){
        .name = "b", .kind = BLOCK_PORT_PARTITION_INDEX, .partition = 2}; /* by copies */
    f->roster.port[2] = (struct block_port_info){
        .name = "c",
        .kind = BLOCK_PORT_RANGE,
        .range = {10000, 5000},
        .link_paddr = LINK_PADDR + 2 * BLOCK_LINK_BYTES
    };
    f->roster.port[3] = (struct block_port_info){
        .name = "d",
        .kind = BLOCK_PORT_RAM,
        .ram = {(uintptr_t)f->ram, RAM_BYTES, (uintptr_t)f->file, FILE_BYTES}
    };
    memset(f->file, 0x66, FILE_BYTES);
    start_service(f);
    for (unsigned i = 0; i < PORTS; i++) {
        start_client(f, i);
    }
    run(f);
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

static int send(struct fixture *f, unsigned port, enum block_type type, uint64_t sector,
                uint32_t count, int fill)
{
    struct block_client *client = &f->client[port];
    bool data = type == BLOCK_READ || type == BLOCK_WRITE;
    int id = block_client_take(client, data ? count * 512 : 0);
    if (id >= 0) {
        if (data) {
            memset(block_client_data(client, id), fill, (size_t)count * 512);
        }
        block_client_send(client, id, type, 0, sector, count);
    }
    return id;
}

/* Waits for the answer of `id`, which must be the only one. */
static enum block_status finish(struct fixture *f, unsigned port, int id)
{
    enum block_status status = BLOCK_OK;
    run(f);
    assert_int_equal(block_client_receive(&f->client[port], &status), id);
    return status;
}

static enum block_status ask(struct fixture *f, unsigned port, enum block_type type,
                             uint64_t sector, uint32_t count, int fill)
{
    int id = send(f, port, type, sector, count, fill);
    assert_in_range(id, 0, BLOCK_FLIGHT_MAX - 1);
    enum block_status status = finish(f, port, id);
    block_client_give(&f->client[port], id);
    return status;
}

/* All sectors of a read have these bytes. */
static void expect_bytes(struct fixture *f, unsigned port, uint64_t sector, uint32_t count,
                         int byte)
{
    int id = send(f, port, BLOCK_READ, sector, count, ~byte & 0xff);
    assert_int_equal(finish(f, port, id), BLOCK_OK);
    const uint8_t *data = block_client_data(&f->client[port], id);
    for (uint32_t i = 0; i < count * 512; i++) {
        assert_int_equal(data[i], byte);
    }
    block_client_give(&f->client[port], id);
}

static void every_client_sees_its_disk(void **state)
{
    struct fixture *f = *state;
    static const uint64_t sectors[PORTS] = {1000, 8000, 5000, 4096};
    for (unsigned i = 0; i < PORTS; i++) {
        assert_true(block_client_attached(&f->client[i]));
        assert_int_equal(f->client[i].info.sector_count, sectors[i]);
        assert_int_equal(f->client[i].info.block_bytes, 512);
        assert_true(f->signals[i] != 0);
    }
    assert_memory_equal(f->client[0].info.serial, "serial-of-a\0\0\0\0\0\0\0\0\0", 20);
    assert_int_equal(f->client[0].info.flags,
                     BLOCK_HAS_FLUSH | BLOCK_HAS_DISCARD | BLOCK_HAS_WRITE_ZEROES);
}

static void data_land_where_they_belong(void **state)
{
    static const uint64_t first[3] = {1000, 2000, 10000};
    struct fixture *f = *state;
    for (unsigned i = 0; i < 3; i++) {
        int byte = 0x10 + (int)i;
        assert_int_equal(ask(f, i, BLOCK_WRITE, 5, 3, byte), BLOCK_OK);
        assert_int_equal(f->device.cache[(first[i] + 4) * 512 + 511], 0);
        assert_int_equal(f->device.cache[(first[i] + 5) * 512], byte);
        assert_int_equal(f->device.cache[(first[i] + 8) * 512 - 1], byte);
        assert_int_equal(f->device.cache[(first[i] + 8) * 512], 0);
        expect_bytes(f, i, 5, 3, byte);
        assert_int_equal(f->device.stable[(first[i] + 5) * 512], 0);
        assert_int_equal(ask(f, i, BLOCK_FLUSH, 0, 0, 0), BLOCK_OK);
        assert_int_equal(f->device.stable[(first[i] + 5) * 512], byte);
        assert_int_equal(ask(f, i, BLOCK_DISCARD, 5, 1, 0), BLOCK_OK);
        expect_bytes(f, i, 5, 1, 0);
        assert_int_equal(ask(f, i, BLOCK_WRITE_ZEROES, 6, 1, 0), BLOCK_OK);
        expect_bytes(f, i, 6, 1, 0);
        expect_bytes(f, i, 7, 1, byte);
    }
}

static void a_ram_disk_begins_as_its_file(void **state)
{
    struct fixture *f = *state;
    expect_bytes(f, 3, 0, 585, 0x66);
    expect_bytes(f, 3, 586, 100, 0);
    assert_int_equal(ask(f, 3, BLOCK_WRITE, 4095, 1, 0x55), BLOCK_OK);
    assert_int_equal(ask(f, 3, BLOCK_WRITE_ZEROES, 0, 4095, 0), BLOCK_OK);
    expect_bytes(f, 3, 0, 585, 0);
    expect_bytes(f, 3, 4095, 1, 0x55);
    assert_int_equal(ask(f, 3, BLOCK_FLUSH, 0, 0, 0), BLOCK_OK);
    start_service(f); /* what was written stays */
    run(f);
    expect_bytes(f, 3, 4095, 1, 0x55);
    expect_bytes(f, 3, 0, 1, 0);
}

static void a_file_alone_is_a_read_only_disk(void **state)
{
    struct fixture *f = *state;
    f->roster.port[3].ram.memory_vaddr = 0;
    start_client(f, 3);
    run(f);
    assert_int_equal(f->client[3].info.sector_count, FILE_BYTES / 512);
    assert_int_equal(f->client[3].info.flags, BLOCK_READ_ONLY);
    expect_bytes(f, 3, 0, 585, 0x66);
    assert_int_equal(ask(f, 3, BLOCK_WRITE, 0, 1, 0), BLOCK_ERROR);
    assert_int_equal(f->file[0], 0x66);
}

static void what_cannot_be_is_an_error(void **state)
{
    static const struct {
        enum block_type type;
        uint64_t sector;
        uint32_t count;
    } cases[] = {
        {BLOCK_READ,         1000,       1         },
        {BLOCK_READ,         999,        2         },
        {BLOCK_WRITE,        UINT64_MAX, 1         },
        {BLOCK_WRITE,        UINT64_MAX, 2         },
        {BLOCK_READ,         1ull << 55, 1         },
        {BLOCK_READ,         0,          0         },
        {BLOCK_DISCARD,      1,          UINT32_MAX},
        {BLOCK_WRITE_ZEROES, 990,        11        },
    };
    struct fixture *f = *state;
    uint64_t before = f->device.request_count[VIRTIO_BLK_IN];
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(ask(f, 0, cases[i].type, cases[i].sector, cases[i].count, 1), BLOCK_ERROR);
    }
    assert_int_equal(ask(f, 0, BLOCK_TYPES, 0, 1, 0), BLOCK_UNSUPPORTED);
    assert_int_equal(f->device.request_count[VIRTIO_BLK_IN], before);
    assert_int_equal(f->device.request_count[VIRTIO_BLK_OUT], 0);
    f->roster.port[0].flags = BLOCK_PORT_READ_ONLY;
    start_client(f, 0);
    run(f);
    assert_true(f->client[0].info.flags & BLOCK_READ_ONLY);
    assert_int_equal(ask(f, 0, BLOCK_WRITE, 0, 1, 0), BLOCK_ERROR);
    assert_int_equal(ask(f, 0, BLOCK_DISCARD, 0, 1, 0), BLOCK_ERROR);
    assert_int_equal(ask(f, 0, BLOCK_READ, 0, 1, 0), BLOCK_OK);
}

static void a_large_request_is_cut_and_its_worst_part_counts(void **state)
{
    struct fixture *f = *state;
    for (unsigned port = 1; port < 3; port++) {
        memset(f->device.request_count, 0, sizeof f->device.request_count);
        assert_int_equal(ask(f, port, BLOCK_WRITE, 7, 3000, 0x42), BLOCK_OK);
        assert_int_equal(f->device.request_count[VIRTIO_BLK_OUT], 6);
        expect_bytes(f, port, 7, 3000, 0x42);
        f->device.shuffle = 5;
        f->device.fail_status = VIRTIO_BLK_IOERR; /* one of the parts */
        assert_int_equal(ask(f, port, BLOCK_READ, 7, 3000, 0), BLOCK_ERROR);
        expect_bytes(f, port, 7, 3000, 0x42);
    }
}

static void errors_of_the_device_come_back(void **state)
{
    struct fixture *f = *state;
    f->device.fail_status = VIRTIO_BLK_IOERR;
    assert_int_equal(ask(f, 0, BLOCK_FLUSH, 0, 0, 0), BLOCK_ERROR);
    f->device.fail_status = VIRTIO_BLK_UNSUPP;
    assert_int_equal(ask(f, 0, BLOCK_DISCARD, 0, 1, 0), BLOCK_UNSUPPORTED);
    assert_int_equal(f->server.stats->port[0].errors, 2);
}

static void a_port_without_its_disk_gives_errors(void **state)
{
    struct fixture *f = *state;
    strcpy(f->roster.port[0].partition_name, "gamma");
    f->roster.port[2].range.sector_count = 10001; /* behind the end */
    start_client(f, 0);
    start_client(f, 2);
    run(f);
    assert_true(block_client_attached(&f->client[0]));
    assert_int_equal(f->client[0].info.sector_count, 0);
    assert_int_equal(f->client[2].info.sector_count, 0);
    assert_int_equal(ask(f, 0, BLOCK_READ, 0, 1, 0), BLOCK_ERROR);
    assert_int_equal(ask(f, 2, BLOCK_FLUSH, 0, 0, 0), BLOCK_ERROR);
    assert_int_equal(ask(f, 1, BLOCK_READ, 0, 1, 0), BLOCK_OK);
}

static void nobody_can_write_what_another_one_has(void **state)
{
    struct fixture *f = *state;
    f->roster.port[2].range.first_sector = 9999;
    start_client(f, 2);
    run(f);
    assert_int_equal(f->client[2].info.sector_count, 0);
    f->roster.port[2].flags = BLOCK_PORT_READ_ONLY; /* the other one still writes */
    start_client(f, 2);
    run(f);
    assert_int_equal(f->client[2].info.sector_count, 0);
    f->roster.port[2].flags = BLOCK_PORT_SHARED;
    f->roster.port[1].flags = BLOCK_PORT_SHARED;
    start_client(f, 2);
    run(f);
    assert_int_equal(f->client[2].info.sector_count, 5000);
    f->roster.port[2].flags = f->roster.port[1].flags = BLOCK_PORT_READ_ONLY;
    start_client(f, 1);
    start_client(f, 2);
    run(f);
    assert_int_equal(f->client[2].info.sector_count, 5000);
}

static void without_a_device_only_memory_works(void **state)
{
    struct fixture *f = *state;
    f->registers.read = NULL;
    start_service(f);
    run(f);
    assert_int_equal(ask(f, 0, BLOCK_READ, 0, 1, 0), BLOCK_ERROR);
    expect_bytes(f, 3, 0, 10, 0x66);
}

static void requests_survive_a_restart_of_the_service(void **state)
{
    struct fixture *f = *state;
    int id[PORTS][40];
    f->device_waits = true;
    for (unsigned i = 0; i < PORTS; i++) {
        for (unsigned j = 0; j < 40; j++) {
            id[i][j] = send(f, i, BLOCK_WRITE, j * 10, 3, (int)(0x40 + j));
            assert_in_range(id[i][j], 0, BLOCK_FLIGHT_MAX - 1);
        }
    }
    run(f); /* they are with the device, and some wait for it */
    fake_block_take(&f->device);
    assert_in_range(f->device.held_count, 1, 64);
    for (unsigned i = 0; i < 10; i++) {
        fake_block_answer(&f->device); /* answered, but the service does not learn of it */
    }
    f->device.held_count = 0; /* the reset makes the device forget the rest */
    start_service(f);
    f->device_waits = false;
    run(f);
    for (unsigned i = 0; i < PORTS; i++) {
        unsigned answers = 0;
        enum block_status status;
        int got;
        while ((got = block_client_receive(&f->client[i], &status)) >= 0) {
            assert_int_equal(status, BLOCK_OK);
            block_client_give(&f->client[i], got);
            answers++;
        }
        assert_int_equal(answers, 40);
        for (unsigned j = 0; j < 40; j++) {
            expect_bytes(f, i, j * 10, 3, (int)(0x40 + j));
        }
        assert_int_equal(block_client_bad_count(&f->client[i]), 0);
    }
}

static void a_restarted_client_gets_nothing_of_the_old_one(void **state)
{
    struct fixture *f = *state;
    assert_false(server_waits_for_device(&f->server));
    f->device_waits = true;
    f->device.cache[1000 * 512] = 0x99;
    int old = send(f, 0, BLOCK_READ, 0, 8, 0);
    assert_in_range(old, 0, BLOCK_FLIGHT_MAX - 1);
    run(f);
    assert_int_equal(fake_block_take(&f->device), 1);
    assert_true(server_waits_for_device(&f->server));
    start_client(f, 0);
    run(f);
    /* The old one's read is still on its way into the link: the new one has to wait. */
    assert_false(block_client_attached(&f->client[0]));
    assert_true(block_client_attached(&f->client[1]));
    f->device_waits = false;
    while (fake_block_answer(&f->device)) {
    }
    run(f);
    assert_true(block_client_attached(&f->client[0]));
    enum block_status status;
    assert_int_equal(block_client_receive(&f->client[0], &status), BLOCK_CLIENT_NONE);
    assert_int_equal(ask(f, 0, BLOCK_WRITE, 0, 8, 0x31), BLOCK_OK);
    expect_bytes(f, 0, 0, 8, 0x31);
    assert_int_equal(f->server.flights.used_count, 0);
    assert_false(server_waits_for_device(&f->server));
}

/* Root took the link away and formats it, and indices of ours from before land in it after that. */
static void stale_indices_do_no_harm(void **state)
{
    struct fixture *f = *state;
    struct block_link *link = (struct block_link *)(void *)f->links[0];
    ask(f, 0, BLOCK_READ, 0, 1, 0);
    uint64_t attached = atomic_load(&link->attached);
    start_client(f, 0);
    atomic_store(&link->attached, attached);
    atomic_store(&link->requests.tail, 32);
    atomic_store(&link->replies.head, 16);
    block_client_update(&f->client[0]);
    assert_false(block_client_attached(&f->client[0]));
    run(f);
    assert_int_equal(ask(f, 0, BLOCK_WRITE, 0, 8, 0x31), BLOCK_OK);
    expect_bytes(f, 0, 0, 8, 0x31);
    assert_int_equal(block_client_bad_count(&f->client[0]), 0);
    assert_int_equal(port_bad_count(&f->server.port[0]), 0);
}

static void a_client_that_went_is_let_go(void **state)
{
    struct fixture *f = *state;
    for (unsigned i = 0; i < 100; i++) {
        send(f, 1, BLOCK_WRITE, 0, 2, 1);
    }
    send(f, 1, BLOCK_WRITE, 0, 2000, 1); /* in parts, not all of which fit */
    f->device_waits = true;
    f->client[1].signal = false;
    server_event(&f->server, 1 << 1);
    server_run(&f->server);
    f->roster.port[1].kind = BLOCK_PORT_NONE;
    atomic_fetch_add(&f->roster.port[1].generation, 1);
    server_event(&f->server, BLOCK_BADGE_ROSTER);
    f->client[1].link = NULL;
    struct block_link before = *(struct block_link *)(void *)f->links[1];
    f->device_waits = false;
    run(f);
    assert_int_equal(f->server.flights.used_count, 0);
    assert_int_equal(f->server.port[1].in_flight, 0);
    assert_memory_equal(f->links[1], &before, 4096);
    assert_int_equal(ask(f, 0, BLOCK_READ, 0, 8, 0), BLOCK_OK);
}

/* One client has 128 requests in flight at all times; another one's request gets through in a time
 * that does not depend on that. */
static void a_greedy_client_starves_nobody(void **state)
{
    struct fixture *f = *state;
    enum block_status status;
    unsigned waited = 0, answers = 0;
    for (unsigned i = 0; i < 126; i++) {
        send(f, 2, BLOCK_WRITE, i, 8, 1);
    }
    f->device_waits = true;
    run(f);
    int id = send(f, 0, BLOCK_READ, 0, 8, 0);
    for (int got = -1; got != id; waited++) {
        assert_true(waited < 200);
        run(f);
        fake_block_take(&f->device);
        fake_block_answer(&f->device); /* one at a time */
        run(f);
        while ((got = block_client_receive(&f->client[2], &status)) >= 0) {
            block_client_give(&f->client[2], got);
            send(f, 2, BLOCK_WRITE, 0, 8, 1);
            answers++;
        }
        got = block_client_receive(&f->client[0], &status);
    }
    /* The device's queue of 64 was full before it came: one round of that, no more. */
    assert_in_range(waited, 1, 66);
    assert_in_range(answers, 1, 66);
    block_client_give(&f->client[0], id);
    f->device_waits = false;
    run(f);
}

/* Keeps a client's requests at `depth`; how many answers it got. */
static unsigned top_up(struct fixture *f, unsigned port, unsigned *in_flight, unsigned depth)
{
    enum block_status status;
    unsigned answers = 0;
    int got;
    while ((got = block_client_receive(&f->client[port], &status)) >= 0) {
        block_client_give(&f->client[port], got);
        answers++;
    }
    *in_flight -= answers;
    while (*in_flight < depth && send(f, port, BLOCK_READ, *in_flight, 8, 0) >= 0) {
        ++*in_flight;
    }
    return answers;
}

static void greedy_clients_get_the_same(void **state)
{
    struct fixture *f = *state;
    unsigned in_flight[3] = {0}, answers[3] = {0};
    f->device_waits = true;
    for (unsigned round = 0; round < 600; round++) {
        for (unsigned i = 0; i < 3; i++) {
            answers[i] += top_up(f, i, &in_flight[i], 100);
        }
        run(f);
        fake_block_take(&f->device);
        fake_block_answer(&f->device);
        run(f);
    }
    for (unsigned i = 0; i < 3; i++) {
        assert_in_range(answers[i], 150, 250);
    }
    f->device_waits = false;
    run(f);
}

static void one_client_does_not_fill_the_device(void **state)
{
    struct fixture *f = *state;
    fake_block_fini(&f->device);
    fake_block_init(&f->device, FEATURES, SECTORS, 256);
    fake_virtio_add_region(&f->device.virtio, DMA_PADDR, f->dma, DMA_BYTES);
    fake_virtio_add_region(&f->device.virtio, LINK_PADDR, f->links, sizeof f->links);
    start_service(f);
    run(f);
    unsigned in_flight = 0;
    top_up(f, 2, &in_flight, 128);
    f->device_waits = true;
    run(f);
    assert_int_equal(fake_block_take(&f->device), PORT_FLIGHT_MAX);
    f->device_waits = false;
    while (fake_block_answer(&f->device)) {
    }
    run(f);
    assert_int_equal(top_up(f, 2, &in_flight, 0), 128);
}

static void one_pass_is_bounded(void **state)
{
    struct fixture *f = *state;
    for (unsigned i = 0; i < 128; i++) {
        send(f, 3, BLOCK_WRITE, 0, 7, 1);
    }
    uint64_t before = f->server.stats->port[3].requests[BLOCK_WRITE];
    server_event(&f->server, 1 << 3);
    assert_true(server_run(&f->server));
    uint64_t done = f->server.stats->port[3].requests[BLOCK_WRITE] - before;
    assert_in_range(done, 1, PORT_QUANTUM_MEMORY / (7 + PORT_REQUEST_COST) + 1);
    unsigned passes = 1;
    while (server_run(&f->server)) {
        passes++;
    }
    assert_in_range(passes, 128 / done, 128 / done + 2);
    assert_int_equal(f->server.stats->port[3].requests[BLOCK_WRITE] - before, 128);
    assert_int_equal(f->signals[3], f->server.stats->port[3].signals);
}

static void many_answers_are_one_signal(void **state)
{
    struct fixture *f = *state;
    for (unsigned i = 0; i < 30; i++) {
        send(f, 0, BLOCK_READ, i, 8, 1);
    }
    f->signals[0] = 0;
    uint32_t kicks = f->device.virtio.notify_count;
    assert_true(block_client_wait(&f->client[0]));
    run(f);
    assert_int_equal(f->signals[0], 1);
    assert_int_equal(f->device.virtio.notify_count - kicks, 1);
    enum block_status status;
    for (unsigned i = 0; i < 30; i++) {
        assert_in_range(block_client_receive(&f->client[0], &status), 0, BLOCK_FLIGHT_MAX);
    }
}

static void a_hostile_client_harms_itself(void **state)
{
    struct fixture *f = *state;
    struct block_link *link = (struct block_link *)(void *)f->links[0];
    struct ring ring;
    bool signal;
    ring_open_producer(&ring, &link->requests, link->request_data, BLOCK_REQUESTS_BYTES);
    static const struct block_request bad[] = {
        {999,        1, BLOCK_READ,  0, 0, 1,          {0}                     },
        {UINT32_MAX, 1, 0xffffffff,  0, 0, 1,          {0}                     },
        {1,          1, BLOCK_READ,  0, 0, 1,          {1}                     },
        {1,          1, BLOCK_READ,  0, 0, 1,          {BLOCK_DATA_BYTES}      },
        {1,          1, BLOCK_READ,  0, 0, 2,          {BLOCK_DATA_BYTES - 512}},
        {1,          1, BLOCK_WRITE, 0, 0, 1,          {0xfffffe00}            },
        {1,          1, BLOCK_WRITE, 0, 0, UINT32_MAX, {0}                     },
        {1,          1, BLOCK_WRITE, 0, 0, 1000,       {BLOCK_DATA_BYTES}      },
    };
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(ring_write(&ring, &bad[i], sizeof bad[i], &signal), sizeof bad[i]);
    }
    server_event(&f->server, 1);
    run(f);
    assert_int_equal(f->server.stats->port[0].errors, sizeof bad / sizeof bad[0]);
    assert_int_equal(f->device.request_count[VIRTIO_BLK_OUT], 0);
    /* Indices that cannot be, a part of a record, answers that are taken back. */
    atomic_store(&link->requests.head, 0x70000000);
    server_event(&f->server, 1);
    assert_false(server_run(&f->server));
    atomic_store(&link->requests.head, ring.index + 5);
    server_event(&f->server, 1);
    assert_false(server_run(&f->server));
    atomic_store(&link->replies.tail, 0x70000000);
    atomic_store(&link->requests.head, ring.index + 32);
    server_event(&f->server, 1);
    assert_false(server_run(&f->server));
    assert_true(port_bad_count(&f->server.port[0]) != 0);
    f->client[0].link = NULL;
    assert_int_equal(ask(f, 1, BLOCK_WRITE, 0, 8, 1), BLOCK_OK);
    expect_bytes(f, 1, 0, 8, 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(every_client_sees_its_disk),
        TEST(data_land_where_they_belong),
        TEST(a_ram_disk_begins_as_its_file),
        TEST(a_file_alone_is_a_read_only_disk),
        TEST(what_cannot_be_is_an_error),
        TEST(a_large_request_is_cut_and_its_worst_part_counts),
        TEST(errors_of_the_device_come_back),
        TEST(a_port_without_its_disk_gives_errors),
        TEST(nobody_can_write_what_another_one_has),
        TEST(without_a_device_only_memory_works),
        TEST(requests_survive_a_restart_of_the_service),
        TEST(a_restarted_client_gets_nothing_of_the_old_one),
        TEST(stale_indices_do_no_harm),
        TEST(a_client_that_went_is_let_go),
        TEST(a_greedy_client_starves_nobody),
        TEST(greedy_clients_get_the_same),
        TEST(one_client_does_not_fill_the_device),
        TEST(one_pass_is_bounded),
        TEST(many_answers_are_one_signal),
        TEST(a_hostile_client_harms_itself),
    };
    return cmocka_run_group_tests_name("server", tests, NULL, NULL);
}
