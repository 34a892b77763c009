/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The last HISTORY_BYTES bytes of a stream. A position counts bytes since the stream began, so it
 * stays meaningful when the bytes that it names have been overwritten. Zero means empty.
 *
 * Screen output is read from here too (screen.h), so each byte of a console is stored once, whether
 * somebody looks or not, and showing it late or again is only a matter of where a cursor stands.
 */
enum { HISTORY_BYTES = 16384 };

struct history {
    uint64_t written; /* position of the next byte */
    uint8_t bytes[HISTORY_BYTES];
};

void history_write(struct history *history, const void *bytes, size_t size);

/* Where the next *size bytes go, *size >= 1; they count from history_commit on. The oldest go lost.
 */
uint8_t *history_space(struct history *history, uint32_t *size);
void history_commit(struct history *history, uint32_t size);

/* Position of the oldest byte that is still there. */
uint64_t history_oldest(const struct history *history);

/*
 * The bytes from position on that lie in one piece; *size is 0 at the end. A position that is no
 * longer there (or not yet) is moved to the nearest that is.
 */
const uint8_t *history_span(const struct history *history, uint64_t *position, uint32_t *size);

/*
 * Where the last `lines` lines begin, at most max_bytes before the end; an unfinished last line
 * counts as one.
 */
uint64_t history_last_lines(const struct history *history, unsigned lines, uint32_t max_bytes);
