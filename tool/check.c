// SPDX-License-Identifier: BSD-2-Clause
/* A failed CHECK in code that the tool shares with the target. */
#include <stdio.h>
#include <stdlib.h>

#include "lib/check.h"

_Noreturn void check_failed(const char *file, int line, const char *condition)
{
    fprintf(stderr, "bulkhead: %s:%d: CHECK failed: %s\n", file, line, condition);
    abort();
}
