// SPDX-License-Identifier: BSD-2-Clause
#include "lib/crc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <zlib.h>

static void known_values(void **state)
{
    (void)state;
    assert_int_equal(crc_update(0, "", 0), 0);
    assert_int_equal(crc_update(0, "123456789", 9), 0xcbf43926);
}

static void same_as_zlib_in_any_pieces(void **state)
{
    (void)state;
    uint8_t data[1000];
    uint32_t seed = 1;
    for (size_t i = 0; i < sizeof data; i++) {
        seed = seed * 1664525 + 1013904223;
        data[i] = (uint8_t)(seed >> 24);
    }
    for (size_t cut = 0; cut <= sizeof data; cut += 37) {
        uint32_t crc = crc_update(crc_update(0, data, cut), data + cut, sizeof data - cut);
        assert_int_equal(crc, crc32(0, data, sizeof data));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_values),
        cmocka_unit_test(same_as_zlib_in_any_pieces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
