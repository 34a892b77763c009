// SPDX-License-Identifier: BSD-2-Clause
/* The console when much is typed or said at once, and when a client does not keep to the rules. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "test/fake/console_rig.h"

static void a_paste_loses_nothing(void **state)
{
    struct console_rig *f = *state;
    enum { PASTE = 100000 };
    char *text = malloc(PASTE);
    uint32_t sent = 0, got = 0, stalls = 0;
    for (uint32_t i = 0; i < PASTE; i++) {
        text[i] = (char)('a' + i * 7 % 26);
    }
    rig_begin(f, VM_A);
    while (got < PASTE) {
        uint32_t room = console_input_room(&f->console);
        uint32_t count = PASTE - sent < room ? PASTE - sent : room;
        console_input(&f->console, (const uint8_t *)text + sent, count);
        rig_settle(f);
        sent += count;
        if (room != 0 && sent != PASTE) {
            continue;
        }
        /* The UART holds the rest. The guest takes some, and is told to signal only by the ring. */
        char piece[1000];
        bool signal = false;
        stalls++;
        uint32_t size = ring_read(&f->in[VM_A], piece, sizeof piece, &signal);
        assert_memory_equal(piece, text + got, size);
        got += size;
        if (signal) {
            console_signalled(&f->console, 1u << VM_A);
        }
        rig_settle(f);
        assert_true(size != 0);
    }
    assert_true(stalls > 50);
    free(text);
}

static void the_switch_key_works_beside_a_guest_that_never_reads(void **state)
{
    struct console_rig *f = *state;
    rig_begin(f, VM_A);
    for (unsigned i = 0; i < 1024; i++) { /* what its ring holds */
        rig_type(f, "0123456789abcdef");
    }
    rig_type(f, "\x14s");
    assert_int_equal(f->console.front, CONSOLE_SHELL);
    rig_type(f, "\x14"
                "1");
    f->roster.client[VM_A].state = VM_PAUSED;
    for (unsigned i = 0; i < 1024; i++) { /* more than all there is, but it is not running */
        rig_type(f, "0123456789abcdef");
    }
    rig_type(f, "\x14s");
    assert_int_equal(f->console.front, CONSOLE_SHELL);
}

static void a_fast_front_waits_for_the_uart(void **state)
{
    struct console_rig *f = *state;
    static char text[SERIAL_OUT_SIZE + 1];
    memset(text, 'x', SERIAL_OUT_SIZE);
    rig_begin(f, VM_A);
    rig_clear(f);
    rig_say(f, VM_A, text);
    rig_move(f, 100);
    assert_int_equal(f->size, 100);
    /* The rest stays in its ring, so its guest feels it. */
    assert_true(SERIAL_OUT_SIZE - ring_space(&f->out[VM_A]) >=
                SERIAL_OUT_SIZE - 100 - CONSOLE_BACKLOG);
    rig_say(f, VM_B, text); /* the background does not wait */
    rig_move(f, 0);
    assert_int_equal(ring_space(&f->out[VM_B]), SERIAL_OUT_SIZE);
    rig_settle(f);
    assert_int_equal(f->size, SERIAL_OUT_SIZE);
}

static void a_flood_of_log_lines_does_not_hide_the_shell(void **state)
{
    struct console_rig *f = *state;
    rig_begin(f, 0);
    rig_clear(f);
    for (unsigned i = 0; i < 1000; i++) {
        bool signal = false;
        while (ring_write(&f->log[VM_A], "2flood flood flood flood\n", 25, &signal) == 25) {
        }
        if (signal) {
            console_signalled(&f->console, 1u << VM_A);
        }
        f->now_ms += 10;
        rig_move(f, 500);
    }
    /* Ten seconds: the burst and what ten seconds allow, not a thousand rings full. */
    assert_true(f->size < 30000);
    rig_type(f, "memory\r");
    assert_int_equal(f->asked, CONTROL_MEMORY);
}

static void the_log_of_one_does_not_starve_another(void **state)
{
    struct console_rig *f = *state;
    rig_begin(f, 0);
    rig_clear(f);
    for (unsigned i = 0; i < 20; i++) {
        bool signal = false;
        while (ring_write(&f->log[ROOT], "2noise\n", 7, &signal) == 7) {
        }
        console_signalled(&f->console, 1u << ROOT);
        rig_move(f, 300);
    }
    rig_log(f, VM_B, "0important\n");
    console_signalled(&f->console, 1u << VM_B);
    for (unsigned i = 0; i < 100; i++) {
        bool signal = false;
        while (ring_write(&f->log[ROOT], "2noise\n", 7, &signal) == 7) {
        }
        console_signalled(&f->console, 1u << ROOT);
        rig_move(f, 300);
    }
    assert_non_null(strstr(f->shown, "[linux-b] error: important"));
}

static void broken_links_are_told_and_harm_nobody(void **state)
{
    struct console_rig *f = *state;
    rig_begin(f, VM_B);
    rig_clear(f);
    for (unsigned i = 0; i < 100; i++) {
        atomic_store(&rig_link(f, VM_A)->out.head, 0x40000000u * i + 99999);
        atomic_store(&rig_link(f, VM_A)->in.tail, 0x40000000u);
        atomic_store(&rig_link(f, VM_A)->log.head, 0x80000000u);
        console_signalled(&f->console, 1u << VM_A);
        rig_settle(f);
    }
    assert_non_null(
        strstr(f->shown, "[serial] warning: linux-a: impossible index in its link (1)"));
    assert_true(f->size < 1000);
    rig_clear(f);
    rig_say(f, VM_B, "fine\r\n");
    rig_expect(f, "fine\r\n");
}

static void clients_without_a_console_have_none(void **state)
{
    struct console_rig *f = *state;
    rig_begin(f, 0);
    rig_clear(f);
    rig_say(f, ROOT, "not a console");
    rig_say(f, TIMER, "not a console");
    rig_expect(f, "");
    rig_type(f, "x");
    rig_expect(f, "x");
    rig_expect_typed(f, ROOT, ""); /* the shell's keys are not root's */
}

static void a_command_waits_while_the_last_one_is_being_shown(void **state)
{
    struct console_rig *f = *state;
    rig_begin(f, 0);
    rig_clear(f);
    const char *line = "help\rhelp\rhelp\r";
    console_input(&f->console, (const uint8_t *)line, 15);
    rig_move(f, 0);
    uint64_t backlog = screen_backlog(&f->console.screen);
    assert_true(backlog < 2200);
    rig_settle(f);
    unsigned count = 0;
    for (const char *at = f->shown; (at = strstr(at, "memory and kernel")) != NULL; at++) {
        count++;
    }
    assert_int_equal(count, 3);
}

static void what_was_missed_is_replayed_whole(void **state)
{
    struct console_rig *f = *state;
    rig_begin(f, VM_A);
    rig_clear(f);
    for (unsigned i = 0; i < 100; i++) {
        char text[32];
        snprintf(text, sizeof text, "line %u\r\n", i);
        rig_say(f, VM_B, text);
    }
    rig_settle(f);
    rig_type(f, "\x14"
                "2");
    assert_non_null(strstr(f->shown, CONSOLE_B "line 0\r\n"));
    assert_non_null(strstr(f->shown, "\r\nline 99\r\n"));
    rig_type(f, "\x14"
                "1");
    rig_clear(f);
    rig_type(f, "\x14"
                "2"); /* nothing missed: enough to see where one is */
    assert_non_null(strstr(f->shown, CONSOLE_B "line 76\r\n"));
    assert_non_null(strstr(f->shown, "\r\nline 99\r\n"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_paste_loses_nothing),
        TEST(the_switch_key_works_beside_a_guest_that_never_reads),
        TEST(a_fast_front_waits_for_the_uart),
        TEST(a_flood_of_log_lines_does_not_hide_the_shell),
        TEST(the_log_of_one_does_not_starve_another),
        TEST(broken_links_are_told_and_harm_nobody),
        TEST(clients_without_a_console_have_none),
        TEST(a_command_waits_while_the_last_one_is_being_shown),
        TEST(what_was_missed_is_replayed_whole),
    };
    return cmocka_run_group_tests_name("console, load", tests, NULL, NULL);
}
