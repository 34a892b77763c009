/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdint.h>

/*
 * Which of up to RUNS_MAX slots are taken, by contiguous runs. The lowest run that fits is taken,
 * so that what is used most is used again and stays in the cache. Zero-initialise; all of it is
 * bounded by RUNS_MAX / 64 steps for each hole passed.
 */
enum { RUNS_MAX = 1024, RUNS_NONE = 0xffffffff };

struct runs {
    uint64_t taken[RUNS_MAX / 64];
};

/* A run of `length` free slots below `count`, now taken; its first slot, or RUNS_NONE. */
uint32_t runs_take(struct runs *runs, uint32_t count, uint32_t length);

/* Gives back what runs_take gave. */
void runs_give(struct runs *runs, uint32_t start, uint32_t length);
