/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "test/contract/contract.h"
#include "test/contract/guest.h"

/*
 * A guest with one vCPU, for tests: the pieces of guest.S at VM_CODE, a page of RAM at VM_DATA,
 * with GICv2 its interface at VM_GICC. The main thread takes its faults from `faults` and answers
 * through `reply`, both the VM's own.
 */
enum {
    VM_CODE = 0x40000000,
    VM_DATA = 0x40200000,
    VM_GICC = 0x08010000,
    VM_NOWHERE = 0x50000000, /* nothing is mapped there */
    SPSR_EL1H_MASKED = 0x3c5,
};

struct vm {
    seL4_CPtr tcb, vcpu, sc, vspace, faults, badged_faults, reply, spare_reply, cspace;
    volatile uint64_t *data; /* the page at VM_DATA */
    bool started;            /* it waits for a reply, or runs */
};

/* Round robin on that core, at PRIO_GUEST. */
void vm_make(struct vm *vm, unsigned core);
/* The same with budget and period. */
void vm_make_with_sc(struct vm *vm, unsigned core, seL4_Word budget_us, seL4_Word period_us);
/* A VSpace for guests: code, and the data page whose view in the root task is *data. */
seL4_CPtr vm_new_vspace(volatile uint64_t **data);
seL4_Word vm_address(const unsigned char *piece);

/* Lets the guest run the piece; for its first, or when it waits for a reply to any fault. */
void vm_start(struct vm *vm, const unsigned char *piece, seL4_Word x0, seL4_Word x1, seL4_Word x2);
/* vm_start, and the next fault: false when none came. */
bool vm_call(struct vm *vm, const unsigned char *piece, seL4_Word x0, seL4_Word x1, seL4_Word x2,
             struct message *fault);
/* The next fault within some milliseconds. */
bool vm_wait(struct vm *vm, struct message *fault);
/* True when no fault came for a moment; the guest may have run all the time. */
bool vm_quiet(struct vm *vm);
/* Answers the fault, having moved the PC on by that much. */
void vm_resume(struct vm *vm, seL4_Word advance);
/* Whether the message is the report that ends a piece of guest code. */
bool vm_reported(const struct message *fault);

/* 0 with GICv3's system registers, else VM_GICC: x1 of the guest_gic_* pieces. */
seL4_Word vm_gic(void);
/* How many list registers the virtual interface has. */
unsigned vm_list_registers(void);
/* A vCPU that never ends, on each core: run it there, and no other vCPU's state is in the core. */
void vm_flush_core(unsigned core);
/* Before the first topic: what lasts. */
void vm_open(void);
