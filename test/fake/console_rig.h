/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "service/serial/console.h"

/*
 * For unit tests of the console: a console with its clients' far sides, a UART that keeps all that
 * is shown, and a clock that stands still. `void **state` and the functions that fail are cmocka's.
 */
enum { ROOT, TIMER, VM_A, VM_B, CLIENTS };

struct console_rig {
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

/* cmocka's fixture: *state is a struct console_rig whose VMs run; the console has not begun. */
int rig_setup(void **state);
int rig_teardown(void **state);

struct serial_link *rig_link(struct console_rig *f, unsigned n);
/* What root does when it starts a client. */
void rig_open_client(struct console_rig *f, unsigned n);
void rig_begin(struct console_rig *f, uint32_t attach);

/* Lets all move, as main.c does, with a UART that takes at most this many bytes. */
void rig_move(struct console_rig *f, size_t uart);
/* And looks again at those who have just talked, as main.c's alarm does. */
void rig_settle(struct console_rig *f);

/* Fails unless just this has been shown since the last time. */
void rig_expect(struct console_rig *f, const char *wanted);
/* Forgets what has been shown so far. */
void rig_clear(struct console_rig *f);

/* A client's console output, its log lines, and what is typed at the UART. */
void rig_say(struct console_rig *f, unsigned n, const char *text);
void rig_log(struct console_rig *f, unsigned n, const char *text);
void rig_type(struct console_rig *f, const char *text);
/* Fails unless the client has got just this. */
void rig_expect_typed(struct console_rig *f, unsigned n, const char *wanted);

#define SWITCHED  "\x1b[0m\x1b[?25h\r\n"
#define SHELL     "--- operator shell (Ctrl-T ?: help) ---\r\n"
#define CONSOLE_A "--- linux-a (Ctrl-T s: shell, Ctrl-T ?: help) ---\r\n"
#define CONSOLE_B "--- linux-b (Ctrl-T s: shell, Ctrl-T ?: help) ---\r\n"
#define PROMPT    "\rbulkhead> \x1b[K"
