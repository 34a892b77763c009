/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include "lib/log.h"
#include "service/serial/history.h"

/* The system log: the last lines of all clients, each with its level, time and speaker. */
struct journal {
    struct history history;
};

enum { JOURNAL_TEXT_MAX = LOG_LINE_MAX + 32 };

struct journal_line {
    enum log_level level;
    uint32_t length;                 /* of text */
    char time[16];                   /* seconds since the start, as text */
    char text[JOURNAL_TEXT_MAX + 1]; /* "[name] ...", printable ASCII */
};

/* Adds a line; text may hold anything and is filtered and cut. */
void journal_add(struct journal *journal, uint64_t now_ms, const char *name, enum log_level level,
                 const char *text, size_t length);

/* The line at *position, which is moved behind it; false when there is none (yet). */
bool journal_next(const struct journal *journal, uint64_t *position, struct journal_line *line);
