// SPDX-License-Identifier: BSD-2-Clause
/*
 * Random guests and far sides against the PL011 and the PL031. What the far side got is what the
 * guest wrote, in order; what the guest reads is what the far side gave; the line is what RIS and
 * IMSC say; whoever was told to wait is called. The clock's alarm comes when next_s says, and not
 * before.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "device/rtc/rtc_pl031.h"
#include "device/uart/uart_pl011.h"
#include "lib/check.h"
#include "test/fake/input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { STEPS_MAX = 500, DR = 0x00, FR = 0x18, LCRH = 0x2c, CR = 0x30, IMSC = 0x38, RIS = 0x3c };
enum {
    FR_RXFE = 1 << 4,
    FR_TXFF = 1 << 5,
    FEN = 1 << 4,
    LBE = 1 << 7,
    RTC_RIS = 0x14,
    RTC_ICR = 0x1c
};

static struct {
    struct uart_pl011 uart;
    struct uart_pl011_port uart_port;
    uint8_t tx_next, rx_next; /* both ways carry 0, 1, 2 .. */
    uint8_t tx_expected, rx_expected;
    size_t room;
    bool uart_line, waiting;
    struct rtc_pl031 rtc;
    struct rtc_pl031_port rtc_port;
    uint64_t now_s;
    bool rtc_line;
} t;

static size_t transmit(void *ctx, const uint8_t *bytes, size_t count)
{
    (void)ctx;
    CHECK(count != 0 && count <= UART_PL011_FIFO_MAX);
    size_t taken = count < t.room ? count : t.room;
    for (size_t i = 0; i < taken; i++) {
        CHECK(bytes[i] == t.tx_expected++);
    }
    t.room -= taken;
    return taken;
}

static void set_uart_line(void *ctx, bool high)
{
    (void)ctx;
    CHECK(high != t.uart_line);
    t.uart_line = high;
}

static void space_available(void *ctx)
{
    (void)ctx;
    t.waiting = false;
}

static uint32_t uart_access(unsigned offset, unsigned width, bool is_write, uint32_t value)
{
    struct access a = {.offset = offset,
                       .value = is_write ? value : ~0ull,
                       .width_bytes = (uint8_t)width,
                       .is_write = is_write};
    CHECK(uart_pl011_access(&t.uart, &a) == OUTCOME_DONE);
    return (uint32_t)a.value;
}

static void receive(void)
{
    uint8_t bytes[40];
    size_t count = 1 + input_8() % sizeof bytes;
    for (size_t i = 0; i < count; i++) {
        bytes[i] = (uint8_t)(t.rx_next + i);
    }
    size_t taken = uart_pl011_receive(&t.uart, bytes, count);
    CHECK(taken <= count && taken <= UART_PL011_FIFO_MAX);
    t.rx_next = (uint8_t)(t.rx_next + taken);
    t.waiting = taken < count;
}

/* A flush or loop-back loses bytes by right: start to count again. */
static void forget_bytes(void)
{
    t.room = SIZE_MAX;
    uart_access(CR, 4, true, 0x301);
    uart_pl011_transmit_ready(&t.uart);
    for (unsigned i = 0; i < UART_PL011_FIFO_MAX && !(uart_access(FR, 4, false, 0) & FR_RXFE);
         i++) {
        uart_access(DR, 4, false, 0);
    }
    CHECK(uart_access(FR, 4, false, 0) & FR_RXFE);
    t.tx_expected = t.tx_next;
    t.rx_expected = t.rx_next;
}

static void guest_reads(void)
{
    bool empty = uart_access(FR, 4, false, 0) & FR_RXFE;
    uint32_t value = uart_access(DR, 4, false, 0);
    CHECK(empty ? (value & 0xff) == 0 : (value & 0xff) == t.rx_expected);
    t.rx_expected = (uint8_t)(t.rx_expected + !empty);
}

static void guest_writes(void)
{
    bool full = uart_access(FR, 4, false, 0) & FR_TXFF;
    uart_access(DR, 1, true, full ? 0xee : t.tx_next);
    t.tx_next = (uint8_t)(t.tx_next + !full);
}

/* Any register but those that move or lose bytes. */
static void guest_access(void)
{
    unsigned offset = input_8() | (input_8() & 0xf) << 8;
    unsigned width = 1u << input_8() % 4;
    bool is_write = input_8() & 1;
    uint32_t value = input_32();
    if (offset == DR) {
        return;
    }
    if (is_write && offset == LCRH) {
        if (uart_access(LCRH, 4, false, 0) & ~value & FEN) {
            forget_bytes();
        }
    }
    if (is_write && offset == CR) {
        value &= ~(uint32_t)LBE;
    }
    uart_access(offset, width, is_write, value);
}

/* What is sent comes back, as much as fits. */
static void loop_back(void)
{
    forget_bytes();
    uart_access(CR, 4, true, 0x301 | LBE);
    for (unsigned i = 0; i < 20; i++) {
        uart_access(DR, 4, true, i);
    }
    unsigned got = 0;
    for (; !(uart_access(FR, 4, false, 0) & FR_RXFE); got++) {
        CHECK((uart_access(DR, 4, false, 0) & 0xff) == got);
    }
    CHECK(got == (uart_access(LCRH, 4, false, 0) & FEN ? 16u : 1u));
    uart_access(CR, 4, true, 0x301);
}

static void uart_step(void)
{
    switch (input_8() % 8) {
    case 0:
    case 1:
        receive();
        break;
    case 2:
    case 3:
        guest_reads();
        break;
    case 4:
        guest_writes();
        break;
    case 5:
        guest_access();
        break;
    case 6:
        t.room = input_8();
        uart_pl011_transmit_ready(&t.uart);
        break;
    default:
        if (input_8() % 8 == 0) {
            loop_back();
        }
        break;
    }
    uint32_t pending = uart_access(RIS, 4, false, 0) & uart_access(IMSC, 4, false, 0);
    CHECK(t.uart_line == (pending != 0));
}

/* Nobody is left waiting: the guest reads all there is, the far side takes all. */
static void uart_end(void)
{
    uart_access(CR, 4, true, 0x301);
    t.room = SIZE_MAX;
    uart_pl011_transmit_ready(&t.uart);
    CHECK(t.tx_expected == t.tx_next);
    while (!(uart_access(FR, 4, false, 0) & FR_RXFE)) {
        guest_reads();
    }
    CHECK(t.rx_expected == t.rx_next && !t.waiting);
}

static uint64_t now_s(void *ctx)
{
    (void)ctx;
    return t.now_s;
}

static void set_rtc_line(void *ctx, bool high)
{
    (void)ctx;
    CHECK(high != t.rtc_line);
    t.rtc_line = high;
}

static void rtc_step(void)
{
    struct access a = {.offset = input_8() % 48, .width_bytes = (uint8_t)(1u << input_8() % 4)};
    a.offset = input_8() & 1 ? a.offset & ~3ull : a.offset;
    a.is_write = input_8() & 1;
    a.value = a.is_write ? input_32() >> input_8() % 32 : ~0ull;
    CHECK(rtc_pl031_access(&t.rtc, &a) == OUTCOME_DONE);
    CHECK(a.is_write || a.value >> 32 == 0);

    uint64_t next_s = rtc_pl031_next_s(&t.rtc);
    CHECK(next_s > t.now_s);
    CHECK(!t.rtc_line || next_s == RTC_PL031_NEVER);
    uint64_t pause_s = input_8() & 1 ? input_8() : input_32();
    bool due = next_s != RTC_PL031_NEVER && t.now_s + pause_s >= next_s;
    bool before = t.rtc_line;
    t.now_s += pause_s;
    rtc_pl031_tick(&t.rtc);
    CHECK(t.rtc_line == (before || due));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    memset(&t, 0, sizeof t);
    input_open(data, size);
    t.now_s = input_32();
    t.uart_port = (struct uart_pl011_port){transmit, set_uart_line, space_available, NULL};
    t.rtc_port = (struct rtc_pl031_port){now_s, set_rtc_line, NULL};
    uart_pl011_init(&t.uart, &t.uart_port, 0);
    rtc_pl031_init(&t.rtc, &t.rtc_port, 1);
    for (unsigned steps = 0; !input_over() && steps < STEPS_MAX; steps++) {
        if (input_8() & 3) {
            uart_step();
        } else {
            rtc_step();
        }
    }
    uart_end();
    return 0;
}
