// SPDX-License-Identifier: BSD-2-Clause
/* Which vCPU gets an interrupt, vCPUs that come and go, and WFI, on GICv2 and GICv3. */
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

static void a_queued_spi_moves_to_its_new_target(void **state)
{
    (void)state;
    fake_fill(&machine, 0);
    fake_prepare(&machine, 0, 50);
    gic_set_level(&machine.gic, 0, 50, true);
    fake_set_target(&machine, 50, 2);
    assert_non_null(fake_find(&machine, 2, 50));
    while (fake_serve(&machine, 0) != FAKE_NONE) {
    }
    assert_int_equal(machine.served[0][50], 0);
}

static void an_spi_queued_on_another_vcpu_is_recalled_from_there(void **state)
{
    (void)state;
    for (unsigned i = 0; i < LRS + 1; i++) {
        fake_prepare(&machine, 2, 32 + i);
        gic_set_level(&machine.gic, 0, 32 + i, true);
    }
    gic_set_level(&machine.gic, 0, 32 + LRS, false);
    assert_int_equal(fake_take(&machine, 2), 32);
    gic_set_level(&machine.gic, 0, 32, false);
    fake_end(&machine, 2, 32);
    assert_null(fake_find(&machine, 2, 32 + LRS));
}

static void an_spi_in_a_list_register_moves_after_its_end(void **state)
{
    (void)state;
    fake_prepare(&machine, 0, SPI);
    gic_set_level(&machine.gic, 0, SPI, true);
    fake_set_target(&machine, SPI, 3);
    assert_null(fake_find(&machine, 3, SPI));
    assert_int_equal(fake_serve(&machine, 0), SPI);
    assert_null(fake_find(&machine, 0, SPI));
    assert_non_null(fake_find(&machine, 3, SPI));
}

static void one_of_n_picks_one_that_is_online(void **state)
{
    (void)state;
    fake_prepare(&machine, 0, SPI);
    fake_set_target_any(&machine, SPI);
    gic_vcpu_set_online(&machine.gic, 0, false);
    gic_vcpu_set_online(&machine.gic, 1, false);
    gic_set_level(&machine.gic, 0, SPI, true);
    assert_non_null(fake_find(&machine, 2, SPI));
}

static void what_an_offline_vcpu_gets_waits(void **state)
{
    (void)state;
    fake_prepare(&machine, 1, SPI);
    fake_prepare(&machine, 1, TIMER);
    fake_prepare(&machine, 1, 2);
    gic_vcpu_set_online(&machine.gic, 1, false);
    gic_set_level(&machine.gic, 0, SPI, true);
    gic_set_level(&machine.gic, 1, TIMER, true);
    fake_send_sgi(&machine, 0, 2, 2);
    assert_int_equal(fake_used(&machine, 1), 0);
    gic_vcpu_set_online(&machine.gic, 1, true);
    assert_int_equal(fake_used(&machine, 1), 3);
}

static void a_queue_goes_to_others_when_its_vcpu_goes_offline(void **state)
{
    (void)state;
    fake_fill(&machine, 0);
    fake_prepare(&machine, 0, 50);
    fake_set_target_any(&machine, 50);
    gic_set_level(&machine.gic, 0, 50, true);
    assert_null(fake_find(&machine, 1, 50));
    gic_vcpu_set_online(&machine.gic, 0, false);
    assert_non_null(fake_find(&machine, 1, 50));
}

static void list_registers_of_an_offline_vcpu_are_withdrawn(void **state)
{
    (void)state;
    machine.can_withdraw = true;
    fake_prepare(&machine, 0, SPI);
    fake_prepare(&machine, 0, TIMER);
    fake_set_edge(&machine, SPI, true);
    gic_pulse(&machine.gic, 0, SPI);
    gic_pulse(&machine.gic, 0, TIMER);
    fake_set_target_any(&machine, SPI);
    gic_vcpu_set_online(&machine.gic, 0, false);
    assert_int_equal(fake_used(&machine, 0), 0);
    assert_non_null(fake_find(&machine, 1, SPI));
    gic_vcpu_set_online(&machine.gic, 0, true);
    assert_non_null(fake_find(&machine, 0, TIMER));
    assert_null(fake_find(&machine, 0, SPI));
}

static void list_registers_that_cannot_be_withdrawn_stay_claimed(void **state)
{
    (void)state;
    fake_prepare(&machine, 0, SPI);
    gic_set_level(&machine.gic, 0, SPI, true);
    fake_set_target_any(&machine, SPI);
    gic_vcpu_set_online(&machine.gic, 0, false);
    assert_non_null(fake_find(&machine, 0, SPI));
    assert_null(fake_find(&machine, 1, SPI));
    gic_vcpu_set_online(&machine.gic, 0, true);
    assert_int_equal(fake_serve(&machine, 0), SPI);
}

static void a_reset_vcpu_gives_shared_interrupts_back(void **state)
{
    (void)state;
    gic_set_forwarded(&machine.gic, TIMER);
    fake_prepare(&machine, 1, SPI);
    fake_prepare(&machine, 1, TIMER);
    fake_set_edge(&machine, SPI, true);
    gic_pulse(&machine.gic, 0, SPI);
    gic_set_level(&machine.gic, 1, TIMER, true);
    gic_vcpu_set_online(&machine.gic, 1, false);
    for (unsigned i = 0; i < GIC_LR_MAX; i++) {
        machine.lr[1][i].state = FAKE_LR_EMPTY; /* a new vCPU object */
    }
    fake_set_target(&machine, SPI, 3);
    gic_vcpu_reset(&machine.gic, 1);
    assert_non_null(fake_find(&machine, 3, SPI));
    assert_int_equal(machine.ended[1][TIMER], 1); /* the hardware is armed again */
    assert_false(fake_bit(&machine, 1, FAKE_ENABLE, TIMER));
    assert_false(fake_bit(&machine, 1, FAKE_PEND, TIMER));
    assert_false(fake_bit(&machine, 1, FAKE_ACTIVATE, TIMER));
    assert_int_equal(fake_read(&machine, 1, 0x400 + TIMER, 1), 0);
}

static void a_reset_gic_forgets_all_but_its_lines(void **state)
{
    (void)state;
    gic_set_forwarded(&machine.gic, 34);
    gic_set_level(&machine.gic, 0, 34, true);
    fake_prepare(&machine, 2, SPI);
    fake_prepare(&machine, 2, OTHER_SPI);
    fake_set_edge(&machine, SPI, true);
    fake_set_bit(&machine, 2, FAKE_ACTIVATE, 33);
    gic_pulse(&machine.gic, 0, SPI);
    gic_set_level(&machine.gic, 0, OTHER_SPI, true);
    for (unsigned i = 0; i < GIC_LR_MAX; i++) {
        machine.lr[2][i].state = FAKE_LR_EMPTY;
    }
    gic_reset(&machine.gic);
    assert_int_equal(machine.ended[0][34], 1);
    assert_false(fake_bit(&machine, 0, FAKE_PEND, 34));
    assert_int_equal(fake_dist_read(&machine, 0, 0, 4) & 3, 0);
    assert_false(fake_bit(&machine, 0, FAKE_ENABLE, SPI));
    assert_false(fake_bit(&machine, 0, FAKE_PEND, SPI));
    assert_false(fake_bit(&machine, 0, FAKE_ACTIVATE, SPI));
    assert_false(fake_bit(&machine, 0, FAKE_ACTIVATE, 33));
    assert_int_equal(fake_read(&machine, 0, 0xc00 + SPI / 16 * 4, 4), 0);
    assert_true(fake_bit(&machine, 0, FAKE_PEND, OTHER_SPI));
    fake_prepare(&machine, 2, OTHER_SPI);
    assert_int_equal(fake_used(&machine, 2), 0); /* the others are offline again */
    fake_prepare(&machine, 0, OTHER_SPI);
    assert_int_equal(fake_used(&machine, 0), 1);
}

static void each_injection_lets_one_wfi_through(void **state)
{
    (void)state;
    fake_prepare(&machine, 0, SPI);
    assert_int_equal(gic_wfi(&machine.gic, 0), GIC_WFI_BLOCK);
    gic_set_level(&machine.gic, 0, SPI, true);
    assert_int_equal(gic_wfi(&machine.gic, 1), GIC_WFI_BLOCK);
    assert_int_equal(gic_wfi(&machine.gic, 0), GIC_WFI_PASS);
    assert_int_equal(gic_wfi(&machine.gic, 0), GIC_WFI_DOZE);
    gic_set_level(&machine.gic, 0, SPI, false);
    assert_int_equal(gic_wfi(&machine.gic, 0), GIC_WFI_DOZE);
    assert_int_equal(fake_take(&machine, 0), SPI);
    assert_int_equal(gic_wfi(&machine.gic, 0), GIC_WFI_DOZE);
    fake_end(&machine, 0, SPI);
    assert_int_equal(gic_wfi(&machine.gic, 0), GIC_WFI_BLOCK);
}

static void what_was_ended_lets_no_wfi_through(void **state)
{
    (void)state;
    fake_prepare(&machine, 0, SPI);
    fake_prepare(&machine, 0, OTHER_SPI);
    gic_pulse(&machine.gic, 0, SPI);
    assert_int_equal(fake_serve(&machine, 0), SPI);
    assert_int_equal(gic_wfi(&machine.gic, 0), GIC_WFI_BLOCK);
    gic_pulse(&machine.gic, 0, SPI);
    gic_pulse(&machine.gic, 0, OTHER_SPI);
    assert_int_equal(fake_serve(&machine, 0), SPI);
    assert_int_equal(gic_wfi(&machine.gic, 0), GIC_WFI_PASS); /* the other one was not */
    gic_pulse(&machine.gic, 0, SPI); /* into the register that it was in before */
    assert_int_equal(gic_wfi(&machine.gic, 0), GIC_WFI_PASS);
}

static void what_is_disabled_does_not_keep_a_vcpu_awake(void **state)
{
    (void)state;
    fake_prepare(&machine, 0, SPI);
    fake_set_bit(&machine, 0, FAKE_DISABLE, SPI);
    gic_set_level(&machine.gic, 0, SPI, true);
    assert_int_equal(gic_wfi(&machine.gic, 0), GIC_WFI_BLOCK);
}

static void full_list_registers_do_not_keep_a_vcpu_awake(void **state)
{
    (void)state;
    fake_fill(&machine, 0);
    fake_prepare(&machine, 0, 50);
    gic_pulse(&machine.gic, 0, 50);
    assert_int_equal(gic_wfi(&machine.gic, 0), GIC_WFI_PASS);
    assert_int_equal(gic_wfi(&machine.gic, 0), GIC_WFI_DOZE); /* the guest masks them all */
}

enum timer_state {
    TIMER_DISABLED = 1 << 0,
    TIMER_GROUP_1 = 1 << 1,
    TIMER_GROUPS_OFF = 1 << 2,
    TIMER_OTHER_GROUP_OFF = 1 << 3,
    TIMER_ACTIVE = 1 << 4,
    TIMER_PENDED = 1 << 5,
    TIMER_IN_A_LIST_REGISTER = 1 << 6,
    TIMER_LIST_REGISTERS_FULL = 1 << 7,
    TIMER_SOME_USED = 1 << 8,
    TIMER_OFFLINE = 1 << 9,
    TIMER_STATES = 1 << 10,
};

/* A vCPU's timer in one of many states, of which each is reached by registers. */
static void set_up_timer(struct fake_gic *f, enum gic_version version, unsigned state)
{
    unsigned group = state & TIMER_GROUP_1 ? 2 : 1;
    fake_gic_init(f, version, 4, 64, LRS);
    gic_set_forwarded(&f->gic, TIMER);
    if (state & TIMER_LIST_REGISTERS_FULL) {
        fake_fill(f, 1);
    } else if (state & TIMER_SOME_USED) {
        fake_prepare(f, 1, SPI);
        gic_pulse(&f->gic, 1, SPI);
    }
    fake_prepare(f, 1, TIMER);
    fake_set_priority(f, 1, TIMER, 0x60);
    fake_write(f, 1, FAKE_GROUP, 4, state & TIMER_GROUP_1 ? ~0u : 0);
    if (state & TIMER_IN_A_LIST_REGISTER) {
        gic_set_level(&f->gic, 1, TIMER, true);
    }
    if (state & TIMER_ACTIVE) {
        fake_set_bit(f, 1, FAKE_ACTIVATE, TIMER);
    }
    fake_set_bit(f, 1, state & TIMER_DISABLED ? FAKE_DISABLE : FAKE_ENABLE, TIMER);
    if (state & TIMER_GROUPS_OFF) {
        fake_set_groups(f, state & TIMER_OTHER_GROUP_OFF ? 0 : 3 - group);
    } else if (state & TIMER_OTHER_GROUP_OFF) {
        fake_set_groups(f, group);
    }
    if (state & TIMER_OFFLINE) {
        gic_vcpu_set_online(&f->gic, 1, false);
    }
    if (state & TIMER_PENDED) {
        fake_set_bit(f, 1, FAKE_PEND, TIMER);
    }
}

/* But for the kick, which nobody waits for. */
static void a_vcpu_raises_its_own_timer_as_any_line_is_raised(void **state)
{
    static struct fake_gic other;
    enum gic_version version = *(const enum gic_version *)*state;
    unsigned injected = 0;
    for (unsigned timer = 0; timer < TIMER_STATES; timer++) {
        set_up_timer(&machine, version, timer);
        set_up_timer(&other, version, timer);
        unsigned kicks = machine.kicks[1], injections = machine.injections[1];
        gic_raise_own(&machine.gic, &machine.gic.vcpu[1], TIMER);
        gic_set_level(&other.gic, 1, TIMER, true);
        machine.gic.wiring = other.gic.wiring;
        assert_memory_equal(&machine.gic, &other.gic, sizeof other.gic);
        assert_memory_equal(machine.lr, other.lr, sizeof other.lr);
        assert_int_equal(machine.gic.vcpu[1].lock.users, 0);
        if (timer == 0 || timer == (TIMER_SOME_USED | TIMER_OTHER_GROUP_OFF | TIMER_GROUP_1)) {
            assert_int_equal(machine.injections[1], injections + 1);
            assert_int_equal(machine.kicks[1], kicks);
            injected++;
        }
    }
    assert_int_equal(injected, 2);
}

static enum gic_version v2 = GIC_V2, v3 = GIC_V3;
#define ON(version, test) cmocka_unit_test_prestate_setup_teardown(test, set_up, NULL, &(version))
#define BOTH(test)        ON(v2, test), ON(v3, test)

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(a_queued_spi_moves_to_its_new_target),
        BOTH(an_spi_queued_on_another_vcpu_is_recalled_from_there),
        BOTH(an_spi_in_a_list_register_moves_after_its_end),
        BOTH(one_of_n_picks_one_that_is_online),
        BOTH(what_an_offline_vcpu_gets_waits),
        BOTH(a_queue_goes_to_others_when_its_vcpu_goes_offline),
        BOTH(list_registers_of_an_offline_vcpu_are_withdrawn),
        BOTH(list_registers_that_cannot_be_withdrawn_stay_claimed),
        BOTH(a_reset_vcpu_gives_shared_interrupts_back),
        BOTH(a_reset_gic_forgets_all_but_its_lines),
        BOTH(each_injection_lets_one_wfi_through),
        BOTH(what_was_ended_lets_no_wfi_through),
        BOTH(what_is_disabled_does_not_keep_a_vcpu_awake),
        BOTH(full_list_registers_do_not_keep_a_vcpu_awake),
        BOTH(a_vcpu_raises_its_own_timer_as_any_line_is_raised),
    };
    return cmocka_run_group_tests_name("gic and vCPUs, on GICv2 and GICv3", tests, NULL, NULL);
}
