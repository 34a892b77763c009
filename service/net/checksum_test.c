// SPDX-License-Identifier: BSD-2-Clause
#include "service/net/checksum.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* RFC 1071 as it reads: big-endian words, carries folded. */
static uint16_t slow(const uint8_t *bytes, size_t size)
{
    uint32_t sum = 0;
    for (size_t i = 0; i < size; i++) {
        sum += i % 2 == 0 ? (uint32_t)bytes[i] << 8 : bytes[i];
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return (uint16_t)~sum;
}

static uint16_t swapped(uint16_t value)
{
    return (uint16_t)(value >> 8 | value << 8);
}

static void the_rfc_s_example(void **state)
{
    (void)state;
    static const uint8_t bytes[] = {0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};
    assert_int_equal(swapped(checksum_finish(checksum_add(0, bytes, sizeof bytes))), 0x220d);
}

static void all_sizes_and_alignments_agree_with_the_definition(void **state)
{
    (void)state;
    uint8_t bytes[300];
    uint32_t random = 1;
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < sizeof bytes; i++) {
            random = random * 1664525 + 1013904223;
            bytes[i] = round == 1 ? 0xff : (uint8_t)(random >> 24);
        }
        for (unsigned begin = 0; begin < 9; begin++) {
            for (unsigned size = 0; size < 200; size++) {
                uint16_t expected = slow(bytes + begin, size);
                uint16_t got = swapped(checksum_finish(checksum_add(0, bytes + begin, size)));
                assert_int_equal(got, expected != 0 ? expected : 0xffff);
                /* and in two pieces */
                unsigned cut = size / 2 & ~1u;
                uint64_t sum = checksum_add(0, bytes + begin, cut);
                sum = checksum_add(sum, bytes + begin + cut, size - cut);
                assert_int_equal(swapped(checksum_finish(sum)), got);
            }
        }
    }
}

static void a_partial_checksum_is_completed(void **state)
{
    (void)state;
    uint8_t frame[64];
    for (unsigned i = 0; i < sizeof frame; i++) {
        frame[i] = (uint8_t)(i * 37);
    }
    frame[40] = 0x12, frame[41] = 0x34; /* the pseudo header's sum */
    checksum_complete(frame, sizeof frame, 34, 6);
    uint16_t field = (uint16_t)(frame[40] << 8 | frame[41]);
    /* With the field as sent, pseudo header and all sum up to zero: 0xffff, inverted 0. */
    frame[40] = 0x12, frame[41] = 0x34;
    uint16_t expected = slow(frame + 34, sizeof frame - 34);
    assert_int_equal(field, expected);
}

static void zero_is_sent_as_all_ones(void **state)
{
    (void)state;
    uint8_t frame[16] = {0};
    memset(frame + 8, 0xff, 2);
    checksum_complete(frame, sizeof frame, 8, 4);
    assert_int_equal(frame[12], 0xff);
    assert_int_equal(frame[13], 0xff);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_rfc_s_example),
        cmocka_unit_test(all_sizes_and_alignments_agree_with_the_definition),
        cmocka_unit_test(a_partial_checksum_is_completed),
        cmocka_unit_test(zero_is_sent_as_all_ones),
    };
    return cmocka_run_group_tests_name("checksum", tests, NULL, NULL);
}
