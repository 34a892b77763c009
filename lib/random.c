// SPDX-License-Identifier: BSD-2-Clause
#include "lib/random.h"

#include <string.h>

enum { BLOCK_WORDS = 16, BLOCK_BYTES = BLOCK_WORDS * sizeof(uint32_t), DOUBLE_ROUNDS = 10 };

static uint32_t rotate(uint32_t value, unsigned bits)
{
    return value << bits | value >> (32 - bits);
}

static void quarter_round(uint32_t s[BLOCK_WORDS], unsigned a, unsigned b, unsigned c, unsigned d)
{
    s[a] += s[b], s[d] = rotate(s[d] ^ s[a], 16);
    s[c] += s[d], s[b] = rotate(s[b] ^ s[c], 12);
    s[a] += s[b], s[d] = rotate(s[d] ^ s[a], 8);
    s[c] += s[d], s[b] = rotate(s[b] ^ s[c], 7);
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
    for (unsigned i = 0; i < DOUBLE_ROUNDS; i++) {
        quarter_round(block, 0, 4, 8, 12);
        quarter_round(block, 1, 5, 9, 13);
        quarter_round(block, 2, 6, 10, 14);
        quarter_round(block, 3, 7, 11, 15);
        quarter_round(block, 0, 5, 10, 15);
        quarter_round(block, 1, 6, 11, 12);
        quarter_round(block, 2, 7, 8, 13);
        quarter_round(block, 3, 4, 9, 14);
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
