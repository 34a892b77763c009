// SPDX-License-Identifier: BSD-2-Clause
#include "lib/log.h"

#include <stdarg.h>

#include "lib/format.h"

static log_sink *sink;
static enum log_level max_level;

void log_open(log_sink *to, enum log_level most)
{
    sink = to;
    max_level = most;
}

void log_line(enum log_level level, const char *fmt, ...)
{
    if (sink == NULL || level > max_level) {
        return;
    }
    char line[LOG_LINE_MAX + 1];
    va_list args;
    va_start(args, fmt);
    size_t length = format_va(line, sizeof line, fmt, args);
    va_end(args);
    sink(level, line, length < sizeof line ? length : sizeof line - 1);
}

int log_limit_pass(struct log_limit *limit, uint64_t burst)
{
    uint64_t count = ++limit->count;
    return count <= burst || (count & (count - 1)) == 0;
}
