// SPDX-License-Identifier: BSD-2-Clause
#include "device/virtio/virtio_balloon.h"

#include <string.h>

#include "lib/check.h"
#include "lib/start_only.h"

/* 5.5.3 */
#define F_MUST_TELL_HOST (1ull << 0)
#define F_STATS_VQ       (1ull << 1)
#define F_DEFLATE_ON_OOM (1ull << 2)
#define F_PAGE_REPORTING (1ull << 5)

enum { INFLATE = 0, DEFLATE = 1, STATS = 2, QUEUES = 5, QUEUE_SIZE = 128 };

enum {
    NUMBERS = 128,   /* page numbers that are read at once */
    STAT_BYTES = 10, /* 5.5.6.3: le16 tag, le64 val */
    STATS_MAX = 32,  /* entries of a buffer that we look at */
    PAGE_SHIFT = 12,
};

static struct virtio_balloon *balloon_of(struct virtio_device *device)
{
    return (struct virtio_balloon *)device;
}

static bool is_inside(const struct virtio_balloon *balloon, uint64_t page)
{
    return balloon->inside[page / 64] >> (page % 64) & 1;
}

static void set_inside(struct virtio_balloon *balloon, uint64_t page, bool inside)
{
    uint64_t bit = 1ull << (page % 64);
    uint64_t *word = &balloon->inside[page / 64];
    balloon->state.inside_pages += inside ? 1u : ~0u;
    *word = inside ? *word | bit : *word & ~bit;
}

static uint64_t granule_of(const struct virtio_balloon *balloon, uint64_t page)
{
    return align_down(page, balloon->granule_pages);
}

/* Are all pages of the granule that begins here in the balloon? */
static bool is_full(const struct virtio_balloon *balloon, uint64_t first)
{
    uint32_t count = balloon->granule_pages;
    if (count >= 64) {
        for (uint64_t page = first; page < first + count; page += 64) {
            if (balloon->inside[page / 64] != ~0ull) {
                return false;
            }
        }
        return true;
    }
    uint64_t mask = ((1ull << count) - 1) << (first % 64);
    return (balloon->inside[first / 64] & mask) == mask;
}

static struct range granule_range(const struct virtio_balloon *balloon, uint64_t first)
{
    return (struct range){balloon->device.ram->base.value + (first << PAGE_SHIFT),
                          (uint64_t)balloon->granule_pages << PAGE_SHIFT};
}

/* Pages are counted from the start of RAM here. One that is inside already changes nothing. */
static void inflate(struct virtio_balloon *balloon, uint64_t page)
{
    uint64_t first = granule_of(balloon, page);
    if (!is_inside(balloon, page)) {
        set_inside(balloon, page, true);
        if (is_full(balloon, first)) {
            balloon->far->release(balloon->far->ctx, granule_range(balloon, first));
        }
    }
}

/* False: the memory is not there yet. */
static bool deflate(struct virtio_balloon *balloon, uint64_t page)
{
    uint64_t first = granule_of(balloon, page);
    if (!is_inside(balloon, page)) {
        return true;
    }
    if (is_full(balloon, first) &&
        !balloon->far->reclaim(balloon->far->ctx, granule_range(balloon, first))) {
        return false;
    }
    set_inside(balloon, page, false);
    return true;
}

/* Does what a piece of a list of page numbers says. Returns how many numbers are done. */
static uint32_t move_pages(struct virtio_balloon *balloon, unsigned queue, const uint32_t *numbers,
                           uint32_t count)
{
    const struct ram *ram = balloon->device.ram;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t address = (uint64_t)numbers[i] << PAGE_SHIFT;
        if (!range_contains(ram_range(ram), address, VIRTIO_BALLOON_PAGE)) {
            balloon->state.bad_pages++;
            continue;
        }
        uint64_t page = (address - ram->base.value) >> PAGE_SHIFT;
        if (queue == INFLATE) {
            inflate(balloon, page);
        } else if (!deflate(balloon, page)) {
            return i;
        }
    }
    return count;
}

/*
 * Lists of page numbers. One that is not done yet stays in the queue: the chain goes back, and
 * `done` says where to go on.
 */
static enum virtio_progress work_pages(struct virtio_balloon *balloon, unsigned queue,
                                       unsigned *budget)
{
    struct virtio_device *device = &balloon->device;
    uint32_t *done = &balloon->state.done[queue];
    while (*budget != 0) {
        uint32_t numbers[NUMBERS];
        if (!virtio_pop(device, queue, &device->chain)) {
            return VIRTIO_EMPTY;
        }
        uint32_t got = chain_read(&device->chain, *done, numbers, sizeof numbers);
        uint32_t count = got / (uint32_t)sizeof numbers[0];
        uint32_t moved = move_pages(balloon, queue, numbers, count);
        *done += moved * (uint32_t)sizeof numbers[0];
        --*budget;
        if (moved < count || got == sizeof numbers) {
            virtio_unpop(device, queue, &device->chain);
        } else {
            *done = 0;
            virtio_push(device, queue, &device->chain, 0);
        }
        if (moved < count) {
            return VIRTIO_BLOCKED;
        }
    }
    return VIRTIO_AGAIN;
}

/* 5.5.6.3: a buffer with statistics, which we keep until we want new ones. */
static void read_stats(struct virtio_balloon *balloon, const struct chain *chain)
{
    uint8_t entry[STAT_BYTES];
    for (uint32_t i = 0; i < STATS_MAX; i++) {
        if (chain_read(chain, i * STAT_BYTES, entry, STAT_BYTES) != STAT_BYTES) {
            break;
        }
        uint16_t tag;
        memcpy(&tag, entry, sizeof tag);
        if (tag < VIRTIO_BALLOON_STATS) {
            memcpy(&balloon->state.stats[tag], entry + sizeof tag,
                   sizeof balloon->state.stats[tag]);
            balloon->state.stats_known |= 1u << tag;
        }
    }
}

static enum virtio_progress work_stats(struct virtio_balloon *balloon, unsigned *budget)
{
    struct virtio_device *device = &balloon->device;
    for (; *budget != 0; --*budget) {
        if (!virtio_pop(device, STATS, &device->chain)) {
            return VIRTIO_EMPTY;
        }
        if (!balloon->state.wants_stats) {
            read_stats(balloon, &device->chain);
            virtio_unpop(device, STATS, &device->chain);
            return VIRTIO_BLOCKED;
        }
        balloon->state.wants_stats = false;
        virtio_push(device, STATS, &device->chain, 0);
    }
    return VIRTIO_AGAIN;
}

/* 5.5.6.7: the buffers themselves are the free memory. Only the granules that they cover whole. */
static void report(struct virtio_balloon *balloon, const struct chain *chain)
{
    const struct chain_segment *segment = chain->segment + chain->readable_count;
    const struct ram *ram = balloon->device.ram;
    uint64_t granule_bytes = (uint64_t)balloon->granule_pages << PAGE_SHIFT;
    for (unsigned i = 0; i < chain->writable_count; i++) {
        uint64_t offset = (uint64_t)(segment[i].bytes - ram->host);
        uint64_t first = align_up(offset, granule_bytes);
        uint64_t end = align_down(offset + segment[i].length, granule_bytes);
        if (first < end) {
            balloon->far->report(balloon->far->ctx,
                                 (struct range){ram->base.value + first, end - first});
        }
    }
}

static enum virtio_progress work_report(struct virtio_balloon *balloon, unsigned queue,
                                        unsigned *budget)
{
    struct virtio_device *device = &balloon->device;
    for (; *budget != 0; --*budget) {
        if (!virtio_pop(device, queue, &device->chain)) {
            return VIRTIO_EMPTY;
        }
        if (virtio_has(device, F_PAGE_REPORTING)) {
            report(balloon, &device->chain);
        }
        virtio_push(device, queue, &device->chain, 0);
    }
    return VIRTIO_AGAIN;
}

/*
 * 5.5.2 numbers the queues as if all were there, while Linux leaves out those whose feature it did
 * not take. We have no queue for free page hints, so whatever else comes behind the two or three
 * first ones is the one for reports.
 */
static enum virtio_progress work(struct virtio_device *device, unsigned queue, unsigned *budget)
{
    struct virtio_balloon *balloon = balloon_of(device);
    if (queue <= DEFLATE) {
        return work_pages(balloon, queue, budget);
    }
    if (queue == STATS && virtio_has(device, F_STATS_VQ)) {
        return work_stats(balloon, budget);
    }
    return work_report(balloon, queue, budget);
}

/* Lets all pages out. False: some memory is not there yet. */
static bool empty(struct virtio_balloon *balloon)
{
    uint64_t count = balloon->device.ram->size_bytes >> PAGE_SHIFT;
    for (uint64_t page = 0; balloon->state.inside_pages != 0 && page < count; page++) {
        if (page % 64 == 0 && balloon->inside[page / 64] == 0) {
            page += 63;
        } else if (!deflate(balloon, page)) {
            return false;
        }
    }
    return true;
}

static bool stop(struct virtio_device *device)
{
    struct virtio_balloon *balloon = balloon_of(device);
    memset(balloon->state.done, 0, sizeof balloon->state.done);
    balloon->state.wants_stats = false;
    balloon->state.stats_known = 0;
    balloon->state.config.actual_pages = 0;
    balloon->state.emptying = !empty(balloon);
    return !balloon->state.emptying;
}

static bool stop_queue(struct virtio_device *device, unsigned queue)
{
    if (queue <= DEFLATE) {
        balloon_of(device)->state.done[queue] = 0;
    }
    return true;
}

/* Of the configuration, `actual` is the driver's. */
static void config_write(struct virtio_device *device, uint32_t offset, const uint8_t *bytes,
                         uint32_t size_bytes)
{
    struct virtio_balloon *balloon = balloon_of(device);
    if (offset == offsetof(struct virtio_balloon_config, actual_pages) && size_bytes == 4) {
        memcpy(&balloon->state.config.actual_pages, bytes, size_bytes);
    }
}

static const struct virtio_ops ops = {
    .name = "balloon",
    .type = VIRTIO_TYPE_BALLOON,
    .work = work,
    .stop = stop,
    .stop_queue = stop_queue,
    .config_write = config_write,
};

void virtio_balloon_set_target(struct virtio_balloon *balloon, uint32_t pages)
{
    virtio_lock(&balloon->device);
    balloon->state.config.target_pages = pages;
    virtio_config_changed(&balloon->device);
    virtio_unlock(&balloon->device);
}

void virtio_balloon_want_stats(struct virtio_balloon *balloon)
{
    virtio_lock(&balloon->device);
    if (virtio_has(&balloon->device, F_STATS_VQ)) {
        balloon->state.wants_stats = true;
        virtio_work(&balloon->device, STATS);
    }
    virtio_unlock(&balloon->device);
}

void virtio_balloon_ready(struct virtio_balloon *balloon)
{
    virtio_lock(&balloon->device);
    if (balloon->state.emptying) {
        balloon->state.emptying = !empty(balloon);
        if (!balloon->state.emptying) {
            virtio_stopped(&balloon->device);
        }
    }
    virtio_work(&balloon->device, DEFLATE);
    virtio_unlock(&balloon->device);
}

START_ONLY void virtio_balloon_init(struct virtio_balloon *balloon,
                                    const struct virtio_balloon_port *far, uint64_t *inside,
                                    uint32_t granule_bytes, const struct ram *ram,
                                    const struct virtio_port *port, uint32_t mutex_id)
{
    CHECK(granule_bytes >= VIRTIO_BALLOON_PAGE && (granule_bytes & (granule_bytes - 1)) == 0);
    CHECK(is_aligned(ram->base.value, granule_bytes) && is_aligned(ram->size_bytes, granule_bytes));
    memset(&balloon->state, 0, sizeof balloon->state);
    memset(inside, 0, virtio_balloon_words(ram) * sizeof inside[0]);
    balloon->far = far;
    balloon->inside = inside;
    balloon->granule_pages = granule_bytes / VIRTIO_BALLOON_PAGE;
    virtio_init(&balloon->device, &(struct virtio_setup){
                                      .ops = &ops,
                                      .port = port,
                                      .ram = ram,
                                      .mutex_id = mutex_id,
                                      .segments = balloon->segments,
                                      .features = VIRTIO_FEATURES | VIRTIO_F_IN_ORDER |
                                                  F_MUST_TELL_HOST | F_STATS_VQ | F_DEFLATE_ON_OOM |
                                                  (far->report != NULL ? F_PAGE_REPORTING : 0),
                                      .config = &balloon->state.config,
                                      .config_bytes = sizeof balloon->state.config,
                                      .queue_count = QUEUES,
                                      .queue_size = QUEUE_SIZE,
                                  });
}
