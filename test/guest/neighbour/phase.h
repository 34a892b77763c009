/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/*
 * What the neighbour, its attacker and the beat agree on, guests that cannot talk to each other:
 * the machine's clock is cut into phases, and each of them into slots. In the even phases the
 * attacker computes and leaves all devices alone; in the odd ones it attacks, with one attack after
 * the other. In each slot the neighbour does one kind of work.
 */
enum phase_attack {
    ATTACK_STORM = 0,  /* notifications of a queue that has nothing */
    ATTACK_CHAINS,     /* chains that break the device, and resets of it */
    ATTACK_RESETS,     /* resets while requests are under way */
    ATTACK_IMPOSSIBLE, /* requests that are answered with an error */
    ATTACK_SMALL,      /* as many requests as the queue holds, of a sector */
    ATTACK_LARGE,      /* the same, of a MiB */
    ATTACK_DISCARDS,   /* the same without data, of the whole disk */
    ATTACK_OUTPUT,     /* text by the virtio console */
    ATTACK_FRAMES,     /* frames on a network of its own */
    ATTACK_BROADCASTS, /* frames on the neighbour's network, to all; last, as some wait for long */
    ATTACK_COUNT,
};

enum phase_slot {
    SLOT_COMPUTE = 0,
    SLOT_DISK,
    SLOT_NET,
    SLOT_COUNT,
};

enum {
    /*
     * The machine is slow: an instruction takes as many of its nanoseconds
     * (test/system/counted.py). All that is said in ms here takes so many times as long.
     */
    PHASE_SLOWNESS = 4,
    PHASE_MS = 60,
    PHASE_FIRST = 6, /* all guests run by then */
    PHASE_END = PHASE_FIRST + 2 * ATTACK_COUNT + 1,
};

/* Ticks of the machine's clock in so many ms of a machine that is not slow. */
uint64_t phase_ticks(uint64_t ms);
/* The number of the present phase, and when phase `number` begins. */
uint64_t phase_now(void);
uint64_t phase_begin(uint64_t number);

/* The part of a slot in which work counts: what happened before it is over. */
struct phase_window {
    uint64_t begin, end;
};
struct phase_window phase_window(uint64_t number, enum phase_slot slot);
