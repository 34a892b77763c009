/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/virtio.h"
#include "lib/virtio_mmio.h"

/* A virtio-mmio device and one queue of it, as a driver sees them that may do anything. */

enum {
    QUEUE_SIZE = 16,
    BUFFER_BYTES = 4096,
};

/* The rings of a queue, either kind. */
struct rings {
    _Alignas(4096) union {
        struct virtq_split_desc split[QUEUE_SIZE];
        struct virtq_packed_desc packed[QUEUE_SIZE];
    };
    _Alignas(64) struct {
        uint16_t flags, index, ring[QUEUE_SIZE], used_event;
    } avail; /* packed: the driver's event structure */
    _Alignas(64) struct {
        uint16_t flags, index;
        struct virtq_used_element ring[QUEUE_SIZE];
        uint16_t avail_event;
    } used; /* packed: the device's */
    _Alignas(64) union {
        struct virtq_split_desc split_table[QUEUE_SIZE];
        struct virtq_packed_desc packed_table[QUEUE_SIZE];
    };
    _Alignas(64) uint8_t buffer[BUFFER_BYTES];
};
extern struct rings rings;

extern uint64_t device; /* base of the registers of the device that the attacks are on */

uint32_t mmio_read(uint32_t offset);
void mmio_write(uint32_t offset, uint32_t value);
void mmio_write64(uint32_t offset, uint64_t value);

/* Finds the device of a type (VIRTIO 1.3, chapter 5); false when there is none. */
bool device_find(uint32_t type);
/* The same for the n-th one of that type, from 0. */
bool device_find_nth(uint32_t type, unsigned n);

/* Reset, which must be over soon. */
bool device_reset(void);
/* Up to FEATURES_OK, with exactly these features. */
bool device_negotiate(uint64_t features);
/* Queue 0 where `rings` is. */
void queue_set_up(uint32_t size, uint64_t descriptors, uint64_t driver, uint64_t device_area);
/* Any queue, of QUEUE_SIZE, split. */
void queue_open(unsigned queue, const struct rings *at);
/* The last step: DRIVER_OK. */
void device_go(void);
/* All of it, up to DRIVER_OK, with VERSION_1 and these. */
bool device_start(uint64_t features);

/* Waits for it, for a bounded time. */
bool status_has(uint32_t bits);

void kick(void);

/* Split: makes the chain at `head` available, and kicks. */
void submit(uint16_t head);
/* Split: descriptor i. */
void put_desc(unsigned i, uint64_t address, uint32_t length, uint16_t flags, uint16_t next);
/* The machine's clock: the same in all of its guests. */
uint64_t machine_now(void);
/* The guest's clock, and where it will be when a wait has been long enough. */
uint64_t now(void);
uint64_t deadline(void);

/* Waits until the used index is this. */
bool wait_used(uint16_t index);

void say(const char *text);
void say_number(uint64_t number);

/* PSCI CPU_ON of vCPU 1. */
bool second_on(void);

/* Exceptions so far. The instruction that caused one was left out. */
extern volatile uint32_t aborts;

/* The guest itself; of its second vCPU, once second_on() has turned that on. */
void guest_main(void);
void second_main(void);
