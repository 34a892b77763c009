// SPDX-License-Identifier: BSD-2-Clause
/* Wrong ways to set up a device and its queues. */
#include "test/guest/hostile/attack.h"

bool queue_changed_after_driver_ok(void)
{
    if (!device_start(0)) {
        return false;
    }
    mmio_write(MMIO_QUEUE_SEL, 0);
    mmio_write64(MMIO_QUEUE_DESC, 0xfffffffff000);
    mmio_write64(MMIO_QUEUE_DRIVER, 0);
    mmio_write64(MMIO_QUEUE_DEVICE, UINT64_MAX);
    mmio_write(MMIO_QUEUE_SIZE, 0x8000);
    make_request(VIRTIO_BLK_IN);
    submit(HEADER);
    return wait_used(1) && status_now() == VIRTIO_BLK_OK; /* the old queue still counts */
}

bool bad_selectors(void)
{
    if (!device_start(0)) {
        return false;
    }
    for (uint32_t selector = 1; selector != 0; selector <<= 1) {
        mmio_write(MMIO_QUEUE_SEL, selector | 17);
        mmio_write(MMIO_QUEUE_SIZE, 8);
        mmio_write(MMIO_QUEUE_READY, 1);
        mmio_write(MMIO_QUEUE_NOTIFY, selector | 17);
        mmio_write(MMIO_DEVICE_FEATURES_SEL, selector | 2);
        mmio_write(MMIO_DRIVER_FEATURES_SEL, selector | 2);
        mmio_write(MMIO_DRIVER_FEATURES, UINT32_MAX);
        if (mmio_read(MMIO_QUEUE_SIZE_MAX) != 0 || mmio_read(MMIO_DEVICE_FEATURES) != 0) {
            return false;
        }
    }
    for (uint32_t offset = MMIO_CONFIG; offset < 0x200; offset += 4) {
        mmio_write(offset, UINT32_MAX);
        (void)mmio_read(offset);
    }
    make_request(VIRTIO_BLK_IN);
    submit(HEADER);
    return wait_used(1) && status_now() == VIRTIO_BLK_OK;
}

static bool start_with(uint32_t size, uint64_t descriptors, uint64_t driver, uint64_t device_area)
{
    if (!device_reset() || !device_negotiate(VIRTIO_F_VERSION_1)) {
        return false;
    }
    queue_set_up(size, descriptors, driver, device_area);
    device_go();
    kick();
    return status_has(VIRTIO_NEEDS_RESET);
}

bool rings_outside_memory(void)
{
    const uint64_t desc = (uint64_t)rings.split, avail = (uint64_t)&rings.avail,
                   used = (uint64_t)&rings.used;
    return start_with(QUEUE_SIZE, RAM_END - 16, avail, used) &&
           start_with(QUEUE_SIZE, 0x08000000, avail, used) &&
           start_with(QUEUE_SIZE, desc, UINT64_MAX - 1, used) &&
           start_with(QUEUE_SIZE, desc, avail, RAM_BASE - 16) &&
           start_with(QUEUE_SIZE, desc + 1, avail, used);
}

bool sizes_that_cannot_be(void)
{
    static const uint32_t sizes[] = {0, 3, 0x400, 0x8000, 0x10000, 0x10010, UINT32_MAX};
    for (unsigned i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        if (!start_with(sizes[i], (uint64_t)rings.split, (uint64_t)&rings.avail,
                        (uint64_t)&rings.used)) {
            return false;
        }
    }
    return true;
}
