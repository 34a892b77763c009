/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Base64 as in RFC 4648, section 4, a line at a time: lines of 76 characters, as MIME and PEM have
 * them, the last one padded.
 */
enum { BASE64_LINE_BYTES = 57, BASE64_LINE_MAX = 76 };

/* Writes a line of size bytes, at most BASE64_LINE_BYTES; returns its length. No NUL. */
size_t base64_encode(char line[BASE64_LINE_MAX], const uint8_t *bytes, size_t size);

/*
 * Reads a whole line, at most BASE64_LINE_MAX characters, without its end. False: it is none.
 * *size is what it holds.
 */
bool base64_decode(uint8_t bytes[BASE64_LINE_BYTES], size_t *size, const char *line, size_t length);
