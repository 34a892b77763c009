// SPDX-License-Identifier: BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* The target's functions beside the host's own. */
#define memcpy  bytes_memcpy
#define memmove bytes_memmove
#define memset  bytes_memset
#define memcmp  bytes_memcmp
#define memchr  bytes_memchr
#define strlen  bytes_strlen
#define strnlen bytes_strnlen
#define strcmp  bytes_strcmp
#define strncmp bytes_strncmp
#define strchr  bytes_strchr
#define strrchr bytes_strrchr
void *bytes_memcpy(void *restrict to, const void *restrict from, size_t size);
void *bytes_memmove(void *to, const void *from, size_t size);
void *bytes_memset(void *to, int value, size_t size);
int bytes_memcmp(const void *left, const void *right, size_t size);
void *bytes_memchr(const void *in, int wanted, size_t size);
size_t bytes_strlen(const char *text);
size_t bytes_strnlen(const char *text, size_t limit);
int bytes_strcmp(const char *a, const char *b);
int bytes_strncmp(const char *a, const char *b, size_t limit);
char *bytes_strchr(const char *text, int wanted);
char *bytes_strrchr(const char *text, int wanted);
#include "lib/bytes.c" // NOLINT
#undef memcpy
#undef memmove
#undef memset
#undef memcmp
#undef memchr
#undef strlen
#undef strnlen
#undef strcmp
#undef strncmp
#undef strchr
#undef strrchr

enum { ROOM = 160 };

static void fill(uint8_t *room)
{
    for (unsigned i = 0; i < ROOM; i++) {
        room[i] = (uint8_t)(i * 7 + 1);
    }
}

static void move_in_every_overlap(void **state)
{
    (void)state;
    uint8_t ours[ROOM], theirs[ROOM];
    for (unsigned from = 0; from < 40; from++) {
        for (unsigned to = 0; to < 40; to++) {
            for (unsigned size = 0; size <= 100; size += 1 + size / 16) {
                fill(ours);
                fill(theirs);
                assert_ptr_equal(bytes_memmove(ours + to, ours + from, size), ours + to);
                memmove(theirs + to, theirs + from, size);
                assert_memory_equal(ours, theirs, ROOM);
            }
        }
    }
}

static void copy_and_set_touch_nothing_else(void **state)
{
    (void)state;
    uint8_t ours[ROOM], theirs[ROOM], from[ROOM];
    fill(from);
    for (unsigned to = 0; to < 9; to++) {
        for (unsigned size = 0; size < 100; size++) {
            fill(ours);
            fill(theirs);
            bytes_memcpy(ours + to, from + 3, size);
            memcpy(theirs + to, from + 3, size);
            assert_memory_equal(ours, theirs, ROOM);
            bytes_memset(ours + to, (int)size, size);
            memset(theirs + to, (int)size, size);
            assert_memory_equal(ours, theirs, ROOM);
        }
    }
}

static int sign(int value)
{
    return (value > 0) - (value < 0);
}

static void texts_as_in_libc(void **state)
{
    (void)state;
    static const char *const texts[] = {"", "a", "ab", "abc", "abd", "b", "\377", "a\377"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        assert_int_equal(bytes_strlen(texts[i]), strlen(texts[i]));
        assert_int_equal(bytes_strnlen(texts[i], 2), strnlen(texts[i], 2));
        assert_ptr_equal(bytes_strchr(texts[i], 'b'), strchr(texts[i], 'b'));
        assert_ptr_equal(bytes_strchr(texts[i], 0), strchr(texts[i], 0));
        assert_ptr_equal(bytes_strrchr(texts[i], 'a'), strrchr(texts[i], 'a'));
        assert_ptr_equal(bytes_memchr(texts[i], 'b', strlen(texts[i])),
                         memchr(texts[i], 'b', strlen(texts[i])));
        for (size_t j = 0; j < sizeof texts / sizeof texts[0]; j++) {
            assert_int_equal(sign(bytes_strcmp(texts[i], texts[j])),
                             sign(strcmp(texts[i], texts[j])));
            assert_int_equal(sign(bytes_strncmp(texts[i], texts[j], 1)),
                             sign(strncmp(texts[i], texts[j], 1)));
            assert_int_equal(sign(bytes_memcmp(texts[i], texts[j], 1)),
                             sign(memcmp(texts[i], texts[j], 1)));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(move_in_every_overlap),
        cmocka_unit_test(copy_and_set_touch_nothing_else),
        cmocka_unit_test(texts_as_in_libc),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
