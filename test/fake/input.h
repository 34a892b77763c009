/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The input of a fuzzer, which decides what happens next: its bytes one after the other, and zeroes
 * when they are over. Numbers have their low byte first. There is one input at a time.
 */
void input_open(const uint8_t *bytes, size_t size);
bool input_over(void);

unsigned input_8(void);
unsigned input_16(void);
uint32_t input_32(void);
/* A number of 0 to 8 bytes. */
uint64_t input_bytes(unsigned count);
