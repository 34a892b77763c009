// SPDX-License-Identifier: BSD-2-Clause
/*
 * The functions of <string.h> that the compiler, libfdt and we call, for general registers only: a
 * libc's use vector registers, which fault in threads that have no FPU. What only libfdt and who
 * reads descriptions calls is start code.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "lib/start_only.h"

/* Unaligned and aliasing accesses of eight bytes, which is what a load or a store may do. */
typedef uint64_t __attribute__((may_alias, aligned(1))) word_t;

enum { WORD = sizeof(word_t) };

/*
 * Ascending, each byte read before a lower one of the source is written: what memmove needs when
 * the target is below the source. No `restrict`, under which the compiler may exchange these
 * accesses.
 */
static void copy_ascending(unsigned char *d, const unsigned char *s, size_t size)
{
    /* Pairs of loads and stores, 64 bytes in 12 instructions. */
    for (; size >= 8 * WORD; size -= 8 * WORD, d += 8 * WORD, s += 8 * WORD) {
        const word_t *from = (const word_t *)s;
        word_t *to = (word_t *)d;
        word_t a = from[0], b = from[1], c = from[2], e = from[3];
        word_t f = from[4], g = from[5], h = from[6], i = from[7];
        to[0] = a;
        to[1] = b;
        to[2] = c;
        to[3] = e;
        to[4] = f;
        to[5] = g;
        to[6] = h;
        to[7] = i;
    }
    for (; size >= WORD; size -= WORD, d += WORD, s += WORD) {
        *(word_t *)d = *(const word_t *)s;
    }
    while (size-- != 0) {
        *d++ = *s++;
    }
}

/* The last word overlaps the one before it, instead of a loop over the bytes that are left. */
void *memcpy(void *restrict to, const void *restrict from, size_t size)
{
    if (size >= WORD) {
        word_t last = *(const word_t *)((const unsigned char *)from + size - WORD);
        copy_ascending(to, from, size & ~(size_t)(WORD - 1));
        *(word_t *)((unsigned char *)to + size - WORD) = last;
    } else {
        copy_ascending(to, from, size);
    }
    return to;
}

void *memmove(void *to, const void *from, size_t size)
{
    unsigned char *d = to;
    const unsigned char *s = from;
    if ((uintptr_t)d - (uintptr_t)s >= size) {
        copy_ascending(d, s, size);
        return to;
    }
    while (size-- != 0) {
        d[size] = s[size];
    }
    return to;
}

void *memset(void *to, int value, size_t size)
{
    unsigned char *d = to;
    word_t word = 0x0101010101010101u * (unsigned char)value;
    for (; size >= 4 * WORD; size -= 4 * WORD, d += 4 * WORD) {
        ((word_t *)d)[0] = word;
        ((word_t *)d)[1] = word;
        ((word_t *)d)[2] = word;
        ((word_t *)d)[3] = word;
    }
    while (size-- != 0) {
        *d++ = (unsigned char)value;
    }
    return to;
}

int memcmp(const void *left, const void *right, size_t size)
{
    const unsigned char *a = left, *b = right;
    for (size_t i = 0; i < size; i++) {
        if (a[i] != b[i]) {
            return a[i] < b[i] ? -1 : 1;
        }
    }
    return 0;
}

START_ONLY void *memchr(const void *in, int wanted, size_t size)
{
    const unsigned char *s = in;
    for (size_t i = 0; i < size; i++) {
        if (s[i] == (unsigned char)wanted) {
            return (void *)(uintptr_t)(s + i);
        }
    }
    return NULL;
}

size_t strlen(const char *text)
{
    size_t length = 0;
    while (text[length] != '\0') {
        length++;
    }
    return length;
}

size_t strnlen(const char *text, size_t limit)
{
    size_t length = 0;
    while (length < limit && text[length] != '\0') {
        length++;
    }
    return length;
}

START_ONLY int strcmp(const char *a, const char *b)
{
    while (*a != '\0' && *a == *b) {
        a++, b++;
    }
    return (unsigned char)*a - (unsigned char)*b;
}

int strncmp(const char *a, const char *b, size_t limit)
{
    for (; limit != 0; limit--, a++, b++) {
        if (*a != *b || *a == '\0') {
            return (unsigned char)*a - (unsigned char)*b;
        }
    }
    return 0;
}

char *strchr(const char *text, int wanted)
{
    for (;; text++) {
        if (*text == (char)wanted) {
            return (char *)(uintptr_t)text;
        }
        if (*text == '\0') {
            return NULL;
        }
    }
}

START_ONLY char *strrchr(const char *text, int wanted)
{
    const char *last = NULL;
    for (;; text++) {
        if (*text == (char)wanted) {
            last = text;
        }
        if (*text == '\0') {
            return (char *)(uintptr_t)last;
        }
    }
}
