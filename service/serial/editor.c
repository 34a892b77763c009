// SPDX-License-Identifier: BSD-2-Clause
#include "service/serial/editor.h"

#include <string.h>

#include "lib/format.h"

/* Terminals' keys are ECMA-48 control functions: CSI letter, CSI number ~, SS3 letter. */
enum { BELL = 0x07, ESCAPE = 0x1b, DELETE = 0x7f };
enum escape { ESCAPE_NONE, ESCAPE_FIRST, ESCAPE_CONTROL, ESCAPE_SS3, ESCAPE_STRING };
enum { ESCAPE_MAX = 256 }; /* a string that a terminal reports is not longer */

static uint8_t ctrl(char letter)
{
    return (uint8_t)(letter & 0x1f);
}

static void write(struct editor *editor, const char *bytes, size_t size)
{
    editor->port.write(editor->port.ctx, bytes, size);
}

static void write_text(struct editor *editor, const char *text)
{
    write(editor, text, strlen(text));
}

void editor_init(struct editor *editor, struct editor_port port, const char *prompt)
{
    memset(editor, 0, sizeof *editor);
    editor->port = port;
    editor->prompt = prompt;
}

void editor_show(struct editor *editor)
{
    write_text(editor, "\r");
    write_text(editor, editor->prompt);
    write(editor, editor->line, editor->length);
    write_text(editor, "\x1b[K");
    if (editor->cursor != editor->length) {
        char left[16];
        format(left, sizeof left, "\x1b[%uD", editor->length - editor->cursor);
        write_text(editor, left);
    }
}

static void insert(struct editor *editor, const char *bytes, uint32_t size)
{
    if (size > EDITOR_LINE_MAX - 1 - editor->length) {
        write_text(editor, "\a");
        return;
    }
    char *at = editor->line + editor->cursor;
    memmove(at + size, at, editor->length - editor->cursor);
    memcpy(at, bytes, size);
    editor->length += size;
    editor->cursor += size;
    if (editor->cursor == editor->length) {
        write(editor, bytes, size);
    } else {
        editor_show(editor);
    }
}

/* Removes the bytes from `from` up to `to`; the cursor ends there. */
static void erase(struct editor *editor, uint32_t from, uint32_t to)
{
    if (from == to) {
        return;
    }
    memmove(editor->line + from, editor->line + to, editor->length - to);
    editor->length -= to - from;
    editor->cursor = from;
    editor_show(editor);
}

static void move(struct editor *editor, uint32_t to)
{
    if (to <= editor->length && to != editor->cursor) {
        editor->cursor = to;
        editor_show(editor);
    }
}

static uint32_t word_start(const struct editor *editor)
{
    uint32_t at = editor->cursor;
    while (at > 0 && editor->line[at - 1] == ' ') {
        at--;
    }
    while (at > 0 && editor->line[at - 1] != ' ') {
        at--;
    }
    return at;
}

/* ---- the lines before ------------------------------------------------------------------------ */

static void remember(struct editor *editor)
{
    const char *last = editor->old[(editor->lines - 1) % EDITOR_LINES];
    if (editor->length == 0 || (editor->lines != 0 && strcmp(last, editor->line) == 0)) {
        return;
    }
    memcpy(editor->old[editor->lines % EDITOR_LINES], editor->line, editor->length + 1);
    editor->lines++;
}

static void recall(struct editor *editor, uint32_t back)
{
    uint32_t kept = editor->lines < EDITOR_LINES ? editor->lines : EDITOR_LINES;
    if (back > kept) {
        return;
    }
    editor->back = back;
    editor->length = 0;
    if (back != 0) {
        const char *old = editor->old[(editor->lines - back) % EDITOR_LINES];
        editor->length = (uint32_t)strlen(old);
        memcpy(editor->line, old, editor->length);
    }
    editor->cursor = editor->length;
    editor_show(editor);
}

/* ---- completion ------------------------------------------------------------------------------ */

static bool begins(const char *text, const char *start, uint32_t length)
{
    return strncmp(text, start, length) == 0;
}

static void list_candidates(struct editor *editor, const char *before, const char *word,
                            uint32_t typed)
{
    const char *one;
    write_text(editor, "\n");
    for (unsigned i = 0; (one = editor->port.candidate(editor->port.ctx, before, i)) != NULL; i++) {
        if (begins(one, word, typed)) {
            write_text(editor, one);
            write_text(editor, "  ");
        }
    }
    write_text(editor, "\n");
    editor_show(editor);
}

static void complete(struct editor *editor)
{
    char before[EDITOR_LINE_MAX], common[EDITOR_LINE_MAX];
    memcpy(before, editor->line, editor->cursor);
    before[editor->cursor] = '\0';
    uint32_t start = editor->cursor;
    while (start > 0 && before[start - 1] != ' ') {
        start--;
    }
    uint32_t typed = editor->cursor - start;
    uint32_t matches = 0, length = 0;
    const char *one;
    for (unsigned i = 0; (one = editor->port.candidate(editor->port.ctx, before, i)) != NULL; i++) {
        uint32_t size = (uint32_t)strnlen(one, sizeof common - 1);
        if (!begins(one, before + start, typed)) {
            continue;
        }
        if (matches++ == 0) {
            length = size;
            memcpy(common, one, size);
        }
        uint32_t same = 0;
        while (same < length && same < size && common[same] == one[same]) {
            same++;
        }
        length = same;
    }
    if (matches == 1) {
        common[length++] = ' ';
    }
    if (matches != 0 && length > typed) {
        insert(editor, common + typed, length - typed);
    } else if (matches > 1) {
        list_candidates(editor, before, before + start, typed);
    } else {
        write_text(editor, "\a");
    }
}

/* ---- keys ------------------------------------------------------------------------------------ */

static void fresh_line(struct editor *editor)
{
    editor->length = editor->cursor = editor->back = 0;
    editor_show(editor);
}

static void enter(struct editor *editor)
{
    write_text(editor, "\n");
    editor->line[editor->length] = '\0';
    remember(editor);
    editor->port.enter(editor->port.ctx, editor->line);
    if (!editor->held) {
        fresh_line(editor);
    }
}

void editor_hold(struct editor *editor)
{
    editor->held = true;
}

void editor_release(struct editor *editor)
{
    editor->held = false;
    fresh_line(editor);
}

static void erase_forward(struct editor *editor)
{
    if (editor->cursor < editor->length) {
        erase(editor, editor->cursor, editor->cursor + 1);
    }
}

/* Left of the first place wraps to a number that move refuses. */
static void control_key(struct editor *editor, uint8_t byte)
{
    if (byte == '\b' || byte == DELETE) {
        erase(editor, editor->cursor - (editor->cursor != 0), editor->cursor);
    } else if (byte == ctrl('A')) {
        move(editor, 0);
    } else if (byte == ctrl('B')) {
        move(editor, editor->cursor - 1);
    } else if (byte == ctrl('C')) {
        write_text(editor, "^C\n");
        fresh_line(editor);
    } else if (byte == ctrl('D')) {
        erase_forward(editor);
    } else if (byte == ctrl('E')) {
        move(editor, editor->length);
    } else if (byte == ctrl('F')) {
        move(editor, editor->cursor + 1);
    } else if (byte == '\t') {
        complete(editor);
    } else if (byte == ctrl('K')) {
        erase(editor, editor->cursor, editor->length);
    } else if (byte == ctrl('L')) {
        write_text(editor, "\x1b[H\x1b[2J");
        editor_show(editor);
    } else if (byte == ctrl('N')) {
        recall(editor, editor->back - (editor->back != 0));
    } else if (byte == ctrl('P')) {
        recall(editor, editor->back + 1);
    } else if (byte == ctrl('U')) {
        erase(editor, 0, editor->cursor);
    } else if (byte == ctrl('W')) {
        erase(editor, word_start(editor), editor->cursor);
    }
}

static void escape_key(struct editor *editor, uint8_t final)
{
    switch (final) {
    case 'A':
        control_key(editor, ctrl('P'));
        break;
    case 'B':
        control_key(editor, ctrl('N'));
        break;
    case 'C':
        control_key(editor, ctrl('F'));
        break;
    case 'D':
        control_key(editor, ctrl('B'));
        break;
    case 'H':
        move(editor, 0);
        break;
    case 'F':
        move(editor, editor->length);
        break;
    case '~':
        if (editor->parameter == 1 || editor->parameter == 7) {
            move(editor, 0);
        } else if (editor->parameter == 4 || editor->parameter == 8) {
            move(editor, editor->length);
        } else if (editor->parameter == 3) {
            erase_forward(editor);
        }
        break;
    default:
        break;
    }
}

/* One byte of an escape sequence. */
static void escape_byte(struct editor *editor, uint8_t byte)
{
    bool ended = byte == ctrl('C') || byte == '\r' || ++editor->escape_bytes == ESCAPE_MAX;
    switch ((enum escape)editor->escape) {
    case ESCAPE_FIRST:
        editor->parameter = 0;
        if (byte == '[') {
            editor->escape = ESCAPE_CONTROL;
        } else if (byte == 'O') {
            editor->escape = ESCAPE_SS3;
        } else if (memchr("]PX^_", byte, 5) != NULL) {
            editor->escape = ESCAPE_STRING;
        } else {
            ended = ended || byte != ESCAPE;
        }
        break;
    case ESCAPE_CONTROL:
        if (byte >= '0' && byte <= '9') {
            editor->parameter = editor->parameter % 1000 * 10 + (byte - '0');
        } else if (byte >= '@') {
            escape_key(editor, byte);
            ended = true;
        }
        break;
    case ESCAPE_SS3:
        escape_key(editor, byte);
        ended = true;
        break;
    case ESCAPE_STRING: /* a report that the terminal was asked for: BEL or ESC \ ends it */
        if (byte == ESCAPE) {
            editor->escape = ESCAPE_FIRST;
        }
        ended = ended || byte == BELL;
        break;
    case ESCAPE_NONE:
        break;
    }
    if (ended) {
        editor->escape = ESCAPE_NONE;
    }
}

void editor_key(struct editor *editor, uint8_t byte)
{
    bool after_return = editor->after_return;
    editor->after_return = false;
    if (editor->escape != ESCAPE_NONE) {
        escape_byte(editor, byte);
    } else if (byte == ESCAPE) {
        editor->escape = ESCAPE_FIRST;
        editor->escape_bytes = 0;
    } else if (byte == '\r' || (byte == '\n' && !after_return)) {
        enter(editor);
        editor->after_return = byte == '\r';
    } else if (byte >= ' ' && byte < DELETE) {
        char c = (char)byte;
        insert(editor, &c, 1);
    } else {
        control_key(editor, byte);
    }
}
