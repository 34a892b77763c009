// SPDX-License-Identifier: BSD-2-Clause
/*
 * The suite's table, its waiting and its course: one topic after the other, each with memory of its
 * own that is taken back when it ends.
 */
#include "test/contract/contract.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <string.h>

#include "lib/format.h"
#include "test/contract/thread.h"
#include "test/contract/vm.h"

enum {
    NAME_WIDTH = 40,
    LINE_MAX = 240,
    EXACT_US = 500,
    BUSY_US = 20000000,
    UART_DR = 0,
    UART_FR = 6,
    UART_FR_TXFF = 1 << 5
};

__thread seL4_IPCBuffer *__sel4_ipc_buffer;

static unsigned passed, failed, skipped;

static void console_put(char c)
{
    volatile uint32_t *uart = memory_device(DEVICE_UART);
    if (uart == NULL) {
        return;
    }
    while ((uart[UART_FR] & UART_FR_TXFF) != 0) {
    }
    uart[UART_DR] = (uint32_t)c;
}

static void console_line(const char *text)
{
    for (; *text != '\0'; text++) {
        console_put(*text);
    }
    console_put('\r');
    console_put('\n');
}

void contract_note(const char *fmt, ...)
{
    char line[LINE_MAX] = "# ";
    va_list args;
    va_start(args, fmt);
    format_va(line + 2, sizeof line - 2, fmt, args);
    va_end(args);
    console_line(line);
}

_Noreturn void contract_stop(const char *file, int line, const char *condition)
{
    contract_note("%s:%d: stopped, this does not hold: %s", file, line, condition);
    for (;;) {
        seL4_TCB_Suspend(seL4_CapInitThreadTCB);
    }
}

/* libsel4's assert of debug kernels. */
_Noreturn void __assert_fail(const char *condition, const char *file, int line,
                             const char *function);
_Noreturn void __assert_fail(const char *condition, const char *file, int line,
                             const char *function)
{
    (void)function;
    contract_stop(file, line, condition);
}

void contract_line(const char *name, const char *observed, const char *expected)
{
    char line[LINE_MAX];
    if (strcmp(observed, expected) == 0) {
        passed++;
        format(line, sizeof line, "%-*s %s", NAME_WIDTH, name, observed);
    } else {
        failed++;
        format(line, sizeof line, "%-*s %s (FAILED: expected %s)", NAME_WIDTH, name, observed,
               expected);
    }
    console_line(line);
}

const char *contract_error_name(seL4_Word error)
{
    static const char *const names[seL4_NumErrors] = {
        [seL4_NoError] = "NoError",
        [seL4_InvalidArgument] = "InvalidArgument",
        [seL4_InvalidCapability] = "InvalidCapability",
        [seL4_IllegalOperation] = "IllegalOperation",
        [seL4_RangeError] = "RangeError",
        [seL4_AlignmentError] = "AlignmentError",
        [seL4_FailedLookup] = "FailedLookup",
        [seL4_TruncatedMessage] = "TruncatedMessage",
        [seL4_DeleteFirst] = "DeleteFirst",
        [seL4_RevokeFirst] = "RevokeFirst",
        [seL4_NotEnoughMemory] = "NotEnoughMemory",
    };
    return error < seL4_NumErrors ? names[error] : "(no such error)";
}

void contract_error(const char *name, seL4_Word observed, seL4_Error expected)
{
    contract_line(name, contract_error_name(observed), contract_error_name(expected));
}

void contract_claim(const char *name, bool holds, const char *text)
{
    char negated[LINE_MAX];
    format(negated, sizeof negated, "not so: %s", text);
    contract_line(name, holds ? text : negated, text);
}

void contract_time(const char *name, uint64_t measured_us, uint64_t wanted_us, const char *text)
{
    unsigned late_us = time_is_exact() ? EXACT_US : BUSY_US;
    bool held = measured_us + EXACT_US >= wanted_us && measured_us <= wanted_us + late_us;
    contract_claim(name, held, text);
    if (!held) {
        contract_note("%s: %lu us, not %lu us", name, (unsigned long)measured_us,
                      (unsigned long)wanted_us);
    }
}

void contract_hazard(const char *name, bool present)
{
    const char *observed = present ? "present" : "absent";
    contract_line(name, observed, observed);
}

void contract_number(const char *name, seL4_Word observed, seL4_Word expected)
{
    char a[24], b[24];
    format(a, sizeof a, observed < 4096 ? "%lu" : "0x%lx", (unsigned long)observed);
    format(b, sizeof b, expected < 4096 ? "%lu" : "0x%lx", (unsigned long)expected);
    contract_line(name, a, b);
}

void contract_skip(const char *name, const char *reason)
{
    char line[LINE_MAX];
    skipped++;
    format(line, sizeof line, "%-*s not run: %s", NAME_WIDTH, name, reason);
    console_line(line);
}

static void set_priority(seL4_Word priority)
{
    REQUIRE(seL4_TCB_SetPriority(seL4_CapInitThreadTCB, seL4_CapInitThreadTCB, priority) == 0);
}

/*
 * Waiting counts rounds, not time: reading a clock could need a guest (time_now_us), which is an
 * event of its own in some tests. A round of an idle processor takes some microseconds.
 */
enum { ROUNDS_IN_MS = 150 };

bool contract_wait_for(const _Atomic unsigned *counter, unsigned at_least, unsigned limit_ms)
{
    bool reached = false;
    set_priority(PRIO_WAIT);
    for (unsigned i = 0; i < limit_ms * ROUNDS_IN_MS && !reached; i++) {
        seL4_Yield();
        reached = atomic_load(counter) >= at_least;
    }
    set_priority(PRIO_MAIN);
    return reached;
}

void contract_wait_ms(unsigned duration_ms)
{
    static const _Atomic unsigned never;
    contract_wait_for(&never, 1, duration_ms);
}

bool contract_wait_signal(seL4_CPtr notification, unsigned limit_ms, seL4_Word *badge)
{
    seL4_Word word = 0;
    set_priority(PRIO_WAIT);
    for (unsigned i = 0; i < limit_ms * ROUNDS_IN_MS && word == 0; i++) {
        seL4_Yield();
        seL4_Poll(notification, &word);
    }
    set_priority(PRIO_MAIN);
    if (badge != NULL) {
        *badge = word;
    }
    return word != 0;
}

bool contract_receive(seL4_CPtr endpoint, seL4_CPtr reply, struct message *message,
                      unsigned limit_ms)
{
    seL4_MessageInfo_t info = seL4_MessageInfo_new(0, 0, 0, 0);
    *message = (struct message){.label = ~0ul};
    set_priority(PRIO_WAIT);
    for (unsigned i = 0; i < limit_ms * ROUNDS_IN_MS && message->badge == 0; i++) {
        seL4_Yield();
        info = seL4_NBRecv(endpoint, &message->badge, reply);
    }
    if (message->badge != 0) {
        message->label = seL4_MessageInfo_get_label(info);
        message->length = seL4_MessageInfo_get_length(info);
        for (unsigned i = 0; i < message->length && i < MESSAGE_WORDS; i++) {
            message->words[i] = seL4_GetMR((int)i);
        }
    }
    set_priority(PRIO_MAIN);
    return message->badge != 0;
}

static void (*const topics[])(void) = {
    untyped_run, cnode_run, memory_run, tcb_run,    ipc_run, sched_run, alarm_run,
    fault_run,   vcpu_run,  vgic_run,   vtimer_run, irq_run, smp_run,
};

void contract_main(const seL4_BootInfo *bootinfo);

void contract_main(const seL4_BootInfo *bootinfo)
{
    static uint64_t tls[4];
    __asm__ volatile("msr tpidr_el0, %0" ::"r"(tls));
    __sel4_ipc_buffer = bootinfo->ipcBuffer;
    objects_open(bootinfo);
    set_priority(PRIO_MAIN);
    contract_note("contract: begin");
    vm_open();
    for (size_t i = 0; i < sizeof topics / sizeof topics[0]; i++) {
        objects_begin();
        topics[i]();
        objects_end();
        thread_forget_all();
    }
    char line[LINE_MAX];
    format(line, sizeof line, "contract: %u passed, %u failed", passed, failed);
    console_line(line);
    contract_note("contract: end, %u not run", skipped);
    for (;;) {
        seL4_TCB_Suspend(seL4_CapInitThreadTCB);
    }
}
