// SPDX-License-Identifier: BSD-2-Clause
#include "service/serial/console.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { ROOT, TIMER, VM_A, VM_B, CLIENTS };

struct fixture {
    struct console console;
    struct serial_roster roster;
    struct control_reply reply;
    uint8_t *links;
    struct ring out[CLIENTS], in[CLIENTS], log[CLIENTS]; /* the clients' sides */
    uint64_t now_ms;
    uint32_t signals; /* clients that were signalled */
    enum control_request asked;
    char shown[400000];
    size_t size;
};

static void on_signal(void *ctx, unsigned client)
{
    ((struct fixture *)ctx)->signals |= 1u << client;
}

static enum control_result on_request(void *ctx, enum control_request request, unsigned client)
{
    struct fixture *f = ctx;
    (void)client;
    f->asked = request;
    return CONTROL_OK;
}

static uint64_t on_now(void *ctx)
{
    return ((struct fixture *)ctx)->now_ms;
}

static struct serial_link *link_of(struct fixture *f, unsigned n)
{
    return (struct serial_link *)(void *)(f->links + (size_t)n * SERIAL_LINK_BYTES);
}

/* What root does when it starts a client. */
static void open_client(struct fixture *f, unsigned n)
{
    struct serial_link *link = link_of(f, n);
    atomic_fetch_add(&f->roster.client[n].generation, 1);
    ring_format(&link->out);
    ring_format(&link->in);
    ring_format(&link->log);
    ring_open_producer(&f->out[n], &link->out, link->out_data, SERIAL_OUT_SIZE);
    ring_open_consumer(&f->in[n], &link->in, link->in_data, SERIAL_IN_SIZE);
    ring_open_producer(&f->log[n], &link->log, link->log_data, SERIAL_LOG_SIZE);
    atomic_fetch_add(&f->roster.client[n].generation, 1);
}

static void begin(struct fixture *f, uint32_t attach)
{
    f->roster.attach = attach;
    console_init(&f->console, &(struct console_port){.signal = on_signal,
                                                     .request = on_request,
                                                     .now_ms = on_now,
                                                     .ctx = f,
                                                     .roster = &f->roster,
                                                     .reply = &f->reply,
                                                     .links = f->links});
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    static const char *const names[] = {"root", "timer", "linux-a", "linux-b"};
    f->links = calloc(SERIAL_CLIENT_MAX, SERIAL_LINK_BYTES);
    f->roster = (struct serial_roster){
        .magic = SERIAL_ROSTER_MAGIC, .version = SERIAL_ROSTER_VERSION, .log_level = LOG_INFO};
    for (unsigned n = 0; n < CLIENTS; n++) {
        bool vm = n >= VM_A;
        strcpy(f->roster.client[n].name, names[n]);
        f->roster.client[n].kind = vm ? SERIAL_CLIENT_VM : SERIAL_CLIENT_SYSTEM;
        f->roster.client[n].state = vm ? VM_RUNNING : VM_STOPPED;
        open_client(f, n);
    }
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    free(f->links);
    free(f);
    return 0;
}

/* Lets all move, as main.c does, with a UART that takes at most this many bytes. */
static void move(struct fixture *f, size_t uart)
{
    bool moved;
    unsigned passes = 0;
    do {
        assert_true(++passes < 100000);
        moved = console_run(&f->console);
        size_t piece = uart < 256 ? uart : 256;
        assert_true(f->size + piece < sizeof f->shown);
        size_t got = console_output(&f->console, (uint8_t *)f->shown + f->size, piece);
        f->size += got;
        uart -= got;
        moved |= got != 0 && (console_waits(&f->console) || got == piece);
    } while (moved);
    f->shown[f->size] = '\0';
}

/* And looks again at those who have just talked, as main.c's alarm does. */
static void settle(struct fixture *f)
{
    uint32_t lingering;
    do {
        move(f, SIZE_MAX);
        lingering = console_lingers(&f->console);
        console_signalled(&f->console, lingering);
    } while (lingering != 0);
}

static void expect(struct fixture *f, const char *wanted)
{
    settle(f);
    assert_string_equal(f->shown, wanted);
    f->size = 0;
    f->shown[0] = '\0';
}

/* Forgets what has been shown so far. */
static void clear(struct fixture *f)
{
    settle(f);
    f->size = 0;
    f->shown[0] = '\0';
}

static void say(struct fixture *f, unsigned n, const char *text)
{
    bool signal = false;
    assert_int_equal(ring_write(&f->out[n], text, (uint32_t)strlen(text), &signal), strlen(text));
    if (signal) {
        console_signalled(&f->console, 1u << n);
    }
}

static void log_text(struct fixture *f, unsigned n, const char *text)
{
    bool signal = false;
    assert_int_equal(ring_write(&f->log[n], text, (uint32_t)strlen(text), &signal), strlen(text));
    if (signal) {
        console_signalled(&f->console, 1u << n);
    }
}

/* Types as the UART delivers: in pieces that the console has room for. */
static void type(struct fixture *f, const char *text)
{
    size_t size = strlen(text);
    while (size != 0) {
        uint32_t room = console_input_room(&f->console);
        uint32_t count = size < room ? (uint32_t)size : room;
        assert_true(room != 0);
        console_input(&f->console, (const uint8_t *)text, count);
        settle(f);
        text += count;
        size -= count;
    }
}

static void expect_typed(struct fixture *f, unsigned n, const char *wanted)
{
    char got[256] = {0};
    bool signal = false;
    ring_read(&f->in[n], got, sizeof got - 1, &signal);
    assert_string_equal(got, wanted);
    if (signal) {
        console_signalled(&f->console, 1u << n);
    }
}

#define SWITCHED  "\x1b[0m\x1b[?25h\r\n"
#define SHELL     "--- operator shell (Ctrl-T ?: help) ---\r\n"
#define CONSOLE_A "--- linux-a (Ctrl-T s: shell, Ctrl-T ?: help) ---\r\n"
#define CONSOLE_B "--- linux-b (Ctrl-T s: shell, Ctrl-T ?: help) ---\r\n"
#define PROMPT    "\rbulkhead> \x1b[K"

static void starts_with_the_shell(void **state)
{
    struct fixture *f = *state;
    f->roster.client[VM_A].state = f->roster.client[VM_B].state = VM_STOPPED;
    begin(f, 0);
    expect(f, SHELL "Bulkhead operator shell; 'help' lists the commands.\r\n" PROMPT);
}

static void starts_with_a_console(void **state)
{
    struct fixture *f = *state;
    begin(f, VM_A);
    say(f, VM_A, "login: ");
    clear(f);
    type(f, "root\r");
    expect_typed(f, VM_A, "root\r");
    assert_true((f->signals & 1u << VM_A) != 0);
    expect_typed(f, VM_B, "");
    expect(f, "");
}

static void attaches_when_the_vm_appears(void **state)
{
    struct fixture *f = *state;
    f->roster.client[VM_B].kind = SERIAL_CLIENT_NONE;
    begin(f, VM_B);
    assert_int_equal(f->console.front, CONSOLE_SHELL);
    f->roster.client[VM_B].kind = SERIAL_CLIENT_VM;
    console_roster_changed(&f->console);
    assert_int_equal(f->console.front, VM_B);
}

static void does_not_attach_over_one_who_types(void **state)
{
    struct fixture *f = *state;
    f->roster.client[VM_B].kind = SERIAL_CLIENT_NONE;
    begin(f, VM_B);
    type(f, "l");
    f->roster.client[VM_B].kind = SERIAL_CLIENT_VM;
    console_roster_changed(&f->console);
    assert_int_equal(f->console.front, CONSOLE_SHELL);
}

static void the_front_is_raw_and_the_background_is_kept(void **state)
{
    struct fixture *f = *state;
    begin(f, VM_A);
    clear(f);
    say(f, VM_A, "\x1b[1mA\x1b[6n\n");
    say(f, VM_B, "B in the background\r\n$ ");
    expect(f, "\x1b[1mA\x1b[6n\n");
    type(f, "\x14"
            "2");
    expect(f, SWITCHED CONSOLE_B "B in the background\r\n$ ");
    say(f, VM_A, "A again\r\n");
    expect(f, "");
    type(f, "\x14"
            "1");
    expect(f, SWITCHED CONSOLE_A "\x1b[1mA\nA again\r\n");
}

static void keys_of_the_switch(void **state)
{
    struct fixture *f = *state;
    begin(f, VM_A);
    type(f, "\x14s");
    assert_int_equal(f->console.front, CONSOLE_SHELL);
    type(f, "\x14n");
    assert_int_equal(f->console.front, VM_A);
    type(f, "\x14N");
    assert_int_equal(f->console.front, VM_B);
    type(f, "\x14n");
    assert_int_equal(f->console.front, CONSOLE_SHELL);
    type(f, "\x14"
            "2");
    assert_int_equal(f->console.front, VM_B);
    clear(f);
    type(f, "\x14"
            "3\x14"
            "0\x14x");
    assert_int_equal(f->console.front, VM_B);
#define KEYS "Ctrl-T and then s: shell, n: next, Ctrl-T: itself, 1: linux-a, 2: linux-b\r\n"
    expect(f, KEYS KEYS KEYS);
    type(f, "\x14?");
    expect(f, KEYS);
    expect_typed(f, VM_A, "");
    expect_typed(f, VM_B, "");
}

static void the_switch_key_itself_can_be_typed(void **state)
{
    struct fixture *f = *state;
    begin(f, VM_A);
    type(f, "a\x14\x14"
            "b\x14\x14\x14\x14\x14"
            "2c");
    expect_typed(f, VM_A,
                 "a\x14"
                 "b\x14\x14");
    expect_typed(f, VM_B, "c");
}

static void a_switch_may_come_in_pieces(void **state)
{
    struct fixture *f = *state;
    begin(f, VM_A);
    type(f, "\x14");
    assert_int_equal(console_input_room(&f->console), CONSOLE_INPUT_MAX);
    type(f, "2");
    assert_int_equal(f->console.front, VM_B);
}

static void keys_before_and_behind_a_switch_go_where_they_belong(void **state)
{
    struct fixture *f = *state;
    begin(f, 0);
    type(f, "memory\r\x14"
            "2ls\r");
    assert_int_equal(f->asked, CONTROL_MEMORY);
    expect_typed(f, VM_B, "ls\r");
    type(f, "\x14sconsole linux-a\rls\r");
    expect_typed(f, VM_A, "ls\r");
    type(f, "\x14slist\r\x14"
            "2x");
    assert_int_equal(f->asked, CONTROL_VM_LIST);
    expect_typed(f, VM_B, "x");
}

static void log_lines_show_at_once(void **state)
{
    struct fixture *f = *state;
    begin(f, VM_A);
    clear(f);
    say(f, VM_A, "$ ec");
    settle(f);
    log_text(f, VM_B, "1\x1b[2Jhot\n");
    log_text(f, ROOT, "2linux-b: fine\n3detail\n");
    expect(f, "$ ec\r\x1b[K[root] linux-b: fine\r\n[linux-b] warning: hot\r\n$ ec");
}

static void the_log_level_holds_for_the_screen_only(void **state)
{
    struct fixture *f = *state;
    f->roster.log_level = LOG_ERROR;
    begin(f, 0);
    clear(f);
    log_text(f, ROOT, "2info\n3debug\n0bad\n");
    expect(f, "\r\x1b[K[root] error: bad\r\n" PROMPT);
    f->now_ms = 61234;
    console_log(&f->console, LOG_DEBUG, "own", 3);
    type(f, "log 4\r");
    assert_non_null(strstr(f->shown, "\r\n      0.000 [root] info\r\n"
                                     "      0.000 [root] debug\r\n"
                                     "      0.000 [root] error: bad\r\n"
                                     "     61.234 [serial] own\r\n"));
}

static void states_are_told(void **state)
{
    struct fixture *f = *state;
    f->roster.client[VM_B].state = VM_STOPPED;
    begin(f, VM_A);
    expect(f, CONSOLE_A "[linux-a] running\r\n");
    f->roster.client[VM_A].state = VM_PAUSED;
    f->roster.client[VM_B].state = VM_STARTING;
    console_roster_changed(&f->console);
    expect(f, "[linux-a] paused\r\n[linux-b] starting\r\n");
    console_roster_changed(&f->console);
    expect(f, "");
    f->roster.client[VM_B].state = VM_FAILED;
    console_roster_changed(&f->console);
    expect(f, "[linux-b] error: failed\r\n");
}

static void a_stopped_vm_takes_no_input_and_says_so_once(void **state)
{
    struct fixture *f = *state;
    begin(f, VM_A);
    f->roster.client[VM_A].state = VM_STOPPED;
    console_roster_changed(&f->console);
    clear(f);
    type(f, "abc");
    type(f, "def");
    expect(f, "[linux-a] stopped; Ctrl-T s and 'start linux-a' would start it\r\n");
    expect_typed(f, VM_A, "");
    f->roster.client[VM_A].state = VM_RUNNING;
    console_roster_changed(&f->console);
    type(f, "x");
    expect_typed(f, VM_A, "x");
}

static void a_vm_that_is_gone_gives_the_screen_to_the_shell(void **state)
{
    struct fixture *f = *state;
    begin(f, VM_A);
    f->roster.client[VM_A].kind = SERIAL_CLIENT_NONE;
    console_roster_changed(&f->console);
    assert_int_equal(f->console.front, CONSOLE_SHELL);
}

static void a_restarted_vm_is_read_again(void **state)
{
    struct fixture *f = *state;
    begin(f, VM_A);
    say(f, VM_A, "first\r\n");
    type(f, "typed");
    clear(f);
    open_client(f, VM_A);
    console_roster_changed(&f->console);
    say(f, VM_A, "second\r\n");
    expect(f, "second\r\n");
    expect_typed(f, VM_A, "");
    assert_true((f->signals & 1u << VM_A) != 0);
}

/* Root has made the link anew, and a client's signal comes before root's. */
static void a_new_link_is_no_broken_link(void **state)
{
    struct fixture *f = *state;
    begin(f, VM_B);
    say(f, VM_A, "first\r\n");
    clear(f);
    open_client(f, VM_A);
    say(f, VM_A, "second\r\n");
    console_signalled(&f->console, 1u << VM_A);
    expect(f, "");
    type(f, "\x14"
            "1");
    assert_non_null(strstr(f->shown, "first\r\nsecond\r\n"));
    clear(f);
    atomic_fetch_add(&f->roster.client[VM_A].generation, 1);
    atomic_store(&link_of(f, VM_A)->out.head, 0x80000000u); /* root is at it */
    console_signalled(&f->console, 1u << VM_A);
    expect(f, "");
}

static void what_root_says_of_a_change_comes_before_it(void **state)
{
    struct fixture *f = *state;
    begin(f, VM_B);
    clear(f);
    log_text(f, ROOT, "2linux-a: powered off\n");
    f->roster.client[VM_A].state = VM_STOPPED;
    console_roster_changed(&f->console);
    expect(f, "[root] linux-a: powered off\r\n[linux-a] stopped\r\n");
}

static void followed_lines_carry_the_name(void **state)
{
    struct fixture *f = *state;
    begin(f, VM_A);
    type(f, "\x14s"
            "follow linux-b\r\x14"
            "1");
    clear(f);
    say(f, VM_A, "$ typ");
    expect(f, "$ typ");
    say(f, VM_B, "one\x1b[2J\r\ntwo\r\nthr");
    expect(f, "\r\x1b[K[linux-b] one\r\n[linux-b] two\r\n$ typ");
    say(f, VM_B, "ee\r\n");
    expect(f, "\r\x1b[K[linux-b] three\r\n$ typ");
    type(f, "\x14"
            "2");
    clear(f);
    say(f, VM_B, "in front\r\n");
    expect(f, "in front\r\n");
    type(f, "\x14sfollow linux-b off\r");
    clear(f);
    say(f, VM_B, "silence\r\n");
    expect(f, "");
}

static void a_followed_line_without_end_is_cut(void **state)
{
    struct fixture *f = *state;
    char text[1001];
    begin(f, 0);
    type(f, "follow linux-b\r");
    clear(f);
    memset(text, 'x', 1000);
    text[1000] = '\0';
    say(f, VM_B, text);
    settle(f);
    unsigned pieces = 0;
    for (const char *at = f->shown; (at = strstr(at, "[linux-b] xxx")) != NULL; at++) {
        pieces++;
    }
    assert_int_equal(pieces, 4); /* 200 each, the fifth may go on */
    clear(f);
    memset(text, 0x07, 1000); /* shows nothing, and still has an end */
    for (unsigned i = 0; i < 10; i++) {
        say(f, VM_B, text);
    }
    settle(f);
    assert_non_null(strstr(f->shown, "[linux-b] \r\n"));
}

static void a_paste_loses_nothing(void **state)
{
    struct fixture *f = *state;
    enum { PASTE = 100000 };
    char *text = malloc(PASTE);
    uint32_t sent = 0, got = 0, stalls = 0;
    for (uint32_t i = 0; i < PASTE; i++) {
        text[i] = (char)('a' + i * 7 % 26);
    }
    begin(f, VM_A);
    while (got < PASTE) {
        uint32_t room = console_input_room(&f->console);
        uint32_t count = PASTE - sent < room ? PASTE - sent : room;
        console_input(&f->console, (const uint8_t *)text + sent, count);
        settle(f);
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
        settle(f);
        assert_true(size != 0);
    }
    assert_true(stalls > 50);
    free(text);
}

static void the_switch_key_works_beside_a_guest_that_never_reads(void **state)
{
    struct fixture *f = *state;
    begin(f, VM_A);
    for (unsigned i = 0; i < 1024; i++) { /* what its ring holds */
        type(f, "0123456789abcdef");
    }
    type(f, "\x14s");
    assert_int_equal(f->console.front, CONSOLE_SHELL);
    type(f, "\x14"
            "1");
    f->roster.client[VM_A].state = VM_PAUSED;
    for (unsigned i = 0; i < 1024; i++) { /* more than all there is, but it is not running */
        type(f, "0123456789abcdef");
    }
    type(f, "\x14s");
    assert_int_equal(f->console.front, CONSOLE_SHELL);
}

static void a_fast_front_waits_for_the_uart(void **state)
{
    struct fixture *f = *state;
    static char text[SERIAL_OUT_SIZE + 1];
    memset(text, 'x', SERIAL_OUT_SIZE);
    begin(f, VM_A);
    clear(f);
    say(f, VM_A, text);
    move(f, 100);
    assert_int_equal(f->size, 100);
    /* The rest stays in its ring, so its guest feels it. */
    assert_true(SERIAL_OUT_SIZE - ring_space(&f->out[VM_A]) >=
                SERIAL_OUT_SIZE - 100 - CONSOLE_BACKLOG);
    say(f, VM_B, text); /* the background does not wait */
    move(f, 0);
    assert_int_equal(ring_space(&f->out[VM_B]), SERIAL_OUT_SIZE);
    settle(f);
    assert_int_equal(f->size, SERIAL_OUT_SIZE);
}

static void a_flood_of_log_lines_does_not_hide_the_shell(void **state)
{
    struct fixture *f = *state;
    begin(f, 0);
    clear(f);
    for (unsigned i = 0; i < 1000; i++) {
        bool signal = false;
        while (ring_write(&f->log[VM_A], "2flood flood flood flood\n", 25, &signal) == 25) {
        }
        if (signal) {
            console_signalled(&f->console, 1u << VM_A);
        }
        f->now_ms += 10;
        move(f, 500);
    }
    /* Ten seconds: the burst and what ten seconds allow, not a thousand rings full. */
    assert_true(f->size < 30000);
    type(f, "memory\r");
    assert_int_equal(f->asked, CONTROL_MEMORY);
}

static void the_log_of_one_does_not_starve_another(void **state)
{
    struct fixture *f = *state;
    begin(f, 0);
    clear(f);
    for (unsigned i = 0; i < 20; i++) {
        bool signal = false;
        while (ring_write(&f->log[ROOT], "2noise\n", 7, &signal) == 7) {
        }
        console_signalled(&f->console, 1u << ROOT);
        move(f, 300);
    }
    log_text(f, VM_B, "0important\n");
    console_signalled(&f->console, 1u << VM_B);
    for (unsigned i = 0; i < 100; i++) {
        bool signal = false;
        while (ring_write(&f->log[ROOT], "2noise\n", 7, &signal) == 7) {
        }
        console_signalled(&f->console, 1u << ROOT);
        move(f, 300);
    }
    assert_non_null(strstr(f->shown, "[linux-b] error: important"));
}

static void broken_links_are_told_and_harm_nobody(void **state)
{
    struct fixture *f = *state;
    begin(f, VM_B);
    clear(f);
    for (unsigned i = 0; i < 100; i++) {
        atomic_store(&link_of(f, VM_A)->out.head, 0x40000000u * i + 99999);
        atomic_store(&link_of(f, VM_A)->in.tail, 0x40000000u);
        atomic_store(&link_of(f, VM_A)->log.head, 0x80000000u);
        console_signalled(&f->console, 1u << VM_A);
        settle(f);
    }
    assert_non_null(
        strstr(f->shown, "[serial] warning: linux-a: impossible index in its link (1)"));
    assert_true(f->size < 1000);
    clear(f);
    say(f, VM_B, "fine\r\n");
    expect(f, "fine\r\n");
}

static void clients_without_a_console_have_none(void **state)
{
    struct fixture *f = *state;
    begin(f, 0);
    clear(f);
    say(f, ROOT, "not a console");
    say(f, TIMER, "not a console");
    expect(f, "");
    type(f, "x");
    expect(f, "x");
    expect_typed(f, ROOT, ""); /* the shell's keys are not root's */
}

static void a_command_waits_while_the_last_one_is_being_shown(void **state)
{
    struct fixture *f = *state;
    begin(f, 0);
    clear(f);
    const char *line = "help\rhelp\rhelp\r";
    console_input(&f->console, (const uint8_t *)line, 15);
    move(f, 0);
    uint64_t backlog = screen_backlog(&f->console.screen);
    assert_true(backlog < 2200);
    settle(f);
    unsigned count = 0;
    for (const char *at = f->shown; (at = strstr(at, "memory and kernel")) != NULL; at++) {
        count++;
    }
    assert_int_equal(count, 3);
}

static void what_was_missed_is_replayed_whole(void **state)
{
    struct fixture *f = *state;
    begin(f, VM_A);
    clear(f);
    for (unsigned i = 0; i < 100; i++) {
        char text[32];
        snprintf(text, sizeof text, "line %u\r\n", i);
        say(f, VM_B, text);
    }
    settle(f);
    type(f, "\x14"
            "2");
    assert_non_null(strstr(f->shown, CONSOLE_B "line 0\r\n"));
    assert_non_null(strstr(f->shown, "\r\nline 99\r\n"));
    type(f, "\x14"
            "1");
    clear(f);
    type(f, "\x14"
            "2"); /* nothing missed: enough to see where one is */
    assert_non_null(strstr(f->shown, CONSOLE_B "line 76\r\n"));
    assert_non_null(strstr(f->shown, "\r\nline 99\r\n"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(starts_with_the_shell),
        TEST(starts_with_a_console),
        TEST(attaches_when_the_vm_appears),
        TEST(does_not_attach_over_one_who_types),
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
    return cmocka_run_group_tests_name("console", tests, NULL, NULL);
}
