/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * CHECK(condition): a claim about our own code, always on, in release builds too. The process stops
 * and says where; tests and tools say the claim too, which would be 5 % of a program's text. Never
 * reachable from what a guest, a peer process or a description says: those get an error (see
 * docs/security.md, "Three kinds of failure").
 */
#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (__builtin_expect(!(condition), 0)) {                                                   \
            check_failed(__FILE__, __LINE__ CHECK_CLAIM(#condition));                              \
        }                                                                                          \
    } while (0)

/* Logs the failed claim and ends the process. Every process links one of these (lib/check.c). */
#if __STDC_HOSTED__
#define CHECK_CLAIM(text) , text
_Noreturn void check_failed(const char *file, int line, const char *claim);
#else
#define CHECK_CLAIM(text)
_Noreturn void check_failed(const char *file, int line);
#endif
