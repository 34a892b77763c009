/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/* Lines on the PL011, for the boot message, traces and panics. %s %u %lx %lu only. */
__attribute__((format(printf, 1, 2))) void console_print(const char *format, ...);
