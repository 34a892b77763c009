// SPDX-License-Identifier: BSD-2-Clause
#include "vmm/console.h"

#include <sel4/sel4.h>
#include <string.h>

#include "link/map.h"
#include "link/ring.h"
#include "vmm/irq.h"
#include "vmm/vmm.h"

static struct serial_link *const link_memory = (struct serial_link *)PROCESS_SERIAL_VADDR;

static struct ring out, in;

/* Input that the UART has not taken yet. The handlers and the event thread both bring it input. */
static struct {
    struct mutex lock;
    uint8_t bytes[UART_PL011_FIFO_MAX];
    size_t first, count;
} input = {.lock = {.id = MUTEX_INPUT}};

/* Under the UART's lock. */
static size_t transmit(void *ctx, const uint8_t *bytes, size_t count)
{
    (void)ctx;
    bool signal = false;
    size_t taken = 0;
    do {
        taken += ring_write(&out, bytes + taken, (uint32_t)(count - taken), &signal);
    } while (taken < count && !ring_wait_for_space(&out));
    if (signal) {
        seL4_Signal(SLOT_SERIAL);
    }
    return taken;
}

/* Moves bytes from the link to the UART until one is empty or the other full. */
static void pump_input(void *ctx)
{
    (void)ctx;
    bool signal = false;
    mutex_lock(&input.lock);
    for (;;) {
        if (input.count == 0) {
            input.first = 0;
            input.count = ring_read(&in, input.bytes, sizeof input.bytes, &signal);
        }
        if (input.count == 0) {
            if (ring_wait_for_data(&in)) {
                break;
            }
            continue;
        }
        size_t taken = uart_pl011_receive(&vmm.uart, input.bytes + input.first, input.count);
        input.first += taken;
        input.count -= taken;
        if (input.count != 0) {
            break; /* the UART says when there is room */
        }
    }
    mutex_unlock(&input.lock);
    if (signal) {
        seL4_Signal(SLOT_SERIAL);
    }
}

static const struct uart_pl011_port port = {
    .transmit = transmit,
    .set_level = irq_set_level,
    .space_available = pump_input,
    .ctx = (void *)(uintptr_t)(GIC_SPI_BASE + MAP_PL011_SPI),
};

void console_init(void)
{
    ring_open_producer(&out, &link_memory->out, link_memory->out_data, SERIAL_OUT_SIZE);
    ring_open_consumer(&in, &link_memory->in, link_memory->in_data, SERIAL_IN_SIZE);
    uart_pl011_init(&vmm.uart, &port, MUTEX_UART);
}

void console_event(void)
{
    uart_pl011_transmit_ready(&vmm.uart);
    pump_input(NULL);
}
