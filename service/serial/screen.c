// SPDX-License-Identifier: BSD-2-Clause
#include "service/serial/screen.h"

#include <string.h>

#include "lib/check.h"

static const char take_off[] = "\r\x1b[K"; /* to the line's start, erase to its end */

void screen_init(struct screen *screen, struct screen_source others)
{
    memset(screen, 0, sizeof *screen);
    screen->others = others;
    screen->lines_left = SCREEN_BURST_LINES;
    screen->filter.kind = FILTER_REPLAY;
}

/* ---- composed bytes -------------------------------------------------------------------------- */

static uint32_t room(const struct screen *screen)
{
    return SCREEN_PENDING_MAX - (screen->end - screen->begin);
}

static void push(struct screen *screen, const char *bytes, size_t size)
{
    CHECK(size <= room(screen));
    if (size > SCREEN_PENDING_MAX - screen->end) {
        memmove(screen->pending, screen->pending + screen->begin, screen->end - screen->begin);
        screen->end -= screen->begin;
        screen->begin = 0;
    }
    memcpy(screen->pending + screen->end, bytes, size);
    screen->end += (uint32_t)size;
}

static size_t pop(struct screen *screen, uint8_t *out, size_t size)
{
    uint32_t left = screen->end - screen->begin;
    uint32_t count = size < left ? (uint32_t)size : left;
    memcpy(out, screen->pending + screen->begin, count);
    screen->begin += count;
    if (screen->begin == screen->end) {
        screen->begin = screen->end = 0;
    }
    return count;
}

/* ---- the front's unfinished line ------------------------------------------------------------- */

/* Frees the terminal's line. A line that is too long to be put back stays where it is. */
static void make_way(struct screen *screen)
{
    if (!screen->unfinished || screen->taken_off) {
        return;
    }
    if (screen->cursor - screen->line_start <= SCREEN_RESTORE_MAX) {
        push(screen, take_off, sizeof take_off - 1);
        screen->taken_off = true;
    } else {
        push(screen, "\r\n", 2);
        screen->unfinished = false;
        screen->line_start = screen->cursor;
    }
}

static void put_back(struct screen *screen)
{
    struct filter filter = {.kind = FILTER_REPLAY};
    uint64_t position = screen->line_start;
    while (position < screen->cursor) {
        uint32_t size;
        const uint8_t *bytes = history_span(screen->front, &position, &size);
        for (uint32_t i = 0; i < size && position < screen->cursor; i++, position++) {
            char out[FILTER_OUT_MAX];
            push(screen, out, filter_byte(&filter, bytes[i], out));
        }
    }
    screen->taken_off = false;
}

/* ---- the front ------------------------------------------------------------------------------- */

uint64_t screen_backlog(const struct screen *screen)
{
    return screen->front->written - screen->cursor;
}

/* How much longer the front's line may get before others' lines interrupt it. */
static uint32_t patience(const struct screen *screen)
{
    uint64_t length = screen->cursor - screen->line_start;
    return length < SCREEN_PATIENCE_BYTES ? SCREEN_PATIENCE_BYTES - (uint32_t)length : 0;
}

/* What the history has forgotten before the terminal took it is not shown. */
static void skip_lost(struct screen *screen)
{
    uint64_t oldest = history_oldest(screen->front);
    if (screen->cursor < oldest) {
        screen->cursor = screen->line_start = oldest;
        screen->unfinished = screen->taken_off = false;
    }
}

/* Accounts for bytes that have been shown: where the last line among them begins, whose turn it is.
 */
static void shown(struct screen *screen, const uint8_t *bytes, uint32_t count)
{
    screen->cursor += count;
    screen->unfinished = true;
    for (uint32_t i = count; i != 0; i--) {
        if (bytes[i - 1] == '\n') {
            screen->line_start = screen->cursor - (count - i);
            screen->unfinished = i != count;
            break;
        }
    }
    screen->quantum -= count < screen->quantum ? count : screen->quantum;
}

/* Replays a piece through the filter into the composed bytes. */
static void replay(struct screen *screen, const uint8_t *bytes, uint32_t size)
{
    uint32_t count = 0;
    while (count < size && room(screen) >= FILTER_OUT_MAX) {
        char out[FILTER_OUT_MAX];
        push(screen, out, filter_byte(&screen->filter, bytes[count++], out));
    }
    shown(screen, bytes, count);
}

/* The front's next bytes: directly to out, or a replay to the composed bytes. False: there are
 * none. */
static bool take_front(struct screen *screen, uint8_t *out, size_t size, size_t *used)
{
    uint32_t left;
    const uint8_t *bytes = history_span(screen->front, &screen->cursor, &left);
    if (left == 0) {
        return false;
    }
    if (screen->cursor < screen->live || !filter_idle(&screen->filter)) {
        uint64_t old = screen->live > screen->cursor ? screen->live - screen->cursor : 1;
        replay(screen, bytes, old < left ? (uint32_t)old : left);
        return true;
    }
    uint32_t count = size < left ? (uint32_t)size : left;
    if (screen->others.waiting(screen->others.ctx)) {
        /* Others get the screen when the front's turn is over, at the end of a line if one comes.
         */
        uint32_t turn = screen->quantum != 0 ? screen->quantum : patience(screen);
        count = count < turn ? count : turn;
        const uint8_t *newline = screen->quantum == 0 ? memchr(bytes, '\n', count) : NULL;
        count = newline != NULL ? (uint32_t)(newline - bytes) + 1 : count;
    }
    memcpy(out, bytes, count);
    shown(screen, bytes, count);
    *used += count;
    return count != 0;
}

/* ---- the others ------------------------------------------------------------------------------ */

static bool others_turn(const struct screen *screen)
{
    if (!screen->others.waiting(screen->others.ctx)) {
        return false;
    }
    if (screen_backlog(screen) == 0) {
        return true;
    }
    if (screen->lines_left == 0 || screen->quantum != 0 || !filter_idle(&screen->filter)) {
        return false;
    }
    return !screen->unfinished || screen->taken_off || patience(screen) == 0;
}

/* Composes one line of others. False when there was none. */
static bool take_line(struct screen *screen)
{
    char line[SCREEN_LINE_MAX];
    size_t length;
    if (!screen->others.next_line(screen->others.ctx, line, &length)) {
        return false;
    }
    CHECK(length <= sizeof line);
    make_way(screen);
    push(screen, line, length);
    push(screen, "\r\n", 2);
    screen->lines_left -= screen->lines_left != 0;
    return true;
}

/* After the others' lines: the front's turn. */
static void end_burst(struct screen *screen)
{
    screen->quantum = SCREEN_BURST_BYTES;
    screen->lines_left = SCREEN_BURST_LINES;
}

/* ---- outside --------------------------------------------------------------------------------- */

void screen_show(struct screen *screen, const struct history *front, uint64_t from,
                 const char *banner)
{
    bool first = screen->front == NULL;
    screen->begin = screen->end = 0; /* a half-composed line of the old front is not missed */
    if (!first) {
        /* The old front may have left a colour, or a hidden cursor, or an unfinished line. */
        push(screen, "\x1b[0m\x1b[?25h\r\n", 12);
    }
    screen->front = front;
    screen->cursor = screen->line_start = from;
    screen->live = front->written;
    screen->filter = (struct filter){.kind = FILTER_REPLAY};
    screen->unfinished = screen->taken_off = false;
    screen_notice(screen, banner);
}

void screen_notice(struct screen *screen, const char *line)
{
    size_t length = strnlen(line, SCREEN_LINE_MAX);
    if (room(screen) < sizeof take_off + length + 2) {
        return;
    }
    make_way(screen);
    push(screen, line, length);
    push(screen, "\r\n", 2);
}

size_t screen_output(struct screen *screen, uint8_t *out, size_t size)
{
    size_t used = 0;
    skip_lost(screen);
    while (used < size) {
        if (screen->begin != screen->end) {
            used += pop(screen, out + used, size - used);
            continue;
        }
        if (others_turn(screen)) {
            if (take_line(screen)) {
                continue;
            }
            end_burst(screen);
        } else if (screen->lines_left == 0) {
            end_burst(screen);
        }
        if (screen->taken_off) {
            put_back(screen);
            continue;
        }
        if (!take_front(screen, out + used, size - used, &used)) {
            break;
        }
    }
    return used;
}
