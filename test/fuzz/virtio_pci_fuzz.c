// SPDX-License-Identifier: BSD-2-Clause
/*
 * Random drivers against a virtio device that is a PCI function: registers, MSI-X, configuration
 * space, its window, and rings, from right to nonsense. After every step no lock is held, what
 * reads back is in its range, and a message is one of those that the driver put into the table. At
 * the end the driver begins again with a reset, by the book: then everything works.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "device/virtio/virtio_pci.h"
#include "lib/check.h"
#include "test/fake/input.h"
#include "test/fake/virtio_pci_driver.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { BASE = 0x10000000, PLACE = 3, QUEUES = 3, SIZE = 8, CONFIG_BYTES = 20, STEPS_MAX = 300 };
enum { DOORBELL = 0x8020040, FIRST_INTID = 80, LAST_BAR_BYTE = 0x3fff, USED_BYTES = 0x10000 };

static struct {
    struct pci pci;
    struct fake_pci_port port;
    struct fake_driver d;
    struct virtio_device device;
    struct chain_segment segments[VIRTQUEUE_SIZE_MAX];
    struct virtio_pci transport;
    struct virtio_pci_driver p;
    uint8_t config[CONFIG_BYTES];
    bool slow, made; /* resets take a while; the rings are made */
} t;

static enum virtio_progress work(struct virtio_device *device, unsigned queue, unsigned *budget)
{
    for (; *budget != 0; --*budget) {
        if (!virtio_pop(device, queue, &device->chain)) {
            return VIRTIO_EMPTY;
        }
        uint8_t byte = 0;
        chain_read(&device->chain, 0, &byte, 1);
        virtio_push(device, queue, &device->chain, chain_write(&device->chain, 0, &byte, 1));
    }
    return VIRTIO_AGAIN;
}

static bool stop(struct virtio_device *device)
{
    return !t.slow || !(device->state.status & VIRTIO_DRIVER_OK); /* else nothing is under way */
}

static bool stop_queue(struct virtio_device *device, unsigned queue)
{
    (void)device, (void)queue;
    return !t.slow;
}

static void config_write(struct virtio_device *device, uint32_t offset, const uint8_t *bytes,
                         uint32_t size_bytes)
{
    CHECK(size_bytes <= 8 && offset + size_bytes <= device->config_bytes);
    memcpy(&t.config[offset], bytes, size_bytes);
}

static const struct virtio_ops ops = {
    .name = "echo",
    .type = VIRTIO_TYPE_ENTROPY,
    .work = work,
    .stop = stop,
    .stop_queue = stop_queue,
    .config_write = config_write,
};

/* Memory is made once, and what rings and buffers use of it cleared: that is most of the time. */
static void make_driver(void)
{
    static struct fake_driver fresh;
    if (fresh.ram.host == NULL) {
        driver_init(&fresh);
    }
    t.d = fresh;
    t.d.port.ctx = &t.d;
    memset(t.d.ram.host, 0, USED_BYTES);
}

static void build(void)
{
    make_driver();
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
}

/* Any access to the BAR with the registers; most to where there are some. */
static void step_register(void)
{
    struct access a = {.width_bytes = (uint8_t)(1u << input_8() % 4), .is_write = input_8() & 1};
    unsigned low = input_8(), high = input_8();
    a.offset = (low & 0x7f) | (high & 3) << 12;
    a.offset = high & 0x80 ? (a.offset ^ low << 4 ^ high << 5) & LAST_BAR_BYTE : a.offset;
    a.offset = high & 0x40 ? a.offset : a.offset & ~(a.width_bytes - 1ull);
    a.offset -= a.offset + a.width_bytes > LAST_BAR_BYTE ? 8 : 0;
    a.value = a.is_write ? input_32() >> (input_8() & 31) : 0;
    a.offset += fake_bar(&t.pci, PLACE, VIRTIO_PCI_BAR) - BASE;
    if (a.offset < 0x2eff0000 - 8) {
        CHECK(pci_memory_access(&t.pci, &a) == OUTCOME_DONE);
        CHECK(a.is_write || a.width_bytes == 8 || a.value >> (8 * a.width_bytes) == 0);
    }
}

/* One field, at its width. */
static void step_field(void)
{
    static const uint8_t fields[] = {VP_DEVICE_FEATURE_SELECT,
                                     VP_DRIVER_FEATURE_SELECT,
                                     VP_DRIVER_FEATURE,
                                     VP_CONFIG_VECTOR,
                                     VP_QUEUE_SIZE,
                                     VP_QUEUE_VECTOR,
                                     VP_QUEUE_ENABLE,
                                     VP_QUEUE_RESET,
                                     VP_STATUS,
                                     VP_QUEUE_DESC,
                                     VP_QUEUE_DRIVER,
                                     VP_QUEUE_DEVICE};
    unsigned field = fields[input_8() % sizeof fields], queue = input_8() % (QUEUES + 1);
    uint32_t value = input_8();
    unsigned width = field == VP_STATUS                                   ? 1
                     : field >= VP_CONFIG_VECTOR && field < VP_QUEUE_DESC ? 2
                     : field == VP_QUEUE_RESET                            ? 2
                                                                          : 4;
    if (width == 4) {
        value = value & 1 ? input_32() : (uint32_t)FAKE_RAM_BASE + 16 * value;
    }
    virtio_pci_set_queue(&t.p, queue, field, width, value);
}

static void step_config_space(void)
{
    unsigned offset = input_8() & 0xfe, width = 1u << input_8() % 3;
    uint32_t value = input_32();
    fake_config_write(&t.pci, PLACE, offset & ~(width - 1), width, value);
    if (input_8() & 1) { /* where registers answer is needed for more than nonsense */
        fake_assign_all(&t.pci, BASE);
    }
}

static void step_window(void)
{
    unsigned flags = input_8();
    fake_config_write(&t.pci, PLACE, t.p.window + 4, 1, flags & 0x80 ? input_8() : 0);
    fake_config_write(&t.pci, PLACE, t.p.window + 8, 4,
                      (input_8() & 0x7f) | (flags & 3) << 12 | (flags & 0x40 ? input_32() : 0));
    fake_config_write(&t.pci, PLACE, t.p.window + 12, 4,
                      flags & 0x20 ? input_32() : 1u << input_8() % 3);
    if (flags & 0x10) {
        fake_config_write(&t.pci, PLACE, t.p.window + 16, 4, input_32());
    } else {
        fake_config_read(&t.pci, PLACE, t.p.window + 16 + (input_8() & 3), 1);
    }
}

static void step_msix(void)
{
    unsigned flags = input_8();
    if (fake_bar(&t.pci, PLACE, VIRTIO_PCI_MSIX_BAR) != BASE + 0x4000) {
        return;
    }
    fake_msix_set(&t.pci, PLACE, input_8() % (QUEUES + 2), DOORBELL, FIRST_INTID + input_8() % 16,
                  flags & 1);
    if (flags & 2) {
        fake_msix_control(&t.pci, PLACE, (uint16_t)((flags & 0x30) << 10));
    }
}

/* By the book as far as the device goes along; false, and rings of no use, if it does not. */
static bool start(uint64_t features)
{
    fake_assign_all(&t.pci, BASE);
    virtio_pci_write(&t.p, VP_STATUS, 1, 0);
    if (virtio_pci_read(&t.p, VP_STATUS, 1) != 0) {
        CHECK(t.device.state.stopping);
        return false;
    }
    t.made = virtio_pci_set_up(&t.p, &t.d, features);
    CHECK(t.made);
    virtio_pci_go(&t.p);
    return true;
}

static void step_start(void)
{
    unsigned flags = input_8();
    start((flags & 1 ? VIRTIO_F_RING_PACKED : 0) | (flags & 2 ? VIRTIO_F_EVENT_IDX : 0) |
          (flags & 4 ? VIRTIO_F_INDIRECT_DESC : 0) | (flags & 8 ? VIRTIO_F_RING_RESET : 0));
}

static void step_request(void)
{
    unsigned queue = input_8() % QUEUES, flags = input_8();
    struct fake_buffer buffers[2] = {
        {FAKE_RAM_BASE + 0x8000, 1 + (flags & 0x3f), false},
        {FAKE_RAM_BASE + 0x9000, 16,                 true },
    };
    if (flags & 0x80) {
        buffers[flags & 1].address = (uint64_t)input_32() << (flags & 0x1f);
    }
    if (t.made) {
        (void)driver_add(&t.d, queue, buffers, 2);
        virtio_pci_set_queue(&t.p, queue, VP_QUEUE_SELECT, 2, queue);
        fake_memory_write(&t.pci, t.p.notify + queue * t.p.notify_multiplier, 2, queue);
    }
}

/* The driver writes where its rings are; from here on what it reads there means nothing to it. */
static void step_scribble(void)
{
    uint64_t at = FAKE_RAM_BASE + (input_8() | (input_8() & 0xf) << 8);
    unsigned count = 1 + input_8() % 8;
    for (unsigned i = 0; i < count; i++) {
        *(uint8_t *)driver_at(&t.d, at + i, 1) = (uint8_t)input_8();
    }
    t.made = false;
    virtio_pci_write(&t.p, VP_QUEUE_SELECT, 2, count % QUEUES);
    fake_memory_write(&t.pci, t.p.notify + count % QUEUES * t.p.notify_multiplier, 2, 0);
}

/* What the device and its far side do by themselves. */
static void step_device(void)
{
    unsigned what = input_8();
    virtio_lock(&t.device);
    if (what & 1) {
        virtio_config_changed(&t.device);
    }
    if (what & 2) {
        virtio_stopped(&t.device);
    }
    if (what & 4) {
        virtio_queue_stopped(&t.device, what % QUEUES);
    }
    virtio_unlock(&t.device);
    if (what & 8) {
        t.d.deferred = false;
        virtio_run(&t.device);
    }
    t.slow = what & 0x10;
}

static void step(void)
{
    switch (input_8() % 12) {
    case 0:
    case 1:
        step_register();
        break;
    case 2:
    case 3:
        step_field();
        break;
    case 4:
        step_config_space();
        break;
    case 5:
        step_window();
        break;
    case 6:
        step_msix();
        break;
    case 7:
        step_start();
        break;
    case 8:
    case 9:
        step_request();
        break;
    case 10:
        step_scribble();
        break;
    default:
        step_device();
        break;
    }
}

static void check_all(void)
{
    CHECK(t.device.lock.users == 0 && t.pci.lock.users == 0);
    CHECK(t.device.state.vector <= QUEUES + 1);
    for (unsigned queue = 0; queue < VIRTIO_QUEUE_MAX; queue++) {
        CHECK(t.device.queue[queue].state.vector <= (queue < QUEUES ? QUEUES + 1 : 0));
    }
    bool wants = t.transport.function.state.intx;
    CHECK(!t.port.line[PLACE] || wants);
    CHECK(!wants || t.device.state.isr != 0);
    CHECK(fake_config_read(&t.pci, PLACE, 0, 4) == 0x10441af4);
}

/* The driver starts anew, all by the book, and each queue does a request with its interrupt. */
static void check_recovery(void)
{
    virtio_lock(&t.device);
    virtio_stopped(&t.device);
    virtio_unlock(&t.device);
    t.slow = false;
    CHECK(start(0));
    fake_msix_control(&t.pci, PLACE, FAKE_MSIX_ENABLE);
    for (unsigned queue = 0; queue < QUEUES; queue++) {
        fake_msix_set(&t.pci, PLACE, queue, DOORBELL, FIRST_INTID + queue, false);
        virtio_pci_set_queue(&t.p, queue, VP_QUEUE_VECTOR, 2, queue);
        uint16_t id;
        uint32_t written;
        const struct fake_buffer buffer = {FAKE_RAM_BASE + 0x8000, 1, true};
        CHECK(driver_add(&t.d, queue, &buffer, 1) != FAKE_NO_ID);
        t.port.message_count = 0;
        virtio_pci_kick(&t.p, queue);
        CHECK(driver_take(&t.d, queue, &id, &written));
        CHECK(t.port.message_count == 1 && t.port.message[0].address == DOORBELL);
        CHECK(t.port.message[0].data == FIRST_INTID + queue && !t.port.line[PLACE]);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    memset(&t, 0, sizeof t);
    input_open(data, size);
    build();
    for (unsigned steps = 0; !input_over() && steps < STEPS_MAX; steps++) {
        step();
        check_all();
    }
    check_recovery();
    return 0;
}
