/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include "tool/tool.h"

/*
 * Finds what the operator's shell printed for `capture dump`, in all that a console says: lines of
 * the log between its lines, and lines that were taken off and put back.
 */
enum capture_state {
    CAPTURE_NONE,    /* nothing of this network */
    CAPTURE_CUT,     /* it has no end: interrupted, or the text ends before */
    CAPTURE_DAMAGED, /* its length or checksum is another one */
    CAPTURE_WHOLE,
};

enum {
    CAPTURE_LINE_MAX = 160,
    CAPTURE_NAME_MAX = 32,
    CAPTURE_FILE_MAX = 64 << 20, /* bytes of a dump; a network's memory is much smaller */
};

/* The dump that is being printed. */
struct capture_dump {
    struct bytes file;
    size_t room;
    char network[CAPTURE_NAME_MAX];
    bool active;
};

/* Zero but for `network` at first; capture_scan_end frees what it holds. */
struct capture_scan {
    const char *network;      /* whose dumps count; NULL: any */
    enum capture_state state; /* a whole one comes before a later one that is not */
    struct bytes file;        /* the last whole one, a pcap file */
    char file_network[CAPTURE_NAME_MAX];
    unsigned whole_count;
    /* private */
    struct capture_dump dump;
    int reading;
    size_t length;
    char line[CAPTURE_LINE_MAX];
};

/* Reads on, in pieces of any size. True: there is a new `file`. */
bool capture_scan(struct capture_scan *scan, const char *text, size_t size);
void capture_scan_end(struct capture_scan *scan);

/* Why there is no file, for people. */
const char *capture_state_text(enum capture_state state);
