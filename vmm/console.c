// SPDX-License-Identifier: BSD-2-Clause
#include "vmm/console.h"

#include <sel4/sel4.h>
#include <string.h>

#include "lib/check.h"
#include "lib/start_only.h"
#include "lib/tree_child.h"
#include "link/map.h"
#include "link/ring.h"
#include "vmm/irq.h"
#include "vmm/vmm.h"

/*
 * The links' ends, each with one user at a time; a device's lock may be held around them. The first
 * one's users are the UART and port 0 of the virtio console, so it has locks of its own.
 */
static struct channel {
    struct serial_link *link;
    struct ring out, in;
    seL4_CPtr signal;
    uint32_t size; /* of the terminal, as the guest knows it */
} channels[VIRTIO_CONSOLE_PORT_MAX];
static struct mutex out_lock = {.id = MUTEX_CONSOLE}, in_lock = {.id = MUTEX_INPUT};

static bool has_uart;
static struct virtio_console *virtio; /* NULL: the guest has none */

_Static_assert(VIRTIO_CONSOLE_PORT_MAX == 1 + PROCESS_CONSOLE_MAX, "a link for each port");

/* Input that the UART has not taken yet; under in_lock. */
static struct {
    uint8_t bytes[UART_PL011_FIFO_MAX];
    size_t first, count;
} input;

static size_t put(struct channel *channel, const uint8_t *bytes, size_t count)
{
    bool signal = false;
    size_t taken = ring_write_or_wait(&channel->out, bytes, (uint32_t)count, &signal);
    if (signal) {
        seL4_Signal(channel->signal);
    }
    return taken;
}

static size_t take(struct channel *channel, uint8_t *bytes, size_t count)
{
    bool signal = false;
    size_t taken = ring_read_or_wait(&channel->in, bytes, (uint32_t)count, &signal);
    if (signal) {
        seL4_Signal(channel->signal);
    }
    return taken;
}

static size_t send(const uint8_t *bytes, size_t count)
{
    mutex_lock(&out_lock);
    size_t taken = put(&channels[0], bytes, count);
    mutex_unlock(&out_lock);
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
            input.count = ring_read(&channels[0].in, input.bytes, sizeof input.bytes, &signal);
        }
        if (input.count == 0) {
            if (ring_wait_for_data(&channels[0].in)) {
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
    (void)ctx;
    return port == 0 ? send(bytes, count) : put(&channels[port], bytes, count);
}

/* Under the console's lock, into the guest's memory. What the UART left over goes first. */
static size_t virtio_receive(void *ctx, unsigned port, uint8_t *bytes, size_t count)
{
    (void)ctx;
    if (port != 0) {
        return take(&channels[port], bytes, count);
    }
    mutex_lock(&in_lock);
    size_t taken = input.count < count ? input.count : count;
    memcpy(bytes, input.bytes + input.first, taken);
    input.first += taken;
    input.count -= taken;
    taken += take(&channels[0], bytes + taken, count - taken);
    mutex_unlock(&in_lock);
    return taken;
}

/* The guest gets to know the size of the terminals on which its console and ports are shown. */
static void look_at_sizes(void)
{
    for (unsigned i = 0; i < virtio->port_count; i++) {
        uint32_t size = atomic_load_explicit(&channels[i].link->size, memory_order_relaxed);
        if (size != channels[i].size) {
            channels[i].size = size;
            virtio_console_resize(virtio, i, (uint16_t)size, (uint16_t)(size >> 16));
        }
    }
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

static START_ONLY void open_channel(unsigned index)
{
    struct channel *channel = &channels[index];
    channel->link =
        (struct serial_link *)(PROCESS_SERIAL_VADDR + (uint64_t)index * SERIAL_LINK_BYTES);
    channel->signal = index == 0 ? SLOT_SERIAL : SLOT_CONSOLE_BASE + index - 1;
    ring_open_producer(&channel->out, &channel->link->out, channel->link->out_data,
                       SERIAL_OUT_SIZE);
    ring_open_consumer(&channel->in, &channel->link->in, channel->link->in_data, SERIAL_IN_SIZE);
}

static enum outcome access_uart(void *state, struct access *access)
{
    return uart_pl011_access(state, access);
}

START_ONLY void console_init(void)
{
    open_channel(0);
}

START_ONLY void console_add_uart(void)
{
    static const struct uart_pl011_port port = {
        .transmit = uart_transmit,
        .set_level = irq_set_level,
        .space_available = uart_space,
        .ctx = (void *)(uintptr_t)(GIC_SPI_BASE + MAP_PL011_SPI),
    };
    uart_pl011_init(&vmm.uart, &port, MUTEX_UART);
    CHECK(bus_add(&vmm.bus, &(struct bus_window){
                                .range = {MAP_PL011_BASE, MAP_PL011_SIZE},
                                .access = access_uart,
                                .state = &vmm.uart,
    })); /* our own map: nothing overlaps */
    has_uart = true;
}

START_ONLY void console_add_virtio(struct virtio_console *console, const void *tree, int node,
                                   const struct virtio_port *port, uint32_t mutex_id)
{
    static const struct virtio_console_port far = {
        .transmit = virtio_transmit,
        .receive = virtio_receive,
    };
    static const char *names[VIRTIO_CONSOLE_PORT_MAX]; /* the first port is the console: no name */
    unsigned count = 1;
    while (count < VIRTIO_CONSOLE_PORT_MAX &&
           (names[count] = tree_list_text(tree, node, "ports", count - 1)) != NULL) {
        open_channel(count++);
    }
    virtio_console_init(console, count, names, &far, &vmm.ram, port, mutex_id);
    virtio = console;
    look_at_sizes();
}

void console_event(void)
{
    if (has_uart) {
        uart_pl011_transmit_ready(&vmm.uart);
    }
    if (virtio != NULL) {
        look_at_sizes();
        for (unsigned i = 1; i < virtio->port_count; i++) {
            virtio_console_ready(virtio, i);
        }
    }
    if (virtio_is_open()) {
        virtio_console_ready(virtio, 0);
    } else if (has_uart) {
        pump_uart(NULL);
    }
}
