// SPDX-License-Identifier: BSD-2-Clause
#include "service/serial/client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct fixture {
    struct client client;
    struct serial_link link;
    struct serial_client_info info;
    struct ring out, in, log; /* the other side's */
    struct journal journal;
    uint64_t cursor;
};

static void start(struct fixture *f)
{
    atomic_fetch_add(&f->info.generation, 1);
    ring_format(&f->link.out);
    ring_format(&f->link.in);
    ring_format(&f->link.log);
    ring_open_producer(&f->out, &f->link.out, f->link.out_data, SERIAL_OUT_SIZE);
    ring_open_consumer(&f->in, &f->link.in, f->link.in_data, SERIAL_IN_SIZE);
    ring_open_producer(&f->log, &f->link.log, f->link.log_data, SERIAL_LOG_SIZE);
    atomic_fetch_add(&f->info.generation, 1);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    f->info = (struct serial_client_info){.name = "linux-a", .kind = SERIAL_CLIENT_VM};
    start(f);
    client_update(&f->client, &f->link, &f->info);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    free(*state);
    return 0;
}

static void say(struct ring *ring, const char *text)
{
    bool signal = false;
    assert_int_equal(ring_write(ring, text, (uint32_t)strlen(text), &signal), strlen(text));
}

/* True when there was something to take. */
static bool take_log(struct fixture *f, bool limited, uint64_t now_ms)
{
    if (!client_has_log(&f->client)) {
        return false;
    }
    client_take_log(&f->client, &f->journal, "linux-a", limited, now_ms);
    return true;
}

static void expect_line(struct fixture *f, enum log_level level, const char *text)
{
    struct journal_line line;
    assert_true(journal_next(&f->journal, &f->cursor, &line));
    assert_int_equal(line.level, level);
    assert_string_equal(line.text, text);
}

static void expect_no_line(struct fixture *f)
{
    struct journal_line line;
    assert_false(journal_next(&f->journal, &f->cursor, &line));
}

/* The service before us may have died between taking a wish and signalling. */
static void a_service_that_begins_anew_signals_its_clients(void **state)
{
    struct fixture *f = *state;
    assert_true(f->client.signal);
    f->client = (struct client){0};
    assert_false(client_update(&f->client, &f->link, &f->info));
    assert_true(f->client.signal);
}

static void output_goes_to_the_history(void **state)
{
    struct fixture *f = *state;
    say(&f->out, "hello\n");
    assert_false(client_take_output(&f->client, 4096));
    assert_int_equal(f->client.history.written, 6);
    assert_memory_equal(f->client.history.bytes, "hello\n", 6);
}

static void who_has_just_talked_is_not_asked_for_a_signal(void **state)
{
    struct fixture *f = *state;
    bool signal = false;
    say(&f->out, "hello\n");
    assert_false(client_take_output(&f->client, 4096));
    assert_true(f->client.lingers);
    ring_write(&f->out, "x", 1, &signal);
    assert_false(signal);
    assert_false(client_take_output(&f->client, 4096)); /* the caller looks again by itself */
    assert_int_equal(f->client.history.written, 7);
    assert_true(f->client.lingers);
    assert_false(client_take_output(&f->client, 4096)); /* silent for that long: asked to be told */
    assert_false(f->client.lingers);
    ring_write(&f->out, "y", 1, &signal);
    assert_true(signal);
}

static void output_is_taken_in_bounded_pieces(void **state)
{
    struct fixture *f = *state;
    static char much[10000];
    memset(much, 'x', sizeof much);
    bool signal = false;
    ring_write(&f->out, much, sizeof much, &signal);
    assert_true(client_take_output(&f->client, 4096));
    assert_int_equal(f->client.history.written, 4096);
    assert_true(client_take_output(&f->client, 4096));
    assert_false(client_take_output(&f->client, 4096));
    assert_int_equal(f->client.history.written, sizeof much);
}

static void a_full_ring_that_is_emptied_signals(void **state)
{
    struct fixture *f = *state;
    static char much[SERIAL_OUT_SIZE];
    bool signal = false;
    memset(much, 'x', sizeof much);
    ring_write(&f->out, much, sizeof much, &signal);
    assert_true(ring_wait_for_space(&f->out));
    client_take_output(&f->client, 4096);
    assert_true(f->client.signal);
}

static void log_lines_have_level_and_text(void **state)
{
    struct fixture *f = *state;
    say(&f->log, "0broken\n2ready\n1");
    assert_true(take_log(f, true, 0));
    assert_false(take_log(f, true, 0));
    expect_line(f, LOG_ERROR, "[linux-a] error: broken");
    expect_line(f, LOG_INFO, "[linux-a] ready");
    expect_no_line(f);
    say(&f->log, "hot\n");
    take_log(f, true, 0);
    expect_line(f, LOG_WARNING, "[linux-a] warning: hot");
}

static void odd_log_lines(void **state)
{
    struct fixture *f = *state;
    say(&f->log, "\n2\nno level\n9nine\n2\x1b[2Jclean\rup\n");
    take_log(f, true, 0);
    expect_line(f, LOG_INFO, "[linux-a] no level");
    expect_line(f, LOG_INFO, "[linux-a] 9nine");
    expect_line(f, LOG_INFO, "[linux-a] cleanup");
    expect_no_line(f);
}

static void a_log_line_without_end_is_cut_at_its_end(void **state)
{
    struct fixture *f = *state;
    static char much[5000];
    memset(much, 'x', sizeof much);
    bool signal = false;
    ring_write(&f->log, much, sizeof much, &signal);
    while (take_log(f, true, 0)) {
    }
    expect_no_line(f);
    say(&f->log, "\n2next\n");
    take_log(f, true, 0);
    struct journal_line line;
    assert_true(journal_next(&f->journal, &f->cursor, &line));
    assert_in_range(line.length, 200, LOG_LINE_MAX + 20);
    expect_line(f, LOG_INFO, "[linux-a] next");
}

static unsigned flood(struct fixture *f, unsigned lines, bool limited, uint64_t now_ms)
{
    struct journal_line line;
    unsigned seen = 0;
    for (unsigned i = 0; i < lines; i++) {
        say(&f->log, "2flood\n");
        take_log(f, limited, now_ms);
        while (journal_next(&f->journal, &f->cursor, &line)) {
            seen++;
        }
    }
    return seen;
}

static void a_flood_is_dropped_and_counted(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(flood(f, 500, true, 0), CLIENT_LOG_BURST);
    /* A second later: the count, and as many lines as a second earns. */
    say(&f->log, "2late\n");
    take_log(f, true, 1000);
    expect_line(f, LOG_WARNING, "[linux-a] warning: 400 log lines dropped: too many");
    expect_line(f, LOG_INFO, "[linux-a] late");
    assert_int_equal(flood(f, 500, true, 1000), CLIENT_LOG_PER_S - 1);
    assert_int_equal(flood(f, 500, true, 1000000), CLIENT_LOG_BURST + 1);
}

static void the_system_s_own_lines_are_not_limited(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(flood(f, 500, false, 0), 500);
}

static void input_that_does_not_fit_waits(void **state)
{
    struct fixture *f = *state;
    static uint8_t much[SERIAL_IN_SIZE], got[SERIAL_IN_SIZE + 300];
    bool signal = false;
    memset(much, 'x', sizeof much);
    client_type(&f->client, much, sizeof much - 1);
    assert_int_equal(client_type_room(&f->client), CLIENT_LATE_MAX);
    client_type(&f->client, (const uint8_t *)"abc", 3);
    assert_int_equal(client_type_room(&f->client), CLIENT_LATE_MAX - 2);
    client_type(&f->client, (const uint8_t *)"de", 2);
    assert_false(client_flush_input(&f->client)); /* no room: it asked to be told */
    assert_int_equal(ring_read(&f->in, got, 3, &signal), 3);
    assert_true(signal);
    assert_false(client_flush_input(&f->client));
    uint32_t size = ring_read(&f->in, got, sizeof got, &signal);
    assert_int_equal(size, SERIAL_IN_SIZE);
    assert_memory_equal(got + size - 4, "abcd", 4);
    assert_false(client_flush_input(&f->client));
    assert_int_equal(client_type_room(&f->client), CLIENT_LATE_MAX);
    assert_int_equal(ring_read(&f->in, got, sizeof got, &signal), 1);
    assert_int_equal(got[0], 'e');
}

static void waiting_input_is_not_overtaken(void **state)
{
    struct fixture *f = *state;
    static uint8_t much[SERIAL_IN_SIZE], got[SERIAL_IN_SIZE];
    bool signal = false;
    memset(much, 'x', sizeof much);
    client_type(&f->client, much, sizeof much);
    client_type(&f->client, (const uint8_t *)"a", 1);
    ring_read(&f->in, got, sizeof got, &signal);
    client_type(&f->client, (const uint8_t *)"b", 1); /* there is room now, but "a" is first */
    client_flush_input(&f->client);
    assert_int_equal(ring_read(&f->in, got, sizeof got, &signal), 2);
    assert_memory_equal(got, "ab", 2);
}

static void waiting_input_does_not_outlive_its_guest(void **state)
{
    struct fixture *f = *state;
    static uint8_t much[SERIAL_IN_SIZE + 10];
    client_type(&f->client, much, sizeof much);
    start(f);
    assert_true(client_update(&f->client, &f->link, &f->info));
    client_flush_input(&f->client);
    assert_int_equal(ring_used(&f->in), 0);
    assert_int_equal(client_type_room(&f->client), CLIENT_LATE_MAX);
}

static void input_beyond_all_room_is_lost_and_hurts_nobody(void **state)
{
    struct fixture *f = *state;
    static uint8_t much[SERIAL_IN_SIZE + 1000];
    client_type(&f->client, much, sizeof much);
    assert_int_equal(client_type_room(&f->client), 0);
    client_type(&f->client, much, 10);
    assert_int_equal(client_type_room(&f->client), 0);
}

static void a_typed_byte_signals_the_guest(void **state)
{
    struct fixture *f = *state;
    f->client.signal = false;
    client_type(&f->client, (const uint8_t *)"a", 1);
    assert_true(f->client.signal);
}

static void a_restarted_client_starts_afresh(void **state)
{
    struct fixture *f = *state;
    say(&f->out, "old");
    say(&f->log, "2half");
    client_take_output(&f->client, 4096);
    take_log(f, true, 0);
    client_type(&f->client, (const uint8_t *)"typed", 5);
    atomic_fetch_add(&f->info.generation, 1);
    assert_false(client_update(&f->client, &f->link, &f->info));
    assert_false(f->client.open);
    atomic_fetch_sub(&f->info.generation, 1);
    f->client.signal = false;
    start(f);
    /* What this service may still have stored while root formatted the link. */
    atomic_store(&f->link.out.tail, 3);
    atomic_store(&f->link.in.head, 5);
    assert_true(client_update(&f->client, &f->link, &f->info));
    assert_true(f->client.signal);
    say(&f->out, "new");
    say(&f->log, "2whole\n");
    client_take_output(&f->client, 4096);
    take_log(f, true, 0);
    assert_memory_equal(f->client.history.bytes, "oldnew", 6);
    expect_line(f, LOG_INFO, "[linux-a] whole");
    assert_int_equal(ring_used(&f->in), 0);
    assert_int_equal(client_bad_count(&f->client), 0);
    assert_int_equal(f->out.bad_count, 0);
}

static void a_restarted_service_goes_on(void **state)
{
    struct fixture *f = *state;
    static struct client second;
    say(&f->out, "abc");
    client_take_output(&f->client, 2);
    memset(&second, 0, sizeof second);
    assert_false(client_update(&second, &f->link, &f->info));
    client_take_output(&second, 4096);
    assert_int_equal(second.history.written, 1);
    assert_int_equal(second.history.bytes[0], 'c');
}

static void nothing_moves_while_root_works_on_the_link(void **state)
{
    struct fixture *f = *state;
    atomic_fetch_add(&f->info.generation, 1);
    client_update(&f->client, &f->link, &f->info);
    struct serial_link before = f->link;
    say(&f->out, "abc");
    say(&f->log, "2abc\n");
    assert_false(client_take_output(&f->client, 4096));
    assert_false(take_log(f, true, 0));
    client_type(&f->client, (const uint8_t *)"a", 1);
    assert_false(client_flush_input(&f->client));
    assert_int_equal(atomic_load(&f->link.out.tail), atomic_load(&before.out.tail));
    assert_int_equal(atomic_load(&f->link.in.head), atomic_load(&before.in.head));
    assert_int_equal(f->client.history.written, 0);
}

static void impossible_indices_are_counted(void **state)
{
    struct fixture *f = *state;
    atomic_store(&f->link.out.head, 0x80000000);
    atomic_store(&f->link.in.tail, 0x80000000);
    atomic_store(&f->link.log.head, 0x80000000);
    assert_false(client_take_output(&f->client, 4096));
    assert_false(take_log(f, true, 0));
    client_type(&f->client, (const uint8_t *)"a", 1);
    assert_false(client_flush_input(&f->client));
    assert_true(client_bad_count(&f->client) >= 3);
    assert_int_equal(f->client.history.written, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_service_that_begins_anew_signals_its_clients),
        TEST(output_goes_to_the_history),
        TEST(who_has_just_talked_is_not_asked_for_a_signal),
        TEST(output_is_taken_in_bounded_pieces),
        TEST(a_full_ring_that_is_emptied_signals),
        TEST(log_lines_have_level_and_text),
        TEST(odd_log_lines),
        TEST(a_log_line_without_end_is_cut_at_its_end),
        TEST(a_flood_is_dropped_and_counted),
        TEST(the_system_s_own_lines_are_not_limited),
        TEST(input_that_does_not_fit_waits),
        TEST(waiting_input_is_not_overtaken),
        TEST(waiting_input_does_not_outlive_its_guest),
        TEST(input_beyond_all_room_is_lost_and_hurts_nobody),
        TEST(a_typed_byte_signals_the_guest),
        TEST(a_restarted_client_starts_afresh),
        TEST(a_restarted_service_goes_on),
        TEST(nothing_moves_while_root_works_on_the_link),
        TEST(impossible_indices_are_counted),
    };
    return cmocka_run_group_tests_name("client", tests, NULL, NULL);
}
