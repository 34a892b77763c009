// SPDX-License-Identifier: BSD-2-Clause
/*
 * Random guests against the balloon, and a far side that does not always have the memory that is
 * wanted back. Memory goes once and comes back once; a reset brings all of it back.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "device/virtio/virtio_balloon.h"
#include "lib/check.h"
#include "test/fake/virtio_chaos.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PAGE = VIRTIO_BALLOON_PAGE, PAGES_MAX = 256 };

static struct {
    struct chaos c;
    struct virtio_balloon balloon;
    struct virtio_balloon_port far;
    uint64_t inside[PAGES_MAX / 64];
    bool gone[PAGES_MAX];
    unsigned gone_count, available, granule_pages;
} t;

static void mark(struct range memory, bool gone)
{
    CHECK(range_contains(ram_range(&t.c.d.ram), memory.base, memory.size_bytes));
    CHECK(memory.size_bytes == (uint64_t)t.granule_pages * PAGE);
    for (uint64_t i = 0; i < t.granule_pages; i++) {
        uint64_t page = (memory.base - FAKE_RAM_BASE) / PAGE + i;
        CHECK(t.gone[page] != gone);
        t.gone[page] = gone;
        t.gone_count += gone ? 1u : ~0u;
    }
}

static void release(void *ctx, struct range memory)
{
    (void)ctx;
    mark(memory, true);
}

static bool reclaim(void *ctx, struct range memory)
{
    (void)ctx;
    if (t.available == 0) {
        return false;
    }
    t.available--;
    mark(memory, false);
    return true;
}

static void report(void *ctx, struct range memory)
{
    (void)ctx;
    CHECK(memory.size_bytes != 0 && memory.base % (t.granule_pages * PAGE) == 0 &&
          memory.size_bytes % (t.granule_pages * PAGE) == 0);
    CHECK(range_contains(ram_range(&t.c.d.ram), memory.base, memory.size_bytes));
}

static void far_step(void)
{
    switch (chaos_next(&t.c) % 3) {
    case 0:
        t.available = chaos_next(&t.c) % 4;
        virtio_balloon_ready(&t.balloon);
        break;
    case 1:
        virtio_balloon_want_stats(&t.balloon);
        break;
    default:
        virtio_balloon_set_target(&t.balloon, chaos_next(&t.c));
        break;
    }
}

static void check(void)
{
    unsigned inside = 0;
    for (unsigned i = 0; i < PAGES_MAX / 64; i++) {
        inside += (unsigned)__builtin_popcountll(t.inside[i]);
    }
    CHECK(inside == t.balloon.state.inside_pages && t.gone_count <= inside);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    memset(t.gone, 0, sizeof t.gone);
    t.gone_count = 0;
    t.available = 2;
    t.far = (struct virtio_balloon_port){release, reclaim, report, NULL};
    chaos_init(&t.c, data, size);
    t.granule_pages = 1u << chaos_next(&t.c) % 3;
    virtio_balloon_init(&t.balloon, &t.far, t.inside, t.granule_pages * PAGE, &t.c.d.ram,
                        &t.c.d.port, 0);
    chaos_attach(&t.c, &t.balloon.device);
    while (chaos_more(&t.c)) {
        if (chaos_next(&t.c) % 8 == 0) {
            far_step();
        } else {
            chaos_step(&t.c);
        }
        check();
    }
    t.available = ~0u;
    virtio_balloon_ready(&t.balloon); /* a reset may be waiting */
    CHECK(chaos_recover(&t.c, 0));
    CHECK(t.gone_count == 0 && t.balloon.state.inside_pages == 0);
    const uint32_t numbers[] = {FAKE_RAM_BASE / PAGE, FAKE_RAM_BASE / PAGE + 1,
                                FAKE_RAM_BASE / PAGE + 2, FAKE_RAM_BASE / PAGE + 3};
    CHECK(driver_request(&t.c.d, 0, numbers, sizeof numbers, NULL, 0) == 0 && t.gone_count == 4);
    CHECK(driver_request(&t.c.d, 1, numbers, sizeof numbers, NULL, 0) == 0 && t.gone_count == 0);
    return 0;
}
