// SPDX-License-Identifier: BSD-2-Clause
/*
 * Two threads on two cores and one ring: usage: ring_stress RECORDS. Records of all sizes, written
 * whole (ring_put in pieces, ring_publish) or as a stream, read in either way, in passes whose
 * signal goes out at the end. First both sides sleep as processes do, on a binary semaphore, so a
 * lost signal stops the test; then both only look, so that nothing but the ring itself orders their
 * accesses (the thread sanitizer would not see a missing fence behind a semaphore).
 */
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "link/ring.h"

enum { RING_BYTES = 256, RECORD_MAX = 100, PASS_MAX = 8, STUCK_S = 20 };

/* A seL4 notification: signals that come twice are one. */
struct notification {
    pthread_mutex_t lock;
    pthread_cond_t raised;
    bool signal;
};

struct side {
    struct ring ring;
    struct notification *mine, *other;
    unsigned long records;
    unsigned long sleeps, signals, wrong;
    uint32_t random;
    bool stuck;
};

static bool sleeps_allowed;

static uint32_t next_random(struct side *side)
{
    side->random ^= side->random << 13;
    side->random ^= side->random >> 17;
    side->random ^= side->random << 5;
    return side->random;
}

static void notify(struct side *side, bool *signal)
{
    if (*signal) {
        *signal = false;
        side->signals++;
        pthread_mutex_lock(&side->other->lock);
        side->other->signal = true;
        pthread_cond_signal(&side->other->raised);
        pthread_mutex_unlock(&side->other->lock);
    }
}

static void wait(struct side *side)
{
    struct timespec until;
    if (!sleeps_allowed) {
        sched_yield();
        return;
    }
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += STUCK_S;
    side->sleeps++;
    pthread_mutex_lock(&side->mine->lock);
    while (!side->mine->signal && !side->stuck) {
        side->stuck = pthread_cond_timedwait(&side->mine->raised, &side->mine->lock, &until) != 0;
    }
    side->mine->signal = false;
    pthread_mutex_unlock(&side->mine->lock);
}

/* Record n: its number, its size, and bytes that follow from both. */
struct record {
    uint32_t number;
    uint32_t size;
    uint8_t bytes[RECORD_MAX];
};

enum { HEAD_BYTES = 8 };

static uint32_t make_record(struct record *record, uint32_t number)
{
    record->number = number;
    record->size = number * 2654435761u % (RECORD_MAX + 1);
    for (uint32_t i = 0; i < record->size; i++) {
        record->bytes[i] = (uint8_t)(number * 31 + i * 7);
    }
    return HEAD_BYTES + record->size;
}

static void put_in_pieces(struct side *side, const struct record *record, uint32_t size)
{
    uint32_t cut = next_random(side) % (size + 1);
    ring_put(&side->ring, cut, (const uint8_t *)record + cut, size - cut);
    ring_put(&side->ring, 0, record, cut);
}

static void *produce(void *arg)
{
    struct side *side = arg;
    bool signal = false;
    for (uint32_t n = 0; n < side->records && !side->stuck; n++) {
        struct record record;
        uint32_t size = make_record(&record, n);
        while (ring_space(&side->ring) < size && !side->stuck) {
            notify(side, &signal);
            if (ring_wait_for_room(&side->ring, size)) {
                wait(side);
            }
        }
        if (side->stuck) {
            break;
        }
        put_in_pieces(side, &record, size);
        ring_publish(&side->ring, size, &signal);
        if (n % PASS_MAX == 0) {
            notify(side, &signal);
        }
    }
    notify(side, &signal);
    return NULL;
}

/* The record at the front; false when there is none. */
static bool take(struct side *side, uint32_t number, bool *signal)
{
    struct record expected, got;
    uint32_t used = ring_used(&side->ring);
    uint32_t size = make_record(&expected, number);
    if (used == 0) {
        return false;
    }
    if (used < size) {
        side->wrong++; /* published in part */
        return false;
    }
    if (number % 3 == 0) {
        ring_read(&side->ring, &got, size, signal);
    } else {
        ring_peek(&side->ring, 0, &got, HEAD_BYTES);
        ring_peek(&side->ring, HEAD_BYTES, got.bytes, size - HEAD_BYTES);
        ring_discard(&side->ring, size, signal);
    }
    side->wrong += memcmp(&expected, &got, size) != 0;
    return true;
}

static void *consume(void *arg)
{
    struct side *side = arg;
    bool signal = false;
    for (uint32_t n = 0; n < side->records && side->wrong == 0 && !side->stuck;) {
        if (take(side, n, &signal)) {
            n++;
            if (n % PASS_MAX == 0) {
                notify(side, &signal);
            }
            continue;
        }
        notify(side, &signal);
        if (ring_wait_for_data(&side->ring)) {
            wait(side);
        }
    }
    notify(side, &signal);
    return NULL;
}

static bool run(unsigned long records)
{
    static uint8_t data[RING_BYTES];
    struct ring_shared shared;
    struct notification notification[2] = {
        {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false},
        {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false},
    };
    struct side producer = {.mine = &notification[0], .other = &notification[1], .random = 1};
    struct side consumer = {.mine = &notification[1], .other = &notification[0], .random = 2};
    pthread_t thread;
    producer.records = consumer.records = records;
    ring_format(&shared);
    ring_open_producer(&producer.ring, &shared, data, RING_BYTES);
    ring_open_consumer(&consumer.ring, &shared, data, RING_BYTES);
    if (pthread_create(&thread, NULL, produce, &producer) != 0) {
        return false;
    }
    consume(&consumer);
    producer.stuck |= consumer.wrong != 0; /* nobody reads any more */
    pthread_join(thread, NULL);
    bool good = consumer.wrong == 0 && !producer.stuck && !consumer.stuck &&
                producer.ring.bad_count + consumer.ring.bad_count == 0;
    printf("%s  ring: %lu records, %s: %lu and %lu sleeps, %lu and %lu signals%s%s\n",
           good ? "ok  " : "FAIL", records, sleeps_allowed ? "sleeping" : "looking",
           producer.sleeps, consumer.sleeps, producer.signals, consumer.signals,
           consumer.wrong != 0 ? ", wrong bytes" : "",
           producer.stuck || consumer.stuck ? ", a signal got lost" : "");
    return good;
}

int main(int count, char **argument)
{
    unsigned long records = count > 1 ? strtoul(argument[1], NULL, 10) : 100000;
    sleeps_allowed = true;
    bool good = run(records);
    sleeps_allowed = false;
    good &= run(records);
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
