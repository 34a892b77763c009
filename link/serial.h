/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdint.h>

#include "link/ring.h"

/*
 * The link between the serial service and one client (a VMM, root, another service). The memory is
 * the service's, so it outlives its clients; a client that starts (again) finds it formatted by
 * root.
 */
enum {
    SERIAL_CLIENT_MAX = 32, /* client 0 is root, the others are numbered by root */
    SERIAL_OUT_SIZE = 32768,
    SERIAL_IN_SIZE = 16384,
    SERIAL_LOG_SIZE = 8192,
};

struct serial_link {
    struct ring_shared out; /* console output, client to service */
    struct ring_shared in;  /* console input, service to client */
    struct ring_shared log; /* log lines, client to service: level character '0'..'3', text, '\n' */
    /* The service's: columns of the operator's terminal, and rows << 16; 0: nobody said. A signal
     * follows a change. It stays when the client is started anew. */
    _Atomic uint32_t size;
    uint8_t pad[4096 - 3 * sizeof(struct ring_shared) - 4];
    uint8_t out_data[SERIAL_OUT_SIZE];
    uint8_t in_data[SERIAL_IN_SIZE];
    uint8_t log_data[SERIAL_LOG_SIZE];
};

enum {
    SERIAL_LINK_BYTES = 65536
}; /* of the address space, per client; a multiple of the page size */
_Static_assert(sizeof(struct serial_link) <= SERIAL_LINK_BYTES, "link fits its window");

/* What root tells the service about its clients: root writes, the service reads. One page. */
enum serial_client_kind {
    SERIAL_CLIENT_NONE = 0,
    SERIAL_CLIENT_SYSTEM, /* log lines only */
    SERIAL_CLIENT_VM,     /* a console as well */
    SERIAL_CLIENT_PORT,   /* one more console of a VM, its owner: no log lines */
};

enum vm_state {
    VM_STOPPED = 0, /* not running: never started, stopped, or ended by its guest */
    VM_STARTING,
    VM_RUNNING,
    VM_PAUSED,
    VM_FAILED,     /* its VMM died or it was refused; see the log */
    VM_RESTARTING, /* waits for its back-off */
};

struct serial_client_info {
    char name[32];               /* NUL-terminated; of a port "VM.port" */
    uint32_t kind;               /* enum serial_client_kind */
    _Atomic uint32_t state;      /* enum vm_state, of a VM */
    _Atomic uint32_t generation; /* odd while root changes this client's link: hands off; changes at
                                    each start */
    uint32_t owner;              /* SERIAL_CLIENT_PORT: the client that is its VM */
};

enum { SERIAL_ROSTER_MAGIC = 0x524f5354 /* "ROST" */, SERIAL_ROSTER_VERSION = 1 };

struct serial_roster {
    uint32_t magic;
    uint32_t version;
    uint32_t attach;    /* the client whose console has the keyboard at first */
    uint32_t log_level; /* most talkative level that reaches the screen */
    struct serial_client_info client[SERIAL_CLIENT_MAX];
};
_Static_assert(sizeof(struct serial_roster) <= 4096, "roster is one page");

/*
 * Badges on the service's notification: bit n for client n, and these.
 */
#define SERIAL_BADGE_CLIENT(n) (1ull << (n))
#define SERIAL_BADGE_IRQ       (1ull << 32)
#define SERIAL_BADGE_ROSTER    (1ull << 33) /* root changed the roster */
#define SERIAL_BADGE_TIMER     (1ull << 34)
