/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <sel4/sel4.h>
#include <stdbool.h>

/*
 * Why the last thing that root was asked for could not be made: one line for the operator, set
 * where it fails, shown where the failure ends (a VM that is refused, a service that stays down).
 */
const char *reason(void);

/* Before the next thing is tried: an old reason must not be taken for its. */
void reason_clear(void);

/* Always false, so that what fails can say `return reason_set(...)`. */
bool reason_set(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* True when there is no error. Otherwise the reason is that the kernel refused `what` to `name`. */
bool reason_check(seL4_Error error, const char *name, const char *what);
