/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdint.h>

#include "link/block.h"
#include "link/net.h"
#include "link/serial.h"

/*
 * Requests to root, by a call on its control endpoint; the badge says who asks. The label is the
 * request, MR0 its argument. The reply's label is 0; MR0 is an enum control_result; details are in
 * the requester's reply page.
 */
enum control_request {
    CONTROL_NONE = 0,
    /* from a VMM, about its own VM (sent, not called: there is no answer) */
    CONTROL_GUEST_OFF = 64, /* the guest asked to be powered off */
    CONTROL_GUEST_RESET,    /* the guest asked to be restarted */
    CONTROL_GUEST_FAILED,   /* the VMM cannot go on with this guest; MR0: 0 */
    CONTROL_GUEST_RUNNING,  /* the guest is in RAM, and entered next */
    /* the same, but called. MR0: a guest address at which 2 MiB of its RAM begin */
    CONTROL_RAM_RELEASE, /* root may have this memory. CONTROL_ERROR: the VM keeps it */
    CONTROL_RAM_RECLAIM, /* the guest wants it. CONTROL_ERROR: not there; EVENT_BALLOON follows */
    CONTROL_RAM_TARGET,  /* the reply's MR1: MiB that the guest is to have in its balloon */
    /* from the operator's shell */
    CONTROL_VM_START = 80, /* MR0: client number of the VM */
    CONTROL_VM_STOP,
    CONTROL_VM_RESTART,
    CONTROL_VM_PAUSE,
    CONTROL_VM_RESUME,
    CONTROL_VM_LIST,         /* fills the reply page's table */
    CONTROL_MEMORY,          /* fills the reply page's memory counts */
    CONTROL_VM_BALLOON,      /* MR1: MiB that root wants to have back from the guest */
    CONTROL_PORTS,           /* MR1: enum control_ports; fills the reply page's ports */
    CONTROL_SERVICE_RESTART, /* MR1: client number of a device service */
    CONTROL_CAPTURES,        /* fills the reply page's captures, a network each */
    CONTROL_CAPTURE_SET,     /* MR1: place of the network there * 2 + whether its frames are kept */
    CONTROL_LINK_SET, /* MR1: place among CONTROL_PORTS_NET's * 2 + whether its cable is in */
};

enum control_result {
    CONTROL_OK = 0,
    CONTROL_ERROR, /* text says what and why */
};

/* Counters that a VMM keeps and root and the shell may read; written by one thread each. */
enum vmm_counter {
    COUNT_EXIT_MMIO,
    COUNT_EXIT_SYSREG,
    COUNT_EXIT_HYPERCALL,
    COUNT_EXIT_WFX,
    COUNT_EXIT_TIMER,
    COUNT_EXIT_MAINTENANCE,
    COUNT_EXIT_OTHER,
    COUNT_INJECTED,
    COUNT_GUEST_FAULTS, /* accesses that were aborted into the guest */
    COUNT_BLOCKED,      /* times that a vCPU slept in WFI */
    VMM_COUNTERS,
};

struct control_vm_info {
    uint32_t client; /* its number in the roster */
    uint32_t state;  /* enum vm_state */
    uint32_t vcpu_count;
    uint32_t memory_mib;
    uint32_t balloon_mib;  /* of its RAM, what root has */
    uint32_t target_mib;   /* what the operator wants root to have */
    uint64_t starts;       /* times started since boot */
    uint64_t overhead_kib; /* memory beyond its RAM */
    uint64_t counters[VMM_COUNTERS];
};

/* Ports of a device service, and the uplink of the network service. */
enum control_ports { CONTROL_PORTS_NET, CONTROL_PORTS_DISK };
enum { CONTROL_PORT_MAX = NET_PORT_MAX + 1 };

struct control_port_info {
    char vm[16];      /* NUL-terminated; "": the board's own device */
    char device[16];  /* the node's name in the description, cut to fit */
    char backing[16]; /* the network or disk */
    uint32_t up;      /* of a network: whether it carries frames */
    uint32_t pad;
    union {
        uint64_t net[NET_COUNTERS];
        struct block_port_stats disk;
    };
};

struct control_capture_info {
    char network[16];    /* NUL-terminated */
    uint32_t memory_mib; /* for its frames; 0: it keeps none. See PROCESS_CAPTURE_VADDR */
    uint32_t on;
};

struct control_reply {
    char text[1024]; /* one or more lines, NUL-terminated */
    uint64_t memory_total_kib, memory_free_kib, slots_used, asids_used;
    uint32_t vm_count;      /* after CONTROL_VM_LIST */
    uint32_t port_count;    /* after CONTROL_PORTS */
    uint32_t capture_count; /* after CONTROL_CAPTURES */
    uint32_t pad;
    union {
        struct control_vm_info vm[SERIAL_CLIENT_MAX];
        struct control_port_info port[CONTROL_PORT_MAX];
        struct control_capture_info capture[NET_NETWORK_MAX];
    };
};
_Static_assert(sizeof(struct control_reply) <= 8192, "the reply is two pages");
