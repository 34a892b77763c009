// SPDX-License-Identifier: BSD-2-Clause
#include "test/guest/hostile/guest.h"

#include <stddef.h>

enum { WAIT_TICKS_MS = 5000, VIRTIO_SLOTS = 32 };

struct rings rings;
uint64_t device;
volatile uint32_t aborts;

#define UART_DR     0x09000000ull
#define UART_FR     0x09000018ull
#define UART_TXFF   0x20u
#define VIRTIO_BASE 0x0a000000ull
#define VIRTIO_STEP 0x200ull

/* The compiler may ask for it. */
void *memset(void *to, int value, size_t size);
void *memset(void *to, int value, size_t size)
{
    volatile uint8_t *bytes = to;
    for (size_t i = 0; i < size; i++) {
        bytes[i] = (uint8_t)value;
    }
    return to;
}

uint64_t now(void)
{
    uint64_t ticks;
    __asm__ volatile("isb; mrs %0, cntvct_el0" : "=r"(ticks)::"memory");
    return ticks;
}

uint64_t machine_now(void)
{
    uint64_t ticks;
    __asm__ volatile("isb; mrs %0, cntpct_el0" : "=r"(ticks)::"memory");
    return ticks;
}

uint64_t deadline(void)
{
    uint64_t hz;
    __asm__ volatile("mrs %0, cntfrq_el0" : "=r"(hz));
    return now() + hz / 1000 * WAIT_TICKS_MS;
}

static uint32_t read_at(uint64_t address)
{
    return *(volatile uint32_t *)address;
}

uint32_t mmio_read(uint32_t offset)
{
    return read_at(device + offset);
}

void mmio_write(uint32_t offset, uint32_t value)
{
    __asm__ volatile("dmb sy" ::: "memory");
    *(volatile uint32_t *)(device + offset) = value;
}

void mmio_write64(uint32_t offset, uint64_t value)
{
    mmio_write(offset, (uint32_t)value);
    mmio_write(offset + 4, (uint32_t)(value >> 32));
}

void say(const char *text)
{
    for (; *text != '\0'; text++) {
        while ((read_at(UART_FR) & UART_TXFF) != 0) {
        }
        *(volatile uint32_t *)UART_DR = (uint8_t)*text;
    }
}

void say_number(uint64_t number)
{
    char digits[21];
    unsigned at = sizeof digits - 1;
    digits[at] = '\0';
    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number != 0);
    say(&digits[at]);
}

bool device_find_nth(uint32_t type, unsigned n)
{
    for (unsigned i = 0; i < VIRTIO_SLOTS; i++) {
        device = VIRTIO_BASE + i * VIRTIO_STEP;
        if (mmio_read(MMIO_MAGIC) != MMIO_MAGIC_VALUE) {
            break; /* they follow one another */
        }
        if (mmio_read(MMIO_DEVICE_ID) == type && n-- == 0) {
            return true;
        }
    }
    return false;
}

bool device_find(uint32_t type)
{
    return device_find_nth(type, 0);
}

bool device_reset(void)
{
    uint64_t until = deadline();
    mmio_write(MMIO_STATUS, 0);
    while (mmio_read(MMIO_STATUS) != 0) {
        if (now() > until) {
            return false;
        }
    }
    memset(&rings, 0, sizeof rings);
    return true;
}

bool device_negotiate(uint64_t features)
{
    mmio_write(MMIO_STATUS, VIRTIO_ACKNOWLEDGE);
    mmio_write(MMIO_STATUS, VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER);
    for (unsigned i = 0; i < 2; i++) {
        mmio_write(MMIO_DRIVER_FEATURES_SEL, i);
        mmio_write(MMIO_DRIVER_FEATURES, (uint32_t)(features >> (32 * i)));
    }
    mmio_write(MMIO_STATUS, VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER | VIRTIO_FEATURES_OK);
    return (mmio_read(MMIO_STATUS) & VIRTIO_FEATURES_OK) != 0;
}

void queue_set_up(uint32_t size, uint64_t descriptors, uint64_t driver, uint64_t device_area)
{
    mmio_write(MMIO_QUEUE_SEL, 0);
    mmio_write(MMIO_QUEUE_SIZE, size);
    mmio_write64(MMIO_QUEUE_DESC, descriptors);
    mmio_write64(MMIO_QUEUE_DRIVER, driver);
    mmio_write64(MMIO_QUEUE_DEVICE, device_area);
    mmio_write(MMIO_QUEUE_READY, 1);
}

void queue_open(unsigned queue, const struct rings *at)
{
    mmio_write(MMIO_QUEUE_SEL, queue);
    mmio_write(MMIO_QUEUE_SIZE, QUEUE_SIZE);
    mmio_write64(MMIO_QUEUE_DESC, (uint64_t)at->split);
    mmio_write64(MMIO_QUEUE_DRIVER, (uint64_t)&at->avail);
    mmio_write64(MMIO_QUEUE_DEVICE, (uint64_t)&at->used);
    mmio_write(MMIO_QUEUE_READY, 1);
}

void device_go(void)
{
    mmio_write(MMIO_STATUS,
               VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER | VIRTIO_FEATURES_OK | VIRTIO_DRIVER_OK);
}

bool device_start(uint64_t features)
{
    if (!device_reset() || !device_negotiate(VIRTIO_F_VERSION_1 | features)) {
        return false;
    }
    queue_open(0, &rings);
    device_go();
    return mmio_read(MMIO_STATUS) ==
           (VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER | VIRTIO_FEATURES_OK | VIRTIO_DRIVER_OK);
}

bool status_has(uint32_t bits)
{
    for (uint64_t until = deadline(); now() < until;) {
        if ((mmio_read(MMIO_STATUS) & bits) == bits) {
            return true;
        }
    }
    return false;
}

void kick(void)
{
    mmio_write(MMIO_QUEUE_NOTIFY, 0);
}

void put_desc(unsigned i, uint64_t address, uint32_t length, uint16_t flags, uint16_t next)
{
    volatile struct virtq_split_desc *desc = &rings.split[i];
    desc->address = address;
    desc->length = length;
    desc->flags = flags;
    desc->next = next;
}

void submit(uint16_t head)
{
    volatile uint16_t *index = &rings.avail.index;
    rings.avail.ring[*index % QUEUE_SIZE] = head;
    __asm__ volatile("dmb ish" ::: "memory");
    *index = (uint16_t)(*index + 1);
    kick();
}

bool wait_used(uint16_t index)
{
    for (uint64_t until = deadline(); now() < until;) {
        if (*(volatile uint16_t *)&rings.used.index == index) {
            __asm__ volatile("dmb ish" ::: "memory");
            return true;
        }
    }
    return false;
}

bool second_on(void)
{
    enum { CPU_ON_64 = 0xc4000003 & 0x7fffffff };
    extern uint8_t second_start[];
    register uint64_t x0 __asm__("x0") = 0x80000000ull | CPU_ON_64;
    register uint64_t x1 __asm__("x1") = 1;
    register uint64_t x2 __asm__("x2") = (uint64_t)second_start;
    register uint64_t x3 __asm__("x3") = 0;
    register uint64_t x7 __asm__("x7") = 0;
    x0 |= 0x40000000ull;
    __asm__ volatile("hvc #0" : "+r"(x0) : "r"(x1), "r"(x2), "r"(x3), "r"(x7) : "memory");
    return x0 == 0;
}
