/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include "test/guest/hostile/guest.h"

/* A queue of one of several devices, as an honest driver uses it. */
struct queue {
    struct rings *rings;
    uint64_t device; /* base of its registers */
    unsigned number;
    uint16_t taken; /* answers that were looked at */
};

/* Of the device at hand (`device`), between device_negotiate and device_go. */
void queue_init(struct queue *queue, unsigned number, struct rings *at);

/* Descriptor i; the chain of one or more of them at `head` goes to the device, which
 * queue_notify tells. */
void queue_put(struct queue *queue, unsigned i, uint64_t address, uint32_t length, uint16_t flags);
void queue_add(struct queue *queue, uint16_t head);
void queue_notify(const struct queue *queue);

/* The head of a chain that the device has dealt with, or -1. */
int queue_take(struct queue *queue);
