/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdatomic.h>
#include <stdint.h>

/*
 * A lock between the threads of one process that is right whatever their priorities, cores and
 * budgets are: who finds it taken blocks in the kernel and never spins. Uncontended, it costs two
 * atomic operations and no kernel entry. Not recursive. Zero-initialise, then give it its id.
 *
 * The slow path is the process's: on the target `id` names a notification (vmm/mutex.c), on the
 * host a test's fake. Exactly one unblock is outstanding at a time, because an unblock hands the
 * lock to the one that it wakes; so a binary semaphore is enough.
 */
struct mutex {
    _Atomic uint32_t users; /* the holder and those who wait */
    uint32_t id;
};

void mutex_block(uint32_t id);   /* waits for one mutex_unblock of the same id */
void mutex_unblock(uint32_t id); /* lets one waiter go */

static inline void mutex_lock(struct mutex *m)
{
    if (atomic_fetch_add_explicit(&m->users, 1, memory_order_acquire) != 0) {
        mutex_block(m->id);
    }
}

static inline void mutex_unlock(struct mutex *m)
{
    if (atomic_fetch_sub_explicit(&m->users, 1, memory_order_release) != 1) {
        mutex_unblock(m->id);
    }
}
