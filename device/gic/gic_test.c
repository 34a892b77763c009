// SPDX-License-Identifier: BSD-2-Clause
/*
 * What GICv2 and GICv3 have in common: every test runs on both. The cases of single registers are
 * in gic_register_test.c, those of one version in gic_v2_test.c and gic_v3_test.c.
 */
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
// clang-format on

#include "test/fake/guest_gic.h"

enum { TIMER = 27, SPI = 40, OTHER_SPI = 71, LRS = 4 };

static struct fake_gic machine;

static int set_up(void **state)
{
    enum gic_version version = *(const enum gic_version *)*state;
    fake_gic_init(&machine, version, 4, 64, LRS);
    return 0;
}

static void an_spi_is_delivered_to_its_target(void **state)
{
    (void)state;
    fake_prepare(&machine, 2, SPI);
    gic_set_level(&machine.gic, 0, SPI, true);
    assert_non_null(fake_find(&machine, 2, SPI));
    assert_int_equal(machine.kicks[2], 1);
    assert_int_equal(fake_find(&machine, 2, SPI)->priority, 0xa0 >> 3);
    gic_set_level(&machine.gic, 0, SPI, false);
    assert_int_equal(fake_serve(&machine, 2), SPI);
    assert_int_equal(machine.served[2][SPI], 1);
    assert_int_equal(machine.ended[2][SPI], 0); /* nobody to tell: it is not forwarded */
    assert_int_equal(fake_used(&machine, 2), 0);
}

static void a_ppi_is_delivered_to_its_vcpu_only(void **state)
{
    (void)state;
    fake_prepare(&machine, 1, TIMER);
    gic_set_level(&machine.gic, 1, TIMER, true);
    gic_set_level(&machine.gic, 3, TIMER, true); /* not enabled there */
    assert_non_null(fake_find(&machine, 1, TIMER));
    assert_null(fake_find(&machine, 3, TIMER));
    fake_prepare(&machine, 3, TIMER);
    assert_non_null(fake_find(&machine, 3, TIMER));
}

static void an_sgi_is_delivered_to_all_its_targets(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        fake_prepare(&machine, i, 5);
    }
    fake_send_sgi(&machine, 0, 0xb, 5);
    assert_non_null(fake_find(&machine, 0, 5));
    assert_non_null(fake_find(&machine, 1, 5));
    assert_null(fake_find(&machine, 2, 5));
    assert_non_null(fake_find(&machine, 3, 5));
}

static void a_high_line_is_pending_again_after_its_end(void **state)
{
    (void)state;
    fake_prepare(&machine, 1, SPI);
    gic_set_level(&machine.gic, 0, SPI, true);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(fake_serve(&machine, 1), SPI);
    }
    gic_set_level(&machine.gic, 0, SPI, false);
    assert_int_equal(fake_serve(&machine, 1), SPI); /* was in the list register already */
    assert_int_equal(fake_serve(&machine, 1), FAKE_NONE);
}

static void an_edge_while_active_is_remembered(void **state)
{
    (void)state;
    fake_prepare(&machine, 1, SPI);
    fake_set_edge(&machine, SPI, true);
    gic_pulse(&machine.gic, 0, SPI);
    assert_int_equal(fake_take(&machine, 1), SPI);
    gic_pulse(&machine.gic, 0, SPI);
    gic_pulse(&machine.gic, 0, SPI);
    assert_int_equal(fake_used(&machine, 1), 1);
    fake_end(&machine, 1, SPI);
    assert_int_equal(fake_serve(&machine, 1), SPI);
    assert_int_equal(fake_serve(&machine, 1), FAKE_NONE);
}

static void an_edge_triggered_line_counts_its_rises_only(void **state)
{
    (void)state;
    fake_prepare(&machine, 0, SPI);
    fake_set_edge(&machine, SPI, true);
    gic_set_level(&machine.gic, 0, SPI, true);
    assert_int_equal(fake_serve(&machine, 0), SPI);
    assert_int_equal(fake_serve(&machine, 0), FAKE_NONE);
    gic_set_level(&machine.gic, 0, SPI, true);
    fake_set_bit(&machine, 0, FAKE_ENABLE, SPI);
    assert_int_equal(fake_serve(&machine, 0), FAKE_NONE);
    gic_set_level(&machine.gic, 0, SPI, false);
    assert_int_equal(fake_serve(&machine, 0), FAKE_NONE);
    gic_set_level(&machine.gic, 0, SPI, true);
    assert_int_equal(fake_serve(&machine, 0), SPI);
}

static void a_pulse_of_a_level_sensitive_interrupt_is_delivered_once(void **state)
{
    (void)state;
    fake_prepare(&machine, 0, TIMER);
    gic_pulse(&machine.gic, 0, TIMER);
    assert_int_equal(fake_serve(&machine, 0), TIMER);
    assert_int_equal(fake_serve(&machine, 0), FAKE_NONE);
}

static void an_interrupt_raised_while_disabled_is_not_lost(void **state)
{
    (void)state;
    fake_set_groups(&machine, 3);
    fake_set_target(&machine, SPI, 1);
    fake_set_target(&machine, OTHER_SPI, 1);
    fake_set_edge(&machine, OTHER_SPI, true);
    gic_set_level(&machine.gic, 0, SPI, true);
    gic_pulse(&machine.gic, 0, OTHER_SPI);
    gic_pulse(&machine.gic, 1, TIMER);
    assert_int_equal(fake_used(&machine, 1), 0);
    assert_true(fake_bit(&machine, 1, FAKE_PEND, TIMER));
    assert_true(fake_bit(&machine, 1, FAKE_PEND, OTHER_SPI));
    fake_set_bit(&machine, 1, FAKE_ENABLE, SPI);
    fake_set_bit(&machine, 1, FAKE_ENABLE, OTHER_SPI);
    fake_set_bit(&machine, 1, FAKE_ENABLE, TIMER);
    assert_non_null(fake_find(&machine, 1, SPI));
    assert_non_null(fake_find(&machine, 1, OTHER_SPI));
    assert_non_null(fake_find(&machine, 1, TIMER));
}

static void an_intid_is_never_in_two_list_registers(void **state)
{
    (void)state;
    fake_prepare(&machine, 0, SPI);
    fake_set_edge(&machine, SPI, true);
    for (unsigned i = 0; i < 10; i++) {
        gic_pulse(&machine.gic, 0, SPI);
        fake_set_target(&machine, SPI, i % 4);
        fake_set_bit(&machine, 0, FAKE_PEND, SPI);
        fake_set_bit(&machine, 0, FAKE_DISABLE, SPI);
        fake_set_bit(&machine, 0, FAKE_ENABLE, SPI);
    }
    assert_int_equal(machine.injections[0], 1);
    assert_int_equal(fake_used(&machine, 0) + fake_used(&machine, 1) + fake_used(&machine, 2), 1);
}

static void a_timer_that_fires_while_disabled_is_not_ended_before_it_was_taken(void **state)
{
    (void)state;
    gic_set_forwarded(&machine.gic, TIMER);
    fake_set_groups(&machine, 3);
    gic_set_level(&machine.gic, 0, TIMER, true);
    fake_set_bit(&machine, 0, FAKE_UNPEND, TIMER);
    assert_int_equal(machine.ended[0][TIMER], 0);
    fake_set_bit(&machine, 0, FAKE_ENABLE, TIMER);
    assert_int_equal(fake_take(&machine, 0), TIMER);
    assert_int_equal(machine.ended[0][TIMER], 0);
    fake_end(&machine, 0, TIMER);
    assert_int_equal(machine.ended[0][TIMER], 1);
    assert_int_equal(fake_take(&machine, 0), FAKE_NONE); /* until the hardware says so again */
    gic_set_level(&machine.gic, 0, TIMER, true);
    assert_int_equal(fake_take(&machine, 0), TIMER);
}

static void priorities_and_targets_are_not_dropped(void **state)
{
    (void)state;
    fake_set_priority(&machine, 0, SPI, 0x48);
    assert_int_equal(fake_read(&machine, 0, 0x400 + SPI, 1), 0x48);
    fake_prepare(&machine, 3, SPI);
    fake_set_priority(&machine, 0, SPI, 0x48);
    gic_set_level(&machine.gic, 0, SPI, true);
    assert_int_equal(fake_find(&machine, 3, SPI)->priority, 0x48 >> 3);
}

static void a_spurious_maintenance_event_is_ignored(void **state)
{
    (void)state;
    gic_maintenance(&machine.gic, &machine.gic.vcpu[0], 0);
    gic_maintenance(&machine.gic, &machine.gic.vcpu[0], LRS);
    gic_maintenance(&machine.gic, &machine.gic.vcpu[0], ~0u);
    gic_set_forwarded(&machine.gic, SPI);
    fake_prepare(&machine, 0, SPI);
    gic_set_level(&machine.gic, 0, SPI, true);
    gic_maintenance(&machine.gic, &machine.gic.vcpu[0], 1);
    assert_int_equal(fake_used(&machine, 0), 1);
    for (unsigned intid = 0; intid < GIC_INTID_MAX; intid++) {
        assert_int_equal(machine.ended[0][intid], 0);
    }
}

/* More than fit: the list registers get the best, the rest comes in order of priority. */
static void overflow_is_delivered_by_priority(void **state)
{
    (void)state;
    const unsigned order[] = {63, 47, 60, 51, 39, 33, 34, 50};
    for (unsigned i = 0; i < 8; i++) {
        fake_set_target(&machine, order[i], 1);
        fake_set_bit(&machine, 1, FAKE_ENABLE, order[i]);
        fake_set_priority(&machine, 1, order[i], 8 * (i + 2));
    }
    for (unsigned i = 8; i-- > 0;) {
        gic_set_level(&machine.gic, 0, order[i], true);
        gic_pulse(&machine.gic, 0, order[i]);
        gic_set_level(&machine.gic, 0, order[i], false);
    }
    assert_int_equal(fake_used(&machine, 1), 0);
    fake_set_groups(&machine, 3); /* all at once */
    assert_int_equal(fake_used(&machine, 1), LRS);
    for (unsigned i = 0; i < 8; i++) {
        assert_int_equal(fake_serve(&machine, 1), order[i]);
    }
    assert_int_equal(fake_serve(&machine, 1), FAKE_NONE);
}

static void equal_priorities_go_by_intid_private_first(void **state)
{
    (void)state;
    fake_gic_init(&machine, machine.version, 1, 64, 1);
    const unsigned all[] = {64, 33, TIMER, 3, 20};
    for (unsigned i = 0; i < 5; i++) {
        fake_set_target(&machine, all[i] < GIC_SPI_BASE ? SPI : all[i], 0);
        fake_set_bit(&machine, 0, FAKE_ENABLE, all[i]);
        if (all[i] >= GIC_PPI_BASE) {
            gic_pulse(&machine.gic, 0, all[i]);
        }
    }
    fake_send_sgi(&machine, 0, 1, 3);
    fake_set_groups(&machine, 3);
    const unsigned order[] = {3, 20, TIMER, 33, 64};
    for (unsigned i = 0; i < 5; i++) {
        assert_int_equal(fake_serve(&machine, 0), order[i]);
    }
}

static void a_queued_interrupt_obeys_what_is_written_meanwhile(void **state)
{
    (void)state;
    fake_fill(&machine, 0);
    fake_prepare(&machine, 0, 50);
    fake_prepare(&machine, 0, 51);
    fake_prepare(&machine, 0, 52);
    fake_prepare(&machine, 0, 53);
    for (unsigned intid = 50; intid < 54; intid++) {
        gic_pulse(&machine.gic, 0, intid);
    }
    fake_set_bit(&machine, 0, FAKE_DISABLE, 50);
    fake_set_bit(&machine, 0, FAKE_UNPEND, 51);
    fake_set_priority(&machine, 0, 53, 0x10);
    assert_int_equal(fake_serve(&machine, 0), 32);
    assert_int_equal(fake_serve(&machine, 0), 53);
    assert_int_equal(fake_serve(&machine, 0), 52);
    while (fake_serve(&machine, 0) != FAKE_NONE) {
    }
    assert_int_equal(machine.served[0][50] + machine.served[0][51], 0);
    assert_true(fake_bit(&machine, 0, FAKE_PEND, 50));
    assert_false(fake_bit(&machine, 0, FAKE_PEND, 51));
}

static void a_queued_line_that_falls_is_not_delivered(void **state)
{
    (void)state;
    fake_fill(&machine, 0);
    fake_prepare(&machine, 0, 50);
    fake_prepare(&machine, 0, TIMER);
    gic_set_level(&machine.gic, 0, 50, true);
    gic_set_level(&machine.gic, 0, TIMER, true);
    gic_set_level(&machine.gic, 0, 50, false);
    gic_set_level(&machine.gic, 0, TIMER, false);
    while (fake_serve(&machine, 0) != FAKE_NONE) {
    }
    assert_int_equal(machine.served[0][50] + machine.served[0][TIMER], 0);
}

static void events_of_a_queued_interrupt_merge(void **state)
{
    (void)state;
    fake_fill(&machine, 0);
    fake_prepare(&machine, 0, 50);
    fake_prepare(&machine, 0, TIMER);
    for (unsigned i = 0; i < 3; i++) {
        gic_pulse(&machine.gic, 0, 50);
        gic_pulse(&machine.gic, 0, TIMER);
    }
    while (fake_serve(&machine, 0) != FAKE_NONE) {
    }
    assert_int_equal(machine.served[0][50], 1);
    assert_int_equal(machine.served[0][TIMER], 1);
}

static void an_event_of_a_queued_line_survives_its_fall(void **state)
{
    (void)state;
    fake_fill(&machine, 0);
    fake_prepare(&machine, 0, 50);
    gic_set_level(&machine.gic, 0, 50, true);
    gic_pulse(&machine.gic, 0, 50);
    gic_set_level(&machine.gic, 0, 50, false);
    while (fake_serve(&machine, 0) != FAKE_NONE) {
    }
    assert_int_equal(machine.served[0][50], 1);
}

static void an_interrupt_is_ended_by_a_refill_without_the_distributor(void **state)
{
    (void)state;
    fake_fill(&machine, 0);
    fake_prepare(&machine, 0, TIMER);
    fake_prepare(&machine, 0, 50);
    fake_set_priority(&machine, 0, 50, 0xa8);
    gic_pulse(&machine.gic, 0, TIMER);
    gic_pulse(&machine.gic, 0, 50);
    assert_int_equal(fake_serve(&machine, 0), 32);
    mutex_lock(&machine.gic.dist_lock); /* the fake mutex aborts if anybody else takes it */
    assert_int_equal(fake_serve(&machine, 0), TIMER);
    mutex_unlock(&machine.gic.dist_lock);
    assert_non_null(fake_find(&machine, 0, 50));
}

static void private_interrupts_do_not_take_the_distributors_lock(void **state)
{
    (void)state;
    fake_prepare(&machine, 0, TIMER);
    fake_prepare(&machine, 1, 7);
    mutex_lock(&machine.gic.dist_lock);
    gic_set_level(&machine.gic, 0, TIMER, true);
    gic_set_level(&machine.gic, 0, TIMER, false);
    fake_send_sgi(&machine, 0, 2, 7);
    assert_int_equal(fake_serve(&machine, 0), TIMER);
    assert_int_equal(fake_serve(&machine, 1), 7);
    assert_int_equal(gic_wfi(&machine.gic, 0), GIC_WFI_BLOCK);
    mutex_unlock(&machine.gic.dist_lock);
}

static void a_group_that_is_off_holds_its_interrupts_back(void **state)
{
    (void)state;
    fake_prepare(&machine, 0, SPI);
    fake_prepare(&machine, 0, TIMER);
    fake_write(&machine, 0, 0x080 + 4, 4, 0);       /* SPI: group 0 */
    fake_write(&machine, 0, 0x080, 4, 1u << TIMER); /* timer: group 1 */
    fake_set_groups(&machine, 0);
    gic_pulse(&machine.gic, 0, SPI);
    gic_pulse(&machine.gic, 0, TIMER);
    assert_int_equal(fake_used(&machine, 0), 0);
    fake_set_groups(&machine, 1);
    assert_int_equal(fake_find(&machine, 0, SPI)->group, 0);
    assert_null(fake_find(&machine, 0, TIMER));
    fake_set_groups(&machine, 2);
    assert_int_equal(fake_find(&machine, 0, TIMER)->group, 1);
}

static void groups_turned_off_recall_what_is_queued(void **state)
{
    (void)state;
    fake_fill(&machine, 0);
    fake_prepare(&machine, 0, 50);
    gic_pulse(&machine.gic, 0, 50);
    fake_set_groups(&machine, 0);
    while (fake_serve(&machine, 0) != FAKE_NONE) {
    }
    assert_int_equal(machine.served[0][50], 0);
    fake_set_groups(&machine, 3);
    assert_int_equal(fake_serve(&machine, 0), 50);
}

static void an_interrupt_made_active_is_held_back(void **state)
{
    (void)state;
    fake_prepare(&machine, 0, SPI);
    fake_prepare(&machine, 0, TIMER);
    fake_set_bit(&machine, 0, FAKE_ACTIVATE, SPI);
    fake_set_bit(&machine, 0, FAKE_ACTIVATE, TIMER);
    assert_true(fake_bit(&machine, 0, FAKE_ACTIVATE, SPI));
    gic_set_level(&machine.gic, 0, SPI, true);
    gic_set_level(&machine.gic, 0, TIMER, true);
    assert_int_equal(fake_used(&machine, 0), 0);
    fake_set_bit(&machine, 0, FAKE_DEACTIVATE, SPI);
    fake_set_bit(&machine, 0, FAKE_DEACTIVATE, TIMER);
    assert_int_equal(fake_used(&machine, 0), 2);
}

static enum gic_version v2 = GIC_V2, v3 = GIC_V3;
#define ON(version, test) cmocka_unit_test_prestate_setup_teardown(test, set_up, NULL, &(version))
#define BOTH(test)        ON(v2, test), ON(v3, test)

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(an_spi_is_delivered_to_its_target),
        BOTH(a_ppi_is_delivered_to_its_vcpu_only),
        BOTH(an_sgi_is_delivered_to_all_its_targets),
        BOTH(a_high_line_is_pending_again_after_its_end),
        BOTH(an_edge_while_active_is_remembered),
        BOTH(an_edge_triggered_line_counts_its_rises_only),
        BOTH(a_pulse_of_a_level_sensitive_interrupt_is_delivered_once),
        BOTH(an_interrupt_raised_while_disabled_is_not_lost),
        BOTH(an_intid_is_never_in_two_list_registers),
        BOTH(a_timer_that_fires_while_disabled_is_not_ended_before_it_was_taken),
        BOTH(priorities_and_targets_are_not_dropped),
        BOTH(a_spurious_maintenance_event_is_ignored),
        BOTH(overflow_is_delivered_by_priority),
        BOTH(equal_priorities_go_by_intid_private_first),
        BOTH(a_queued_interrupt_obeys_what_is_written_meanwhile),
        BOTH(a_queued_line_that_falls_is_not_delivered),
        BOTH(events_of_a_queued_interrupt_merge),
        BOTH(an_event_of_a_queued_line_survives_its_fall),
        BOTH(an_interrupt_is_ended_by_a_refill_without_the_distributor),
        BOTH(private_interrupts_do_not_take_the_distributors_lock),
        BOTH(a_group_that_is_off_holds_its_interrupts_back),
        BOTH(groups_turned_off_recall_what_is_queued),
        BOTH(an_interrupt_made_active_is_held_back),
    };
    return cmocka_run_group_tests_name("gic, on GICv2 and GICv3", tests, NULL, NULL);
}
