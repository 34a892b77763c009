/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include "lib/log.h"
#include "root/board.h"
#include "root/space.h"

/* Root's voice before the serial service runs, and when it is dead: polled output to the board's
 * PL011. */

bool uart_open(const struct board *board, struct space *space);

/* The frame of the UART's registers, for the serial service. */
seL4_CPtr uart_frame(void);

/*
 * A log sink. Before uart_open it says nothing on a release kernel, and uses the kernel's own
 * output on one that has it (KernelPrinting).
 */
void uart_log(enum log_level level, const char *line, size_t length);
