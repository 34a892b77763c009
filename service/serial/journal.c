// SPDX-License-Identifier: BSD-2-Clause
#include "service/serial/journal.h"

#include "lib/format.h"
#include "service/serial/filter.h"

/* A stored line: level digit, time in TIME_WIDTH characters, text, newline. */
enum { TIME_WIDTH = 11 };
_Static_assert(TIME_WIDTH < sizeof((struct journal_line){0}.time), "time has its NUL");

static size_t filter_text(char *out, size_t size, const char *text, size_t length)
{
    struct filter filter = {.kind = FILTER_TEXT};
    char piece[FILTER_OUT_MAX];
    size_t used = 0;
    for (size_t i = 0; i < length && used < size; i++) {
        if (filter_byte(&filter, (uint8_t)text[i], piece) != 0) {
            out[used++] = piece[0];
        }
    }
    return used;
}

void journal_add(struct journal *journal, uint64_t now_ms, const char *name, enum log_level level,
                 const char *text, size_t length)
{
    static const char *const marks[] = {[LOG_ERROR] = "error: ", [LOG_WARNING] = "warning: "};
    const char *mark = level <= LOG_WARNING ? marks[level] : "";
    char line[1 + TIME_WIDTH + JOURNAL_TEXT_MAX + 2];
    size_t seconds = (size_t)(now_ms / 1000) % 10000000;
    size_t used = format(line, sizeof line, "%c%7zu.%03u[%.15s] %s", '0' + (int)level, seconds,
                         (unsigned)(now_ms % 1000), name, mark);
    used += filter_text(line + used, sizeof line - 1 - used, text, length);
    line[used++] = '\n';
    history_write(&journal->history, line, used);
}

static bool take(const struct history *history, uint64_t *position, char *c)
{
    uint32_t size;
    const uint8_t *byte = history_span(history, position, &size);
    if (size == 0) {
        return false;
    }
    *c = (char)*byte;
    (*position)++;
    return true;
}

bool journal_next(const struct journal *journal, uint64_t *position, struct journal_line *line)
{
    const struct history *history = &journal->history;
    char c;
    if (*position < history_oldest(history)) {
        while (take(history, position, &c) && c != '\n') { /* the rest of a half-lost line */
        }
    }
    if (!take(history, position, &c)) {
        return false;
    }
    *line = (struct journal_line){.level = (enum log_level)(c - '0')};
    for (unsigned i = 0; i < TIME_WIDTH && take(history, position, &c); i++) {
        line->time[i] = c;
    }
    while (take(history, position, &c) && c != '\n') {
        if (line->length < JOURNAL_TEXT_MAX) {
            line->text[line->length++] = c;
        }
    }
    return true;
}
