// SPDX-License-Identifier: BSD-2-Clause
#include "lib/check.h"

#include "lib/log.h"

_Noreturn void check_failed(const char *file, int line)
{
    log_error("%s:%d: CHECK failed", file, line);
    for (;;) {
        __builtin_trap(); /* a fault: root logs it and decides what happens to this process */
    }
}
