/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include "service/serial/client.h"
#include "service/serial/screen.h"
#include "service/serial/shell.h"

/*
 * The multiplexer: who has the keyboard and the screen, what shows when. No kernel call and no
 * device: main.c moves bytes between it and the UART and tells it who signalled.
 *
 * The front is a VM's console or the operator's shell (client 0). Its bytes pass as they are. The
 * log of all clients shows at once, a line at a time. Other consoles go to their histories;
 * `follow` lets their lines through. Ctrl-T and one more key change the front.
 */
enum {
    CONSOLE_SHELL = 0,      /* the front that is the shell */
    CONSOLE_KEY = 0x14,     /* Ctrl-T */
    CONSOLE_BACKLOG = 4096, /* bytes of the front's output that wait for the UART, at most */
    CONSOLE_REPLAY_LINES =
        24,                 /* shown of a console that comes to the front, and what it said since */
    CONSOLE_INPUT_MAX = 16, /* bytes taken from the UART at a time */
};

struct console_port {
    void (*signal)(void *ctx, unsigned client);
    enum control_result (*request)(void *ctx, enum control_request request, unsigned client,
                                   unsigned argument);
    uint64_t (*now_ms)(void *ctx); /* since the start */
    void *ctx;
    /* As struct shell_port has it; NULL: nothing is ever captured. */
    const struct capture_shared *(*captured)(void *ctx, unsigned network, uint64_t *bytes);
    const struct serial_roster *roster;
    const struct control_reply *reply;
    uint8_t *links; /* SERIAL_CLIENT_MAX windows of SERIAL_LINK_BYTES */
};

struct console {
    struct console_port port;
    unsigned front;
    bool attach_later; /* the roster's first console does not exist yet, and nobody has typed */
    bool key_pending;  /* Ctrl-T has been typed */
    uint8_t
        told_state; /* 1 + the state of the front's VM about which the person who types was told */
    uint32_t output_ready, log_ready, input_ready; /* bit n: client n may have something to move */
    uint32_t first;                                /* who moves bytes first */
    uint32_t turn;                                 /* which followed console's lines come first */
    uint32_t states[SERIAL_CLIENT_MAX];            /* 1 + state that the log told last; 0: none */
    uint64_t journal_cursor;                       /* the screen has shown the log up to here */
    uint64_t follow_count;                         /* clients that are followed */
    struct journal journal;
    struct screen screen;
    struct shell shell;
    struct client client[SERIAL_CLIENT_MAX];
};

void console_init(struct console *console, const struct console_port *port);

/* Client numbers in a mask of bits have signalled. */
void console_signalled(struct console *console, uint32_t clients);

/* Root has changed the roster. */
void console_roster_changed(struct console *console);

/* A log line of the service itself. */
void console_log(struct console *console, enum log_level level, const char *line, size_t length);

/* How many typed bytes it takes now, at most CONSOLE_INPUT_MAX; 0: leave them in the UART. */
uint32_t console_input_room(struct console *console);

/* Typed bytes, not more than console_input_room said. */
void console_input(struct console *console, const uint8_t *bytes, uint32_t size);

/*
 * A bounded piece of moving between links and histories. True when there is more to do at once;
 * false when all that is left waits for a signal or for console_output to take something.
 */
bool console_run(struct console *console);

/* The clients, as a mask, that are to be looked at again in CONSOLE_LINGER_US though they have not
 * signalled. */
enum { CONSOLE_LINGER_US = 2000 };
uint32_t console_lingers(const struct console *console);

/* True when something waits that console_run might move once console_output has taken something. */
bool console_waits(const struct console *console);

/* Up to size bytes for the UART; 0 when there is nothing to send. */
size_t console_output(struct console *console, uint8_t *out, size_t size);

/* ---- between console.c and console_shell.c --------------------------------------------------- */

/* Puts the shell or a VM's console in front. */
void console_attach(struct console *console, unsigned n);

/* Gives typed bytes, the switch key resolved, to the front. */
void console_type(struct console *console, const uint8_t *bytes, uint32_t size);

/* A client's link, whether it runs or not. */
struct serial_link *console_link(const struct console *console, unsigned n);

void console_shell_init(struct console *console);

/*
 * Gives the shell what was typed to it, a key at a time, while its output is not too far behind.
 * True when there is more to do at once.
 */
bool console_shell_run(struct console *console, bool all);
