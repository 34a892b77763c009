/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/* What the hostile process finds in its world, and the page that it shares with the root task. */

#include <sel4/sel4.h>
#include <stdint.h>

/* Slots of its CNode. The rest is empty at first and fills as it likes. */
enum hostile_slot {
    HOSTILE_SELF_CNODE = 1,
    HOSTILE_UNTYPED,
    HOSTILE_ENDPOINT,
    HOSTILE_NOTIFICATION,
    HOSTILE_REPLY,
    HOSTILE_SC,
    HOSTILE_FRAME,
    HOSTILE_LARGE_FRAME,
    HOSTILE_PAGE_TABLE,
    HOSTILE_VSPACE, /* of its own process */
    HOSTILE_OTHER_VSPACE,
    HOSTILE_VCPU,
    HOSTILE_VICTIM_TCB, /* a thread without a life of its own */
    HOSTILE_ASID_POOL,
    HOSTILE_IRQ,
    HOSTILE_DEVICE_FRAME,
    HOSTILE_BADGED_ENDPOINT,
    HOSTILE_SMALL_UNTYPED,
    HOSTILE_SLOTS_USED,
};

#define HOSTILE_CNODE_BITS 8

/*
 * Its threads' own pages, from HOSTILE_PAGES + index * HOSTILE_STRIDE on: the state, a stack, the
 * IPC buffer. Page tables for HOSTILE_WINDOW are there, so that frames can be mapped.
 */
#define HOSTILE_PAGES  0x50000000ul
#define HOSTILE_STRIDE 0x10000ul
#define HOSTILE_STACK  0x2000ul /* top */
#define HOSTILE_BUFFER 0x2000ul
#define HOSTILE_WINDOW 0x10000000ul
#define HOSTILE_MAX    4

/* What it called: the slots of above, and these. */
enum hostile_kind {
    HOSTILE_OTHER_SLOT = HOSTILE_SLOTS_USED, /* a capability that it made itself, or none */
    HOSTILE_OTHER_SYSCALL, /* anything else than a call: receive, yield, nonsense */
    HOSTILE_KINDS,
};

/* Where the sequence of calls begins; `make hostile HOSTILE_SEED=` gives another. */
#ifndef HOSTILE_SEED
#define HOSTILE_SEED 0x9e3779b97f4a7c15
#endif

/* Seen by the root task and by the process; the root task trusts nothing in it. */
struct hostile_state {
    uint64_t random;
    volatile uint64_t calls;                       /* so far */
    volatile uint64_t limit;                       /* stops there */
    volatile uint64_t answers[seL4_NumErrors + 1]; /* by error; the last: others */
    volatile uint64_t digest;                      /* of the answers and what they said */
    volatile uint64_t kinds[HOSTILE_KINDS];        /* calls by enum hostile_kind */
    uint64_t tls[8];
};

/* Calls until the limit. Runs in the process; reads nothing but its pages and its program. */
_Noreturn void hostile_main(struct hostile_state *state);
