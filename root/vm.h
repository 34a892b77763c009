/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include "link/control.h"
#include "root/board.h"
#include "root/description.h"
#include "root/process.h"
#include "root/ram.h"

/*
 * One VM as root sees it: what its description says, and, while it runs, the compartment that holds
 * its VMM, and its RAM, which stays when the guest resets its machine. Creating it at boot and at
 * run time is the same call.
 */
struct vm {
    struct vm_description description;
    uint32_t number;        /* client number */
    uint32_t console_count; /* ports of its virtio console beyond the first */
    enum vm_state state;
    uint64_t starts;
    bool draining;        /* has ended, but a service may still use its RAM, which stays */
    uint64_t drain_until; /* counter ticks: the service should have let go of it */
    uint32_t balloon_mib; /* what the operator wants to have back from its guest */
    /* while it has RAM: */
    struct arena ram_arena;
    struct ram ram;
    bool ram_used;     /* by a life before this one */
    bool ram_unwanted; /* goes back to root when it does not drain any more */
    /* while it has a compartment: */
    struct arena arena;
    struct arena start_arena; /* until its guest runs */
    struct process vmm;
    struct space guest;
    seL4_CPtr vcpu[VCPU_MAX]; /* VCPU objects */
    seL4_CPtr vcpu_tcb[VCPU_MAX];
    seL4_CPtr pause_signal, resume_signal, balloon_signal;
    /* restart policy, see restart.h */
    uint32_t failures;
    uint64_t restart_at; /* counter ticks, when state is VM_RESTARTING */
};

/* Takes what all VMs share; once. False: the reason says why (root/reason.h). */
bool vm_init(const struct board *board);

/*
 * Makes RAM, unless vm_end left it, and the compartment, and starts the VMM. False: nothing is
 * held, and the reason says what was missing or wrong; all else runs on.
 */
bool vm_create(struct vm *vm, const struct board *board);

/* The VMM has put its guest into RAM: from now on it has what an event thread needs, and no start
 * segment. Once. */
void vm_begin(struct vm *vm);

/*
 * Takes everything back but RAM. The vCPUs stop wherever they are. Nothing happens when there is
 * no compartment. If a service may still use the RAM (zero copy), the VM is draining, until vm_reap
 * finds that the service has let go of it: before that it does not start again.
 */
void vm_end(struct vm *vm);

/* The same, and RAM, if there is some; when it does not drain any more. */
void vm_destroy(struct vm *vm);

/* False: it is still draining. Call it again when a service has signalled. */
bool vm_reap(struct vm *vm);

static inline bool vm_has_compartment(const struct vm *vm)
{
    return vm->arena.block_count != 0;
}

/* Tells the VMM to stop its guest where it is, or to let it go on. Only with a compartment. */
void vm_pause(struct vm *vm, bool pause);

/* VMM_COUNTERS counters for each of VCPU_MAX vCPUs, as the VMM keeps them; NULL without a
 * compartment. */
const uint64_t *vm_counters(const struct vm *vm);
