/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * link/ring.c's signalling, for the model checker spin: a producer, a consumer, and the memory
 * between their cores. run.sh checks it as it is, where nothing may go wrong, and with one thing
 * taken away at a time, where something must.
 *
 * Memory: a core's stores wait in its store buffer and reach memory in any order, each location's
 * in its own (which is weaker than Arm's for us: nothing here depends on an address or on data).
 *   plain      may be overtaken by anything
 *   release    reaches memory after all earlier stores, may be overtaken by later loads
 *   sequential reaches memory after all earlier stores and before any later load (STLR .. LDAR)
 * Loads that are done too early are written where they would happen.
 *
 * A signal is a binary semaphore, as a seL4 notification is. To send it is to enter the kernel,
 * whose lock orders all earlier stores before whatever the woken side does.
 *
 * What must hold: bytes arrive whole and in order (the assertion), and both sides come to their
 * end (a side that sleeps for ever is an "invalid end state").
 *
 * SIZE: of the ring in bytes, a divisor of 8. RECORD: bytes that are published at once. COUNT: bytes in all.
 * CRASH_PRODUCER, CRASH_CONSUMER: that side dies once, anywhere, and begins anew on the ring as it is.
 * To take away: NO_RECHECK, RECHECK_FIRST, WEAK_WISH, WEAK_PUBLISH, WEAK_FREE, NO_RELEASE,
 * NO_ACQUIRE, FREE_EARLY, SIGNAL_FIRST, NO_GREETING.
 */
#ifndef SIZE
#define SIZE 2
#endif
#ifndef RECORD
#define RECORD 1
#endif
#ifndef COUNT
#define COUNT 4
#endif

/* Indices wrap at 8 (2^32 in the code), after the second byte. */
#define INDEX(i) ((i) & 7)
#define BEGIN    6
#define END      INDEX(BEGIN + COUNT)

#define HEAD          0
#define TAIL          1
#define PRODUCER_WISH 2
#define CONSUMER_WISH 3
#define DATA          4
#define WORDS         (DATA + SIZE)

#define PRODUCER 0
#define CONSUMER 1

byte memory[WORDS];
byte buffer[2 * WORDS]; /* a core's stores that have not reached memory: their values + 1, 0: none */
byte waiting[2];        /* how many of them, of each core */
bool signal[2];         /* that is waiting for this side */

inline store_plain(core, word, value)
{
    d_step {
        waiting[core] = waiting[core] + (buffer[core * WORDS + word] == 0 -> 1 : 0);
        buffer[core * WORDS + word] = (value) + 1
    }
}

inline store_release(core, word, value)
{
    atomic {
        waiting[core] == 0;
        store_plain(core, word, value)
    }
}

inline store_sequential(core, word, value)
{
    atomic {
        waiting[core] == 0;
        memory[word] = value
    }
}

/* A core sees its own stores at once. */
#define LOAD(core, word)                                                                           \
    (buffer[core * WORDS + word] != 0 -> buffer[core * WORDS + word] - 1 : memory[word])

inline send(core, to)
{
    atomic {
        waiting[core] == 0;
        signal[to] = true
    }
}

inline sleep(self)
{
    atomic {
        signal[self];
        signal[self] = false
    }
}

#define DRAIN(i, word)                                                                             \
    d_step                                                                                         \
    {                                                                                              \
        buffer[i] != 0;                                                                          \
        memory[word] = buffer[i] - 1;                                                              \
        buffer[i] = 0;                                                                             \
        waiting[(i) / WORDS] = waiting[(i) / WORDS] - 1                                                \
    }

active proctype drain()
{
end:
    do
    :: DRAIN(HEAD, HEAD)
    :: DRAIN(PRODUCER_WISH, PRODUCER_WISH)
    :: DRAIN(CONSUMER_WISH, CONSUMER_WISH)
    :: DRAIN(DATA, DATA)
#if SIZE > 1
    :: DRAIN(DATA + 1, DATA + 1)
#endif
#if SIZE > 2
    :: DRAIN(DATA + 2, DATA + 2)
    :: DRAIN(DATA + 3, DATA + 3)
#endif
    :: DRAIN(WORDS + TAIL, TAIL)
    :: DRAIN(WORDS + PRODUCER_WISH, PRODUCER_WISH)
    :: DRAIN(WORDS + CONSUMER_WISH, CONSUMER_WISH)
    od
}

/* What each side does with its words; "weak" ones are what run.sh takes away. */
#if defined(WEAK_WISH)
#define STORE_WISH store_release
#else
#define STORE_WISH store_sequential
#endif

#if defined(NO_RELEASE)
#define STORE_HEAD store_plain
#elif defined(WEAK_PUBLISH)
#define STORE_HEAD store_release
#else
#define STORE_HEAD store_sequential
#endif

#if defined(WEAK_FREE)
#define STORE_TAIL store_release
#else
#define STORE_TAIL store_sequential
#endif

/* After progress: the other side's wish. `due`: a signal is to be sent, now or later in this pass. */
inline look_for_wish(self, other, wish)
{
    if
    :: LOAD(self, wish) != 0 ->
#if defined(SIGNAL_FIRST)
        send(self, other);
#endif
        store_plain(self, wish, 0);
#if !defined(SIGNAL_FIRST)
        due = true
#endif
    :: else
    fi
}

inline send_if_due(self, other)
{
    if
    :: due ->
        send(self, other);
        due = false
    :: else
    fi
}

/* Says that it wants to be told, looks again, and only then sleeps. */
#if defined(NO_RECHECK)
#define WAIT_UNTIL(condition, self, wish) STORE_WISH(self, wish, 1); sleep(self)
#elif defined(RECHECK_FIRST)
#define WAIT_UNTIL(condition, self, wish)                                                          \
    if                                                                                             \
    :: condition                                                                                   \
    :: else -> STORE_WISH(self, wish, 1); sleep(self)                                              \
    fi
#else
#define WAIT_UNTIL(condition, self, wish)                                                          \
    STORE_WISH(self, wish, 1);                                                                     \
    if                                                                                             \
    :: condition -> store_plain(self, wish, 0)                                                     \
    :: else -> sleep(self)                                                                         \
    fi
#endif

#define SPACE (SIZE - INDEX(index - LOAD(PRODUCER, TAIL) + 8))

inline produce()
{
    do
    :: index == END -> break
    :: else ->
        if
        :: SPACE >= RECORD ->
            i = 0;
            do
            :: i < RECORD ->
                store_plain(PRODUCER, DATA + (INDEX(index + i) % SIZE), INDEX(index + i));
                i++
            :: else -> break
            od;
            index = INDEX(index + RECORD);
            STORE_HEAD(PRODUCER, HEAD, index);
            look_for_wish(PRODUCER, CONSUMER, CONSUMER_WISH);
            if
            :: send_if_due(PRODUCER, CONSUMER)
            :: skip /* at the end of the pass */
            fi
        :: else ->
            send_if_due(PRODUCER, CONSUMER);
            WAIT_UNTIL(SPACE >= RECORD, PRODUCER, PRODUCER_WISH)
        fi
    od;
    send_if_due(PRODUCER, CONSUMER)
}

#define USED INDEX(LOAD(CONSUMER, HEAD) - index + 8)

inline consume()
{
    do
    :: index == END -> break
    :: else ->
#if defined(NO_ACQUIRE)
        value = LOAD(CONSUMER, DATA + (index % SIZE));
#endif
        count = USED;
        if
        :: count != 0 ->
            assert(count <= SIZE && count % RECORD == 0);
            if
            :: count > RECORD -> count = RECORD
            :: skip
            fi;
#if defined(FREE_EARLY)
            STORE_TAIL(CONSUMER, TAIL, INDEX(index + count));
#endif
            i = 0;
            do
            :: i < count ->
#if defined(NO_ACQUIRE)
                if
                :: i != 0 -> value = LOAD(CONSUMER, DATA + (INDEX(index + i) % SIZE))
                :: else
                fi;
#else
                value = LOAD(CONSUMER, DATA + (INDEX(index + i) % SIZE));
#endif
                assert(value == INDEX(index + i));
                i++
            :: else -> break
            od;
            index = INDEX(index + count);
#if !defined(FREE_EARLY)
            STORE_TAIL(CONSUMER, TAIL, index);
#endif
            look_for_wish(CONSUMER, PRODUCER, PRODUCER_WISH);
            if
            :: send_if_due(CONSUMER, PRODUCER)
            :: skip
            fi
        :: else ->
            send_if_due(CONSUMER, PRODUCER);
            WAIT_UNTIL(USED != 0, CONSUMER, CONSUMER_WISH)
        fi
    od;
    send_if_due(CONSUMER, PRODUCER)
}

/*
 * A side that opens a ring which has been in use goes on at its own shared index, and signals the
 * other side. It was started through the kernel, so what the dead one stored has reached memory.
 */
inline begin_anew(self, other, mine)
{
    waiting[self] == 0;
    index = memory[mine];
    due = false;
#if !defined(NO_GREETING)
    send(self, other)
#endif
}

bool kill_producer, kill_consumer;

active proctype killer()
{
#if defined(CRASH_PRODUCER)
    kill_producer = true;
#endif
#if defined(CRASH_CONSUMER)
    kill_consumer = true;
#endif
    skip
}

proctype producer()
{
    byte index = BEGIN, i;
    bool due;
    {
        produce()
    } unless {
        kill_producer;
        begin_anew(PRODUCER, CONSUMER, HEAD);
        produce()
    }
}

proctype consumer()
{
    byte index = BEGIN, i, value, count;
    bool due;
    {
        consume()
    } unless {
        kill_consumer;
        begin_anew(CONSUMER, PRODUCER, TAIL);
        consume()
    }
}

init
{
    d_step {
        memory[HEAD] = BEGIN;
        memory[TAIL] = BEGIN;
        memory[CONSUMER_WISH] = 1
    }
    run producer();
    run consumer()
}
