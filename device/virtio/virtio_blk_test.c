// SPDX-License-Identifier: BSD-2-Clause
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
// clang-format on

#include "device/virtio/virtio_blk.h"

#include <stdlib.h>
#include <string.h>

#include "test/fake/virtio_driver.h"

enum { SECTORS = 4096, TAKEN_MAX = VIRTIO_BLK_FLIGHT_MAX };

static struct {
    struct fake_driver d;
    struct virtio_blk blk;
    struct virtio_blk_disk disk;
    uint8_t bytes[SECTORS * 512];
    /* What the backend has. */
    struct {
        uint32_t id;
        const struct virtio_blk_request *request;
        bool cancelled;
    } taken[TAKEN_MAX];
    unsigned taken_count, room, kicks, flushes, cleared;
    enum virtio_blk_cancel cancel_says;
    bool hold; /* requests are answered when the test says so */
    enum virtio_blk_status status;
} t;

/* ---- a backend ------------------------------------------------------------------------------- */

static bool submit(void *ctx, uint32_t id, const struct virtio_blk_request *request)
{
    (void)ctx;
    if (t.room == 0) {
        return false;
    }
    t.room--;
    t.taken[t.taken_count].id = id;
    t.taken[t.taken_count].cancelled = false;
    t.taken[t.taken_count++].request = request;
    return true;
}

static void kick(void *ctx)
{
    (void)ctx;
    t.kicks++;
}

static enum virtio_blk_cancel cancel(void *ctx, uint32_t id)
{
    (void)ctx;
    for (unsigned i = 0; i < t.taken_count; i++) {
        if (t.taken[i].id == id) {
            t.taken[i].cancelled = true;
            if (t.cancel_says == VIRTIO_BLK_ENDED) {
                t.taken_count--;
                memmove(&t.taken[i], &t.taken[i + 1], (t.taken_count - i) * sizeof t.taken[0]);
                t.room++;
            }
            return t.cancel_says;
        }
    }
    fail();
    return VIRTIO_BLK_ENDED;
}

static const struct virtio_blk_backend backend = {submit, kick, cancel};

static void carry_out(const struct virtio_blk_request *request)
{
    uint8_t *at = t.bytes + request->sector * 512;
    uint32_t bytes = 0;
    assert_true(request->sector + request->sector_count <= SECTORS);
    for (uint32_t i = 0; i < request->data_count; i++) {
        const struct chain_segment *s = &request->data[i];
        bool in = request->type == VIRTIO_BLK_IN;
        memcpy(in ? s->bytes : at + bytes, in ? at + bytes : s->bytes, s->length);
        bytes += s->length;
    }
    bool data = request->type == VIRTIO_BLK_IN || request->type == VIRTIO_BLK_OUT;
    assert_int_equal(bytes, data ? request->sector_count * 512 : 0);
    if (request->type == VIRTIO_BLK_DISCARD || request->type == VIRTIO_BLK_WRITE_ZEROES) {
        memset(at, 0, request->sector_count * 512);
        t.cleared += request->unmap ? 100 : 1;
    }
    t.flushes += request->type == VIRTIO_BLK_FLUSH;
}

/* Answers what the backend has, the latest first. */
static void answer_all(void)
{
    virtio_lock(&t.blk.device);
    for (unsigned count = t.taken_count; count != 0; count--) {
        unsigned i = --t.taken_count;
        uint32_t id = t.taken[i].id;
        if (t.status == VIRTIO_BLK_OK && !t.taken[i].cancelled) {
            carry_out(t.taken[i].request);
        }
        t.room++;
        virtio_blk_complete(&t.blk, id, t.status);
    }
    virtio_blk_resume(&t.blk);
    virtio_unlock(&t.blk.device);
}

/* ---- a guest --------------------------------------------------------------------------------- */

static void init(unsigned queues)
{
    driver_fini(&t.d);
    driver_init(&t.d);
    virtio_blk_init(&t.blk, &t.disk, queues, &backend, NULL, &t.d.ram, &t.d.port, 3);
    driver_attach(&t.d, &t.blk.device);
}

#define FEATURES                                                                                   \
    (VIRTIO_F_INDIRECT_DESC | VIRTIO_BLK_F_FLUSH | VIRTIO_BLK_F_DISCARD | VIRTIO_BLK_F_WRITE_ZEROES)

static int set_up(void **state)
{
    (void)state;
    memset(&t, 0, sizeof t);
    t.room = TAKEN_MAX;
    t.disk = (struct virtio_blk_disk){.capacity = SECTORS,
                                      .block_bytes = 512,
                                      .has_flush = true,
                                      .has_discard = true,
                                      .has_write_zeroes = true,
                                      .serial = "serial"};
    driver_init(&t.d);
    init(1);
    assert_true(driver_start(&t.d, FEATURES));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    driver_fini(&t.d);
    return 0;
}

/* A request of any shape: `out` after the header, `in_bytes` before the status. */
struct shape {
    uint32_t type;
    uint64_t sector;
    const void *out;
    uint32_t out_bytes, in_bytes;
    uint32_t piece; /* largest buffer; 0: as large as it wants */
};

struct sent {
    uint16_t id;
    uint64_t in; /* guest address of the writable part */
    uint32_t in_bytes;
};

static unsigned cut(struct fake_buffer *buffers, uint64_t address, uint32_t bytes, uint32_t piece,
                    bool writable)
{
    unsigned count = 0;
    while (bytes != 0) {
        uint32_t length = piece != 0 && piece < bytes ? piece : bytes;
        buffers[count++] = (struct fake_buffer){address, length, writable};
        address += length;
        bytes -= length;
    }
    return count;
}

static struct sent put(unsigned queue, const struct shape *shape)
{
    struct virtio_blk_header header = {shape->type, 0, shape->sector};
    struct fake_buffer buffers[128];
    uint32_t readable = (uint32_t)sizeof header + shape->out_bytes;
    uint64_t out = driver_alloc(&t.d, readable, 1);
    struct sent sent = {.in_bytes = shape->in_bytes + 1};
    sent.in = driver_alloc(&t.d, sent.in_bytes, 1);
    memcpy(driver_at(&t.d, out, sizeof header), &header, sizeof header);
    if (shape->out_bytes != 0) {
        memcpy(driver_at(&t.d, out + sizeof header, shape->out_bytes), shape->out,
               shape->out_bytes);
    }
    memset(driver_at(&t.d, sent.in, sent.in_bytes), 0xee, sent.in_bytes);
    unsigned count = cut(buffers, out, readable, shape->piece, false);
    count += cut(buffers + count, sent.in, sent.in_bytes, shape->piece, true);
    assert_true(count <= 128);
    sent.id = driver_add(&t.d, queue, buffers, count);
    assert_int_not_equal(sent.id, FAKE_NO_ID);
    return sent;
}

static uint8_t status_of(const struct sent *sent)
{
    return *(uint8_t *)driver_at(&t.d, sent->in + sent->in_bytes - 1, 1);
}

static void expect_taken(unsigned queue, const struct sent *sent)
{
    uint16_t id;
    uint32_t written;
    assert_true(driver_take(&t.d, queue, &id, &written));
    assert_int_equal(id, sent->id);
    assert_int_equal(written, sent->in_bytes);
}

/* All of a request; its status. */
static uint8_t ask(const struct shape *shape, void *in)
{
    uint64_t used = t.d.used_bytes;
    struct sent sent = put(0, shape);
    driver_kick(&t.d, 0);
    driver_run(&t.d);
    if (!t.hold) {
        answer_all();
        answer_all(); /* a flush may follow */
    }
    expect_taken(0, &sent);
    if (in != NULL) {
        memcpy(in, driver_at(&t.d, sent.in, sent.in_bytes), shape->in_bytes);
    }
    uint8_t status = status_of(&sent);
    t.d.used_bytes = used;
    return status;
}

/* ---- tests ----------------------------------------------------------------------------------- */

static void data_go_both_ways_in_any_shape(void **state)
{
    static const uint32_t pieces[] = {0, 100, 512, 16, 4096, 7};
    static const uint64_t formats[] = {0, VIRTIO_F_RING_PACKED | VIRTIO_F_EVENT_IDX};
    uint8_t out[1536], in[1536];
    (void)state;
    for (unsigned i = 0; i < 12; i++) {
        uint32_t bytes = pieces[i % 6] == 7 ? 512 : 1536;
        assert_true(driver_start(&t.d, FEATURES | formats[i / 6]));
        for (uint32_t k = 0; k < bytes; k++) {
            out[k] = (uint8_t)(k * 7 + i);
        }
        struct shape write = {VIRTIO_BLK_OUT, 5, out, bytes, 0, pieces[i % 6]};
        struct shape read = {VIRTIO_BLK_IN, 5, NULL, 0, bytes, pieces[i % 6]};
        assert_int_equal(ask(&write, NULL), VIRTIO_BLK_OK);
        assert_memory_equal(t.bytes + 5 * 512, out, bytes);
        assert_int_equal(ask(&read, in), VIRTIO_BLK_OK);
        assert_memory_equal(in, out, bytes);
    }
    assert_int_equal(t.bytes[5 * 512 - 1], 0);
    assert_int_equal(t.bytes[8 * 512], 0);
    assert_int_equal(t.flushes, 0);
}

static void what_cannot_be_is_refused(void **state)
{
    static const uint8_t out[2048];
    static const struct {
        struct shape shape;
        uint8_t status;
    } cases[] = {
        {{VIRTIO_BLK_IN, SECTORS, NULL, 0, 512, 0},      VIRTIO_BLK_IOERR },
        {{VIRTIO_BLK_IN, SECTORS - 1, NULL, 0, 1024, 0}, VIRTIO_BLK_IOERR },
        {{VIRTIO_BLK_IN, UINT64_MAX, NULL, 0, 512, 0},   VIRTIO_BLK_IOERR },
        {{VIRTIO_BLK_IN, UINT64_MAX, NULL, 0, 1024, 0},  VIRTIO_BLK_IOERR },
        {{VIRTIO_BLK_IN, 0, NULL, 0, 0, 0},              VIRTIO_BLK_IOERR },
        {{VIRTIO_BLK_IN, 0, NULL, 0, 511, 0},            VIRTIO_BLK_IOERR },
        {{VIRTIO_BLK_IN, 0, NULL, 0, 513, 0},            VIRTIO_BLK_IOERR },
        {{VIRTIO_BLK_OUT, 0, out, 100, 0, 0},            VIRTIO_BLK_IOERR },
        {{VIRTIO_BLK_OUT, 0, NULL, 0, 0, 0},             VIRTIO_BLK_IOERR },
        {{VIRTIO_BLK_OUT, SECTORS - 1, out, 1024, 0, 0}, VIRTIO_BLK_IOERR },
        {{VIRTIO_BLK_IN, SECTORS - 1, NULL, 0, 512, 0},  VIRTIO_BLK_OK    },
        {{2, 0, NULL, 0, 512, 0},                        VIRTIO_BLK_UNSUPP},
        {{10, 0, NULL, 0, 512, 0},                       VIRTIO_BLK_UNSUPP},
        {{14, 0, out, 16, 0, 0},                         VIRTIO_BLK_UNSUPP},
        {{UINT32_MAX, 0, out, 512, 512, 0},              VIRTIO_BLK_UNSUPP},
        {{VIRTIO_BLK_DISCARD, 0, out, 15, 0, 0},         VIRTIO_BLK_IOERR },
        {{VIRTIO_BLK_DISCARD, 0, NULL, 0, 0, 0},         VIRTIO_BLK_UNSUPP},
        {{VIRTIO_BLK_DISCARD, 0, out, 32, 0, 0},         VIRTIO_BLK_UNSUPP},
        {{VIRTIO_BLK_DISCARD, 0, out, 16, 0, 0},         VIRTIO_BLK_IOERR },
    };
    (void)state;
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(ask(&cases[i].shape, NULL), cases[i].status);
        assert_true(virtio_alive(&t.blk.device));
    }
}

static void sectors_are_cleared(void **state)
{
    static const struct {
        uint32_t type;
        struct virtio_blk_range range;
        uint8_t status;
        unsigned cleared;
    } cases[] = {
        {VIRTIO_BLK_DISCARD,      {1, 2, 0},                                VIRTIO_BLK_OK,     1  },
        {VIRTIO_BLK_WRITE_ZEROES, {1, 2, 0},                                VIRTIO_BLK_OK,     1  },
        {VIRTIO_BLK_WRITE_ZEROES, {1, 2, 1},                                VIRTIO_BLK_OK,     100},
        {VIRTIO_BLK_DISCARD,      {1, 2, 1},                                VIRTIO_BLK_UNSUPP, 0  },
        {VIRTIO_BLK_WRITE_ZEROES, {1, 2, 2},                                VIRTIO_BLK_UNSUPP, 0  },
        {VIRTIO_BLK_DISCARD,      {SECTORS, 1, 0},                          VIRTIO_BLK_IOERR,  0  },
        {VIRTIO_BLK_DISCARD,      {SECTORS - 1, 2, 0},                      VIRTIO_BLK_IOERR,  0  },
        {VIRTIO_BLK_DISCARD,      {UINT64_MAX, 2, 0},                       VIRTIO_BLK_IOERR,  0  },
        {VIRTIO_BLK_DISCARD,      {0, UINT32_MAX, 0},                       VIRTIO_BLK_IOERR,  0  },
        {VIRTIO_BLK_DISCARD,      {0, VIRTIO_BLK_CLEAR_SECTORS_MAX + 1, 0}, VIRTIO_BLK_IOERR,  0  },
        {VIRTIO_BLK_WRITE_ZEROES, {0, 0, 0},                                VIRTIO_BLK_IOERR,  0  },
    };
    (void)state;
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct shape shape = {cases[i].type, 77, &cases[i].range, 16, 0, i % 5};
        t.cleared = 0;
        assert_int_equal(ask(&shape, NULL), cases[i].status);
        assert_int_equal(t.cleared, cases[i].cleared);
    }
    assert_true(driver_start(&t.d, VIRTIO_BLK_F_FLUSH)); /* not negotiated */
    struct shape shape = {VIRTIO_BLK_DISCARD, 0, &cases[0].range, 16, 0, 0};
    assert_int_equal(ask(&shape, NULL), VIRTIO_BLK_UNSUPP);
}

static void a_request_without_header_or_status_needs_a_reset(void **state)
{
    static const struct fake_buffer cases[][2] = {
        {{FAKE_RAM_BASE, 16, false},          {FAKE_RAM_BASE + 16, 512, false}}, /* no status */
        {{FAKE_RAM_BASE, 15, false},          {FAKE_RAM_BASE + 16, 512, true} }, /* short header */
        {{FAKE_RAM_BASE + 0x1000, 512, true}, {FAKE_RAM_BASE, 1, true}        }, /* no header */
    };
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        assert_true(driver_start(&t.d, FEATURES));
        driver_add(&t.d, 0, cases[i], 2);
        driver_kick(&t.d, 0);
        assert_true(virtio_status(&t.blk.device) & VIRTIO_NEEDS_RESET);
        assert_int_equal(t.taken_count, 0);
    }
    assert_true(driver_start(&t.d, FEATURES));
    struct shape flush = {.type = VIRTIO_BLK_FLUSH};
    assert_int_equal(ask(&flush, NULL), VIRTIO_BLK_OK);
}

static void the_serial_text_is_told(void **state)
{
    static const uint32_t sizes[] = {20, 30, 5, 0};
    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        uint8_t in[32] = {0};
        struct shape shape = {VIRTIO_BLK_GET_ID, 0, NULL, 0, sizes[i], 3};
        assert_int_equal(ask(&shape, in), VIRTIO_BLK_OK);
        uint32_t told = sizes[i] < 20 ? sizes[i] : 20;
        assert_memory_equal(in, "serial\0\0\0\0\0\0\0\0\0\0\0\0\0\0", told);
        assert_int_equal(in[told], sizes[i] > told ? 0xee : 0);
    }
}

static void a_read_only_disk_is_not_written(void **state)
{
    static const struct virtio_blk_range range = {0, 1, 0};
    static const uint8_t out[512] = {1};
    (void)state;
    t.disk.read_only = true;
    init(1);
    uint64_t offered = t.blk.device.state.offered;
    assert_true(offered & VIRTIO_BLK_F_RO);
    assert_false(offered & (VIRTIO_BLK_F_DISCARD | VIRTIO_BLK_F_WRITE_ZEROES));
    assert_true(driver_start(&t.d, VIRTIO_BLK_F_FLUSH)); /* RO need not be accepted */
    struct shape write = {VIRTIO_BLK_OUT, 0, out, 512, 0, 0};
    struct shape clear = {VIRTIO_BLK_WRITE_ZEROES, 0, &range, 16, 0, 0};
    struct shape read = {VIRTIO_BLK_IN, 0, NULL, 0, 512, 0};
    assert_int_equal(ask(&write, NULL), VIRTIO_BLK_IOERR);
    assert_int_equal(ask(&clear, NULL), VIRTIO_BLK_UNSUPP);
    assert_int_equal(ask(&read, NULL), VIRTIO_BLK_OK);
    assert_int_equal(t.bytes[0], 0);
}

static void larger_blocks_are_kept(void **state)
{
    static const uint8_t out[8192];
    (void)state;
    t.disk.block_bytes = 4096;
    init(1);
    assert_true(driver_start(&t.d, FEATURES));
    struct shape good = {VIRTIO_BLK_OUT, 8, out, 4096, 0, 0};
    struct shape at = {VIRTIO_BLK_OUT, 4, out, 4096, 0, 0};
    struct shape size = {VIRTIO_BLK_OUT, 8, out, 512, 0, 0};
    assert_int_equal(ask(&good, NULL), VIRTIO_BLK_OK);
    assert_int_equal(ask(&at, NULL), VIRTIO_BLK_IOERR);
    assert_int_equal(ask(&size, NULL), VIRTIO_BLK_IOERR);
    assert_int_equal(virtio_config_read(&t.blk.device, 20, 4), 4096);
}

static void errors_come_back_as_errors(void **state)
{
    static const uint8_t out[512];
    (void)state;
    struct shape write = {VIRTIO_BLK_OUT, 0, out, 512, 0, 0};
    t.status = VIRTIO_BLK_IOERR;
    assert_int_equal(ask(&write, NULL), VIRTIO_BLK_IOERR);
    t.status = VIRTIO_BLK_UNSUPP;
    assert_int_equal(ask(&write, NULL), VIRTIO_BLK_UNSUPP);
}

/* 5.2.5: who does not know FLUSH gets every write stable. */
static void without_flush_writes_are_stable_when_answered(void **state)
{
    static const uint8_t out[512];
    (void)state;
    struct shape write = {VIRTIO_BLK_OUT, 0, out, 512, 0, 0};
    struct shape read = {VIRTIO_BLK_IN, 0, NULL, 0, 512, 0};
    assert_true(driver_start(&t.d, 0));
    assert_int_equal(ask(&read, NULL), VIRTIO_BLK_OK);
    assert_int_equal(t.flushes, 0);
    assert_int_equal(ask(&write, NULL), VIRTIO_BLK_OK);
    assert_int_equal(t.flushes, 1);
    struct sent sent = put(0, &write);
    driver_kick(&t.d, 0);
    t.room = 0;
    answer_all(); /* the write; its flush takes the room that this made */
    assert_int_equal(t.taken_count, 1);
    t.status = VIRTIO_BLK_IOERR; /* of the flush */
    answer_all();
    expect_taken(0, &sent);
    assert_int_equal(status_of(&sent), VIRTIO_BLK_IOERR);
    assert_int_equal(t.blk.wait_count, 0);
}

static void what_the_backend_does_not_take_stays_in_the_queue(void **state)
{
    static const uint8_t out[512];
    struct sent sent[6];
    uint16_t id;
    uint32_t written;
    (void)state;
    t.room = 2;
    struct shape write = {VIRTIO_BLK_OUT, 0, out, 512, 0, 0};
    for (unsigned i = 0; i < 6; i++) {
        write.sector = i;
        sent[i] = put(0, &write);
    }
    driver_kick(&t.d, 0);
    assert_int_equal(t.taken_count, 2);
    for (unsigned round = 0; round < 3; round++) {
        assert_false(driver_take(&t.d, 0, &id, &written));
        assert_int_equal(t.taken_count, 2);
        answer_all();
        driver_run(&t.d);
        expect_taken(0, &sent[2 * round + 1]); /* the latest first */
        expect_taken(0, &sent[2 * round]);
    }
    assert_int_equal(t.taken_count, 0);
}

static void many_are_in_flight(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 20; round++) {
        struct sent sent[42];
        uint64_t used = t.d.used_bytes;
        struct shape read = {VIRTIO_BLK_IN, round, NULL, 0, 1024, 300};
        unsigned interrupts = t.d.interrupts[0];
        for (unsigned i = 0; i < 42; i++) {
            sent[i] = put(0, &read);
        }
        driver_kick(&t.d, 0);
        driver_run(&t.d);
        assert_int_equal(t.taken_count, 42);
        answer_all();
        for (unsigned i = 42; i-- != 0;) {
            expect_taken(0, &sent[i]);
            assert_int_equal(status_of(&sent[i]), VIRTIO_BLK_OK);
        }
        assert_int_equal(t.d.interrupts[0], interrupts + 1);
        t.d.used_bytes = used;
    }
    for (unsigned i = 0; i < RUNS_MAX / 64; i++) {
        assert_int_equal(t.blk.spans_taken.taken[i], 0);
    }
}

/* Spans run out before requests do. */
static void requests_of_very_many_spans_wait_for_each_other(void **state)
{
    (void)state;
    unsigned done = 0;
    for (unsigned i = 0; i < 120; i++) {
        struct shape read = {VIRTIO_BLK_IN, i, NULL, 0, 512, 40}; /* 13 spans */
        put(0, &read);
    }
    driver_kick(&t.d, 0);
    driver_run(&t.d);
    assert_int_equal(t.taken_count, VIRTIO_BLK_SPANS / 13);
    while (t.taken_count != 0) {
        uint16_t id;
        uint32_t written;
        answer_all();
        driver_run(&t.d);
        while (driver_take(&t.d, 0, &id, &written)) {
            done++;
        }
    }
    assert_int_equal(done, 120);
}

static void queues_work_side_by_side(void **state)
{
    (void)state;
    init(4);
    assert_int_equal(virtio_config_read(&t.blk.device, 34, 2), 4);
    assert_true(driver_start(&t.d, FEATURES | VIRTIO_BLK_F_MQ));
    struct sent sent[4];
    struct shape read = {VIRTIO_BLK_IN, 3, NULL, 0, 512, 0};
    t.bytes[3 * 512] = 0x77;
    for (unsigned q = 0; q < 4; q++) {
        sent[q] = put(q, &read);
        driver_kick(&t.d, q);
    }
    assert_int_equal(t.taken_count, 4);
    answer_all();
    for (unsigned q = 0; q < 4; q++) {
        expect_taken(q, &sent[q]);
        assert_int_equal(*(uint8_t *)driver_at(&t.d, sent[q].in, 1), 0x77);
        assert_int_equal(t.d.interrupts[q], 1);
    }
}

static void a_reset_takes_guest_memory_from_what_is_in_flight(void **state)
{
    struct shape read = {VIRTIO_BLK_IN, 0, NULL, 0, 512, 0};
    (void)state;
    for (unsigned ends = 0; ends < 2; ends++) {
        t.cancel_says = ends != 0 ? VIRTIO_BLK_ENDED : VIRTIO_BLK_GOES_ON;
        assert_true(driver_start(&t.d, FEATURES));
        put(0, &read);
        put(0, &read);
        driver_kick(&t.d, 0);
        assert_int_equal(t.taken_count, 2);
        assert_true(driver_start(&t.d, FEATURES)); /* resets */
        assert_int_equal(t.taken_count, ends ? 0 : 2);
        struct sent sent = put(0, &read);
        driver_kick(&t.d, 0);
        driver_run(&t.d);
        /* Nothing new before the old ones have ended. */
        assert_int_equal(t.taken_count, ends ? 1 : 2);
        answer_all();
        assert_int_equal(t.blk.orphan_count, 0);
        answer_all();
        expect_taken(0, &sent);
        assert_int_equal(status_of(&sent), VIRTIO_BLK_OK);
        uint16_t id;
        uint32_t written;
        assert_false(driver_take(&t.d, 0, &id, &written));
    }
    for (unsigned i = 0; i < RUNS_MAX / 64; i++) {
        assert_int_equal(t.blk.spans_taken.taken[i], 0);
    }
}

static void a_queue_s_reset_leaves_the_others_alone(void **state)
{
    struct shape read = {VIRTIO_BLK_IN, 0, NULL, 0, 512, 0};
    (void)state;
    init(2);
    assert_true(driver_start(&t.d, FEATURES | VIRTIO_BLK_F_MQ | VIRTIO_F_RING_RESET));
    put(0, &read);
    struct sent other = put(1, &read);
    driver_kick(&t.d, 0);
    driver_kick(&t.d, 1);
    t.cancel_says = VIRTIO_BLK_GOES_ON;
    virtio_lock(&t.blk.device);
    virtio_queue_reset(&t.blk.device, 0);
    virtio_unlock(&t.blk.device);
    assert_int_equal(t.blk.orphan_count, 1);
    answer_all();
    expect_taken(1, &other);
    assert_int_equal(t.blk.orphan_count, 0);
}

/* Zero copy: 2.4.1, the driver may use its memory again when status reads 0. */
static void a_reset_is_over_when_nothing_touches_guest_memory(void **state)
{
    struct shape read = {VIRTIO_BLK_IN, 0, NULL, 0, 512, 0};
    (void)state;
    t.cancel_says = VIRTIO_BLK_HOLDS_ON;
    assert_true(driver_start(&t.d, FEATURES));
    put(0, &read);
    put(0, &read);
    driver_kick(&t.d, 0);
    virtio_lock(&t.blk.device);
    virtio_set_status(&t.blk.device, 0);
    assert_int_not_equal(virtio_status(&t.blk.device), 0);
    virtio_blk_complete(&t.blk, t.taken[--t.taken_count].id, VIRTIO_BLK_OK);
    t.room++;
    assert_int_not_equal(virtio_status(&t.blk.device), 0);
    virtio_unlock(&t.blk.device);
    answer_all();
    assert_int_equal(virtio_status(&t.blk.device), 0);
    assert_int_equal(t.blk.orphan_count, 0);
    assert_true(driver_start(&t.d, FEATURES));
    assert_int_equal(ask(&read, NULL), VIRTIO_BLK_OK);
}

static void so_is_a_queue_s_reset(void **state)
{
    struct shape read = {VIRTIO_BLK_IN, 0, NULL, 0, 512, 0};
    (void)state;
    t.cancel_says = VIRTIO_BLK_HOLDS_ON;
    init(2);
    assert_true(driver_start(&t.d, FEATURES | VIRTIO_BLK_F_MQ | VIRTIO_F_RING_RESET));
    put(0, &read);
    struct sent other = put(1, &read);
    driver_kick(&t.d, 0);
    driver_kick(&t.d, 1);
    virtio_lock(&t.blk.device);
    virtio_queue_reset(&t.blk.device, 0);
    virtio_unlock(&t.blk.device);
    assert_true(virtio_queue_state(&t.blk.device, 0)->stopping);
    assert_false(virtio_queue_state(&t.blk.device, 1)->stopping);
    answer_all();
    assert_false(virtio_queue_state(&t.blk.device, 0)->stopping);
    assert_false(virtio_queue_state(&t.blk.device, 0)->enabled);
    assert_int_not_equal(virtio_status(&t.blk.device), 0);
    expect_taken(1, &other);
    /* A queue's reset that the device's overtakes. */
    virtio_lock(&t.blk.device);
    put(1, &read);
    virtio_notify(&t.blk.device, 1);
    virtio_queue_reset(&t.blk.device, 1);
    virtio_set_status(&t.blk.device, 0);
    assert_int_not_equal(virtio_status(&t.blk.device), 0);
    virtio_unlock(&t.blk.device);
    answer_all();
    assert_int_equal(virtio_status(&t.blk.device), 0);
}

static void answers_after_a_fault_reach_nobody(void **state)
{
    struct shape read = {VIRTIO_BLK_IN, 0, NULL, 0, 512, 0};
    (void)state;
    put(0, &read);
    driver_kick(&t.d, 0);
    virtio_lock(&t.blk.device);
    virtio_break(&t.blk.device, "a test");
    virtio_unlock(&t.blk.device);
    answer_all();
    assert_int_equal(t.d.interrupts[0], 0);
    assert_true(driver_start(&t.d, FEATURES));
    assert_int_equal(ask(&read, NULL), VIRTIO_BLK_OK);
}

static void the_configuration_is_told(void **state)
{
    (void)state;
    t.disk.physical_block_exp = 3;
    t.disk.opt_io_size = 9;
    init(1);
    assert_true(driver_start(&t.d, FEATURES));
    assert_int_equal(virtio_config_read(&t.blk.device, 0, 8), SECTORS);
    assert_int_equal(virtio_config_read(&t.blk.device, 12, 4), VIRTIO_BLK_SEG_MAX);
    assert_int_equal(virtio_config_read(&t.blk.device, 24, 1), 3);
    assert_int_equal(virtio_config_read(&t.blk.device, 28, 4), 9);
    assert_int_equal(virtio_config_read(&t.blk.device, 36, 4), VIRTIO_BLK_CLEAR_SECTORS_MAX);
    assert_int_equal(virtio_config_read(&t.blk.device, 40, 4), 1);
    virtio_lock(&t.blk.device);
    virtio_blk_resize(&t.blk, 100);
    virtio_blk_resize(&t.blk, 100);
    virtio_unlock(&t.blk.device);
    assert_int_equal(t.d.interrupts[VIRTIO_SOURCE_CONFIG], 1);
    assert_int_equal(virtio_config_read(&t.blk.device, 0, 8), 100);
    struct shape read = {VIRTIO_BLK_IN, 100, NULL, 0, 512, 0};
    assert_int_equal(ask(&read, NULL), VIRTIO_BLK_IOERR);
    t.disk.has_flush = t.disk.has_discard = t.disk.has_write_zeroes = false;
    init(1);
    assert_false(t.blk.device.state.offered &
                 (VIRTIO_BLK_F_FLUSH | VIRTIO_BLK_F_DISCARD | VIRTIO_BLK_F_WRITE_ZEROES |
                  VIRTIO_BLK_F_MQ | VIRTIO_BLK_F_RO));
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(data_go_both_ways_in_any_shape),
        TEST(what_cannot_be_is_refused),
        TEST(sectors_are_cleared),
        TEST(a_request_without_header_or_status_needs_a_reset),
        TEST(the_serial_text_is_told),
        TEST(a_read_only_disk_is_not_written),
        TEST(larger_blocks_are_kept),
        TEST(errors_come_back_as_errors),
        TEST(without_flush_writes_are_stable_when_answered),
        TEST(what_the_backend_does_not_take_stays_in_the_queue),
        TEST(many_are_in_flight),
        TEST(requests_of_very_many_spans_wait_for_each_other),
        TEST(queues_work_side_by_side),
        TEST(a_reset_takes_guest_memory_from_what_is_in_flight),
        TEST(a_queue_s_reset_leaves_the_others_alone),
        TEST(a_reset_is_over_when_nothing_touches_guest_memory),
        TEST(so_is_a_queue_s_reset),
        TEST(answers_after_a_fault_reach_nobody),
        TEST(the_configuration_is_told),
    };
    return cmocka_run_group_tests_name("virtio-blk", tests, NULL, NULL);
}
