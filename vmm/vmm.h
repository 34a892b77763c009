/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include "device/gic/gic.h"
#include "device/ram.h"
#include "device/rtc/rtc_pl031.h"
#include "device/uart/uart_pl011.h"
#include "lib/log.h"
#include "lib/thread.h"
#include "link/control.h"
#include "link/process.h"
#include "link/serial.h"
#include "link/timer.h"
#include "vmm/bus.h"
#include "vmm/psci.h"

/*
 * One VM. A handler thread for each vCPU does what that vCPU's exits ask for, on the vCPU's own
 * core and budget; the event thread (the process's first) does what comes from outside. See
 * README.md here.
 */

/* Mutex ids of this process: 0 to VCPU_MAX are the GIC's. PROCESS_LOG_MUTEX is the last. */
enum {
    MUTEX_UART = VCPU_MAX + 1,
    MUTEX_INPUT,
    MUTEX_RTC,
    MUTEX_PTIMER,
    MUTEX_NEVER, /* a notification that nobody signals: where stopped vCPUs stay */
    MUTEX_CONSOLE,
    MUTEX_PCI,
    MUTEX_BALLOON,
    MUTEX_MEMORY, /* a notification: memory may be there for a vCPU that waits for it */
    MUTEX_VIRTIO, /* of the first virtio device; PROCESS_LINK_MAX of them */
};

enum { VCPU_STACK_BYTES = 8192 };

/* What the vCPU's handler waits for; others look at it to know whether to signal. */
enum vcpu_sleep {
    VCPU_AWAKE,  /* in the guest or handling an exit */
    VCPU_ASLEEP, /* waits for an interrupt or for its timer */
    VCPU_PARKED, /* off: waits to be started */
};

struct vcpu {
    uint8_t index;
    _Atomic uint32_t sleep; /* enum vcpu_sleep */
    struct bus_cache bus_cache;
    struct gic_vcpu *gic;
    uint64_t *count; /* enum vmm_counter; in the page that root reads */
    struct thread_block block;
};

struct vmm {
    const struct process_boot *boot;
    struct ram ram;
    struct gic gic;
    struct psci psci;
    struct bus bus;
    struct uart_pl011 uart;
    struct rtc_pl031 rtc;
    struct vcpu vcpu[VCPU_MAX];
    unsigned vcpu_count;
    uint64_t counter_offset;  /* the guest's virtual counter is the physical one less this */
    struct log_limit strange; /* limits the lines that a guest's odd behaviour causes */
};

_Static_assert(MUTEX_VIRTIO + PROCESS_LINK_MAX < PROCESS_LOG_MUTEX, "mutex ids do not meet");

extern struct vmm vmm;

/* Slot of one of vCPU i's capabilities (enum process_slot, VCPU_SLOT_...). */
static inline seL4_CPtr vcpu_slot(unsigned vcpu, unsigned which)
{
    return SLOT_VCPU_BASE + vcpu * VCPU_SLOTS + which;
}
