// SPDX-License-Identifier: BSD-2-Clause
#include "device/uart/uart_pl011.h"

#include <string.h>

#include "lib/check.h"
#include "lib/start_only.h"

enum {
    UARTDR = 0x000,
    UARTRSR = 0x004, /* a write: UARTECR */
    UARTFR = 0x018,
    UARTILPR = 0x020,
    UARTIBRD = 0x024,
    UARTFBRD = 0x028,
    UARTLCR_H = 0x02c,
    UARTCR = 0x030,
    UARTIFLS = 0x034,
    UARTIMSC = 0x038,
    UARTRIS = 0x03c,
    UARTMIS = 0x040,
    UARTICR = 0x044,
    UARTID = 0xfe0, /* UARTPeriphID0..3, UARTPCellID0..3 */
};

enum {
    DR_OE = 1 << 11,
    RSR_OE = 1 << 3,
    FR_CTS = 1 << 0,
    FR_DSR = 1 << 1,
    FR_DCD = 1 << 2,
    FR_BUSY = 1 << 3,
    FR_RXFE = 1 << 4,
    FR_TXFF = 1 << 5,
    FR_RXFF = 1 << 6,
    FR_TXFE = 1 << 7,
    LCR_FEN = 1 << 4,
    CR_UARTEN = 1 << 0,
    CR_LBE = 1 << 7,
    CR_TXE = 1 << 8,
    CR_RXE = 1 << 9,
    CR_BITS = 0xff87, /* the others are reserved */
    IFLS_RESET = 0x12,
    INT_RX = 1 << 4,
    INT_TX = 1 << 5,
    INT_RT = 1 << 6,
    INT_OE = 1 << 10,
    INT_BITS = 0x7ff,
};

static const uint8_t identification[] = {0x11, 0x10, 0x14, 0x00, 0x0d, 0xf0, 0x05, 0xb1};

static unsigned capacity(const struct uart_pl011_state *s)
{
    return s->line_control & LCR_FEN ? UART_PL011_FIFO_MAX : 1;
}

static void fifo_push(struct uart_pl011_fifo *fifo, uint8_t byte)
{
    CHECK(fifo->count < UART_PL011_FIFO_MAX);
    fifo->bytes[(fifo->first + fifo->count++) % UART_PL011_FIFO_MAX] = byte;
}

static void fifo_drop(struct uart_pl011_fifo *fifo, unsigned count)
{
    CHECK(count <= fifo->count);
    fifo->first = (uint8_t)((fifo->first + count) % UART_PL011_FIFO_MAX);
    fifo->count = (uint8_t)(fifo->count - count);
}

/* UARTIFLS: 1/8, 1/4, 1/2, 3/4, 7/8 of the FIFO; with FIFOs off, the one byte there is. */
static unsigned trigger(const struct uart_pl011_state *s, unsigned selection)
{
    static const uint8_t levels[8] = {2, 4, 8, 12, 14, 14, 14, 14};
    return s->line_control & LCR_FEN ? levels[selection & 7] : 1;
}

static unsigned receive_trigger(const struct uart_pl011_state *s)
{
    return trigger(s, s->fifo_levels >> 3);
}

/* The transmit interrupt wants the FIFO at or below this. */
static unsigned transmit_trigger(const struct uart_pl011_state *s)
{
    return s->line_control & LCR_FEN ? trigger(s, s->fifo_levels) : 0;
}

static void raise(struct uart_pl011_state *s, unsigned interrupts)
{
    s->interrupts = (uint16_t)(s->interrupts | interrupts);
}

static void lower(struct uart_pl011_state *s, unsigned interrupts)
{
    s->interrupts = (uint16_t)(s->interrupts & ~interrupts);
}

static void update_line(struct uart_pl011 *uart)
{
    struct uart_pl011_state *s = &uart->state;
    bool high = (s->interrupts & s->mask) != 0;
    if (high != s->line_high) {
        s->line_high = high;
        uart->port->set_level(uart->port->ctx, high);
    }
}

static bool receiver_on(const struct uart_pl011_state *s)
{
    const unsigned on = CR_UARTEN | CR_RXE;
    return (s->control & on) == on;
}

/*
 * Interrupts of bytes that arrived when there were `before`. The line is idle after them, so the
 * time-out (RT) has come, too: a guest gets every byte even below the trigger level.
 */
static void received(struct uart_pl011_state *s, unsigned before)
{
    unsigned wanted = receive_trigger(s);
    raise(s, before < wanted && s->rx.count >= wanted ? INT_RX | INT_RT : INT_RT);
}

static uint32_t read_data(struct uart_pl011_state *s)
{
    uint32_t value = s->overrun ? DR_OE : 0;
    if (s->rx.count != 0) {
        value |= s->rx.bytes[s->rx.first];
        fifo_drop(&s->rx, 1);
    }
    if (s->rx.count < receive_trigger(s)) {
        lower(s, INT_RX);
    }
    if (s->rx.count == 0) {
        lower(s, INT_RT);
    }
    return value;
}

size_t uart_pl011_receive(struct uart_pl011 *uart, const uint8_t *bytes, size_t count)
{
    struct uart_pl011_state *s = &uart->state;
    size_t taken = 0;
    mutex_lock(&uart->lock);
    if (receiver_on(s) && !(s->control & CR_LBE)) {
        unsigned before = s->rx.count;
        for (; taken < count && s->rx.count < capacity(s); taken++) {
            fifo_push(&s->rx, bytes[taken]);
        }
        if (taken != 0) {
            received(s, before);
            update_line(uart);
        }
    }
    s->refused = taken < count;
    mutex_unlock(&uart->lock);
    return taken;
}

/* CR.LBE: what is sent comes back; with nobody to hold it up, what does not fit is lost. */
static void loop_back(struct uart_pl011_state *s)
{
    unsigned before = s->rx.count;
    for (unsigned i = 0; i < s->tx.count; i++) {
        if (s->rx.count == capacity(s)) {
            s->overrun = true;
            raise(s, INT_OE);
            return;
        }
        fifo_push(&s->rx, s->tx.bytes[(s->tx.first + i) % UART_PL011_FIFO_MAX]);
    }
    received(s, before);
}

/* Takes from the front of the transmit FIFO what the far side takes, in at most two pieces. */
static unsigned send(struct uart_pl011 *uart)
{
    struct uart_pl011_state *s = &uart->state;
    unsigned sent = 0;
    while (s->tx.count != 0) {
        unsigned piece = UART_PL011_FIFO_MAX - s->tx.first;
        piece = piece < s->tx.count ? piece : s->tx.count;
        size_t taken = uart->port->transmit(uart->port->ctx, &s->tx.bytes[s->tx.first], piece);
        CHECK(taken <= piece);
        fifo_drop(&s->tx, (unsigned)taken);
        sent += (unsigned)taken;
        if (taken < piece) {
            break;
        }
    }
    return sent;
}

/*
 * Sends what can be sent. The transmit interrupt comes whenever that leaves the FIFO at or below
 * its trigger level. Real hardware has it only at the passage through that level, which a short
 * text never makes; a driver that waits for the interrupt after each byte would wait for ever.
 */
static void drain(struct uart_pl011 *uart)
{
    struct uart_pl011_state *s = &uart->state;
    const unsigned on = CR_UARTEN | CR_TXE;
    unsigned sent = 0;
    if (s->tx.count == 0 || (s->control & on) != on) {
        return;
    }
    if (s->control & CR_LBE) {
        sent = s->tx.count;
        if (receiver_on(s)) {
            loop_back(s);
        }
        fifo_drop(&s->tx, sent);
    } else {
        sent = send(uart);
    }
    if (sent != 0 && s->tx.count <= transmit_trigger(s)) {
        raise(s, INT_TX);
    }
}

/* A byte that does not fit is lost, as in hardware: the guest did not look at FR.TXFF. */
static void write_data(struct uart_pl011 *uart, uint32_t value)
{
    struct uart_pl011_state *s = &uart->state;
    if (s->tx.count < capacity(s)) {
        fifo_push(&s->tx, (uint8_t)value);
    }
    if (s->tx.count > transmit_trigger(s)) {
        lower(s, INT_TX);
    }
    drain(uart);
}

void uart_pl011_transmit_ready(struct uart_pl011 *uart)
{
    mutex_lock(&uart->lock);
    drain(uart);
    update_line(uart);
    mutex_unlock(&uart->lock);
}

static uint32_t flags(const struct uart_pl011_state *s)
{
    return FR_CTS | FR_DSR | FR_DCD | (s->tx.count == 0 ? FR_TXFE : FR_BUSY) |
           (s->tx.count >= capacity(s) ? FR_TXFF : 0u) | (s->rx.count == 0 ? FR_RXFE : 0u) |
           (s->rx.count >= capacity(s) ? FR_RXFF : 0u);
}

/* FIFOs off: this flushes both (DDI 0183, 3.3.8 wants it for a change of the line's format). */
static void write_line_control(struct uart_pl011_state *s, uint32_t value)
{
    if ((s->line_control & LCR_FEN) && !(value & LCR_FEN)) {
        s->rx = s->tx = (struct uart_pl011_fifo){0};
        lower(s, INT_RX | INT_RT);
    }
    s->line_control = (uint8_t)value;
}

static uint32_t read_register(struct uart_pl011_state *s, unsigned offset)
{
    switch (offset) {
    case UARTDR:
        return read_data(s);
    case UARTRSR:
        return s->overrun ? RSR_OE : 0;
    case UARTFR:
        return flags(s);
    case UARTILPR:
        return s->low_power;
    case UARTIBRD:
        return s->baud_integer;
    case UARTFBRD:
        return s->baud_fraction;
    case UARTLCR_H:
        return s->line_control;
    case UARTCR:
        return s->control;
    case UARTIFLS:
        return s->fifo_levels;
    case UARTIMSC:
        return s->mask;
    case UARTRIS:
        return s->interrupts;
    case UARTMIS:
        return s->interrupts & s->mask;
    default:
        return offset >= UARTID ? identification[(offset - UARTID) / 4] : 0;
    }
}

static void write_register(struct uart_pl011 *uart, unsigned offset, uint32_t value)
{
    struct uart_pl011_state *s = &uart->state;
    switch (offset) {
    case UARTDR:
        write_data(uart, value);
        break;
    case UARTRSR:
        s->overrun = false;
        break;
    case UARTILPR:
        s->low_power = (uint8_t)value;
        break;
    case UARTIBRD:
        s->baud_integer = (uint16_t)value;
        break;
    case UARTFBRD:
        s->baud_fraction = value & 0x3f;
        break;
    case UARTLCR_H:
        write_line_control(s, value);
        break;
    case UARTCR:
        s->control = value & CR_BITS;
        drain(uart);
        break;
    case UARTIFLS:
        s->fifo_levels = value & 0x3f;
        break;
    case UARTIMSC:
        s->mask = value & INT_BITS;
        break;
    case UARTICR:
        lower(s, value);
        break;
    default:
        break;
    }
}

enum outcome uart_pl011_access(struct uart_pl011 *uart, struct access *access)
{
    if (access->offset >= UART_PL011_SIZE) {
        return OUTCOME_UNHANDLED;
    }
    /* The bus is 32 bits wide, the registers 16 at most: narrower accesses have all that is there.
     */
    if (access->offset % 4 != 0 || access->width_bytes > 4) {
        access->value = access->is_write ? access->value : 0;
        return OUTCOME_DONE;
    }
    struct uart_pl011_state *s = &uart->state;
    uint32_t mask = access->width_bytes == 4 ? ~0u : (1u << (8 * access->width_bytes)) - 1;
    mutex_lock(&uart->lock);
    if (access->is_write) {
        write_register(uart, (unsigned)access->offset, (uint32_t)access->value & mask);
    } else {
        access->value = read_register(s, (unsigned)access->offset) & mask;
    }
    update_line(uart);
    /* Not at each byte that is read, but when all are: the next piece then is a whole FIFO. */
    bool space = s->refused && s->rx.count == 0 && receiver_on(s) && !(s->control & CR_LBE);
    if (space) {
        s->refused = false;
    }
    mutex_unlock(&uart->lock);
    if (space) {
        uart->port->space_available(uart->port->ctx);
    }
    return OUTCOME_DONE;
}

void uart_pl011_reset(struct uart_pl011 *uart)
{
    struct uart_pl011_state *s = &uart->state;
    mutex_lock(&uart->lock);
    bool line_high = s->line_high;
    bool refused = s->refused;
    *s = (struct uart_pl011_state){
        .control = CR_UARTEN | CR_TXE | CR_RXE,
        .fifo_levels = IFLS_RESET,
        .line_high = line_high,
    };
    update_line(uart);
    mutex_unlock(&uart->lock);
    if (refused) {
        uart->port->space_available(uart->port->ctx);
    }
}

START_ONLY void uart_pl011_init(struct uart_pl011 *uart, const struct uart_pl011_port *port,
                                uint32_t mutex_id)
{
    memset(uart, 0, sizeof *uart);
    uart->lock.id = mutex_id;
    uart->port = port;
    uart_pl011_reset(uart);
}
