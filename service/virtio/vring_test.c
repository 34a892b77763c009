// SPDX-License-Identifier: BSD-2-Clause
#include "service/virtio/vring.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "service/virtio/transport.h"
#include "test/fake/virtio_device.h"

enum { DMA_PADDR = 0x48001000, DMA_BYTES = 65536, SIZE = 8 };

struct fixture {
    struct fake_virtio device;
    struct transport transport;
    struct dma dma;
    struct vring vring;
    uint8_t *data;
    _Alignas(64) uint8_t memory[DMA_BYTES];
};

static void start(struct fixture *f, uint64_t features)
{
    struct transport_registers registers = fake_virtio_registers(&f->device);
    fake_virtio_init(&f->device, VIRTIO_TYPE_BLOCK, features, SIZE);
    fake_virtio_add_region(&f->device, DMA_PADDR, f->memory, DMA_BYTES);
    f->dma = (struct dma){.vaddr = f->memory, .paddr = DMA_PADDR, .size_bytes = DMA_BYTES};
    assert_true(transport_open(&f->transport, &registers, VIRTIO_TYPE_BLOCK));
    assert_true(transport_negotiate(&f->transport, VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX));
    assert_true(transport_queue(&f->transport, 0, VRING_SIZE_MAX, &f->vring, &f->dma));
    assert_int_equal(f->vring.size, SIZE);
    transport_start(&f->transport);
    f->data = dma_take(&f->dma, 4096, 64);
    assert_non_null(f->data);
}

static int setup(void **state)
{
    *state = calloc(1, sizeof(struct fixture));
    return *state == NULL;
}

static int teardown(void **state)
{
    free(*state);
    return 0;
}

/* A buffer of a segment to read and one to write. */
static int add(struct fixture *f)
{
    uint64_t paddr = dma_paddr(&f->dma, f->data);
    const struct vring_segment segments[] = {
        {paddr,      16 },
        {paddr + 16, 512}
    };
    return vring_add(&f->vring, segments, 1, 1);
}

static void expect_take(struct fixture *f, int wanted_id, uint32_t wanted_bytes)
{
    uint16_t id;
    uint32_t bytes;
    assert_int_equal(vring_take(&f->vring, &id, &bytes), VRING_TAKEN);
    assert_int_equal(id, wanted_id);
    assert_int_equal(bytes, wanted_bytes);
}

static void expect_result(struct fixture *f, enum vring_result wanted)
{
    uint16_t id;
    uint32_t bytes;
    assert_int_equal(vring_take(&f->vring, &id, &bytes), wanted);
}

static void buffers_come_back(void **state)
{
    static const uint64_t features[] = {0, VIRTIO_F_INDIRECT_DESC, VIRTIO_F_EVENT_IDX,
                                        VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX};
    struct fixture *f = *state;
    for (unsigned i = 0; i < 4; i++) {
        start(f, features[i]);
        /* Long enough for 16-bit indices to wrap. */
        for (unsigned round = 0; round < 70000; round++) {
            struct fake_held buffer;
            int id = add(f);
            assert_in_range(id, 0, SIZE - 1);
            assert_false(fake_virtio_pop(&f->device, 0, &buffer));
            assert_true(vring_publish(&f->vring));
            assert_false(vring_publish(&f->vring));
            assert_true(vring_wait(&f->vring));
            assert_true(fake_virtio_pop(&f->device, 0, &buffer));
            assert_int_equal(buffer.readable, 1);
            assert_int_equal(buffer.writable, 1);
            assert_ptr_equal(buffer.segment[0].host, f->data);
            assert_int_equal(buffer.segment[1].bytes, 512);
            expect_result(f, VRING_EMPTY);
            fake_virtio_push(&f->device, 0, buffer.id, 17);
            assert_false(vring_wait(&f->vring));
            expect_take(f, id, 17);
        }
        assert_int_equal(f->device.interrupt_count, 70000);
        assert_int_equal(vring_room(&f->vring, 1), SIZE);
    }
}

static void a_full_queue_refuses(void **state)
{
    struct fixture *f = *state;
    start(f, 0);
    assert_int_equal(vring_room(&f->vring, 2), SIZE / 2);
    for (unsigned i = 0; i < SIZE / 2; i++) {
        assert_in_range(add(f), 0, SIZE - 1);
    }
    assert_int_equal(add(f), -1);
    start(f, VIRTIO_F_INDIRECT_DESC);
    for (unsigned i = 0; i < SIZE; i++) {
        assert_in_range(add(f), 0, SIZE - 1);
    }
    assert_int_equal(add(f), -1);
}

static void buffers_come_back_in_any_order(void **state)
{
    struct fixture *f = *state;
    for (unsigned chained = 0; chained < 2; chained++) {
        start(f, chained ? 0 : VIRTIO_F_INDIRECT_DESC);
        for (unsigned round = 0; round < 1000; round++) {
            struct fake_held buffer[SIZE];
            unsigned count = 0;
            while (add(f) >= 0) {
            }
            vring_publish(&f->vring);
            while (fake_virtio_pop(&f->device, 0, &buffer[count])) {
                count++;
            }
            assert_int_equal(count, chained ? SIZE / 2 : SIZE);
            for (unsigned i = 0; i < count; i++) {
                unsigned which = (i * 3 + round) % count;
                which = count == SIZE ? which : (i + round) % count;
                fake_virtio_push(&f->device, 0, buffer[which].id, which);
                expect_take(f, buffer[which].id, which);
            }
        }
        assert_int_equal(vring_room(&f->vring, 1), SIZE);
    }
}

static void nobody_is_disturbed_without_need(void **state)
{
    struct fixture *f = *state;
    for (unsigned event_idx = 0; event_idx < 2; event_idx++) {
        struct fake_held buffer;
        start(f, (event_idx ? VIRTIO_F_EVENT_IDX : 0) | VIRTIO_F_INDIRECT_DESC);
        add(f);
        assert_true(vring_publish(&f->vring));
        add(f);
        /* Without event indices the device says so by a flag. */
        if (!event_idx) {
            atomic_store(&fake_virtio_used(&f->device, 0)->flags, VIRTQ_USED_NO_NOTIFY);
        }
        assert_false(vring_publish(&f->vring)); /* it has not looked yet */
        vring_wait(&f->vring);
        fake_virtio_pop(&f->device, 0, &buffer);
        fake_virtio_push(&f->device, 0, buffer.id, 0);
        assert_int_equal(f->device.interrupt_count, 1);
        expect_take(f, buffer.id, 0);
        fake_virtio_pop(&f->device, 0, &buffer);
        fake_virtio_push(&f->device, 0, buffer.id, 0); /* we did not wait */
        assert_int_equal(f->device.interrupt_count, 1);
        expect_take(f, buffer.id, 0);
    }
}

static void a_device_that_says_it_wrote_more_is_cut(void **state)
{
    struct fixture *f = *state;
    struct fake_held buffer;
    start(f, VIRTIO_F_INDIRECT_DESC);
    int id = add(f);
    vring_publish(&f->vring);
    fake_virtio_pop(&f->device, 0, &buffer);
    fake_virtio_push(&f->device, 0, buffer.id, UINT32_MAX);
    expect_take(f, id, 512);
}

static void an_id_that_is_not_in_flight_breaks_the_queue(void **state)
{
    struct fixture *f = *state;
    static const uint32_t ids[] = {1, SIZE, 0x10000, UINT32_MAX};
    for (unsigned i = 0; i < 4; i++) {
        start(f, VIRTIO_F_INDIRECT_DESC);
        assert_int_equal(add(f), 0);
        vring_publish(&f->vring);
        struct vring_used *used = fake_virtio_used(&f->device, 0);
        used->ring[0].id = ids[i];
        atomic_store(&used->index, 1);
        expect_result(f, VRING_BROKEN);
        expect_result(f, VRING_BROKEN);
        assert_int_equal(add(f), -1);
        assert_true(vring_wait(&f->vring)); /* nothing more will come */
    }
}

static void the_same_id_twice_breaks_the_queue(void **state)
{
    struct fixture *f = *state;
    start(f, VIRTIO_F_INDIRECT_DESC);
    assert_int_equal(add(f), 0);
    vring_publish(&f->vring);
    atomic_store(&fake_virtio_used(&f->device, 0)->index, 2); /* both elements say 0 */
    expect_take(f, 0, 0);
    expect_result(f, VRING_BROKEN);
}

static void an_index_that_runs_ahead_breaks_the_queue(void **state)
{
    struct fixture *f = *state;
    start(f, VIRTIO_F_INDIRECT_DESC);
    add(f);
    vring_publish(&f->vring);
    atomic_store(&fake_virtio_used(&f->device, 0)->index, SIZE + 1);
    expect_result(f, VRING_BROKEN);
}

static void memory_that_is_too_small_is_refused(void **state)
{
    struct fixture *f = *state;
    /* Descriptors, the available ring, the used ring at 192 up to 262; and the tables. */
    const uint64_t needed = 320 + SIZE * VRING_SEGMENT_MAX * sizeof(struct virtq_split_desc);
    for (uint64_t bytes = 0; bytes < needed + 64; bytes += 4) {
        struct dma dma = {.vaddr = f->memory, .paddr = DMA_PADDR, .size_bytes = bytes};
        bool fits = vring_init(&f->vring, &dma, SIZE, VIRTIO_F_INDIRECT_DESC);
        assert_true(dma.taken_bytes <= bytes);
        assert_int_equal(fits, bytes >= needed);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(buffers_come_back),
        TEST(a_full_queue_refuses),
        TEST(buffers_come_back_in_any_order),
        TEST(nobody_is_disturbed_without_need),
        TEST(a_device_that_says_it_wrote_more_is_cut),
        TEST(an_id_that_is_not_in_flight_breaks_the_queue),
        TEST(the_same_id_twice_breaks_the_queue),
        TEST(an_index_that_runs_ahead_breaks_the_queue),
        TEST(memory_that_is_too_small_is_refused),
    };
    return cmocka_run_group_tests_name("vring", tests, NULL, NULL);
}
