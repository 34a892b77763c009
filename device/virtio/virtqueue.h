/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "device/ram.h"
#include "device/virtio/chain.h"

/*
 * The device's side of a virtqueue, split (VIRTIO 1.3, 2.7) or packed (2.8), with indirect
 * descriptors, EVENT_IDX and IN_ORDER. Device types do not use it directly but through virtio.h.
 *
 * The driver owns the memory that the rings are in and may write it at any moment, from any vCPU.
 * Each word of it is read once into a local, checked there, and used from there. What cannot be
 * makes the queue broken: a result for the caller, which stays until the queue is opened again.
 *
 * Threads: the caller's lock. The other vCPUs are ordered by fences, as 2.7.13 and 2.8.21 say.
 */
enum { VIRTQUEUE_SIZE_MAX = 256 };

/* What the driver set up; addresses and size may be nonsense. */
struct virtqueue_setup {
    uint64_t descriptor_address; /* descriptor table or ring */
    uint64_t driver_address;     /* available ring, or driver event suppression */
    uint64_t device_address;     /* used ring, or device event suppression */
    uint16_t size;
};

/* Why a queue is broken. */
enum virtqueue_fault {
    VIRTQUEUE_OK,
    VIRTQUEUE_BAD_SETUP,    /* size or ring addresses cannot be */
    VIRTQUEUE_BAD_INDEX,    /* available index further ahead than the queue is long */
    VIRTQUEUE_BAD_HEAD,     /* head or buffer id out of range */
    VIRTQUEUE_TWICE,        /* this head or id is in flight already */
    VIRTQUEUE_BAD_NEXT,     /* chain leaves its table */
    VIRTQUEUE_TOO_LONG,     /* chain longer than the queue (so: or a loop) or than 2^32 - 1 bytes */
    VIRTQUEUE_BAD_ADDRESS,  /* buffer not in guest memory, or wraps */
    VIRTQUEUE_BAD_ORDER,    /* readable after writable */
    VIRTQUEUE_BAD_INDIRECT, /* not negotiated, nested, with NEXT, or of a wrong length */
    VIRTQUEUE_FAULT_COUNT
};

/* In words, for a log line. */
const char *virtqueue_fault_text(enum virtqueue_fault fault);

enum virtqueue_result {
    VIRTQUEUE_EMPTY,
    VIRTQUEUE_CHAIN,
    VIRTQUEUE_BROKEN,
};

struct virtqueue {
    const struct ram *ram;
    uint8_t *descriptors, *driver_area, *device_area; /* of the set-up: checked spans */
    struct virtqueue_state {
        struct virtqueue_setup setup;
        bool open;
        bool packed, event_idx, in_order, indirect;
        bool armed;          /* the driver was asked to notify */
        uint8_t fault;       /* enum virtqueue_fault */
        uint16_t flight;     /* descriptors of the packed ring popped and not put, or heads */
        uint16_t next_avail; /* split: free-running; packed: slot */
        uint16_t seen_avail; /* split: the driver's index when it was last read */
        uint16_t next_used;  /* split: free-running; packed: slot */
        bool avail_wrap, used_wrap;       /* packed */
        uint16_t popped, put;             /* chains, modulo 2^16 */
        uint16_t batch;                   /* chains put and not published */
        uint16_t batch_slot, batch_flags; /* packed: of the first of these */
        uint32_t untold; /* used entries that virtqueue_wants_interrupt was not asked about */
        uint64_t in_flight[VIRTQUEUE_SIZE_MAX / 64]; /* by head or buffer id */
    } state;
};

/*
 * Takes the driver's set-up. `features` are the negotiated ones. False: the set-up cannot be (size
 * 0, above size_max or, split, no power of two; a ring outside guest memory or misaligned, 2.7 and
 * 2.8.10.1); then the queue is broken. Later changes of anything but the rings have no effect.
 */
bool virtqueue_open(struct virtqueue *queue, const struct ram *ram,
                    const struct virtqueue_setup *setup, uint16_t size_max, uint64_t features);

/* Forgets the rings and all that is in flight: nothing touches guest memory through it any more. */
void virtqueue_close(struct virtqueue *queue);

/* After `state` was restored: finds the rings again. False as with virtqueue_open. */
bool virtqueue_reopen(struct virtqueue *queue, const struct ram *ram);

/*
 * Takes the next chain, into the storage of `chain`. BROKEN: see state.fault. A chain with more
 * spans than segment_max is TOO_LONG: give as many as the queue is long, or as the type's limits
 * allow a request to have.
 */
enum virtqueue_result virtqueue_pop(struct virtqueue *queue, struct chain *chain);

/* Takes the last pop back: the chain that was popped last and not given back yet. */
void virtqueue_unpop(struct virtqueue *queue, const struct chain *chain);

/*
 * Gives a chain back, with how many bytes of its writable part were written from its first byte on
 * (2.6). The driver sees nothing before virtqueue_publish, and then all at once, as receive buffers
 * that are merged need it. With IN_ORDER, chains go back in the order in which they came: CHECKed.
 */
void virtqueue_put(struct virtqueue *queue, const struct chain *chain, uint32_t written_bytes);
void virtqueue_publish(struct virtqueue *queue);

/* Does the driver want an interrupt for what was published since it was asked last? */
bool virtqueue_wants_interrupt(struct virtqueue *queue);

/*
 * Asks the driver to notify. False: something is available already, do not sleep. virtqueue_disarm
 * takes it back, as far as the driver listens: it is a hint.
 */
bool virtqueue_arm(struct virtqueue *queue);
void virtqueue_disarm(struct virtqueue *queue);
