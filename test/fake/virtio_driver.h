/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "device/ram.h"
#include "device/virtio/virtio.h"

/*
 * A guest's driver for a virtio device, and its memory, for unit tests and fuzzers. It obeys the
 * rules of VIRTIO 1.3, 2.7 and 2.8, and gives a test all it needs to break them: the rings are at
 * fake_queue.descriptors, .driver_area and .device_area, to be written as one likes.
 *
 *     static struct fake_driver d;
 *     driver_init(&d);                           its memory, its port and transport
 *     virtio_rng_init(&rng, &d.ram, &d.port, ..);     the device under test
 *     driver_attach(&d, &rng.device);
 *     driver_start(&d, VIRTIO_F_RING_PACKED);    reset, features, queues, DRIVER_OK
 *     uint32_t got = driver_request(&d, 0, head, sizeof head, answer, sizeof answer);
 *     driver_fini(&d);
 *
 * driver_request does all of a request. In steps: driver_put copies bytes to guest memory,
 * driver_add makes a chain available, driver_kick notifies if the device wants that, driver_take
 * takes a used one.
 */
enum {
    FAKE_RAM_BYTES = 1 << 20,
    FAKE_NO_ID = 0xffff,
};
#define FAKE_RAM_BASE 0x40000000ull

/* A buffer of a chain, guest physical. */
struct fake_buffer {
    uint64_t address;
    uint32_t length;
    bool writable;
};

/* The driver's side of one queue. */
struct fake_queue {
    bool packed, event_idx;
    bool indirect; /* put chains of two or more into a table of their own */
    uint16_t size;
    uint64_t descriptor_address, driver_address, device_address;
    uint8_t *descriptors, *driver_area, *device_area;
    bool busy[VIRTQUEUE_SIZE_MAX];      /* split: descriptors; packed: buffer ids */
    uint16_t next[VIRTQUEUE_SIZE_MAX];  /* split: of the same chain */
    uint16_t slots[VIRTQUEUE_SIZE_MAX]; /* of the chain with this head or id */
    unsigned free_count;                /* descriptors of the ring */
    uint16_t next_avail, next_used;     /* split: free-running; packed: slot */
    bool avail_wrap, used_wrap;
    unsigned added;  /* entries since driver_kick was asked last */
    uint64_t tables; /* guest memory for indirect tables, one for each descriptor of the ring */
};

struct fake_driver {
    struct ram ram;
    uint64_t used_bytes; /* of the memory, from its start */
    struct virtio_device *device;
    struct virtio_port port;
    uint64_t features;
    struct fake_queue queue[VIRTIO_QUEUE_MAX];
    unsigned interrupts[VIRTIO_QUEUE_MAX + 1]; /* by source, counted */
    unsigned resets;                           /* of the transport */
    bool deferred;                             /* virtio_run is due */
};

/* With FAKE_RAM_BYTES of fresh memory; or with the caller's, of whole pages, which is cleared. */
void driver_init(struct fake_driver *d);
void driver_init_at(struct fake_driver *d, void *ram, uint64_t ram_bytes);
/* After driver_init. */
void driver_fini(struct fake_driver *d);

/* Between the device and d; d is its transport from here on. */
void driver_attach(struct fake_driver *d, struct virtio_device *device);

/*
 * Resets the device and takes it into service, 3.1.1, with VERSION_1 and the given features; every
 * queue has its largest size, or `queue_size` if that is not 0. All of guest memory is free again.
 * False: the device does not take these features, or is broken at once.
 */
bool driver_start_sized(struct fake_driver *d, uint64_t features, uint16_t queue_size);
bool driver_start(struct fake_driver *d, uint64_t features);
/* The steps before DRIVER_OK alone. */
bool driver_set_up(struct fake_driver *d, uint64_t features, uint16_t queue_size);

/* Calls virtio_run while the device asks for it. */
void driver_run(struct fake_driver *d);

/* Guest memory: a fresh piece of it; a pointer to a piece; a fresh piece with a copy in it. */
uint64_t driver_alloc(struct fake_driver *d, uint64_t size_bytes, uint64_t alignment);
void *driver_at(struct fake_driver *d, uint64_t address, uint64_t size_bytes);
uint64_t driver_put(struct fake_driver *d, const void *bytes, uint64_t size_bytes);

/*
 * Makes a chain available; its head or buffer id, FAKE_NO_ID when there is no room. A chain may not
 * be longer than the queue, 2.7.5.3.1: that is up to the caller.
 */
uint16_t driver_add(struct fake_driver *d, unsigned queue, const struct fake_buffer *buffers,
                    unsigned count);

/* Does the device want to be notified of what was added since this was asked last? */
bool driver_wants_kick(struct fake_queue *q);

/* Notifies if the device asked for it (2.7.13.4). Returns whether it did. */
bool driver_kick(struct fake_driver *d, unsigned queue);

/* Is there a used chain? */
bool driver_has_used(struct fake_driver *d, unsigned queue);
/* Takes the next used chain: false when there is none. CHECKs that it is one in flight. */
bool driver_take(struct fake_driver *d, unsigned queue, uint16_t *id, uint32_t *written_bytes);

/* Interrupts for this queue: off, or (with EVENT_IDX) at the n-th used chain from now, or on. */
void driver_mute(struct fake_driver *d, unsigned queue);
void driver_listen(struct fake_driver *d, unsigned queue, uint16_t after);

/*
 * One request: `out` goes in one buffer, room for `in` is another; kicks, runs, takes. Returns how
 * many bytes the device wrote, all of which are copied to `in`. FAKE_NO_ANSWER: it is not done yet.
 */
#define FAKE_NO_ANSWER UINT32_MAX
uint32_t driver_request(struct fake_driver *d, unsigned queue, const void *out, uint32_t out_bytes,
                        void *in, uint32_t in_bytes);

/* One queue's rings in guest memory, without a device. */
void driver_make_queue(struct fake_driver *d, struct fake_queue *q, uint16_t size,
                       uint64_t features);
