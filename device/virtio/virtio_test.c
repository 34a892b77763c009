// SPDX-License-Identifier: BSD-2-Clause
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
// clang-format on

#include "device/virtio/virtio.h"

#include <string.h>

#include "test/fake/virtio_driver.h"

#define F_ODD  (1ull << 3) /* of this test's type: must come with F_EVEN */
#define F_EVEN (1ull << 4)

enum { QUEUES = 3, SIZE = 8, READY = VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER };

/* A type that answers each chain with how many bytes it read. */
static struct {
    struct fake_driver d;
    struct virtio_device device;
    struct chain_segment segments[VIRTQUEUE_SIZE_MAX];
    struct virtio_port port;
    uint8_t config[12];
    unsigned starts, stops, queue_stops, work_calls;
    bool stop_late; /* something still touches guest memory */
    bool blocked;   /* the far side is not there */
    bool also;      /* each queue wants another one to be worked on */
    bool endless;   /* the driver adds a chain whenever we look */
    uint32_t written_offset, written_size;
} t;

static enum virtio_progress work(struct virtio_device *device, unsigned queue, unsigned *budget)
{
    assert_true(virtio_alive(device) && device->lock.users != 0);
    t.work_calls++;
    if (t.also) {
        virtio_also(device, (queue + 1) % QUEUES);
    }
    if (t.blocked) {
        return VIRTIO_BLOCKED;
    }
    for (; *budget != 0; --*budget) {
        struct fake_buffer buffer = {FAKE_RAM_BASE, 1, false};
        uint16_t id;
        uint32_t written;
        if (t.endless) {
            driver_add(&t.d, queue, &buffer, 1);
        }
        if (!virtio_pop(device, queue, &device->chain)) {
            return VIRTIO_EMPTY;
        }
        uint32_t answer = device->chain.readable_bytes;
        virtio_push(device, queue, &device->chain,
                    chain_write(&device->chain, 0, &answer, sizeof answer));
        if (t.endless) {
            driver_take(&t.d, queue, &id, &written);
        }
    }
    return VIRTIO_AGAIN;
}

static bool accept(struct virtio_device *device, uint64_t features)
{
    (void)device;
    return !(features & F_ODD) || (features & F_EVEN);
}

static void start(struct virtio_device *device)
{
    assert_true(virtio_alive(device));
    t.starts++;
}

static bool stop(struct virtio_device *device)
{
    (void)device;
    t.stops++;
    return !t.stop_late;
}

static bool stop_queue(struct virtio_device *device, unsigned queue)
{
    assert_true(queue < device->queue_count);
    t.queue_stops++;
    return !t.stop_late;
}

static void config_write(struct virtio_device *device, uint32_t offset, const uint8_t *bytes,
                         uint32_t size_bytes)
{
    t.written_offset = offset;
    t.written_size = size_bytes;
    memcpy((uint8_t *)device->config + offset, bytes, size_bytes);
}

static const struct virtio_ops ops = {
    .name = "test",
    .type = VIRTIO_TYPE_ENTROPY,
    .work = work,
    .accept = accept,
    .start = start,
    .stop = stop,
    .stop_queue = stop_queue,
    .config_write = config_write,
};

static int set_up(void **state)
{
    (void)state;
    memset(&t, 0, sizeof t);
    driver_init(&t.d);
    for (unsigned i = 0; i < sizeof t.config; i++) {
        t.config[i] = (uint8_t)(0x10 + i);
    }
    virtio_init(&t.device, &(struct virtio_setup){
                               .ops = &ops,
                               .port = &t.d.port,
                               .ram = &t.d.ram,
                               .segments = t.segments,
                               .mutex_id = 7,
                               .features = F_ODD | F_EVEN,
                               .config = t.config,
                               .config_bytes = sizeof t.config,
                               .queue_count = QUEUES,
                               .queue_size = SIZE,
                           });
    assert_int_equal(t.device.lock.id, 7);
    driver_attach(&t.d, &t.device);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    assert_int_equal(t.device.lock.users, 0);
    driver_fini(&t.d);
    return 0;
}

static uint8_t set_status(uint8_t status)
{
    virtio_lock(&t.device);
    virtio_set_status(&t.device, status);
    virtio_unlock(&t.device);
    return virtio_status(&t.device);
}

static uint32_t ask(unsigned queue)
{
    uint32_t answer = 0;
    if (driver_request(&t.d, queue, "abc", 3, &answer, sizeof answer) != sizeof answer) {
        return FAKE_NO_ANSWER;
    }
    return answer;
}

static void kick(uint32_t queue)
{
    virtio_lock(&t.device);
    virtio_notify(&t.device, queue);
    virtio_unlock(&t.device);
}

static void enable(uint32_t queue)
{
    virtio_lock(&t.device);
    virtio_queue_enable(&t.device, queue);
    virtio_unlock(&t.device);
}

static void requests_are_answered_on_every_queue(void **state)
{
    (void)state;
    const uint64_t features[] = {0, VIRTIO_F_RING_PACKED, VIRTIO_F_EVENT_IDX,
                                 VIRTIO_F_RING_PACKED | VIRTIO_F_EVENT_IDX |
                                     VIRTIO_F_INDIRECT_DESC};
    for (unsigned f = 0; f < 4; f++) {
        assert_true(driver_start(&t.d, features[f]));
        for (unsigned i = 0; i < 30; i++) {
            driver_listen(&t.d, i % QUEUES, 0);
            assert_int_equal(ask(i % QUEUES), 3);
        }
    }
    for (unsigned q = 0; q < QUEUES; q++) {
        assert_int_equal(t.d.interrupts[q], 40);
    }
    assert_int_equal(t.d.interrupts[VIRTIO_SOURCE_CONFIG], 0);
    assert_int_equal(t.device.counter[VIRTIO_COUNT_CHAIN], 120);
    assert_int_equal(t.device.counter[VIRTIO_COUNT_NOTIFY], 120);
    assert_int_equal(t.device.counter[VIRTIO_COUNT_INTERRUPT], 120);
    assert_int_equal(t.starts, 4);
    assert_int_equal(t.device.state.isr, VIRTIO_ISR_QUEUE);
}

static void a_driver_that_polls_gets_no_interrupts(void **state)
{
    (void)state;
    const uint64_t features[] = {0, VIRTIO_F_RING_PACKED, VIRTIO_F_EVENT_IDX};
    for (unsigned f = 0; f < 3; f++) {
        assert_true(driver_start(&t.d, features[f]));
        for (unsigned i = 0; i < 9; i++) {
            driver_mute(&t.d, 0);
            assert_int_equal(ask(0), 3);
        }
    }
    assert_int_equal(t.d.interrupts[0], 0);
    assert_int_equal(t.device.state.isr, 0);
}

static void the_offer_is_what_type_and_core_have(void **state)
{
    (void)state;
    uint64_t offered = virtio_offered(&t.device, 0) | (uint64_t)virtio_offered(&t.device, 1) << 32;
    assert_int_equal(offered, VIRTIO_FEATURES | F_ODD | F_EVEN);
    assert_int_equal(virtio_offered(&t.device, 2), 0);
    assert_int_equal(virtio_offered(&t.device, ~0u), 0);
}

/* 3.1.1 with a set of features; does FEATURES_OK stick? */
static bool negotiate(uint64_t features)
{
    set_status(0);
    set_status(READY);
    virtio_accept(&t.device, 0, (uint32_t)features);
    virtio_accept(&t.device, 1, (uint32_t)(features >> 32));
    virtio_accept(&t.device, 2, ~0u);
    return set_status(READY | VIRTIO_FEATURES_OK) & VIRTIO_FEATURES_OK;
}

static void features_that_were_not_offered_are_refused(void **state)
{
    (void)state;
    assert_true(negotiate(VIRTIO_F_VERSION_1));
    assert_false(negotiate(0)); /* a legacy driver */
    assert_false(negotiate(F_EVEN));
    assert_true(negotiate(VIRTIO_F_VERSION_1 | F_EVEN));
    assert_true(negotiate(VIRTIO_F_VERSION_1 | F_ODD | F_EVEN));
    assert_false(negotiate(VIRTIO_F_VERSION_1 | F_ODD)); /* the type refuses */
    assert_false(negotiate(VIRTIO_F_VERSION_1 | 1ull << 63));
    assert_false(negotiate(~0ull));
    /* The runner takes one away. */
    t.device.state.offered &= ~VIRTIO_F_RING_PACKED;
    assert_false(negotiate(VIRTIO_F_VERSION_1 | VIRTIO_F_RING_PACKED));
    /* A driver may think again. */
    virtio_accept(&t.device, 1, 1);
    assert_true(set_status(READY | VIRTIO_FEATURES_OK) & VIRTIO_FEATURES_OK);
    /* And then not any more. */
    virtio_accept(&t.device, 0, ~0u);
    assert_int_equal(virtio_accepted(&t.device, 0), 0);
}

static void driver_ok_needs_features_ok(void **state)
{
    (void)state;
    assert_int_equal(set_status(VIRTIO_DRIVER_OK), 0);
    assert_int_equal(set_status(READY | VIRTIO_DRIVER_OK), READY);
    assert_int_equal(set_status(READY | VIRTIO_DRIVER_OK | VIRTIO_FEATURES_OK), READY);
    assert_int_equal(t.starts, 0);
}

static void status_bits_stay_until_a_reset(void **state)
{
    (void)state;
    assert_true(driver_start(&t.d, 0));
    const uint8_t all = READY | VIRTIO_FEATURES_OK | VIRTIO_DRIVER_OK;
    assert_int_equal(set_status(VIRTIO_ACKNOWLEDGE), all);
    assert_int_equal(set_status(VIRTIO_NEEDS_RESET | 48), all); /* not the driver's to set */
    assert_int_equal(ask(0), 3);
    assert_int_equal(set_status(all | VIRTIO_FAILED), all | VIRTIO_FAILED);
    assert_int_equal(ask(0), FAKE_NO_ANSWER);
    assert_int_equal(set_status(0), 0);
    assert_int_equal(t.starts, 1);
}

static struct virtio_queue_state queue_state(uint32_t queue)
{
    return *virtio_queue_state(&t.device, queue);
}

static void set_up_is_latched_when_a_queue_is_enabled(void **state)
{
    (void)state;
    assert_true(driver_set_up(&t.d, 0, 0));
    struct virtio_queue_state before = queue_state(0);
    virtio_queue_set_size(&t.device, 0, 4);
    for (unsigned area = 0; area < 3; area++) {
        virtio_queue_set_address(&t.device, 0, (enum virtio_area)area, 0, 0xbad0);
        virtio_queue_set_address(&t.device, 0, (enum virtio_area)area, 1, 0xbad);
    }
    struct virtio_queue_state after = queue_state(0);
    assert_memory_equal(&before, &after, sizeof before);
    assert_true(set_status(READY | VIRTIO_FEATURES_OK | VIRTIO_DRIVER_OK) & VIRTIO_DRIVER_OK);
    assert_int_equal(ask(0), 3);
}

/* Firecracker, CVE-2026-5747: registers of a queue changed while the device used it. */
static void set_up_is_latched_at_driver_ok(void **state)
{
    (void)state;
    assert_true(driver_set_up(&t.d, 0, 0));
    virtio_queue_disable(&t.device, 2);
    assert_false(queue_state(2).enabled);
    assert_true(queue_state(2).fresh);
    set_status(READY | VIRTIO_FEATURES_OK | VIRTIO_DRIVER_OK);
    /* Queue 0 is on, queue 2 is not: neither can be set up now. */
    for (unsigned q = 0; q < QUEUES; q += 2) {
        struct virtio_queue_state before = queue_state(q);
        virtio_queue_set_size(&t.device, q, 4);
        virtio_queue_set_address(&t.device, q, VIRTIO_AREA_DESCRIPTOR, 0, 0xbad0);
        enable(q);
        struct virtio_queue_state after = queue_state(q);
        assert_memory_equal(&before, &after, sizeof before);
    }
    assert_int_equal(ask(0), 3);
    kick(2);
    assert_int_equal(t.device.counter[VIRTIO_COUNT_STRAY], 1);
}

static void bad_set_up_breaks_the_device_and_a_reset_mends_it(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 5; i++) {
        assert_true(driver_set_up(&t.d, 0, 0));
        virtio_queue_disable(&t.device, 1);
        if (i < 2) {
            virtio_queue_set_size(&t.device, 1, i == 0 ? 0 : 0x10000 + SIZE);
        } else {
            virtio_queue_set_address(&t.device, 1, (enum virtio_area)(i - 2), 1, 1);
        }
        enable(1);
        uint8_t status = set_status(READY | VIRTIO_FEATURES_OK | VIRTIO_DRIVER_OK);
        assert_true(status & VIRTIO_NEEDS_RESET);
        assert_true(t.device.state.isr & VIRTIO_ISR_CONFIG);
        assert_int_equal(t.d.interrupts[VIRTIO_SOURCE_CONFIG], i + 1);
        assert_int_equal(t.starts, i);
        assert_true(driver_start(&t.d, 0));
        assert_int_equal(ask(1), 3);
    }
}

static void a_broken_ring_breaks_the_device_until_a_reset(void **state)
{
    (void)state;
    const uint64_t formats[] = {0, VIRTIO_F_RING_PACKED};
    for (unsigned f = 0; f < 2; f++) {
        assert_true(driver_start(&t.d, formats[f]));
        struct fake_buffer outside = {0, 16, true};
        driver_add(&t.d, 1, &outside, 1);
        driver_kick(&t.d, 1);
        assert_true(virtio_status(&t.device) & VIRTIO_NEEDS_RESET);
        assert_int_equal(t.device.state.isr, VIRTIO_ISR_CONFIG);
        assert_int_equal(t.d.interrupts[VIRTIO_SOURCE_CONFIG], f + 1);
        /* No queue goes on; once is enough said. */
        assert_int_equal(ask(0), FAKE_NO_ANSWER);
        kick(1);
        assert_int_equal(t.d.interrupts[VIRTIO_SOURCE_CONFIG], f + 1);
        assert_int_equal(set_status(0), 0);
        assert_int_equal(t.device.state.isr, 0);
        assert_true(driver_start(&t.d, formats[f]));
        assert_int_equal(ask(0), 3);
        assert_int_equal(ask(1), 3);
    }
    assert_int_equal(t.device.counter[VIRTIO_COUNT_BROKEN], 2);
}

static void kicks_of_queues_that_are_not_there_are_counted(void **state)
{
    (void)state;
    const uint32_t bad[] = {QUEUES, VIRTIO_QUEUE_MAX, 64, 0x10000, ~0u};
    kick(0); /* before DRIVER_OK */
    assert_true(driver_start(&t.d, 0));
    for (unsigned i = 0; i < 5; i++) {
        kick(bad[i]);
        enable(bad[i]);
        virtio_queue_disable(&t.device, bad[i]);
        virtio_queue_reset(&t.device, bad[i]);
        virtio_queue_set_size(&t.device, bad[i], 4);
        virtio_queue_set_address(&t.device, bad[i], VIRTIO_AREA_DRIVER, 1, 4);
        assert_int_equal(queue_state(bad[i]).size_max, 0);
    }
    assert_int_equal(t.device.counter[VIRTIO_COUNT_STRAY], 6);
    assert_int_equal(t.work_calls, 0);
}

static void a_pass_ends_with_its_budget(void **state)
{
    (void)state;
    assert_true(driver_start(&t.d, 0));
    t.endless = true;
    kick(0);
    assert_true(t.d.deferred);
    assert_int_equal(t.device.counter[VIRTIO_COUNT_CHAIN], VIRTIO_BUDGET);
    t.d.deferred = false;
    virtio_run(&t.device);
    assert_true(t.d.deferred);
    assert_int_equal(t.device.counter[VIRTIO_COUNT_CHAIN], 2 * VIRTIO_BUDGET);
    assert_int_equal(t.device.counter[VIRTIO_COUNT_DEFER], 2);
    t.endless = false;
    driver_run(&t.d);
    assert_false(t.d.deferred);
    assert_int_equal(t.device.state.left, 0);
    /* Nothing to do: nothing is done. */
    unsigned calls = t.work_calls;
    virtio_run(&t.device);
    assert_int_equal(t.work_calls, calls);
}

static void queues_that_follow_one_another_end(void **state)
{
    (void)state;
    assert_true(driver_start(&t.d, 0));
    t.also = true;
    kick(1);
    assert_int_equal(t.work_calls, VIRTIO_ROUNDS);
    assert_true(t.d.deferred);
    assert_int_equal(t.device.state.left, 1u << (1 + VIRTIO_ROUNDS) % QUEUES);
    t.also = false;
    driver_run(&t.d);
    assert_int_equal(t.work_calls, VIRTIO_ROUNDS + 1);
    assert_int_equal(t.device.state.left, 0);
}

static void a_reset_takes_deferred_work_away(void **state)
{
    (void)state;
    assert_true(driver_start(&t.d, 0));
    t.endless = true;
    kick(0);
    set_status(0);
    unsigned calls = t.work_calls;
    virtio_run(&t.device);
    assert_int_equal(t.work_calls, calls);
}

static void a_blocked_queue_goes_on_when_its_type_says(void **state)
{
    (void)state;
    assert_true(driver_start(&t.d, VIRTIO_F_EVENT_IDX));
    t.blocked = true;
    assert_int_equal(ask(0), FAKE_NO_ANSWER);
    t.blocked = false;
    virtio_lock(&t.device);
    virtio_work(&t.device, 0);
    virtio_unlock(&t.device);
    uint16_t id;
    uint32_t written;
    assert_true(driver_take(&t.d, 0, &id, &written));
    assert_int_equal(t.d.interrupts[0], 1);
}

static void one_queue_can_be_reset(void **state)
{
    (void)state;
    assert_true(driver_start(&t.d, VIRTIO_F_RING_RESET));
    assert_int_equal(ask(1), 3);
    virtio_queue_reset(&t.device, 1);
    assert_int_equal(t.queue_stops, 1);
    assert_false(queue_state(1).enabled || queue_state(1).stopping);
    assert_int_equal(queue_state(1).setup.size, SIZE);
    kick(1);
    assert_int_equal(t.device.counter[VIRTIO_COUNT_STRAY], 1);
    assert_int_equal(ask(0), 3);
    /* Set up again, with another size. */
    struct fake_queue *q = &t.d.queue[1];
    driver_make_queue(&t.d, q, 4, 0);
    virtio_queue_set_size(&t.device, 1, 4);
    virtio_queue_set_address(&t.device, 1, VIRTIO_AREA_DESCRIPTOR, 0,
                             (uint32_t)q->descriptor_address);
    virtio_queue_set_address(&t.device, 1, VIRTIO_AREA_DRIVER, 0, (uint32_t)q->driver_address);
    virtio_queue_set_address(&t.device, 1, VIRTIO_AREA_DEVICE, 0, (uint32_t)q->device_address);
    enable(1);
    assert_true(virtio_alive(&t.device));
    for (unsigned i = 0; i < 9; i++) {
        assert_int_equal(ask(1), 3);
    }
    virtio_queue_set_size(&t.device, 1, 8); /* latched again */
    assert_int_equal(queue_state(1).setup.size, 4);
    /* With work left. */
    t.endless = true;
    kick(1);
    assert_int_equal(t.device.state.left, 1 << 1);
    t.endless = false;
    virtio_queue_reset(&t.device, 1);
    assert_int_equal(t.device.state.left, 0);
    /* With nonsense it breaks the device. */
    virtio_queue_reset(&t.device, 1);
    enable(1);
    assert_true(virtio_status(&t.device) & VIRTIO_NEEDS_RESET);
    assert_true(driver_start(&t.d, 0));
    assert_int_equal(ask(1), 3);
}

static void a_queue_reset_needs_its_feature(void **state)
{
    (void)state;
    assert_true(driver_start(&t.d, 0));
    virtio_queue_reset(&t.device, 1);
    assert_true(queue_state(1).enabled);
    assert_int_equal(ask(1), 3);
    /* QueueReady = 0 works without, for the rest of this life. */
    virtio_queue_disable(&t.device, 1);
    assert_false(queue_state(1).enabled);
    enable(1);
    assert_false(queue_state(1).enabled);
    kick(1);
    assert_int_equal(t.device.counter[VIRTIO_COUNT_STRAY], 1);
    assert_int_equal(ask(0), 3);
    assert_true(driver_start(&t.d, 0));
    assert_int_equal(ask(1), 3);
}

static void a_reset_waits_for_what_touches_memory(void **state)
{
    (void)state;
    assert_true(driver_start(&t.d, 0));
    t.stop_late = true;
    uint8_t status = set_status(0);
    assert_int_not_equal(status, 0);
    /* Nothing has an effect meanwhile. */
    assert_int_equal(set_status(0), status);
    assert_int_equal(set_status(READY), status);
    virtio_accept(&t.device, 0, 0x77);
    enable(0);
    virtio_queue_set_size(&t.device, 0, 4);
    kick(0);
    virtio_config_write(&t.device, 0, 1, 0);
    assert_int_equal(t.written_size, 0);
    assert_int_equal(t.stops, 2); /* the one of driver_start was the first */
    assert_int_equal(t.work_calls, 0);
    virtio_lock(&t.device);
    virtio_stopped(&t.device);
    virtio_unlock(&t.device);
    assert_int_equal(virtio_status(&t.device), 0);
    assert_int_equal(virtio_accepted(&t.device, 0), 0);
    t.stop_late = false;
    assert_true(driver_start(&t.d, 0));
    assert_int_equal(ask(0), 3);
    virtio_stopped(&t.device); /* twice is harmless */
    assert_int_equal(ask(0), 3);
}

static void a_queue_reset_waits_for_what_touches_memory(void **state)
{
    (void)state;
    assert_true(driver_start(&t.d, VIRTIO_F_RING_RESET));
    t.stop_late = true;
    virtio_queue_reset(&t.device, 1);
    assert_true(queue_state(1).stopping && queue_state(1).enabled);
    virtio_queue_reset(&t.device, 1);
    virtio_queue_disable(&t.device, 1);
    assert_int_equal(t.queue_stops, 1);
    virtio_queue_set_size(&t.device, 1, 4);
    kick(1);
    assert_int_equal(t.work_calls, 0);
    assert_int_equal(queue_state(1).setup.size, SIZE);
    virtio_queue_stopped(&t.device, 1);
    assert_false(queue_state(1).stopping || queue_state(1).enabled);
    virtio_queue_set_size(&t.device, 1, 4);
    assert_int_equal(queue_state(1).setup.size, 4);
    virtio_queue_stopped(&t.device, 1); /* twice is harmless */
    assert_int_equal(queue_state(1).setup.size, 4);
}

static void a_reset_of_the_machine_waits_for_nobody(void **state)
{
    (void)state;
    assert_true(driver_start(&t.d, 0));
    t.stop_late = true;
    unsigned resets = t.d.resets;
    virtio_reset(&t.device);
    assert_int_equal(virtio_status(&t.device), 0);
    assert_int_equal(t.d.resets, resets + 1);
    assert_int_equal(t.stops, 2);
}

static void configuration_changes_are_told(void **state)
{
    (void)state;
    uint32_t before = t.device.state.generation;
    virtio_lock(&t.device);
    virtio_config_changed(&t.device);
    virtio_unlock(&t.device);
    assert_int_equal(t.d.interrupts[VIRTIO_SOURCE_CONFIG], 0); /* nobody is there yet */
    assert_true(driver_start(&t.d, 0));
    virtio_lock(&t.device);
    virtio_config_changed(&t.device);
    virtio_unlock(&t.device);
    assert_int_equal(t.d.interrupts[VIRTIO_SOURCE_CONFIG], 1);
    assert_int_equal(t.device.state.isr, VIRTIO_ISR_CONFIG);
    assert_int_equal(t.device.state.generation, before + 2);
}

static void configuration_ends_where_it_ends(void **state)
{
    (void)state;
    const struct {
        uint64_t offset;
        unsigned width;
        uint64_t value;
    } reads[] = {
        {0,          1, 0x10              },
        {1,          2, 0x1211            },
        {4,          8, 0x1b1a191817161514},
        {11,         1, 0x1b              },
        {11,         2, 0                 },
        {12,         1, 0                 },
        {5,          8, 0                 },
        {~0ull,      1, 0                 },
        {~0ull - 2,  8, 0                 },
        {1ull << 32, 4, 0                 },
    };
    for (unsigned i = 0; i < sizeof reads / sizeof reads[0]; i++) {
        t.written_size = 0;
        assert_int_equal(virtio_config_read(&t.device, reads[i].offset, reads[i].width),
                         reads[i].value);
        virtio_config_write(&t.device, reads[i].offset, reads[i].width, reads[i].value);
        assert_int_equal(t.written_size, reads[i].value != 0 ? reads[i].width : 0);
    }
}

static void what_a_broken_device_has_left_is_dropped(void **state)
{
    (void)state;
    assert_true(driver_start(&t.d, 0));
    struct fake_buffer buffer = {FAKE_RAM_BASE + 0x8000, 4, true};
    uint16_t id;
    uint32_t written;
    driver_add(&t.d, 0, &buffer, 1);
    virtio_lock(&t.device);
    assert_true(virtio_pop(&t.device, 0, &t.device.chain));
    virtio_put(&t.device, 0, &t.device.chain, 1);
    virtio_break(&t.device, "for a test");
    virtio_put(&t.device, 0, &t.device.chain, 1);
    virtio_unpop(&t.device, 0, &t.device.chain);
    assert_false(virtio_pop(&t.device, 0, &t.device.chain));
    t.device.state.told |= 1;
    virtio_unlock(&t.device);
    assert_false(driver_take(&t.d, 0, &id, &written));
    assert_int_equal(t.d.interrupts[0], 0);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(requests_are_answered_on_every_queue),
        TEST(a_driver_that_polls_gets_no_interrupts),
        TEST(the_offer_is_what_type_and_core_have),
        TEST(features_that_were_not_offered_are_refused),
        TEST(driver_ok_needs_features_ok),
        TEST(status_bits_stay_until_a_reset),
        TEST(set_up_is_latched_when_a_queue_is_enabled),
        TEST(set_up_is_latched_at_driver_ok),
        TEST(bad_set_up_breaks_the_device_and_a_reset_mends_it),
        TEST(a_broken_ring_breaks_the_device_until_a_reset),
        TEST(kicks_of_queues_that_are_not_there_are_counted),
        TEST(a_pass_ends_with_its_budget),
        TEST(queues_that_follow_one_another_end),
        TEST(a_reset_takes_deferred_work_away),
        TEST(a_blocked_queue_goes_on_when_its_type_says),
        TEST(one_queue_can_be_reset),
        TEST(a_queue_reset_needs_its_feature),
        TEST(a_reset_waits_for_what_touches_memory),
        TEST(a_queue_reset_waits_for_what_touches_memory),
        TEST(a_reset_of_the_machine_waits_for_nobody),
        TEST(configuration_changes_are_told),
        TEST(configuration_ends_where_it_ends),
        TEST(what_a_broken_device_has_left_is_dropped),
    };
    return cmocka_run_group_tests_name("virtio", tests, NULL, NULL);
}
