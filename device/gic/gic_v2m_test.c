// SPDX-License-Identifier: BSD-2-Clause
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
// clang-format on

#include "device/gic/gic_v2m.h"
#include "test/fake/guest_gic.h"

enum { FIRST = 48, COUNT = 40, TYPER = 0x008, SETSPI = 0x040, IIDR = 0xfcc };

static struct fake_gic machine;
static struct gic_v2m frame;

static int set_up(void **state)
{
    (void)state;
    fake_gic_init(&machine, GIC_V2, 2, 64, 4);
    gic_v2m_init(&frame, &machine.gic, FIRST, COUNT);
    fake_set_groups(&machine, 3);
    return 0;
}

static uint64_t rd(unsigned offset, unsigned width)
{
    struct access a = {.offset = offset, .value = ~0ull, .width_bytes = (uint8_t)width};
    assert_int_equal(gic_v2m_access(&frame, &a), OUTCOME_DONE);
    return a.value;
}

static void wr(unsigned offset, unsigned width, uint64_t value)
{
    struct access a = {
        .offset = offset, .value = value, .width_bytes = (uint8_t)width, .is_write = true};
    assert_int_equal(gic_v2m_access(&frame, &a), OUTCOME_DONE);
}

static bool nothing_is_pending(void)
{
    for (unsigned bank = 0; bank < 3; bank++) {
        if (fake_read(&machine, 0, FAKE_PEND + 4 * bank, 4) != 0) {
            return false;
        }
    }
    return true;
}

static void it_says_which_spis_it_has(void **state)
{
    (void)state;
    assert_int_equal(rd(TYPER, 4), FIRST << 16 | COUNT);
    assert_int_equal(rd(TYPER, 2), COUNT);
    assert_int_equal(rd(TYPER + 2, 2), FIRST);
    assert_int_equal(rd(IIDR, 4), 0x43b);
    const unsigned reserved[] = {0, 4, SETSPI, 0x48, 0xfd0, 0xfe8, 0xffc};
    for (unsigned i = 0; i < sizeof reserved / sizeof reserved[0]; i++) {
        assert_int_equal(rd(reserved[i], 4), 0);
    }
    assert_int_equal(rd(TYPER, 8), 0);
    assert_int_equal(rd(TYPER + 1, 2), 0);
    wr(TYPER, 4, ~0u);
    assert_int_equal(rd(TYPER, 4), FIRST << 16 | COUNT);
    struct access outside = {.offset = GIC_V2M_SIZE, .width_bytes = 4};
    assert_int_equal(gic_v2m_access(&frame, &outside), OUTCOME_UNHANDLED);
}

static void a_message_is_one_interrupt(void **state)
{
    (void)state;
    const unsigned intids[] = {FIRST, FIRST + 20, FIRST + COUNT - 1};
    for (unsigned i = 0; i < 3; i++) {
        fake_prepare(&machine, 1, intids[i]);
        fake_set_edge(&machine, intids[i], true);
        wr(SETSPI, i == 0 ? 2 : 4, intids[i]);
        assert_int_equal(fake_serve(&machine, 1), intids[i]);
        assert_int_equal(fake_serve(&machine, 1), FAKE_NONE);
        assert_true(gic_v2m_message(&frame, intids[i]));
        assert_int_equal(fake_serve(&machine, 1), intids[i]);
    }
}

static void others_are_not_for_this_frame(void **state)
{
    (void)state;
    const uint32_t others[] = {
        0, 15, 31, 32, FIRST - 1, FIRST + COUNT, 95, 96, 1023, 1u << 20 | 50, 0xffffffff};
    for (unsigned i = 0; i < sizeof others / sizeof others[0]; i++) {
        wr(SETSPI, 4, others[i]);
        assert_false(gic_v2m_message(&frame, others[i]));
    }
    wr(SETSPI, 1, FIRST);
    wr(SETSPI, 8, FIRST);
    wr(SETSPI + 1, 2, FIRST);
    wr(SETSPI + 4, 4, FIRST);
    assert_true(nothing_is_pending());
    wr(SETSPI, 4, FIRST);
    assert_false(nothing_is_pending());
}

#define TEST(test) cmocka_unit_test_setup(test, set_up)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(it_says_which_spis_it_has),
        TEST(a_message_is_one_interrupt),
        TEST(others_are_not_for_this_frame),
    };
    return cmocka_run_group_tests_name("GICv2m", tests, NULL, NULL);
}
