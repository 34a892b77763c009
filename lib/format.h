/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdarg.h>
#include <stddef.h>

/*
 * snprintf for processes whose threads have no FPU. A libc's own printf saves vector registers on
 * entry, which faults there; this one is compiled for general registers only.
 *
 * Conversions: %d %i %u %x %c %s %p %%, with flags '-' and '0', a width, a precision for %s
 * (numbers or '*'), and the lengths hh h l ll z. Anything else is copied as it stands.
 *
 * Writes at most size bytes, the terminating NUL included (nothing when size is 0). Returns the
 * length that the whole text has, so a result >= size means that it was cut.
 */
size_t format(char *out, size_t size, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
size_t format_va(char *out, size_t size, const char *fmt, va_list args)
    __attribute__((format(printf, 3, 0)));
