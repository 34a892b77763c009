/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include "tool/tool.h"

/*
 * Finds what the operator's shell printed for `capture dump`, in all that a console said: lines of
 * the log between its lines, and lines that were taken off and put back.
 */
enum capture_state {
    CAPTURE_NONE,    /* nothing of this network */
    CAPTURE_CUT,     /* it has no end: interrupted, or the text ends before */
    CAPTURE_DAMAGED, /* its length or checksum is another one */
    CAPTURE_WHOLE,
};

/*
 * The last one of this network (NULL: of any) is put into *file, a pcap file; the caller frees it.
 * A whole one comes before a later one that is not.
 */
enum capture_state capture_find(const char *text, size_t size, const char *network,
                                struct bytes *file);
