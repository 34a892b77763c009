/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdatomic.h>
#include <stdint.h>

/*
 * What a driver needs of the Virtual I/O Device specification 1.3. All fields are little-endian,
 * as this machine is.
 */

enum { TRANSPORT_NET = 1, TRANSPORT_BLOCK = 2 };

/* 2.1: device status. */
enum {
    STATUS_ACKNOWLEDGE = 1,
    STATUS_DRIVER = 2,
    STATUS_DRIVER_OK = 4,
    STATUS_FEATURES_OK = 8,
    STATUS_NEEDS_RESET = 64,
    STATUS_FAILED = 128,
};

/* 6: features of the ring and the transport. */
#define FEATURE_INDIRECT  (1ull << 28)
#define FEATURE_EVENT_IDX (1ull << 29)
#define FEATURE_VERSION_1 (1ull << 32)

/* 4.2.2: registers of a virtio-mmio device. */
enum {
    MMIO_MAGIC = 0x000,
    MMIO_VERSION = 0x004,
    MMIO_DEVICE_ID = 0x008,
    MMIO_DEVICE_FEATURES = 0x010,
    MMIO_DEVICE_FEATURES_SELECT = 0x014,
    MMIO_DRIVER_FEATURES = 0x020,
    MMIO_DRIVER_FEATURES_SELECT = 0x024,
    MMIO_QUEUE_SELECT = 0x030,
    MMIO_QUEUE_SIZE_MAX = 0x034,
    MMIO_QUEUE_SIZE = 0x038,
    MMIO_QUEUE_READY = 0x044,
    MMIO_QUEUE_NOTIFY = 0x050,
    MMIO_INTERRUPT_STATUS = 0x060,
    MMIO_INTERRUPT_ACK = 0x064,
    MMIO_STATUS = 0x070,
    MMIO_QUEUE_DESC = 0x080,
    MMIO_QUEUE_DRIVER = 0x090,
    MMIO_QUEUE_DEVICE = 0x0a0,
    MMIO_CONFIG_GENERATION = 0x0fc,
    MMIO_CONFIG = 0x100,
    MMIO_BYTES = 0x200,

    MMIO_MAGIC_VALUE = 0x74726976, /* "virt" */
    MMIO_VERSION_VALUE = 2,
};

/* 2.7: the split virtqueue. */
enum { DESC_NEXT = 1, DESC_WRITE = 2, DESC_INDIRECT = 4 };
enum { AVAIL_NO_INTERRUPT = 1, USED_NO_NOTIFY = 1 };

struct vring_desc {
    uint64_t paddr;
    uint32_t bytes;
    uint16_t flags;
    uint16_t next;
};

/* Followed by the driver's used_event when FEATURE_EVENT_IDX is negotiated. */
struct vring_avail {
    _Atomic uint16_t flags;
    _Atomic uint16_t index;
    uint16_t ring[];
};

struct vring_used_element {
    uint32_t id;
    uint32_t bytes;
};

/* Followed by the device's avail_event when FEATURE_EVENT_IDX is negotiated. */
struct vring_used {
    _Atomic uint16_t flags;
    _Atomic uint16_t index;
    struct vring_used_element ring[];
};
