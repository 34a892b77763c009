// SPDX-License-Identifier: BSD-2-Clause
/*
 * Requests to /dev/vda as a program of a Linux guest makes them: past the page cache, one at a
 * time. No C library.
 */
#include <stdint.h>

#include "lib/format.h"

enum {
    SYS_OPENAT = 56,
    SYS_WRITE = 64,
    SYS_PREAD = 67,
    SYS_PWRITE = 68,
    SYS_PPOLL = 73,
    STDOUT = 1,
    HERE = -100,
    READ_WRITE_DIRECT = 0x10002,
    LARGE = 32768,
    SAMPLES = 256,
    WARM = 16,
};

static uint8_t data[LARGE] __attribute__((aligned(4096)));
static uint64_t ticks[SAMPLES];

static long call(long number, long a, long b, long c, long d)
{
    register long x8 __asm__("x8") = number;
    register long x0 __asm__("x0") = a;
    register long x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c;
    register long x3 __asm__("x3") = d;
    register long x4 __asm__("x4") = 0;
    __asm__ volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4) : "memory");
    return x0;
}

static uint64_t counter(void)
{
    uint64_t now;
    __asm__ volatile("isb; mrs %0, cntvct_el0" : "=r"(now)::"memory");
    return now;
}

static void say(const char *name, uint64_t sum, uint64_t count)
{
    char line[80];
    long length = (long)format(line, sizeof line, "bench %s %lu %lu\n", name, (unsigned long)sum,
                               (unsigned long)count);
    call(SYS_WRITE, STDOUT, (long)line, length, 0);
}

static void sort(void)
{
    for (unsigned i = 1; i < SAMPLES; i++) {
        uint64_t value = ticks[i];
        unsigned at = i;
        for (; at > 0 && ticks[at - 1] > value; at--) {
            ticks[at] = ticks[at - 1];
        }
        ticks[at] = value;
    }
}

/* The mean of the middle half: Linux's tick, which may come in any, is in the others. */
static void measure(const char *name, long disk, long operation, long bytes)
{
    uint64_t sum = 0;
    for (long i = -WARM; i < SAMPLES; i++) {
        uint64_t started = counter();
        if (call(operation, disk, (long)data, bytes, (i + WARM) * bytes) != bytes) {
            say("failed", 0, 1);
        }
        ticks[i < 0 ? 0 : i] = counter() - started;
    }
    sort();
    for (unsigned i = SAMPLES / 4; i < SAMPLES * 3 / 4; i++) {
        sum += ticks[i];
    }
    say(name, sum, SAMPLES / 2);
}

void _start(void);
void _start(void)
{
    long disk = call(SYS_OPENAT, HERE, (long)"/dev/vda", READ_WRITE_DIRECT, 0);
    measure("linux_read_4k", disk, SYS_PREAD, 4096);
    measure("linux_read_32k", disk, SYS_PREAD, LARGE);
    measure("linux_write_4k", disk, SYS_PWRITE, 4096);
    measure("linux_write_32k", disk, SYS_PWRITE, LARGE);
    say("end", 0, 0);
    for (;;) {
        call(SYS_PPOLL, 0, 0, 0, 0);
    }
}
