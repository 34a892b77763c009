/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include "link/capture.h"
#include "link/control.h"
#include "service/serial/editor.h"
#include "service/serial/roster.h"

/*
 * The operator's shell: takes keys, parses commands, asks its port to do them and says what came of
 * it. `help` is its manual.
 */
enum {
    SHELL_SIZE_MAX = 9999,        /* columns, or lines, of a terminal */
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
    /* Says how large the terminal is on which a console is shown. */
    void (*resize)(void *ctx, unsigned client, unsigned columns, unsigned rows);
    /* What network n (in the order of root's list) has captured, and how large that memory is; NULL
     * when there is none. */
    const struct capture_shared *(*captured)(void *ctx, unsigned network, uint64_t *bytes);
    void *ctx;
    const struct serial_roster *roster;
    const struct control_reply *reply;
};

/* A capture on its way to the screen. */
struct shell_dump {
    const struct capture_shared *shared; /* NULL: there is none */
    uint64_t memory_bytes;
    uint64_t position, last; /* records: the next one, and where to end */
    uint64_t written;        /* bytes of the file so far, and their CRC */
    uint32_t crc;
    uint32_t begin, end; /* of `bytes`, what is to be written */
    uint8_t bytes[CAPTURE_RECORD_HEADER_BYTES + NET_CAPTURE_SNAP + 64];
    char network[ROSTER_TEXT_MAX];
};

struct shell {
    struct shell_port port;
    struct editor editor;
    struct shell_dump dump;
    uint64_t capture_begin[NET_NETWORK_MAX]; /* where the capture was started last */
    char name[ROSTER_NAME_MAX];              /* of the completion candidate handed out last */
};

/* Greets and shows the prompt. */
void shell_init(struct shell *shell, const struct shell_port *port);

void shell_key(struct shell *shell, uint8_t byte);

/*
 * A command that writes much has begun and is not done: no keys now. shell_continue writes a piece
 * of it, a few lines; shell_interrupt ends it.
 */
bool shell_is_busy(const struct shell *shell);
void shell_continue(struct shell *shell);
void shell_interrupt(struct shell *shell);

/* ---- between the files of the shell -----------------------------------------------------------
 */

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
/* The same for a console: a VM's, or one of its further ones. */
unsigned shell_console(struct shell *shell, const char *name);

void shell_list(struct shell *shell, const struct shell_words *words);
void shell_stats(struct shell *shell, const struct shell_words *words);
void shell_stats_net(struct shell *shell, const struct shell_words *words);
void shell_stats_disk(struct shell *shell, const struct shell_words *words);
void shell_capture(struct shell *shell, const struct shell_words *words);
void shell_link(struct shell *shell, const struct shell_words *words);
void shell_memory(struct shell *shell, const struct shell_words *words);
