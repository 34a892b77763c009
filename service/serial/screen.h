/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "service/serial/filter.h"
#include "service/serial/history.h"

/*
 * Composes what the terminal gets from one stream in front (a console, or the shell), which passes
 * as it is, and whole lines of others (the log, followed consoles) between its lines. When the
 * front has an unfinished line (a prompt, what is being typed), that is taken off, and put back
 * afterwards.
 *
 * Pull model: the UART asks for bytes when it has room for some, so nothing is composed that cannot
 * be sent, and changing the front takes effect at once whatever the old one still had to say.
 */
enum {
    SCREEN_LINE_MAX = 320,       /* a line of others, without its line end */
    SCREEN_PENDING_MAX = 2048,   /* composed bytes; several notices and a restored line fit */
    SCREEN_RESTORE_MAX = 512,    /* longest unfinished line that is put back */
    SCREEN_BURST_LINES = 8,      /* lines of others in a row when the front has something to say */
    SCREEN_BURST_BYTES = 512,    /* bytes that the front has for itself after them */
    SCREEN_PATIENCE_BYTES = 256, /* a longer line of the front is interrupted when others wait */
};

struct screen_source {
    /* Cheap: might next_line have one? */
    bool (*waiting)(void *ctx);
    /* Copies the next line, without its end; false when there is none after all. */
    bool (*next_line)(void *ctx, char line[SCREEN_LINE_MAX], size_t *length);
    void *ctx;
};

struct screen {
    struct screen_source others;
    const struct history *front;
    uint64_t cursor;     /* the front has been shown up to here */
    uint64_t live;       /* what is before this is a replay: filtered */
    uint64_t line_start; /* where the line begins that the cursor is in */
    bool unfinished;     /* something of that line is on the terminal, or belongs there */
    bool taken_off;      /* ... it belongs there, but others' lines took its place */
    struct filter filter;
    uint32_t lines_left; /* of others, in this burst */
    uint32_t quantum;    /* bytes that the front may say before the next burst */
    uint32_t begin, end; /* the bytes of pending that wait */
    char pending[SCREEN_PENDING_MAX];
};

void screen_init(struct screen *screen, struct screen_source others);

/* Puts a stream in front, under a line that says so; replays it from a position on. */
void screen_show(struct screen *screen, const struct history *front, uint64_t from,
                 const char *banner);

/* Shows a line of our own at the next chance; one that finds no room is dropped. */
void screen_notice(struct screen *screen, const char *line);

/* How many bytes of the front have not been shown yet. */
uint64_t screen_backlog(const struct screen *screen);

/* Up to size bytes for the terminal; 0 when there is nothing to send. */
size_t screen_output(struct screen *screen, uint8_t *out, size_t size);
