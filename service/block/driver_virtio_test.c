// SPDX-License-Identifier: BSD-2-Clause
#include "service/block/driver_virtio.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "test/fake/block_device.h"

#define ALL_FEATURES                                                                               \
    (VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX | VIRTIO_BLK_F_BLK_SIZE | VIRTIO_BLK_F_FLUSH |    \
     VIRTIO_BLK_F_TOPOLOGY | VIRTIO_BLK_F_DISCARD | VIRTIO_BLK_F_WRITE_ZEROES)

enum {
    DMA_PADDR = 0x48000000,
    DMA_BYTES = 2 << 20,
    LINK_PADDR = 0x50000000,
    LINK_BYTES = 1 << 20,
    SECTORS = 8192,
};

struct fixture {
    struct fake_block device;
    struct driver_virtio driver;
    struct backend backend;
    struct transport_registers registers;
    _Alignas(4096) uint8_t dma[DMA_BYTES];
    _Alignas(4096) uint8_t link[LINK_BYTES];
};

static bool open_device(struct fixture *f)
{
    struct dma dma = {f->dma, DMA_PADDR, DMA_BYTES, 0};
    return driver_virtio_open(&f->driver, &f->registers, &dma, &f->backend);
}

static void prepare(struct fixture *f, uint64_t features, uint32_t queue_size)
{
    fake_block_fini(&f->device);
    fake_block_init(&f->device, features, SECTORS, queue_size);
    fake_virtio_add_region(&f->device.virtio, DMA_PADDR, f->dma, DMA_BYTES);
    fake_virtio_add_region(&f->device.virtio, LINK_PADDR, f->link, LINK_BYTES);
    f->registers = fake_virtio_registers(&f->device.virtio);
}

static void start(struct fixture *f, uint64_t features, uint32_t queue_size)
{
    prepare(f, features, queue_size);
    assert_true(open_device(f));
}

static int setup(void **state)
{
    struct fixture *f = aligned_alloc(4096, sizeof *f);
    memset(f, 0, sizeof *f);
    start(f, ALL_FEATURES, 64);
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

static enum backend_answer submit(struct fixture *f, enum block_type type, uint64_t sector,
                                  uint32_t count, uint32_t offset, bool reachable, uint32_t token)
{
    enum block_status status = BLOCK_OK;
    static struct backend_segment segments[64]; /* they stay while the part is under way */
    static unsigned next;
    struct backend_segment *segment = &segments[next++ % 64];
    *segment = (struct backend_segment){f->link + offset, reachable ? LINK_PADDR + offset : 0,
                                        count * 512};
    struct backend_part part = {
        .type = type, .sector = sector, .sector_count = count, .segment = segment};
    return f->backend.ops->submit(&f->driver, &part, token, &status);
}

static void expect(struct fixture *f, uint32_t wanted_token, enum block_status wanted_status)
{
    uint32_t token;
    enum block_status status;
    assert_true(f->backend.ops->take(&f->driver, &token, &status));
    assert_int_equal(token, wanted_token);
    assert_int_equal(status, wanted_status);
}

static void expect_nothing(struct fixture *f)
{
    uint32_t token;
    enum block_status status;
    assert_false(f->backend.ops->take(&f->driver, &token, &status));
}

static void kick(struct fixture *f)
{
    f->backend.ops->kick(&f->driver);
}

static void data_go_both_ways(void **state)
{
    struct fixture *f = *state;
    for (unsigned i = 0; i < 4; i++) {
        bool reachable = (i & 1) != 0;
        start(f, i < 2 ? ALL_FEATURES : VIRTIO_BLK_F_FLUSH, 64);
        memset(f->link, 0x5a, 4096);
        assert_int_equal(submit(f, BLOCK_WRITE, 100, 8, 0, reachable, 7), BACKEND_QUEUED);
        kick(f);
        assert_int_equal(fake_block_run(&f->device), 1);
        expect(f, 7, BLOCK_OK);
        expect_nothing(f);
        assert_memory_equal(f->device.cache + 100 * 512, f->link, 4096);
        assert_int_equal(f->device.cache[99 * 512], 0);
        assert_int_equal(f->device.cache[108 * 512], 0);
        assert_int_equal(submit(f, BLOCK_READ, 101, 4, 8192, reachable, 8), BACKEND_QUEUED);
        kick(f);
        memset(f->link + 8192, 0, 4096);
        fake_block_run(&f->device);
        expect(f, 8, BLOCK_OK);
        assert_memory_equal(f->link + 8192, f->link, 2048);
        assert_int_equal(f->link[8192 + 2048], 0);
    }
}

static void flush_discard_and_zeroes_reach_the_device(void **state)
{
    struct fixture *f = *state;
    memset(f->device.cache, 0x77, 8192);
    submit(f, BLOCK_FLUSH, 0, 0, 0, true, 1);
    kick(f);
    fake_block_run(&f->device);
    expect(f, 1, BLOCK_OK);
    assert_int_equal(f->device.stable[8191], 0x77);
    submit(f, BLOCK_DISCARD, 1, 2, 0, true, 2);
    kick(f);
    fake_block_run(&f->device);
    expect(f, 2, BLOCK_OK);
    submit(f, BLOCK_WRITE_ZEROES, 4, 2, 0, true, 3);
    kick(f);
    fake_block_run(&f->device);
    expect(f, 3, BLOCK_OK);
    for (unsigned i = 0; i < 8; i++) {
        bool zero = i == 1 || i == 2 || i == 4 || i == 5;
        assert_int_equal(f->device.cache[i * 512], zero ? 0 : 0x77);
    }
    assert_int_equal(f->device.request_count[VIRTIO_BLK_DISCARD], 1);
    assert_int_equal(f->device.request_count[VIRTIO_BLK_WRITE_ZEROES], 1);
}

static void without_flush_there_is_nothing_to_do(void **state)
{
    struct fixture *f = *state;
    start(f, VIRTIO_F_INDIRECT_DESC, 64);
    assert_int_equal(f->backend.limits.info.flags, 0);
    assert_int_equal(submit(f, BLOCK_FLUSH, 0, 0, 0, true, 1), BACKEND_DONE);
    assert_int_equal(f->backend.limits.part_sectors[BLOCK_DISCARD], 0);
}

static void errors_come_back_as_errors(void **state)
{
    struct fixture *f = *state;
    static const struct {
        uint8_t device;
        enum block_status status;
    } cases[] = {
        {VIRTIO_BLK_IOERR,  BLOCK_ERROR      },
        {VIRTIO_BLK_UNSUPP, BLOCK_UNSUPPORTED},
        {3,                 BLOCK_ERROR      },
        {0xff,              BLOCK_ERROR      },
    };
    for (unsigned i = 0; i < 4; i++) {
        f->device.fail_status = cases[i].device;
        submit(f, BLOCK_WRITE, 0, 1, 0, true, i);
        kick(f);
        fake_block_run(&f->device);
        expect(f, i, cases[i].status);
    }
}

static void a_read_that_brings_too_little_is_an_error(void **state)
{
    struct fixture *f = *state;
    f->device.lies_about_length = true;
    submit(f, BLOCK_READ, 0, 1, 0, false, 1);
    kick(f);
    fake_block_run(&f->device);
    expect(f, 1, BLOCK_ERROR);
}

static void many_are_in_flight_and_one_kick_is_enough(void **state)
{
    struct fixture *f = *state;
    uint32_t count = 0;
    f->device.shuffle = 1;
    while (submit(f, BLOCK_WRITE, count, 1, count * 512, true, count) == BACKEND_QUEUED) {
        f->link[count * 512] = (uint8_t)count;
        count++;
    }
    assert_int_equal(count, 64);
    kick(f);
    kick(f);
    assert_int_equal(f->device.virtio.notify_count, 1);
    assert_int_equal(fake_block_run(&f->device), 64);
    uint64_t seen = 0;
    for (unsigned i = 0; i < 64; i++) {
        uint32_t token;
        enum block_status status;
        assert_true(f->backend.ops->take(&f->driver, &token, &status));
        seen |= 1ull << token;
    }
    assert_int_equal(seen, UINT64_MAX);
    assert_int_equal(f->device.virtio.interrupt_count, 1);
    for (unsigned i = 0; i < 64; i++) {
        assert_int_equal(f->device.cache[i * 512], i);
    }
}

static void copies_are_given_back(void **state)
{
    struct fixture *f = *state;
    for (unsigned round = 0; round < 50; round++) {
        unsigned count = 0;
        while (submit(f, BLOCK_WRITE, 0, 512, 0, false, count) == BACKEND_QUEUED) {
            count++;
        }
        assert_int_equal(count, (DMA_BYTES - DRIVER_RING_BYTES) / (512 * 512));
        kick(f);
        assert_int_equal(fake_block_run(&f->device), count);
        for (unsigned i = 0; i < count; i++) {
            expect(f, i, BLOCK_OK);
        }
    }
}

/* Writes and reads are in flight when the device breaks; all of them must come out right. */
static void check_recovery(struct fixture *f)
{
    memset(f->link, 0x11, 4096);
    memset(f->link + 4096, 0x22, 4096);
    submit(f, BLOCK_WRITE, 0, 8, 0, true, 1);
    submit(f, BLOCK_WRITE, 8, 8, 4096, false, 2);
    memset(f->link + 4096, 0, 4096); /* it has its copy */
    kick(f);
    fake_block_take(&f->device);
    f->device.held_count = 0; /* they are lost */
}

static void check_recovered(struct fixture *f)
{
    uint32_t token;
    enum block_status status;
    assert_false(f->backend.ops->take(&f->driver, &token, &status));
    assert_int_equal(f->driver.reset_count, 1);
    assert_int_equal(fake_block_run(&f->device), 2);
    expect(f, 1, BLOCK_OK);
    expect(f, 2, BLOCK_OK);
    assert_int_equal(f->device.cache[0], 0x11);
    assert_int_equal(f->device.cache[8 * 512], 0x22);
}

static void a_device_that_needs_a_reset_gets_it(void **state)
{
    struct fixture *f = *state;
    check_recovery(f);
    f->device.virtio.status |= VIRTIO_NEEDS_RESET;
    f->device.virtio.interrupt |= TRANSPORT_CONFIG;
    driver_virtio_interrupt(&f->driver);
    check_recovered(f);
}

static void a_device_that_lies_gets_a_reset(void **state)
{
    struct fixture *f = *state;
    check_recovery(f);
    struct vring_used *used = fake_virtio_used(&f->device.virtio, 0);
    used->ring[0].id = 63;
    atomic_store(&used->index, 1);
    check_recovered(f);
}

static void a_device_that_lies_always_is_given_up(void **state)
{
    struct fixture *f = *state;
    check_recovery(f);
    for (unsigned i = 0; i <= DRIVER_RESET_MAX; i++) {
        struct vring_used *used = fake_virtio_used(&f->device.virtio, 0);
        used->ring[0].id = 63;
        atomic_store(&used->index, 1);
        if (i < DRIVER_RESET_MAX) {
            expect_nothing(f);
        }
    }
    /* All that was in flight fails, and what comes. */
    uint32_t token[2];
    enum block_status status;
    assert_true(f->backend.ops->take(&f->driver, &token[0], &status));
    assert_int_equal(status, BLOCK_ERROR);
    assert_true(f->backend.ops->take(&f->driver, &token[1], &status));
    assert_int_equal(status, BLOCK_ERROR);
    assert_int_equal(token[0] + token[1], 3);
    expect_nothing(f);
    assert_int_equal(submit(f, BLOCK_READ, 0, 1, 0, true, 9), BACKEND_DONE);
    assert_int_equal(f->device.virtio.status, 0);
    for (unsigned i = 0; i < RUNS_MAX / 64; i++) {
        assert_int_equal(f->driver.copies_taken.taken[i], 0);
    }
}

static void limits_are_what_the_device_says(void **state)
{
    struct fixture *f = *state;
    prepare(f, ALL_FEATURES | VIRTIO_BLK_F_SIZE_MAX | VIRTIO_BLK_F_RO, 64);
    struct virtio_blk_config *config = fake_block_config(&f->device);
    config->capacity = 8191;
    config->size_max = 10000;
    config->blk_size = 4096;
    config->physical_block_exp = 3;
    config->opt_io_size = 77;
    config->max_discard_sectors = 1001;
    assert_true(open_device(f));
    const struct backend_limits *limits = &f->backend.limits;
    assert_int_equal(limits->info.sector_count, 8184);
    assert_int_equal(limits->info.block_bytes, 4096);
    assert_int_equal(limits->info.physical_exponent, 3);
    assert_int_equal(limits->info.io_opt_blocks, 77);
    assert_int_equal(limits->part_sectors[BLOCK_READ], 16);
    assert_int_equal(limits->part_sectors[BLOCK_DISCARD], 1000);
    assert_int_equal(limits->info.flags, BLOCK_READ_ONLY | BLOCK_HAS_FLUSH | BLOCK_HAS_DISCARD |
                                             BLOCK_HAS_WRITE_ZEROES);
}

static void a_configuration_that_cannot_be_is_refused(void **state)
{
    static const struct {
        uint32_t blk_size, size_max;
        uint64_t capacity;
        bool good;
    } cases[] = {
        {511,        0,   100,        false},
        {8192,       0,   100,        false},
        {1536,       0,   100,        false},
        {UINT32_MAX, 0,   100,        false},
        {512,        511, 100,        false},
        {512,        512, 100,        true },
        {4096,       512, 100,        false},
        {512,        0,   UINT64_MAX, false},
        {512,        0,   0,          true },
    };
    struct fixture *f = *state;
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        prepare(f, ALL_FEATURES | VIRTIO_BLK_F_SIZE_MAX, 64);
        fake_block_config(&f->device)->blk_size = cases[i].blk_size;
        fake_block_config(&f->device)->size_max = cases[i].size_max;
        fake_block_config(&f->device)->capacity = cases[i].capacity;
        assert_int_equal(open_device(f), cases[i].good);
        assert_int_equal(f->backend.ops != NULL, cases[i].good);
    }
    prepare(f, ALL_FEATURES, 2); /* a request without indirection needs three */
    assert_true(open_device(f));
    prepare(f, 0, 2);
    assert_false(open_device(f));
    prepare(f, 0, 0);
    assert_false(open_device(f));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(data_go_both_ways),
        TEST(flush_discard_and_zeroes_reach_the_device),
        TEST(without_flush_there_is_nothing_to_do),
        TEST(errors_come_back_as_errors),
        TEST(a_read_that_brings_too_little_is_an_error),
        TEST(many_are_in_flight_and_one_kick_is_enough),
        TEST(copies_are_given_back),
        TEST(a_device_that_needs_a_reset_gets_it),
        TEST(a_device_that_lies_gets_a_reset),
        TEST(a_device_that_lies_always_is_given_up),
        TEST(limits_are_what_the_device_says),
        TEST(a_configuration_that_cannot_be_is_refused),
    };
    return cmocka_run_group_tests_name("driver_virtio", tests, NULL, NULL);
}
