// SPDX-License-Identifier: BSD-2-Clause
#include "vmm/virtio.h"

#include <sel4/sel4.h>

#include "lib/random.h"
#include "vmm/virtio_slot.h"
#include "vmm/vmm.h"

unsigned virtio_slot_count;
uint64_t virtio_slot_missed;
static _Atomic uint32_t deferred; /* a bit for each slot */

/* ---- what devices call --------------------------------------------------------------------------
 */

static size_t draw(void *ctx, uint8_t *bytes, size_t count)
{
    static struct random random;
    static bool seeded;
    (void)ctx;
    if (!seeded) {
        random_seed(&random, &vmm.boot->seed[PROCESS_SEED_OWN],
                    (PROCESS_SEED_WORDS - PROCESS_SEED_OWN) * sizeof vmm.boot->seed[0]);
        seeded = true;
    }
    random_draw(&random, bytes, count);
    return count;
}

const struct virtio_rng_port virtio_slot_source = {.draw = draw};

void virtio_slot_signal(void *ctx)
{
    const struct slot *slot = ctx;
    seL4_Signal(SLOT_LINK_BASE + slot->link);
}

/* Under the device's lock. The event thread looks whenever it is woken, with or without an event.
 */
void virtio_slot_defer(void *ctx)
{
    const struct slot *slot = ctx;
    atomic_fetch_or(&deferred, 1u << slot->index);
    seL4_Signal(SLOT_NOTIFICATION);
}

enum outcome virtio_slot_access(void *state, struct access *access)
{
    return virtio_mmio_access(state, access);
}

/* ---- what services say --------------------------------------------------------------------------
 */

bool virtio_slot_blk(struct slot *slot)
{
    return virtio_blk_link_event(&slot->blk.link);
}

bool virtio_slot_net(struct slot *slot)
{
    virtio_net_link_event(&slot->net);
    return false;
}

bool virtio_slot_vsock(struct slot *slot)
{
    (void)slot;
    return virtio_vsock_link_event(virtio_vsock);
}

uint64_t virtio_early_events(void)
{
    return virtio_slot_missed;
}

void virtio_event(uint64_t events)
{
    static uint32_t unfinished; /* a bit for each slot whose link has more to do */
    uint32_t left = atomic_exchange(&deferred, 0), links = unfinished;
    unfinished = 0;
    for (unsigned i = 0; i < virtio_slot_count; i++) {
        struct slot *slot = virtio_slot(i);
        bool signalled = slot->event != NULL && (events & EVENT_LINK(slot->link)) != 0;
        if ((signalled || (links & 1u << i) != 0) && slot->event(slot)) {
            unfinished |= 1u << i;
        }
        if ((left & 1u << i) != 0) {
            virtio_run(slot->device);
        }
    }
    if (unfinished != 0) {
        seL4_Signal(SLOT_NOTIFICATION);
    }
}
