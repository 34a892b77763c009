// SPDX-License-Identifier: BSD-2-Clause
#include "bench/io/driver.h"

#include "bench/guest/guest.h"
#include "lib/virtio_mmio.h"

enum {
    WINDOWS = 32,
    WINDOW_BYTES = 0x200,
    FIRST_SPI = 32 + 16, /* of QEMU's machine and of ours */
};

#define WINDOWS_BASE 0x0a000000ull

uint64_t driver_kicks, driver_interrupts;
static uint64_t device;

/* The base in a register and nothing but an offset: no write-back, which an emulator cannot decode.
 */
static uint32_t get(uint32_t offset)
{
    uint32_t value;
    __asm__ volatile("ldr %w0, [%1]" : "=r"(value) : "r"(device + offset) : "memory");
    return value;
}

static void set(uint32_t offset, uint32_t value)
{
    __asm__ volatile("dmb sy; str %w0, [%1]" ::"r"(value), "r"(device + offset) : "memory");
}

static void set_address(uint32_t offset, const volatile void *at)
{
    set(offset, (uint32_t)(uintptr_t)at);
    set(offset + 4, (uint32_t)((uintptr_t)at >> 32));
}

static bool find(uint32_t type)
{
    for (unsigned i = 0; i < WINDOWS; i++) {
        device = WINDOWS_BASE + i * WINDOW_BYTES;
        if (get(MMIO_MAGIC) == MMIO_MAGIC_VALUE && get(MMIO_DEVICE_ID) == type) {
            gic_enable(FIRST_SPI + i);
            return true;
        }
    }
    return false;
}

bool driver_open(uint32_t type, struct driver_queue *queues, unsigned queue_count,
                 uint64_t features)
{
    enum { BEGUN = VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER };
    if (!find(type)) {
        return false;
    }
    features |= VIRTIO_F_VERSION_1 | VIRTIO_F_EVENT_IDX;
    set(MMIO_STATUS, 0);
    set(MMIO_STATUS, BEGUN);
    for (unsigned i = 0; i < 2; i++) {
        set(MMIO_DEVICE_FEATURES_SEL, i);
        set(MMIO_DRIVER_FEATURES_SEL, i);
        set(MMIO_DRIVER_FEATURES, (uint32_t)(features >> (32 * i)) & get(MMIO_DEVICE_FEATURES));
    }
    set(MMIO_STATUS, BEGUN | VIRTIO_FEATURES_OK);
    for (unsigned i = 0; i < queue_count; i++) {
        queues[i].number = (uint16_t)i;
        set(MMIO_QUEUE_SEL, i);
        uint32_t most = get(MMIO_QUEUE_SIZE_MAX);
        queues[i].size = (uint16_t)(most < DRIVER_QUEUE_SIZE ? most : DRIVER_QUEUE_SIZE);
        set(MMIO_QUEUE_SIZE, queues[i].size);
        set_address(MMIO_QUEUE_DESC, queues[i].desc);
        set_address(MMIO_QUEUE_DRIVER, &queues[i].avail);
        set_address(MMIO_QUEUE_DEVICE, &queues[i].used);
        set(MMIO_QUEUE_READY, 1);
    }
    set(MMIO_STATUS, BEGUN | VIRTIO_FEATURES_OK | VIRTIO_DRIVER_OK);
    return (get(MMIO_STATUS) & (VIRTIO_FEATURES_OK | VIRTIO_NEEDS_RESET)) == VIRTIO_FEATURES_OK;
}

void driver_add(struct driver_queue *queue, unsigned place, const struct driver_buffer *buffers,
                unsigned count)
{
    unsigned first = place * DRIVER_CHAIN_MAX;
    for (unsigned i = 0; i < count; i++) {
        queue->desc[first + i] = (struct virtq_split_desc){
            .address = (uintptr_t)buffers[i].bytes,
            .length = buffers[i].length,
            .flags = (uint16_t)((buffers[i].writable ? VIRTQ_DESC_WRITE : 0) |
                                (i + 1 < count ? VIRTQ_DESC_NEXT : 0)),
            .next = (uint16_t)(first + i + 1),
        };
    }
    queue->avail.ring[queue->added++ & (queue->size - 1)] = (uint16_t)first;
}

void driver_kick(struct driver_queue *queue)
{
    uint16_t before = queue->shown, after = queue->added;
    __asm__ volatile("dmb ish" ::: "memory");
    *(volatile uint16_t *)&queue->avail.index = after;
    queue->shown = after;
    __asm__ volatile("dmb ish" ::: "memory");
    uint16_t event = (uint16_t) * (volatile uint32_t *)&queue->used.ring[queue->size].id;
    if ((uint16_t)(after - event - 1) < (uint16_t)(after - before)) {
        driver_kicks++;
        set(MMIO_QUEUE_NOTIFY, queue->number);
    }
}

static bool has_more(const struct driver_queue *queue)
{
    return *(const volatile uint16_t *)&queue->used.index != queue->taken;
}

int driver_take(struct driver_queue *queue, uint32_t *written)
{
    if (!has_more(queue)) {
        return -1;
    }
    __asm__ volatile("dmb ish" ::: "memory");
    const struct virtq_used_element *element =
        &queue->used.ring[queue->taken++ & (queue->size - 1)];
    if (written != 0) {
        *written = element->length;
    }
    return (int)(element->id / DRIVER_CHAIN_MAX);
}

bool driver_arm(struct driver_queue *queue)
{
    *(volatile uint16_t *)&queue->avail.ring[queue->size] = queue->taken;
    __asm__ volatile("dmb ish" ::: "memory");
    return !has_more(queue);
}

void driver_disarm(struct driver_queue *queue)
{
    *(volatile uint16_t *)&queue->avail.ring[queue->size] = (uint16_t)(queue->taken - 1);
}

void driver_wait(struct driver_queue *queue)
{
    irq_mask();
    while (driver_arm(queue)) {
        wait_for_interrupt();
        irq_unmask();
        __asm__ volatile("isb");
        irq_mask();
    }
    irq_unmask();
}

/* As Linux's vm_interrupt. */
void guest_interrupt(uint64_t entered, unsigned intid)
{
    (void)entered;
    if (intid == IRQ_VTIMER) {
        timer_off();
        return;
    }
    driver_interrupts++;
    set(MMIO_INTERRUPT_ACK, get(MMIO_INTERRUPT_STATUS));
}
