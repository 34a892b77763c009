// SPDX-License-Identifier: BSD-2-Clause
/*
 * Rate limits: what a limited client gets in a time, that it loses nothing by it, and that nobody
 * else is held up. Time passes only where a test says so.
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

enum {
    LIMITED,
    FREE,
    PORTS,
    SECTORS = 4096,
    RAM_BYTES = RAMDISK_HEAD_BYTES + SECTORS * 512,
    HZ = 62500000,
    SMALL = 8, /* sectors */
    SECONDS = 3,
};

struct fixture {
    struct block_roster roster;
    struct block_stats stats;
    struct server server;
    struct block_client client[PORTS];
    uint64_t now;
    _Alignas(4096) uint8_t links[PORTS][BLOCK_LINK_BYTES];
    _Alignas(4096) uint8_t ram[PORTS][RAM_BYTES];
};

static void on_signal(void *ctx, unsigned port)
{
    (void)ctx;
    (void)port;
}

static uint64_t now(void *ctx)
{
    return ((const struct fixture *)ctx)->now;
}

static void *memory_at(void *ctx, uint64_t vaddr)
{
    (void)ctx;
    return (void *)(uintptr_t)vaddr;
}

static void run(struct fixture *f, uint64_t badge)
{
    unsigned passes = 0;
    server_event(&f->server, badge);
    while (server_run(&f->server)) {
        assert_true(++passes < 100000);
    }
}

static void start_service(struct fixture *f)
{
    server_init(&f->server, &(struct server_setup){
                                .roster = &f->roster,
                                .links = f->links[0],
                                .stats = &f->stats,
                                .signal = on_signal,
                                .memory = memory_at,
                                .now = now,
                                .counter_hz = HZ,
                                .ctx = f,
                            });
    run(f, 0);
}

static void start_client(struct fixture *f, unsigned port)
{
    struct block_port_info *info = &f->roster.port[port];
    struct block_link *link = (struct block_link *)(void *)f->links[port];
    info->generation += 2;
    block_link_format(link, info->generation);
    block_client_open(&f->client[port], link);
}

static int setup(void **state)
{
    struct fixture *f = aligned_alloc(4096, sizeof *f);
    memset(f, 0, sizeof *f);
    f->now = 1000 * (uint64_t)HZ;
    for (unsigned i = 0; i < PORTS; i++) {
        f->roster.port[i] = (struct block_port_info){.kind = BLOCK_PORT_RAM};
        f->roster.port[i].ram.memory_vaddr = (uintptr_t)f->ram[i];
        f->roster.port[i].ram.memory_bytes = RAM_BYTES;
        start_client(f, i);
    }
    start_service(f);
    for (unsigned i = 0; i < PORTS; i++) {
        block_client_update(&f->client[i]);
    }
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    free(*state);
    return 0;
}

static void set_limits(struct fixture *f, uint32_t requests_per_s, uint64_t sectors_per_s)
{
    f->roster.port[LIMITED].requests_per_s = requests_per_s;
    f->roster.port[LIMITED].sectors_per_s = sectors_per_s;
    run(f, BLOCK_BADGE_ROSTER);
}

static bool send(struct fixture *f, unsigned port, enum block_type type, uint32_t count)
{
    struct block_client *client = &f->client[port];
    bool data = type == BLOCK_READ || type == BLOCK_WRITE;
    int id = block_client_take(client, data ? count * 512 : 0);
    if (id >= 0) {
        block_client_send(client, id, type, 0, 0, count);
    }
    return id >= 0;
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

/* Asks for all that it can, for some seconds; the service sleeps whenever it wants to. */
static unsigned flood(struct fixture *f, enum block_type type, uint32_t count)
{
    uint64_t end = f->now + (uint64_t)SECONDS * HZ;
    unsigned sent = 0, answers = 0;
    while (f->now < end) {
        while (send(f, LIMITED, type, count)) {
            sent++;
        }
        run(f, 1 << LIMITED);
        unsigned some = take(f, LIMITED);
        answers += some;
        assert_true(answers < 10000); /* else time does not go on: nothing is limited */
        if (some == 0) {
            uint64_t alarm = server_alarm(&f->server);
            assert_true(alarm > f->now); /* else it would wait for ever, or not at all */
            f->now = alarm;
            run(f, BLOCK_BADGE_TIMER);
            some = take(f, LIMITED);
            assert_int_not_equal(some, 0);
            answers += some;
        }
    }
    /* All that it asked for comes in the end. */
    set_limits(f, 0, 0);
    assert_int_equal(server_alarm(&f->server), 0);
    assert_int_equal(answers + take(f, LIMITED), sent);
    return answers;
}

static void without_a_limit_nobody_waits(void **state)
{
    struct fixture *f = *state;
    for (unsigned round = 0; round < 1000; round++) {
        unsigned sent = 0;
        for (; send(f, LIMITED, BLOCK_WRITE, SMALL); sent++) {
        }
        run(f, 1 << LIMITED);
        assert_int_equal(server_alarm(&f->server), 0);
        assert_int_equal(take(f, LIMITED), sent);
    }
    assert_int_equal(f->stats.port[LIMITED].limited, 0);
}

/* What SECONDS give, and a burst of a tenth of a second. */
static void requests_are_limited(void **state)
{
    struct fixture *f = *state;
    static const enum block_type types[] = {BLOCK_READ, BLOCK_WRITE, BLOCK_FLUSH, BLOCK_DISCARD,
                                            BLOCK_WRITE_ZEROES};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        f->now += 10 * (uint64_t)HZ;
        set_limits(f, 100, 0);
        assert_in_range(flood(f, types[i], types[i] == BLOCK_FLUSH ? 0 : SMALL), 308, 312);
    }
    assert_true(f->stats.port[LIMITED].limited >= 5 * 290);
    assert_int_equal(f->stats.port[FREE].limited, 0);
}

static void sectors_are_limited(void **state)
{
    struct fixture *f = *state;
    static const enum block_type types[] = {BLOCK_READ, BLOCK_WRITE, BLOCK_DISCARD,
                                            BLOCK_WRITE_ZEROES};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        f->now += 10 * (uint64_t)HZ;
        set_limits(f, 0, 100 * SMALL);
        assert_in_range(flood(f, types[i], SMALL), 308, 312);
    }
    f->now += 10 * (uint64_t)HZ;
    set_limits(f, 1000, 100 * SMALL); /* the lower one counts */
    assert_in_range(flood(f, BLOCK_READ, SMALL), 308, 312);
}

/* One that is larger than the bucket is deep is served whole; the next one waits the longer. */
static void a_large_request_is_served_and_then_paid_for(void **state)
{
    struct fixture *f = *state;
    set_limits(f, 0, 100);
    assert_true(send(f, LIMITED, BLOCK_DISCARD, 1000));
    assert_true(send(f, LIMITED, BLOCK_READ, SMALL));
    run(f, 1 << LIMITED);
    assert_int_equal(take(f, LIMITED), 1);
    uint64_t alarm = server_alarm(&f->server);
    assert_in_range(alarm, f->now + 98 * (uint64_t)HZ / 10, f->now + 10 * (uint64_t)HZ);
    f->now = alarm - 1;
    run(f, BLOCK_BADGE_TIMER | 1 << LIMITED);
    assert_int_equal(take(f, LIMITED), 0);
    f->now = alarm;
    run(f, BLOCK_BADGE_TIMER);
    assert_int_equal(take(f, LIMITED), 1);
}

/* Whoever has no limit, beside one that waits: all at once, as if it were alone. */
static void nobody_else_is_held_up(void **state)
{
    struct fixture *f = *state;
    set_limits(f, 10, 0);
    while (send(f, LIMITED, BLOCK_READ, SMALL)) {
    }
    run(f, 1 << LIMITED);
    assert_in_range(take(f, LIMITED), 1, 2);
    uint64_t limited = f->stats.port[LIMITED].limited;
    for (unsigned round = 0; round < 1000; round++) {
        unsigned sent = 0;
        for (; send(f, FREE, BLOCK_WRITE, SMALL); sent++) {
        }
        /* The limited one's signals wake the service, and give it nothing to do. */
        run(f, 1 << FREE | 1 << LIMITED);
        assert_int_equal(take(f, FREE), sent);
    }
    assert_int_equal(take(f, LIMITED), 0);
    assert_int_equal(f->stats.port[LIMITED].limited, limited);
    assert_int_equal(f->stats.port[FREE].limited, 0);
}

/* The first that may go on again is the one that the service wakes up for. */
static void two_limits_have_one_alarm(void **state)
{
    struct fixture *f = *state;
    f->roster.port[FREE].requests_per_s = 100;
    set_limits(f, 10, 0);
    for (unsigned i = 0; i < 40; i++) {
        assert_true(send(f, LIMITED, BLOCK_READ, SMALL));
        assert_true(send(f, FREE, BLOCK_READ, SMALL));
    }
    run(f, 1 << LIMITED | 1 << FREE);
    unsigned limited = take(f, LIMITED), other = take(f, FREE);
    uint64_t end = f->now + HZ / 5;
    while (server_alarm(&f->server) != 0 && server_alarm(&f->server) < end) {
        f->now = server_alarm(&f->server);
        run(f, BLOCK_BADGE_TIMER);
        limited += take(f, LIMITED);
        other += take(f, FREE);
    }
    assert_in_range(limited, 3, 4);
    assert_in_range(other, 29, 32);
}

/* A guest that resets itself does not get burst after burst. */
static void a_new_client_does_not_begin_anew(void **state)
{
    struct fixture *f = *state;
    set_limits(f, 10, 0);
    unsigned answers = 0;
    for (unsigned life = 0; life < 20; life++) {
        while (send(f, LIMITED, BLOCK_READ, SMALL)) {
        }
        run(f, 1 << LIMITED);
        answers += take(f, LIMITED);
        start_client(f, LIMITED);
        run(f, BLOCK_BADGE_ROSTER);
        assert_true(block_client_update(&f->client[LIMITED]));
    }
    assert_in_range(answers, 1, 2);
}

/* One that was limited when root took it away is gone at once. */
static void a_limited_client_can_go(void **state)
{
    struct fixture *f = *state;
    set_limits(f, 10, 0);
    while (send(f, LIMITED, BLOCK_READ, SMALL)) {
    }
    run(f, 1 << LIMITED);
    assert_int_not_equal(server_alarm(&f->server), 0);
    f->roster.port[LIMITED].generation |= 1;
    run(f, BLOCK_BADGE_ROSTER);
    assert_int_equal(server_alarm(&f->server), 0);
    assert_true(port_quiet(&f->server.port[LIMITED]));
}

/* The limits are root's: the next service has them as well, and what was asked for is not lost. */
static void a_new_service_has_the_limits(void **state)
{
    struct fixture *f = *state;
    set_limits(f, 100, 0);
    unsigned sent = 0;
    for (; send(f, LIMITED, BLOCK_READ, SMALL); sent++) {
    }
    run(f, 1 << LIMITED);
    unsigned answers = take(f, LIMITED);
    assert_in_range(answers, 10, 11);
    start_service(f);
    block_client_update(&f->client[LIMITED]);
    while (answers < sent) {
        run(f, 1 << LIMITED);
        unsigned some = take(f, LIMITED);
        assert_in_range(some, 0, 11);
        answers += some;
        uint64_t alarm = server_alarm(&f->server);
        assert_true(alarm > f->now || answers == sent);
        f->now = alarm > f->now ? alarm : f->now;
    }
    assert_in_range(f->now - 1000 * (uint64_t)HZ, (sent - 24) * (uint64_t)HZ / 100,
                    2 * sent * (uint64_t)HZ / 100);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(without_a_limit_nobody_waits),
        TEST(requests_are_limited),
        TEST(sectors_are_limited),
        TEST(a_large_request_is_served_and_then_paid_for),
        TEST(nobody_else_is_held_up),
        TEST(two_limits_have_one_alarm),
        TEST(a_new_client_does_not_begin_anew),
        TEST(a_limited_client_can_go),
        TEST(a_new_service_has_the_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
