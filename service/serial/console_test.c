// SPDX-License-Identifier: BSD-2-Clause
/* Which console is in front, what is shown of whom. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "test/fake/console_rig.h"

static void starts_with_the_shell(void **state)
{
    struct console_rig *f = *state;
    f->roster.client[VM_A].state = f->roster.client[VM_B].state = VM_STOPPED;
    rig_begin(f, 0);
    rig_expect(f, SHELL "Bulkhead operator shell; 'help' lists the commands.\r\n" PROMPT);
}

static void starts_with_a_console(void **state)
{
    struct console_rig *f = *state;
    rig_begin(f, VM_A);
    rig_say(f, VM_A, "login: ");
    rig_clear(f);
    rig_type(f, "root\r");
    rig_expect_typed(f, VM_A, "root\r");
    assert_true((f->signals & 1u << VM_A) != 0);
    rig_expect_typed(f, VM_B, "");
    rig_expect(f, "");
}

static void attaches_when_the_vm_appears(void **state)
{
    struct console_rig *f = *state;
    f->roster.client[VM_B].kind = SERIAL_CLIENT_NONE;
    rig_begin(f, VM_B);
    assert_int_equal(f->console.front, CONSOLE_SHELL);
    f->roster.client[VM_B].kind = SERIAL_CLIENT_VM;
    console_roster_changed(&f->console);
    assert_int_equal(f->console.front, VM_B);
}

static void does_not_attach_over_one_who_types(void **state)
{
    struct console_rig *f = *state;
    f->roster.client[VM_B].kind = SERIAL_CLIENT_NONE;
    rig_begin(f, VM_B);
    rig_type(f, "l");
    f->roster.client[VM_B].kind = SERIAL_CLIENT_VM;
    console_roster_changed(&f->console);
    assert_int_equal(f->console.front, CONSOLE_SHELL);
}

/* What was VM_B is a second console of VM_A here. */
static void become_port(struct console_rig *f)
{
    f->roster.client[VM_B].kind = SERIAL_CLIENT_PORT;
    f->roster.client[VM_B].owner = VM_A;
    strcpy(f->roster.client[VM_B].name, "linux-a.agent");
}

static void a_port_is_a_console(void **state)
{
    struct console_rig *f = *state;
    become_port(f);
    rig_begin(f, VM_A);
    rig_settle(f);
    rig_say(f, VM_B, "from the agent\r\n");
    assert_null(strstr(f->shown, "agent")); /* it is not in front */
    rig_type(f, "\x14n");
    assert_int_equal(f->console.front, VM_B);
    assert_non_null(strstr(f->shown, "--- linux-a.agent (Ctrl-T s: shell, Ctrl-T ?: help) ---\r\n"
                                     "from the agent\r\n"));
    rig_type(f, "to the agent");
    rig_expect_typed(f, VM_B, "to the agent");
    rig_expect_typed(f, VM_A, "");
    f->roster.client[VM_A].state = f->roster.client[VM_B].state = VM_STOPPED;
    console_roster_changed(&f->console);
    rig_clear(f);
    rig_type(f, "x"); /* it is its VM that would have to be started */
    assert_non_null(strstr(f->shown, "[linux-a] stopped; Ctrl-T s and 'start linux-a' would"));
    rig_type(f, "\x14n");
    assert_int_equal(f->console.front, CONSOLE_SHELL);
    assert_null(strstr(f->shown, "[linux-a.agent] stopped")); /* the VM's state is told once */
}

static void a_size_goes_into_the_link(void **state)
{
    struct console_rig *f = *state;
    become_port(f);
    rig_begin(f, CONSOLE_SHELL);
    f->signals = 0;
    rig_type(f, "resize linux-a 132x43\r");
    assert_int_equal(rig_link(f, VM_A)->size, 132 | 43 << 16);
    assert_int_equal(rig_link(f, VM_B)->size, 0);
    assert_true((f->signals & 1u << VM_A) != 0);
    rig_type(f, "resize linux-a.agent 80x24\r");
    assert_int_equal(rig_link(f, VM_B)->size, 80 | 24 << 16);
    assert_int_equal(rig_link(f, VM_A)->size, 132 | 43 << 16);
}

static void the_front_is_raw_and_the_background_is_kept(void **state)
{
    struct console_rig *f = *state;
    rig_begin(f, VM_A);
    rig_clear(f);
    rig_say(f, VM_A, "\x1b[1mA\x1b[6n\n");
    rig_say(f, VM_B, "B in the background\r\n$ ");
    rig_expect(f, "\x1b[1mA\x1b[6n\n");
    rig_type(f, "\x14"
                "2");
    rig_expect(f, SWITCHED CONSOLE_B "B in the background\r\n$ ");
    rig_say(f, VM_A, "A again\r\n");
    rig_expect(f, "");
    rig_type(f, "\x14"
                "1");
    rig_expect(f, SWITCHED CONSOLE_A "\x1b[1mA\nA again\r\n");
}

static void keys_of_the_switch(void **state)
{
    struct console_rig *f = *state;
    rig_begin(f, VM_A);
    rig_type(f, "\x14s");
    assert_int_equal(f->console.front, CONSOLE_SHELL);
    rig_type(f, "\x14n");
    assert_int_equal(f->console.front, VM_A);
    rig_type(f, "\x14N");
    assert_int_equal(f->console.front, VM_B);
    rig_type(f, "\x14n");
    assert_int_equal(f->console.front, CONSOLE_SHELL);
    rig_type(f, "\x14"
                "2");
    assert_int_equal(f->console.front, VM_B);
    rig_clear(f);
    rig_type(f, "\x14"
                "3\x14"
                "0\x14x");
    assert_int_equal(f->console.front, VM_B);
#define KEYS "Ctrl-T and then s: shell, n: next, Ctrl-T: itself, 1: linux-a, 2: linux-b\r\n"
    rig_expect(f, KEYS KEYS KEYS);
    rig_type(f, "\x14?");
    rig_expect(f, KEYS);
    rig_expect_typed(f, VM_A, "");
    rig_expect_typed(f, VM_B, "");
}

static void the_switch_key_itself_can_be_typed(void **state)
{
    struct console_rig *f = *state;
    rig_begin(f, VM_A);
    rig_type(f, "a\x14\x14"
                "b\x14\x14\x14\x14\x14"
                "2c");
    rig_expect_typed(f, VM_A,
                     "a\x14"
                     "b\x14\x14");
    rig_expect_typed(f, VM_B, "c");
}

static void a_switch_may_come_in_pieces(void **state)
{
    struct console_rig *f = *state;
    rig_begin(f, VM_A);
    rig_type(f, "\x14");
    assert_int_equal(console_input_room(&f->console), CONSOLE_INPUT_MAX);
    rig_type(f, "2");
    assert_int_equal(f->console.front, VM_B);
}

static void keys_before_and_behind_a_switch_go_where_they_belong(void **state)
{
    struct console_rig *f = *state;
    rig_begin(f, 0);
    rig_type(f, "memory\r\x14"
                "2ls\r");
    assert_int_equal(f->asked, CONTROL_MEMORY);
    rig_expect_typed(f, VM_B, "ls\r");
    rig_type(f, "\x14sconsole linux-a\rls\r");
    rig_expect_typed(f, VM_A, "ls\r");
    rig_type(f, "\x14slist\r\x14"
                "2x");
    assert_int_equal(f->asked, CONTROL_VM_LIST);
    rig_expect_typed(f, VM_B, "x");
}

static void log_lines_show_at_once(void **state)
{
    struct console_rig *f = *state;
    rig_begin(f, VM_A);
    rig_clear(f);
    rig_say(f, VM_A, "$ ec");
    rig_settle(f);
    rig_log(f, VM_B, "1\x1b[2Jhot\n");
    rig_log(f, ROOT, "2linux-b: fine\n3detail\n");
    rig_expect(f, "$ ec\r\x1b[K[root] linux-b: fine\r\n[linux-b] warning: hot\r\n$ ec");
}

static void the_log_level_holds_for_the_screen_only(void **state)
{
    struct console_rig *f = *state;
    f->roster.log_level = LOG_ERROR;
    rig_begin(f, 0);
    rig_clear(f);
    rig_log(f, ROOT, "2info\n3debug\n0bad\n");
    rig_expect(f, "\r\x1b[K[root] error: bad\r\n" PROMPT);
    f->now_ms = 61234;
    console_log(&f->console, LOG_DEBUG, "own", 3);
    rig_type(f, "log 4\r");
    assert_non_null(strstr(f->shown, "\r\n      0.000 [root] info\r\n"
                                     "      0.000 [root] debug\r\n"
                                     "      0.000 [root] error: bad\r\n"
                                     "     61.234 [serial] own\r\n"));
}

static void states_are_told(void **state)
{
    struct console_rig *f = *state;
    f->roster.client[VM_B].state = VM_STOPPED;
    rig_begin(f, VM_A);
    rig_expect(f, CONSOLE_A "[linux-a] running\r\n");
    f->roster.client[VM_A].state = VM_PAUSED;
    f->roster.client[VM_B].state = VM_STARTING;
    console_roster_changed(&f->console);
    rig_expect(f, "[linux-a] paused\r\n[linux-b] starting\r\n");
    console_roster_changed(&f->console);
    rig_expect(f, "");
    f->roster.client[VM_B].state = VM_FAILED;
    console_roster_changed(&f->console);
    rig_expect(f, "[linux-b] error: failed\r\n");
}

static void a_stopped_vm_takes_no_input_and_says_so_once(void **state)
{
    struct console_rig *f = *state;
    rig_begin(f, VM_A);
    f->roster.client[VM_A].state = VM_STOPPED;
    console_roster_changed(&f->console);
    rig_clear(f);
    rig_type(f, "abc");
    rig_type(f, "def");
    rig_expect(f, "[linux-a] stopped; Ctrl-T s and 'start linux-a' would start it\r\n");
    rig_expect_typed(f, VM_A, "");
    f->roster.client[VM_A].state = VM_RUNNING;
    console_roster_changed(&f->console);
    rig_type(f, "x");
    rig_expect_typed(f, VM_A, "x");
}

static void a_vm_that_is_gone_gives_the_screen_to_the_shell(void **state)
{
    struct console_rig *f = *state;
    rig_begin(f, VM_A);
    f->roster.client[VM_A].kind = SERIAL_CLIENT_NONE;
    console_roster_changed(&f->console);
    assert_int_equal(f->console.front, CONSOLE_SHELL);
}

static void a_restarted_vm_is_read_again(void **state)
{
    struct console_rig *f = *state;
    rig_begin(f, VM_A);
    rig_say(f, VM_A, "first\r\n");
    rig_type(f, "typed");
    rig_clear(f);
    rig_open_client(f, VM_A);
    console_roster_changed(&f->console);
    rig_say(f, VM_A, "second\r\n");
    rig_expect(f, "second\r\n");
    rig_expect_typed(f, VM_A, "");
    assert_true((f->signals & 1u << VM_A) != 0);
}

/* Root has made the link anew, and a client's signal comes before root's. */
static void a_new_link_is_no_broken_link(void **state)
{
    struct console_rig *f = *state;
    rig_begin(f, VM_B);
    rig_say(f, VM_A, "first\r\n");
    rig_clear(f);
    rig_open_client(f, VM_A);
    rig_say(f, VM_A, "second\r\n");
    console_signalled(&f->console, 1u << VM_A);
    rig_expect(f, "");
    rig_type(f, "\x14"
                "1");
    assert_non_null(strstr(f->shown, "first\r\nsecond\r\n"));
    rig_clear(f);
    atomic_fetch_add(&f->roster.client[VM_A].generation, 1);
    atomic_store(&rig_link(f, VM_A)->out.head, 0x80000000u); /* root is at it */
    console_signalled(&f->console, 1u << VM_A);
    rig_expect(f, "");
}

static void what_root_says_of_a_change_comes_before_it(void **state)
{
    struct console_rig *f = *state;
    rig_begin(f, VM_B);
    rig_clear(f);
    rig_log(f, ROOT, "2linux-a: powered off\n");
    f->roster.client[VM_A].state = VM_STOPPED;
    console_roster_changed(&f->console);
    rig_expect(f, "[root] linux-a: powered off\r\n[linux-a] stopped\r\n");
}

static void followed_lines_carry_the_name(void **state)
{
    struct console_rig *f = *state;
    rig_begin(f, VM_A);
    rig_type(f, "\x14s"
                "follow linux-b\r\x14"
                "1");
    rig_clear(f);
    rig_say(f, VM_A, "$ typ");
    rig_expect(f, "$ typ");
    rig_say(f, VM_B, "one\x1b[2J\r\ntwo\r\nthr");
    rig_expect(f, "\r\x1b[K[linux-b] one\r\n[linux-b] two\r\n$ typ");
    rig_say(f, VM_B, "ee\r\n");
    rig_expect(f, "\r\x1b[K[linux-b] three\r\n$ typ");
    rig_type(f, "\x14"
                "2");
    rig_clear(f);
    rig_say(f, VM_B, "in front\r\n");
    rig_expect(f, "in front\r\n");
    rig_type(f, "\x14sfollow linux-b off\r");
    rig_clear(f);
    rig_say(f, VM_B, "silence\r\n");
    rig_expect(f, "");
}

static void a_followed_line_without_end_is_cut(void **state)
{
    struct console_rig *f = *state;
    char text[1001];
    rig_begin(f, 0);
    rig_type(f, "follow linux-b\r");
    rig_clear(f);
    memset(text, 'x', 1000);
    text[1000] = '\0';
    rig_say(f, VM_B, text);
    rig_settle(f);
    unsigned pieces = 0;
    for (const char *at = f->shown; (at = strstr(at, "[linux-b] xxx")) != NULL; at++) {
        pieces++;
    }
    assert_int_equal(pieces, 4); /* 200 each, the fifth may go on */
    rig_clear(f);
    memset(text, 0x07, 1000); /* shows nothing, and still has an end */
    for (unsigned i = 0; i < 10; i++) {
        rig_say(f, VM_B, text);
    }
    rig_settle(f);
    assert_non_null(strstr(f->shown, "[linux-b] \r\n"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)
    const struct CMUnitTest tests[] = {
        TEST(starts_with_the_shell),
        TEST(starts_with_a_console),
        TEST(attaches_when_the_vm_appears),
        TEST(does_not_attach_over_one_who_types),
        TEST(a_port_is_a_console),
        TEST(a_size_goes_into_the_link),
        TEST(the_front_is_raw_and_the_background_is_kept),
        TEST(keys_of_the_switch),
        TEST(the_switch_key_itself_can_be_typed),
        TEST(a_switch_may_come_in_pieces),
        TEST(keys_before_and_behind_a_switch_go_where_they_belong),
        TEST(log_lines_show_at_once),
        TEST(the_log_level_holds_for_the_screen_only),
        TEST(states_are_told),
        TEST(a_stopped_vm_takes_no_input_and_says_so_once),
        TEST(a_vm_that_is_gone_gives_the_screen_to_the_shell),
        TEST(a_restarted_vm_is_read_again),
        TEST(a_new_link_is_no_broken_link),
        TEST(what_root_says_of_a_change_comes_before_it),
        TEST(followed_lines_carry_the_name),
        TEST(a_followed_line_without_end_is_cut),
    };
    return cmocka_run_group_tests_name("console", tests, NULL, NULL);
}
