// SPDX-License-Identifier: BSD-2-Clause
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
// clang-format on

#include "device/virtio/virtio_balloon.h"

#include <string.h>

#include "test/fake/virtio_driver.h"

#define F_STATS     (1ull << 1)
#define F_REPORTING (1ull << 5)

enum {
    PAGE = VIRTIO_BALLOON_PAGE,
    PAGES = FAKE_RAM_BYTES / PAGE,
    INFLATE = 0,
    DEFLATE = 1,
    STATS = 2,
    FIRST = FAKE_RAM_BASE / PAGE
};

static struct {
    struct fake_driver d;
    struct virtio_balloon balloon;
    struct virtio_balloon_port port;
    uint64_t inside[PAGES / 64];
    bool gone[PAGES]; /* released */
    unsigned releases, reclaims, reports;
    unsigned available; /* how often reclaim has the memory */
    struct range reported;
} t;

static void mark(struct range memory, bool gone)
{
    assert_true(range_contains(ram_range(&t.d.ram), memory.base, memory.size_bytes));
    for (uint64_t page = 0; page < memory.size_bytes / PAGE; page++) {
        bool *at = &t.gone[(memory.base - FAKE_RAM_BASE) / PAGE + page];
        assert_int_not_equal(*at, gone);
        *at = gone;
    }
}

static void release(void *ctx, struct range memory)
{
    (void)ctx;
    mark(memory, true);
    t.releases++;
}

static bool reclaim(void *ctx, struct range memory)
{
    (void)ctx;
    if (t.available == 0) {
        return false;
    }
    t.available--;
    mark(memory, false);
    t.reclaims++;
    return true;
}

static void report(void *ctx, struct range memory)
{
    (void)ctx;
    t.reported = memory;
    t.reports++;
}

static unsigned gone(void)
{
    unsigned count = 0;
    for (unsigned i = 0; i < PAGES; i++) {
        count += t.gone[i];
    }
    return count;
}

static void make(uint32_t granule_pages, uint64_t features)
{
    virtio_balloon_init(&t.balloon, &t.port, t.inside, granule_pages * PAGE, &t.d.ram, &t.d.port,
                        1);
    driver_attach(&t.d, &t.balloon.device);
    assert_true(driver_start(&t.d, features));
}

static int set_up(void **state)
{
    (void)state;
    memset(&t, 0, sizeof t);
    t.available = ~0u;
    t.port = (struct virtio_balloon_port){release, reclaim, report, NULL};
    driver_init(&t.d);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    driver_fini(&t.d);
    return 0;
}

/* Gives or takes `count` pages from the first-th page of RAM on. */
static uint32_t move(unsigned queue, uint32_t first, uint32_t count)
{
    uint32_t numbers[PAGES];
    for (uint32_t i = 0; i < count; i++) {
        numbers[i] = FIRST + first + i;
    }
    return driver_request(&t.d, queue, numbers, count * 4, NULL, 0);
}

static void pages_come_and_go_one_by_one(void **state)
{
    (void)state;
    const uint64_t formats[] = {0, VIRTIO_F_RING_PACKED | VIRTIO_F_IN_ORDER};
    for (unsigned f = 0; f < 2; f++) {
        make(1, formats[f]);
        assert_int_equal(move(INFLATE, 200, 7), 0);
        assert_int_equal(gone(), 7);
        assert_true(t.gone[200] && t.gone[206]);
        assert_int_equal(move(INFLATE, 205, 3), 0); /* two are inside already */
        assert_int_equal(gone(), 8);
        assert_int_equal(t.balloon.state.inside_pages, 8);
        assert_int_equal(move(DEFLATE, 198, 4), 0); /* two are not inside */
        assert_int_equal(gone(), 6);
        assert_int_equal(move(DEFLATE, 0, PAGES), 0);
        assert_int_equal(gone(), 0);
        assert_int_equal(t.balloon.state.inside_pages, 0);
    }
}

/* A granule leaves with its last page and is back before its first one. */
static void granules_come_and_go_as_a_whole(void **state)
{
    (void)state;
    const uint32_t granules[] = {2, 32, 64, 128};
    for (unsigned i = 0; i < 4; i++) {
        uint32_t size = granules[i];
        make(size, 0);
        t.releases = t.reclaims = 0;
        assert_int_equal(move(INFLATE, 128, size - 1), 0);
        assert_int_equal(gone(), 0);
        assert_int_equal(move(INFLATE, 128 + size - 1, 1), 0);
        assert_int_equal(gone(), size);
        assert_true(t.gone[128] && t.gone[128 + size - 1]);
        assert_int_equal(move(DEFLATE, 128 + size / 2, 1), 0);
        assert_int_equal(gone(), 0);
        assert_int_equal(move(DEFLATE, 128, size), 0);
        assert_int_equal(t.releases, 1);
        assert_int_equal(t.reclaims, 1);
    }
}

static void pages_outside_memory_are_counted_and_ignored(void **state)
{
    (void)state;
    const uint32_t numbers[] = {FIRST - 1, FIRST + PAGES, 0, ~0u, FIRST};
    make(1, 0);
    assert_int_equal(driver_request(&t.d, INFLATE, numbers, sizeof numbers, NULL, 0), 0);
    assert_int_equal(gone(), 1);
    assert_int_equal(t.balloon.state.bad_pages, 4);
    assert_int_equal(driver_request(&t.d, DEFLATE, numbers, sizeof numbers, NULL, 0), 0);
    assert_int_equal(gone(), 0);
}

static void odd_lists_are_cut(void **state)
{
    (void)state;
    uint32_t numbers[] = {FIRST + 9, FIRST + 10};
    make(1, 0);
    assert_int_equal(driver_request(&t.d, INFLATE, numbers, 7, NULL, 0), 0);
    assert_int_equal(gone(), 1);
    assert_int_equal(driver_request(&t.d, INFLATE, NULL, 0, numbers, 8), 0);
    assert_int_equal(gone(), 1);
}

/* More numbers than are read at once, over spans whose borders lie inside numbers. */
static void long_lists_are_done_in_pieces(void **state)
{
    (void)state;
    static uint32_t numbers[20000];
    for (uint32_t i = 0; i < 20000; i++) {
        numbers[i] = FIRST + i % PAGES;
    }
    make(1, 0);
    uint64_t at = driver_put(&t.d, numbers, sizeof numbers);
    const struct fake_buffer buffers[] = {
        {at,        1001,                  false},
        {at + 1001, sizeof numbers - 1001, false}
    };
    uint16_t id;
    uint32_t written;
    driver_add(&t.d, INFLATE, buffers, 2);
    driver_kick(&t.d, INFLATE);
    assert_true(t.d.deferred); /* more than one pass */
    driver_run(&t.d);
    assert_true(driver_take(&t.d, INFLATE, &id, &written));
    assert_int_equal(gone(), PAGES);
    assert_int_equal(t.balloon.state.bad_pages, 0);
}

static void a_deflate_waits_for_its_memory(void **state)
{
    (void)state;
    uint16_t id;
    uint32_t written;
    make(1, 0);
    move(INFLATE, 10, 5);
    t.available = 2;
    assert_int_equal(move(DEFLATE, 10, 5), FAKE_NO_ANSWER);
    assert_int_equal(gone(), 3);
    virtio_balloon_ready(&t.balloon);
    assert_false(driver_take(&t.d, DEFLATE, &id, &written));
    t.available = 3;
    virtio_balloon_ready(&t.balloon);
    assert_true(driver_take(&t.d, DEFLATE, &id, &written));
    assert_int_equal(gone(), 0);
}

static void a_reset_lets_all_pages_out(void **state)
{
    (void)state;
    make(2, 0);
    move(INFLATE, 0, PAGES);
    move(DEFLATE, 7, 1);
    assert_int_equal(gone(), PAGES - 2);
    t.available = 5;
    virtio_lock(&t.balloon.device);
    virtio_set_status(&t.balloon.device, 0);
    virtio_unlock(&t.balloon.device);
    assert_int_not_equal(virtio_status(&t.balloon.device), 0); /* the driver waits */
    assert_int_equal(gone(), PAGES - 2 - 10);
    t.available = 5;
    virtio_balloon_ready(&t.balloon);
    assert_int_not_equal(virtio_status(&t.balloon.device), 0);
    t.available = ~0u;
    virtio_balloon_ready(&t.balloon);
    assert_int_equal(virtio_status(&t.balloon.device), 0);
    assert_int_equal(gone(), 0);
    assert_int_equal(t.balloon.state.inside_pages, 0);
    assert_true(driver_start(&t.d, 0));
    move(INFLATE, 0, 2);
    assert_int_equal(gone(), 2);
}

static void the_target_is_told(void **state)
{
    (void)state;
    make(1, 0);
    virtio_balloon_set_target(&t.balloon, 77);
    assert_int_equal(t.d.interrupts[VIRTIO_SOURCE_CONFIG], 1);
    assert_int_equal(virtio_config_read(&t.balloon.device, 0, 4), 77);
    virtio_lock(&t.balloon.device);
    virtio_config_write(&t.balloon.device, 4, 4, 50);
    virtio_config_write(&t.balloon.device, 0, 4, 1);
    virtio_config_write(&t.balloon.device, 4, 1, 1);
    virtio_unlock(&t.balloon.device);
    assert_int_equal(virtio_config_read(&t.balloon.device, 0, 8), 77 | 50ull << 32);
}

struct __attribute__((packed)) stat {
    uint16_t tag;
    uint64_t value;
};

static void statistics_come_when_they_are_wanted(void **state)
{
    (void)state;
    struct stat stats[] = {
        {4,      1000 },
        {0,      7    },
        {0xffff, 9    },
        {15,     ~0ull}
    };
    uint16_t id;
    uint32_t written;
    make(1, F_STATS);
    virtio_balloon_want_stats(&t.balloon); /* before the driver has given its buffer */
    assert_int_equal(driver_request(&t.d, STATS, stats, sizeof stats, NULL, 0), 0);
    stats[1].value = 8;
    assert_int_equal(driver_request(&t.d, STATS, stats, sizeof stats - 1, NULL, 0), FAKE_NO_ANSWER);
    assert_int_equal(t.balloon.state.stats[4], 1000);
    assert_int_equal(t.balloon.state.stats[0], 8);
    assert_int_equal(t.balloon.state.stats_known, 1 << 4 | 1 << 0);
    virtio_balloon_want_stats(&t.balloon);
    assert_true(driver_take(&t.d, STATS, &id, &written));
    assert_int_equal(driver_request(&t.d, STATS, stats, sizeof stats, NULL, 0), FAKE_NO_ANSWER);
    assert_int_equal(t.balloon.state.stats_known, 1 << 4 | 1 << 0 | 1 << 15);
}

static uint32_t report_pages(unsigned queue, uint64_t address, uint32_t bytes)
{
    struct fake_buffer buffer = {address, bytes, true};
    uint16_t id;
    uint32_t written = ~0u;
    driver_add(&t.d, queue, &buffer, 1);
    driver_kick(&t.d, queue);
    assert_true(driver_take(&t.d, queue, &id, &written));
    return written;
}

static void free_pages_are_reported_in_whole_granules(void **state)
{
    (void)state;
    const struct {
        uint32_t from, bytes; /* in RAM */
        uint32_t first, end;  /* what is reported */
    } cases[] = {
        {0,         16 * PAGE,      0,         16 * PAGE     },
        {PAGE,      16 * PAGE,      4 * PAGE,  16 * PAGE     },
        {4 * PAGE,  4 * PAGE - 1,   0,         0             },
        {1,         4 * PAGE,       0,         0             },
        {16 * PAGE, 7 * PAGE,       16 * PAGE, 20 * PAGE     },
        {0,         FAKE_RAM_BYTES, 0,         FAKE_RAM_BYTES},
    };
    make(4, F_REPORTING | F_STATS);
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        t.reports = 0;
        /* The specification's number of the queue, and Linux's. */
        assert_int_equal(report_pages(i % 2 ? 4 : 3, FAKE_RAM_BASE + cases[i].from, cases[i].bytes),
                         0);
        assert_int_equal(t.reports, cases[i].end != 0);
        if (t.reports != 0) {
            assert_int_equal(t.reported.base, FAKE_RAM_BASE + cases[i].first);
            assert_int_equal(t.reported.size_bytes, cases[i].end - cases[i].first);
        }
    }
    make(1, F_REPORTING); /* no statistics: Linux's number is 2 */
    report_pages(2, FAKE_RAM_BASE, PAGE);
    assert_int_equal(t.reports, 2);
    make(1, 0); /* not negotiated */
    report_pages(3, FAKE_RAM_BASE, PAGE);
    assert_int_equal(t.reports, 2);
    t.port.report = NULL;
    make(1, 0);
    assert_false(driver_start(&t.d, F_REPORTING));
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(pages_come_and_go_one_by_one),
        TEST(granules_come_and_go_as_a_whole),
        TEST(pages_outside_memory_are_counted_and_ignored),
        TEST(odd_lists_are_cut),
        TEST(long_lists_are_done_in_pieces),
        TEST(a_deflate_waits_for_its_memory),
        TEST(a_reset_lets_all_pages_out),
        TEST(the_target_is_told),
        TEST(statistics_come_when_they_are_wanted),
        TEST(free_pages_are_reported_in_whole_granules),
    };
    return cmocka_run_group_tests_name("virtio-balloon", tests, NULL, NULL);
}
