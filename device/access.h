/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/limits.h"

/* An address in the guest's physical address space (Arm: IPA). Cannot be dereferenced. */
typedef struct {
    uint64_t value;
} gpa_t;

/*
 * One access of a vCPU to a device's registers, as a value. The bus has already checked that it
 * lies inside the device's window; it may have any width and any alignment, and the device says
 * what the specification says to odd ones.
 */
struct access {
    uint64_t offset;     /* of the first byte, from the base of the device's window */
    uint64_t value;      /* a write: the data, zero-extended; a read: the device stores it here */
    uint8_t width_bytes; /* 1, 2, 4 or 8 */
    bool is_write;
    uint8_t vcpu; /* who asks: below the VM's vCPU count */
};

enum outcome {
    OUTCOME_DONE,        /* handled; a read has its value */
    OUTCOME_UNHANDLED,   /* not mine: the caller tries the next, or aborts into the guest */
    OUTCOME_GUEST_FAULT, /* mine, and the guest must not do this: abort into the guest */
};

/*
 * For devices whose registers have 32 bits: does the access by calling `word` for it, or, if it has
 * 8 bytes, for each half of it, the lower one first.
 */
void access_by_words(struct access *access, void (*word)(void *ctx, struct access *access),
                     void *ctx);
