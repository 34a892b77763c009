// SPDX-License-Identifier: BSD-2-Clause
#include "vmm/console.h"

#include <sel4/sel4.h>
#include <string.h>

#include "link/map.h"
#include "link/ring.h"
#include "vmm/irq.h"
#include "vmm/vmm.h"

static struct serial_link *const link_memory = (struct serial_link *)PROCESS_SERIAL_VADDR;

/* The link's ends, each with one user at a time; a device's lock may be held around them. */
static struct ring out, in;
static struct mutex out_lock = {.id = MUTEX_CONSOLE}, in_lock = {.id = MUTEX_INPUT};

static bool has_uart;
static struct virtio_console *virtio; /* NULL: the guest has none */

/* Input that the UART has not taken yet; under in_lock. */
static struct {
    uint8_t bytes[UART_PL011_FIFO_MAX];
    size_t first, count;
} input;

static size_t send(const uint8_t *bytes, size_t count)
{
    bool signal = false;
    size_t taken = 0;
    mutex_lock(&out_lock);
    do {
        taken += ring_write(&out, bytes + taken, (uint32_t)(count - taken), &signal);
    } while (taken < count && !ring_wait_for_space(&out));
    mutex_unlock(&out_lock);
    if (signal) {
        seL4_Signal(SLOT_SERIAL);
    }
    return taken;
}

/* ---- PL011 ------------------------------------------------------------------------------------
 */

/* Under the UART's lock. */
static size_t uart_transmit(void *ctx, const uint8_t *bytes, size_t count)
{
    (void)ctx;
    return send(bytes, count);
}

/* Moves bytes from the link to the UART until one is empty or the other full. */
static void pump_uart(void *ctx)
{
    (void)ctx;
    bool signal = false;
    mutex_lock(&in_lock);
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
    mutex_unlock(&in_lock);
    if (signal) {
        seL4_Signal(SLOT_SERIAL);
    }
}

/* ---- virtio console ---------------------------------------------------------------------------
 */

static size_t virtio_transmit(void *ctx, unsigned port, const uint8_t *bytes, size_t count)
{
    (void)ctx, (void)port;
    return send(bytes, count);
}

/* Under the console's lock, into the guest's memory. What the UART left over goes first. */
static size_t virtio_receive(void *ctx, unsigned port, uint8_t *bytes, size_t count)
{
    (void)ctx, (void)port;
    bool signal = false;
    mutex_lock(&in_lock);
    size_t taken = input.count < count ? input.count : count;
    memcpy(bytes, input.bytes + input.first, taken);
    input.first += taken;
    input.count -= taken;
    do {
        taken += ring_read(&in, bytes + taken, (uint32_t)(count - taken), &signal);
    } while (taken < count && !ring_wait_for_data(&in));
    mutex_unlock(&in_lock);
    if (signal) {
        seL4_Signal(SLOT_SERIAL);
    }
    return taken;
}

static bool virtio_is_open(void)
{
    bool open = false;
    if (virtio != NULL) {
        virtio_lock(&virtio->device);
        open = virtio_alive(&virtio->device) && virtio->state.port[0].is_open;
        virtio_unlock(&virtio->device);
    }
    return open;
}

/* ---- both -------------------------------------------------------------------------------------
 */

/* The UART has room again. */
static void uart_space(void *ctx)
{
    if (!virtio_is_open()) {
        pump_uart(ctx);
    }
}

void console_init(void)
{
    ring_open_producer(&out, &link_memory->out, link_memory->out_data, SERIAL_OUT_SIZE);
    ring_open_consumer(&in, &link_memory->in, link_memory->in_data, SERIAL_IN_SIZE);
}

void console_add_uart(void)
{
    static const struct uart_pl011_port port = {
        .transmit = uart_transmit,
        .set_level = irq_set_level,
        .space_available = uart_space,
        .ctx = (void *)(uintptr_t)(GIC_SPI_BASE + MAP_PL011_SPI),
    };
    uart_pl011_init(&vmm.uart, &port, MUTEX_UART);
    has_uart = true;
}

void console_add_virtio(struct virtio_console *console, const struct virtio_port *port,
                        uint32_t mutex_id)
{
    static const struct virtio_console_port far = {
        .transmit = virtio_transmit,
        .receive = virtio_receive,
    };
    virtio_console_init(console, 1, NULL, &far, &vmm.ram, port, mutex_id);
    virtio = console;
}

void console_event(void)
{
    if (has_uart) {
        uart_pl011_transmit_ready(&vmm.uart);
    }
    if (virtio_is_open()) {
        virtio_console_ready(virtio, 0);
    } else if (has_uart) {
        pump_uart(NULL);
    }
}
