/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A line that a person types on a terminal: editing, the lines before it, completion. Keys, as
 * bytes from the terminal: printable ASCII; Backspace, Delete, Ctrl-D; Left, Right, Home, End,
 * Ctrl-A, Ctrl-E, Ctrl-B, Ctrl-F; Ctrl-U, Ctrl-K, Ctrl-W; Up, Down, Ctrl-P, Ctrl-N; Tab; Ctrl-C,
 * Ctrl-L; Enter. What a terminal may send beyond that is taken off as a whole, so that no part of
 * it ends up in the line.
 */
enum {
    EDITOR_LINE_MAX = 128, /* with its NUL */
    EDITOR_LINES = 16,     /* that Up finds again */
};

struct editor;

struct editor_port {
    void (*write)(void *ctx, const char *bytes, size_t size); /* to the terminal */
    void (*enter)(void *ctx, const char *line);               /* a line is complete */
    /*
     * The index-th word that may stand where the word at the end of `before` stands; NULL after the
     * last one. It need not begin with what has been typed of it.
     */
    const char *(*candidate)(void *ctx, const char *before, unsigned index);
    void *ctx;
};

struct editor {
    struct editor_port port;
    const char *prompt;
    char line[EDITOR_LINE_MAX];
    uint32_t length, cursor;
    uint32_t escape;       /* where in an escape sequence we are; editor.c */
    uint32_t escape_bytes; /* taken of it */
    uint32_t parameter;    /* its number */
    uint32_t lines;        /* lines ever entered */
    uint32_t back;         /* how many lines up we are */
    bool held;             /* what was entered is still at work: no prompt yet */
    bool after_return;     /* swallow the line feed of CR LF */
    char old[EDITOR_LINES][EDITOR_LINE_MAX];
};

void editor_init(struct editor *editor, struct editor_port port, const char *prompt);

/* Shows the prompt and what has been typed. */
void editor_show(struct editor *editor);

void editor_key(struct editor *editor, uint8_t byte);

/* From `enter`: what it does goes on after it, and no prompt shows until editor_release. No keys
 * meanwhile. */
void editor_hold(struct editor *editor);
void editor_release(struct editor *editor);
