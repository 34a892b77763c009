// SPDX-License-Identifier: BSD-2-Clause
#include "lib/random.h"

#include <string.h>

enum { BLOCK_WORDS = 16, BLOCK_BYTES = BLOCK_WORDS * sizeof(uint32_t), DOUBLE_ROUNDS = 10 };

static uint32_t rotate(uint32_t value, unsigned bits)
{
    return value << bits | value >> (32 - bits);
}

/* On words of the block that are all different. */
static void quarter_round(uint32_t *at_a, uint32_t *at_b, uint32_t *at_c, uint32_t *at_d)
{
    uint32_t a = *at_a, b = *at_b, c = *at_c, d = *at_d;
    a += b, d = rotate(d ^ a, 16);
    c += d, b = rotate(b ^ c, 12);
    a += b, d = rotate(d ^ a, 8);
    c += d, b = rotate(b ^ c, 7);
    *at_a = a, *at_b = b, *at_c = c, *at_d = d;
}

void random_block(const uint32_t key[RANDOM_KEY_WORDS], uint32_t counter, const uint32_t nonce[3],
                  uint32_t block[BLOCK_WORDS])
{
    const uint32_t start[BLOCK_WORDS] = {
        0x61707865, 0x3320646e, 0x79622d32, 0x6b206574, /* "expand 32-byte k" */
        key[0],     key[1],     key[2],     key[3],     key[4],   key[5],
        key[6],     key[7],     counter,    nonce[0],   nonce[1], nonce[2],
    };
    memcpy(block, start, sizeof start);
    /* In each double round the four columns, then the four diagonals. */
    for (unsigned i = 0; i < DOUBLE_ROUNDS * 8; i++) {
        unsigned step = i >> 2 & 1;
        quarter_round(block + i % 4, block + 4 + (i + step) % 4, block + 8 + (i + 2 * step) % 4,
                      block + 12 + (i + 3 * step) % 4);
    }
    for (unsigned i = 0; i < BLOCK_WORDS; i++) {
        block[i] += start[i];
    }
}

void random_draw(struct random *random, void *bytes, size_t size)
{
    static const uint32_t nonce[3];
    uint32_t block[BLOCK_WORDS], next[BLOCK_WORDS];
    uint8_t *to = bytes;
    /* Block 0 is the next key; the caller gets the others. */
    random_block(random->key, 0, nonce, next);
    for (uint32_t counter = 1; size > 0; counter++) {
        size_t now = size < BLOCK_BYTES ? size : BLOCK_BYTES;
        random_block(random->key, counter, nonce, block);
        memcpy(to, block, now);
        to += now;
        size -= now;
    }
    memcpy(random->key, next, sizeof random->key);
}

void random_seed(struct random *random, const void *bytes, size_t size)
{
    const uint8_t *from = bytes;
    uint8_t key[sizeof random->key];
    while (size > 0) {
        size_t now = size < sizeof key ? size : sizeof key;
        memcpy(key, random->key, sizeof key);
        for (size_t i = 0; i < now; i++) {
            key[i] ^= from[i];
        }
        memcpy(random->key, key, sizeof key);
        random_draw(random, key, 0); /* mixes */
        from += now;
        size -= now;
    }
}
