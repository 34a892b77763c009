// SPDX-License-Identifier: BSD-2-Clause
#include <stdarg.h>

#include "boot/boot.h"
#include "lib/check.h"
#include "lib/format.h"

/* Arm PL011 (DDI 0183), as firmware left it. */
enum {
    PL011_DR = 0x00,
    PL011_FR = 0x18,
    PL011_CR = 0x30,
    FR_TRANSMIT_FULL = 1 << 5,
    CR_ENABLE = 1 << 0,
    CR_TRANSMIT = 1 << 8,
    LINE_MAX = 240,
    FULL_ROUNDS_MAX = 1000000, /* then the UART is not there or stuck, and we go on without it */
};

static uintptr_t base;

static volatile uint32_t *reg(unsigned offset)
{
    return (volatile uint32_t *)(base + offset);
}

void boot_print_open(enum image_uart uart, uint64_t paddr)
{
    base = uart == IMAGE_UART_PL011 ? paddr : 0;
    if (base != 0 && (*reg(PL011_CR) & CR_ENABLE) == 0) {
        *reg(PL011_CR) = CR_ENABLE | CR_TRANSMIT;
    }
}

static void put(char c)
{
    for (unsigned round = 0; (*reg(PL011_FR) & FR_TRANSMIT_FULL) != 0; round++) {
        if (round == FULL_ROUNDS_MAX) {
            return;
        }
    }
    *reg(PL011_DR) = (uint8_t)c;
}

static void print_line(const char *prefix, const char *fmt, va_list args)
{
    char line[LINE_MAX];
    format_va(line, sizeof line, fmt, args);
    if (base == 0) {
        return;
    }
    for (const char *c = prefix; *c != '\0'; c++) {
        put(*c);
    }
    for (const char *c = line; *c != '\0'; c++) {
        put(*c);
    }
    put('\r');
    put('\n');
}

void boot_print(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    print_line("boot: ", fmt, args);
    va_end(args);
}

_Noreturn void boot_fail(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    print_line("boot: error: ", fmt, args);
    va_end(args);
    arch_stop();
}

_Noreturn void check_failed(const char *file, int line)
{
    boot_fail("%s:%d: CHECK failed", file, line);
}
