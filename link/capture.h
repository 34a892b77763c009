/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The last packets that somebody wanted to see, in memory that one process writes and others read
 * at any time: pcap records (the format of libpcap's files, times in nanoseconds), one after the
 * other in a ring of bytes; the oldest are overwritten. capture_file_header and then what
 * capture_read gives is a pcap file.
 */
enum {
    CAPTURE_MAGIC = 0x43415054 /* "CAPT" */,
    CAPTURE_VERSION = 1,
    CAPTURE_FILE_HEADER_BYTES = 24,
    CAPTURE_RECORD_HEADER_BYTES = 16,
    CAPTURE_SNAP_MAX = 65536,
};

struct capture_shared {
    uint32_t magic;
    uint32_t version;
    uint32_t data_bytes; /* at least twice the longest record */
    uint32_t snap;
    /* Positions count bytes since the beginning and do not wrap. */
    _Atomic uint64_t oldest;  /* of the oldest record that is still whole */
    _Atomic uint64_t written; /* behind the newest */
    uint8_t pad[32];
    uint8_t data[];
};

/* The writer's private view. */
struct capture {
    struct capture_shared *shared; /* NULL: nothing is captured */
    uint64_t oldest, written;
    uint32_t data_bytes;
    uint32_t snap;
};

/*
 * Takes memory of size_bytes over, and begins empty. Without enough of it for a record of
 * `snap` bytes (at most CAPTURE_SNAP_MAX; 0: the maximum) nothing will be captured: false.
 */
bool capture_open(struct capture *capture, void *memory, uint64_t size_bytes, uint32_t snap);

/* A packet in pieces, of which any may be empty. */
enum { CAPTURE_PIECES = 3 };
struct capture_packet {
    const void *bytes[CAPTURE_PIECES];
    uint32_t size[CAPTURE_PIECES];
    uint64_t time_ns;
};

void capture_add(struct capture *capture, const struct capture_packet *packet);

/* Reader: the head of a pcap file of Ethernet frames. */
void capture_file_header(const struct capture_shared *shared,
                         uint8_t header[CAPTURE_FILE_HEADER_BYTES]);

/*
 * Reader: copies the next whole record at *position (0 at first) and moves it on; a position whose
 * record was overwritten moves to the oldest one. memory_bytes is what the reader knows of the
 * memory's size. 0: there is none yet, or `size` is too small for it.
 */
size_t capture_read(const struct capture_shared *shared, uint64_t memory_bytes, uint64_t *position,
                    uint8_t *to, size_t size);
