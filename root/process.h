/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include "link/process.h"
#include "root/schedule.h"
#include "root/space.h"

/*
 * A process: an ELF program of the boot image in its own address space, with its own CSpace,
 * started with nothing but the capabilities that its maker put in. All of it is made of one arena.
 */
enum { PROCESS_THREAD_MAX = 1 + 2 * CORE_MAX };

struct process {
    const char *name;
    struct space space;
    struct space start; /* the same address space, for the start segment */
    seL4_CPtr cnode;
    uint8_t cnode_bits;
    seL4_CPtr tcb;                         /* first thread */
    seL4_CPtr context;                     /* its scheduling context */
    seL4_CPtr notification;                /* SLOT_NOTIFICATION */
    seL4_CPtr threads[PROCESS_THREAD_MAX]; /* all of its threads, 0 where there is none */
    seL4_CPtr wake[VCPU_MAX];              /* a VMM: its handlers' notifications */
    uint64_t entry;
    struct process_boot boot; /* what process_run writes into its boot record */
};

/* Badge of a fault's or a request's sender, as root's control endpoint sees it. */
#define BADGE_FAULT                   (1ull << 16) /* a thread of this process faulted */
#define BADGE_FAULT_OF(number, index) (BADGE_FAULT | (seL4_Word)(index) << 20 | (number))
#define BADGE_NUMBER(b)               ((b)&0xffff)
#define BADGE_THREAD(b)               ((b) >> 20 & 0xff)

/* Badge of root's own notification: a service has something for root (its alarm rang). */
#define ROOT_EVENT_BADGE (1ull << 32)

/* What every process creation needs of root. */
struct root {
    struct arena arena;
    struct space space;
    const seL4_BootInfo *info;
    seL4_CPtr control;      /* root's endpoint */
    seL4_CPtr notification; /* bound to root's thread */
};
extern struct root root;

/* Moves root's thread to a core: what the kernel does only for the core it is on is done there. */
void root_move(unsigned core);

/*
 * Steps 1 to 4 of a process: CSpace, address space, program, first thread (not running).
 * process->boot is zeroed but for magic, version, number and name. `notification` is the one on
 * which the process waits for events, 0 to make one. What the program needs until it has started
 * (PROCESS_START_VADDR) is made of `start`, which may be closed then. False: the reason says why,
 * and the arenas are to be closed.
 */
bool process_create(struct process *process, struct arena *arena, struct arena *start,
                    const char *program, const char *name, uint32_t number, unsigned cnode_bits,
                    seL4_CPtr notification, const struct schedule *schedule);

/* Makes another thread with its own IPC buffer (index 1 and up); it has no context and does not
 * run. Threads have the FPU disabled. */
seL4_CPtr process_thread(struct process *process, unsigned index, uint8_t priority);

/* Puts a capability into the process's CSpace, badged if badge is not 0. */
bool process_give(struct process *process, seL4_Word slot, seL4_CPtr capability,
                  seL4_CapRights_t rights, seL4_Word badge);

/* A scheduling context as the schedule says. 0: the reason says why. */
seL4_CPtr process_context(struct arena *arena, const struct schedule *schedule);

/* Gives the first thread another budget, priority and core, while it has its context. */
void process_reschedule(struct process *process, const struct schedule *schedule);

/* Maps read-only pages with a copy of [bytes, bytes + size). */
bool process_map_bytes(struct process *process, uint64_t vaddr, const void *bytes,
                       uint64_t size_bytes);

/*
 * First step of its end: no thread of it runs any more, and its address space is gone. Done in this
 * order, the rest of the arena can be revoked without an interrupt to every core for each page.
 */
void process_stop(struct process *process);

/* Last step: writes the boot record and lets the first thread run. */
bool process_run(struct process *process);
