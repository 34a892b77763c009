/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include "tool/tool.h"

/* Other programs. */

struct process_result {
    int exit_status; /* 128 + signal when a signal ended it */
    struct bytes output;
    struct bytes errors;
};

/* Runs argv[0] from PATH and waits, keeping what it writes. False: errno, it could not be started.
 */
bool process_capture(char *const *argv, struct process_result *result);
void process_result_free(struct process_result *result);

/* Who sees what a program writes to its standard output, in pieces of any size. */
struct process_watcher {
    void (*see)(void *ctx, const char *text, size_t size);
    void *ctx;
};

/*
 * Runs it with our own input and output; returns its exit status, -1 when it could not be started.
 * With a watcher (it may be NULL) what it writes passes through us, and goes on doing so when
 * nobody reads our own output any more.
 */
int process_run(char *const *argv, const struct process_watcher *watcher);
