/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Takes terminal control out of a stream that somebody else wrote (ECMA-48 control functions).
 * Without it a guest's log line could repaint the operator's screen, and a console that is shown
 * again could ask the terminal a question (ESC [ 6 n) a second time, whose answer arrives as typed
 * input.
 */
enum filter_kind {
    FILTER_TEXT,   /* printable ASCII only; no line end either, other bytes become '?' */
    FILTER_REPLAY, /* also line ends, tab, backspace, 8-bit characters, colours, erasing, moves in
                      the line */
};

enum { FILTER_OUT_MAX = 24 };

struct filter {
    uint8_t kind;   /* enum filter_kind */
    uint8_t state;  /* filter.c */
    uint8_t length; /* of sequence */
    uint8_t pad;
    uint32_t string_bytes; /* swallowed of a control string */
    char sequence[FILTER_OUT_MAX];
};

/* One byte in; returns how many bytes came out. */
size_t filter_byte(struct filter *filter, uint8_t byte, char out[FILTER_OUT_MAX]);

/* True when it is not in the middle of a control sequence. */
bool filter_idle(const struct filter *filter);
