// SPDX-License-Identifier: BSD-2-Clause
#include "test/fake/input.h"

static struct {
    const uint8_t *at;
    size_t left;
} input;

void input_open(const uint8_t *bytes, size_t size)
{
    input.at = bytes;
    input.left = size;
}

bool input_over(void)
{
    return input.left == 0;
}

unsigned input_8(void)
{
    if (input.left == 0) {
        return 0;
    }
    input.left--;
    return *input.at++;
}

uint64_t input_bytes(unsigned count)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < count; i++) {
        value |= (uint64_t)input_8() << (8 * i);
    }
    return value;
}

unsigned input_16(void)
{
    return (unsigned)input_bytes(2);
}

uint32_t input_32(void)
{
    return (uint32_t)input_bytes(4);
}
