/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stddef.h>
#include <stdint.h>

/*
 * Random numbers from a seed: the ChaCha20 block function (RFC 8439, 2.3) as a generator that
 * forgets. Each call ends by replacing its key with output that nobody has seen, so that who reads
 * the state later cannot tell what was drawn before. As unpredictable as its seed, no more.
 * Not for use by two threads at once.
 */
enum { RANDOM_KEY_WORDS = 8 };

struct random {
    uint32_t key[RANDOM_KEY_WORDS];
};

/* Adds to the state, whatever its quality: never makes it worse. Begin with a zeroed one. */
void random_seed(struct random *random, const void *bytes, size_t size);

void random_draw(struct random *random, void *bytes, size_t size);

/* RFC 8439, 2.3: one block of 16 words for key, block counter and nonce. */
void random_block(const uint32_t key[RANDOM_KEY_WORDS], uint32_t counter, const uint32_t nonce[3],
                  uint32_t block[16]);
