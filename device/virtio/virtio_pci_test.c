// SPDX-License-Identifier: BSD-2-Clause
/* VIRTIO 1.3, 4.1, as a driver sees it through a PCI bus. */
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
// clang-format on

#include <string.h>

#include "device/virtio/virtio_pci.h"
#include "test/fake/virtio_pci_driver.h"

enum { BASE = 0x10000000, PLACE = 2, LINE = 2, QUEUES = 3, SIZE = 16, CONFIG_BYTES = 12 };
enum { DOORBELL = 0x8020040, FIRST_INTID = 80 };

static struct {
    struct pci pci;
    struct fake_pci_port port;
    struct fake_driver d;
    struct virtio_device device;
    struct chain_segment segments[VIRTQUEUE_SIZE_MAX];
    struct virtio_pci transport;
    struct virtio_pci_driver p;
    uint8_t config[CONFIG_BYTES];
    bool slow; /* stop and stop_queue take a while */
} t;

/* Gives every chain back as it is. */
static enum virtio_progress work(struct virtio_device *device, unsigned queue, unsigned *budget)
{
    for (; *budget != 0; --*budget) {
        if (!virtio_pop(device, queue, &device->chain)) {
            return VIRTIO_EMPTY;
        }
        virtio_push(device, queue, &device->chain, 0);
    }
    return VIRTIO_AGAIN;
}

static bool stop(struct virtio_device *device)
{
    (void)device;
    return !t.slow;
}

static bool stop_queue(struct virtio_device *device, unsigned queue)
{
    (void)device, (void)queue;
    return !t.slow;
}

static void config_write(struct virtio_device *device, uint32_t offset, const uint8_t *bytes,
                         uint32_t size_bytes)
{
    assert_true(offset + size_bytes <= device->config_bytes);
    memcpy(&t.config[offset], bytes, size_bytes);
}

static const struct virtio_ops ops = {
    .name = "echo",
    .type = VIRTIO_TYPE_CONSOLE,
    .work = work,
    .stop = stop,
    .stop_queue = stop_queue,
    .config_write = config_write,
};

static int set_up(void **state)
{
    (void)state;
    memset(&t, 0, sizeof t);
    driver_init(&t.d);
    for (unsigned i = 0; i < CONFIG_BYTES; i++) {
        t.config[i] = (uint8_t)(0xc0 + i);
    }
    virtio_init(&t.device, &(struct virtio_setup){.ops = &ops,
                                                  .port = &t.d.port,
                                                  .ram = &t.d.ram,
                                                  .segments = t.segments,
                                                  .config = t.config,
                                                  .config_bytes = CONFIG_BYTES,
                                                  .queue_count = QUEUES,
                                                  .queue_size = SIZE});
    t.d.device = &t.device;
    fake_pci_port_init(&t.port);
    pci_init(&t.pci, &t.port.port, BASE, 1);
    virtio_pci_init(&t.transport, &t.device, &t.pci, PLACE);
    fake_assign_all(&t.pci, BASE);
    virtio_pci_find(&t.p, &t.pci, PLACE);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    assert_int_equal(t.device.lock.users, 0);
    assert_int_equal(t.pci.lock.users, 0);
    driver_fini(&t.d);
    return 0;
}

static uint32_t rd(unsigned offset, unsigned width)
{
    return virtio_pci_read(&t.p, offset, width);
}

static void wr(unsigned offset, unsigned width, uint32_t value)
{
    virtio_pci_write(&t.p, offset, width, value);
}

/* Vector v of the table is INTID 80 + v. */
static void enable_msix(void)
{
    for (unsigned vector = 0; vector <= QUEUES; vector++) {
        fake_msix_set(&t.pci, PLACE, vector, DOORBELL, FIRST_INTID + vector, false);
    }
    fake_msix_control(&t.pci, PLACE, FAKE_MSIX_ENABLE);
}

static void start(void)
{
    assert_true(virtio_pci_set_up(&t.p, &t.d, VIRTIO_F_RING_RESET));
    virtio_pci_go(&t.p);
}

/* One request of one byte; all of it is done when this returns. */
static void request(unsigned queue)
{
    uint16_t id;
    uint32_t written;
    const struct fake_buffer buffer = {driver_put(&t.d, "x", 1), 1, false};
    assert_int_not_equal(driver_add(&t.d, queue, &buffer, 1), FAKE_NO_ID);
    virtio_pci_kick(&t.p, queue);
    assert_true(driver_take(&t.d, queue, &id, &written));
}

static void expect_messages(unsigned count, uint32_t last_intid)
{
    assert_int_equal(t.port.message_count, count);
    if (count != 0) {
        assert_int_equal(t.port.message[count - 1].address, DOORBELL);
        assert_int_equal(t.port.message[count - 1].data, last_intid);
    }
}

static void it_is_a_modern_device(void **state)
{
    (void)state;
    assert_int_equal(fake_config_read(&t.pci, PLACE, 0, 4), 0x10431af4);
    assert_int_equal(fake_config_read(&t.pci, PLACE, 8, 4), 0x07800001);
    assert_true(fake_config_read(&t.pci, PLACE, 0x2e, 2) >= 0x40);
    assert_int_equal(
        fake_config_read(&t.pci, PLACE, fake_capability(&t.pci, PLACE, 0x11, 0) + 2, 2), QUEUES);
    assert_int_equal(t.p.config_bytes, CONFIG_BYTES);
    assert_int_equal(rd(VP_NUM_QUEUES, 2), QUEUES);
}

static void features_are_read_and_written_by_halves(void **state)
{
    (void)state;
    const uint64_t offered = VIRTIO_FEATURES;
    for (unsigned word = 0; word < 4; word++) {
        wr(VP_DEVICE_FEATURE_SELECT, 4, word);
        assert_int_equal(rd(VP_DEVICE_FEATURE_SELECT, 4), word);
        assert_int_equal(rd(VP_DEVICE_FEATURE, 4), word < 2 ? offered >> (32 * word) & ~0u : 0);
        wr(VP_DEVICE_FEATURE, 4, 0xffffffff); /* read-only */
        wr(VP_DRIVER_FEATURE_SELECT, 4, word);
        wr(VP_DRIVER_FEATURE, 4, 0x1234 + word);
    }
    for (unsigned word = 0; word < 4; word++) {
        wr(VP_DRIVER_FEATURE_SELECT, 4, word);
        assert_int_equal(rd(VP_DRIVER_FEATURE, 4), word < 2 ? 0x1234 + word : 0);
    }
    assert_true(t.device.state.features == 0x123500001234);
    assert_true(t.device.state.offered == offered);
    assert_false(virtio_pci_set_up(&t.p, &t.d, 1)); /* not offered */
}

static void a_queue_is_what_is_selected(void **state)
{
    (void)state;
    for (unsigned queue = 0; queue < QUEUES; queue++) {
        assert_int_equal(virtio_pci_queue(&t.p, queue, VP_QUEUE_SIZE, 2), SIZE);
        assert_int_equal(rd(VP_QUEUE_SELECT, 2), queue);
        assert_int_equal(rd(VP_QUEUE_NOTIFY_OFF, 2), queue);
        assert_int_equal(rd(VP_QUEUE_ENABLE, 2), 0);
        assert_int_equal(rd(VP_QUEUE_RESET, 2), 0);
        assert_int_equal(rd(VP_QUEUE_VECTOR, 2), VP_NO_VECTOR);
        virtio_pci_set_queue(&t.p, queue, VP_QUEUE_SIZE, 2, 8u >> queue);
        virtio_pci_set_address(&t.p, queue, VP_QUEUE_DESC, 0x100000000 + queue);
        virtio_pci_set_address(&t.p, queue, VP_QUEUE_DRIVER, 0x200000000 + queue);
        virtio_pci_set_address(&t.p, queue, VP_QUEUE_DEVICE, 0x300000000 + queue);
    }
    for (uint32_t queue = 0; queue < QUEUES; queue++) {
        assert_int_equal(virtio_pci_queue(&t.p, queue, VP_QUEUE_SIZE, 2), 8u >> queue);
        for (unsigned i = 0; i < 3; i++) {
            assert_int_equal(rd(VP_QUEUE_DESC + 8 * i, 4), queue);
            assert_int_equal(rd(VP_QUEUE_DESC + 8 * i + 4, 4), i + 1);
            assert_int_equal(fake_memory_read(&t.pci, t.p.common + VP_QUEUE_DESC + 8 * i, 8),
                             (i + 1ull) << 32 | queue);
        }
        fake_memory_write(&t.pci, t.p.common + VP_QUEUE_DRIVER, 8, 0x1122334455667788);
        assert_true(t.device.queue[queue].state.setup.driver_address == 0x1122334455667788);
    }
}

static void a_queue_that_is_not_there_is_empty(void **state)
{
    (void)state;
    const unsigned queues[] = {QUEUES, VIRTIO_QUEUE_MAX, VIRTIO_SOURCE_CONFIG + 1, 0x8000, 0xffff};
    struct virtio_device before = t.device;
    for (unsigned i = 0; i < sizeof queues / sizeof queues[0]; i++) {
        wr(VP_QUEUE_SELECT, 2, queues[i]);
        for (unsigned offset = VP_QUEUE_SIZE; offset < VP_COMMON_BYTES; offset += 2) {
            wr(offset, 2, 1);
            wr(offset, 4, 1);
            unsigned expected = offset == VP_QUEUE_VECTOR ? VP_NO_VECTOR : 0;
            assert_int_equal(rd(offset, 2), expected);
            assert_int_equal(rd(offset, 4), 0);
        }
        assert_int_equal(rd(VP_CONFIG_VECTOR, 2), VP_NO_VECTOR);
    }
    assert_memory_equal(before.queue, t.device.queue, sizeof before.queue);
}

/* Each register at each width but its own, misaligned ones, and all beyond the structure. */
static void fields_are_accessed_as_a_whole(void **state)
{
    (void)state;
    static const uint8_t bytes[VP_COMMON_BYTES] = {
        [0x00] = 4, [0x04] = 4, [0x08] = 4, [0x0c] = 4, [0x10] = 2, [0x12] = 2, [0x14] = 1,
        [0x15] = 1, [0x16] = 2, [0x18] = 2, [0x1a] = 2, [0x1c] = 2, [0x1e] = 2, [0x20] = 4,
        [0x24] = 4, [0x28] = 4, [0x2c] = 4, [0x30] = 4, [0x34] = 4, [0x38] = 2, [0x3a] = 2};
    wr(VP_STATUS, 1, VIRTIO_ACKNOWLEDGE);
    for (unsigned offset = 0; offset < 0x1000 - 8; offset++) {
        for (unsigned width = 1; width <= 4; width *= 2) {
            if (offset >= VP_COMMON_BYTES || bytes[offset] != width) {
                fake_memory_write(&t.pci, t.p.common + offset, width, 0);
                assert_int_equal(fake_memory_read(&t.pci, t.p.common + offset, width), 0);
            }
        }
    }
    assert_int_equal(rd(VP_STATUS, 1), VIRTIO_ACKNOWLEDGE);
    assert_int_equal(virtio_pci_queue(&t.p, 0, VP_QUEUE_SIZE, 2), SIZE);
    assert_int_equal(rd(VP_ADMIN_INDEX, 2) | rd(VP_ADMIN_NUM, 2) | rd(VP_QUEUE_NOTIFY_DATA, 2), 0);
}

static void a_request_by_intx(void **state)
{
    (void)state;
    start();
    request(1);
    assert_true(t.port.line[LINE]);
    request(2);
    assert_int_equal(fake_memory_read(&t.pci, t.p.isr, 1), VIRTIO_ISR_QUEUE);
    assert_false(t.port.line[LINE]);
    assert_int_equal(fake_memory_read(&t.pci, t.p.isr, 1), 0);
    virtio_lock(&t.device);
    virtio_config_changed(&t.device);
    virtio_unlock(&t.device);
    assert_true(t.port.line[LINE]);
    fake_memory_write(&t.pci, t.p.isr, 1, 0xff); /* read-only */
    assert_int_equal(fake_memory_read(&t.pci, t.p.isr, 1), VIRTIO_ISR_CONFIG);
    assert_int_equal(t.port.changes[LINE], 4);
    expect_messages(0, 0);
}

static void a_request_by_msix(void **state)
{
    (void)state;
    enable_msix();
    assert_true(virtio_pci_set_up(&t.p, &t.d, 0));
    wr(VP_CONFIG_VECTOR, 2, 0);
    virtio_pci_set_queue(&t.p, 0, VP_QUEUE_VECTOR, 2, 3);
    virtio_pci_set_queue(&t.p, 2, VP_QUEUE_VECTOR, 2, 1);
    assert_int_equal(virtio_pci_queue(&t.p, 0, VP_QUEUE_VECTOR, 2), 3);
    virtio_pci_go(&t.p);
    request(0);
    expect_messages(1, FIRST_INTID + 3);
    request(2);
    expect_messages(2, FIRST_INTID + 1);
    request(1); /* it has no vector, and that is that */
    expect_messages(2, FIRST_INTID + 1);
    virtio_lock(&t.device);
    virtio_config_changed(&t.device);
    virtio_unlock(&t.device);
    expect_messages(3, FIRST_INTID);
    assert_int_equal(t.port.changes[LINE], 0);
}

static void vectors_that_do_not_exist_read_back_as_none(void **state)
{
    (void)state;
    const unsigned vectors[] = {QUEUES + 1, PCI_MSIX_MAX, 0x7ff, 0xfffe, 0xffff};
    for (unsigned i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        wr(VP_CONFIG_VECTOR, 2, 1);
        assert_int_equal(rd(VP_CONFIG_VECTOR, 2), 1);
        wr(VP_CONFIG_VECTOR, 2, vectors[i]);
        assert_int_equal(rd(VP_CONFIG_VECTOR, 2), VP_NO_VECTOR);
        virtio_pci_set_queue(&t.p, 1, VP_QUEUE_VECTOR, 2, QUEUES);
        assert_int_equal(rd(VP_QUEUE_VECTOR, 2), QUEUES);
        virtio_pci_set_queue(&t.p, 1, VP_QUEUE_VECTOR, 2, vectors[i]);
        assert_int_equal(rd(VP_QUEUE_VECTOR, 2), VP_NO_VECTOR);
    }
}

static void only_the_notify_address_notifies(void **state)
{
    (void)state;
    start();
    const struct fake_buffer buffer = {driver_put(&t.d, "x", 1), 1, false};
    driver_add(&t.d, 1, &buffer, 1);
    uint32_t at = t.p.notify + 1 * t.p.notify_multiplier;
    fake_memory_write(&t.pci, at, 1, 1);
    fake_memory_write(&t.pci, at, 8, 1);
    fake_memory_write(&t.pci, at + 2, 2, 1);
    fake_memory_write(&t.pci, t.p.notify, 2, 1); /* queue 0's: the address counts */
    assert_int_equal(fake_memory_read(&t.pci, at, 2), 0);
    fake_memory_write(&t.pci, t.p.notify + 4 * QUEUES, 2, 1);
    fake_memory_write(&t.pci, t.p.notify + 0xffc, 4, 1);
    uint16_t id;
    uint32_t written;
    assert_false(driver_take(&t.d, 1, &id, &written));
    fake_memory_write(&t.pci, at, 4, 0);
    assert_true(driver_take(&t.d, 1, &id, &written));
    assert_int_equal(t.device.counter[VIRTIO_COUNT_STRAY], 2);
}

static void device_configuration(void **state)
{
    (void)state;
    assert_int_equal(fake_memory_read(&t.pci, t.p.config, 4), 0xc3c2c1c0);
    assert_int_equal(fake_memory_read(&t.pci, t.p.config + 8, 8), 0); /* over the end */
    assert_int_equal(fake_memory_read(&t.pci, t.p.config + 11, 1), 0xcb);
    assert_int_equal(fake_memory_read(&t.pci, t.p.config + 12, 1), 0);
    fake_memory_write(&t.pci, t.p.config + 4, 2, 0xffffbeef);
    assert_int_equal(fake_memory_read(&t.pci, t.p.config, 8), 0xc7c6beefc3c2c1c0);
    fake_memory_write(&t.pci, t.p.config + 11, 2, 0);
    assert_int_equal(t.config[11], 0xcb);
    uint32_t generation = rd(VP_GENERATION, 1);
    virtio_lock(&t.device);
    virtio_config_changed(&t.device);
    virtio_unlock(&t.device);
    assert_int_not_equal(rd(VP_GENERATION, 1), generation);
}

static void a_reset_of_the_device_takes_all_back(void **state)
{
    (void)state;
    start();
    wr(VP_CONFIG_VECTOR, 2, 1);
    virtio_pci_set_queue(&t.p, 2, VP_QUEUE_VECTOR, 2, 2);
    request(0);
    assert_true(t.port.line[LINE]);
    wr(VP_STATUS, 1, 0);
    assert_false(t.port.line[LINE]);
    assert_int_equal(rd(VP_STATUS, 1), 0);
    assert_int_equal(rd(VP_CONFIG_VECTOR, 2), VP_NO_VECTOR);
    assert_int_equal(fake_memory_read(&t.pci, t.p.isr, 1), 0);
    assert_int_equal(virtio_pci_queue(&t.p, 2, VP_QUEUE_VECTOR, 2), VP_NO_VECTOR);
    assert_int_equal(rd(VP_QUEUE_ENABLE, 2), 0);
    start();
    request(0);
    assert_true(t.port.line[LINE]);
}

/* 4.1.4.3.1: status reads 0 only when the reset is over; so for a queue's. */
static void resets_that_take_a_while_are_waited_for(void **state)
{
    (void)state;
    start();
    t.slow = true;
    virtio_pci_set_queue(&t.p, 1, VP_QUEUE_VECTOR, 2, 1);
    wr(VP_QUEUE_RESET, 2, 1);
    assert_int_equal(rd(VP_QUEUE_RESET, 2), 1);
    assert_int_equal(rd(VP_QUEUE_ENABLE, 2), 0);
    assert_int_equal(rd(VP_QUEUE_VECTOR, 2), VP_NO_VECTOR);
    wr(VP_QUEUE_ENABLE, 2, 1);
    assert_int_equal(rd(VP_QUEUE_ENABLE, 2), 0);
    virtio_lock(&t.device);
    virtio_queue_stopped(&t.device, 1);
    virtio_unlock(&t.device);
    assert_int_equal(rd(VP_QUEUE_RESET, 2), 0);
    wr(VP_STATUS, 1, 0);
    assert_int_not_equal(rd(VP_STATUS, 1), 0);
    virtio_lock(&t.device);
    virtio_stopped(&t.device);
    virtio_unlock(&t.device);
    assert_int_equal(rd(VP_STATUS, 1), 0);
}

static void one_queue_is_reset_and_used_again(void **state)
{
    (void)state;
    start();
    request(1);
    virtio_pci_set_queue(&t.p, 1, VP_QUEUE_RESET, 2, 0); /* no effect */
    assert_int_equal(rd(VP_QUEUE_ENABLE, 2), 1);
    wr(VP_QUEUE_RESET, 2, 1);
    assert_int_equal(rd(VP_QUEUE_RESET, 2), 0);
    assert_int_equal(rd(VP_QUEUE_ENABLE, 2), 0);
    assert_int_equal(rd(VP_QUEUE_SIZE, 2), SIZE);
    struct fake_queue *q = &t.d.queue[1];
    driver_make_queue(&t.d, q, 4, t.d.features);
    virtio_pci_set_queue(&t.p, 1, VP_QUEUE_SIZE, 2, 4);
    virtio_pci_set_address(&t.p, 1, VP_QUEUE_DESC, q->descriptor_address);
    virtio_pci_set_address(&t.p, 1, VP_QUEUE_DRIVER, q->driver_address);
    virtio_pci_set_address(&t.p, 1, VP_QUEUE_DEVICE, q->device_address);
    wr(VP_QUEUE_ENABLE, 2, 2); /* only 1 enables */
    assert_int_equal(rd(VP_QUEUE_ENABLE, 2), 0);
    wr(VP_QUEUE_ENABLE, 2, 1);
    assert_int_equal(rd(VP_QUEUE_ENABLE, 2), 1);
    request(1);
    request(0);
}

static uint32_t window_read(unsigned bar, uint32_t offset, uint32_t width)
{
    fake_config_write(&t.pci, PLACE, t.p.window + 4, 1, bar);
    fake_config_write(&t.pci, PLACE, t.p.window + 8, 4, offset);
    fake_config_write(&t.pci, PLACE, t.p.window + 12, 4, width);
    return fake_config_read(&t.pci, PLACE, t.p.window + 16, 4);
}

/* 4.1.4.9: works while the BARs do not answer. */
static void the_window_in_configuration_space(void **state)
{
    (void)state;
    fake_config_write(&t.pci, PLACE, 4, 2, 0);
    uint32_t common = t.p.common - fake_bar(&t.pci, PLACE, 0);
    uint32_t config = t.p.config - fake_bar(&t.pci, PLACE, 0);
    assert_int_equal(window_read(0, common + VP_NUM_QUEUES, 2) & 0xffff, QUEUES);
    assert_int_equal(window_read(0, config, 4), 0xc3c2c1c0);
    fake_config_write(&t.pci, PLACE, t.p.window + 16, 4, 0x44332211);
    assert_int_equal(t.config[3], 0x44);
    fake_config_write(&t.pci, PLACE, t.p.window + 17, 1, 0x99); /* a byte of it: the rest stays */
    assert_int_equal(fake_memory_read(&t.pci, t.p.config, 4), 0xffffffff); /* no BAR */
    assert_int_equal(window_read(0, config, 4), 0x44339911);
    window_read(0, config + 1, 1);
    fake_config_write(&t.pci, PLACE, t.p.window + 16, 1, 0x99);
    assert_int_equal(t.config[1], 0x99);
    assert_int_equal(fake_config_read(&t.pci, PLACE, t.p.window + 16, 1), 0x99);
    window_read(0, common + VP_STATUS, 1);
    fake_config_write(&t.pci, PLACE, t.p.window + 16, 1, VIRTIO_ACKNOWLEDGE);
    assert_int_equal(t.device.state.status, VIRTIO_ACKNOWLEDGE);
    fake_config_write(&t.pci, PLACE, t.p.window + 16, 1, 0);
    assert_int_equal(t.device.state.status, 0);
}

static void the_window_shows_registers_only(void **state)
{
    (void)state;
    const struct {
        unsigned bar;
        uint32_t offset, width;
    } bad[] = {
        {0, 0x2000, 0         },
        {0, 0x2000, 3         },
        {0, 0x2000, 8         },
        {0, 0x2001, 2         },
        {0, 0x2002, 4         },
        {1, 0x2000, 4         },
        {1, 0,      4         },
        {5, 0x2000, 4         },
        {6, 0x2000, 4         },
        {9, 0x2000, 4         },
        {0, 0x4000, 4         },
        {0, ~3u,    4         },
        {0, 0x2000, 0x10000004},
        {0, 0x2000, ~0u       },
    };
    uint8_t before[CONFIG_BYTES];
    memcpy(before, t.config, sizeof before);
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        window_read(bad[i].bar, bad[i].offset, bad[i].width);
        fake_config_write(&t.pci, PLACE, t.p.window + 16, 4, 0x01020304 + i);
        assert_memory_equal(before, t.config, sizeof before);
        assert_int_equal(fake_config_read(&t.pci, PLACE, t.p.window + 16, 4), 0x01020304 + i);
    }
    assert_int_equal(fake_memory_read(&t.pci, fake_msix_table(&t.pci, PLACE), 4), 0);
}

/* The first page of each structure ends where the next one begins; nothing reaches over. */
static void the_bar_is_safe_everywhere(void **state)
{
    (void)state;
    start();
    uint32_t base = fake_bar(&t.pci, PLACE, 0);
    for (uint32_t offset = 0; offset < 0x4000; offset++) {
        if (offset % 0x1000 > 0x80 && offset % 0x1000 < 0xff0) {
            continue;
        }
        for (unsigned width = 1; width <= 8; width *= 2) {
            (void)fake_memory_read(&t.pci, base + offset, width);
            fake_memory_write(&t.pci, base + offset, width, 0x5a5a5a5a5a5a5a5a);
        }
    }
    t.slow = false;
    wr(VP_STATUS, 1, 0);
    start();
    request(0);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(it_is_a_modern_device),
        TEST(features_are_read_and_written_by_halves),
        TEST(a_queue_is_what_is_selected),
        TEST(a_queue_that_is_not_there_is_empty),
        TEST(fields_are_accessed_as_a_whole),
        TEST(a_request_by_intx),
        TEST(a_request_by_msix),
        TEST(vectors_that_do_not_exist_read_back_as_none),
        TEST(only_the_notify_address_notifies),
        TEST(device_configuration),
        TEST(a_reset_of_the_device_takes_all_back),
        TEST(resets_that_take_a_while_are_waited_for),
        TEST(one_queue_is_reset_and_used_again),
        TEST(the_window_in_configuration_space),
        TEST(the_window_shows_registers_only),
        TEST(the_bar_is_safe_everywhere),
    };
    return cmocka_run_group_tests_name("virtio over PCI", tests, NULL, NULL);
}
