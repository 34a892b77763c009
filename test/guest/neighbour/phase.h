/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdint.h>

/*
 * What the neighbour and its attacker agree on, two guests that cannot talk to each other: the
 * machine's clock is cut into phases. In the even ones the attacker computes and leaves all devices
 * alone, but uses its core as much as ever, so that a host with fewer cores than the machine is as
 * busy; in the odd ones it attacks, with one attack after the other.
 */
enum phase_attack {
    ATTACK_STORM = 0,  /* notifications of a queue that has nothing */
    ATTACK_CHAINS,     /* chains that break the device, and resets of it */
    ATTACK_RESETS,     /* resets while requests are under way */
    ATTACK_IMPOSSIBLE, /* requests that are answered with an error */
    ATTACK_SMALL,      /* as many requests as the queue holds, of a sector */
    ATTACK_LARGE,      /* the same, of a MiB */
    ATTACK_DISCARDS,   /* the same without data, of the whole disk */
    ATTACK_FRAMES,     /* frames on a network of its own */
    ATTACK_BROADCASTS, /* frames on the neighbour's network, to all */
    ATTACK_OUTPUT,     /* text by the virtio console */
    ATTACK_COUNT,
};

enum {
    PHASE_MS = 200,
    PHASE_SETTLE_MS = 40, /* at its beginning nothing is counted, at its end nothing either: */
    PHASE_EARLY_MS = 5,
};

/* In ticks of the machine's clock. */
uint64_t phase_ticks(uint64_t ms);
/* The number of the present phase, and when phase `number` begins. */
uint64_t phase_now(void);
uint64_t phase_begin(uint64_t number);
