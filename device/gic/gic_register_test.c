// SPDX-License-Identifier: BSD-2-Clause
/* Each register that GICv2 and GICv3 share, for private and for shared interrupts, on both. */
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
// clang-format on

#include "test/fake/guest_gic.h"

enum { PPI = 30, SPI = 70, LAST_WORD = 2, BEYOND = 3 /* words of one bit each: 64 SPIs */ };

static struct fake_gic machine;

static int set_up(void **state)
{
    enum gic_version version = *(const enum gic_version *)*state;
    fake_gic_init(&machine, version, 2, 64, 4);
    return 0;
}

static uint64_t word(unsigned reg, unsigned index)
{
    return fake_read(&machine, 0, reg + 4 * index, 4);
}

static void set_word(unsigned reg, unsigned index, uint64_t value)
{
    fake_write(&machine, 0, reg + 4 * index, 4, value);
}

static const unsigned pair[] = {PPI, SPI};

static void group_bits_read_back(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        unsigned index = pair[i] / 32;
        set_word(FAKE_GROUP, index, 0x12345678);
        assert_int_equal(word(FAKE_GROUP, index), 0x12345678);
        set_word(FAKE_GROUP, index, 0);
        assert_int_equal(word(FAKE_GROUP, index), 0);
    }
    assert_int_equal(fake_read(&machine, 1, FAKE_GROUP, 4),
                     machine.version == GIC_V3 ? 0xffffffff : 0); /* each vCPU has its own word 0 */
}

static void enables_are_set_and_cleared_by_ones(void **state)
{
    (void)state;
    const uint32_t sgis = machine.version == GIC_V2 ? 0xffff : 0;
    const uint32_t fixed[] = {sgis, 0};
    for (unsigned i = 0; i < 2; i++) {
        unsigned index = pair[i] / 32;
        assert_int_equal(word(FAKE_ENABLE, index), fixed[i]);
        set_word(FAKE_ENABLE, index, 0xf0f00000);
        set_word(FAKE_ENABLE, index, 0x01000001);
        assert_int_equal(word(FAKE_ENABLE, index), 0xf1f00001 | fixed[i]);
        assert_int_equal(word(FAKE_DISABLE, index), 0xf1f00001 | fixed[i]);
        set_word(FAKE_DISABLE, index, 0xf000ffff);
        assert_int_equal(word(FAKE_ENABLE, index), 0x01f00000 | fixed[i]);
        set_word(FAKE_DISABLE, index, 0);
        assert_int_equal(word(FAKE_DISABLE, index), 0x01f00000 | fixed[i]);
    }
    assert_int_equal(fake_read(&machine, 1, FAKE_ENABLE, 4), sgis);
}

static void pending_shows_lines_and_events(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        assert_false(fake_bit(&machine, 0, FAKE_PEND, pair[i]));
        gic_set_level(&machine.gic, 0, pair[i], true);
        assert_true(fake_bit(&machine, 0, FAKE_PEND, pair[i]));
        assert_true(fake_bit(&machine, 0, FAKE_UNPEND, pair[i]));
        fake_set_bit(&machine, 0, FAKE_UNPEND, pair[i]); /* the line is still high */
        assert_true(fake_bit(&machine, 0, FAKE_PEND, pair[i]));
        fake_set_bit(&machine, 0, FAKE_PEND, pair[i]);
        gic_set_level(&machine.gic, 0, pair[i], false);
        assert_true(fake_bit(&machine, 0, FAKE_PEND, pair[i]));
        fake_set_bit(&machine, 0, FAKE_UNPEND, pair[i]);
        assert_false(fake_bit(&machine, 0, FAKE_PEND, pair[i]));
    }
}

static void a_write_to_ispendr_is_delivered_once(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        fake_prepare(&machine, 0, pair[i]);
        fake_set_bit(&machine, 0, FAKE_PEND, pair[i]);
        assert_int_equal(fake_serve(&machine, 0), pair[i]);
        assert_int_equal(fake_serve(&machine, 0), FAKE_NONE);
    }
}

/* In a list register: active; pending, too, if an event brought it there, for lines as the line is.
 */
static void what_a_list_register_holds_is_shown(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        fake_prepare(&machine, 0, pair[i]);
        gic_set_level(&machine.gic, 0, pair[i], true);
        gic_set_level(&machine.gic, 0, pair[i], false);
        assert_true(fake_bit(&machine, 0, FAKE_ACTIVATE, pair[i]));
        assert_true(fake_bit(&machine, 0, FAKE_DEACTIVATE, pair[i]));
        assert_false(fake_bit(&machine, 0, FAKE_PEND, pair[i]));
        fake_serve(&machine, 0);
        assert_false(fake_bit(&machine, 0, FAKE_ACTIVATE, pair[i]));
        fake_set_bit(&machine, 0, FAKE_PEND, pair[i]);
        assert_true(fake_bit(&machine, 0, FAKE_PEND, pair[i]));
        fake_set_bit(&machine, 0, FAKE_UNPEND, pair[i]);
        assert_false(fake_bit(&machine, 0, FAKE_PEND, pair[i]));
        fake_serve(&machine, 0);
    }
}

static void what_waits_is_not_active(void **state)
{
    (void)state;
    fake_prepare(&machine, 0, SPI);
    for (unsigned intid = 32; intid < 36; intid++) {
        fake_prepare(&machine, 0, intid);
        gic_pulse(&machine.gic, 0, intid);
    }
    gic_pulse(&machine.gic, 0, SPI);
    assert_int_equal(word(FAKE_ACTIVATE, 1), 0xf);
    assert_false(fake_bit(&machine, 0, FAKE_ACTIVATE, SPI));
    assert_true(fake_bit(&machine, 0, FAKE_PEND, SPI));
}

static void active_bits_are_set_and_cleared_by_ones(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        unsigned index = pair[i] / 32;
        set_word(FAKE_ACTIVATE, index, 0xff);
        set_word(FAKE_ACTIVATE, index, 0xf00);
        assert_int_equal(word(FAKE_ACTIVATE, index), 0xfff);
        set_word(FAKE_DEACTIVATE, index, 0xf0f);
        assert_int_equal(word(FAKE_DEACTIVATE, index), 0x0f0);
    }
}

static void activating_what_is_in_a_list_register_does_not_outlast_its_end(void **state)
{
    (void)state;
    fake_prepare(&machine, 0, SPI);
    gic_pulse(&machine.gic, 0, SPI);
    fake_set_bit(&machine, 0, FAKE_ACTIVATE, SPI);
    assert_int_equal(fake_serve(&machine, 0), SPI);
    assert_false(fake_bit(&machine, 0, FAKE_ACTIVATE, SPI));
    gic_pulse(&machine.gic, 0, SPI);
    assert_int_equal(fake_serve(&machine, 0), SPI);
}

static void deactivating_what_is_in_a_list_register_waits_for_its_end(void **state)
{
    (void)state;
    fake_prepare(&machine, 0, SPI);
    gic_pulse(&machine.gic, 0, SPI);
    fake_set_bit(&machine, 0, FAKE_DEACTIVATE, SPI);
    assert_true(fake_bit(&machine, 0, FAKE_ACTIVATE, SPI));
    gic_pulse(&machine.gic, 0, SPI);
    assert_int_equal(fake_used(&machine, 0), 1);
    assert_int_equal(fake_serve(&machine, 0), SPI);
    assert_int_equal(fake_serve(&machine, 0), SPI);
}

static void priorities_have_five_bits_and_bytes(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        unsigned reg = 0x400 + (pair[i] & ~3u);
        fake_write(&machine, 0, reg, 4, 0xff7f3f07);
        assert_int_equal(fake_read(&machine, 0, reg, 4), 0xf8783800);
        fake_write(&machine, 0, reg + 2, 1, 0xaa);
        assert_int_equal(fake_read(&machine, 0, reg, 4), 0xf8a83800);
        assert_int_equal(fake_read(&machine, 0, reg + 2, 1), 0xa8);
        fake_write(&machine, 0, reg, 2, 0x1018);
        assert_int_equal(fake_read(&machine, 0, reg, 4), 0xf8a81018);
        assert_int_equal(fake_read(&machine, 0, reg + 2, 2), 0xf8a8);
    }
}

static void sgis_and_ppis_have_a_fixed_configuration(void **state)
{
    (void)state;
    assert_int_equal(word(0xc00, 0), 0xaaaaaaaa);
    assert_int_equal(word(0xc00, 1), 0);
    set_word(0xc00, 0, 0);
    set_word(0xc00, 1, ~0u);
    assert_int_equal(word(0xc00, 0), 0xaaaaaaaa);
    assert_int_equal(word(0xc00, 1), 0);
}

static void spis_are_level_or_edge(void **state)
{
    (void)state;
    assert_int_equal(word(0xc00, 5), 0);
    set_word(0xc00, 5, 0xffff0001);
    assert_int_equal(word(0xc00, 5), 0xaaaa0000);
    assert_int_equal(word(0xc00, 4), 0);
}

static void a_high_line_stays_pending_when_it_becomes_edge_triggered(void **state)
{
    (void)state;
    fake_prepare(&machine, 0, SPI);
    fake_set_bit(&machine, 0, FAKE_DISABLE, SPI);
    gic_set_level(&machine.gic, 0, SPI, true);
    fake_set_edge(&machine, SPI, true);
    fake_set_bit(&machine, 0, FAKE_ENABLE, SPI);
    assert_int_equal(fake_serve(&machine, 0), SPI);
    assert_int_equal(fake_serve(&machine, 0), FAKE_NONE);
}

/* The hardware would never tell again, if nobody told it that its event is dropped. */
static void dropping_an_edge_of_forwarded_hardware_arms_it_again(void **state)
{
    (void)state;
    gic_set_forwarded(&machine.gic, SPI);
    fake_set_edge(&machine, SPI, true);
    gic_set_level(&machine.gic, 0, SPI, true);
    assert_true(fake_bit(&machine, 0, FAKE_PEND, SPI));
    fake_set_bit(&machine, 0, FAKE_UNPEND, SPI);
    assert_int_equal(machine.ended[0][SPI], 1);
    gic_set_level(&machine.gic, 0, SPI, true); /* a new edge */
    assert_true(fake_bit(&machine, 0, FAKE_PEND, SPI));
}

static void interrupts_that_do_not_exist_are_raz_wi(void **state)
{
    (void)state;
    const unsigned regs[] = {FAKE_GROUP,  FAKE_ENABLE,   FAKE_DISABLE,   FAKE_PEND,
                             FAKE_UNPEND, FAKE_ACTIVATE, FAKE_DEACTIVATE};
    for (unsigned i = 0; i < 7; i++) {
        for (unsigned index = BEYOND; index < 32; index++) {
            set_word(regs[i], index, ~0u);
            assert_int_equal(word(regs[i], index), 0);
        }
        assert_int_equal(fake_dist_read(&machine, 0, regs[i] + 4 * LAST_WORD, 8), 0);
    }
    for (unsigned intid = 32 * BEYOND; intid < 1024; intid += 4) {
        fake_write(&machine, 0, 0x400 + intid, 4, ~0u);
        assert_int_equal(fake_read(&machine, 0, 0x400 + intid, 4), 0);
        fake_write(&machine, 0, 0xc00 + intid / 16 * 4, 4, ~0u);
        assert_int_equal(fake_read(&machine, 0, 0xc00 + intid / 16 * 4, 4), 0);
    }
}

static void odd_widths_and_alignments_are_raz_wi(void **state)
{
    (void)state;
    set_word(FAKE_ENABLE, 1, 0xffff);
    const struct {
        unsigned offset, width;
    } odd[] = {
        {FAKE_ENABLE + 4, 1},
        {FAKE_ENABLE + 4, 2},
        {FAKE_ENABLE + 4, 8},
        {FAKE_ENABLE + 5, 4},
        {FAKE_ENABLE + 3, 4},
        {FAKE_ENABLE + 6, 2}
    };
    for (unsigned i = 0; i < sizeof odd / sizeof odd[0]; i++) {
        assert_int_equal(fake_dist_read(&machine, 0, odd[i].offset, odd[i].width), 0);
        fake_dist_write(&machine, 0, odd[i].offset, odd[i].width, ~0ull);
    }
    fake_dist_write(&machine, 0, FAKE_DISABLE + 4, 1, 0xff);
    fake_dist_write(&machine, 0, FAKE_DISABLE + 4, 8, ~0ull);
    assert_int_equal(word(FAKE_ENABLE, 1), 0xffff);
    fake_dist_write(&machine, 0, 0x400 + 41, 2, ~0u);
    fake_dist_write(&machine, 0, 0x400 + 40, 8, ~0ull);
    assert_int_equal(fake_read(&machine, 0, 0x400 + 40, 4), 0);
}

static void writes_use_no_more_than_their_width(void **state)
{
    (void)state;
    struct access a = {
        .offset = 0x400 + 40, .value = 0xfefefefefefefe50, .width_bytes = 1, .is_write = true};
    assert_int_equal(gic_dist_access(&machine.gic, &a), OUTCOME_DONE);
    assert_int_equal(fake_read(&machine, 0, 0x400 + 40, 4), 0x50);
}

static enum gic_version v2 = GIC_V2, v3 = GIC_V3;
#define ON(version, test) cmocka_unit_test_prestate_setup_teardown(test, set_up, NULL, &(version))
#define BOTH(test)        ON(v2, test), ON(v3, test)

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(group_bits_read_back),
        BOTH(enables_are_set_and_cleared_by_ones),
        BOTH(pending_shows_lines_and_events),
        BOTH(a_write_to_ispendr_is_delivered_once),
        BOTH(what_a_list_register_holds_is_shown),
        BOTH(what_waits_is_not_active),
        BOTH(active_bits_are_set_and_cleared_by_ones),
        BOTH(activating_what_is_in_a_list_register_does_not_outlast_its_end),
        BOTH(deactivating_what_is_in_a_list_register_waits_for_its_end),
        BOTH(priorities_have_five_bits_and_bytes),
        BOTH(sgis_and_ppis_have_a_fixed_configuration),
        BOTH(spis_are_level_or_edge),
        BOTH(a_high_line_stays_pending_when_it_becomes_edge_triggered),
        BOTH(dropping_an_edge_of_forwarded_hardware_arms_it_again),
        BOTH(interrupts_that_do_not_exist_are_raz_wi),
        BOTH(odd_widths_and_alignments_are_raz_wi),
        BOTH(writes_use_no_more_than_their_width),
    };
    return cmocka_run_group_tests_name("registers of GICv2 and GICv3", tests, NULL, NULL);
}
