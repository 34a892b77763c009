// SPDX-License-Identifier: BSD-2-Clause
/*
 * What a process gives to the code that it links, for unit tests and fuzzers: a failed CHECK aborts
 * (so a sanitizer or fuzzer sees it), and a mutex is never contended in one thread.
 */
#include <stdio.h>
#include <stdlib.h>

#include "lib/check.h"
#include "lib/mutex.h"

_Noreturn void check_failed(const char *file, int line, const char *condition)
{
    fprintf(stderr, "%s:%d: CHECK failed: %s\n", file, line, condition);
    abort();
}

void mutex_block(uint32_t id)
{
    fprintf(stderr, "mutex %u is taken already: taken twice by one thread\n", id);
    abort();
}

void mutex_unblock(uint32_t id)
{
    fprintf(stderr, "mutex %u: let go by one who does not hold it\n", id);
    abort();
}
