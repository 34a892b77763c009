// SPDX-License-Identifier: BSD-2-Clause
/*
 * The block device with a hostile guest. The input is a list of steps: requests of odd shapes in
 * valid rings, bytes anywhere in guest memory (which is where the rings are), kicks, resets,
 * answers of the backend in any order. The backend checks that what it is asked for can be: in
 * range, its data in guest memory and as long as it says; and that nothing of before a reset
 * touches guest memory.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "device/virtio/virtio_blk.h"
#include "lib/check.h"
#include "test/fake/virtio_driver.h"

enum { SECTORS = 1000, BUFFERS = 12 };

struct input {
    const uint8_t *at, *end;
};

static struct {
    struct fake_driver d;
    struct virtio_blk blk;
    struct {
        bool taken, cancelled;
        const struct virtio_blk_request *request;
    } job[VIRTIO_BLK_FLIGHT_MAX];
    unsigned taken_count, room;
    enum virtio_blk_cancel cancel_says;
    bool read_only;
} w;

static uint32_t take(struct input *in, unsigned bytes)
{
    uint32_t value = 0;
    while (bytes-- != 0 && in->at < in->end) {
        value = value << 8 | *in->at++;
    }
    return value;
}

/* ---- the backend ----------------------------------------------------------------------------- */

static void check_request(const struct virtio_blk_request *request)
{
    uint64_t bytes = 0;
    bool in = request->type == VIRTIO_BLK_IN, data = in || request->type == VIRTIO_BLK_OUT;
    if (request->type == VIRTIO_BLK_FLUSH) {
        CHECK(request->sector_count == 0 && request->data_count == 0);
        return;
    }
    CHECK(data || request->type == VIRTIO_BLK_DISCARD || request->type == VIRTIO_BLK_WRITE_ZEROES);
    CHECK(in || !w.read_only);
    CHECK(request->sector_count != 0 && request->sector <= SECTORS &&
          request->sector_count <= SECTORS - request->sector);
    for (uint32_t i = 0; i < request->data_count; i++) {
        const struct chain_segment *s = &request->data[i];
        CHECK(s->bytes >= w.d.ram.host && s->length != 0 &&
              s->length <= (uint64_t)(w.d.ram.host + FAKE_RAM_BYTES - s->bytes));
        if (in) {
            memset(s->bytes, 0x5a, s->length);
        }
        bytes += s->length;
    }
    CHECK(bytes == (data ? request->sector_count * 512ull : 0));
}

static bool submit(void *ctx, uint32_t id, const struct virtio_blk_request *request)
{
    (void)ctx;
    CHECK(id < VIRTIO_BLK_FLIGHT_MAX && !w.job[id].taken);
    if (w.room == 0) {
        return false;
    }
    w.room--;
    w.taken_count++;
    w.job[id].taken = true;
    w.job[id].cancelled = false;
    w.job[id].request = request;
    return true;
}

static void kick(void *ctx)
{
    (void)ctx;
}

static enum virtio_blk_cancel cancel(void *ctx, uint32_t id)
{
    (void)ctx;
    CHECK(w.job[id].taken && !w.job[id].cancelled);
    w.job[id].cancelled = true;
    if (w.cancel_says == VIRTIO_BLK_ENDED) {
        w.job[id].taken = false;
        w.taken_count--;
        w.room++;
    }
    return w.cancel_says;
}

static const struct virtio_blk_backend backend = {submit, kick, cancel};

/* Answers the nth that it has. */
static void answer(uint32_t n, enum virtio_blk_status status)
{
    if (w.taken_count == 0) {
        return;
    }
    n %= w.taken_count;
    uint32_t id = 0;
    while (!w.job[id].taken || n-- != 0) {
        id++;
    }
    if (status == VIRTIO_BLK_OK && !w.job[id].cancelled) {
        check_request(w.job[id].request);
    }
    w.job[id].taken = false;
    w.taken_count--;
    w.room++;
    virtio_lock(&w.blk.device);
    virtio_blk_complete(&w.blk, id, status);
    virtio_blk_resume(&w.blk);
    virtio_unlock(&w.blk.device);
}

/* ---- the guest ------------------------------------------------------------------------------- */

static void put_request(struct input *in)
{
    static const uint32_t types[] = {0, 1, 4, 8, 11, 13, 2, UINT32_MAX};
    static const uint64_t sectors[] = {0,          1,          SECTORS - 1, SECTORS,
                                       UINT64_MAX, 1ull << 55, 1ull << 63,  500};
    struct fake_buffer buffers[BUFFERS];
    uint32_t shape = take(in, 3);
    struct virtio_blk_header header = {types[shape & 7], 0, sectors[shape >> 3 & 7]};
    struct virtio_blk_range range = {sectors[shape >> 6 & 7], 1u << (shape >> 9 & 31),
                                     shape >> 14 & 3};
    unsigned count = 1 + (shape >> 16) % BUFFERS;
    if (w.d.used_bytes + 8192 > FAKE_RAM_BYTES) {
        return;
    }
    uint64_t at = driver_put(&w.d, &header, sizeof header);
    driver_put(&w.d, &range, sizeof range);
    bool writable = false;
    for (unsigned i = 0; i < count; i++) {
        uint32_t what = take(in, 2);
        static const uint32_t lengths[] = {16, 512, 1, 1024, 15, 17, 511, 4096};
        writable |= (what & 1) != 0; /* in order, mostly */
        buffers[i] = (struct fake_buffer){at, lengths[what >> 1 & 7],
                                          (what >> 4 & 15) != 15 ? writable : !writable};
        at += (what >> 8 & 3) == 3 ? what : lengths[what >> 1 & 7];
    }
    driver_add(&w.d, shape >> 20 & 1, buffers, count);
}

static void poke(struct input *in)
{
    uint32_t where = take(in, 2), value = take(in, 1);
    /* Where the rings and requests are, most of all. */
    w.d.ram.host[(where * 4 + value % 4) % FAKE_RAM_BYTES] = (uint8_t)value;
}

/* Zero copy: the driver waits for the end of its reset. */
static void reset(void)
{
    virtio_lock(&w.blk.device);
    virtio_set_status(&w.blk.device, 0);
    virtio_unlock(&w.blk.device);
    while (virtio_status(&w.blk.device) != 0) {
        CHECK(w.taken_count != 0);
        answer(0, VIRTIO_BLK_OK);
    }
}

static void start(struct input *in)
{
    static const uint64_t formats[] = {0, VIRTIO_F_INDIRECT_DESC, VIRTIO_F_RING_PACKED,
                                       VIRTIO_F_RING_PACKED | VIRTIO_F_INDIRECT_DESC};
    uint32_t how = take(in, 1);
    uint64_t features = formats[how & 3] | VIRTIO_BLK_F_MQ | VIRTIO_F_RING_RESET |
                        ((how & 4) != 0 ? VIRTIO_F_EVENT_IDX : 0) |
                        ((how & 8) != 0 ? VIRTIO_BLK_F_FLUSH : 0) |
                        (w.read_only ? 0 : VIRTIO_BLK_F_DISCARD | VIRTIO_BLK_F_WRITE_ZEROES);
    features &= w.blk.device.state.offered;
    reset();
    CHECK(driver_start_sized(&w.d, features, (how & 16) != 0 ? 8 : 0));
}

static void step(struct input *in)
{
    uint32_t what = take(in, 1);
    switch (what % 12) {
    case 0:
    case 1:
    case 2:
        put_request(in);
        break;
    case 3:
        driver_kick(&w.d, what >> 4 & 1);
        break;
    case 4:
    case 5:
        answer(what >> 4, (enum virtio_blk_status)(what >> 4 == 15 ? VIRTIO_BLK_IOERR : 0));
        break;
    case 6:
        start(in);
        break;
    case 7:
        virtio_lock(&w.blk.device);
        virtio_queue_reset(&w.blk.device, what >> 4 & 3);
        virtio_unlock(&w.blk.device);
        break;
    case 8:
        w.room = w.room == 0 ? VIRTIO_BLK_FLIGHT_MAX - w.taken_count : 0;
        break;
    case 9:
        w.cancel_says = (w.cancel_says + 1) % 3;
        break;
    case 10:
        poke(in);
        break;
    default:
        virtio_lock(&w.blk.device);
        virtio_notify(&w.blk.device, what >> 4);
        virtio_unlock(&w.blk.device);
        driver_run(&w.d);
        break;
    }
}

/* Whatever happened, a reset makes the device work, and nothing is left behind. */
static void check_recovery(void)
{
    w.room = VIRTIO_BLK_FLIGHT_MAX;
    reset();
    CHECK(driver_start(&w.d, 0));
    while (w.taken_count != 0) {
        answer(0, VIRTIO_BLK_OK);
    }
    CHECK(w.blk.orphan_count == 0 && w.blk.wait_count == 0);
    struct virtio_blk_header header = {VIRTIO_BLK_IN, 0, 0};
    uint8_t bytes[513];
    CHECK(driver_request(&w.d, 0, &header, sizeof header, bytes, sizeof bytes) == FAKE_NO_ANSWER);
    CHECK(w.taken_count == 1);
    answer(0, VIRTIO_BLK_OK);
    for (unsigned i = 0; i < RUNS_MAX / 64; i++) {
        CHECK(w.blk.spans_taken.taken[i] == 0);
    }
    uint16_t id;
    uint32_t written;
    CHECK(driver_take(&w.d, 0, &id, &written) && written == 513);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static struct fake_driver fresh;
    struct input in = {bytes, bytes + size};
    if (fresh.ram.host == NULL) {
        driver_init(&w.d);
        fresh = w.d;
    }
    memset(&w, 0, sizeof w);
    w.d = fresh;
    memset(w.d.ram.host, 0, FAKE_RAM_BYTES);
    w.room = VIRTIO_BLK_FLIGHT_MAX;
    uint32_t options = take(&in, 1);
    w.read_only = (options & 3) == 3;
    struct virtio_blk_disk disk = {.capacity = SECTORS,
                                   .block_bytes = 512,
                                   .has_flush = (options & 4) == 0,
                                   .has_discard = true,
                                   .has_write_zeroes = true,
                                   .read_only = w.read_only};
    virtio_blk_init(&w.blk, &disk, 2, &backend, NULL, &w.d.ram, &w.d.port, 1);
    driver_attach(&w.d, &w.blk.device);
    start(&in);
    while (in.at < in.end) {
        step(&in);
    }
    check_recovery();
    return 0;
}
