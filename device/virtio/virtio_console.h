/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "device/virtio/virtio.h"

/*
 * The console device, VIRTIO 1.3, 5.3: byte streams, with a size, emergency write and, when there
 * is more than one port, names and opening. Nothing is lost in either direction: what the far side
 * does not take stays in the guest's buffers, what the guest has no buffer for stays with the far
 * side. (But an emergency write, which has nowhere to wait.)
 */
enum {
    VIRTIO_CONSOLE_PORT_MAX = 4,
    VIRTIO_CONSOLE_NAME_MAX = 32, /* bytes of a port's name that the guest gets */
};

/* The far side, of all ports. transmit and receive: under the device's lock, must not call back. */
struct virtio_console_port {
    /* Sends; returns how many bytes it took. If not all: virtio_console_ready follows. */
    size_t (*transmit)(void *ctx, unsigned port, const uint8_t *bytes, size_t count);
    /*
     * What the far side has for the guest, at most count bytes, right into the guest's memory;
     * returns how many. If fewer than asked for: virtio_console_ready follows when there is more.
     */
    size_t (*receive)(void *ctx, unsigned port, uint8_t *bytes, size_t count);
    void *ctx;
};

/* 5.3.4 */
struct virtio_console_config {
    uint16_t columns, rows;
    uint32_t port_max;
    uint32_t emergency_write;
};

struct virtio_console {
    struct virtio_device device;
    const struct virtio_console_port *far;
    const char *const *names; /* of port_count ports, or NULL */
    unsigned port_count;
    struct virtio_console_state {
        struct virtio_console_config config;
        struct virtio_console_port_state {
            uint32_t sent;    /* bytes of the first chain of its transmit queue that are sent */
            uint8_t messages; /* bit for each control message that the guest has to get */
            bool is_open;     /* in the guest */
            uint16_t columns, rows;
        } port[VIRTIO_CONSOLE_PORT_MAX];
    } state;
    struct chain_segment segments[VIRTQUEUE_SIZE_MAX]; /* of device.chain */
};

/* Port 0 is the guest's console (hvc0), the others are streams with the given names. */
void virtio_console_init(struct virtio_console *console, unsigned port_count,
                         const char *const *names, const struct virtio_console_port *far,
                         const struct ram *ram, const struct virtio_port *port, uint32_t mutex_id);

/* The far side of a port can take bytes again, or has some. May come too often. */
void virtio_console_ready(struct virtio_console *console, unsigned port);

/* The far side's window has this size now. */
void virtio_console_resize(struct virtio_console *console, unsigned port, uint16_t columns,
                           uint16_t rows);
