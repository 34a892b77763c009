// SPDX-License-Identifier: BSD-2-Clause
#include "link/block_client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { SESSION = 6 };

/* The other side is the test: it reads requests and writes replies as it likes. */
struct fixture {
    struct block_link link;
    struct block_client client;
    struct ring requests, replies;
    uint32_t attachment;
};

static void open_service(struct fixture *f)
{
    ring_open_consumer(&f->requests, &f->link.requests, f->link.request_data, BLOCK_REQUESTS_BYTES);
    ring_open_producer(&f->replies, &f->link.replies, f->link.reply_data, BLOCK_REPLIES_BYTES);
}

static void attach(struct fixture *f)
{
    f->attachment++;
    f->link.info =
        (struct block_info){.sector_count = 1000 + f->attachment, .block_bytes = 512, .flags = 2};
    open_service(f);
    atomic_store(&f->link.attached, (uint64_t)SESSION << 32 | f->attachment);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    block_link_format(&f->link, SESSION);
    block_client_open(&f->client, &f->link);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    free(*state);
    return 0;
}

static bool next_request(struct fixture *f, struct block_request *request)
{
    bool signal = false;
    return ring_read(&f->requests, request, sizeof *request, &signal) == sizeof *request;
}

static void expect_request(struct fixture *f, int id, uint64_t sector)
{
    struct block_request request;
    assert_true(next_request(f, &request));
    assert_int_equal(request.id, id);
    assert_int_equal(request.sector, sector);
    assert_int_equal(request.attachment, f->attachment);
}

static void answer_as(struct fixture *f, uint32_t id, uint32_t attachment, uint32_t status)
{
    bool signal = false;
    struct block_reply reply = {.id = id, .attachment = attachment, .status = status};
    assert_int_equal(ring_write(&f->replies, &reply, sizeof reply, &signal), sizeof reply);
}

static void answer(struct fixture *f, int id, enum block_status status)
{
    answer_as(f, (uint32_t)id, f->attachment, status);
}

static int send_read(struct fixture *f, uint64_t sector, uint32_t sectors)
{
    int id = block_client_take(&f->client, sectors * 512);
    if (id >= 0) {
        block_client_send(&f->client, id, BLOCK_READ, 0, sector, sectors);
    }
    return id;
}

static void expect_answer(struct fixture *f, int wanted_id, enum block_status wanted)
{
    enum block_status status = BLOCK_OK;
    assert_int_equal(block_client_receive(&f->client, &status), wanted_id);
    if (wanted_id >= 0) {
        assert_int_equal(status, wanted);
        block_client_give(&f->client, wanted_id);
    }
}

static void nothing_moves_before_the_service_attaches(void **state)
{
    struct fixture *f = *state;
    enum block_status status;
    assert_false(block_client_update(&f->client));
    assert_int_equal(block_client_take(&f->client, 512), BLOCK_CLIENT_NONE);
    /* A service that still serves an earlier life of this client. */
    atomic_store(&f->link.attached, (uint64_t)(SESSION - 2) << 32 | 9);
    atomic_store(&f->link.replies.head, 160);
    assert_false(block_client_update(&f->client));
    assert_int_equal(block_client_take(&f->client, 512), BLOCK_CLIENT_NONE);
    assert_int_equal(block_client_receive(&f->client, &status), BLOCK_CLIENT_NONE);
    assert_true(block_client_wait(&f->client));
    assert_int_equal(atomic_load(&f->link.replies.tail), 0);
    atomic_store(&f->link.replies.head, 0);
    attach(f);
    assert_true(block_client_update(&f->client));
    assert_false(block_client_update(&f->client));
    assert_int_equal(f->client.info.sector_count, 1001);
    assert_in_range(block_client_take(&f->client, 512), 0, BLOCK_FLIGHT_MAX - 1);
}

static void requests_are_answered(void **state)
{
    struct fixture *f = *state;
    attach(f);
    block_client_update(&f->client);
    int a = send_read(f, 10, 8), b = send_read(f, 20, 16);
    assert_true(f->client.signal);
    assert_ptr_equal(block_client_data(&f->client, a), f->link.data);
    assert_ptr_equal(block_client_data(&f->client, b), f->link.data + 4096);
    expect_request(f, a, 10);
    expect_request(f, b, 20);
    assert_true(block_client_wait(&f->client));
    answer(f, b, BLOCK_OK);
    answer(f, a, BLOCK_ERROR);
    assert_false(block_client_wait(&f->client));
    expect_answer(f, b, BLOCK_OK);
    expect_answer(f, a, BLOCK_ERROR);
    expect_answer(f, BLOCK_CLIENT_NONE, BLOCK_OK);
    assert_int_equal(block_client_bad_count(&f->client), 0);
}

static void numbers_and_data_run_out_and_come_back(void **state)
{
    struct fixture *f = *state;
    attach(f);
    block_client_update(&f->client);
    for (unsigned round = 0; round < 3; round++) {
        int id[BLOCK_FLIGHT_MAX], count = 0;
        while ((id[count] = send_read(f, (uint64_t)count, 1)) >= 0) {
            count++;
            assert_in_range(count, 1, BLOCK_FLIGHT_MAX);
            if (count == BLOCK_FLIGHT_MAX) {
                break;
            }
        }
        assert_int_equal(count, BLOCK_FLIGHT_MAX);
        assert_int_equal(block_client_take(&f->client, 0), BLOCK_CLIENT_NONE);
        for (int i = 0; i < count; i++) {
            expect_request(f, id[i], (uint64_t)i);
            answer(f, id[i], BLOCK_OK);
        }
        for (int i = 0; i < count; i++) {
            expect_answer(f, id[i], BLOCK_OK);
        }
        int all = block_client_take(&f->client, BLOCK_DATA_BYTES);
        assert_in_range(all, 0, BLOCK_FLIGHT_MAX - 1);
        assert_int_equal(block_client_take(&f->client, 1), BLOCK_CLIENT_NONE);
        int none = block_client_take(&f->client, 0);
        assert_in_range(none, 0, BLOCK_FLIGHT_MAX - 1);
        block_client_give(&f->client, all);
        block_client_give(&f->client, none);
        assert_int_equal(block_client_take(&f->client, BLOCK_DATA_BYTES + 1), BLOCK_CLIENT_NONE);
    }
}

static void a_new_service_gets_all_again(void **state)
{
    struct fixture *f = *state;
    struct block_request request;
    attach(f);
    block_client_update(&f->client);
    int a = send_read(f, 10, 8), b = send_read(f, 20, 8), c = send_read(f, 30, 8);
    int kept = block_client_take(&f->client, 512); /* being filled: is not sent */
    expect_request(f, a, 10);
    answer(f, a, BLOCK_OK); /* and it died */
    attach(f);
    int late = send_read(f, 40, 8); /* the client has not noticed */
    assert_true(block_client_update(&f->client));
    assert_int_equal(f->client.info.sector_count, 1002);
    /* What carries the old number is dropped by the service .. */
    for (int i = 0; i < 3; i++) {
        assert_true(next_request(f, &request));
        assert_int_equal(request.attachment, 1);
    }
    /* .. and comes once again. */
    expect_request(f, a, 10);
    expect_request(f, b, 20);
    expect_request(f, c, 30);
    expect_request(f, late, 40);
    assert_false(next_request(f, &request));
    /* The old service's answer is not taken for the new one's. */
    expect_answer(f, BLOCK_CLIENT_NONE, BLOCK_OK);
    answer(f, a, BLOCK_ERROR);
    expect_answer(f, a, BLOCK_ERROR);
    block_client_send(&f->client, kept, BLOCK_WRITE, 0, 50, 1);
    expect_request(f, kept, 50);
    assert_int_equal(block_client_bad_count(&f->client), 0);
}

static void a_full_ring_makes_requests_wait(void **state)
{
    struct fixture *f = *state;
    attach(f);
    block_client_update(&f->client);
    for (int i = 0; i < BLOCK_FLIGHT_MAX; i++) {
        assert_in_range(send_read(f, (uint64_t)i, 1), 0, BLOCK_FLIGHT_MAX - 1);
    }
    for (unsigned i = 0; i < 3; i++) { /* services come and go and read nothing */
        attach(f);
        assert_true(block_client_update(&f->client));
    }
    assert_int_equal(f->client.unsent_count, BLOCK_FLIGHT_MAX);
    unsigned stale = 0, sent = 0;
    for (unsigned round = 0; round < 2; round++) {
        struct block_request request;
        while (next_request(f, &request)) {
            *(request.attachment == f->attachment ? &sent : &stale) += 1;
        }
        block_client_update(&f->client);
    }
    assert_int_equal(stale, 2 * BLOCK_FLIGHT_MAX);
    struct block_request request;
    while (next_request(f, &request)) {
        sent++;
    }
    assert_int_equal(sent, BLOCK_FLIGHT_MAX);
    assert_int_equal(f->client.unsent_count, 0);
}

static void answers_that_cannot_be_are_dropped(void **state)
{
    struct fixture *f = *state;
    attach(f);
    block_client_update(&f->client);
    int a = send_read(f, 10, 8);
    answer_as(f, BLOCK_FLIGHT_MAX, 1, 0);
    answer_as(f, UINT32_MAX, 1, 0);
    answer_as(f, (uint32_t)a + 1, 1, 0); /* not in flight */
    answer_as(f, (uint32_t)a, 0, 0);
    answer_as(f, (uint32_t)a, 2, 0);
    expect_answer(f, BLOCK_CLIENT_NONE, BLOCK_OK);
    answer_as(f, (uint32_t)a, 1, 77);
    answer_as(f, (uint32_t)a, 1, 0); /* twice */
    expect_answer(f, a, BLOCK_ERROR);
    expect_answer(f, BLOCK_CLIENT_NONE, BLOCK_OK);
    assert_int_equal(block_client_bad_count(&f->client), 4);
    atomic_store(&f->link.replies.head, atomic_load(&f->link.replies.tail) + 7);
    assert_true(block_client_wait(&f->client)); /* a part of a record: sleeps, does not spin */
    expect_answer(f, BLOCK_CLIENT_NONE, BLOCK_OK);
    atomic_store(&f->link.replies.head, 0x80000000);
    assert_true(block_client_wait(&f->client));
    atomic_store(&f->link.requests.tail, 0x80000000);
    assert_in_range(send_read(f, 1, 1), 0, BLOCK_FLIGHT_MAX);
    assert_true(block_client_bad_count(&f->client) > 4);
}

static void a_disk_that_cannot_be_is_an_empty_one(void **state)
{
    static const struct block_info cases[] = {
        {UINT64_MAX, 0, 512,  0,  0, 0, 0, {0}, 0},
        {1,          0, 0,    0,  0, 0, 0, {0}, 0},
        {1,          0, 256,  0,  0, 0, 0, {0}, 0},
        {1,          0, 768,  0,  0, 0, 0, {0}, 0},
        {1,          0, 8192, 0,  0, 0, 0, {0}, 0},
        {1,          0, 512,  16, 0, 0, 0, {0}, 0},
    };
    struct fixture *f = *state;
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        attach(f);
        f->link.info = cases[i];
        assert_true(block_client_update(&f->client));
        assert_int_equal(f->client.info.sector_count, 0);
        assert_int_equal(f->client.info.block_bytes, 512);
        assert_int_equal(f->client.info.flags, BLOCK_READ_ONLY);
    }
}

/* Zero copy: the segments go with the request, and again to a new service. */
static void direct_requests_say_where_their_data_are(void **state)
{
    struct fixture *f = *state;
    const struct block_segment segments[2] = {
        {.offset = 0x12345,  .length = 500},
        {.offset = 0x700000, .length = 524}
    };
    struct block_request request;
    attach(f);
    f->link.info.flags |= BLOCK_DIRECT_OK;
    assert_true(block_client_update(&f->client));
    assert_true(block_client_direct(&f->client));
    int id = block_client_take(&f->client, 0);
    block_client_send_direct(&f->client, id, BLOCK_WRITE, 77, segments, 2);
    for (unsigned i = 0; i < 2; i++) {
        assert_true(next_request(f, &request));
        assert_int_equal(request.id, id);
        assert_int_equal(request.attachment, f->attachment);
        assert_int_equal(request.flags, BLOCK_DIRECT);
        assert_int_equal(request.sector, 77);
        assert_int_equal(request.sector_count, 2);
        assert_int_equal(request.segment_count, 2);
        assert_memory_equal(f->link.segments[id], segments, sizeof segments);
        assert_false(next_request(f, &request));
        attach(f);
        assert_true(block_client_update(&f->client));
    }
    assert_false(block_client_direct(&f->client)); /* the new one did not say so */
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(nothing_moves_before_the_service_attaches),
        TEST(requests_are_answered),
        TEST(numbers_and_data_run_out_and_come_back),
        TEST(a_new_service_gets_all_again),
        TEST(a_full_ring_makes_requests_wait),
        TEST(answers_that_cannot_be_are_dropped),
        TEST(a_disk_that_cannot_be_is_an_empty_one),
        TEST(direct_requests_say_where_their_data_are),
    };
    return cmocka_run_group_tests_name("block_client", tests, NULL, NULL);
}
