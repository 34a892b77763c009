// SPDX-License-Identifier: BSD-2-Clause
/* What only GICv2 has; section numbers are IHI 0048B's. */
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
// clang-format on

#include "test/fake/guest_gic.h"

static struct fake_gic machine;

static int set_up(void **state)
{
    (void)state;
    fake_gic_init(&machine, GIC_V2, 4, 64, 4);
    return 0;
}

/* GICD_SGIR (4.3.15) */
static void send(unsigned from, unsigned filter, unsigned targets, unsigned sgi)
{
    fake_dist_write(&machine, from, 0xf00, 4, filter << 24 | targets << 16 | sgi);
}

static unsigned pending_on(unsigned sgi)
{
    unsigned vcpus = 0;
    for (unsigned i = 0; i < machine.gic.vcpu_count; i++) {
        vcpus |= (unsigned)fake_bit(&machine, i, FAKE_PEND, sgi) << i;
    }
    return vcpus;
}

static void control_type_and_identification(void **state)
{
    (void)state;
    assert_int_equal(fake_dist_read(&machine, 0, 0x000, 4), 0);
    fake_dist_write(&machine, 0, 0x000, 4, ~0u);
    assert_int_equal(fake_dist_read(&machine, 3, 0x000, 4), 3);
    assert_int_equal(fake_dist_read(&machine, 0, 0x004, 4), 2 | 3 << 5);
    assert_int_equal(fake_dist_read(&machine, 0, 0x008, 4), 0x43b);
    fake_dist_write(&machine, 0, 0x004, 4, ~0u);
    assert_int_equal(fake_dist_read(&machine, 0, 0x004, 4), 2 | 3 << 5);
    const uint8_t ids[] = {4, 0, 0, 0, 0x90, 0xb4, 0x2b, 0, 0x0d, 0xf0, 0x05, 0xb1};
    for (unsigned i = 0; i < 12; i++) {
        assert_int_equal(fake_dist_read(&machine, 0, 0xfd0 + 4 * i, 4), ids[i]);
    }
    struct access outside = {.offset = GIC_V2_DIST_SIZE, .width_bytes = 4};
    assert_int_equal(gic_dist_access(&machine.gic, &outside), OUTCOME_UNHANDLED);
    assert_int_equal(gic_redist_access(&machine.gic, &outside), OUTCOME_UNHANDLED);
}

static void reserved_registers_are_raz_wi(void **state)
{
    (void)state;
    const unsigned reserved[] = {0x00c, 0x020, 0x07c, 0xd00, 0xe00,
                                 0xefc, 0xf04, 0xf0c, 0xf30, 0xfcc};
    for (unsigned i = 0; i < sizeof reserved / sizeof reserved[0]; i++) {
        fake_dist_write(&machine, 0, reserved[i], 4, ~0u);
        assert_int_equal(fake_dist_read(&machine, 0, reserved[i], 4), 0);
    }
    assert_int_equal(pending_on(0) | pending_on(15), 0);
}

static void targets_of_private_interrupts_are_the_reader(void **state)
{
    (void)state;
    for (unsigned vcpu = 0; vcpu < 4; vcpu++) {
        fake_dist_write(&machine, vcpu, 0x800 + 4 * vcpu, 4, ~0u);
        assert_int_equal(fake_dist_read(&machine, vcpu, 0x800 + 4 * vcpu, 4), 0x01010101u << vcpu);
        assert_int_equal(fake_dist_read(&machine, vcpu, 0x81f, 1), 1u << vcpu);
    }
}

static void targets_are_bytes_and_only_of_vcpus_that_exist(void **state)
{
    (void)state;
    fake_dist_write(&machine, 0, 0x820, 4, 0xff08f201);
    assert_int_equal(fake_dist_read(&machine, 0, 0x820, 4), 0x0f080201);
    fake_dist_write(&machine, 0, 0x821, 1, 0x0c);
    assert_int_equal(fake_dist_read(&machine, 0, 0x820, 4), 0x0f080c01);
    assert_int_equal(fake_dist_read(&machine, 0, 0x821, 1), 0x0c);
    fake_dist_write(&machine, 0, 0x800 + 96, 4, ~0u);
    assert_int_equal(fake_dist_read(&machine, 0, 0x800 + 96, 4), 0);
}

static void with_one_vcpu_targets_are_raz_wi(void **state)
{
    (void)state;
    fake_gic_init(&machine, GIC_V2, 1, 64, 4);
    fake_dist_write(&machine, 0, 0x820, 4, ~0u);
    assert_int_equal(fake_dist_read(&machine, 0, 0x820, 4), 0);
    assert_int_equal(fake_dist_read(&machine, 0, 0x800, 4), 0);
    assert_int_equal(fake_dist_read(&machine, 0, 0x004, 4), 2);
    fake_set_groups(&machine, 3);
    fake_set_bit(&machine, 0, FAKE_ENABLE, 33);
    gic_pulse(&machine.gic, 0, 33);
    assert_int_equal(fake_serve(&machine, 0), 33);
}

static void an_spi_without_target_waits(void **state)
{
    (void)state;
    fake_set_groups(&machine, 3);
    fake_set_bit(&machine, 0, FAKE_ENABLE, 33);
    gic_pulse(&machine.gic, 0, 33);
    assert_true(fake_bit(&machine, 0, FAKE_PEND, 33));
    fake_dist_write(&machine, 0, 0x821, 1, 4);
    assert_int_equal(fake_serve(&machine, 2), 33);
}

static void sgir_has_three_filters(void **state)
{
    (void)state;
    send(1, 0, 0xf5, 3);
    assert_int_equal(pending_on(3), 0x5);
    send(1, 1, 0x00, 4);
    assert_int_equal(pending_on(4), 0xd);
    send(1, 2, 0xff, 5);
    assert_int_equal(pending_on(5), 0x2);
    send(1, 3, 0xff, 6); /* reserved */
    assert_int_equal(pending_on(6), 0);
    fake_dist_write(&machine, 0, 0xf00, 1, 7);
    fake_dist_write(&machine, 0, 0xf02, 2, 0xff);
    assert_int_equal(pending_on(7) | pending_on(0), 0);
    assert_int_equal(fake_dist_read(&machine, 0, 0xf00, 4), 0);
}

/* A peer's mistake: the sources of an SGI were not kept apart. GICD_SPENDSGIR (4.3.17) shows them.
 */
static void the_sources_of_an_sgi_are_kept_apart(void **state)
{
    (void)state;
    send(0, 0, 4, 9);
    send(3, 0, 4, 9);
    send(3, 0, 4, 9);
    assert_int_equal(fake_dist_read(&machine, 2, 0xf20 + 9, 1), 0x9);
    assert_int_equal(fake_dist_read(&machine, 2, 0xf10 + 8, 4), 0x900);
    assert_int_equal(fake_dist_read(&machine, 1, 0xf20 + 9, 1), 0);
    fake_prepare(&machine, 2, 9);
    assert_int_equal(fake_dist_read(&machine, 2, 0xf20 + 9, 1), 0x9);
    assert_int_equal(fake_serve(&machine, 2), 9); /* one for each source */
    assert_int_equal(fake_dist_read(&machine, 2, 0xf20 + 9, 1), 0x8);
    assert_int_equal(fake_serve(&machine, 2), 9);
    assert_int_equal(fake_serve(&machine, 2), FAKE_NONE);
    assert_int_equal(fake_dist_read(&machine, 2, 0xf20 + 9, 1), 0);
}

static void spendsgir_sets_and_cpendsgir_clears_sources(void **state)
{
    (void)state;
    fake_dist_write(&machine, 1, 0xf20, 4, 0xff080301);
    assert_int_equal(fake_dist_read(&machine, 1, 0xf20, 4), 0x0f080301);
    assert_int_equal(fake_read(&machine, 1, FAKE_PEND, 4), 0xf);
    fake_dist_write(&machine, 1, 0xf11, 1, 0x01);
    fake_dist_write(&machine, 1, 0xf12, 1, 0xff);
    assert_int_equal(fake_dist_read(&machine, 1, 0xf10, 4), 0x0f000201);
    assert_int_equal(fake_read(&machine, 1, FAKE_PEND, 4), 0xb);
    fake_prepare(&machine, 1, 3);
    assert_int_equal(fake_serve(&machine, 1), 0);
    fake_dist_write(&machine, 1, 0xf10 + 3, 1, 0xff); /* one is in a list register already */
    assert_int_equal(fake_dist_read(&machine, 1, 0xf20 + 3, 1), 0);
    assert_int_equal(fake_serve(&machine, 1), 1);
    assert_int_equal(fake_serve(&machine, 1), 3);
    assert_int_equal(fake_serve(&machine, 1), FAKE_NONE);
}

static void sgis_are_not_pended_by_ispendr(void **state)
{
    (void)state;
    fake_dist_write(&machine, 0, FAKE_PEND, 4, 0xffff);
    assert_int_equal(fake_dist_read(&machine, 0, FAKE_PEND, 4), 0);
    send(0, 2, 0, 1);
    fake_dist_write(&machine, 0, FAKE_UNPEND, 4, 0xffff);
    assert_int_equal(fake_dist_read(&machine, 0, FAKE_UNPEND, 4), 2);
}

static void a_queued_sgi_keeps_its_source_when_it_is_recalled(void **state)
{
    (void)state;
    fake_gic_init(&machine, GIC_V2, 4, 64, 1);
    fake_prepare(&machine, 0, 1);
    send(0, 2, 0, 0);
    send(2, 0, 1, 1);
    fake_set_priority(&machine, 0, 1, 0x40); /* recalls and offers it */
    assert_int_equal(fake_dist_read(&machine, 0, 0xf21, 1), 4);
    assert_int_equal(fake_serve(&machine, 0), 0);
    assert_int_equal(fake_serve(&machine, 0), 1);
    assert_int_equal(fake_serve(&machine, 0), FAKE_NONE);
}

#define TEST(test) cmocka_unit_test_setup(test, set_up)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(control_type_and_identification),
        TEST(reserved_registers_are_raz_wi),
        TEST(targets_of_private_interrupts_are_the_reader),
        TEST(targets_are_bytes_and_only_of_vcpus_that_exist),
        TEST(with_one_vcpu_targets_are_raz_wi),
        TEST(an_spi_without_target_waits),
        TEST(sgir_has_three_filters),
        TEST(the_sources_of_an_sgi_are_kept_apart),
        TEST(spendsgir_sets_and_cpendsgir_clears_sources),
        TEST(sgis_are_not_pended_by_ispendr),
        TEST(a_queued_sgi_keeps_its_source_when_it_is_recalled),
    };
    return cmocka_run_group_tests_name("GICv2", tests, NULL, NULL);
}
