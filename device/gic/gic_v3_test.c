// SPDX-License-Identifier: BSD-2-Clause
/* What only GICv3 has. */
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
// clang-format on

#include "test/fake/guest_gic.h"

enum { SGI_BASE = 0x10000, IROUTER = 0x6000 };

static struct fake_gic machine;

static int set_up(void **state)
{
    (void)state;
    fake_gic_init(&machine, GIC_V3, 4, 64, 4);
    return 0;
}

static unsigned pending_on(unsigned sgi)
{
    unsigned vcpus = 0;
    for (unsigned i = 0; i < machine.gic.vcpu_count; i++) {
        vcpus |= (unsigned)fake_bit(&machine, i, FAKE_PEND, sgi) << i;
    }
    return vcpus;
}

static void distributor_control_type_and_identification(void **state)
{
    (void)state;
    assert_int_equal(fake_dist_read(&machine, 0, 0, 4), 0x50); /* DS, ARE */
    fake_dist_write(&machine, 0, 0, 4, ~0u);
    assert_int_equal(fake_dist_read(&machine, 0, 0, 4), 0x53);
    fake_dist_write(&machine, 0, 0, 4, 0);
    assert_int_equal(fake_dist_read(&machine, 0, 0, 4), 0x50);
    assert_int_equal(fake_dist_read(&machine, 0, 4, 4), 2 | 9 << 19 | 1 << 16);
    assert_int_equal(fake_dist_read(&machine, 0, 8, 4), 0x43b);
    const uint8_t ids[] = {0x44, 0, 0, 0, 0x92, 0xb4, 0x3b, 0, 0x0d, 0xf0, 0x05, 0xb1};
    for (unsigned i = 0; i < 12; i++) {
        assert_int_equal(fake_dist_read(&machine, 0, 0xffd0 + 4 * i, 4), ids[i]);
    }
    assert_int_equal(fake_dist_read(&machine, 0, 0xffe8, 1), 0x3b);
    assert_int_equal(fake_dist_read(&machine, 0, 0xffe8, 8), 0);
    struct access outside = {.offset = GIC_V3_DIST_SIZE, .width_bytes = 4};
    assert_int_equal(gic_dist_access(&machine.gic, &outside), OUTCOME_UNHANDLED);
}

static void the_distributor_has_no_private_interrupts(void **state)
{
    (void)state;
    const unsigned regs[] = {0x080, 0x100, 0x180, 0x200, 0x280, 0x300,
                             0x380, 0x400, 0x41c, 0xc00, 0xc04};
    for (unsigned i = 0; i < sizeof regs / sizeof regs[0]; i++) {
        fake_dist_write(&machine, 1, regs[i], 4, ~0u);
        assert_int_equal(fake_dist_read(&machine, 1, regs[i], 4), 0);
    }
    assert_int_equal(fake_redist_read(&machine, 1, SGI_BASE + 0x100, 4), 0);
}

static void reserved_registers_are_raz_wi(void **state)
{
    (void)state;
    /* With affinity routing, also ITARGETSR, SGIR, SPENDSGIR; IGRPMODR with one Security state. */
    const unsigned dist[] = {0x00c,  0x010,  0x040,  0x048,  0x800, 0x820, 0xd00,
                             0xd04,  0xe00,  0xf00,  0xf10,  0xf20, 0xfd0, 0x1000,
                             0x5ffc, 0x6000, 0x60f8, 0x7fe0, 0xffcc};
    for (unsigned i = 0; i < sizeof dist / sizeof dist[0]; i++) {
        fake_dist_write(&machine, 0, dist[i], 4, ~0u);
        assert_int_equal(fake_dist_read(&machine, 0, dist[i], 4), 0);
    }
    const unsigned redist[] = {0x00000, 0x00010, 0x00040, 0x00070, 0x00078, 0x000c0,
                               0x0ffcc, 0x10084, 0x10104, 0x10420, 0x10c08, 0x10d00,
                               0x10e00, 0x10f00, 0x11000, 0x1ffe8};
    for (unsigned i = 0; i < sizeof redist / sizeof redist[0]; i++) {
        fake_redist_write(&machine, 1, redist[i], 4, ~0u);
        assert_int_equal(fake_redist_read(&machine, 1, redist[i], 4), 0);
    }
    assert_int_equal(pending_on(0), 0);
}

static void irouter_is_64_bits_or_two_halves(void **state)
{
    (void)state;
    fake_dist_write(&machine, 0, IROUTER + 8 * 40, 8, 0xffffffffffffffff);
    assert_int_equal(fake_dist_read(&machine, 0, IROUTER + 8 * 40, 8), 0x80ffffff);
    fake_dist_write(&machine, 0, IROUTER + 8 * 40, 4, 3);
    fake_dist_write(&machine, 0, IROUTER + 8 * 40 + 4, 4, 0xff); /* no affinity level 3 */
    assert_int_equal(fake_dist_read(&machine, 0, IROUTER + 8 * 40, 8), 3);
    assert_int_equal(fake_dist_read(&machine, 0, IROUTER + 8 * 40, 4), 3);
    assert_int_equal(fake_dist_read(&machine, 0, IROUTER + 8 * 40 + 4, 4), 0);
    fake_dist_write(&machine, 0, IROUTER + 8 * 40, 2, 1);
    fake_dist_write(&machine, 0, IROUTER + 8 * 40 + 4, 8, 1);
    fake_dist_write(&machine, 0, IROUTER + 8 * 40 + 2, 4, 1);
    assert_int_equal(fake_dist_read(&machine, 0, IROUTER + 8 * 40, 8), 3);
    assert_int_equal(fake_dist_read(&machine, 0, IROUTER + 8 * 40, 2), 0);
    fake_dist_write(&machine, 0, IROUTER + 8 * 96, 8, 3); /* does not exist */
    assert_int_equal(fake_dist_read(&machine, 0, IROUTER + 8 * 96, 8), 0);
}

static void an_affinity_that_nobody_has_gets_nothing(void **state)
{
    (void)state;
    const uint64_t nobody[] = {4, 0x100, 0x10001, 0xffffff};
    fake_prepare(&machine, 0, 40);
    for (unsigned i = 0; i < 4; i++) {
        fake_dist_write(&machine, 0, IROUTER + 8 * 40, 8, nobody[i]);
        gic_set_level(&machine.gic, 0, 40, true);
        assert_true(fake_bit(&machine, 0, FAKE_PEND, 40));
        for (unsigned vcpu = 0; vcpu < 4; vcpu++) {
            assert_int_equal(fake_used(&machine, vcpu), 0);
        }
    }
    fake_dist_write(&machine, 0, IROUTER + 8 * 40, 4, 2);
    assert_int_equal(fake_take(&machine, 2), 40);
}

static void redistributors_say_whose_they_are(void **state)
{
    (void)state;
    for (uint64_t vcpu = 0; vcpu < 4; vcpu++) {
        uint64_t typer = vcpu << 32 | vcpu << 8 | (vcpu == 3 ? 1 << 4 : 0);
        unsigned v = (unsigned)vcpu;
        assert_int_equal(fake_redist_read(&machine, v, 8, 8), typer);
        assert_int_equal(fake_redist_read(&machine, v, 8, 4), typer & 0xffffffff);
        assert_int_equal(fake_redist_read(&machine, v, 12, 4), typer >> 32);
        fake_redist_write(&machine, v, 8, 8, ~0ull);
        assert_int_equal(fake_redist_read(&machine, v, 8, 8), typer);
        assert_int_equal(fake_redist_read(&machine, v, 0, 4), 0);
        assert_int_equal(fake_redist_read(&machine, v, 4, 4), 0x43b);
        assert_int_equal(fake_redist_read(&machine, v, 0xffe0, 4), 0x93);
        assert_int_equal(fake_redist_read(&machine, v, 0xffe8, 4), 0x3b);
    }
    struct access outside = {.offset = 4 * GIC_V3_REDIST_SIZE, .width_bytes = 4};
    assert_int_equal(gic_redist_access(&machine.gic, &outside), OUTCOME_UNHANDLED);
    outside.offset = UINT64_MAX - 3;
    assert_int_equal(gic_redist_access(&machine.gic, &outside), OUTCOME_UNHANDLED);
}

static void the_waker_acknowledges_at_once(void **state)
{
    (void)state;
    assert_int_equal(fake_redist_read(&machine, 2, 0x14, 4), 6);
    fake_redist_write(&machine, 2, 0x14, 4, 0);
    assert_int_equal(fake_redist_read(&machine, 2, 0x14, 4), 0);
    assert_int_equal(fake_redist_read(&machine, 1, 0x14, 4), 6);
    fake_redist_write(&machine, 2, 0x14, 4, 2);
    assert_int_equal(fake_redist_read(&machine, 2, 0x14, 4), 6);
    fake_redist_write(&machine, 2, 0x14, 1, 0);
    assert_int_equal(fake_redist_read(&machine, 2, 0x14, 4), 6);
}

static void any_vcpu_may_access_any_redistributor(void **state)
{
    (void)state;
    struct access a = {.offset = 2ull * GIC_V3_REDIST_SIZE + SGI_BASE + 0x100,
                       .value = 0x40,
                       .width_bytes = 4,
                       .is_write = true,
                       .vcpu = 3};
    assert_int_equal(gic_redist_access(&machine.gic, &a), OUTCOME_DONE);
    assert_true(fake_bit(&machine, 2, FAKE_ENABLE, 6));
    assert_false(fake_bit(&machine, 3, FAKE_ENABLE, 6));
}

static void send(unsigned from, uint64_t value)
{
    gic_v3_sgi(&machine.gic, from, GIC_V3_SGI1R, value);
}

static void sgi1r_has_a_target_list_and_all_but_self(void **state)
{
    (void)state;
    send(0, 5ull << 24 | 0xfff6);
    assert_int_equal(pending_on(5), 0x6);
    send(1, 6ull << 24 | 1ull << 40);
    assert_int_equal(pending_on(6), 0xd);
    send(1, 7ull << 24 | 1ull << 40 | 0x2); /* the list does not count then */
    assert_int_equal(pending_on(7), 0xd);
    send(2, 15ull << 24 | 0x4);
    assert_int_equal(pending_on(15), 0x4);
}

static void sgis_to_other_clusters_reach_nobody(void **state)
{
    (void)state;
    const uint64_t elsewhere[] = {1ull << 16, 1ull << 32, 1ull << 48, 1ull << 44};
    for (unsigned i = 0; i < 4; i++) {
        send(0, 5ull << 24 | elsewhere[i] | 0xffff);
        assert_int_equal(pending_on(5), 0);
    }
}

static void sgi0r_and_asgi1r_send_group_0_only(void **state)
{
    (void)state;
    fake_write(&machine, 1, FAKE_GROUP, 4, 0); /* vCPU 1 has its SGIs in group 0 */
    gic_v3_sgi(&machine.gic, 0, GIC_V3_SGI0R, 1ull << 24 | 0xf);
    assert_int_equal(pending_on(1), 0x2);
    gic_v3_sgi(&machine.gic, 0, GIC_V3_ASGI1R, 2ull << 24 | 0xf);
    assert_int_equal(pending_on(2), 0x2);
    gic_v3_sgi(&machine.gic, 0, GIC_V3_SGI1R, 3ull << 24 | 0xf);
    assert_int_equal(pending_on(3), 0xf);
}

static void sgis_can_be_disabled_and_pended_by_register(void **state)
{
    (void)state;
    fake_set_groups(&machine, 3);
    send(0, 5ull << 24 | 1);
    assert_int_equal(fake_used(&machine, 0), 0);
    fake_set_bit(&machine, 0, FAKE_UNPEND, 5);
    fake_set_bit(&machine, 0, FAKE_ENABLE, 5);
    assert_int_equal(fake_used(&machine, 0), 0);
    fake_set_bit(&machine, 0, FAKE_PEND, 5);
    assert_int_equal(fake_find(&machine, 0, 5)->group, 1);
    send(1, 5ull << 24 | 1);
    assert_int_equal(fake_serve(&machine, 0), 5);
    assert_int_equal(fake_serve(&machine, 0), 5);
    assert_int_equal(fake_serve(&machine, 0), FAKE_NONE);
}

static void eight_vcpus_and_256_spis(void **state)
{
    (void)state;
    fake_gic_init(&machine, GIC_V3, 8, 256, 16);
    assert_int_equal(fake_dist_read(&machine, 0, 4, 4), 8 | 9 << 19 | 1 << 16);
    fake_prepare(&machine, 7, 287);
    gic_pulse(&machine.gic, 0, 287);
    assert_int_equal(fake_serve(&machine, 7), 287);
    for (unsigned intid = 32; intid < 287; intid++) {
        fake_prepare(&machine, 7, intid);
        gic_pulse(&machine.gic, 0, intid);
    }
    assert_int_equal(fake_used(&machine, 7), 16);
    for (unsigned intid = 32; intid < 287; intid++) {
        assert_int_equal(fake_serve(&machine, 7), intid);
    }
    assert_int_equal(fake_serve(&machine, 7), FAKE_NONE);
}

static void messages_are_edges_of_spis(void **state)
{
    (void)state;
    fake_prepare(&machine, 1, 80);
    fake_set_edge(&machine, 80, true);
    fake_dist_write(&machine, 0, 0x40, 4, 80);
    assert_int_equal(fake_serve(&machine, 1), 80);
    assert_int_equal(fake_serve(&machine, 1), FAKE_NONE);
    fake_dist_write(&machine, 0, 0x40, 2, 80); /* a halfword will do, a byte and 8 bytes not */
    fake_dist_write(&machine, 0, 0x40, 2, 80); /* merges with the first, as edges do */
    assert_int_equal(fake_take(&machine, 1), 80);
    fake_dist_write(&machine, 0, 0x40, 4, 80); /* a new one, while the guest deals with the first */
    fake_end(&machine, 1, 80);
    assert_int_equal(fake_serve(&machine, 1), 80);
    fake_dist_write(&machine, 0, 0x40, 1, 80);
    fake_dist_write(&machine, 0, 0x40, 8, 80);
    fake_dist_write(&machine, 0, 0x44, 4, 80);
    fake_dist_write(&machine, 0, 0x50, 4, 80); /* the Secure ones do not exist */
    fake_dist_write(&machine, 0, 0x42, 2, 80);
    assert_int_equal(fake_serve(&machine, 1), FAKE_NONE);
    assert_int_equal(fake_dist_read(&machine, 0, 0x40, 4), 0);
}

static void messages_name_spis_that_exist(void **state)
{
    (void)state;
    const uint64_t nothing[] = {0, 15, 16, 27, 31, 96, 1023, 8192 + 40, 0xffffffff};
    fake_set_groups(&machine, 3);
    for (unsigned i = 0; i < sizeof nothing / sizeof nothing[0]; i++) {
        fake_dist_write(&machine, 0, 0x40, 4, nothing[i]);
        fake_dist_write(&machine, 0, 0x48, 4, nothing[i]);
        assert_false(gic_message(&machine.gic, nothing[i], true));
    }
    assert_false(gic_message(&machine.gic, 0x100000000ull + 40, true));
    for (unsigned vcpu = 0; vcpu < 4; vcpu++) {
        for (unsigned intid = 0; intid < 96; intid++) {
            assert_false(fake_bit(&machine, vcpu, FAKE_PEND, intid));
        }
    }
    assert_true(gic_message(&machine.gic, 95, true));
    assert_true(fake_bit(&machine, 0, FAKE_PEND, 95));
}

static void clrspi_takes_a_message_back(void **state)
{
    (void)state;
    fake_set_edge(&machine, 80, true);
    fake_dist_write(&machine, 0, 0x40, 4, 80);
    assert_true(fake_bit(&machine, 0, FAKE_PEND, 80));
    fake_dist_write(&machine, 0, 0x48, 4, 80);
    assert_false(fake_bit(&machine, 0, FAKE_PEND, 80));
    fake_prepare(&machine, 0, 80);
    assert_int_equal(fake_serve(&machine, 0), FAKE_NONE);
}

static void level_sensitive_messages_last_until_clrspi(void **state)
{
    (void)state;
    fake_prepare(&machine, 0, 81);
    fake_set_edge(&machine, 81, false);
    fake_dist_write(&machine, 0, 0x40, 4, 81);
    assert_int_equal(fake_serve(&machine, 0), 81);
    assert_int_equal(fake_take(&machine, 0), 81);
    fake_dist_write(&machine, 0, 0x48, 4, 81);
    fake_end(&machine, 0, 81);
    assert_int_equal(fake_serve(&machine, 0), FAKE_NONE);
}

#define TEST(test) cmocka_unit_test_setup(test, set_up)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(distributor_control_type_and_identification),
        TEST(the_distributor_has_no_private_interrupts),
        TEST(reserved_registers_are_raz_wi),
        TEST(irouter_is_64_bits_or_two_halves),
        TEST(an_affinity_that_nobody_has_gets_nothing),
        TEST(redistributors_say_whose_they_are),
        TEST(the_waker_acknowledges_at_once),
        TEST(any_vcpu_may_access_any_redistributor),
        TEST(sgi1r_has_a_target_list_and_all_but_self),
        TEST(sgis_to_other_clusters_reach_nobody),
        TEST(sgi0r_and_asgi1r_send_group_0_only),
        TEST(sgis_can_be_disabled_and_pended_by_register),
        TEST(eight_vcpus_and_256_spis),
        TEST(messages_are_edges_of_spis),
        TEST(messages_name_spis_that_exist),
        TEST(clrspi_takes_a_message_back),
        TEST(level_sensitive_messages_last_until_clrspi),
    };
    return cmocka_run_group_tests_name("GICv3", tests, NULL, NULL);
}
