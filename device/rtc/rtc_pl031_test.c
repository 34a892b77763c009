// SPDX-License-Identifier: BSD-2-Clause
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
// clang-format on

#include <string.h>

#include "device/rtc/rtc_pl031.h"

enum {
    DR = 0x00,
    MR = 0x04,
    LR = 0x08,
    CR = 0x0c,
    IMSC = 0x10,
    RIS = 0x14,
    MIS = 0x18,
    ICR = 0x1c,
    START_S = 1700000000,
};

static struct {
    struct rtc_pl031 rtc;
    struct rtc_pl031_port port;
    uint64_t now_s;
    bool line;
} t;

static uint64_t now_s(void *ctx)
{
    (void)ctx;
    return t.now_s;
}

static void set_level(void *ctx, bool high)
{
    (void)ctx;
    assert_true(high != t.line);
    t.line = high;
}

static uint32_t rd(unsigned offset)
{
    struct access a = {.offset = offset, .value = ~0ull, .width_bytes = 4};
    assert_int_equal(rtc_pl031_access(&t.rtc, &a), OUTCOME_DONE);
    assert_int_equal(a.value >> 32, 0);
    return (uint32_t)a.value;
}

static void wr(unsigned offset, uint32_t value)
{
    struct access a = {.offset = offset, .value = value, .width_bytes = 4, .is_write = true};
    assert_int_equal(rtc_pl031_access(&t.rtc, &a), OUTCOME_DONE);
}

static int set_up(void **state)
{
    (void)state;
    memset(&t, 0, sizeof t);
    t.now_s = START_S;
    t.port = (struct rtc_pl031_port){now_s, set_level, NULL};
    rtc_pl031_init(&t.rtc, &t.port, 3);
    assert_int_equal(t.rtc.lock.id, 3);
    return 0;
}

static void reset_values(void **state)
{
    (void)state;
    assert_int_equal(rd(DR), START_S);
    for (unsigned offset = MR; offset < 0xfe0; offset += 4) {
        assert_int_equal(rd(offset), offset == CR ? 1 : 0);
    }
    const uint8_t ids[] = {0x31, 0x10, 0x04, 0x00, 0x0d, 0xf0, 0x05, 0xb1};
    for (unsigned i = 0; i < 8; i++) {
        wr(0xfe0 + 4 * i, 0xff);
        assert_int_equal(rd(0xfe0 + 4 * i), ids[i]);
    }
}

static void the_counter_follows_the_port(void **state)
{
    (void)state;
    t.now_s += 5;
    assert_int_equal(rd(DR), START_S + 5);
    wr(DR, 0);
    assert_int_equal(rd(DR), START_S + 5);
    t.now_s -= 3;
    assert_int_equal(rd(DR), START_S + 2);
}

static void a_load_sets_the_counter(void **state)
{
    (void)state;
    wr(LR, 100);
    assert_int_equal(rd(LR), 100);
    assert_int_equal(rd(DR), 100);
    t.now_s += 7;
    assert_int_equal(rd(DR), 107);
    assert_int_equal(rd(LR), 100);
    wr(LR, 0xffffffff);
    t.now_s += 2;
    assert_int_equal(rd(DR), 1);
}

static void nothing_stops_the_counter(void **state)
{
    (void)state;
    wr(CR, 0);
    assert_int_equal(rd(CR), 1);
    t.now_s++;
    assert_int_equal(rd(DR), START_S + 1);
}

static void a_match_raises_the_interrupt_on_time(void **state)
{
    (void)state;
    wr(IMSC, 1);
    wr(MR, START_S + 10);
    assert_int_equal(rd(MR), START_S + 10);
    assert_int_equal(rtc_pl031_next_s(&t.rtc), START_S + 10);
    t.now_s += 9;
    rtc_pl031_tick(&t.rtc);
    assert_false(t.line);
    assert_int_equal(rtc_pl031_next_s(&t.rtc), START_S + 10);
    t.now_s++;
    rtc_pl031_tick(&t.rtc);
    assert_true(t.line);
    assert_int_equal(rd(RIS), 1);
    assert_int_equal(rd(MIS), 1);
    assert_true(rtc_pl031_next_s(&t.rtc) == RTC_PL031_NEVER);
    wr(ICR, 0);
    assert_true(t.line);
    wr(ICR, 1);
    assert_false(t.line); /* still the same second, but it has matched already */
    rtc_pl031_tick(&t.rtc);
    assert_false(t.line);
    assert_true(rtc_pl031_next_s(&t.rtc) == START_S + 10 + (1ull << 32));
}

static void a_late_tick_does_not_miss_the_match(void **state)
{
    (void)state;
    wr(IMSC, 1);
    wr(MR, START_S + 10);
    t.now_s += 1000;
    rtc_pl031_tick(&t.rtc);
    assert_true(t.line);
}

static void a_match_with_the_present_is_at_once(void **state)
{
    (void)state;
    wr(MR, START_S);
    assert_int_equal(rd(RIS), 1);
    wr(ICR, 1);
    wr(MR, 50);
    assert_int_equal(rd(RIS), 0);
    wr(LR, 50);
    assert_int_equal(rd(RIS), 1);
}

static void a_match_counts_even_when_masked(void **state)
{
    (void)state;
    wr(MR, START_S + 2);
    assert_true(rtc_pl031_next_s(&t.rtc) == RTC_PL031_NEVER);
    t.now_s += 3;
    assert_int_equal(rd(RIS), 1);
    assert_int_equal(rd(MIS), 0);
    assert_false(t.line);
    wr(IMSC, ~0u);
    assert_int_equal(rd(IMSC), 1);
    assert_true(t.line);
    wr(IMSC, ~1u);
    assert_false(t.line);
}

static void a_match_in_the_past_is_one_round_away(void **state)
{
    (void)state;
    wr(IMSC, 1);
    wr(MR, START_S - 1);
    assert_true(rtc_pl031_next_s(&t.rtc) == START_S - 1 + (1ull << 32));
    t.now_s = START_S + (1ull << 32) - 2;
    rtc_pl031_tick(&t.rtc);
    assert_false(t.line);
    t.now_s++;
    rtc_pl031_tick(&t.rtc);
    assert_true(t.line);
}

static void the_match_follows_the_guests_own_time(void **state)
{
    (void)state;
    wr(LR, 1000);
    wr(MR, 1005);
    wr(IMSC, 1);
    assert_int_equal(rtc_pl031_next_s(&t.rtc), START_S + 5);
}

static void a_port_that_goes_back_matches_nothing(void **state)
{
    (void)state;
    wr(IMSC, 1);
    wr(MR, START_S + 10);
    t.now_s -= 100;
    rtc_pl031_tick(&t.rtc);
    assert_false(t.line);
    assert_int_equal(rtc_pl031_next_s(&t.rtc), START_S + 10);
}

static void the_end_of_time_is_never(void **state)
{
    (void)state;
    t.now_s = UINT64_MAX - 5;
    wr(IMSC, 1);
    wr(MR, (uint32_t)t.now_s + 100);
    assert_true(rtc_pl031_next_s(&t.rtc) == RTC_PL031_NEVER);
}

static void odd_accesses_do_nothing(void **state)
{
    (void)state;
    const struct access odd[] = {
        {MR,     ~0ull, 1, true, 0},
        {MR,     ~0ull, 2, true, 0},
        {MR,     ~0ull, 8, true, 0},
        {MR + 1, ~0ull, 1, true, 0},
        {MR + 2, ~0ull, 4, true, 0},
        {0x20,   ~0ull, 4, true, 0}
    };
    for (unsigned i = 0; i < sizeof odd / sizeof odd[0]; i++) {
        struct access a = odd[i];
        assert_int_equal(rtc_pl031_access(&t.rtc, &a), OUTCOME_DONE);
    }
    assert_int_equal(rd(MR), 0);
    struct access a = {.offset = DR, .width_bytes = 8};
    assert_int_equal(rtc_pl031_access(&t.rtc, &a), OUTCOME_DONE);
    assert_int_equal(a.value, 0);
    a = (struct access){.offset = DR, .width_bytes = 1};
    assert_int_equal(rtc_pl031_access(&t.rtc, &a), OUTCOME_DONE);
    assert_int_equal(a.value, START_S & 0xff);
    a.offset = RTC_PL031_SIZE;
    assert_int_equal(rtc_pl031_access(&t.rtc, &a), OUTCOME_UNHANDLED);
}

static void a_reset_returns_to_the_ports_time(void **state)
{
    (void)state;
    wr(LR, 5);
    wr(MR, 5);
    wr(IMSC, 1);
    assert_true(t.line);
    rtc_pl031_reset(&t.rtc);
    assert_false(t.line);
    reset_values(NULL);
}

#define TEST(test) cmocka_unit_test_setup(test, set_up)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(reset_values),
        TEST(the_counter_follows_the_port),
        TEST(a_load_sets_the_counter),
        TEST(nothing_stops_the_counter),
        TEST(a_match_raises_the_interrupt_on_time),
        TEST(a_late_tick_does_not_miss_the_match),
        TEST(a_match_with_the_present_is_at_once),
        TEST(a_match_counts_even_when_masked),
        TEST(a_match_in_the_past_is_one_round_away),
        TEST(the_match_follows_the_guests_own_time),
        TEST(a_port_that_goes_back_matches_nothing),
        TEST(the_end_of_time_is_never),
        TEST(odd_accesses_do_nothing),
        TEST(a_reset_returns_to_the_ports_time),
    };
    return cmocka_run_group_tests_name("PL031", tests, NULL, NULL);
}
