// SPDX-License-Identifier: BSD-2-Clause
#include "service/serial/roster.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct serial_roster example(void)
{
    struct serial_roster roster = {.magic = SERIAL_ROSTER_MAGIC};
    roster.client[0] = (struct serial_client_info){.name = "root", .kind = SERIAL_CLIENT_SYSTEM};
    roster.client[1] = (struct serial_client_info){.name = "timer", .kind = SERIAL_CLIENT_SYSTEM};
    roster.client[3] = (struct serial_client_info){.name = "linux-a", .kind = SERIAL_CLIENT_VM};
    roster.client[4] = (struct serial_client_info){.name = "gone", .kind = SERIAL_CLIENT_NONE};
    roster.client[7] = (struct serial_client_info){
        .name = "linux-a.agent", .kind = SERIAL_CLIENT_PORT, .owner = 3};
    roster.client[31] = (struct serial_client_info){.name = "linux-b", .kind = SERIAL_CLIENT_VM};
    return roster;
}

static void names_are_always_safe_text(void **state)
{
    (void)state;
    struct serial_roster roster = example();
    char name[ROSTER_NAME_MAX];
    assert_string_equal(roster_name(&roster, 3, name), "linux-a");
    assert_string_equal(roster_name(&roster, 5, name), "?");
    assert_string_equal(roster_name(&roster, SERIAL_CLIENT_MAX, name), "?");
    memset(roster.client[5].name, 'x', sizeof roster.client[5].name); /* no NUL */
    assert_string_equal(roster_name(&roster, 5, name), "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
    strcpy(roster.client[5].name, "a\x1b[2J b\xff");
    assert_string_equal(roster_name(&roster, 5, name), "a?[2J?b?");
}

static void vms_are_found_by_name(void **state)
{
    (void)state;
    struct serial_roster roster = example();
    assert_int_equal(roster_find(&roster, "linux-a"), 3);
    assert_int_equal(roster_find(&roster, "linux-b"), 31);
    assert_int_equal(roster_find(&roster, "root"), SERIAL_CLIENT_MAX);
    assert_int_equal(roster_find(&roster, "gone"), SERIAL_CLIENT_MAX);
    assert_int_equal(roster_find(&roster, ""), SERIAL_CLIENT_MAX);
    assert_int_equal(roster_find(&roster, "linux-"), SERIAL_CLIENT_MAX);
    assert_int_equal(roster_find_service(&roster, "timer"), 1);
    assert_int_equal(roster_find_service(&roster, "linux-a"), SERIAL_CLIENT_MAX);
}

static void ports_are_consoles_but_no_vms(void **state)
{
    (void)state;
    struct serial_roster roster = example();
    assert_true(roster_has_console(&roster, 3));
    assert_true(roster_has_console(&roster, 7));
    assert_false(roster_has_console(&roster, 1));
    assert_false(roster_has_console(&roster, SERIAL_CLIENT_MAX));
    assert_false(roster_is_vm(&roster, 7));
    assert_int_equal(roster_find(&roster, "linux-a.agent"), SERIAL_CLIENT_MAX);
    assert_int_equal(roster_find_console(&roster, "linux-a.agent"), 7);
    assert_int_equal(roster_find_console(&roster, "linux-b"), 31);
    assert_int_equal(roster_find_console(&roster, "timer"), SERIAL_CLIENT_MAX);
    assert_int_equal(roster_next_console(&roster, 3), 7);
    assert_int_equal(roster_next_console(&roster, 7), 31);
    assert_int_equal(roster_next_console(&roster, 31), SERIAL_CLIENT_MAX);
    assert_int_equal(roster_owner(&roster, 7), 3);
    assert_int_equal(roster_owner(&roster, 3), 3);
    roster.client[7].owner = 99; /* root's word, but it stays a client */
    assert_int_equal(roster_owner(&roster, 7), 7);
}

static void vms_are_numbered_in_order(void **state)
{
    (void)state;
    struct serial_roster roster = example();
    assert_int_equal(roster_vm(&roster, 0), SERIAL_CLIENT_MAX);
    assert_int_equal(roster_vm(&roster, 1), 3);
    assert_int_equal(roster_vm(&roster, 2), 31);
    assert_int_equal(roster_vm(&roster, 3), SERIAL_CLIENT_MAX);
    assert_int_equal(roster_next_vm(&roster, 3), 31);
    assert_int_equal(roster_next_vm(&roster, 31), SERIAL_CLIENT_MAX);
    assert_true(roster_is_vm(&roster, 31));
    assert_false(roster_is_vm(&roster, 0));
    assert_false(roster_is_vm(&roster, 1000));
}

static void every_state_has_a_name(void **state)
{
    (void)state;
    for (uint32_t s = VM_STOPPED; s <= VM_RESTARTING; s++) {
        assert_string_not_equal(roster_state_name(s), "?");
    }
    assert_string_equal(roster_state_name(VM_RESTARTING + 1), "?");
    assert_string_equal(roster_state_name(UINT32_MAX), "?");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_always_safe_text),
        cmocka_unit_test(vms_are_found_by_name),
        cmocka_unit_test(ports_are_consoles_but_no_vms),
        cmocka_unit_test(vms_are_numbered_in_order),
        cmocka_unit_test(every_state_has_a_name),
    };
    return cmocka_run_group_tests_name("roster", tests, NULL, NULL);
}
