// SPDX-License-Identifier: BSD-2-Clause
#include "service/virtio/transport.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "test/fake/virtio_device.h"

enum { DMA_PADDR = 0x48000000, DMA_BYTES = 65536 };

struct fixture {
    struct fake_virtio device;
    struct transport_registers registers;
    struct transport transport;
    struct dma dma;
    struct vring vring;
    _Alignas(64) uint8_t memory[DMA_BYTES];
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    fake_virtio_init(&f->device, VIRTIO_TYPE_BLOCK, 0x5ull | VIRTIO_F_INDIRECT_DESC, 128);
    fake_virtio_add_region(&f->device, DMA_PADDR, f->memory, DMA_BYTES);
    f->registers = fake_virtio_registers(&f->device);
    f->dma = (struct dma){.vaddr = f->memory, .paddr = DMA_PADDR, .size_bytes = DMA_BYTES};
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    free(*state);
    return 0;
}

static void only_the_right_modern_device_is_opened(void **state)
{
    struct fixture *f = *state;
    assert_true(transport_open(&f->transport, &f->registers, VIRTIO_TYPE_BLOCK));
    assert_false(transport_open(&f->transport, &f->registers, VIRTIO_TYPE_NET));
    f->device.version = 1;
    assert_false(transport_open(&f->transport, &f->registers, VIRTIO_TYPE_BLOCK));
}

static void features_are_those_that_both_want(void **state)
{
    struct fixture *f = *state;
    transport_open(&f->transport, &f->registers, VIRTIO_TYPE_BLOCK);
    assert_true(transport_negotiate(&f->transport, 0xcull | VIRTIO_F_EVENT_IDX));
    assert_int_equal(f->transport.features, 0x4ull | VIRTIO_F_VERSION_1);
    assert_int_equal(f->device.accepted, 0x4ull | VIRTIO_F_VERSION_1);
}

static void a_device_without_version_1_is_refused(void **state)
{
    struct fixture *f = *state;
    f->device.offered &= ~VIRTIO_F_VERSION_1;
    transport_open(&f->transport, &f->registers, VIRTIO_TYPE_BLOCK);
    assert_false(transport_negotiate(&f->transport, 5));
    assert_true(f->device.status & VIRTIO_FAILED);
}

static void a_device_may_refuse_the_features(void **state)
{
    struct fixture *f = *state;
    f->device.refuse_features = true;
    transport_open(&f->transport, &f->registers, VIRTIO_TYPE_BLOCK);
    assert_false(transport_negotiate(&f->transport, 5));
    assert_true(f->device.status & VIRTIO_FAILED);
}

static void a_device_that_does_not_reset_is_given_up(void **state)
{
    struct fixture *f = *state;
    f->device.ignore_reset = true;
    f->device.status = VIRTIO_DRIVER_OK;
    transport_open(&f->transport, &f->registers, VIRTIO_TYPE_BLOCK);
    assert_false(transport_negotiate(&f->transport, 5));
}

static void queues_have_the_size_that_both_can(void **state)
{
    static const struct {
        uint32_t device;
        uint16_t wanted, size;
    } cases[] = {
        {128, 256, 128},
        {256, 64,  64 },
        {100, 256, 64 },
        {1,   256, 1  },
    };
    struct fixture *f = *state;
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        f->device.queue[1].size_max = cases[i].device;
        f->dma.taken_bytes = 0;
        transport_open(&f->transport, &f->registers, VIRTIO_TYPE_BLOCK);
        assert_true(transport_negotiate(&f->transport, 5));
        assert_true(transport_queue(&f->transport, 1, cases[i].wanted, &f->vring, &f->dma));
        assert_int_equal(f->vring.size, cases[i].size);
        assert_int_equal(f->device.queue[1].size, cases[i].size);
        assert_int_equal(f->device.queue[1].ready, 1);
        assert_int_equal(f->device.queue[0].ready, 0);
    }
}

static void a_queue_that_is_not_there_is_refused(void **state)
{
    struct fixture *f = *state;
    transport_open(&f->transport, &f->registers, VIRTIO_TYPE_BLOCK);
    assert_true(transport_negotiate(&f->transport, 5));
    assert_false(transport_queue(&f->transport, 9, 64, &f->vring, &f->dma));
    f->dma.size_bytes = 1000;
    assert_false(transport_queue(&f->transport, 0, 64, &f->vring, &f->dma));
    assert_int_equal(f->device.queue[0].ready, 0);
}

static void interrupts_are_read_and_acknowledged(void **state)
{
    struct fixture *f = *state;
    transport_open(&f->transport, &f->registers, VIRTIO_TYPE_BLOCK);
    assert_int_equal(transport_interrupts(&f->transport), 0);
    f->device.interrupt = 0xff;
    assert_int_equal(transport_interrupts(&f->transport), TRANSPORT_USED | TRANSPORT_CONFIG);
    assert_int_equal(f->device.interrupt, 0xfc);
}

static void a_device_that_needs_a_reset_is_noticed(void **state)
{
    struct fixture *f = *state;
    transport_open(&f->transport, &f->registers, VIRTIO_TYPE_BLOCK);
    assert_true(transport_negotiate(&f->transport, 5));
    transport_start(&f->transport);
    assert_false(transport_broken(&f->transport));
    f->device.status |= VIRTIO_NEEDS_RESET;
    assert_true(transport_broken(&f->transport));
    assert_true(transport_reset(&f->transport));
    assert_true(transport_broken(&f->transport));
}

static void configuration_has_fields_of_all_widths(void **state)
{
    struct fixture *f = *state;
    for (unsigned i = 0; i < 16; i++) {
        f->device.config[i] = (uint8_t)(i + 1);
    }
    transport_open(&f->transport, &f->registers, VIRTIO_TYPE_BLOCK);
    uint32_t begun = transport_config_begin(&f->transport);
    assert_int_equal(transport_config(&f->transport, 3, 1), 4);
    assert_int_equal(transport_config(&f->transport, 2, 2), 0x0403);
    assert_int_equal(transport_config(&f->transport, 4, 4), 0x08070605);
    assert_int_equal(transport_config(&f->transport, 8, 8), 0x100f0e0d0c0b0a09);
    assert_true(transport_config_end(&f->transport, begun));
    f->device.config_generation++;
    assert_false(transport_config_end(&f->transport, begun));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(only_the_right_modern_device_is_opened),
        TEST(features_are_those_that_both_want),
        TEST(a_device_without_version_1_is_refused),
        TEST(a_device_may_refuse_the_features),
        TEST(a_device_that_does_not_reset_is_given_up),
        TEST(queues_have_the_size_that_both_can),
        TEST(a_queue_that_is_not_there_is_refused),
        TEST(interrupts_are_read_and_acknowledged),
        TEST(a_device_that_needs_a_reset_is_noticed),
        TEST(configuration_has_fields_of_all_widths),
    };
    return cmocka_run_group_tests_name("transport", tests, NULL, NULL);
}
