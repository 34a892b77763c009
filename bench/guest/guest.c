// SPDX-License-Identifier: BSD-2-Clause
#include "bench/guest/guest.h"

#include <stdarg.h>

#include "lib/format.h"

enum { BATCH = 256, ROUNDS = 8, LINE_MAX = 160 };

static void put(char c)
{
    *(volatile uint32_t *)UART_BASE = (uint32_t)c;
}

void say(const char *fmt, ...)
{
    char line[LINE_MAX];
    va_list args;
    va_start(args, fmt);
    format_va(line, sizeof line, fmt, args);
    va_end(args);
    for (const char *c = line; *c != '\0'; c++) {
        put(*c);
    }
    put('\r');
    put('\n');
}

/* The line is on its way through other processes for a while: that is in no measurement. */
void say_result(const char *name, uint64_t ticks, uint64_t count)
{
    enum { SETTLE_TICKS = 62500 }; /* 1 ms */
    say("bench %s %lu %lu", name, (unsigned long)ticks, (unsigned long)count);
    uint64_t said = counter();
    while (counter() - said < SETTLE_TICKS) {
    }
}

_Noreturn void say_end(void)
{
    say("bench end 0 0");
    psci((uint32_t)PSCI_SYSTEM_OFF, 0, 0, 0);
    for (;;) {
        wait_for_interrupt();
    }
}

void dither(void)
{
    static unsigned turn;
    turn = (turn + 1) % 16;
    /* Three instructions a round: 0 to 45 of them, each remainder by 16 once. */
    for (unsigned i = 0; i < turn; i++) {
        __asm__ volatile("");
    }
}

void sleep_open(void)
{
    gic_open();
    gic_enable(IRQ_VTIMER);
    irq_unmask();
}

/* The timer's interrupt is taken by guest_interrupt's default, which turns the timer off. */
void sleep_until(uint64_t machine_ticks)
{
    while (counter_of_machine() < machine_ticks) {
        timer_set(counter() + machine_ticks - counter_of_machine());
        wait_for_interrupt();
    }
}

void spin_until(uint64_t machine_ticks)
{
    while (counter_of_machine() < machine_ticks) {
    }
}

static __attribute__((noinline)) uint64_t batch(void (*operation)(void))
{
    uint64_t started = counter();
    for (unsigned i = 0; i < BATCH; i++) {
        operation();
    }
    return counter() - started;
}

static uint64_t best_batch(void (*operation)(void))
{
    uint64_t best = UINT64_MAX;
    for (unsigned i = 0; i < ROUNDS; i++) {
        uint64_t ticks = batch(operation);
        best = ticks < best ? ticks : best;
    }
    return best;
}

static void nothing(void)
{
}

void measure(const char *name, void (*operation)(void))
{
    uint64_t ticks = best_batch(operation);
    uint64_t own = best_batch(nothing);
    say_result(name, ticks > own ? ticks - own : 0, BATCH);
}

/* x4 to x7 are zero, as Linux has them. */
uint64_t psci(uint64_t function, uint64_t a, uint64_t b, uint64_t c)
{
    register uint64_t x0 __asm__("x0") = function;
    register uint64_t x1 __asm__("x1") = a;
    register uint64_t x2 __asm__("x2") = b;
    register uint64_t x3 __asm__("x3") = c;
    register uint64_t x4 __asm__("x4") = 0;
    register uint64_t x5 __asm__("x5") = 0;
    register uint64_t x6 __asm__("x6") = 0;
    register uint64_t x7 __asm__("x7") = 0;
    __asm__ volatile("hvc #0"
                     : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3)
                     : "r"(x4), "r"(x5), "r"(x6), "r"(x7)
                     : "memory");
    return x0;
}

__attribute__((weak)) void guest_second(void)
{
}

__attribute__((weak)) void guest_interrupt(uint64_t entered, unsigned intid)
{
    (void)entered, (void)intid;
    timer_off();
}
