// SPDX-License-Identifier: BSD-2-Clause
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
// clang-format on

#include "device/virtio/chain.h"

#include <string.h>

enum { READABLE = 10, WRITABLE = 12, SPANS = 3 };

/* Readable: 1 + 4 + 5 bytes "abcdefghij"; writable: 3 + 7 + 2. Between the spans there are others'.
 */
static struct {
    uint8_t readable[SPANS][16], writable[SPANS][16];
    struct chain_segment segments[2 * SPANS];
    struct chain chain;
} t;

static const uint32_t readable_lengths[] = {1, 4, 5}, writable_lengths[] = {3, 7, 2};

static int set_up(void **state)
{
    (void)state;
    memset(&t, 0xee, sizeof t);
    memcpy(t.readable[0], "a", 1);
    memcpy(t.readable[1], "bcde", 4);
    memcpy(t.readable[2], "fghij", 5);
    chain_init(&t.chain, t.segments, 2 * SPANS);
    t.chain.readable_count = t.chain.writable_count = SPANS;
    t.chain.readable_bytes = READABLE;
    t.chain.writable_bytes = WRITABLE;
    for (unsigned i = 0; i < SPANS; i++) {
        t.segments[i] = (struct chain_segment){t.readable[i], readable_lengths[i]};
        t.segments[SPANS + i] = (struct chain_segment){t.writable[i], writable_lengths[i]};
    }
    return 0;
}

/* The writable part in one piece; what lies behind each span must be as it was. */
static void expect_written(const char *want)
{
    char all[WRITABLE];
    unsigned at = 0;
    for (unsigned i = 0; i < SPANS; i++) {
        memcpy(all + at, t.writable[i], writable_lengths[i]);
        at += writable_lengths[i];
        assert_int_equal(t.writable[i][writable_lengths[i]], 0xee);
    }
    assert_memory_equal(all, want, WRITABLE);
}

static void any_piece_can_be_read(void **state)
{
    (void)state;
    for (uint32_t offset = 0; offset <= READABLE + 2; offset++) {
        for (uint32_t size = 0; size <= READABLE + 2; size++) {
            char to[READABLE + 3];
            memset(to, '.', sizeof to);
            uint32_t left = offset < READABLE ? READABLE - offset : 0;
            uint32_t want = size < left ? size : left;
            assert_int_equal(chain_read(&t.chain, offset, to, size), want);
            assert_memory_equal(to, "abcdefghij" + (want != 0 ? offset : 0), want);
            assert_int_equal(to[want], '.');
        }
    }
    char to;
    assert_int_equal(chain_read(&t.chain, UINT32_MAX, &to, 1), 0);
}

static void any_piece_can_be_written(void **state)
{
    (void)state;
    for (uint32_t offset = 0; offset <= WRITABLE + 2; offset++) {
        for (uint32_t size = 0; size <= WRITABLE + 2; size++) {
            char want[WRITABLE + 1] = "............";
            uint32_t left = offset < WRITABLE ? WRITABLE - offset : 0;
            uint32_t count = size < left ? size : left;
            set_up(NULL);
            assert_int_equal(chain_write(&t.chain, 0, "............", WRITABLE), WRITABLE);
            assert_int_equal(chain_write(&t.chain, offset, "ABCDEFGHIJKLMN", size), count);
            memcpy(want + (count != 0 ? offset : 0), "ABCDEFGHIJKLMN", count);
            expect_written(want);
            assert_int_equal(chain_zero(&t.chain, offset, size), count);
            memset(want + (count != 0 ? offset : 0), 0, count);
            expect_written(want);
        }
    }
}

static void spans_are_what_lies_in_one_piece(void **state)
{
    (void)state;
    const struct {
        uint32_t offset;
        unsigned span;
        uint32_t at, length;
    } want[] = {
        {0, 0, 0, 1},
        {1, 1, 0, 4},
        {4, 1, 3, 1},
        {5, 2, 0, 5},
        {9, 2, 4, 1}
    };
    uint32_t length;
    for (unsigned i = 0; i < sizeof want / sizeof want[0]; i++) {
        const uint8_t *span = chain_readable_span(&t.chain, want[i].offset, &length);
        assert_ptr_equal(span, t.readable[want[i].span] + want[i].at);
        assert_int_equal(length, want[i].length);
    }
    assert_null(chain_readable_span(&t.chain, READABLE, &length));
    assert_null(chain_readable_span(&t.chain, UINT32_MAX, &length));
    assert_ptr_equal(chain_writable_span(&t.chain, 3, &length), t.writable[1]);
    assert_int_equal(length, 7);
    assert_ptr_equal(chain_writable_span(&t.chain, 11, &length), t.writable[2] + 1);
    assert_int_equal(length, 1);
    assert_null(chain_writable_span(&t.chain, WRITABLE, &length));
}

static void an_empty_chain_has_nothing(void **state)
{
    (void)state;
    char byte = 'x';
    uint32_t length;
    chain_init(&t.chain, t.segments, 2 * SPANS);
    assert_int_equal(t.chain.segment_max, 2 * SPANS);
    assert_int_equal(chain_read(&t.chain, 0, &byte, 1), 0);
    assert_int_equal(chain_write(&t.chain, 0, &byte, 1), 0);
    assert_int_equal(chain_zero(&t.chain, 0, 1), 0);
    assert_null(chain_readable_span(&t.chain, 0, &length));
    assert_null(chain_writable_span(&t.chain, 0, &length));
}

#define TEST(test) cmocka_unit_test_setup(test, set_up)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(any_piece_can_be_read),
        TEST(any_piece_can_be_written),
        TEST(spans_are_what_lies_in_one_piece),
        TEST(an_empty_chain_has_nothing),
    };
    return cmocka_run_group_tests_name("chain", tests, NULL, NULL);
}
