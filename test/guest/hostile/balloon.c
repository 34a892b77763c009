// SPDX-License-Identifier: BSD-2-Clause
/* What a guest can do with its balloon: give away what its devices use, use what it has given away.
 */
#include "test/guest/hostile/attack.h"

#define GRANULE_BYTES 0x200000ull
#define SPARE         0x40c00000ull /* memory that nothing of ours is in, .. */
#define RING_HOME     0x40a00000ull /* .. and more of it, for rings that are to go */
#define PATTERN       0x5a5a5a5a5a5a5a5aull

enum {
    INFLATE = 0,
    DEFLATE = 1,
    REPORT = 2,
    PAGE_SHIFT = 12,
    PAGES = 512, /* of a granule */
    WORDS = GRANULE_BYTES / sizeof(uint64_t),
    PAGE_REPORTING = 1 << 5, /* VIRTIO 1.3, 5.5.3 */
};

static struct rings lists[3]; /* a queue each */

/* The rings of the inflate queue are where we are told. */
static bool start(struct rings *inflate)
{
    if (!device_find(VIRTIO_TYPE_BALLOON) || !device_reset() ||
        !device_negotiate(VIRTIO_F_VERSION_1 | PAGE_REPORTING)) {
        return false;
    }
    for (unsigned i = 0; i < 3; i++) {
        lists[i].avail.index = lists[i].used.index = 0;
    }
    inflate->avail.index = inflate->used.index = 0;
    queue_open(INFLATE, inflate);
    queue_open(DEFLATE, &lists[DEFLATE]);
    queue_open(REPORT, &lists[REPORT]);
    device_go();
    return true;
}

/* A chain of one buffer. */
static void offer(unsigned queue, struct rings *at, uint64_t address, uint32_t length,
                  uint16_t flags)
{
    volatile struct virtq_split_desc *desc = &at->split[0];
    volatile uint16_t *index = &at->avail.index;
    desc->address = address;
    desc->length = length;
    desc->flags = flags;
    at->avail.ring[*index % QUEUE_SIZE] = 0;
    __asm__ volatile("dmb ish" ::: "memory");
    *index = (uint16_t)(*index + 1);
    mmio_write(MMIO_QUEUE_NOTIFY, queue);
}

static bool taken(struct rings *at)
{
    for (uint64_t until = deadline(); now() < until;) {
        if (*(volatile uint16_t *)&at->used.index == at->avail.index) {
            return true;
        }
    }
    return false;
}

/* All pages of the granule at `address`; the list is not in it. */
static void move(unsigned queue, struct rings *at, uint64_t address)
{
    static uint32_t numbers[PAGES];
    for (uint32_t i = 0; i < PAGES; i++) {
        ((volatile uint32_t *)numbers)[i] = (uint32_t)(address >> PAGE_SHIFT) + i;
    }
    offer(queue, at, (uint64_t)numbers, sizeof numbers, 0);
}

static bool inflate(uint64_t address)
{
    move(INFLATE, &lists[INFLATE], address);
    return taken(&lists[INFLATE]);
}

static bool deflate(uint64_t address)
{
    move(DEFLATE, &lists[DEFLATE], address);
    return taken(&lists[DEFLATE]);
}

static bool is_all(uint64_t address, uint64_t value)
{
    const volatile uint64_t *word = (const volatile uint64_t *)address;
    for (unsigned i = 0; i < WORDS; i++) {
        if (word[i] != value) {
            return false;
        }
    }
    return true;
}

static void fill(uint64_t address, uint64_t value)
{
    volatile uint64_t *word = (volatile uint64_t *)address;
    for (unsigned i = 0; i < WORDS; i++) {
        word[i] = value;
    }
}

/* How many of a read and a write there are refused. */
static unsigned refusals(uint64_t address)
{
    uint32_t before = aborts;
    (void)*(volatile uint64_t *)(address + GRANULE_BYTES / 2);
    *(volatile uint64_t *)(address + GRANULE_BYTES / 2) = PATTERN;
    return aborts - before;
}

bool balloon_used_while_away(void)
{
    if (!start(&lists[INFLATE])) {
        return false;
    }
    fill(SPARE, PATTERN);
    if (!inflate(SPARE) || refusals(SPARE) != 2 || !deflate(SPARE)) {
        return false;
    }
    bool fresh = is_all(SPARE, 0) && refusals(SPARE) == 0;
    fill(SPARE, PATTERN);
    bool whole = is_all(SPARE, PATTERN);
    /* A reset lets all out. */
    return fresh && whole && inflate(SPARE) && device_reset() && is_all(SPARE, 0);
}

/* The device answers into a ring that has just gone with the balloon, and reads it again. */
bool balloon_takes_its_own_ring(void)
{
    struct rings *gone = (struct rings *)RING_HOME;
    if (!start(gone)) {
        return false;
    }
    move(INFLATE, gone, RING_HOME);
    if (refusals(RING_HOME) != 2) {
        return false;
    }
    for (unsigned i = 0; i < 100; i++) {
        mmio_write(MMIO_QUEUE_NOTIFY, INFLATE);
    }
    return device_reset() && is_all(RING_HOME, 0) && balloon_used_while_away();
}

/* So does another device, whose driver never hears of it. */
bool balloon_takes_anothers_ring(void)
{
    struct rings *gone = (struct rings *)RING_HOME;
    if (!device_find(VIRTIO_TYPE_BLOCK) || !device_reset() ||
        !device_negotiate(VIRTIO_F_VERSION_1)) {
        return false;
    }
    gone->avail.index = gone->used.index = 0;
    queue_open(0, gone);
    device_go();
    if (!start(&lists[INFLATE]) || !inflate(RING_HOME) || !device_find(VIRTIO_TYPE_BLOCK)) {
        return false;
    }
    for (unsigned i = 0; i < 100; i++) {
        mmio_write(MMIO_QUEUE_NOTIFY, 0);
    }
    return device_reset() && device_find(VIRTIO_TYPE_BALLOON) && device_reset() &&
           is_all(RING_HOME, 0);
}

/* Reported memory may be used again at once, as often as one likes. */
bool balloon_reports_what_it_uses(void)
{
    enum { ROUNDS = 40 }; /* more than a VM of this size may do at once */
    if (!start(&lists[INFLATE])) {
        return false;
    }
    for (unsigned i = 0; i < ROUNDS; i++) {
        offer(REPORT, &lists[REPORT], SPARE, GRANULE_BYTES, VIRTQ_DESC_WRITE);
        if (refusals(SPARE) != 0 || !taken(&lists[REPORT])) {
            return false;
        }
    }
    fill(SPARE, PATTERN);
    return is_all(SPARE, PATTERN);
}

/* Pages that it has not, twice, and not in the order in which they went. */
bool balloon_gets_nonsense(void)
{
    uint32_t *numbers = (uint32_t *)lists[INFLATE].buffer;
    uint32_t random = 1;
    if (!start(&lists[INFLATE])) {
        return false;
    }
    for (unsigned round = 0; round < 50; round++) {
        for (unsigned i = 0; i < BUFFER_BYTES / sizeof numbers[0]; i++) {
            random = random * 1664525 + 1013904223;
            /* Half of them in SPARE, the others not in memory. */
            uint32_t page = (uint32_t)(SPARE >> PAGE_SHIFT) + (random >> 8) % PAGES;
            ((volatile uint32_t *)numbers)[i] = random >> 31 != 0 ? page : random | 0x80000000;
        }
        unsigned queue = round % 3 == 2 ? DEFLATE : INFLATE;
        offer(queue, &lists[queue], (uint64_t)numbers, BUFFER_BYTES, 0);
        if (!taken(&lists[queue])) {
            return false;
        }
    }
    fill(RING_HOME, PATTERN);
    return device_reset() && refusals(SPARE) == 0 && is_all(RING_HOME, PATTERN);
}
