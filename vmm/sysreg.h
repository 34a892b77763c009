/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "device/access.h"
#include "device/gic/gic.h"

/*
 * System registers whose access traps to us. A register's id is its encoding, as it lies in the ISS
 * of ESR_EL2 (Arm ARM, "ISS encoding for an exception from MSR, MRS, or System instruction
 * execution").
 */
#define SYSREG_ID(op0, op1, crn, crm, op2)                                                         \
    ((uint32_t)(op0) << 20 | (uint32_t)(op2) << 17 | (uint32_t)(op1) << 14 |                       \
     (uint32_t)(crn) << 10 | (uint32_t)(crm) << 1)
#define SYSREG_ID_MASK SYSREG_ID(3, 7, 15, 15, 7)

/* The register's parts, for messages: S<op0>_<op1>_C<crn>_C<crm>_<op2>. */
struct sysreg_name {
    uint8_t op0, op1, crn, crm, op2;
};
struct sysreg_name sysreg_name(uint32_t id);

struct sysreg_access {
    uint32_t id;
    uint64_t value; /* a write: the data; a read: is stored here */
    bool is_write;
    uint8_t vcpu;
};

/* The registers of the physical timer (Arm ARM, "The Generic Timer in AArch64 state"). */
enum sysreg_timer {
    SYSREG_CNTPCT, /* read-only */
    SYSREG_CNTP_TVAL,
    SYSREG_CNTP_CTL,
    SYSREG_CNTP_CVAL,
};

/* What the registers that do something are wired to. */
struct sysreg_port {
    enum gic_version gic;
    /* GICv3 only: a write to one of the registers that send SGIs. */
    void (*send_sgi)(void *ctx, unsigned vcpu, enum gic_v3_sgi_register which, uint64_t value);
    /* Reads or writes a register of the vCPU's physical timer. NULL: the guest has none. */
    void (*timer)(void *ctx, enum sysreg_timer which, struct sysreg_access *access);
    void *ctx;
};

/*
 * UNHANDLED: no such register for this guest; GUEST_FAULT: it is there, but not for this direction.
 * Either way the guest gets an UNDEFINED exception at the instruction.
 */
enum outcome sysreg_access(const struct sysreg_port *port, struct sysreg_access *access);
