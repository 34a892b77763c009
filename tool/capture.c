// SPDX-License-Identifier: BSD-2-Clause
#include "tool/capture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base64.h"
#include "lib/crc.h"

static const char begin_mark[] = "-----BEGIN PCAP ", end_mark[] = "-----END PCAP ";

/* ---- lines, as a terminal would show them ------------------------------------------------------
 */

enum { PLAIN = 0, ESCAPED, IN_SEQUENCE, AFTER_RETURN }; /* capture_scan.reading */
enum { ESCAPE = 0x1b };

/*
 * True: that was the end of a line. Control sequences (ECMA-48: parameters, then a final byte) are
 * left out. A carriage return goes back to the line's beginning: what was there is put anew.
 */
static bool takes_line(struct capture_scan *scan, char c)
{
    if (scan->reading == IN_SEQUENCE) {
        scan->reading = c >= '@' && c <= '~' ? PLAIN : IN_SEQUENCE;
        return false;
    }
    if (scan->reading == ESCAPED && c == '[') {
        scan->reading = IN_SEQUENCE;
        return false;
    }
    if (scan->reading == AFTER_RETURN && c != '\n') {
        scan->length = 0;
    }
    scan->reading = c == ESCAPE ? ESCAPED : c == '\r' ? AFTER_RETURN : PLAIN;
    if (scan->reading == PLAIN && c != '\n' && scan->length < CAPTURE_LINE_MAX - 1) {
        scan->line[scan->length++] = c;
    }
    return c == '\n';
}

/* ---- one dump ----------------------------------------------------------------------------------
 */

static void append(struct capture_dump *dump, const uint8_t *bytes, size_t size)
{
    if (size > CAPTURE_FILE_MAX - dump->file.size) {
        dump->active = false; /* nobody's shell prints that much */
        return;
    }
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
static bool begins(struct capture_dump *dump, const char *line, const char *network)
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
static enum capture_state judge(const struct capture_dump *dump, const char *line)
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

static bool ends(const struct capture_dump *dump, const char *line)
{
    size_t length = strlen(dump->network);
    return strncmp(line, end_mark, sizeof end_mark - 1) == 0 &&
           strncmp(line + sizeof end_mark - 1, dump->network, length) == 0 &&
           line[sizeof end_mark - 1 + length] == ':';
}

static void keep(struct capture_scan *scan)
{
    struct capture_dump *dump = &scan->dump;
    bytes_free(&scan->file);
    scan->file = dump->file;
    memcpy(scan->file_network, dump->network, sizeof scan->file_network);
    scan->whole_count++;
    *dump = (struct capture_dump){.active = false};
}

/* True: a whole dump ends with this line. */
static bool read_line(struct capture_scan *scan)
{
    struct capture_dump *dump = &scan->dump;
    uint8_t bytes[BASE64_LINE_BYTES];
    size_t count;
    enum capture_state found = CAPTURE_NONE;
    scan->line[scan->length] = '\0';
    if (begins(dump, scan->line, scan->network)) {
        scan->state = scan->state == CAPTURE_NONE ? CAPTURE_CUT : scan->state;
    } else if (dump->active && ends(dump, scan->line)) {
        found = judge(dump, scan->line);
        dump->active = false;
        scan->state = scan->state == CAPTURE_WHOLE ? scan->state : found;
    } else if (dump->active && base64_decode(bytes, &count, scan->line, scan->length)) {
        append(dump, bytes, count);
    }
    if (found == CAPTURE_WHOLE) {
        keep(scan);
    }
    return found == CAPTURE_WHOLE;
}

bool capture_scan(struct capture_scan *scan, const char *text, size_t size)
{
    bool whole = false;
    for (size_t i = 0; i < size; i++) {
        if (takes_line(scan, text[i])) {
            whole |= read_line(scan);
            scan->length = 0;
        }
    }
    return whole;
}

void capture_scan_end(struct capture_scan *scan)
{
    bytes_free(&scan->file);
    bytes_free(&scan->dump.file);
}

const char *capture_state_text(enum capture_state state)
{
    static const char *const texts[] = {
        [CAPTURE_NONE] = ("has no capture of this network: `capture dump NETWORK` in the "
                          "operator's shell prints one"),
        [CAPTURE_CUT] = "the capture has no end",
        [CAPTURE_DAMAGED] = "the capture is damaged: its length or checksum is another one",
        [CAPTURE_WHOLE] = "the capture is whole",
    };
    return texts[state];
}
