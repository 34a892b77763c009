/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * Kernel objects: chapter "Kernel Services and Objects" of the seL4 manual. The sizes are seen by
 * user space (an object takes 2^n bytes of untyped memory) and are asserted below.
 *
 * All objects live in the kernel's part of RAM, which EL2 maps one to one below 4 GiB; so a
 * reference from one object to another fits into 32 bits, and a slot's place in the derivation tree
 * into 16 bytes.
 */

#include "standin/arch.h"
#include <sel4/sel4.h>

enum cap_type {
    CAP_NULL,
    CAP_UNTYPED,
    CAP_ENDPOINT,
    CAP_NOTIFICATION,
    CAP_CNODE,
    CAP_TCB,
    CAP_SCHED_CONTEXT,
    CAP_SCHED_CONTROL,
    CAP_REPLY,
    CAP_IRQ_CONTROL,
    CAP_IRQ_HANDLER,
    CAP_FRAME,
    CAP_PAGE_TABLE,
    CAP_VSPACE,
    CAP_ASID_CONTROL,
    CAP_ASID_POOL,
    CAP_VCPU,
    CAP_DYING, /* a container whose slots are being emptied; never seen outside of one deletion */
};

/* Rights of endpoint, notification, reply and frame capabilities, as in seL4_CapRights_t. */
#define RIGHT_WRITE       1u
#define RIGHT_READ        2u
#define RIGHT_GRANT       4u
#define RIGHT_GRANT_REPLY 8u
#define RIGHT_ALL         15u

#define CAP_DEVICE   1u /* untyped, frame: memory that the kernel does not touch */
#define CAP_MAPPED   2u /* page table, VSpace: is in use, data tells where */
#define CAP_ORIGINAL 4u /* copies of this one become its children, not its siblings */

struct cap {
    uint8_t type;
    uint8_t rights : 4;
    uint8_t flags : 4;
    uint8_t bits; /* untyped, frame, scheduling context: size; CNode: radix */
    uint8_t address_high;
    uint32_t address_low;
    /*
     * untyped: bytes handed out; endpoint, notification: badge; CNode: guard << 6 | guard size;
     * frame, page table: asid << 48 | address, asid 0 is unmapped; VSpace: asid; ASID pool: first
     * asid; IRQ handler: its line; scheduling control: core; dying: see destroy.c
     */
    uint64_t data;
};

/* A slot of a CNode, TCB or interrupt line, and its place in the derivation tree. */
struct slot {
    struct cap cap;
    uint32_t parent;
    uint32_t child; /* the first */
    uint32_t before;
    uint32_t after;
};

_Static_assert(sizeof(struct cap) == 16, "a capability is two words");
_Static_assert(sizeof(struct slot) == 1 << seL4_SlotBits, "slot size");

static inline uint64_t cap_address(struct cap cap)
{
    return (uint64_t)cap.address_high << 32 | cap.address_low;
}

static inline void *cap_object(struct cap cap)
{
    return (void *)cap_address(cap);
}

static inline struct cap cap_make(enum cap_type type, uint64_t address, uint8_t bits, uint64_t data)
{
    return (struct cap){.type = (uint8_t)type,
                        .rights = RIGHT_ALL,
                        .bits = bits,
                        .address_high = (uint8_t)(address >> 32),
                        .address_low = (uint32_t)address,
                        .data = data};
}

static inline struct slot *slot_at(uint32_t address)
{
    return (struct slot *)(uintptr_t)address;
}

static inline uint32_t slot_ref(const struct slot *slot)
{
    return (uint32_t)(uintptr_t)slot;
}

/* Threads waiting on an object, highest priority first. */
struct queue {
    uint32_t head;
    uint32_t tail;
};

enum wait_state { WAIT_IDLE, WAIT_SENDERS, WAIT_RECEIVERS, WAIT_SIGNALLED };

struct endpoint {
    struct queue queue;
    uint32_t state;
    uint32_t unused;
};

struct notification {
    struct queue queue;
    uint32_t state;
    uint32_t unused;
    uint64_t badge; /* gathered while WAIT_SIGNALLED */
    struct tcb *bound;
    struct sched_context *sc;
};

/*
 * A reply object. While its caller waits it may be part of a call stack: `below` is the reply of
 * the caller's own caller, `above` that of the one called next, or the scheduling context at the
 * top.
 */
struct reply {
    struct tcb *caller;
    struct reply *below;
    void *above;
    uint64_t above_is_sc;
};

struct refill {
    uint64_t amount;
    uint64_t time;
};

/* The refills of a scheduling context follow it as a ring of refill_max entries. */
struct sched_context {
    uint64_t period;   /* ticks; 0: round robin */
    uint64_t consumed; /* ticks since last asked */
    uint64_t badge;
    struct tcb *tcb;
    struct reply *reply; /* top of the call stack that it was donated along */
    struct notification *notification;
    struct tcb *yield_from;
    uint32_t core;
    uint32_t refill_max; /* 0: not configured */
    uint32_t head;
    uint32_t count;
    uint64_t sporadic;
    uint64_t unused[2];
    struct refill refills[];
};

_Static_assert(sizeof(struct endpoint) <= 1 << seL4_EndpointBits, "endpoint size");
_Static_assert(sizeof(struct notification) <= 1 << seL4_NotificationBits, "notification size");
_Static_assert(sizeof(struct reply) <= 1 << seL4_ReplyBits, "reply size");
_Static_assert(sizeof(struct sched_context) + 2 * sizeof(struct refill) ==
                   seL4_CoreSchedContextBytes,
               "scheduling context size");

enum thread_state {
    THREAD_INACTIVE,
    THREAD_RUNNING, /* goes on at REG_PC */
    THREAD_RESTART, /* goes on at REG_FAULT_PC: does its system call again, or is fresh */
    THREAD_RECEIVING,
    THREAD_SENDING,
    THREAD_AWAITING_REPLY,
    THREAD_WAITING, /* on a notification */
};

enum {
    REG_SP = 31,
    REG_PC = 32,
    REG_SPSR = 33,
    REG_FAULT_PC = 34,
    REG_TPIDR = 35,
    REG_TPIDRRO = 36,
    REG_COUNT = 37,
};

enum { TCB_CSPACE, TCB_VSPACE, TCB_BUFFER, TCB_FAULT, TCB_TIMEOUT, TCB_SLOTS };

struct fault {
    uint64_t type; /* seL4_Fault_*, null: none */
    uint64_t word[3];
};

struct lookup_failure {
    uint64_t type; /* seL4_LookupFailureType */
    uint64_t word[3];
};

struct tcb {
    uint64_t regs[REG_COUNT]; /* first: entry.S counts on it */
    uint64_t fpu_control[2];
    uint64_t unused;
    uint64_t fpu[64]; /* v0..v31, aligned to 16 */
    struct slot slots[TCB_SLOTS];
    struct fault fault;
    struct lookup_failure lookup;
    enum thread_state state;
    uint32_t flags; /* seL4_TCBFlag */
    uint8_t priority;
    uint8_t mcp;
    bool queued;   /* in its core's ready queue */
    bool sleeping; /* in its core's release queue: its budget comes back later */
    uint32_t core;
    /* ready, release, endpoint and notification queues share the links: a thread is in one only */
    struct tcb *next;
    struct tcb *previous;
    void *waiting_on; /* endpoint, notification or reply object by state */
    struct reply *reply;
    uint64_t send_badge;
    uint8_t send_rights; /* RIGHT_GRANT, RIGHT_GRANT_REPLY of the capability that is sent through */
    bool send_is_call;
    uint64_t ipc_buffer;
    struct sched_context *sc;
    struct sched_context *yield_to;
    struct notification *bound;
    struct vcpu *vcpu;
};

_Static_assert(sizeof(struct tcb) <= 1 << seL4_TCBBits, "thread size");
_Static_assert(offsetof(struct tcb, fpu) % 16 == 0, "stp of q registers");

#define VCPU_LIST_MAX 16

struct vcpu {
    struct tcb *tcb;
    int32_t core; /* whose registers hold it, -1: none, all is here */
    bool timer_masked;
    uint64_t regs[seL4_VCPUReg_Num];
    uint64_t gic_control;
    uint64_t gic_machine; /* ICH_VMCR, GICH_VMCR */
    uint64_t gic_active;  /* active priorities */
    uint64_t list[VCPU_LIST_MAX];
};

_Static_assert(sizeof(struct vcpu) <= 1 << seL4_VCPUBits, "VCPU size");

/* One entry of an ASID pool. */
struct asid_entry {
    uint32_t vspace; /* 0: free */
    uint32_t vmid;   /* 0: none yet */
};

_Static_assert(sizeof(struct asid_entry) << seL4_ASIDPoolIndexBits == 1 << seL4_ASIDPoolBits,
               "ASID pool size");
