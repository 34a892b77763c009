/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "device/virtio/virtio_mmio.h"
#include "test/fake/virtio_driver.h"

/*
 * A random guest for fuzzers of virtio devices: its moves come from the fuzzer's input. It starts
 * the device as it should be done and uses it so (chains of every shape, with bytes of the input in
 * them); in between it writes registers and memory as it likes. After each step the interrupt line
 * is what the causes say, and the lock is free.
 *
 *     chaos_init(&c, data, size);
 *     virtio_x_init(&x, .., &c.d.ram, &c.d.port, ..);
 *     chaos_attach(&c, &x.device);
 *     while (chaos_more(&c)) { chaos_step(&c); and steps of the far side }
 *     CHECK(chaos_recover(&c, features));    reset, start; then an honest request must work
 */
struct chaos {
    const uint8_t *data;
    size_t left;
    unsigned steps;
    struct fake_driver d;
    struct virtio_mmio mmio;
    struct virtio_mmio_port port;
    bool line;
    bool honest; /* since the last start, rings and registers are only used as they should be */
};

void chaos_init(struct chaos *c, const uint8_t *data, size_t size);
void chaos_attach(struct chaos *c, struct virtio_device *device);

/* Bytes of the input, and 0 when it is used up. */
unsigned chaos_next(struct chaos *c);
uint64_t chaos_bytes(struct chaos *c, unsigned count);
/* Is there input, and have there not been too many steps? */
bool chaos_more(struct chaos *c);

void chaos_step(struct chaos *c);

/* The driver gives up what it had, resets the device and starts it again, by the book. */
bool chaos_recover(struct chaos *c, uint64_t features);
