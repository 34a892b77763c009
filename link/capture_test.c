// SPDX-License-Identifier: BSD-2-Clause
#include "link/capture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { SNAP = 100, DATA = 1000, MEMORY = DATA + sizeof(struct capture_shared) };

struct fixture {
    struct capture capture;
    struct capture_shared *shared;
    uint64_t position;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    f->shared = malloc(MEMORY);
    assert_true(capture_open(&f->capture, f->shared, MEMORY, SNAP));
    assert_int_equal(f->shared->data_bytes, DATA);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    free(f->shared);
    free(f);
    return 0;
}

static void add(struct fixture *f, uint8_t value, uint32_t first, uint32_t second)
{
    uint8_t *bytes = malloc(first + second + 1u);
    memset(bytes, value, first + second);
    capture_add(&f->capture, &(struct capture_packet){
                                 {bytes, bytes + first},
                                 {first, second       },
                                 5000000007ull + value
    });
    free(bytes);
}

/* The next record must be of this value and these sizes. */
static void expect(struct fixture *f, uint8_t value, uint32_t kept, uint32_t all)
{
    uint8_t record[CAPTURE_RECORD_HEADER_BYTES + SNAP];
    uint32_t header[4];
    assert_int_equal(capture_read(f->shared, MEMORY, &f->position, record, sizeof record),
                     kept + sizeof header);
    memcpy(header, record, sizeof header);
    assert_int_equal(header[0], 5);
    assert_int_equal(header[1], 7 + value);
    assert_int_equal(header[2], kept);
    assert_int_equal(header[3], all);
    for (uint32_t i = 0; i < kept; i++) {
        assert_int_equal(record[sizeof header + i], value);
    }
}

static void expect_none(struct fixture *f)
{
    uint8_t record[CAPTURE_RECORD_HEADER_BYTES + SNAP];
    assert_int_equal(capture_read(f->shared, MEMORY, &f->position, record, sizeof record), 0);
}

static void packets_come_back_in_order(void **state)
{
    struct fixture *f = *state;
    expect_none(f);
    add(f, 1, 60, 0);
    add(f, 2, 14, 46);
    expect(f, 1, 60, 60);
    expect(f, 2, 60, 60);
    expect_none(f);
    add(f, 3, 0, 0);
    expect(f, 3, 0, 0);
}

static void long_packets_are_cut(void **state)
{
    struct fixture *f = *state;
    add(f, 1, 14, 1500);
    add(f, 2, 1514, 0);
    add(f, 3, 100, 1);
    expect(f, 1, SNAP, 1514);
    expect(f, 2, SNAP, 1514);
    expect(f, 3, SNAP, 101);
}

static void the_oldest_are_overwritten(void **state)
{
    struct fixture *f = *state;
    for (unsigned i = 0; i < 100; i++) {
        add(f, (uint8_t)i, 40, 40);
    }
    /* 10 of 96 bytes fit into 1,024. */
    for (unsigned i = 90; i < 100; i++) {
        expect(f, (uint8_t)i, 80, 80);
    }
    expect_none(f);
}

/* It misses some, as the writer is faster, but never sees a piece of one. */
static void a_reader_in_between_sees_whole_records(void **state)
{
    struct fixture *f = *state;
    uint32_t last = 0;
    for (unsigned i = 0; i < 200; i++) {
        uint8_t record[CAPTURE_RECORD_HEADER_BYTES + SNAP];
        uint32_t header[4];
        add(f, (uint8_t)i, i % 90, 0);
        if (i % 3 != 0) {
            continue;
        }
        assert_true(capture_read(f->shared, MEMORY, &f->position, record, sizeof record) != 0);
        memcpy(header, record, sizeof header);
        uint32_t value = header[1] - 7;
        assert_true(value > last || i == 0);
        assert_int_equal(header[2], value % 90);
        assert_true(header[2] == 0 || record[sizeof header + header[2] - 1] == value);
        last = value;
    }
    assert_true(last > 100);
}

static void the_file_begins_as_pcap_says(void **state)
{
    struct fixture *f = *state;
    uint8_t header[CAPTURE_FILE_HEADER_BYTES];
    static const uint8_t expected[] = {0x4d, 0x3c, 0xb2, 0xa1, 2,    0, 4, 0, 0, 0, 0, 0,
                                       0,    0,    0,    0,    SNAP, 0, 0, 0, 1, 0, 0, 0};
    capture_file_header(f->shared, header);
    assert_memory_equal(header, expected, sizeof expected);
}

static void too_little_memory_captures_nothing(void **state)
{
    struct fixture *f = *state;
    struct capture none;
    assert_false(capture_open(&none, f->shared, MEMORY, 0)); /* records of 65,536 */
    assert_false(capture_open(&none, f->shared, 10, 1));
    assert_false(capture_open(&none, NULL, MEMORY, 1));
    capture_add(&none, &(struct capture_packet){0});
}

/* The reader believes nothing that it finds in the memory. */
static void a_reader_survives_nonsense(void **state)
{
    struct fixture *f = *state;
    for (unsigned i = 0; i < 20; i++) {
        add(f, (uint8_t)i, 50, 0);
    }
    memset(f->shared->data, 0xff, DATA);
    expect_none(f);
    f->shared->data_bytes = 1u << 31;
    expect_none(f);
    f->shared->data_bytes = 0;
    expect_none(f);
    f->shared->data_bytes = 4;
    f->position = 0;
    expect_none(f);
    add(f, 1, 50, 0); /* and the writer begins again after it */
    f->shared->data_bytes = DATA;
    expect(f, 1, 50, 50);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(packets_come_back_in_order),   TEST(long_packets_are_cut),
        TEST(the_oldest_are_overwritten),   TEST(a_reader_in_between_sees_whole_records),
        TEST(the_file_begins_as_pcap_says), TEST(too_little_memory_captures_nothing),
        TEST(a_reader_survives_nonsense),
    };
    return cmocka_run_group_tests_name("capture", tests, NULL, NULL);
}
