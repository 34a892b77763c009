// SPDX-License-Identifier: BSD-2-Clause
#include "lib/base64.h"

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

size_t base64_encode(char line[BASE64_LINE_MAX], const uint8_t *bytes, size_t size)
{
    size_t length = 0;
    for (size_t i = 0; i < size; i += 3) {
        size_t here = size - i < 3 ? size - i : 3;
        uint32_t group = (uint32_t)bytes[i] << 16 | (here > 1 ? (uint32_t)bytes[i + 1] << 8 : 0) |
                         (here > 2 ? bytes[i + 2] : 0);
        for (unsigned digit = 0; digit < 4; digit++) {
            line[length++] = digit <= here ? digits[group >> (18 - 6 * digit) & 63] : '=';
        }
    }
    return length;
}

static int value_of(char c)
{
    return c >= 'A' && c <= 'Z'   ? c - 'A'
           : c >= 'a' && c <= 'z' ? c - 'a' + 26
           : c >= '0' && c <= '9' ? c - '0' + 52
           : c == '+'             ? 62
           : c == '/'             ? 63
                                  : -1;
}

bool base64_decode(uint8_t bytes[BASE64_LINE_BYTES], size_t *size, const char *line, size_t length)
{
    *size = 0;
    if (length == 0 || length > BASE64_LINE_MAX || length % 4 != 0) {
        return false;
    }
    size_t padding = line[length - 1] != '=' ? 0 : line[length - 2] != '=' ? 1 : 2;
    uint32_t group = 0;
    for (size_t i = 0; i < length; i++) {
        int value = i < length - padding ? value_of(line[i]) : 0;
        if (value < 0) {
            return false;
        }
        group = group << 6 | (uint32_t)value;
        if (i % 4 == 3) {
            for (unsigned shift = 24; shift != 0; shift -= 8) {
                bytes[(*size)++] = (uint8_t)(group >> (shift - 8));
            }
            group = 0;
        }
    }
    *size -= padding;
    return true;
}
