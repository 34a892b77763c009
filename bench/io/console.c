// SPDX-License-Identifier: BSD-2-Clause
/* Output, per byte: by the virtio console in pieces of a page and of a line, and by the PL011. */
#include "bench/guest/guest.h"
#include "bench/io/driver.h"

enum { TRANSMIT = 1, PAGE = 4096, LINE = 64, ROUNDS = 2, PAGES = 64, LINES = 64, BYTES = 256 };

static struct driver_queue queues[2];
static char text[PAGE];

__attribute__((noinline)) static void write(uint32_t bytes)
{
    const struct driver_buffer buffer = {text, bytes, false};
    driver_add(&queues[TRANSMIT], 0, &buffer, 1);
    driver_disarm(&queues[TRANSMIT]);
    driver_kick(&queues[TRANSMIT]);
    while (driver_take(&queues[TRANSMIT], 0) < 0) {
        driver_wait(&queues[TRANSMIT]);
    }
}

static uint64_t best_of(unsigned count, uint32_t bytes)
{
    uint64_t best = UINT64_MAX;
    for (unsigned round = 0; round < ROUNDS; round++) {
        uint64_t started = counter();
        for (unsigned i = 0; i < count; i++) {
            write(bytes);
        }
        uint64_t ticks = counter() - started;
        best = ticks < best ? ticks : best;
    }
    return best;
}

static void by_uart(void)
{
    uint64_t started = counter();
    for (unsigned i = 0; i < BYTES; i++) {
        *(volatile uint32_t *)UART_BASE = (uint8_t)text[i];
    }
    say_result("pl011_byte", counter() - started, BYTES);
}

void guest_main(uint64_t tree)
{
    (void)tree;
    gic_open();
    irq_unmask();
    for (unsigned i = 0; i < PAGE; i++) {
        text[i] = i % LINE == LINE - 1 ? '\n' : '.';
    }
    by_uart();
    if (!driver_open(VIRTIO_TYPE_CONSOLE, queues, 2, 0)) {
        say("no console");
        say_end();
    }
    uint64_t pages = best_of(PAGES, PAGE), lines = best_of(LINES, LINE);
    say_result("virtio_byte", pages, PAGES * PAGE);
    say_result("virtio_byte_line", lines, LINES * LINE);
    say_end();
}
