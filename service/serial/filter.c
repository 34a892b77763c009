// SPDX-License-Identifier: BSD-2-Clause
#include "service/serial/filter.h"

#include <string.h>

enum { BACKSPACE = 0x08, BELL = 0x07, ESCAPE = 0x1b, DELETE = 0x7f };

/* A control string (a window title, say) that does not end within this many bytes is none. */
enum { STRING_MAX = 512 };

enum state {
    GROUND,
    AFTER_ESCAPE,  /* ESC, perhaps with intermediate bytes */
    IN_CONTROL,    /* ESC [ */
    IN_STRING,     /* ESC ] and its like, up to BEL or ESC \ */
    STRING_ESCAPE, /* ESC within one */
};

bool filter_idle(const struct filter *filter)
{
    return filter->state == GROUND;
}

static size_t ground(struct filter *filter, uint8_t byte, char *out)
{
    filter->state = GROUND;
    if (byte == ESCAPE) {
        filter->state = AFTER_ESCAPE;
        return 0;
    }
    *out = (char)byte;
    if (filter->kind == FILTER_REPLAY) {
        return (byte >= ' ' && byte != DELETE) || byte == '\n' || byte == '\r' || byte == '\t' ||
               byte == BACKSPACE;
    }
    if (byte == '\t') {
        *out = ' ';
    } else if (byte >= DELETE) {
        *out = '?';
    }
    return byte >= ' ' || byte == '\t';
}

/* Whether a replay keeps this control sequence: colours, and what stays within the line. */
static bool keeps(const struct filter *filter, uint8_t final)
{
    if (filter->kind != FILTER_REPLAY || filter->length == sizeof filter->sequence) {
        return false;
    }
    for (unsigned i = 2; i < filter->length; i++) {
        char c = filter->sequence[i];
        if ((c < '0' || c > '9') && c != ';') {
            return false; /* private and intermediate bytes change the meaning of the final one */
        }
    }
    /* ED without a parameter clears what is below: line editors use it. With one it may clear all.
     */
    return strchr("mKCD@P", (char) final) != NULL || (final == 'J' && filter->length == 2);
}

static size_t control(struct filter *filter, uint8_t byte, char *out)
{
    if (byte < ' ' || byte >= DELETE) {
        return ground(filter, byte, out); /* a broken sequence must not eat a line end */
    }
    bool final = byte >= '@';
    bool keep = final && keeps(filter, byte);
    if (filter->length < sizeof filter->sequence) {
        filter->sequence[filter->length++] = (char)byte;
    }
    if (!final) {
        return 0;
    }
    filter->state = GROUND;
    if (!keep) {
        return 0;
    }
    memcpy(out, filter->sequence, filter->length);
    return filter->length;
}

static size_t after_escape(struct filter *filter, uint8_t byte, char *out)
{
    if (byte == '[') {
        filter->state = IN_CONTROL;
        filter->sequence[0] = (char)ESCAPE;
        filter->sequence[1] = '[';
        filter->length = 2;
        return 0;
    }
    if (byte == ']' || byte == 'P' || byte == 'X' || byte == '^' || byte == '_') {
        filter->state = IN_STRING;
        filter->string_bytes = 0;
        return 0;
    }
    if (byte < ' ' || byte >= DELETE) {
        return ground(filter, byte, out);
    }
    if (byte >= '0') { /* the final byte of a two-byte function; below are intermediate ones */
        filter->state = GROUND;
    }
    return 0;
}

size_t filter_byte(struct filter *filter, uint8_t byte, char out[FILTER_OUT_MAX])
{
    switch ((enum state)filter->state) {
    case AFTER_ESCAPE:
        return after_escape(filter, byte, out);
    case IN_CONTROL:
        return control(filter, byte, out);
    case STRING_ESCAPE:
        if (byte != '\\') {
            return after_escape(filter, byte, out);
        }
        filter->state = GROUND;
        return 0;
    case IN_STRING:
        if (byte == ESCAPE) {
            filter->state = STRING_ESCAPE;
            return 0;
        }
        if (byte == '\n' || byte == '\r') {
            return ground(filter, byte, out);
        }
        if (byte == BELL || ++filter->string_bytes == STRING_MAX) {
            filter->state = GROUND;
        }
        return 0;
    case GROUND:
        break;
    }
    return ground(filter, byte, out);
}
