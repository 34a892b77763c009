// SPDX-License-Identifier: BSD-2-Clause
/*
 * A guest's block device with a hostile service at the other end of its link. Each step of the
 * input is a request of the guest, which obeys the rules, a reply of any numbers, a word anywhere
 * in the link's head, a reset. Guest memory changes only where a request that is under way reads
 * to; whatever was said before, an honest service that attaches can serve the guest. With zero copy
 * (the last byte says) what is sent to it are pieces of guest memory of the right length.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "device/virtio/virtio_blk_link.h"
#include "lib/check.h"
#include "test/fake/virtio_driver.h"

enum {
    SESSION = 8,
    SECTORS = 4000,
    HEAD_BYTES = offsetof(struct block_link, data),
    AREA = 700 << 10, /* guest memory for the data of reads */
};

static struct {
    struct fake_driver d, fresh;
    struct virtio_blk blk;
    struct virtio_blk_link backend;
    uint64_t ring_bytes, area;
    uint32_t attachment;
    bool zero_copy, settling;
    bool resets; /* the driver waits for the end of its reset */
    _Alignas(4096) uint8_t link[BLOCK_LINK_BYTES];
} w;

static uint32_t take(const uint8_t **at, const uint8_t *end, unsigned bytes)
{
    uint32_t value = 0;
    while (bytes-- != 0 && *at < end) {
        value = value << 8 | *(*at)++;
    }
    return value;
}

static struct block_link *shared(void)
{
    return (struct block_link *)(void *)w.link;
}

static void on_signal(void *ctx)
{
    (void)ctx;
}

static void attach(void)
{
    struct block_link *link = shared();
    link->info = (struct block_info){.sector_count = SECTORS,
                                     .block_bytes = 512,
                                     .flags = BLOCK_HAS_FLUSH | BLOCK_HAS_DISCARD |
                                              (w.zero_copy ? BLOCK_DIRECT_OK : 0)};
    w.attachment++;
    atomic_store(&link->attached, (uint64_t)SESSION << 32 | w.attachment);
}

/* ---- the guest ------------------------------------------------------------------------------- */

static void start_driver(void)
{
    CHECK(driver_start(
        &w.d, VIRTIO_F_INDIRECT_DESC |
                  (w.blk.device.state.offered & (VIRTIO_BLK_F_FLUSH | VIRTIO_BLK_F_DISCARD))));
    w.ring_bytes = w.d.used_bytes;
    w.area = FAKE_RAM_BASE + FAKE_RAM_BYTES - AREA;
}

/* Begins a reset; the driver starts when it is over. */
static void reset_driver(void)
{
    virtio_lock(&w.blk.device);
    virtio_set_status(&w.blk.device, 0);
    virtio_unlock(&w.blk.device);
    w.resets = true;
}

static void finish_reset(void)
{
    if (w.resets && virtio_status(&w.blk.device) == 0) {
        w.resets = false;
        start_driver();
    }
}

static void put_request(uint32_t what)
{
    static const uint32_t types[] = {VIRTIO_BLK_IN, VIRTIO_BLK_OUT, VIRTIO_BLK_IN,
                                     VIRTIO_BLK_FLUSH};
    static const uint32_t sizes[] = {1, 8, 64, 1300};
    struct virtio_blk_header header = {types[what & 3], 0, what >> 4 & 63};
    uint32_t bytes = sizes[what >> 2 & 3] * 512;
    bool in = header.type == VIRTIO_BLK_IN;
    if (w.resets || w.d.used_bytes + 64 > FAKE_RAM_BYTES - AREA - 4096) {
        return;
    }
    uint64_t head = driver_put(&w.d, &header, sizeof header);
    uint64_t status = driver_alloc(&w.d, 1, 8);
    const struct fake_buffer buffers[] = {
        {head,   sizeof header, false},
        {w.area, bytes,         in   },
        {status, 1,             true }
    };
    const struct fake_buffer flush[] = {
        {head,   sizeof header, false},
        {status, 1,             true }
    };
    bool data = header.type != VIRTIO_BLK_FLUSH;
    driver_add(&w.d, 0, data ? buffers : flush, data ? 3 : 2);
    driver_kick(&w.d, 0);
}

static void take_answers(void)
{
    uint16_t id;
    uint32_t written;
    while (driver_take(&w.d, 0, &id, &written)) {
        CHECK(written != 0);
    }
}

/* ---- the service ----------------------------------------------------------------------------- */

static void reply(uint32_t what)
{
    struct block_link *link = shared();
    struct block_reply record = {
        .id = what & 0xff,
        .attachment = w.attachment + ((what >> 8 & 7) == 7),
        .status = what >> 11 & 7,
    };
    uint32_t head = atomic_load(&link->replies.head);
    for (uint32_t i = 0; i < sizeof record; i++) {
        link->reply_data[(head + i) % BLOCK_REPLIES_BYTES] = ((uint8_t *)&record)[i];
    }
    atomic_store(&link->replies.head, head + (uint32_t)sizeof record);
}

static void check_direct(const struct block_request *request)
{
    uint64_t bytes = 0;
    CHECK(w.zero_copy && request->segment_count >= 1 &&
          request->segment_count <= BLOCK_SEGMENT_MAX);
    for (uint32_t i = 0; i < request->segment_count; i++) {
        const struct block_segment *segment = &shared()->segments[request->id][i];
        CHECK(segment->length != 0 && segment->offset < FAKE_RAM_BYTES &&
              segment->length <= FAKE_RAM_BYTES - segment->offset);
        bytes += segment->length;
    }
    CHECK(bytes == request->sector_count * 512ull && bytes <= BLOCK_DIRECT_SECTORS_MAX * 512);
}

/* Answers all, as an honest service that has just been started does. */
static void serve(void)
{
    struct ring requests, replies;
    struct block_link *link = shared();
    struct block_request request;
    bool signal;
    ring_open_consumer(&requests, &link->requests, link->request_data, BLOCK_REQUESTS_BYTES);
    ring_open_producer(&replies, &link->replies, link->reply_data, BLOCK_REPLIES_BYTES);
    while (ring_read(&requests, &request, sizeof request, &signal) == sizeof request) {
        if (request.attachment == w.attachment) {
            struct block_reply record = {.id = request.id, .attachment = w.attachment};
            if (w.settling && (request.flags & BLOCK_DIRECT) != 0) {
                check_direct(&request);
            }
            ring_write(&replies, &record, sizeof record, &signal);
        }
    }
}

static void step(const uint8_t **at, const uint8_t *end)
{
    uint32_t what = take(at, end, 1);
    switch (what % 8) {
    case 0:
    case 1:
        put_request(what >> 2);
        break;
    case 2:
    case 3:
        reply(take(at, end, 2));
        break;
    case 4:
        virtio_blk_link_event(&w.backend);
        driver_run(&w.d);
        take_answers();
        break;
    case 5: {
        uint32_t where = take(at, end, 1), value = take(at, end, 2);
        memcpy(w.link + where * 4 % 512, &value, 4);
        break;
    }
    case 6:
        if (what >> 4 < 8) {
            reset_driver();
        } else {
            attach();
        }
        break;
    default:
        serve();
        break;
    }
    finish_reset();
}

/* An honest service, and root, which has made the rings new: all comes to an end. */
static void settle(void)
{
    struct block_link *link = shared();
    atomic_store(&link->requests.tail, atomic_load(&link->requests.head));
    atomic_store(&link->replies.head, atomic_load(&link->replies.tail));
    /* Where the client is, whatever the hostile one made of its words. */
    atomic_store(&link->requests.head, w.backend.client.requests.index);
    atomic_store(&link->requests.tail, w.backend.client.requests.index);
    atomic_store(&link->replies.head, w.backend.client.replies.index);
    atomic_store(&link->replies.tail, w.backend.client.replies.index);
    w.attachment += 1000;
    w.settling = true;
    attach();
    for (unsigned i = 0; i < 1000; i++) {
        virtio_blk_link_event(&w.backend);
        driver_run(&w.d);
        serve();
        finish_reset();
    }
    CHECK(!w.resets);
    for (unsigned i = 0; i < BLOCK_FLIGHT_MAX; i++) {
        CHECK(w.backend.client.flight[i].state == BLOCK_FLIGHT_FREE);
    }
    CHECK(w.blk.orphan_count == 0 && w.backend.current == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    const uint8_t *end = input + size;
    struct virtio_blk_disk disk;
    if (w.fresh.ram.host == NULL) {
        driver_init(&w.d);
        w.fresh = w.d;
    }
    w.d = w.fresh;
    memset(w.d.ram.host, 0, FAKE_RAM_BYTES - AREA);
    memset(w.link, 0, HEAD_BYTES);
    block_link_format(shared(), SESSION);
    virtio_blk_link_open(&w.backend, shared(), w.zero_copy, &w.blk, on_signal, NULL);
    w.attachment = 0;
    w.zero_copy = size != 0 && (end[-1] & 0x80) != 0;
    w.settling = w.resets = false;
    attach();
    CHECK(virtio_blk_link_ready(&w.backend, &disk));
    virtio_blk_init(&w.blk, &disk, 1, NULL, &w.backend, &w.d.ram, &w.d.port, 1);
    driver_attach(&w.d, &w.blk.device);
    start_driver();
    while (input < end) {
        step(&input, end);
    }
    settle();
    return 0;
}
