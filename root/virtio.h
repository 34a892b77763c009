/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include "root/board.h"
#include "root/space.h"

/*
 * The board's virtio-mmio devices (VIRTIO 1.3, 4.2), as far as root looks at them: which device is
 * where. A page of registers goes to one service, so devices of two kinds must not share one.
 */
struct virtio_place {
    seL4_CPtr frame; /* the page with its registers */
    uint32_t offset; /* in that page */
    uint32_t intid;
    uint64_t vaddr; /* of its registers, as root sees them */
};

enum virtio_found {
    VIRTIO_FOUND,
    VIRTIO_NOT_THERE,
    VIRTIO_LEGACY, /* it is there but speaks only the legacy interface */
    VIRTIO_SHARED, /* its page has another device, too */
};

/* Maps the registers of all slots that the board's device tree names. Once. False: not of all, and
 * the reason says why. */
bool virtio_init(const struct board *board);

/* The first device of this type (chapter 5). */
enum virtio_found virtio_find(uint32_t device_id, struct virtio_place *place);
const char *virtio_found_text(enum virtio_found found);

/*
 * The process of its driver is gone: the device forgets all and reads and writes no memory any
 * more. False: it does not come to that.
 */
bool virtio_reset(const struct virtio_place *place);
