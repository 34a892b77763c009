// SPDX-License-Identifier: BSD-2-Clause
#include "root/reason.h"

#include <stdarg.h>

#include "lib/format.h"

static char text[240];

const char *reason(void)
{
    return text;
}

void reason_clear(void)
{
    text[0] = '\0';
}

bool reason_set(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    format_va(text, sizeof text, fmt, args);
    va_end(args);
    return false;
}

bool reason_check(seL4_Error error, const char *name, const char *what)
{
    return error == seL4_NoError ||
           reason_set("%s: the kernel refused %s: error %u", name, what, (unsigned)error);
}
