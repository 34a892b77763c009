// SPDX-License-Identifier: BSD-2-Clause
/* Too much, too early, and something else than a moment ago. */
#include "test/guest/hostile/attack.h"

bool notify_storm(void)
{
    enum { KICKS = 20000 };
    if (!device_start(0)) {
        return false;
    }
    for (unsigned i = 0; i < KICKS; i++) {
        mmio_write(MMIO_QUEUE_NOTIFY, i & 3);
    }
    make_request(VIRTIO_BLK_IN);
    submit(HEADER);
    return wait_used(1) && status_now() == VIRTIO_BLK_OK;
}

bool reset_during_requests(void)
{
    enum { ROUNDS = 200 };
    for (unsigned round = 0; round < ROUNDS; round++) {
        if (!device_start(0)) {
            return false;
        }
        make_request(VIRTIO_BLK_OUT);
        submit(HEADER);
    }
    return device_reset();
}

/* The second vCPU rewrites a descriptor all the time; the first one has it looked at all the time.
 */
static volatile bool rewrite, rewriting;

void second_main(void)
{
    static const uint64_t addresses[] = {RAM_BASE + 0x800000, RAM_END - 4, 0, UINT64_MAX - 3};
    for (unsigned i = 0;; i++) {
        rewriting = rewrite;
        __asm__ volatile("dmb ish" ::: "memory");
        if (rewriting) {
            volatile struct virtq_split_desc *desc = &rings.split[DATA];
            desc->address = addresses[i % 4];
            desc->length = i % 3 == 0 ? SECTOR_BYTES : UINT32_MAX - i;
            desc->flags = (uint16_t)(i * 5);
            desc->next = (uint16_t)(i * 3);
        }
    }
}

bool descriptor_rewritten_meanwhile(void)
{
    enum { ROUNDS = 500 };
    if (!second_on()) {
        return false;
    }
    for (unsigned round = 0; round < ROUNDS; round++) {
        if (!device_start(VIRTIO_F_INDIRECT_DESC)) {
            return false;
        }
        make_request(VIRTIO_BLK_IN);
        rewrite = true;
        for (unsigned i = 0; i < 4; i++) {
            submit(HEADER);
        }
        rewrite = false;
        while (rewriting) {
        }
    }
    return true;
}
