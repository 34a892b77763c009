/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "device/virtio/virtio.h"
#include "lib/range.h"

/*
 * The traditional memory balloon, VIRTIO 1.3, 5.5, with statistics and free page reporting. The
 * guest gives pages of 4 KiB; memory comes and goes in granules (what the VMM can map, a power of
 * two of pages): a granule is released when all of its pages are in the balloon, and reclaimed
 * before the first of them leaves it. A reset of the device lets all pages out.
 *
 * The guest may put any page in, also one with a ring in it. So the VMM's own mapping of a released
 * granule must stay readable and writable, whatever it shows.
 */
enum {
    VIRTIO_BALLOON_PAGE = 4096,
    VIRTIO_BALLOON_STATS = 16, /* tags that we keep, 5.5.6.4 */
};

/* Ranges are guest physical, of whole granules. Under the device's lock: must not call back. */
struct virtio_balloon_port {
    /* The guest does not use this memory until it is reclaimed. */
    void (*release)(void *ctx, struct range memory);
    /*
     * The guest will use it, with any contents. False: not there now; then virtio_balloon_ready
     * follows, and it is asked for again.
     */
    bool (*reclaim)(void *ctx, struct range memory);
    /*
     * The guest does not need the contents, and may touch it again at any time, without a word.
     * NULL: free page reporting is not offered.
     */
    void (*report)(void *ctx, struct range memory);
    void *ctx;
};

/* 5.5.4 */
struct virtio_balloon_config {
    uint32_t target_pages;
    uint32_t actual_pages;
    uint32_t free_page_hint_command;
    uint32_t poison_value;
};

struct virtio_balloon {
    struct virtio_device device;
    const struct virtio_balloon_port *far;
    uint64_t *inside; /* bit for each page of RAM that is in the balloon; the runner's storage */
    uint32_t granule_pages;
    struct virtio_balloon_state {
        struct virtio_balloon_config config;
        uint32_t done[2]; /* bytes of the first chain of inflateq, deflateq that are done */
        uint32_t inside_pages;
        bool wants_stats; /* the driver's statistics buffer shall go back for new ones */
        bool emptying;    /* a reset waits until all granules are reclaimed */
        uint64_t stats[VIRTIO_BALLOON_STATS];
        uint32_t stats_known; /* bit for each tag that came */
        uint64_t bad_pages;   /* page numbers outside RAM */
    } state;
    struct chain_segment segments[VIRTQUEUE_SIZE_MAX]; /* of device.chain */
};

/* Words of storage that `inside` needs. */
static inline size_t virtio_balloon_words(const struct ram *ram)
{
    return (size_t)((ram->size_bytes / VIRTIO_BALLOON_PAGE + 63) / 64);
}

/*
 * `inside` has virtio_balloon_words and is cleared here. granule_bytes: a power of two, at least
 * one page; RAM begins and ends at a multiple of it.
 */
void virtio_balloon_init(struct virtio_balloon *balloon, const struct virtio_balloon_port *far,
                         uint64_t *inside, uint32_t granule_bytes, const struct ram *ram,
                         const struct virtio_port *port, uint32_t mutex_id);

/* Asks the guest to have so many pages in the balloon. It may take its time, or never do it. */
void virtio_balloon_set_target(struct virtio_balloon *balloon, uint32_t pages);

/* Asks for new statistics; they are in state.stats, by tag, when the guest has answered. */
void virtio_balloon_want_stats(struct virtio_balloon *balloon);

/* Memory that reclaim did not have may be there now. */
void virtio_balloon_ready(struct virtio_balloon *balloon);
