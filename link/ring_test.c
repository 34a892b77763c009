// SPDX-License-Identifier: BSD-2-Clause
#include "link/ring.h"

#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

enum { SIZE = 16 };

struct fixture {
    struct ring_shared shared;
    struct ring producer, consumer;
    uint8_t *data; /* of exactly SIZE bytes, for the address sanitizer */
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    f->data = malloc(SIZE);
    ring_format(&f->shared);
    ring_open_producer(&f->producer, &f->shared, f->data, SIZE);
    ring_open_consumer(&f->consumer, &f->shared, f->data, SIZE);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    free(f->data);
    free(f);
    return 0;
}

static void write_text(struct fixture *f, const char *text)
{
    bool signal = false;
    assert_int_equal(ring_write(&f->producer, text, (uint32_t)strlen(text), &signal), strlen(text));
}

static void read_text(struct fixture *f, const char *text)
{
    char got[64] = {0};
    bool signal = false;
    assert_int_equal(ring_read(&f->consumer, got, sizeof got, &signal), strlen(text));
    assert_string_equal(got, text);
}

static void a_fresh_ring_is_empty(void **state)
{
    struct fixture *f = *state;
    uint8_t byte;
    bool signal = false;
    assert_int_equal(ring_space(&f->producer), SIZE);
    assert_int_equal(ring_used(&f->consumer), 0);
    assert_int_equal(ring_read(&f->consumer, &byte, 1, &signal), 0);
    assert_int_equal(ring_write(&f->producer, &byte, 0, &signal), 0);
    assert_false(signal);
}

static void bytes_come_out_in_order_round_the_end(void **state)
{
    struct fixture *f = *state;
    for (unsigned i = 0; i < 100; i++) {
        write_text(f, "0123456789a");
        assert_int_equal(ring_used(&f->consumer), 11);
        read_text(f, "0123456789a");
    }
}

static void a_full_ring_takes_no_more(void **state)
{
    struct fixture *f = *state;
    bool signal = false;
    assert_int_equal(ring_write(&f->producer, "0123456789abcdefXYZ", 19, &signal), SIZE);
    assert_int_equal(ring_space(&f->producer), 0);
    assert_int_equal(ring_write(&f->producer, "!", 1, &signal), 0);
    read_text(f, "0123456789abcdef");
    assert_int_equal(ring_space(&f->producer), SIZE);
}

static void a_read_takes_no_more_than_asked(void **state)
{
    struct fixture *f = *state;
    char got[4] = {0};
    bool signal = false;
    write_text(f, "abcdef");
    assert_int_equal(ring_read(&f->consumer, got, 3, &signal), 3);
    assert_string_equal(got, "abc");
    read_text(f, "def");
}

/* Who moved less than it wanted has asked to be told; who moved all has not. */
static void less_than_all_asks_for_more(void **state)
{
    struct fixture *f = *state;
    char got[2 * SIZE] = {0};
    bool signal = false;
    atomic_store(&f->shared.consumer_wants, 0);
    assert_int_equal(ring_write_or_wait(&f->producer, "0123456789", 10, &signal), 10);
    assert_int_equal(atomic_load(&f->shared.producer_wants), 0);
    assert_int_equal(ring_write_or_wait(&f->producer, "abcdefgh", 8, &signal), 6);
    assert_int_equal(atomic_load(&f->shared.producer_wants), 1);
    assert_false(signal);
    assert_int_equal(ring_read_or_wait(&f->consumer, got, 4, &signal), 4);
    assert_int_equal(atomic_load(&f->shared.consumer_wants), 0);
    assert_true(signal);
    assert_int_equal(ring_read_or_wait(&f->consumer, got + 4, sizeof got - 4, &signal), 12);
    assert_int_equal(atomic_load(&f->shared.consumer_wants), 1);
    assert_string_equal(got, "0123456789abcdef");
}

static void indices_wrap_at_32_bits(void **state)
{
    struct fixture *f = *state;
    atomic_store(&f->shared.head, UINT32_MAX - 5);
    atomic_store(&f->shared.tail, UINT32_MAX - 5);
    ring_open_producer(&f->producer, &f->shared, f->data, SIZE);
    ring_open_consumer(&f->consumer, &f->shared, f->data, SIZE);
    for (unsigned i = 0; i < 4; i++) {
        write_text(f, "0123456789a");
        read_text(f, "0123456789a");
    }
    assert_int_equal(f->producer.bad_count + f->consumer.bad_count, 0);
    assert_int_equal(atomic_load(&f->shared.head), 38);
}

static void a_side_that_restarts_goes_on(void **state)
{
    struct fixture *f = *state;
    write_text(f, "abcdefghij");
    read_text(f, "abcdefghij");
    write_text(f, "0123456789");
    ring_open_consumer(&f->consumer, &f->shared, f->data, SIZE);
    read_text(f, "0123456789");
    ring_open_producer(&f->producer, &f->shared, f->data, SIZE);
    write_text(f, "xyz");
    read_text(f, "xyz");
}

static void the_first_write_signals_and_later_ones_only_when_asked(void **state)
{
    struct fixture *f = *state;
    bool signal = false;
    ring_write(&f->producer, "a", 1, &signal);
    assert_true(signal);
    signal = false;
    ring_write(&f->producer, "b", 1, &signal);
    assert_false(signal);
    assert_false(ring_wait_for_data(&f->consumer)); /* there is some: do not sleep */
    ring_write(&f->producer, "c", 1, &signal);
    assert_false(signal);
    read_text(f, "abc");
    assert_true(ring_wait_for_data(&f->consumer));
    ring_write(&f->producer, "d", 1, &signal);
    assert_true(signal);
}

static void a_producer_that_waits_is_told_of_space(void **state)
{
    struct fixture *f = *state;
    char got[SIZE];
    bool signal = false;
    assert_false(ring_wait_for_space(&f->producer)); /* there is some */
    ring_write(&f->producer, "0123456789abcdef", SIZE, &signal);
    signal = false;
    ring_read(&f->consumer, got, 1, &signal);
    assert_false(signal); /* nobody has asked */
    ring_write(&f->producer, "!", 1, &signal);
    assert_true(ring_wait_for_space(&f->producer));
    ring_read(&f->consumer, got, 1, &signal);
    assert_true(signal);
    signal = false;
    ring_read(&f->consumer, got, 1, &signal);
    assert_false(signal); /* told once */
}

static void a_signal_that_is_due_already_stays_due(void **state)
{
    struct fixture *f = *state;
    char byte;
    bool signal = true;
    write_text(f, "ab");
    ring_write(&f->producer, "c", 1, &signal);
    assert_true(signal);
    ring_read(&f->consumer, &byte, 1, &signal);
    assert_true(signal);
}

static void an_impossible_index_means_nothing_is_there(void **state)
{
    struct fixture *f = *state;
    static const uint32_t bad[] = {SIZE + 1, 0x80000000, UINT32_MAX, 1000};
    char got[64];
    bool signal = false;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        atomic_store(&f->shared.head, bad[i]);
        assert_int_equal(ring_used(&f->consumer), 0);
        assert_int_equal(ring_read(&f->consumer, got, sizeof got, &signal), 0);
        assert_true(ring_wait_for_data(&f->consumer)); /* no busy loop on garbage */
        /* used = 0 - tail: the negative of what is bad for a consumer */
        atomic_store(&f->shared.tail, 0 - bad[i]);
        assert_int_equal(ring_space(&f->producer), 0);
        assert_int_equal(ring_write(&f->producer, "x", 1, &signal), 0);
        assert_true(ring_wait_for_space(&f->producer));
    }
    assert_true(f->consumer.bad_count >= 8);
    assert_true(f->producer.bad_count >= 8);
    assert_false(signal);
    /* And when it comes to its senses, it goes on. */
    atomic_store(&f->shared.head, 0);
    atomic_store(&f->shared.tail, 0);
    write_text(f, "abc");
    read_text(f, "abc");
}

/* The shared copy of our own index is only for the other side: it may write over it. */
static void our_own_index_is_not_read_back(void **state)
{
    struct fixture *f = *state;
    char got[8] = {0};
    bool signal = false;
    write_text(f, "abc");
    atomic_store(&f->shared.tail, 2);
    assert_int_equal(ring_read(&f->consumer, got, sizeof got, &signal), 3);
    assert_string_equal(got, "abc");
    atomic_store(&f->shared.head, 1);
    write_text(f, "de");
    assert_int_equal(atomic_load(&f->shared.head), 5);
}

static void a_record_shows_when_it_is_whole(void **state)
{
    struct fixture *f = *state;
    char got[SIZE + 1] = {0};
    bool signal = false;
    write_text(f, "0123456789");
    read_text(f, "0123456789"); /* the record goes round the end */
    assert_true(ring_wait_for_data(&f->consumer));
    ring_put(&f->producer, 4, "payload!", 8);
    ring_put(&f->producer, 0, "head", 4);
    assert_int_equal(ring_used(&f->consumer), 0);
    assert_int_equal(ring_space(&f->producer), SIZE);
    ring_publish(&f->producer, 12, &signal);
    assert_true(signal);
    ring_peek(&f->consumer, 4, got, 8);
    assert_string_equal(got, "payload!");
    assert_int_equal(ring_used(&f->consumer), 12);
    struct ring_piece piece[2];
    ring_view(&f->consumer, 2, 10, piece);
    assert_int_equal(piece[0].size, 4);
    assert_memory_equal(piece[0].bytes, "adpa", 4);
    assert_int_equal(piece[1].size, 6);
    assert_memory_equal(piece[1].bytes, "yload!", 6);
    ring_view(&f->consumer, 0, 3, piece);
    assert_int_equal(piece[0].size, 3);
    assert_int_equal(piece[1].size, 0);
    assert_true(!ring_wait_for_room(&f->producer, 4));
    assert_true(ring_wait_for_room(&f->producer, 5));
    signal = false;
    ring_discard(&f->consumer, 4, &signal);
    assert_true(signal);
    read_text(f, "payload!");
}

/* The other side began anew, and we stored an index of the old ring once more. */
static void the_side_that_stays_can_put_the_indices_right(void **state)
{
    struct fixture *f = *state;
    ring_format(&f->shared);
    ring_open_producer(&f->producer, &f->shared, f->data, SIZE);
    f->consumer.index = 1000;
    assert_int_equal(ring_used(&f->consumer), 0);
    assert_int_equal(f->consumer.bad_count, 1);
    ring_recover_consumer(&f->consumer);
    write_text(f, "abc");
    read_text(f, "abc");
    f->producer.index = 5000;
    assert_int_equal(ring_space(&f->producer), 0);
    ring_recover_producer(&f->producer);
    assert_int_equal(ring_space(&f->producer), SIZE);
    write_text(f, "def");
    read_text(f, "def");
}

/* ---- two threads
 * ----------------------------------------------------------------------------------- */

enum { STREAM = 400000 };

struct stream {
    struct fixture *f;
    sem_t data, space; /* the notifications */
    bool stuck;        /* a side slept for long: a signal got lost */
};

static bool sleep_on(struct stream *s, sem_t *notification)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 10;
    if (sem_timedwait(notification, &until) != 0) {
        s->stuck = true;
    }
    return !s->stuck;
}

static void *produce(void *arg)
{
    struct stream *s = arg;
    uint32_t sent = 0;
    while (sent < STREAM) {
        uint8_t bytes[7];
        bool signal = false;
        uint32_t size = 1 + sent % sizeof bytes;
        for (uint32_t i = 0; i < size; i++) {
            bytes[i] = (uint8_t)((sent + i) * 31u >> 3);
        }
        size = size < STREAM - sent ? size : STREAM - sent;
        uint32_t count = ring_write(&s->f->producer, bytes, size, &signal);
        sent += count;
        if (signal) {
            sem_post(&s->data);
        }
        if (count == 0 && ring_wait_for_space(&s->f->producer) && !sleep_on(s, &s->space)) {
            break;
        }
    }
    return NULL;
}

static void no_byte_and_no_signal_is_lost_between_two_threads(void **state)
{
    struct stream s = {.f = *state};
    pthread_t producer;
    uint32_t got = 0, wrong = 0;
    sem_init(&s.data, 0, 0);
    sem_init(&s.space, 0, 0);
    assert_int_equal(pthread_create(&producer, NULL, produce, &s), 0);
    while (got < STREAM) {
        uint8_t bytes[11];
        bool signal = false;
        uint32_t count = ring_read(&s.f->consumer, bytes, 1 + got % sizeof bytes, &signal);
        for (uint32_t i = 0; i < count; i++) {
            wrong += bytes[i] != (uint8_t)((got + i) * 31u >> 3);
        }
        got += count;
        if (signal) {
            sem_post(&s.space);
        }
        if (count == 0 && ring_wait_for_data(&s.f->consumer) && !sleep_on(&s, &s.data)) {
            break;
        }
    }
    pthread_join(producer, NULL);
    assert_false(s.stuck);
    assert_int_equal(got, STREAM);
    assert_int_equal(wrong, 0);
    assert_int_equal(s.f->producer.bad_count + s.f->consumer.bad_count, 0);
    sem_destroy(&s.data);
    sem_destroy(&s.space);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_fresh_ring_is_empty),
        TEST(bytes_come_out_in_order_round_the_end),
        TEST(a_full_ring_takes_no_more),
        TEST(a_read_takes_no_more_than_asked),
        TEST(less_than_all_asks_for_more),
        TEST(indices_wrap_at_32_bits),
        TEST(a_side_that_restarts_goes_on),
        TEST(the_first_write_signals_and_later_ones_only_when_asked),
        TEST(a_producer_that_waits_is_told_of_space),
        TEST(a_signal_that_is_due_already_stays_due),
        TEST(an_impossible_index_means_nothing_is_there),
        TEST(our_own_index_is_not_read_back),
        TEST(a_record_shows_when_it_is_whole),
        TEST(the_side_that_stays_can_put_the_indices_right),
        TEST(no_byte_and_no_signal_is_lost_between_two_threads),
    };
    return cmocka_run_group_tests_name("ring", tests, NULL, NULL);
}
