/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stddef.h>
#include <stdint.h>

/*
 * One line to the system log. The process decides where lines go with log_open; before that they
 * are dropped. A line is at most LOG_LINE_MAX bytes, longer ones are cut.
 */
enum { LOG_LINE_MAX = 240 };

enum log_level {
    LOG_ERROR,   /* something asked for will not happen */
    LOG_WARNING, /* it goes on, but somebody should look */
    LOG_INFO,    /* life cycle: started, stopped, restarted */
    LOG_DEBUG,   /* for developers of Bulkhead */
};

/* Called with one line, without its line end. May be called from several threads at once. */
typedef void log_sink(enum log_level level, const char *line, size_t length);

/* Sets the sink and the most talkative level that still reaches it. Call once, before threads. */
void log_open(log_sink *sink, enum log_level max_level);

void log_line(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...)   log_line(LOG_ERROR, __VA_ARGS__)
#define log_warning(...) log_line(LOG_WARNING, __VA_ARGS__)
#define log_info(...)    log_line(LOG_INFO, __VA_ARGS__)
#define log_debug(...)   log_line(LOG_DEBUG, __VA_ARGS__)

/*
 * Limits lines that a guest or a peer can cause. Allows `burst` lines, then one line for every
 * doubling of the count (so the log grows with the logarithm of the trouble). Zero-initialise.
 */
struct log_limit {
    uint64_t count; /* how often the event happened, shown or not */
};

/* Counts the event; true when it should be logged. */
int log_limit_pass(struct log_limit *limit, uint64_t burst);
