/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "device/access.h"
#include "lib/mutex.h"

/*
 * PrimeCell UART PL011 (Arm DDI 0183), as the guest sees it. FIFOs of 16 (so it calls itself r1p1),
 * no DMA, no modem lines but an always connected one, no baud rate: a byte is sent when the far
 * side takes it. Nothing is lost in either direction: what the far side does not take fills the
 * transmit FIFO until FR.TXFF, what the guest does not read is not taken by uart_pl011_receive.
 *
 * Threads: any thread may call any function; the UART has one lock.
 */

enum {
    UART_PL011_SIZE = 0x1000, /* of the register window, in bytes */
    UART_PL011_FIFO_MAX = 16,
};

/* What the UART needs from whoever runs it. */
struct uart_pl011_port {
    /* Sends bytes to the far side; returns how many it took. Under the lock: must not call back. */
    size_t (*transmit)(void *ctx, const uint8_t *bytes, size_t count);
    /* Drives the interrupt line, at each change. Under the lock: must not call back. */
    void (*set_level)(void *ctx, bool high);
    /*
     * The guest made room, after uart_pl011_receive had taken less than was offered. Without the
     * lock: may call uart_pl011_receive at once. May come once too often.
     */
    void (*space_available)(void *ctx);
    void *ctx;
};

/* A queue of bytes; capacity is the UART's to know (1 when FIFOs are off). */
struct uart_pl011_fifo {
    uint8_t bytes[UART_PL011_FIFO_MAX];
    uint8_t first;
    uint8_t count;
};

struct uart_pl011 {
    struct mutex lock;
    const struct uart_pl011_port *port; /* all below is plain state */
    struct uart_pl011_state {
        struct uart_pl011_fifo rx, tx;
        uint16_t interrupts; /* RIS */
        uint16_t mask;       /* IMSC */
        uint16_t control;    /* CR */
        uint16_t baud_integer, baud_fraction;
        uint8_t low_power; /* ILPR */
        uint8_t line_control;
        uint8_t fifo_levels; /* IFLS */
        bool overrun;        /* RSR.OE; shown with the next byte that is read, too */
        bool line_high;      /* what the port was told last */
        bool refused;        /* uart_pl011_receive took less than was offered */
    } state;
};

/* `port` stays the caller's and must outlive the UART; mutex_id is lock.id. Ends with a reset. */
void uart_pl011_init(struct uart_pl011 *uart, const struct uart_pl011_port *port,
                     uint32_t mutex_id);

/*
 * Reset values of DDI 0183, 3.2, but enabled (CR.UARTEN): as firmware hands it to an operating
 * system, so that the earliest console of a guest works without setting it up.
 */
void uart_pl011_reset(struct uart_pl011 *uart);

/* A register access. Reserved and misaligned ones read as zero and change nothing. */
enum outcome uart_pl011_access(struct uart_pl011 *uart, struct access *access);

/*
 * Bytes from the far side. Returns how many were taken, from the front: what fits into the FIFO,
 * none while the receiver is off. If that is not all, space_available says when to offer the rest.
 */
size_t uart_pl011_receive(struct uart_pl011 *uart, const uint8_t *bytes, size_t count);

/* The far side can take bytes again, after a transmit that it took only in part. */
void uart_pl011_transmit_ready(struct uart_pl011 *uart);
