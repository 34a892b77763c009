/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* The board's UART; driver_<ip>.c implements it, the build picks one. Registers are mapped already.
 */

/* Takes the device over from whoever used it before; line settings are left as they are. */
void driver_init(uintptr_t registers);

/* Bytes that have been received, at most size. */
uint32_t driver_read(uint8_t *bytes, uint32_t size);

/* Sends as many of the bytes as fit now and returns how many. */
uint32_t driver_write(const uint8_t *bytes, uint32_t size);

/* Which events interrupt: something was received; there is room to send after there was none. */
void driver_listen(bool receive, bool send);

/* Bytes that arrived damaged, and times that some were lost. */
uint64_t driver_error_count(void);
