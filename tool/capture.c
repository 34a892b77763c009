// SPDX-License-Identifier: BSD-2-Clause
#include "tool/capture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base64.h"
#include "lib/crc.h"

enum { LINE_MAX_BYTES = 160, ESCAPE = 0x1b, NAME_MAX_BYTES = 32 };

static const char begin_mark[] = "-----BEGIN PCAP ", end_mark[] = "-----END PCAP ";

/* ---- lines, as a terminal would show them ------------------------------------------------------
 */

struct reader {
    const char *text;
    size_t size, at;
    size_t length;
    char line[LINE_MAX_BYTES];
};

/* Skips the rest of a control sequence (ECMA-48: parameters, then a final byte). */
static void skip_sequence(struct reader *reader)
{
    if (reader->at < reader->size && reader->text[reader->at] == '[') {
        reader->at++;
        while (reader->at < reader->size &&
               (reader->text[reader->at] < '@' || reader->text[reader->at] > '~')) {
            reader->at++;
        }
        reader->at += reader->at < reader->size;
    }
}

/* The next whole line. A carriage return goes back to its beginning: what was there is put anew. */
static bool next_line(struct reader *reader)
{
    reader->length = 0;
    while (reader->at < reader->size) {
        char c = reader->text[reader->at++];
        bool ends = reader->at < reader->size && reader->text[reader->at] == '\n';
        if (c == '\n') {
            reader->line[reader->length] = '\0';
            return true;
        }
        if (c == ESCAPE) {
            skip_sequence(reader);
        } else if (c == '\r') {
            reader->length = ends ? reader->length : 0;
        } else if (reader->length < LINE_MAX_BYTES - 1) {
            reader->line[reader->length++] = c;
        }
    }
    return false;
}

/* ---- one dump ----------------------------------------------------------------------------------
 */

struct dump {
    struct bytes file;
    size_t room;
    char network[NAME_MAX_BYTES];
    bool active;
};

static void append(struct dump *dump, const uint8_t *bytes, size_t size)
{
    if (dump->room - dump->file.size < size) {
        dump->room = 2 * dump->room + 65536;
        uint8_t *larger = tool_allocate(dump->room);
        if (dump->file.size != 0) {
            memcpy(larger, dump->file.data, dump->file.size);
        }
        free(dump->file.data);
        dump->file.data = larger;
    }
    memcpy(dump->file.data + dump->file.size, bytes, size);
    dump->file.size += size;
}

/* "-----BEGIN PCAP lan-----" */
static bool begins(struct dump *dump, const char *line, const char *network)
{
    if (strncmp(line, begin_mark, sizeof begin_mark - 1) != 0) {
        return false;
    }
    const char *name = line + sizeof begin_mark - 1, *rest = strstr(name, "-----");
    size_t length = rest != NULL ? (size_t)(rest - name) : 0;
    if (length == 0 || length >= sizeof dump->network) {
        return false;
    }
    memcpy(dump->network, name, length);
    dump->network[length] = '\0';
    dump->file.size = 0;
    dump->active = network == NULL || strcmp(dump->network, network) == 0;
    return dump->active;
}

/* "-----END PCAP lan: 1234 bytes, crc 01234567-----", or another reason for the end. */
static enum capture_state judge(const struct dump *dump, const char *line)
{
    size_t length = 0;
    unsigned crc = 0;
    const char *rest = line + sizeof end_mark - 1 + strlen(dump->network);
    if (sscanf(rest, ": %zu bytes, crc %8x-----", &length, &crc) != 2) {
        return CAPTURE_CUT;
    }
    return length == dump->file.size && crc == crc_update(0, dump->file.data, dump->file.size)
               ? CAPTURE_WHOLE
               : CAPTURE_DAMAGED;
}

static bool ends(const struct dump *dump, const char *line)
{
    size_t length = strlen(dump->network);
    return strncmp(line, end_mark, sizeof end_mark - 1) == 0 &&
           strncmp(line + sizeof end_mark - 1, dump->network, length) == 0 &&
           line[sizeof end_mark - 1 + length] == ':';
}

static void keep(struct bytes *file, struct dump *dump)
{
    free(file->data);
    *file = dump->file;
    *dump = (struct dump){.active = false};
}

enum capture_state capture_find(const char *text, size_t size, const char *network,
                                struct bytes *file)
{
    struct reader reader = {.text = text, .size = size};
    struct dump dump = {.active = false};
    enum capture_state state = CAPTURE_NONE;
    *file = (struct bytes){0};
    while (next_line(&reader)) {
        uint8_t bytes[BASE64_LINE_BYTES];
        size_t count;
        if (begins(&dump, reader.line, network)) {
            state = state == CAPTURE_NONE ? CAPTURE_CUT : state;
        } else if (dump.active && ends(&dump, reader.line)) {
            enum capture_state found = judge(&dump, reader.line);
            dump.active = false;
            if (found == CAPTURE_WHOLE) {
                keep(file, &dump);
            }
            state = state == CAPTURE_WHOLE ? state : found;
        } else if (dump.active && base64_decode(bytes, &count, reader.line, reader.length)) {
            append(&dump, bytes, count);
        }
    }
    free(dump.file.data);
    return state;
}
