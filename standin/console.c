// SPDX-License-Identifier: BSD-2-Clause

/* The kernel's own output. seL4 has none in a release build; the stand-in says what it is. */

#include "standin/console.h"
#include "standin/arch.h"
#include <stdarg.h>

#define UART_BASE  0x09000000ul
#define UART_DATA  (UART_BASE + 0x00)
#define UART_FLAGS (UART_BASE + 0x18)
#define FLAG_FULL  BIT(5)

static void put_char(char c)
{
    while (mmio_read32(UART_FLAGS) & FLAG_FULL) {
    }
    mmio_write32(UART_DATA, (uint8_t)c);
}

static void put_number(uint64_t value, unsigned base)
{
    char digits[20];
    unsigned count = 0;
    do {
        digits[count++] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value != 0);
    while (count > 0) {
        put_char(digits[--count]);
    }
}

void console_print(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    for (; *format != '\0'; format++) {
        if (*format != '%') {
            if (*format == '\n') {
                put_char('\r');
            }
            put_char(*format);
            continue;
        }
        format++;
        if (*format == 's') {
            for (const char *s = va_arg(args, const char *); *s != '\0'; s++) {
                put_char(*s);
            }
        } else if (*format == 'u') {
            put_number(va_arg(args, unsigned), 10);
        } else {
            format++;
            put_number(va_arg(args, unsigned long), *format == 'x' ? 16 : 10);
        }
    }
    va_end(args);
}
