// SPDX-License-Identifier: BSD-2-Clause
/* What every process but root has while it runs: its log, and how it blocks on a mutex. */
#include "link/process.h"

#include <sel4/sel4.h>
#include <string.h>

#include "lib/log.h"
#include "lib/mutex.h"
#include "lib/start_only.h"
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

START_ONLY void process_open_log(struct serial_link *serial)
{
    ring_open_producer(&log_ring, &serial->log, serial->log_data, SERIAL_LOG_SIZE);
    log_open(log_to_link, LOG_DEBUG);
}
