// SPDX-License-Identifier: BSD-2-Clause
#include "lib/format.h"

#include <stdbool.h>
#include <stdint.h>

struct out {
    char *text;
    size_t size;
    size_t length; /* of the whole text, written or not */
};

struct spec {
    bool left, zero;
    size_t width;
    size_t precision; /* SIZE_MAX: none */
    unsigned longs;   /* 0 int, 1 long and wider */
};

static void put(struct out *out, char c)
{
    if (out->length + 1 < out->size) {
        out->text[out->length] = c;
    }
    out->length++;
}

static void pad(struct out *out, char c, size_t used, size_t width)
{
    for (; used < width; used++) {
        put(out, c);
    }
}

static void put_text(struct out *out, const struct spec *spec, const char *text)
{
    size_t length = 0;
    while (length < spec->precision && text[length] != '\0') {
        length++;
    }
    if (!spec->left) {
        pad(out, ' ', length, spec->width);
    }
    for (size_t i = 0; i < length; i++) {
        put(out, text[i]);
    }
    if (spec->left) {
        pad(out, ' ', length, spec->width);
    }
}

static void put_number(struct out *out, const struct spec *spec, uint64_t value, unsigned base,
                       bool negative)
{
    char digits[24];
    size_t count = 0;
    do {
        digits[count++] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value != 0);
    size_t length = count + (negative ? 1 : 0);

    if (!spec->left && !spec->zero) {
        pad(out, ' ', length, spec->width);
    }
    if (negative) {
        put(out, '-');
    }
    if (!spec->left && spec->zero) {
        pad(out, '0', length, spec->width);
    }
    while (count > 0) {
        put(out, digits[--count]);
    }
    if (spec->left) {
        pad(out, ' ', length, spec->width);
    }
}

static size_t parse_count(const char **fmt, va_list *args)
{
    size_t count = 0;
    if (**fmt == '*') {
        int given = va_arg(*args, int);
        (*fmt)++;
        return given > 0 ? (size_t)given : 0;
    }
    while (**fmt >= '0' && **fmt <= '9') {
        count = count * 10 + (size_t)(**fmt - '0');
        (*fmt)++;
    }
    return count;
}

static struct spec parse_spec(const char **fmt, va_list *args)
{
    struct spec spec = {.precision = SIZE_MAX};
    for (;; (*fmt)++) {
        if (**fmt == '-') {
            spec.left = true;
        } else if (**fmt == '0') {
            spec.zero = true;
        } else {
            break;
        }
    }
    spec.width = parse_count(fmt, args);
    if (**fmt == '.') {
        (*fmt)++;
        spec.precision = parse_count(fmt, args);
    }
    for (; **fmt == 'l' || **fmt == 'z' || **fmt == 'h'; (*fmt)++) {
        spec.longs += **fmt != 'h';
    }
    return spec;
}

static void put_signed(struct out *out, const struct spec *spec, int64_t value)
{
    uint64_t magnitude = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    put_number(out, spec, magnitude, 10, value < 0);
}

/* One conversion; returns false when the letter is not one that we know. */
static bool convert(struct out *out, struct spec *spec, char letter, va_list *args)
{
    switch (letter) {
    case 'd':
    case 'i':
        put_signed(out, spec, spec->longs ? va_arg(*args, long) : va_arg(*args, int));
        return true;
    case 'u':
    case 'x':
        put_number(out, spec,
                   spec->longs ? va_arg(*args, unsigned long) : va_arg(*args, unsigned int),
                   letter == 'x' ? 16 : 10, false);
        return true;
    case 'p':
        put(out, '0');
        put(out, 'x');
        put_number(out, spec, (uintptr_t)va_arg(*args, void *), 16, false);
        return true;
    case 'c': {
        char text[2] = {(char)va_arg(*args, int), '\0'};
        put_text(out, spec, text);
        return true;
    }
    case 's': {
        const char *text = va_arg(*args, const char *);
        put_text(out, spec, text != NULL ? text : "(null)");
        return true;
    }
    case '%':
        put(out, '%');
        return true;
    default:
        return false;
    }
}

size_t format_va(char *text, size_t size, const char *fmt, va_list given)
{
    struct out out = {.text = text, .size = size};
    va_list args;
    va_copy(args, given);
    while (*fmt != '\0') {
        if (*fmt != '%') {
            put(&out, *fmt++);
            continue;
        }
        const char *start = fmt++;
        struct spec spec = parse_spec(&fmt, &args);
        if (*fmt == '\0' || !convert(&out, &spec, *fmt, &args)) {
            put(&out, *start);
            fmt = start + 1;
            continue;
        }
        fmt++;
    }
    va_end(args);
    if (size != 0) {
        text[out.length < size ? out.length : size - 1] = '\0';
    }
    return out.length;
}

size_t format(char *text, size_t size, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    size_t length = format_va(text, size, fmt, args);
    va_end(args);
    return length;
}
