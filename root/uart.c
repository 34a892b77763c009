// SPDX-License-Identifier: BSD-2-Clause
#include "root/uart.h"

#include "root/layout.h"

enum { PL011_DR = 0x00, PL011_FR = 0x18, PL011_FR_TXFF = 1 << 5 };

static seL4_CPtr frame;

bool uart_open(const struct board *board, struct space *space)
{
    seL4_CPtr uart = memory_device_frame(board->uart_base, seL4_PageBits);
    if (uart != 0 && space_map(space, uart, ROOT_UART_VADDR, SPACE_DEVICE)) {
        frame = uart;
    }
    return frame != 0;
}

seL4_CPtr uart_frame(void)
{
    return frame;
}

static void put(char c)
{
    if (frame == 0) {
#ifdef CONFIG_PRINTING
        seL4_DebugPutChar(c);
#endif
        return;
    }
    volatile uint32_t *registers = (volatile uint32_t *)ROOT_UART_VADDR;
    while ((registers[PL011_FR / 4] & PL011_FR_TXFF) != 0) {
    }
    registers[PL011_DR / 4] = (uint8_t)c;
}

void uart_log(enum log_level level, const char *line, size_t length)
{
    (void)level;
    for (const char *prefix = "[root] "; *prefix != '\0'; prefix++) {
        put(*prefix);
    }
    for (size_t i = 0; i < length; i++) {
        put(line[i]);
    }
    put('\r');
    put('\n');
}
