// SPDX-License-Identifier: BSD-2-Clause
#include "device/virtio/virtio.h"

#include <string.h>

#include "lib/check.h"
#include "lib/start_only.h"

enum { COMPLAINTS = 4 }; /* lines about a guest before they become rare */

START_ONLY void virtio_init(struct virtio_device *device, const struct virtio_setup *setup)
{
    CHECK(setup->queue_count <= VIRTIO_QUEUE_MAX && setup->queue_size <= VIRTQUEUE_SIZE_MAX);
    CHECK(setup->ops->work != NULL);
    memset(device, 0, sizeof *device);
    device->lock.id = setup->mutex_id;
    device->ops = setup->ops;
    device->port = setup->port;
    device->ram = setup->ram;
    device->config = setup->config;
    device->config_bytes = setup->config_bytes;
    device->queue_count = setup->queue_count;
    device->state.offered = setup->features | VIRTIO_FEATURES;
    chain_init(&device->chain, setup->segments, VIRTQUEUE_SIZE_MAX);
    for (unsigned i = 0; i < device->queue_count; i++) {
        device->queue[i].state = (struct virtio_queue_state){
            .setup.size = setup->queue_size,
            .size_max = setup->queue_size,
            .fresh = true,
        };
    }
}

/*
 * A queue. Its address is kept: the compiler would rather compute it once more from the number for
 * each field.
 */
static struct virtio_queue *queue_of(struct virtio_device *device, unsigned queue)
{
    struct virtio_queue *q = &device->queue[queue];
    __asm__("" : "+r"(q));
    return q;
}

void virtio_lock(struct virtio_device *device)
{
    mutex_lock(&device->lock);
}

/* An interrupt for each queue whose driver wants one for what it was told since the last time. */
static void tell(struct virtio_device *device)
{
    if (!virtio_alive(device)) {
        device->state.told = 0;
    }
    while (device->state.told != 0) {
        unsigned queue = (unsigned)__builtin_ctz(device->state.told);
        device->state.told &= device->state.told - 1;
        if (virtqueue_wants_interrupt(&queue_of(device, queue)->ring)) {
            device->counter[VIRTIO_COUNT_INTERRUPT]++;
            device->state.isr |= VIRTIO_ISR_QUEUE;
            device->transport->interrupt(device->transport_ctx, queue);
        }
    }
}

void virtio_unlock(struct virtio_device *device)
{
    tell(device);
    mutex_unlock(&device->lock);
}

static void config_interrupt(struct virtio_device *device)
{
    device->counter[VIRTIO_COUNT_CONFIG]++;
    device->state.isr |= VIRTIO_ISR_CONFIG;
    device->transport->interrupt(device->transport_ctx, VIRTIO_SOURCE_CONFIG);
}

void virtio_config_changed(struct virtio_device *device)
{
    device->state.generation++;
    if (virtio_alive(device)) {
        config_interrupt(device);
    }
}

void virtio_break(struct virtio_device *device, const char *why)
{
    if (!virtio_alive(device)) {
        return;
    }
    device->counter[VIRTIO_COUNT_BROKEN]++;
    device->state.status |= VIRTIO_NEEDS_RESET;
    device->state.alive = false;
    config_interrupt(device);
    if (log_limit_pass(&device->complaints, COMPLAINTS)) {
        log_warning("virtio %s: the guest's driver is at fault: %s; the device waits for a reset",
                    device->ops->name, why);
    }
}

bool virtio_pop(struct virtio_device *device, unsigned queue, struct chain *chain)
{
    struct virtqueue *ring = &queue_of(device, queue)->ring;
    if (!virtio_alive(device)) {
        return false;
    }
    switch (virtqueue_pop(ring, chain)) {
    case VIRTQUEUE_CHAIN:
        device->counter[VIRTIO_COUNT_CHAIN]++;
        return true;
    case VIRTQUEUE_BROKEN:
        virtio_break(device, virtqueue_fault_text(ring->state.fault));
        return false;
    case VIRTQUEUE_EMPTY:
        return false;
    }
    return false;
}

void virtio_unpop(struct virtio_device *device, unsigned queue, const struct chain *chain)
{
    if (virtio_alive(device)) {
        device->counter[VIRTIO_COUNT_CHAIN]--;
        virtqueue_unpop(&queue_of(device, queue)->ring, chain);
    }
}

/* A broken device shows its driver nothing more. */
void virtio_put(struct virtio_device *device, unsigned queue, const struct chain *chain,
                uint32_t written_bytes)
{
    if (virtio_alive(device)) {
        virtqueue_put(&queue_of(device, queue)->ring, chain, written_bytes);
    }
}

void virtio_publish(struct virtio_device *device, unsigned queue)
{
    virtqueue_publish(&queue_of(device, queue)->ring);
    device->state.told |= 1u << queue;
}

void virtio_push(struct virtio_device *device, unsigned queue, const struct chain *chain,
                 uint32_t written_bytes)
{
    virtio_put(device, queue, chain, written_bytes);
    virtio_publish(device, queue);
}

static bool runs(const struct virtio_device *device, unsigned queue)
{
    return virtio_alive(device) && device->queue[queue].ring.state.open;
}

void virtio_defer(struct virtio_device *device, unsigned queue)
{
    device->state.left |= 1u << queue;
    device->port->defer(device->port->ctx);
}

/* One pass over one queue. */
static void work_once(struct virtio_device *device, unsigned queue)
{
    struct virtqueue *ring = &queue_of(device, queue)->ring;
    unsigned budget = VIRTIO_BUDGET;
    device->state.left &= ~(1u << queue);
    while (runs(device, queue)) {
        if (budget == 0) {
            device->counter[VIRTIO_COUNT_DEFER]++;
            virtio_defer(device, queue);
            return;
        }
        virtqueue_disarm(ring);
        enum virtio_progress progress = device->ops->work(device, queue, &budget);
        CHECK(budget <= VIRTIO_BUDGET);
        if (progress == VIRTIO_BLOCKED || (progress == VIRTIO_EMPTY && virtqueue_arm(ring))) {
            return;
        }
        /* A driver that adds a buffer at each look gets no further than the budget. */
        budget = progress == VIRTIO_AGAIN || budget == 0 ? 0 : budget - 1;
    }
}

void virtio_also(struct virtio_device *device, unsigned queue)
{
    device->state.also |= 1u << queue;
}

void virtio_work(struct virtio_device *device, unsigned queue)
{
    device->state.also = 1u << queue;
    for (unsigned round = 0; device->state.also != 0; round++) {
        unsigned now = (unsigned)__builtin_ctz(device->state.also);
        device->state.also &= device->state.also - 1;
        if (round < VIRTIO_ROUNDS) {
            work_once(device, now);
        } else {
            virtio_defer(device, now);
        }
    }
}

void virtio_run(struct virtio_device *device)
{
    virtio_lock(device);
    for (uint32_t left = device->state.left; left != 0; left &= left - 1) {
        virtio_work(device, (unsigned)__builtin_ctz(left));
    }
    virtio_unlock(device);
}

void virtio_notify(struct virtio_device *device, uint32_t queue)
{
    if (queue >= device->queue_count || !runs(device, queue)) {
        device->counter[VIRTIO_COUNT_STRAY]++;
        return;
    }
    device->counter[VIRTIO_COUNT_NOTIFY]++;
    virtio_work(device, queue);
}

/* As after virtio_init, for one queue. */
static void queue_forget(struct virtio_device *device, unsigned queue, bool fresh)
{
    struct virtio_queue *q = queue_of(device, queue);
    virtqueue_close(&q->ring);
    q->state = (struct virtio_queue_state){
        .setup.size = q->state.size_max,
        .size_max = q->state.size_max,
        .fresh = fresh,
    };
    device->state.left &= ~(1u << queue);
    device->state.told &= ~(1u << queue);
}

/* 2.4: status reads 0 when it is over. Until then no queue is open, and nothing has an effect. */
static void forget(struct virtio_device *device, bool is_over)
{
    for (unsigned i = 0; i < device->queue_count; i++) {
        queue_forget(device, i, is_over);
    }
    if (!is_over) {
        device->state.stopping = true;
        device->state.alive = false;
        return;
    }
    device->state = (struct virtio_state){
        .offered = device->state.offered,
        .generation = device->state.generation,
    };
    device->transport->reset(device->transport_ctx);
}

static void stop(struct virtio_device *device, bool may_wait)
{
    device->counter[VIRTIO_COUNT_RESET]++;
    bool stopped = device->ops->stop == NULL || device->ops->stop(device);
    forget(device, stopped || !may_wait);
}

void virtio_reset(struct virtio_device *device)
{
    virtio_lock(device);
    stop(device, false);
    virtio_unlock(device);
}

void virtio_stopped(struct virtio_device *device)
{
    if (device->state.stopping) {
        forget(device, true);
    }
}

/* 2.2.2, and 6.2: a driver that does not know VERSION_1 is a legacy one, which we do not serve. */
static bool acceptable(struct virtio_device *device)
{
    uint64_t features = device->state.features;
    return (features & ~device->state.offered) == 0 && (features & VIRTIO_F_VERSION_1) &&
           (device->ops->accept == NULL || device->ops->accept(device, features));
}

static bool queue_open(struct virtio_device *device, unsigned queue)
{
    struct virtio_queue *q = queue_of(device, queue);
    if (virtqueue_open(&q->ring, device->ram, &q->state.setup, q->state.size_max,
                       device->state.features)) {
        return true;
    }
    virtio_break(device, virtqueue_fault_text(q->ring.state.fault));
    return false;
}

/* DRIVER_OK: what the driver set up counts from here on, and cannot be changed any more. */
static void start(struct virtio_device *device)
{
    device->state.status |= VIRTIO_DRIVER_OK;
    device->state.alive = !(device->state.status & VIRTIO_FAILED);
    for (unsigned i = 0; i < device->queue_count; i++) {
        device->queue[i].state.fresh = false;
        if (device->queue[i].state.enabled && !queue_open(device, i)) {
            return;
        }
    }
    if (device->ops->start != NULL && virtio_alive(device)) {
        device->ops->start(device);
    }
}

uint8_t virtio_status(const struct virtio_device *device)
{
    return device->state.status;
}

/* 3.1.1. A driver may only set bits; what it clears, but for all of them, stays. */
void virtio_set_status(struct virtio_device *device, uint8_t status)
{
    unsigned new = status & ~(unsigned)device->state.status;
    if (device->state.stopping) {
        return;
    }
    if (status == 0) {
        stop(device, true);
        return;
    }
    device->state.status |= new &(VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER | VIRTIO_FAILED);
    device->state.alive = device->state.alive && !(new &VIRTIO_FAILED);
    if ((new &VIRTIO_FEATURES_OK) && acceptable(device)) {
        device->state.status |= VIRTIO_FEATURES_OK;
    }
    if ((new &VIRTIO_DRIVER_OK) && (device->state.status & VIRTIO_FEATURES_OK)) {
        start(device);
    }
}

void virtio_queue_enable(struct virtio_device *device, uint32_t queue)
{
    struct virtio_queue_state *q = virtio_queue_fresh(device, queue);
    if (q == NULL) {
        return;
    }
    q->enabled = true;
    if (virtio_alive(device)) { /* after a reset of its own */
        queue_open(device, queue);
    }
}

/* Takes a queue from the driver. `fresh`: it may be set up again. */
static void queue_stop(struct virtio_device *device, unsigned queue, bool fresh)
{
    struct virtio_queue *q = queue_of(device, queue);
    bool stopped = !q->ring.state.open || device->ops->stop_queue == NULL ||
                   device->ops->stop_queue(device, queue);
    queue_forget(device, queue, stopped && fresh);
    q->state.enabled = q->state.stopping = !stopped;
}

void virtio_queue_stopped(struct virtio_device *device, unsigned queue)
{
    if (device->queue[queue].state.stopping) {
        queue_forget(device, queue, true);
    }
}

/* A queue that the driver can take back. */
static __attribute__((noinline)) bool is_on(const struct virtio_device *device, uint32_t queue)
{
    const struct virtio_queue_state *q = virtio_queue_state(device, queue);
    return q->enabled && !q->stopping;
}

void virtio_queue_reset(struct virtio_device *device, uint32_t queue)
{
    if (is_on(device, queue) && (device->state.status & VIRTIO_DRIVER_OK) &&
        virtio_has(device, VIRTIO_F_RING_RESET)) {
        queue_stop(device, queue, true);
    }
}

void virtio_queue_disable(struct virtio_device *device, uint32_t queue)
{
    if (is_on(device, queue)) {
        queue_stop(device, queue, !(device->state.status & VIRTIO_DRIVER_OK));
    }
}
