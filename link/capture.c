// SPDX-License-Identifier: BSD-2-Clause
#include "link/capture.h"

#include <string.h>

enum {
    READ_TRIES = 16,
    LINKTYPE_ETHERNET = 1,
    DATA_MAX = 1 << 30,
};
#define PCAP_MAGIC_NS 0xa1b23c4du

struct record_header {
    uint32_t seconds, nanoseconds, kept_bytes, packet_bytes;
};
_Static_assert(sizeof(struct record_header) == CAPTURE_RECORD_HEADER_BYTES, "as in the file");

bool capture_open(struct capture *capture, void *memory, uint64_t size_bytes, uint32_t snap)
{
    struct capture_shared *shared = memory;
    *capture = (struct capture){0};
    if (memory == NULL || ((uintptr_t)memory & 7) != 0 || size_bytes <= sizeof *shared) {
        return false;
    }
    uint64_t rest = size_bytes - sizeof *shared;
    uint32_t data_bytes = rest < DATA_MAX ? (uint32_t)rest : DATA_MAX;
    snap = snap == 0 || snap > CAPTURE_SNAP_MAX ? CAPTURE_SNAP_MAX : snap;
    if (data_bytes < 2 * (snap + CAPTURE_RECORD_HEADER_BYTES)) {
        return false;
    }
    shared->magic = 0;
    atomic_store(&shared->oldest, 0);
    atomic_store(&shared->written, 0);
    shared->data_bytes = data_bytes;
    shared->snap = snap;
    shared->version = CAPTURE_VERSION;
    shared->magic = CAPTURE_MAGIC;
    *capture = (struct capture){.shared = shared, .data_bytes = data_bytes, .snap = snap};
    return true;
}

static void copy_in(struct capture *capture, const void *from, uint32_t size)
{
    uint32_t at = (uint32_t)(capture->written % capture->data_bytes);
    uint32_t first = size < capture->data_bytes - at ? size : capture->data_bytes - at;
    if (size == 0) {
        return;
    }
    memcpy(capture->shared->data + at, from, first);
    memcpy(capture->shared->data, (const uint8_t *)from + first, size - first);
    capture->written += size;
}

static void copy_out(const struct capture_shared *shared, uint32_t data_bytes, uint64_t position,
                     void *to, uint32_t size)
{
    uint32_t at = (uint32_t)(position % data_bytes);
    uint32_t first = size < data_bytes - at ? size : data_bytes - at;
    memcpy(to, shared->data + at, first);
    memcpy((uint8_t *)to + first, shared->data, size - first);
}

/* Gives up the oldest records until `need` bytes are free. */
static void make_room(struct capture *capture, uint32_t need)
{
    while (capture->written + need - capture->oldest > capture->data_bytes) {
        struct record_header header;
        copy_out(capture->shared, capture->data_bytes, capture->oldest, &header, sizeof header);
        if (header.kept_bytes > capture->snap) {
            capture->oldest = capture->written; /* somebody wrote here */
            break;
        }
        capture->oldest += sizeof header + header.kept_bytes;
    }
    atomic_store(&capture->shared->oldest, capture->oldest);
    /* Readers learn that the old bytes are gone before the first of them changes. */
    atomic_thread_fence(memory_order_seq_cst);
}

void capture_add(struct capture *capture, const struct capture_packet *packet)
{
    if (capture->shared == NULL) {
        return;
    }
    uint32_t all = packet->size[0] + packet->size[1] + packet->size[2];
    uint32_t kept = all < capture->snap ? all : capture->snap;
    const struct record_header header = {
        .seconds = (uint32_t)(packet->time_ns / 1000000000),
        .nanoseconds = (uint32_t)(packet->time_ns % 1000000000),
        .kept_bytes = kept,
        .packet_bytes = all,
    };
    make_room(capture, (uint32_t)sizeof header + kept);
    copy_in(capture, &header, sizeof header);
    for (unsigned i = 0; i < CAPTURE_PIECES; i++) {
        uint32_t size = packet->size[i] < kept ? packet->size[i] : kept;
        copy_in(capture, packet->bytes[i], size);
        kept -= size;
    }
    atomic_store(&capture->shared->written, capture->written);
}

void capture_file_header(const struct capture_shared *shared,
                         uint8_t header[CAPTURE_FILE_HEADER_BYTES])
{
    const struct {
        uint32_t magic;
        uint16_t version_major, version_minor;
        uint32_t zone, accuracy, snap, linktype;
    } file = {PCAP_MAGIC_NS, 2, 4, 0, 0, shared->snap, LINKTYPE_ETHERNET};
    _Static_assert(sizeof file == CAPTURE_FILE_HEADER_BYTES, "as in the file");
    memcpy(header, &file, sizeof file);
}

/* One try: the record at *position, or 0 when it is none any more. */
static size_t read_record(const struct capture_shared *shared, uint32_t data_bytes,
                          uint64_t position, uint8_t *to, size_t size)
{
    struct record_header header;
    copy_out(shared, data_bytes, position, &header, sizeof header);
    if (header.kept_bytes > CAPTURE_SNAP_MAX || sizeof header + header.kept_bytes > data_bytes ||
        sizeof header + header.kept_bytes > size) {
        return 0;
    }
    memcpy(to, &header, sizeof header);
    copy_out(shared, data_bytes, position + sizeof header, to + sizeof header, header.kept_bytes);
    return sizeof header + header.kept_bytes;
}

size_t capture_read(const struct capture_shared *shared, uint64_t memory_bytes, uint64_t *position,
                    uint8_t *to, size_t size)
{
    uint32_t data_bytes = *(const volatile uint32_t *)&shared->data_bytes;
    if (shared->magic != CAPTURE_MAGIC || shared->version != CAPTURE_VERSION ||
        data_bytes < CAPTURE_RECORD_HEADER_BYTES || size < CAPTURE_RECORD_HEADER_BYTES ||
        memory_bytes < sizeof *shared || data_bytes > memory_bytes - sizeof *shared) {
        return 0;
    }
    for (unsigned i = 0; i < READ_TRIES; i++) {
        uint64_t oldest = atomic_load(&shared->oldest);
        /* A position of before the writer began anew is beyond everything. */
        if (*position < oldest || *position > atomic_load(&shared->written)) {
            *position = oldest;
        }
        if (*position >= atomic_load(&shared->written)) {
            return 0;
        }
        size_t count = read_record(shared, data_bytes, *position, to, size);
        atomic_thread_fence(memory_order_seq_cst);
        if (atomic_load(&shared->oldest) <= *position) {
            *position += count;
            return count;
        }
    }
    return 0;
}
