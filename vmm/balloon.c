// SPDX-License-Identifier: BSD-2-Clause
#include "vmm/balloon.h"

#include <sel4/sel4.h>

#include "lib/start_only.h"
#include "vmm/vmm.h"

enum { GRANULE_BITS = 21, PAGES_PER_MIB = (1 << 20) / VIRTIO_BALLOON_PAGE };

/* Of a granule, as its guest has left it; root knows whether the memory has really gone. */
enum { OURS, INSIDE, REPORTED };

/*
 * Under `lock`, so that root hears the changes of one granule in the order in which they are made
 * here: a vCPU may touch what another one reports at that moment.
 */
static struct mutex lock = {.id = MUTEX_BALLOON};
static uint8_t *state; /* of each granule */

static struct virtio_balloon *device; /* NULL: there is none */
static _Atomic uint32_t waiting;      /* handlers that wait for memory, on MUTEX_MEMORY */

static bool ask(enum control_request request, uint64_t address, uint64_t *value)
{
    seL4_SetMR(0, address);
    seL4_MessageInfo_t reply = seL4_Call(SLOT_CONTROL, seL4_MessageInfo_new(request, 0, 0, 1));
    bool done = seL4_MessageInfo_get_length(reply) == 2 && seL4_GetMR(0) == CONTROL_OK;
    if (value != NULL) {
        *value = seL4_GetMR(1);
    }
    return done;
}

static uint64_t granule_of(uint64_t address)
{
    return (address - vmm.ram.base.value) >> GRANULE_BITS;
}

/* Root may refuse: then it leaves the memory with us, and all goes on as if it had gone. */
static void give(struct range memory, uint8_t why)
{
    mutex_lock(&lock);
    for (uint64_t at = memory.base; range_contains(memory, at, 1); at += 1ull << GRANULE_BITS) {
        if (state[granule_of(at)] == OURS) {
            (void)ask(CONTROL_RAM_RELEASE, at, NULL);
        }
        if (state[granule_of(at)] != INSIDE) {
            state[granule_of(at)] = why;
        }
    }
    mutex_unlock(&lock);
}

static void release(void *ctx, struct range memory)
{
    (void)ctx;
    give(memory, INSIDE);
}

static void report(void *ctx, struct range memory)
{
    (void)ctx;
    give(memory, REPORTED);
}

/* Under the lock. */
static bool fetch(uint64_t address)
{
    if (!ask(CONTROL_RAM_RECLAIM, align_down(address, 1ull << GRANULE_BITS), NULL)) {
        return false;
    }
    state[granule_of(address)] = OURS;
    return true;
}

static bool reclaim(void *ctx, struct range memory)
{
    (void)ctx;
    mutex_lock(&lock);
    bool all = true;
    for (uint64_t at = memory.base; range_contains(memory, at, 1); at += 1ull << GRANULE_BITS) {
        all = all && fetch(at);
    }
    mutex_unlock(&lock);
    return all;
}

/* One signal wakes one handler, which wakes the next one if there was enough for itself. */
static void wake_waiting(void)
{
    if (atomic_load(&waiting) != 0) {
        seL4_Signal(SLOT_MUTEX_BASE + MUTEX_MEMORY);
    }
}

bool balloon_touch(gpa_t address)
{
    if (device == NULL || !range_contains(ram_range(&vmm.ram), address.value, 1)) {
        return false;
    }
    atomic_fetch_add(&waiting, 1);
    for (bool inside = false, there = false;;) {
        mutex_lock(&lock);
        inside = state[granule_of(address.value)] == INSIDE;
        there = !inside && fetch(address.value);
        mutex_unlock(&lock);
        if (inside || there) {
            atomic_fetch_sub(&waiting, 1);
            wake_waiting();
            return there;
        }
        seL4_Wait(SLOT_MUTEX_BASE + MUTEX_MEMORY, NULL);
    }
}

void balloon_event(void)
{
    uint64_t mib;
    if (device == NULL || !ask(CONTROL_RAM_TARGET, 0, &mib)) {
        return;
    }
    if (device->state.config.target_pages != mib * PAGES_PER_MIB) {
        virtio_balloon_set_target(device, (uint32_t)(mib * PAGES_PER_MIB));
    }
    virtio_balloon_ready(device);
    wake_waiting();
}

START_ONLY void balloon_init(struct virtio_balloon *balloon, bool reporting,
                             const struct virtio_port *port, uint32_t mutex_id)
{
    static const struct virtio_balloon_port told = {release, reclaim, NULL, NULL};
    static const struct virtio_balloon_port reported = {release, reclaim, report, NULL};
    uint64_t *inside = (uint64_t *)PROCESS_BALLOON_VADDR;
    state = (uint8_t *)(inside + virtio_balloon_words(&vmm.ram));
    virtio_balloon_init(balloon, reporting ? &reported : &told, inside, 1u << GRANULE_BITS,
                        &vmm.ram, port, mutex_id);
    device = balloon;
    balloon_event(); /* what the operator wants may be older than this VM */
}
