/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "device/access.h"
#include "device/ram.h"
#include "device/virtio/chain.h"
#include "device/virtio/virtqueue.h"
#include "lib/log.h"
#include "lib/mutex.h"
#include "lib/virtio.h"

/*
 * A virtio device (VIRTIO 1.3), modern only: what all device types and both transports share.
 * README.md in this folder says who calls what on which thread.
 *
 *   type       virtio_blk, virtio_net, ..: a const struct virtio_ops; its own struct has a struct
 *              virtio_device as its first member
 *   transport  virtio_mmio, virtio_pci: decodes registers and calls the functions below
 *   runner     the VMM: gives memory, backends, interrupt lines
 *
 * The guest can do nothing here that stops the VMM: a driver that breaks the rules gets
 * DEVICE_NEEDS_RESET and a configuration interrupt (2.1.2), and a reset makes the device new.
 *
 * One lock for each device: virtio_lock .. virtio_unlock. virtio_unlock sends the interrupts that
 * the work in between deserves. Functions marked (L) want it taken.
 */
enum {
    VIRTIO_QUEUE_MAX = 17, /* eight pairs and a control queue */

    /*
     * How much one pass does for one queue before it gives others a turn, in chains or 4 KiB of
     * data, whichever is more. What is left is done in the event thread.
     */
    VIRTIO_BUDGET = 64,

    VIRTIO_ROUNDS = 4, /* queues that one kick works on, with virtio_also; then it defers */

    VIRTIO_SOURCE_CONFIG = VIRTIO_QUEUE_MAX, /* a source of interrupts; below it: that queue */
};

/* What every device offers; a type adds its own bits, and IN_ORDER if it never reorders. */
#define VIRTIO_FEATURES                                                                            \
    (VIRTIO_F_VERSION_1 | VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX | VIRTIO_F_RING_PACKED |     \
     VIRTIO_F_RING_RESET)

struct virtio_device;

/* How a type's work on a queue ended. */
enum virtio_progress {
    VIRTIO_EMPTY,   /* nothing more is available: wake me when the driver notifies */
    VIRTIO_BLOCKED, /* waits for the far side: the type calls virtio_work when that is over */
    VIRTIO_AGAIN,   /* the budget is used up: go on in the event thread */
};

/*
 * A device type. Everything is called with the lock taken, and with the device alive (DRIVER_OK,
 * not broken) where it says so.
 */
struct virtio_ops {
    const char *name; /* for log lines: "blk" */
    enum virtio_type type;

    /*
     * Required. The driver notified, or work was left: pops, works and pushes until the queue is
     * empty or *budget is 0, taking 1 from it for each chain and for each 4 KiB. Alive.
     */
    enum virtio_progress (*work)(struct virtio_device *device, unsigned queue, unsigned *budget);

    /* Optional. False: refuse this set of features (it is a subset of the offered ones). */
    bool (*accept)(struct virtio_device *device, uint64_t features);

    /* Optional. DRIVER_OK: queues are open, nothing was popped yet. Alive. */
    void (*start)(struct virtio_device *device);

    /*
     * Optional. The device is reset: forget every chain, and what was configured by the driver.
     * False: something still touches guest memory (zero copy); the type calls virtio_stopped when
     * that is over, and the driver waits for it (2.4.1).
     */
    bool (*stop)(struct virtio_device *device);

    /* Optional. The same for one queue (2.6.1): then virtio_queue_stopped. Forget its chains. */
    bool (*stop_queue)(struct virtio_device *device, unsigned queue);

    /*
     * Optional. The driver wrote size_bytes (1, 2, 4 or 8, within config_bytes) at `offset`; the
     * type changes device->config itself, if it takes it.
     */
    void (*config_write)(struct virtio_device *device, uint32_t offset, const uint8_t *bytes,
                         uint32_t size_bytes);
};

/* What the device needs from whoever runs it. */
struct virtio_port {
    /*
     * Work is left: call virtio_run soon, from the event thread. Under the lock: must not call
     * back. May come again before virtio_run was called.
     */
    void (*defer)(void *ctx);
    void *ctx;
};

/* The transport's part in interrupts. */
struct virtio_transport {
    /* A queue or VIRTIO_SOURCE_CONFIG has something; state.isr is set. Under the lock. */
    void (*interrupt)(void *ctx, unsigned source);
    /* The device was reset by the driver: interrupts and vectors are gone. Under the lock. */
    void (*reset)(void *ctx);
};

/* Counters, for people. */
enum virtio_counter {
    VIRTIO_COUNT_NOTIFY,    /* kicks of the driver */
    VIRTIO_COUNT_CHAIN,     /* chains popped */
    VIRTIO_COUNT_INTERRUPT, /* interrupts for queues */
    VIRTIO_COUNT_CONFIG,    /* interrupts for configuration changes */
    VIRTIO_COUNT_DEFER,     /* passes that ended with work left */
    VIRTIO_COUNT_STRAY,     /* kicks of queues that are not there or not on */
    VIRTIO_COUNT_BROKEN,    /* DEVICE_NEEDS_RESET */
    VIRTIO_COUNT_RESET,
    VIRTIO_COUNTERS
};

struct virtio_queue {
    struct virtqueue ring;
    struct virtio_queue_state {
        struct virtqueue_setup setup; /* as the driver wrote it so far */
        uint16_t size_max;            /* 0: no such queue */
        bool enabled;
        bool stopping;   /* its reset waits for the type */
        bool fresh;      /* may be set up: before DRIVER_OK, or after its own reset */
        uint16_t vector; /* of its interrupts, for transports that have them; 0: none */
    } state;
};

struct virtio_device {
    struct mutex lock;
    const struct virtio_ops *ops;
    const struct virtio_port *port;
    const struct virtio_transport *transport;
    void *transport_ctx;
    const struct ram *ram;
    void *config; /* the type's configuration space, 2.5; changes only under the lock */
    uint32_t config_bytes;
    unsigned queue_count;
    struct chain chain; /* for types that give each one back before they pop the next */
    struct log_limit complaints;
    uint64_t counter[VIRTIO_COUNTERS];
    struct virtio_state {
        uint64_t offered; /* the runner may take bits away before the guest starts */
        uint64_t features;
        uint32_t generation; /* of the configuration space, 2.5.1 */
        uint8_t status;
        uint8_t isr;
        bool stopping; /* a reset waits for the type */
        bool alive;    /* DRIVER_OK and not broken, failed, or in a reset */
        uint32_t left; /* bit for each queue that has work left */
        uint32_t also; /* bit for each queue to be worked on in this call of virtio_work */
        uint32_t told; /* bit for each queue that has published something since the last unlock */
        /* What the driver selected: words of features, and a queue. */
        uint32_t offered_select, accepted_select, queue_select;
        uint16_t vector; /* of VIRTIO_SOURCE_CONFIG; 0: none */
    } state;
    struct virtio_queue queue[VIRTIO_QUEUE_MAX];
};

/* For runners. */

/* What a type's init fills in for virtio_init. All pointers outlive the device. */
struct virtio_setup {
    const struct virtio_ops *ops;
    const struct virtio_port *port;
    const struct ram *ram;
    uint32_t mutex_id;
    /* Storage of `chain`: VIRTQUEUE_SIZE_MAX. Behind all else that the type has, so that the rest
     * is near. */
    struct chain_segment *segments;
    uint64_t features; /* offered ones, with VIRTIO_FEATURES */
    void *config;
    uint32_t config_bytes;
    unsigned queue_count;
    uint16_t queue_size; /* the maximum, of each queue; a power of two */
};

/* For the type's init. Zeroes the device first, so do it before anything else. */
void virtio_init(struct virtio_device *device, const struct virtio_setup *setup);

/* Event thread: does the work that was left. */
void virtio_run(struct virtio_device *device);

/* The machine is reset: as the driver's reset, but does not wait for the type. */
void virtio_reset(struct virtio_device *device);

void virtio_lock(struct virtio_device *device);
/* Sends the interrupts that are due, then unlocks. */
void virtio_unlock(struct virtio_device *device);

/* For device types. */

/* (L) DRIVER_OK and not broken, failed, or in a reset. */
static inline bool virtio_alive(const struct virtio_device *device)
{
    return device->state.alive;
}

/* (L) Negotiated? */
static inline bool virtio_has(const struct virtio_device *device, uint64_t feature)
{
    return (device->state.features & feature) == feature;
}

/*
 * (L) The next chain of a queue. False: none, or the queue is off, or the device is broken (by now,
 * perhaps). Storage as with virtqueue_pop; &device->chain if it is given back before the next pop.
 */
bool virtio_pop(struct virtio_device *device, unsigned queue, struct chain *chain);

/* (L) As virtqueue_unpop, virtqueue_put. Chains from before a reset must not come here. */
void virtio_unpop(struct virtio_device *device, unsigned queue, const struct chain *chain);
void virtio_put(struct virtio_device *device, unsigned queue, const struct chain *chain,
                uint32_t written_bytes);
/* (L) Shows the driver what was put; not later than virtio_unlock, or return from `work`. The
 * interrupt comes with virtio_unlock. */
void virtio_publish(struct virtio_device *device, unsigned queue);
/* (L) Puts and publishes. */
void virtio_push(struct virtio_device *device, unsigned queue, const struct chain *chain,
                 uint32_t written_bytes);

/*
 * (L) Works on a queue now, within the budget; for types whose far side is ready again. Does
 * nothing while the device is not alive. Not from inside `work`.
 */
void virtio_work(struct virtio_device *device, unsigned queue);

/* (L) Works on a queue later, in the event thread. */
void virtio_defer(struct virtio_device *device, unsigned queue);

/* From inside `work`: works on another queue right after this one, in the same thread. */
void virtio_also(struct virtio_device *device, unsigned queue);

/* (L) The driver broke a rule of the type that leaves no way to answer: DEVICE_NEEDS_RESET. */
void virtio_break(struct virtio_device *device, const char *why);

/* (L) device->config has changed: new generation, and an interrupt if the driver runs. */
void virtio_config_changed(struct virtio_device *device);

/* (L) After `stop` or `stop_queue` returned false: nothing touches guest memory any more. */
void virtio_stopped(struct virtio_device *device);
void virtio_queue_stopped(struct virtio_device *device, unsigned queue);

/* For transports: all (L), and harmless with any argument. */

void virtio_attach(struct virtio_device *device, const struct virtio_transport *transport,
                   void *ctx);

/* 2.1: status is read and written; a write of 0 resets. Reads non-zero until a reset is over. */
uint8_t virtio_status(const struct virtio_device *device);
void virtio_set_status(struct virtio_device *device, uint8_t status);

/* 32 feature bits, 2.2: word 0 or 1; others read as zero and ignore writes. */
uint32_t virtio_offered(const struct virtio_device *device, uint32_t word);
uint32_t virtio_accepted(const struct virtio_device *device, uint32_t word);
void virtio_accept(struct virtio_device *device, uint32_t word, uint32_t bits);

/* A queue's state for reads; an empty one (size_max 0) for a queue that is not there. */
const struct virtio_queue_state *virtio_queue_state(const struct virtio_device *device,
                                                    uint32_t queue);

/* A queue that the driver may set up now; NULL if it may not, or there is none. */
struct virtio_queue_state *virtio_queue_fresh(struct virtio_device *device, uint32_t queue);

/* Ignored for a queue that is not there, is enabled, or may not be set up (virtio_queue_fresh). */
enum virtio_area { VIRTIO_AREA_DESCRIPTOR, VIRTIO_AREA_DRIVER, VIRTIO_AREA_DEVICE };
void virtio_queue_set_size(struct virtio_device *device, uint32_t queue, uint32_t size);
/* word 0: the low half of the address, 1: the high half. */
void virtio_queue_set_address(struct virtio_device *device, uint32_t queue, enum virtio_area area,
                              unsigned word, uint32_t value);
void virtio_queue_enable(struct virtio_device *device, uint32_t queue);

/* 2.6.1; with VIRTIO_F_RING_RESET only. state.stopping is "present 1 in queue_reset". */
void virtio_queue_reset(struct virtio_device *device, uint32_t queue);
/* 4.2.2.2: the driver writes 0 to QueueReady: the queue is off until the device's reset. */
void virtio_queue_disable(struct virtio_device *device, uint32_t queue);

/*
 * Registers that both transports have, each at places of its own (4.1.4.3, 4.2.2). Those of a queue
 * are those of the one that is selected; addresses have their upper half next to the lower one.
 */
enum virtio_register {
    VIRTIO_REGISTER_NONE, /* reads as zero and ignores writes */
    VIRTIO_REGISTER_OFFERED_SELECT,
    VIRTIO_REGISTER_ACCEPTED_SELECT,
    VIRTIO_REGISTER_QUEUE_SELECT,
    VIRTIO_REGISTER_OFFERED,
    VIRTIO_REGISTER_ACCEPTED,
    VIRTIO_REGISTER_STATUS,
    VIRTIO_REGISTER_GENERATION,
    VIRTIO_REGISTER_VECTOR,
    VIRTIO_REGISTER_QUEUE_VECTOR,
    VIRTIO_REGISTER_QUEUE_SIZE_MAX,
    VIRTIO_REGISTER_QUEUE_SIZE,
    VIRTIO_REGISTER_QUEUE_ENABLE, /* 4.1.4.3 */
    VIRTIO_REGISTER_QUEUE_READY,  /* 4.2.2: can be written with 0, too */
    VIRTIO_REGISTER_QUEUE_RESET,
    VIRTIO_REGISTER_QUEUE_DESCRIPTOR,
    VIRTIO_REGISTER_QUEUE_DRIVER = VIRTIO_REGISTER_QUEUE_DESCRIPTOR + 2,
    VIRTIO_REGISTER_QUEUE_DEVICE = VIRTIO_REGISTER_QUEUE_DRIVER + 2,
    VIRTIO_REGISTER_COUNT = VIRTIO_REGISTER_QUEUE_DEVICE + 2
};

uint32_t virtio_register_read(const struct virtio_device *device, enum virtio_register which);
void virtio_register_write(struct virtio_device *device, enum virtio_register which,
                           uint32_t value);

/* 2.9: available buffers. Works on the queue, in the caller's thread. */
void virtio_notify(struct virtio_device *device, uint32_t queue);

/* Any width and alignment; what lies outside the configuration space is 0 and ignores writes. */
uint64_t virtio_config_read(const struct virtio_device *device, uint64_t offset,
                            unsigned width_bytes);
void virtio_config_write(struct virtio_device *device, uint64_t offset, unsigned width_bytes,
                         uint64_t value);
