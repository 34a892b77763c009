/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdint.h>

#include "lib/limits.h"
#include "link/timer.h"

/*
 * What root gives to every process that it makes: a CSpace with these slots, an address space with
 * these addresses, and one read-only boot record. Nothing else is passed; a process gets no
 * argument.
 */

/* ---- addresses in a process's virtual address space ---------------------------------------------
 */

#define PROCESS_IMAGE_VADDR  0x00400000ull /* its ELF, linked here */
#define PROCESS_START_VADDR  0x00480000ull /* and up: what it needs until it has started */
#define PROCESS_BOOT_VADDR   0x10000000ull /* struct process_boot, read-only */
#define PROCESS_IPC_VADDR    0x10010000ull /* IPC buffer of thread i at + i * PROCESS_IPC_STRIDE */
#define PROCESS_IPC_STRIDE   0x1000ull
#define PROCESS_STATS_VADDR  0x10040000ull /* a page of counters that root reads: writable */
#define PROCESS_REPLY_VADDR  0x10050000ull /* two pages that root fills: read-only */
#define PROCESS_ROSTER_VADDR 0x10060000ull /* a service's roster page: read-only */
#define PROCESS_TIMER_VADDR                                                                        \
    0x10070000ull /* struct timer_link of a client; a service has all of them */
#define PROCESS_DEVICE_VADDR 0x10100000ull /* a driver's device registers */
#define PROCESS_NODE_VADDR   0x10200000ull /* the description, a devicetree blob: read-only */
#define PROCESS_SERIAL_VADDR                                                                       \
    0x11000000ull /* struct serial_link of a client; the service has all of them */
/* Links of device classes, struct block_link and such. A VMM: one for each of its devices that has
   one, in the order of its description. A device service: one for each port. */
#define PROCESS_VIRTIO_VADDR                                                                       \
    0x0030000000ull /* a VMM: PROCESS_VIRTIO_BYTES of zeroed memory for each virtio device */
#define PROCESS_VIRTIO_BYTES 0x10000ull
#define PROCESS_BALLOON_VADDR                                                                      \
    0x0038000000ull /* a VMM with a balloon: PROCESS_BALLOON_BYTES of zeroed memory for each 2 MiB \
                     */
#define PROCESS_BALLOON_BYTES 128ull
#define PROCESS_VSOCK_VADDR                                                                        \
    0x0039000000ull /* a VMM with a virtio-vsock: zeroed memory for it, which is larger */
#define PROCESS_VSOCK_BYTES 0x28000ull
#define PROCESS_LINK_VADDR  0x0040000000ull
#define PROCESS_LINK_STRIDE 0x200000ull
#define PROCESS_DMA_VADDR   0x0080000000ull /* a driver's memory for its device */
#define PROCESS_FILES_VADDR 0x1000000000ull /* files of the boot image: read-only, 2 MiB pages */
#define PROCESS_RAM_VADDR   0x2000000000ull /* a VMM: its guest's RAM; block service: RAM disks */
/* The net service writes and the serial service reads what network n has captured, at + n *
   PROCESS_CAPTURE_STRIDE. */
#define PROCESS_CAPTURE_VADDR  PROCESS_RAM_VADDR
#define PROCESS_CAPTURE_STRIDE 0x1000000ull
/* Block service: RAM of VMs that chose zero copy, PROCESS_GUEST_STRIDE for each, and what root says
   of it, PROCESS_GUEST_TABLE_STRIDE for each: read-only. */
#define PROCESS_GUEST_VADDR        0x3000000000ull
#define PROCESS_GUEST_STRIDE       0x100000000ull
#define PROCESS_GUEST_TABLE_VADDR  0x0090000000ull
#define PROCESS_GUEST_TABLE_STRIDE 0x2000ull

/* ---- capability slots
 * ---------------------------------------------------------------------------- */

enum { PROCESS_CNODE_BITS = 9 }; /* 512 slots, guard of zeros above */

enum process_slot {
    SLOT_NULL = 0,
    SLOT_THREAD,       /* TCB of the first thread */
    SLOT_CONTROL,      /* endpoint to root, badged with the process's number */
    SLOT_NOTIFICATION, /* the first thread's own notification: events arrive here */
    SLOT_SERIAL,       /* signals the serial service, badged */
    SLOT_IRQ,  /* interrupt handler: of a driver, or a VMM's device that is passed through */
    SLOT_ROOT, /* a service to which RAM of VMs is lent: signals root */

    /* VMM: vCPU i has the VCPU_SLOTS slots from SLOT_VCPU_BASE + i * VCPU_SLOTS */
    SLOT_VCPU_BASE = 16,
    VCPU_SLOTS = 8,
    VCPU_SLOT_TCB = 0, /* the vCPU's thread */
    VCPU_SLOT_VCPU,    /* its VCPU object */
    VCPU_SLOT_HANDLER, /* TCB of its handler thread */
    VCPU_SLOT_FAULT,   /* endpoint to which it faults */
    VCPU_SLOT_REPLY,   /* reply object of its handler */
    VCPU_SLOT_WAKE,    /* notification on which its handler waits */
    VCPU_SLOT_CONTEXT, /* its scheduling context */
    VCPU_SLOT_TIMER,   /* signals the timer service on its core */
    SLOT_TIMER = SLOT_VCPU_BASE + VCPU_MAX * VCPU_SLOTS, /* the same for the first thread */
    SLOT_MUTEX_BASE,                                     /* notifications of mutexes, by id */
    MUTEX_MAX = 48,
    PROCESS_LOG_MUTEX = MUTEX_MAX - 1, /* the id that the log uses */

    /* VMM: signals the service of device link i */
    SLOT_LINK_BASE = SLOT_MUTEX_BASE + MUTEX_MAX,
    PROCESS_LINK_MAX = 16,

    /* VMM: signals the serial service for one more console, whose link is behind its own one's */
    SLOT_CONSOLE_BASE = SLOT_LINK_BASE + PROCESS_LINK_MAX,
    PROCESS_CONSOLE_MAX = 3,

    /* timer service: for each core its threads, their contexts and the core's SchedControl */
    SLOT_CORE_BASE = 16,
    CORE_SLOTS = 8,
    CORE_SLOT_CONTROL = 0, /* SchedControl of this core */
    CORE_SLOT_ALARM,       /* TCB of the alarm thread */
    CORE_SLOT_ALARM_SC,    /* its scheduling context */
    CORE_SLOT_LISTEN,      /* TCB of the listening thread */
    CORE_SLOT_LISTEN_SC,
    CORE_SLOT_NOTIFY, /* notification on which it listens */
    CORE_SLOT_IDLE,   /* notification on which the alarm thread waits when no alarm is set */
    CORE_MAX = 16,

    /* services: capabilities that signal client n's notification, badged. Of a device service,
       client means port */
    SLOT_CLIENT_BASE = 256,
    /* the timer service has TIMER_CLIENT_SLOTS for each client, one for each alarm; CNode of 11
       bits */
    TIMER_CLIENT_SLOTS = 32,
    TIMER_CNODE_BITS = 11,
};

/* Badges of a VMM's event notification. */
#define EVENT_SERIAL  (1ull << 0) /* input arrived, or there is room for output */
#define EVENT_TIMER   (1ull << 1)
#define EVENT_PAUSE   (1ull << 2) /* root: stop the guest where it is */
#define EVENT_RESUME  (1ull << 3) /* root: let it go on */
#define EVENT_BALLOON (1ull << 4) /* root: ask for the balloon's size, and for memory, again */
#define EVENT_IRQ     (1ull << 5) /* the interrupt of a device that is passed through */
#define EVENT_LINK(i) (1ull << (8 + (i))) /* the service of device link i */

/* ---- the boot record
 * ----------------------------------------------------------------------------- */

enum { PROCESS_SEED_WORDS = 12, PROCESS_SEED_OWN = 8 };
enum { PROCESS_MAGIC = 0x42484b50 /* "BHKP" */, PROCESS_VERSION = 1 };

struct process_file {
    uint64_t vaddr; /* read-only view of the file's bytes; 0: there is none */
    uint64_t size_bytes;
    char name[48];
};

struct process_boot {
    uint32_t magic;
    uint32_t version;
    uint32_t number;   /* of the process, which is its client number too */
    uint32_t log_link; /* non-zero: it has a serial link for its log lines */
    char name[16];
    uint64_t node_offset; /* of its own node in the description */
    uint64_t node_bytes;  /* size of the description */

    /* VMM only */
    uint32_t vcpu_count;
    uint32_t gic_version; /* 2 or 3: what the kernel and so the guest has */
    uint64_t ram_base;    /* guest physical */
    uint64_t ram_bytes;
    uint64_t ram_used; /* not 0: as the last life left it, in memory and caches; else zero */
    struct process_file kernel;
    struct process_file initrd;
    uint64_t epoch_s; /* seconds since 1970 when the counter was zero */
    /* Random numbers: [0] and [1] to [7] for the guest's device tree, the rest for the VMM alone.
     */
    uint64_t seed[PROCESS_SEED_WORDS];
    uint8_t vcpu_core[VCPU_MAX];

    /* timer service only */
    uint32_t core_count;
    uint32_t pad;
};
_Static_assert(sizeof(struct process_boot) <= 4096, "the boot record is one page");
