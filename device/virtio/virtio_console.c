// SPDX-License-Identifier: BSD-2-Clause
#include "device/virtio/virtio_console.h"

#include <string.h>

#include "lib/check.h"
#include "lib/start_only.h"

/* 5.3.3 */
#define F_SIZE        (1ull << 0)
#define F_MULTIPORT   (1ull << 1)
#define F_EMERG_WRITE (1ull << 2)

/* 5.3.2: port 0 has queues 0 and 1, port n has 2n + 2 and 2n + 3. */
enum { QUEUE_CONTROL_RECEIVE = 2, QUEUE_CONTROL_TRANSMIT = 3, QUEUE_SIZE = 64 };

enum { PIECE_BYTES = 4096 }; /* what one unit of the budget pays */

/* 5.3.6.2 */
enum event {
    DEVICE_READY = 0,
    PORT_ADD = 1,
    PORT_READY = 3,
    CONSOLE_PORT = 4,
    RESIZE = 5,
    PORT_OPEN = 6,
    PORT_NAME = 7,
};

struct control {
    uint32_t port;
    uint16_t event;
    uint16_t value;
};

static unsigned receive_queue(unsigned port)
{
    return port == 0 ? 0 : 2 * port + 2;
}

static unsigned transmit_queue(unsigned port)
{
    return receive_queue(port) + 1;
}

/* Of a queue that is not one of the two for control. */
static unsigned port_of(unsigned queue)
{
    return queue < QUEUE_CONTROL_RECEIVE ? 0 : (queue - 2) / 2;
}

/* Takes from the budget what a chain with so many bytes costs beyond its first piece. */
static void pay(unsigned *budget, uint32_t bytes)
{
    unsigned pieces = bytes / PIECE_BYTES;
    *budget -= pieces < *budget ? pieces : *budget;
}

/* Sends a chain from state->sent on. False: the far side is full, or it is not this one's turn. */
static bool send(struct virtio_console *console, unsigned port, const struct chain *chain,
                 unsigned *budget)
{
    struct virtio_console_port_state *state = &console->state.port[port];
    uint32_t length, before = state->sent;
    const uint8_t *bytes;
    while (*budget != 0 && (bytes = chain_readable_span(chain, state->sent, &length)) != NULL) {
        /* In pieces, so that one chain of 4 GiB is not one pass. */
        length = length < PIECE_BYTES ? length : PIECE_BYTES;
        size_t taken = console->far->transmit(console->far->ctx, port, bytes, length);
        CHECK(taken <= length);
        state->sent += (uint32_t)taken;
        if (taken < length) {
            return false;
        }
        pay(budget, state->sent / PIECE_BYTES != before / PIECE_BYTES ? PIECE_BYTES : 0);
        before = state->sent;
    }
    return state->sent >= chain->readable_bytes;
}

/*
 * What is not sent yet stays in the queue: the chain goes back, and `sent` says where to go on. The
 * guest may have changed it by then, to its own harm.
 */
static enum virtio_progress work_transmit(struct virtio_console *console, unsigned queue,
                                          unsigned *budget)
{
    struct virtio_device *device = &console->device;
    struct chain *chain = &device->chain;
    unsigned port = port_of(queue);
    for (; *budget != 0; --*budget) {
        if (!virtio_pop(device, queue, chain)) {
            return VIRTIO_EMPTY;
        }
        if (!send(console, port, chain, budget)) {
            virtio_unpop(device, queue, chain);
            return *budget == 0 ? VIRTIO_AGAIN : VIRTIO_BLOCKED;
        }
        console->state.port[port].sent = 0;
        virtio_push(device, queue, chain, 0);
        if (*budget == 0) {
            break;
        }
    }
    return VIRTIO_AGAIN;
}

/* Fills a chain; returns with how many bytes. */
static uint32_t fill(struct virtio_console *console, unsigned port, const struct chain *chain)
{
    const struct chain_segment *segment = chain->segment + chain->readable_count;
    uint32_t filled = 0;
    for (unsigned i = 0; i < chain->writable_count; i++) {
        uint32_t wanted = segment[i].length < PIECE_BYTES ? segment[i].length : PIECE_BYTES;
        size_t got = console->far->receive(console->far->ctx, port, segment[i].bytes, wanted);
        CHECK(got <= wanted);
        filled += (uint32_t)got;
        if (got < segment[i].length) {
            break;
        }
    }
    return filled;
}

static enum virtio_progress work_receive(struct virtio_console *console, unsigned queue,
                                         unsigned *budget)
{
    struct virtio_device *device = &console->device;
    struct chain *chain = &device->chain;
    unsigned port = port_of(queue);
    if (!console->state.port[port].is_open) {
        return VIRTIO_BLOCKED;
    }
    for (; *budget != 0; --*budget) {
        if (!virtio_pop(device, queue, chain)) {
            return VIRTIO_EMPTY;
        }
        uint32_t filled = fill(console, port, chain);
        if (filled == 0 && chain->writable_bytes != 0) {
            virtio_unpop(device, queue, chain);
            return VIRTIO_BLOCKED;
        }
        virtio_push(device, queue, chain, filled);
        pay(budget, filled);
        if (*budget == 0) {
            break;
        }
    }
    return VIRTIO_AGAIN;
}

/* One message to the guest, with what follows its head; cut to what the guest has room for. */
static uint32_t write_message(const struct virtio_console *console, unsigned port, enum event event,
                              const struct chain *chain)
{
    const struct virtio_console_port_state *state = &console->state.port[port];
    struct control head = {port, (uint16_t)event, 1};
    const uint16_t size[2] = {state->columns, state->rows};
    uint32_t written = chain_write(chain, 0, &head, sizeof head);
    if (event == PORT_NAME) {
        const char *name = console->names[port];
        written +=
            chain_write(chain, written, name, (uint32_t)strnlen(name, VIRTIO_CONSOLE_NAME_MAX));
    } else if (event == RESIZE) {
        written += chain_write(chain, written, size, sizeof size);
    }
    return written;
}

/* Sends what the ports have to say, lowest port and event first. */
static enum virtio_progress work_messages(struct virtio_console *console, unsigned *budget)
{
    struct virtio_device *device = &console->device;
    for (unsigned port = 0; port < console->port_count; port++) {
        uint8_t *messages = &console->state.port[port].messages;
        while (*messages != 0) {
            if (*budget == 0) {
                return VIRTIO_AGAIN;
            }
            if (!virtio_pop(device, QUEUE_CONTROL_RECEIVE, &device->chain)) {
                return VIRTIO_EMPTY;
            }
            enum event event = (enum event)__builtin_ctz(*messages);
            *messages &= (uint8_t)(*messages - 1);
            virtio_push(device, QUEUE_CONTROL_RECEIVE, &device->chain,
                        write_message(console, port, event, &device->chain));
            --*budget;
        }
    }
    return VIRTIO_BLOCKED;
}

static void say(struct virtio_console *console, unsigned port, unsigned events)
{
    console->state.port[port].messages |= (uint8_t)events;
    virtio_defer(&console->device, QUEUE_CONTROL_RECEIVE);
}

static void greet(struct virtio_console *console, unsigned port)
{
    const struct virtio_console_port_state *state = &console->state.port[port];
    say(console, port,
        1u << PORT_OPEN | (port == 0 ? 1u << CONSOLE_PORT : 0) |
            (console->names != NULL && console->names[port] != NULL ? 1u << PORT_NAME : 0) |
            (state->columns != 0 ? 1u << RESIZE : 0));
}

/* What is not a message of 5.3.6.2, or about a port that is not there, is ignored. */
static void obey(struct virtio_console *console, const struct control *message)
{
    unsigned port = message->port;
    if (message->event == DEVICE_READY && message->value == 1) {
        for (unsigned i = 0; i < console->port_count; i++) {
            say(console, i, 1u << PORT_ADD);
        }
    } else if (port >= console->port_count) {
        return;
    } else if (message->event == PORT_READY && message->value == 1) {
        greet(console, port);
    } else if (message->event == PORT_OPEN) {
        console->state.port[port].is_open = message->value != 0;
        virtio_defer(&console->device, receive_queue(port));
    }
}

static enum virtio_progress work_control(struct virtio_console *console, unsigned *budget)
{
    struct virtio_device *device = &console->device;
    for (; *budget != 0; --*budget) {
        struct control message;
        if (!virtio_pop(device, QUEUE_CONTROL_TRANSMIT, &device->chain)) {
            return VIRTIO_EMPTY;
        }
        uint32_t got = chain_read(&device->chain, 0, &message, sizeof message);
        virtio_push(device, QUEUE_CONTROL_TRANSMIT, &device->chain, 0);
        if (got == sizeof message) {
            obey(console, &message);
        }
    }
    return VIRTIO_AGAIN;
}

static enum virtio_progress work(struct virtio_device *device, unsigned queue, unsigned *budget)
{
    struct virtio_console *console = (struct virtio_console *)device;
    switch (queue) {
    case QUEUE_CONTROL_RECEIVE:
        return work_messages(console, budget);
    case QUEUE_CONTROL_TRANSMIT:
        return work_control(console, budget);
    default:
        return queue % 2 == 0 ? work_receive(console, queue, budget)
                              : work_transmit(console, queue, budget);
    }
}

/*
 * Without MULTIPORT there is one port, and it is open. Its size is a change of the configuration
 * then, also when it was known before: Linux only looks when it is told to.
 */
static void start(struct virtio_device *device)
{
    struct virtio_console *console = (struct virtio_console *)device;
    bool multiport = virtio_has(device, F_MULTIPORT);
    console->state.port[0].is_open = !multiport;
    if (!multiport && virtio_has(device, F_SIZE) && console->state.config.columns != 0) {
        virtio_config_changed(device);
    }
}

static bool stop(struct virtio_device *device)
{
    struct virtio_console *console = (struct virtio_console *)device;
    for (unsigned i = 0; i < console->port_count; i++) {
        struct virtio_console_port_state *port = &console->state.port[i];
        port->sent = 0;
        port->messages = 0;
        port->is_open = false;
    }
    return true;
}

static bool stop_queue(struct virtio_device *device, unsigned queue)
{
    struct virtio_console *console = (struct virtio_console *)device;
    if (queue != QUEUE_CONTROL_RECEIVE && queue != QUEUE_CONTROL_TRANSMIT && queue % 2 == 1) {
        console->state.port[port_of(queue)].sent = 0;
    }
    return true;
}

/* 5.3.4: the low byte of emerg_wr is sent at once, whatever state the device is in. */
static void config_write(struct virtio_device *device, uint32_t offset, const uint8_t *bytes,
                         uint32_t size_bytes)
{
    struct virtio_console *console = (struct virtio_console *)device;
    (void)size_bytes;
    if (offset == offsetof(struct virtio_console_config, emergency_write)) {
        console->far->transmit(console->far->ctx, 0, bytes, 1);
    }
}

static const struct virtio_ops ops = {
    .name = "console",
    .type = VIRTIO_TYPE_CONSOLE,
    .work = work,
    .start = start,
    .stop = stop,
    .stop_queue = stop_queue,
    .config_write = config_write,
};

void virtio_console_ready(struct virtio_console *console, unsigned port)
{
    CHECK(port < console->port_count);
    virtio_lock(&console->device);
    virtio_work(&console->device, transmit_queue(port));
    virtio_work(&console->device, receive_queue(port));
    virtio_unlock(&console->device);
}

void virtio_console_resize(struct virtio_console *console, unsigned port, uint16_t columns,
                           uint16_t rows)
{
    struct virtio_device *device = &console->device;
    CHECK(port < console->port_count);
    virtio_lock(device);
    struct virtio_console_port_state *state = &console->state.port[port];
    state->columns = columns;
    state->rows = rows;
    if (port == 0) {
        console->state.config.columns = columns;
        console->state.config.rows = rows;
        virtio_config_changed(device);
    }
    if (virtio_alive(device) && virtio_has(device, F_MULTIPORT)) {
        say(console, port, 1u << RESIZE);
    }
    virtio_unlock(device);
}

START_ONLY void virtio_console_init(struct virtio_console *console, unsigned port_count,
                                    const char *const *names, const struct virtio_console_port *far,
                                    const struct ram *ram, const struct virtio_port *port,
                                    uint32_t mutex_id)
{
    CHECK(port_count >= 1 && port_count <= VIRTIO_CONSOLE_PORT_MAX);
    memset(&console->state, 0, sizeof console->state);
    console->far = far;
    console->names = names;
    console->port_count = port_count;
    console->state.config.port_max = port_count;
    bool multiport = port_count > 1;
    virtio_init(&console->device, &(struct virtio_setup){
                                      .ops = &ops,
                                      .port = port,
                                      .ram = ram,
                                      .mutex_id = mutex_id,
                                      .segments = console->segments,
                                      .features = VIRTIO_FEATURES | VIRTIO_F_IN_ORDER | F_SIZE |
                                                  F_EMERG_WRITE | (multiport ? F_MULTIPORT : 0),
                                      .config = &console->state.config,
                                      .config_bytes = sizeof console->state.config,
                                      .queue_count = multiport ? 2 * port_count + 2 : 2,
                                      .queue_size = QUEUE_SIZE,
                                  });
}
