// SPDX-License-Identifier: BSD-2-Clause
/* Start of every process but root: finds the boot record and opens the log. */
#include "link/process.h"

#include <sel4/sel4.h>
#include <string.h>

#include "lib/check.h"
#include "lib/log.h"
#include "lib/mutex.h"
#include "lib/thread.h"
#include "link/process_start.h"
#include "link/ring.h"
#include "link/serial.h"

static struct ring log_ring;
static struct mutex log_lock = {.id = PROCESS_LOG_MUTEX};

/* One line: level digit, text, newline. A full ring drops it: nobody waits for the log. */
static void log_to_link(enum log_level level, const char *line, size_t length)
{
    char buffer[LOG_LINE_MAX + 2];
    bool signal = false;
    buffer[0] = (char)('0' + (int)level);
    memcpy(buffer + 1, line, length);
    buffer[length + 1] = '\n';
    mutex_lock(&log_lock);
    if (ring_space(&log_ring) >= length + 2) {
        ring_write(&log_ring, buffer, (uint32_t)length + 2, &signal);
    }
    mutex_unlock(&log_lock);
    if (signal) {
        seL4_Signal(SLOT_SERIAL);
    }
}

void mutex_block(uint32_t id)
{
    seL4_Wait(SLOT_MUTEX_BASE + id, NULL);
}

void mutex_unblock(uint32_t id)
{
    seL4_Signal(SLOT_MUTEX_BASE + id);
}

/* Called by start.S on the first thread's stack. */
_Noreturn void process_start(void)
{
    const struct process_boot *boot = (const struct process_boot *)PROCESS_BOOT_VADDR;
    thread_begin(PROCESS_IPC_VADDR);
    CHECK(boot->magic == PROCESS_MAGIC && boot->version == PROCESS_VERSION);
    struct serial_link *serial = (struct serial_link *)PROCESS_SERIAL_VADDR;
    if (boot->log_link) {
        ring_open_producer(&log_ring, &serial->log, serial->log_data, SERIAL_LOG_SIZE);
        log_open(log_to_link, LOG_DEBUG);
    }
    process_main(boot);
    CHECK(!"process_main never returns");
    __builtin_unreachable();
}
