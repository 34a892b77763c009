// SPDX-License-Identifier: BSD-2-Clause
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
// clang-format on

#include <string.h>

#include "device/uart/uart_pl011.h"

enum {
    DR = 0x00,
    RSR = 0x04,
    FR = 0x18,
    ILPR = 0x20,
    IBRD = 0x24,
    FBRD = 0x28,
    LCRH = 0x2c,
    CR = 0x30,
    IFLS = 0x34,
    IMSC = 0x38,
    RIS = 0x3c,
    MIS = 0x40,
    ICR = 0x44,
    DMACR = 0x48,

    FR_LINES = 7,
    FR_BUSY = 1 << 3,
    FR_RXFE = 1 << 4,
    FR_TXFF = 1 << 5,
    FR_RXFF = 1 << 6,
    FR_TXFE = 1 << 7,
    RX = 1 << 4,
    TX = 1 << 5,
    RT = 1 << 6,
    OE = 1 << 10,
    FEN = 1 << 4,
    LBE = 1 << 7,
    ON = 0x301,
};

/* The far side: takes `room` bytes, offers `paste` from `pasted` on. */
static struct {
    struct uart_pl011 uart;
    struct uart_pl011_port port;
    uint8_t sent[256];
    size_t sent_count, room;
    bool line;
    unsigned line_changes, space_calls;
    const uint8_t *paste;
    size_t paste_size, pasted;
} t;

static size_t transmit(void *ctx, const uint8_t *bytes, size_t count)
{
    (void)ctx;
    assert_true(count > 0 && count <= UART_PL011_FIFO_MAX);
    size_t taken = count < t.room ? count : t.room;
    memcpy(t.sent + t.sent_count, bytes, taken);
    t.sent_count += taken;
    t.room -= taken;
    return taken;
}

static void set_level(void *ctx, bool high)
{
    (void)ctx;
    assert_true(high != t.line);
    t.line = high;
    t.line_changes++;
}

static void space_available(void *ctx)
{
    (void)ctx;
    t.space_calls++;
    if (t.paste != NULL) {
        t.pasted += uart_pl011_receive(&t.uart, t.paste + t.pasted, t.paste_size - t.pasted);
    }
}

static uint32_t rd(unsigned offset)
{
    struct access a = {.offset = offset, .value = ~0ull, .width_bytes = 4};
    assert_int_equal(uart_pl011_access(&t.uart, &a), OUTCOME_DONE);
    assert_int_equal(a.value >> 32, 0);
    return (uint32_t)a.value;
}

static void wr(unsigned offset, uint32_t value)
{
    struct access a = {.offset = offset, .value = value, .width_bytes = 4, .is_write = true};
    assert_int_equal(uart_pl011_access(&t.uart, &a), OUTCOME_DONE);
}

static size_t receive(const char *text)
{
    return uart_pl011_receive(&t.uart, (const uint8_t *)text, strlen(text));
}

static int set_up(void **state)
{
    (void)state;
    memset(&t, 0, sizeof t);
    t.port = (struct uart_pl011_port){transmit, set_level, space_available, NULL};
    t.room = sizeof t.sent;
    uart_pl011_init(&t.uart, &t.port, 9);
    assert_int_equal(t.uart.lock.id, 9);
    return 0;
}

static void reset_values(void **state)
{
    (void)state;
    const struct {
        unsigned offset;
        uint32_t value;
    } want[] = {
        {DR,    0                           },
        {RSR,   0                           },
        {FR,    FR_LINES | FR_RXFE | FR_TXFE},
        {ILPR,  0                           },
        {IBRD,  0                           },
        {FBRD,  0                           },
        {LCRH,  0                           },
        {CR,    ON                          },
        {IFLS,  0x12                        },
        {IMSC,  0                           },
        {RIS,   0                           },
        {MIS,   0                           },
        {ICR,   0                           },
        {DMACR, 0                           }
    };
    for (unsigned i = 0; i < sizeof want / sizeof want[0]; i++) {
        assert_int_equal(rd(want[i].offset), want[i].value);
    }
}

static void registers_keep_the_bits_that_they_have(void **state)
{
    (void)state;
    const struct {
        unsigned offset;
        uint32_t bits;
    } want[] = {
        {ILPR, 0xff  },
        {IBRD, 0xffff},
        {FBRD, 0x3f  },
        {LCRH, 0xff  },
        {CR,   0xff87},
        {IFLS, 0x3f  },
        {IMSC, 0x7ff }
    };
    for (unsigned i = 0; i < sizeof want / sizeof want[0]; i++) {
        wr(want[i].offset, ~0u);
        assert_int_equal(rd(want[i].offset), want[i].bits);
        wr(want[i].offset, 0);
        assert_int_equal(rd(want[i].offset), 0);
    }
}

static void reserved_and_read_only_registers_ignore_writes(void **state)
{
    (void)state;
    for (unsigned offset = DMACR; offset < 0xfe0; offset += 4) {
        wr(offset, ~0u);
        assert_int_equal(rd(offset), 0);
    }
    const unsigned reserved[] = {0x08, 0x0c, 0x10, 0x14, 0x1c};
    for (unsigned i = 0; i < 5; i++) {
        wr(reserved[i], ~0u);
        assert_int_equal(rd(reserved[i]), 0);
    }
    wr(FR, 0);
    wr(RIS, ~0u);
    wr(MIS, ~0u);
    assert_int_equal(rd(FR), FR_LINES | FR_RXFE | FR_TXFE);
    assert_int_equal(rd(RIS), 0);
}

/* Linux takes the depth of the FIFO from the revision in PeriphID2. */
static void identification(void **state)
{
    (void)state;
    const uint8_t ids[] = {0x11, 0x10, 0x14, 0x00, 0x0d, 0xf0, 0x05, 0xb1};
    for (unsigned i = 0; i < 8; i++) {
        wr(0xfe0 + 4 * i, 0xff);
        assert_int_equal(rd(0xfe0 + 4 * i), ids[i]);
    }
}

static void widths_and_alignments(void **state)
{
    (void)state;
    struct access a = {
        .offset = DR, .value = 0x4142434445464748, .width_bytes = 1, .is_write = true};
    assert_int_equal(uart_pl011_access(&t.uart, &a), OUTCOME_DONE);
    a.width_bytes = 2;
    assert_int_equal(uart_pl011_access(&t.uart, &a), OUTCOME_DONE);
    assert_memory_equal(t.sent, "HH", 2);
    a.width_bytes = 8;
    assert_int_equal(uart_pl011_access(&t.uart, &a), OUTCOME_DONE);
    a = (struct access){.offset = IBRD + 1, .value = 7, .width_bytes = 1, .is_write = true};
    assert_int_equal(uart_pl011_access(&t.uart, &a), OUTCOME_DONE);
    assert_int_equal(t.sent_count, 2);
    assert_int_equal(rd(IBRD), 0);
    a = (struct access){.offset = CR, .value = ~0ull, .width_bytes = 1};
    assert_int_equal(uart_pl011_access(&t.uart, &a), OUTCOME_DONE);
    assert_int_equal(a.value, 0x01);
    a = (struct access){.offset = CR + 1, .value = ~0ull, .width_bytes = 1};
    assert_int_equal(uart_pl011_access(&t.uart, &a), OUTCOME_DONE);
    assert_int_equal(a.value, 0);
    a = (struct access){.offset = UART_PL011_SIZE, .width_bytes = 4};
    assert_int_equal(uart_pl011_access(&t.uart, &a), OUTCOME_UNHANDLED);
}

static void a_byte_is_sent_at_once_even_before_any_setup(void **state)
{
    (void)state;
    wr(DR, 'x');
    assert_int_equal(t.sent_count, 1);
    assert_int_equal(t.sent[0], 'x');
    assert_int_equal(rd(FR), FR_LINES | FR_RXFE | FR_TXFE);
}

static void what_the_far_side_does_not_take_fills_the_fifo(void **state)
{
    (void)state;
    wr(LCRH, FEN);
    t.room = 1;
    for (unsigned i = 0; i < 17; i++) {
        assert_int_equal(rd(FR) & FR_TXFF, 0);
        wr(DR, 'a' + i);
    }
    assert_int_equal(rd(FR) & (FR_TXFF | FR_TXFE | FR_BUSY), FR_TXFF | FR_BUSY);
    wr(DR, '!'); /* the guest did not look: lost, as in hardware */
    t.room = 3;
    uart_pl011_transmit_ready(&t.uart);
    assert_int_equal(rd(FR) & (FR_TXFF | FR_TXFE | FR_BUSY), FR_BUSY);
    t.room = 100;
    uart_pl011_transmit_ready(&t.uart);
    assert_int_equal(rd(FR) & (FR_TXFF | FR_TXFE | FR_BUSY), FR_TXFE);
    assert_memory_equal(t.sent, "abcdefghijklmnopq", 17);
    assert_int_equal(t.sent_count, 17);
}

static void without_fifos_one_byte_fits(void **state)
{
    (void)state;
    t.room = 0;
    wr(DR, 'a');
    assert_int_equal(rd(FR) & FR_TXFF, FR_TXFF);
    wr(DR, 'b');
    assert_int_equal(rd(RIS) & TX, 0);
    t.room = 9;
    uart_pl011_transmit_ready(&t.uart);
    assert_int_equal(t.sent_count, 1);
    assert_int_equal(rd(RIS) & TX, TX);
}

static void the_transmit_interrupt_comes_at_the_trigger_level(void **state)
{
    (void)state;
    const uint8_t levels[] = {2, 4, 8, 12, 14};
    for (unsigned selection = 0; selection < 5; selection++) {
        set_up(NULL);
        wr(LCRH, FEN);
        wr(IFLS, selection);
        wr(IMSC, TX);
        t.room = 0;
        for (unsigned i = 0; i < 16; i++) {
            wr(DR, 'a');
        }
        t.room = 16u - levels[selection] - 1;
        uart_pl011_transmit_ready(&t.uart);
        assert_false(t.line);
        t.room = 1;
        uart_pl011_transmit_ready(&t.uart);
        assert_true(t.line);
        assert_int_equal(rd(MIS), TX);
        wr(ICR, TX);
        assert_false(t.line);
        t.room = 1;
        uart_pl011_transmit_ready(&t.uart);
        assert_true(t.line);
        t.room = 0;
        wr(DR, 'a');
        wr(DR, 'a');
        assert_false(t.line); /* above the level again */
    }
}

/* A driver that waits for the interrupt after every byte must not wait for ever. */
static void each_byte_that_is_sent_raises_the_transmit_interrupt(void **state)
{
    (void)state;
    wr(LCRH, FEN);
    wr(IMSC, TX);
    assert_false(t.line);
    for (unsigned i = 0; i < 3; i++) {
        wr(DR, 'a');
        assert_true(t.line);
        wr(ICR, TX);
        assert_false(t.line);
    }
}

static void a_transmitter_that_is_off_keeps_its_bytes(void **state)
{
    (void)state;
    const uint32_t off[] = {ON & ~1u, ON & ~0x100u};
    for (unsigned i = 0; i < 2; i++) {
        set_up(NULL);
        wr(LCRH, FEN);
        wr(CR, off[i]);
        wr(DR, 'a');
        wr(DR, 'b');
        uart_pl011_transmit_ready(&t.uart);
        assert_int_equal(t.sent_count, 0);
        assert_int_equal(rd(FR) & FR_TXFE, 0);
        wr(CR, ON);
        assert_int_equal(t.sent_count, 2);
    }
}

static void the_receive_fifo_is_16_deep(void **state)
{
    (void)state;
    wr(LCRH, FEN);
    assert_int_equal(receive("0123456789abcdefgh"), 16);
    assert_int_equal(rd(FR) & (FR_RXFF | FR_RXFE), FR_RXFF);
    assert_int_equal(receive("x"), 0);
    for (unsigned i = 0; i < 16; i++) {
        assert_int_equal(rd(DR), "0123456789abcdef"[i]);
        assert_int_equal(rd(FR) & FR_RXFF, 0);
    }
    assert_int_equal(rd(FR) & FR_RXFE, FR_RXFE);
    assert_int_equal(rd(DR), 0);
}

static void without_fifos_one_byte_is_received(void **state)
{
    (void)state;
    wr(IMSC, RX);
    assert_int_equal(receive("ab"), 1);
    assert_true(t.line);
    assert_int_equal(rd(FR) & FR_RXFF, FR_RXFF);
    assert_int_equal(rd(DR), 'a');
    assert_false(t.line);
    assert_int_equal(t.space_calls, 1);
    assert_int_equal(receive("b"), 1);
    assert_int_equal(rd(DR), 'b');
    assert_int_equal(t.space_calls, 1);
}

static void the_receive_interrupt_comes_at_the_trigger_level(void **state)
{
    (void)state;
    const uint8_t levels[] = {2, 4, 8, 12, 14};
    for (unsigned selection = 0; selection < 5; selection++) {
        set_up(NULL);
        wr(LCRH, FEN);
        wr(IFLS, selection << 3);
        wr(IMSC, RX);
        for (unsigned i = 1; i < levels[selection]; i++) {
            assert_int_equal(receive("a"), 1);
            assert_false(t.line);
        }
        assert_int_equal(receive("a"), 1);
        assert_true(t.line);
        rd(DR);
        assert_false(t.line);
        assert_int_equal(receive("a"), 1);
        assert_true(t.line);
        wr(ICR, RX);
        assert_false(t.line);
        assert_int_equal(receive("a"), 1); /* no passage through the level */
        assert_false(t.line);
    }
}

static void the_time_out_covers_what_is_below_the_level(void **state)
{
    (void)state;
    wr(LCRH, FEN);
    wr(IMSC, RT);
    receive("ab");
    assert_true(t.line);
    assert_int_equal(rd(MIS), RT);
    rd(DR);
    assert_true(t.line);
    rd(DR);
    assert_false(t.line);
    receive("c");
    wr(ICR, RT);
    assert_false(t.line);
    assert_int_equal(rd(DR), 'c');
}

static void masks_gate_the_line_and_only_the_line(void **state)
{
    (void)state;
    wr(LCRH, FEN);
    receive("a");
    assert_int_equal(rd(RIS), RT);
    assert_int_equal(rd(MIS), 0);
    assert_false(t.line);
    wr(IMSC, RT);
    assert_true(t.line);
    wr(IMSC, RX | TX);
    assert_false(t.line);
    assert_int_equal(rd(RIS), RT);
}

static void a_receiver_that_is_off_takes_nothing_and_asks_again(void **state)
{
    (void)state;
    const uint32_t off[] = {ON & ~1u, ON & ~0x200u};
    for (unsigned i = 0; i < 2; i++) {
        set_up(NULL);
        wr(CR, off[i]);
        assert_int_equal(receive("a"), 0);
        assert_int_equal(t.space_calls, 0);
        wr(CR, ON);
        assert_int_equal(t.space_calls, 1);
        assert_int_equal(receive("a"), 1);
    }
}

static void turning_fifos_off_flushes_them(void **state)
{
    (void)state;
    wr(LCRH, FEN);
    wr(IMSC, RX | RT);
    t.room = 0;
    wr(DR, 'a');
    assert_int_equal(receive("0123456789abcdefX"), 16);
    assert_true(t.line);
    wr(LCRH, 0);
    assert_false(t.line);
    assert_int_equal(rd(FR) & (FR_RXFE | FR_TXFE), FR_RXFE | FR_TXFE);
    assert_int_equal(t.space_calls, 1);
}

/* 100 kB pasted while the guest reads as Linux does: all there is, at each interrupt. */
static void a_paste_of_100_kb_loses_nothing(void **state)
{
    (void)state;
    static uint8_t paste[100000];
    for (unsigned i = 0; i < sizeof paste; i++) {
        paste[i] = (uint8_t)(i * 7 + i / 251);
    }
    wr(LCRH, FEN);
    wr(IMSC, RX | RT);
    t.paste = paste;
    t.paste_size = sizeof paste;
    t.pasted = uart_pl011_receive(&t.uart, paste, sizeof paste);
    size_t got = 0;
    while (t.line) {
        for (unsigned batch = 0; batch < 256 && !(rd(FR) & FR_RXFE); batch++) {
            assert_int_equal(rd(DR), paste[got++]);
        }
    }
    assert_int_equal(got, sizeof paste);
    assert_true(t.space_calls <=
                sizeof paste / UART_PL011_FIFO_MAX + 1); /* not one for each byte */
}

static void loop_back_returns_what_is_sent(void **state)
{
    (void)state;
    wr(LCRH, FEN);
    wr(CR, ON | LBE);
    assert_int_equal(receive("x"), 0);
    wr(DR, 'a');
    wr(DR, 'b');
    assert_int_equal(t.sent_count, 0);
    assert_int_equal(rd(DR), 'a');
    assert_int_equal(rd(DR), 'b');
    assert_int_equal(t.space_calls, 0);
    wr(CR, ON);
    assert_int_equal(t.space_calls, 1);
}

static void an_overrun_is_reported(void **state)
{
    (void)state;
    wr(CR, ON | LBE);
    wr(IMSC, OE);
    wr(DR, 'a');
    assert_false(t.line);
    wr(DR, 'b');
    assert_true(t.line);
    assert_int_equal(rd(MIS), OE);
    assert_int_equal(rd(RSR), 8);
    assert_int_equal(rd(DR), 'a' | 1 << 11);
    wr(RSR, 0);
    assert_int_equal(rd(RSR), 0);
    wr(ICR, OE);
    assert_false(t.line);
}

static void a_reset_forgets_all_and_lowers_the_line(void **state)
{
    (void)state;
    wr(LCRH, FEN);
    wr(IMSC, RX | RT);
    t.room = 0;
    wr(DR, 'a');
    receive("0123456789abcdefX");
    assert_true(t.line);
    uart_pl011_reset(&t.uart);
    assert_false(t.line);
    assert_int_equal(t.space_calls, 1);
    reset_values(NULL);
    t.room = 9;
    uart_pl011_transmit_ready(&t.uart);
    assert_int_equal(t.sent_count, 0);
}

#define TEST(test) cmocka_unit_test_setup(test, set_up)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(reset_values),
        TEST(registers_keep_the_bits_that_they_have),
        TEST(reserved_and_read_only_registers_ignore_writes),
        TEST(identification),
        TEST(widths_and_alignments),
        TEST(a_byte_is_sent_at_once_even_before_any_setup),
        TEST(what_the_far_side_does_not_take_fills_the_fifo),
        TEST(without_fifos_one_byte_fits),
        TEST(the_transmit_interrupt_comes_at_the_trigger_level),
        TEST(each_byte_that_is_sent_raises_the_transmit_interrupt),
        TEST(a_transmitter_that_is_off_keeps_its_bytes),
        TEST(the_receive_fifo_is_16_deep),
        TEST(without_fifos_one_byte_is_received),
        TEST(the_receive_interrupt_comes_at_the_trigger_level),
        TEST(the_time_out_covers_what_is_below_the_level),
        TEST(masks_gate_the_line_and_only_the_line),
        TEST(a_receiver_that_is_off_takes_nothing_and_asks_again),
        TEST(turning_fifos_off_flushes_them),
        TEST(a_paste_of_100_kb_loses_nothing),
        TEST(loop_back_returns_what_is_sent),
        TEST(an_overrun_is_reported),
        TEST(a_reset_forgets_all_and_lowers_the_line),
    };
    return cmocka_run_group_tests_name("PL011", tests, NULL, NULL);
}
