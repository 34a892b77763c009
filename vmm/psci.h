/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "device/access.h"
#include "lib/range.h"

/*
 * A guest's firmware calls: PSCI 1.1 (Arm DEN0022) over the SMC Calling Convention 1.1 (DEN0028),
 * as logic without a kernel. The instruction (hvc or smc #0) does not matter.
 *
 * Threads: any vCPU's handler may call at any time; the power states are atomic.
 */

/* Registers at the call: W0 and X1 to X6. */
struct smccc_call {
    uint32_t fid;
    uint64_t args[6];
};

enum psci_power {
    PSCI_OFF,
    PSCI_CLAIMED, /* somebody's CPU_ON has won, and writes down where to start */
    PSCI_ON_PENDING,
    PSCI_ON,
};

struct psci_start {
    gpa_t entry;
    uint64_t context; /* X0 */
};

struct psci {
    struct range ram;                  /* where an entry point may be */
    unsigned vcpu_count;               /* 1 to VCPU_MAX */
    _Atomic uint32_t power[VCPU_MAX];  /* enum psci_power */
    struct psci_start start[VCPU_MAX]; /* a vCPU's own to read once it sees ON_PENDING */
};

/* What the caller does after the call, beside stepping over the instruction. */
enum psci_action {
    PSCI_RESUME, /* result goes to X0, the vCPU runs on */
    /*
     * Resume, and first start vCPU `target` as its psci.start says, everything else as
     * DEN0022, "Initial Core configuration", has it: AArch64, the caller's exception level, MMU
     * off, interrupts masked. Then say psci_vcpu_started or psci_start_failed.
     */
    PSCI_START_VCPU,
    PSCI_STOP_VCPU, /* does not come back; stop this vCPU, then say psci_vcpu_stopped */
    PSCI_WAIT,      /* as WFI does, then resume with the result */
    PSCI_VM_OFF,    /* does not come back */
    PSCI_VM_RESET,  /* does not come back */
};

struct psci_answer {
    enum psci_action action;
    uint64_t result; /* X0. The other registers keep what they have (DEN0028 allows it). */
    unsigned target; /* of PSCI_START_VCPU, which itself reads psci.start */
};

/* vCPU 0 is on, the others are off. Not while a vCPU runs. */
void psci_reset(struct psci *psci, struct range ram, unsigned vcpu_count);

/* One call by a vCPU. Whatever the registers hold, there is an answer. */
struct psci_answer psci_call(struct psci *psci, unsigned vcpu, const struct smccc_call *call);

/* ON_PENDING to ON: the target of PSCI_START_VCPU is about to run at its entry. */
void psci_vcpu_started(struct psci *psci, unsigned vcpu);

/* ON_PENDING to OFF: it could not be started. What the caller of CPU_ON then gets in X0. */
uint64_t psci_start_failed(struct psci *psci, unsigned vcpu);

/*
 * ON to OFF: the vCPU has stopped, so that from now on another may start it. True when it was the
 * last one: nothing is left in this VM that could ever run.
 */
bool psci_vcpu_stopped(struct psci *psci, unsigned vcpu);
