// SPDX-License-Identifier: BSD-2-Clause
/*
 * What a client that asks for all that it can costs one that asks for 4 KiB and waits for the
 * answer, again and again: how much of the other's work is done between question and answer.
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

#define FEATURES                                                                                   \
    (VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX | VIRTIO_BLK_F_FLUSH | VIRTIO_BLK_F_DISCARD |     \
     VIRTIO_BLK_F_WRITE_ZEROES)
#define DMA_PADDR  0x48000000ull
#define LINK_PADDR 0x80000000ull

enum {
    GREEDY,
    MODEST,
    GREEDY_RAM,
    MODEST_RAM,
    PORTS,
    SECTORS = 8192,
    DMA_BYTES = 2 << 20,
    RAM_BYTES = RAMDISK_HEAD_BYTES + SECTORS * 512,
    LARGE_SECTORS = 1024,
    MODEST_SECTORS = 8,
    ROUNDS = 40,
    KNOWN = 3,   /* rounds: before, the greedy one was alone, and much of that is under way */
    MARK = 0xa5, /* what the greedy one writes */
};

struct fixture {
    struct fake_block device;
    struct transport_registers registers;
    struct block_roster roster;
    struct server server;
    struct block_client client[PORTS];
    _Alignas(4096) uint8_t dma[DMA_BYTES];
    _Alignas(4096) uint8_t links[PORTS][BLOCK_LINK_BYTES];
    _Alignas(4096) uint8_t ram[2][RAM_BYTES];
};

static void on_signal(void *ctx, unsigned port)
{
    (void)ctx;
    (void)port;
}

static void *memory_at(void *ctx, uint64_t vaddr)
{
    (void)ctx;
    return (void *)(uintptr_t)vaddr;
}

static int setup(void **state)
{
    struct fixture *f = aligned_alloc(4096, sizeof *f);
    memset(f, 0, sizeof *f);
    fake_block_init(&f->device, FEATURES, 2 * SECTORS, 256);
    fake_virtio_add_region(&f->device.virtio, DMA_PADDR, f->dma, DMA_BYTES);
    fake_virtio_add_region(&f->device.virtio, LINK_PADDR, f->links, sizeof f->links);
    f->registers = fake_virtio_registers(&f->device.virtio);
    for (unsigned i = 0; i < PORTS; i++) {
        struct block_port_info *info = &f->roster.port[i];
        *info = (struct block_port_info){
            .generation = 2,
            .kind = BLOCK_PORT_RANGE,
            .range = {(uint64_t)i * SECTORS, SECTORS},
            .link_paddr = LINK_PADDR + i * (uint64_t)BLOCK_LINK_BYTES
        };
        if (i >= GREEDY_RAM) {
            info->kind = BLOCK_PORT_RAM;
            info->ram.memory_vaddr = (uintptr_t)f->ram[i - GREEDY_RAM];
            info->ram.memory_bytes = RAM_BYTES;
            info->ram.file_vaddr = info->ram.file_bytes = 0;
        }
        block_link_format((struct block_link *)(void *)f->links[i], 2);
        block_client_open(&f->client[i], (struct block_link *)(void *)f->links[i]);
    }
    server_init(&f->server, &(struct server_setup){
                                .roster = &f->roster,
                                .links = f->links[0],
                                .registers = &f->registers,
                                .dma = {f->dma, DMA_PADDR, DMA_BYTES, 0},
                                .signal = on_signal,
                                .memory = memory_at,
                                .ctx = f,
    });
    while (server_run(&f->server) || fake_block_run(&f->device) != 0) {
        server_event(&f->server, BLOCK_BADGE_IRQ);
    }
    for (unsigned i = 0; i < PORTS; i++) {
        block_client_update(&f->client[i]);
    }
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

static bool send(struct fixture *f, unsigned port, enum block_type type, uint32_t count)
{
    struct block_client *client = &f->client[port];
    bool data = type == BLOCK_READ || type == BLOCK_WRITE;
    int id = block_client_take(client, data ? count * 512 : 0);
    if (id < 0) {
        return false;
    }
    if (data) {
        memset(block_client_data(client, id), MARK, (size_t)count * 512);
    }
    block_client_send(client, id, type, 0, 0, count);
    return true;
}

static unsigned take(struct fixture *f, unsigned port)
{
    enum block_status status;
    unsigned answers = 0;
    for (int id; (id = block_client_receive(&f->client[port], &status)) >= 0; answers++) {
        assert_int_equal(status, BLOCK_OK);
        block_client_give(&f->client[port], id);
    }
    return answers;
}

/* Sectors of a disk that begin with this byte; they get the other one. */
static unsigned sweep(uint8_t *disk, uint8_t from, uint8_t to)
{
    unsigned found = 0;
    for (unsigned i = 0; i < SECTORS; i++) {
        if (disk[i * 512u] == from) {
            disk[i * 512u] = to;
            found++;
        }
    }
    return found;
}

/* The most sectors of the greedy one's that a disk in memory does while the modest one waits. */
static unsigned most_in_memory(struct fixture *f, enum block_type type, uint8_t from, uint8_t to)
{
    uint8_t *disk = f->ram[0] + RAMDISK_HEAD_BYTES;
    unsigned most = 0;
    memset(disk, to, RAM_BYTES - RAMDISK_HEAD_BYTES);
    for (unsigned round = 0; round < ROUNDS; round++) {
        while (send(f, GREEDY_RAM, type, LARGE_SECTORS)) {
        }
        /* The service is in the middle of that when the modest one comes. */
        server_event(&f->server, 1 << GREEDY_RAM);
        sweep(disk, from, to);
        server_run(&f->server);
        assert_true(send(f, MODEST_RAM, BLOCK_READ, MODEST_SECTORS));
        server_event(&f->server, 1 << MODEST_RAM);
        unsigned meanwhile = sweep(disk, from, to);
        do {
            server_run(&f->server);
            meanwhile += sweep(disk, from, to);
        } while (take(f, MODEST_RAM) == 0);
        if (round >= KNOWN && meanwhile > most) {
            most = meanwhile;
        }
        take(f, GREEDY_RAM);
    }
    assert_true(most != 0);
    return most;
}

static void writes_to_memory_are_in_small_pieces(void **state)
{
    assert_in_range(most_in_memory(*state, BLOCK_WRITE, MARK, 0), 1,
                    2 * (PORT_QUANTUM_SHARED + RAMDISK_PART_SECTORS));
}

/* They are work as well, though they have no data. */
static void zeroes_in_memory_are_in_small_pieces(void **state)
{
    assert_in_range(most_in_memory(*state, BLOCK_WRITE_ZEROES, 0, MARK), 1,
                    2 * (PORT_QUANTUM_SHARED + RAMDISK_PART_SECTORS));
}

/*
 * What one client alone is done for in one pass, after which the other services of the core have a
 * turn: the service's own work, in memory, is in pieces even then.
 */
static void memory_of_who_is_alone_leaves_turns_to_other_services(void **state)
{
    struct fixture *f = *state;
    uint8_t *disk = f->ram[0] + RAMDISK_HEAD_BYTES;
    unsigned most = 0;
    memset(disk, MARK, RAM_BYTES - RAMDISK_HEAD_BYTES);
    for (unsigned pass = 0; pass < ROUNDS; pass++) {
        while (send(f, GREEDY_RAM, BLOCK_WRITE_ZEROES, LARGE_SECTORS)) {
        }
        server_event(&f->server, 1 << GREEDY_RAM);
        server_run(&f->server);
        unsigned done = sweep(disk, 0, MARK);
        most = done > most ? done : most;
        take(f, GREEDY_RAM);
    }
    assert_in_range(most, PORT_QUANTUM_SHARED + 1, PORT_QUANTUM_MEMORY + RAMDISK_PART_SECTORS);
}

/* What the device has to do before it gets to the modest one's. */
static void a_device_is_not_full_of_one_clients_work(void **state)
{
    struct fixture *f = *state;
    unsigned most = 0;
    for (unsigned round = 0; round < ROUNDS; round++) {
        while (send(f, GREEDY, BLOCK_WRITE, round % 2 != 0 ? LARGE_SECTORS : 32)) {
        }
        server_event(&f->server, 1 << GREEDY);
        while (server_run(&f->server)) {
        }
        fake_block_take(&f->device);
        assert_true(send(f, MODEST, BLOCK_READ, MODEST_SECTORS));
        server_event(&f->server, 1 << MODEST);
        unsigned meanwhile = 0;
        do {
            while (server_run(&f->server)) {
            }
            sweep(f->device.cache, MARK, 0);
            fake_block_take(&f->device);
            assert_true(fake_block_answer(&f->device));
            meanwhile += sweep(f->device.cache, MARK, 0);
            server_event(&f->server, BLOCK_BADGE_IRQ);
            server_run(&f->server);
        } while (take(f, MODEST) == 0);
        if (round >= KNOWN && meanwhile > most) {
            most = meanwhile;
        }
        take(f, GREEDY);
    }
    assert_in_range(most, 1, PORT_SHARED_SECTORS + DRIVER_PART_SECTORS);
}

/* One that is alone has it all. */
static void a_device_is_full_of_work_of_who_is_alone(void **state)
{
    struct fixture *f = *state;
    while (send(f, GREEDY, BLOCK_WRITE, 32)) {
    }
    server_event(&f->server, 1 << GREEDY);
    while (server_run(&f->server)) {
    }
    assert_int_equal(fake_block_take(&f->device), PORT_FLIGHT_MAX);
}

/* Nobody is forgotten: the greedy one's are all done in the end, beside the modest one's. */
static void a_greedy_client_gets_on(void **state)
{
    struct fixture *f = *state;
    unsigned answers[2] = {0};
    for (unsigned round = 0; round < 2000; round++) {
        while (send(f, GREEDY, BLOCK_WRITE, LARGE_SECTORS)) {
        }
        send(f, MODEST, BLOCK_READ, MODEST_SECTORS);
        server_event(&f->server, 1 << GREEDY | 1 << MODEST);
        while (server_run(&f->server)) {
        }
        assert_true(fake_block_run(&f->device) != 0);
        server_event(&f->server, BLOCK_BADGE_IRQ);
        server_run(&f->server);
        answers[0] += take(f, GREEDY);
        answers[1] += take(f, MODEST);
    }
    assert_in_range(answers[0], 900, 2000); /* of two parts each */
    assert_in_range(answers[1], 1990, 10000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(writes_to_memory_are_in_small_pieces, setup, teardown),
        cmocka_unit_test_setup_teardown(zeroes_in_memory_are_in_small_pieces, setup, teardown),
        cmocka_unit_test_setup_teardown(memory_of_who_is_alone_leaves_turns_to_other_services,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(a_device_is_not_full_of_one_clients_work, setup, teardown),
        cmocka_unit_test_setup_teardown(a_device_is_full_of_work_of_who_is_alone, setup, teardown),
        cmocka_unit_test_setup_teardown(a_greedy_client_gets_on, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
