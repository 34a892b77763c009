// SPDX-License-Identifier: BSD-2-Clause
#include "lib/base64.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* RFC 4648, section 10. */
static const struct {
    const char *text, *line;
} vectors[] = {
    {"",       ""        },
    {"f",      "Zg=="    },
    {"fo",     "Zm8="    },
    {"foo",    "Zm9v"    },
    {"foob",   "Zm9vYg=="},
    {"fooba",  "Zm9vYmE="},
    {"foobar", "Zm9vYmFy"},
};

static void encodes_and_decodes_the_vectors_of_the_rfc(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        char line[BASE64_LINE_MAX];
        uint8_t bytes[BASE64_LINE_BYTES];
        size_t size, length = strlen(vectors[i].line);
        assert_int_equal(
            base64_encode(line, (const uint8_t *)vectors[i].text, strlen(vectors[i].text)), length);
        assert_memory_equal(line, vectors[i].line, length);
        assert_int_equal(base64_decode(bytes, &size, line, length), length != 0);
        assert_int_equal(size, strlen(vectors[i].text));
        assert_memory_equal(bytes, vectors[i].text, size);
    }
}

static void every_length_and_byte_comes_back(void **state)
{
    (void)state;
    for (size_t size = 1; size <= BASE64_LINE_BYTES; size++) {
        uint8_t bytes[BASE64_LINE_BYTES], back[BASE64_LINE_BYTES];
        char line[BASE64_LINE_MAX];
        size_t got;
        for (size_t i = 0; i < size; i++) {
            bytes[i] = (uint8_t)(i * 37 + size * 91);
        }
        size_t length = base64_encode(line, bytes, size);
        assert_int_equal(length, (size + 2) / 3 * 4);
        assert_true(base64_decode(back, &got, line, length));
        assert_int_equal(got, size);
        assert_memory_equal(back, bytes, size);
    }
}

static void what_is_no_line_is_refused(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "Zg",   "Zg=",    "Zm9vY",         "Z===", "====", "Zm=v",
        "Zm 9", "Zm9v\r", "[net] link up", "Zm9-", "Zm9_", "Zm\xffv"};
    uint8_t bytes[BASE64_LINE_BYTES];
    size_t size;
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        assert_false(base64_decode(bytes, &size, lines[i], strlen(lines[i])));
    }
    char line[BASE64_LINE_MAX + 4];
    memset(line, 'A', sizeof line);
    assert_true(base64_decode(bytes, &size, line, BASE64_LINE_MAX));
    assert_int_equal(size, BASE64_LINE_BYTES);
    assert_false(base64_decode(bytes, &size, line, sizeof line));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(encodes_and_decodes_the_vectors_of_the_rfc),
        cmocka_unit_test(every_length_and_byte_comes_back),
        cmocka_unit_test(what_is_no_line_is_refused),
    };
    return cmocka_run_group_tests_name("base64", tests, NULL, NULL);
}
