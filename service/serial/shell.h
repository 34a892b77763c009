/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include "link/control.h"
#include "service/serial/editor.h"

/*
 * The operator's shell: takes keys, parses commands, asks its port to do them and says what came of
 * it. `help` is its manual.
 */
enum {
    SHELL_LOG_LINES = 20,         /* that `log` shows */
    SHELL_OUTPUT_MAX = 12 * 1024, /* bytes at most that one command writes */
};

struct shell_port {
    /* To the shell's screen; a '\n' is a line end. */
    void (*write)(void *ctx, const char *text, size_t length);
    /* Asks root; its details are in *reply afterwards. */
    enum control_result (*request)(void *ctx, enum control_request request, unsigned client,
                                   unsigned argument);
    /* Gives the keyboard and the screen to a VM's console. */
    void (*attach)(void *ctx, unsigned client);
    /* Writes the last lines of the log to the shell's screen, SHELL_OUTPUT_MAX bytes at most. */
    void (*show_log)(void *ctx, unsigned lines);
    /* Lets a VM's lines through to the screen while its console is in the background, or not. */
    void (*follow)(void *ctx, unsigned client, bool on);
    bool (*followed)(void *ctx, unsigned client);
    void *ctx;
    const struct serial_roster *roster;
    const struct control_reply *reply;
};

struct shell {
    struct shell_port port;
    struct editor editor;
    char name[16]; /* of the completion candidate handed out last */
};

/* Greets and shows the prompt. */
void shell_init(struct shell *shell, const struct shell_port *port);

void shell_key(struct shell *shell, uint8_t byte);

/* ---- between shell.c, shell_report.c and shell_ports.c
 * ------------------------------------------------------ */

enum { SHELL_WORDS = 4 };

struct shell_words {
    unsigned count;
    char *word[SHELL_WORDS];
};

/* Writes text made as with format(), at most 511 bytes of it. */
void shell_print(struct shell *shell, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Asks root; false when it refused, which has been said then. */
bool shell_request(struct shell *shell, enum control_request request, unsigned client,
                   unsigned argument);

/* The VM that a word names; SERIAL_CLIENT_MAX when there is none, which has been said then. */
unsigned shell_vm(struct shell *shell, const char *name);

void shell_list(struct shell *shell, const struct shell_words *words);
void shell_stats(struct shell *shell, const struct shell_words *words);
void shell_stats_net(struct shell *shell, const struct shell_words *words);
void shell_stats_disk(struct shell *shell, const struct shell_words *words);
void shell_memory(struct shell *shell, const struct shell_words *words);
