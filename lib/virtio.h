/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdint.h>

/*
 * Numbers of VIRTIO 1.3 that both the device side (device/virtio/) and the driver side
 * (service/virtio/) need; section numbers are those of the specification. All fields in memory are
 * little-endian, as both sides are here.
 */
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "guest and host are little-endian");

/* Device types, 5. */
enum virtio_type {
    VIRTIO_TYPE_NET = 1,
    VIRTIO_TYPE_BLOCK = 2,
    VIRTIO_TYPE_CONSOLE = 3,
    VIRTIO_TYPE_ENTROPY = 4,
    VIRTIO_TYPE_BALLOON = 5,
    VIRTIO_TYPE_VSOCK = 19,
};

/* Device status, 2.1. */
enum {
    VIRTIO_ACKNOWLEDGE = 1,
    VIRTIO_DRIVER = 2,
    VIRTIO_DRIVER_OK = 4,
    VIRTIO_FEATURES_OK = 8,
    VIRTIO_NEEDS_RESET = 64,
    VIRTIO_FAILED = 128,
};

/* Reserved feature bits, 6. */
#define VIRTIO_F_INDIRECT_DESC (1ull << 28)
#define VIRTIO_F_EVENT_IDX     (1ull << 29)
#define VIRTIO_F_VERSION_1     (1ull << 32)
#define VIRTIO_F_RING_PACKED   (1ull << 34)
#define VIRTIO_F_IN_ORDER      (1ull << 35)
#define VIRTIO_F_RING_RESET    (1ull << 40)

/* Interrupt causes, 4.1.4.5 and 4.2.2. */
enum {
    VIRTIO_ISR_QUEUE = 1,
    VIRTIO_ISR_CONFIG = 2,
};

/* Descriptor flags, 2.7.5 and 2.8.1. */
enum {
    VIRTQ_DESC_NEXT = 1,
    VIRTQ_DESC_WRITE = 2, /* the device writes, the driver reads */
    VIRTQ_DESC_INDIRECT = 4,
    VIRTQ_DESC_AVAIL = 1 << 7, /* packed only */
    VIRTQ_DESC_USED = 1 << 15, /* packed only */
};

/* 2.7.5: a descriptor of the split ring and of its indirect tables. */
struct virtq_split_desc {
    uint64_t address;
    uint32_t length;
    uint16_t flags;
    uint16_t next;
};

/* 2.8.13: a descriptor of the packed ring and of its indirect tables. */
struct virtq_packed_desc {
    uint64_t address;
    uint32_t length;
    uint16_t id;
    uint16_t flags;
};

/* 2.7.6 and 2.7.8: the available ring; then an uint16_t used_event. */
enum {
    VIRTQ_AVAIL_NO_INTERRUPT = 1,
    VIRTQ_USED_NO_NOTIFY = 1,
};

struct virtq_avail {
    uint16_t flags;
    uint16_t index;
    uint16_t ring[];
};

struct virtq_used_element {
    uint32_t id;
    uint32_t length;
};

/* 2.7.8: the used ring; then an uint16_t avail_event. */
struct virtq_used {
    uint16_t flags;
    uint16_t index;
    struct virtq_used_element ring[];
};

/* 2.8.14: when the other side wants an event, of the packed ring. */
enum {
    VIRTQ_EVENT_ENABLE = 0,
    VIRTQ_EVENT_DISABLE = 1,
    VIRTQ_EVENT_DESC = 2, /* at one descriptor; with VIRTIO_F_EVENT_IDX */
};

struct virtq_event {
    uint16_t offset_wrap; /* bit 15: the wrap counter */
    uint16_t flags;
};
