// SPDX-License-Identifier: BSD-2-Clause
#include "tool/payload.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include <cmocka.h>

enum { SIZE = 3 << 20 };

static struct bytes pack(size_t size, int fill)
{
    uint8_t *plain = malloc(size);
    assert_non_null(plain);
    memset(plain, fill, size);
    z_stream stream = {.next_in = plain, .avail_in = (uInt)size};
    assert_int_equal(deflateInit2(&stream, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY),
                     Z_OK);
    size_t room = deflateBound(&stream, size);
    struct bytes packed = {malloc(room), room};
    assert_non_null(packed.data);
    stream.next_out = packed.data;
    stream.avail_out = (uInt)room;
    assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
    packed.size = stream.total_out;
    deflateEnd(&stream);
    free(plain);
    return packed;
}

static void expect_refusal(struct bytes *bytes, const char *text)
{
    char *error = payload_unpack(bytes);
    assert_non_null(error);
    assert_non_null(strstr(error, text));
    free(error);
    bytes_free(bytes);
}

static void unpacks(void **state)
{
    (void)state;
    struct bytes bytes = pack(SIZE, 'k');
    assert_null(payload_unpack(&bytes));
    assert_int_equal(bytes.size, SIZE);
    assert_int_equal(bytes.data[0], 'k');
    assert_int_equal(bytes.data[SIZE - 1], 'k');
    bytes_free(&bytes);
}

static void leaves_others_alone(void **state)
{
    (void)state;
    uint8_t *data = malloc(3);
    assert_non_null(data);
    memcpy(data, "\x1f\x8b\x08", 3); /* too short to be gzip */
    struct bytes bytes = {data, 3};
    assert_null(payload_unpack(&bytes));
    assert_ptr_equal(bytes.data, data);
    assert_int_equal(bytes.size, 3);
    bytes_free(&bytes);
}

static void every_truncation_is_refused(void **state)
{
    (void)state;
    struct bytes whole = pack(10000, 'k');
    for (size_t size = 18; size < whole.size; size++) {
        struct bytes part = {malloc(size), size};
        assert_non_null(part.data);
        memcpy(part.data, whole.data, size);
        expect_refusal(&part, "truncated");
    }
    bytes_free(&whole);
}

static void damage_is_refused(void **state)
{
    (void)state;
    struct bytes bytes = pack(10000, 'k');
    bytes.data[bytes.size - 6] ^= 1; /* its checksum */
    expect_refusal(&bytes, "damaged");
    bytes = pack(10000, 'k');
    bytes.data[2] = 7; /* an unknown method */
    expect_refusal(&bytes, "damaged");
}

/* A small file that unpacks to more than there may be. */
static void a_bomb_is_refused(void **state)
{
    (void)state;
    struct bytes bytes = pack((size_t)PAYLOAD_MAX_BYTES + 1, 0);
    assert_true(bytes.size < 1 << 20);
    expect_refusal(&bytes, "unpacks to more than 512 MiB");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unpacks),
        cmocka_unit_test(leaves_others_alone),
        cmocka_unit_test(every_truncation_is_refused),
        cmocka_unit_test(damage_is_refused),
        cmocka_unit_test(a_bomb_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
