/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/virtio.h"

/*
 * A small virtio-mmio driver for bench guests: split rings, EVENT_IDX, chains of up to three
 * descriptors, one device. It does what Linux's does and no more, so that what is measured is the
 * device. VIRTIO 1.3, 2.7 and 4.2.
 */
enum { DRIVER_QUEUE_MAX = 2, DRIVER_QUEUE_SIZE = 128, DRIVER_CHAIN_MAX = 3 };

struct driver_queue {
    _Alignas(4096) struct virtq_split_desc desc[DRIVER_QUEUE_SIZE];
    _Alignas(64) struct {
        uint16_t flags, index, ring[DRIVER_QUEUE_SIZE + 1]; /* used_event behind the last */
    } avail;
    _Alignas(64) struct {
        uint16_t flags, index;
        struct virtq_used_element ring[DRIVER_QUEUE_SIZE + 1]; /* avail_event behind the last */
    } used;
    uint16_t added, shown, taken; /* ours: indices of what was queued, published and got back */
    uint16_t number, size;        /* not more than the device takes */
};

struct driver_buffer {
    const volatile void *bytes;
    uint32_t length;
    bool writable;
};

/* What the guest has counted since it last set them to 0. */
extern uint64_t driver_kicks, driver_interrupts;

/*
 * Finds the device of this type (chapter 5) and starts it with those of the features that it has.
 * False: there is none.
 */
bool driver_open(uint32_t type, struct driver_queue *queues, unsigned queue_count,
                 uint64_t features);

/* Puts a chain into the queue at `place` below its size / DRIVER_CHAIN_MAX, which is free. */
void driver_add(struct driver_queue *queue, unsigned place, const struct driver_buffer *buffers,
                unsigned count);
/* Shows what was added; tells the device if it wants to know. */
void driver_kick(struct driver_queue *queue);
/* The place of a chain that came back; -1: none. */
int driver_take(struct driver_queue *queue, uint32_t *written);
/* Wants an interrupt for the next one. False: it has come meanwhile. */
bool driver_arm(struct driver_queue *queue);
/* Sleeps until something is there to take. */
void driver_wait(struct driver_queue *queue);
/* Wants no interrupt. */
void driver_disarm(struct driver_queue *queue);
