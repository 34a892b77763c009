// SPDX-License-Identifier: BSD-2-Clause
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
// clang-format on

#include "device/virtio/virtio_rng.h"

#include <string.h>

#include "test/fake/virtio_driver.h"

static struct {
    struct fake_driver d;
    struct virtio_rng rng;
    struct virtio_rng_port source;
    size_t has; /* bytes that the source gives before it must wait */
    uint8_t next;
} t;

static size_t draw(void *ctx, uint8_t *bytes, size_t count)
{
    (void)ctx;
    assert_int_not_equal(count, 0);
    size_t given = count < t.has ? count : t.has;
    for (size_t i = 0; i < given; i++) {
        bytes[i] = t.next++;
    }
    t.has -= given;
    return given;
}

static int set_up(void **state)
{
    (void)state;
    memset(&t, 0, sizeof t);
    t.has = 1 << 20;
    t.source.draw = draw;
    driver_init(&t.d);
    virtio_rng_init(&t.rng, &t.source, &t.d.ram, &t.d.port, 3);
    driver_attach(&t.d, &t.rng.device);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    driver_fini(&t.d);
    return 0;
}

static void a_request_is_filled(void **state)
{
    (void)state;
    const uint64_t formats[] = {0, VIRTIO_F_RING_PACKED,
                                VIRTIO_F_RING_PACKED | VIRTIO_F_IN_ORDER | VIRTIO_F_EVENT_IDX};
    for (unsigned f = 0; f < 3; f++) {
        assert_true(driver_start(&t.d, formats[f]));
        for (unsigned i = 0; i < 50; i++) {
            uint8_t bytes[64], first = t.next;
            assert_int_equal(driver_request(&t.d, 0, NULL, 0, bytes, sizeof bytes), sizeof bytes);
            for (unsigned k = 0; k < sizeof bytes; k++) {
                assert_int_equal(bytes[k], (uint8_t)(first + k));
            }
        }
    }
}

static void a_large_request_gets_a_part(void **state)
{
    (void)state;
    static uint8_t bytes[100000];
    memset(bytes, 0xaa, sizeof bytes);
    assert_true(driver_start(&t.d, 0));
    assert_int_equal(driver_request(&t.d, 0, NULL, 0, bytes, sizeof bytes), VIRTIO_RNG_REQUEST_MAX);
    assert_int_equal(bytes[VIRTIO_RNG_REQUEST_MAX], 0); /* untouched guest memory */
}

static void a_request_over_spans_is_filled_in_order(void **state)
{
    (void)state;
    assert_true(driver_start(&t.d, 0));
    const struct fake_buffer buffers[] = {
        {FAKE_RAM_BASE + 0x90000, 3, true},
        {FAKE_RAM_BASE + 0x80000, 5, true}
    };
    uint16_t id;
    uint32_t written;
    driver_add(&t.d, 0, buffers, 2);
    driver_kick(&t.d, 0);
    assert_true(driver_take(&t.d, 0, &id, &written));
    assert_int_equal(written, 8);
    assert_memory_equal(driver_at(&t.d, buffers[0].address, 3), "\0\1\2", 3);
    assert_memory_equal(driver_at(&t.d, buffers[1].address, 5), "\3\4\5\6\7", 5);
}

/* 5.4.6: requests have no readable part; one without room gets nothing, and ends. */
static void a_request_without_room_ends(void **state)
{
    (void)state;
    uint8_t none;
    assert_true(driver_start(&t.d, 0));
    assert_int_equal(driver_request(&t.d, 0, "abc", 3, &none, 0), 0);
    assert_int_equal(t.next, 0);
}

static void a_dry_source_holds_the_request_up(void **state)
{
    (void)state;
    uint8_t bytes[8];
    uint16_t id;
    uint32_t written;
    t.has = 0;
    assert_true(driver_start(&t.d, 0));
    assert_int_equal(driver_request(&t.d, 0, NULL, 0, bytes, sizeof bytes), FAKE_NO_ANSWER);
    virtio_rng_ready(&t.rng); /* too early */
    assert_false(driver_take(&t.d, 0, &id, &written));
    t.has = 5;
    virtio_rng_ready(&t.rng);
    assert_true(driver_take(&t.d, 0, &id, &written));
    assert_int_equal(written, 5);
    assert_int_equal(t.d.interrupts[0], 1);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_request_is_filled),
        TEST(a_large_request_gets_a_part),
        TEST(a_request_over_spans_is_filled_in_order),
        TEST(a_request_without_room_ends),
        TEST(a_dry_source_holds_the_request_up),
    };
    return cmocka_run_group_tests_name("virtio-rng", tests, NULL, NULL);
}
