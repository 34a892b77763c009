// SPDX-License-Identifier: BSD-2-Clause
/* Arm PrimeCell UART PL011 (Arm DDI 0183). */
#include "service/serial/driver.h"

enum {
    DR = 0x000,
    FR = 0x018,
    LCR_H = 0x02c,
    CR = 0x030,
    IFLS = 0x034,
    IMSC = 0x038,
    ICR = 0x044,
};

enum {
    DR_FRAMING = 1 << 8,
    DR_PARITY = 1 << 9,
    DR_BREAK = 1 << 10,
    DR_OVERRUN = 1 << 11,

    FR_BUSY = 1 << 3,
    FR_RX_EMPTY = 1 << 4,
    FR_TX_FULL = 1 << 5,
    FR_TX_EMPTY = 1 << 7,

    LCR_H_FIFO = 1 << 4,
    LCR_H_8_BITS = 3 << 5,

    CR_ENABLE = 1 << 0,
    CR_TX = 1 << 8,
    CR_RX = 1 << 9,

    IFLS_TX_QUARTER = 1 << 0, /* interrupt when the FIFO has drained to a quarter */
    IFLS_RX_HALF = 2 << 3,

    INT_RX = 1 << 4,
    INT_TX = 1 << 5,
    INT_RX_TIMEOUT = 1 << 6,
    INT_ALL = 0x7ff,
};

enum {
    FIFO_BYTES = 16,       /* of every revision at least (32 from r1p5 on) */
    DRAIN_POLLS = 1000000, /* a UART that is busy for longer will not get better */
};

static volatile uint32_t *registers;
static uint32_t listening; /* our copy of IMSC */
static uint64_t error_count;

static uint32_t get(uint32_t offset)
{
    return registers[offset / 4];
}

static void set(uint32_t offset, uint32_t value)
{
    registers[offset / 4] = value;
}

void driver_init(uintptr_t base)
{
    registers = (volatile uint32_t *)base;
    set(IMSC, 0);
    /* DDI 0183, 3.3.8: disable and let the last character out before the line control is changed.
     */
    for (unsigned i = 0; i < DRAIN_POLLS && (get(FR) & FR_BUSY) != 0; i++) {
    }
    set(CR, 0);
    set(LCR_H, LCR_H_FIFO | LCR_H_8_BITS);
    set(IFLS, IFLS_TX_QUARTER | IFLS_RX_HALF);
    set(ICR, INT_ALL);
    set(CR, CR_ENABLE | CR_TX | CR_RX);
    listening = 0;
}

uint32_t driver_read(uint8_t *bytes, uint32_t size)
{
    uint32_t count = 0;
    while (count < size && (get(FR) & FR_RX_EMPTY) == 0) {
        uint32_t data = get(DR);
        if ((data & (DR_FRAMING | DR_PARITY | DR_OVERRUN)) != 0) {
            error_count++;
        }
        /* An overrun is about a later character; the others make this one useless. */
        if ((data & (DR_FRAMING | DR_PARITY | DR_BREAK)) == 0) {
            bytes[count++] = (uint8_t)data;
        }
    }
    return count;
}

uint32_t driver_write(const uint8_t *bytes, uint32_t size)
{
    uint32_t sent = 0;
    while (sent < size) {
        uint32_t status = get(FR);
        uint32_t room = (status & FR_TX_EMPTY) != 0 ? FIFO_BYTES : (status & FR_TX_FULL) == 0;
        if (room == 0) {
            break;
        }
        for (; room != 0 && sent < size; room--) {
            set(DR, bytes[sent++]);
        }
    }
    return sent;
}

/*
 * Neither receive interrupt is ever cleared by ICR: reading the FIFO does it, and one that is
 * cleared with bytes in the FIFO would not come again for them. The same goes for the transmit
 * interrupt and filling the FIFO; it comes only after the FIFO has been full, which is when we ask
 * for it.
 */
void driver_listen(bool receive, bool send)
{
    uint32_t wanted = (receive ? INT_RX | INT_RX_TIMEOUT : 0u) | (send ? INT_TX : 0u);
    if (wanted != listening) {
        listening = wanted;
        set(IMSC, wanted);
    }
}

uint64_t driver_error_count(void)
{
    return error_count;
}
