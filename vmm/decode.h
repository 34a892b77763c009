/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/*
 * What a guest tried to do, from the two sources that tell: the exception syndrome register ESR_EL2
 * (Arm ARM, "ESR_EL2, Exception Syndrome Register"), and, for a data abort whose syndrome does not
 * describe the access, the A64 instruction itself. Pure functions; any input has an answer.
 */

/* The number of the zero register (as a register of data) or of SP (as a base). */
enum { DECODE_REG_ZERO = 31, DECODE_REG_SP = 31 };

/* How one general register travels to or from memory. */
struct decode_transfer {
    uint8_t reg;         /* Xn, or DECODE_REG_ZERO: reads as zero, what is loaded is dropped */
    uint8_t width_bytes; /* 1, 2, 4 or 8 */
    bool is_write;       /* a store */
    bool sign_extend;    /* a load whose value is signed */
    bool is_64;          /* a load fills Xn; else Wn, and so the upper half of Xn is zero */
};

/* What a store puts on the bus (zero-extended), and what a load leaves in the whole Xn. */
uint64_t decode_store_value(struct decode_transfer transfer, uint64_t reg_value);
uint64_t decode_load_value(struct decode_transfer transfer, uint64_t bus_value);

enum decode_fault {
    DECODE_FAULT_OTHER,
    DECODE_FAULT_ADDRESS_SIZE,
    DECODE_FAULT_TRANSLATION, /* nothing is mapped there: a device, or nothing at all */
    DECODE_FAULT_ACCESS_FLAG,
    DECODE_FAULT_PERMISSION,
    DECODE_FAULT_EXTERNAL, /* from the hardware, not from stage 2 */
    DECODE_FAULT_ALIGNMENT,
};

enum decode_class {
    DECODE_OTHER, /* nothing that a guest of ours should cause: `ec` says what */
    DECODE_WFX,
    DECODE_HVC,
    DECODE_SMC,
    DECODE_SYSREG,
    DECODE_DATA_ABORT,
    DECODE_INSTRUCTION_ABORT,
};

enum decode_wfx { DECODE_WFI, DECODE_WFE, DECODE_WFIT, DECODE_WFET };

struct decode_abort {
    enum decode_fault fault;
    uint8_t level;       /* of the translation table, where the fault has one */
    bool walk;           /* S1PTW: the access of a stage 1 walk, its address is not the guest's */
    bool far_valid;      /* FAR_EL2 has the address */
    bool is_write;       /* a data abort's; cache maintenance counts as a write */
    bool is_maintenance; /* a cache maintenance or address translation instruction */
    bool has_transfer;   /* ISV: the syndrome describes the access */
    struct decode_transfer transfer;
};

struct decode_sysreg {
    uint32_t id; /* SYSREG_ID of vmm/sysreg.h */
    bool is_write;
    uint8_t reg; /* Xn that is written or read; DECODE_REG_ZERO is the zero register */
};

struct decode_syndrome {
    enum decode_class class;
    uint8_t ec;
    uint8_t instruction_bytes; /* 4, or 2 for a T32 instruction */
    union {
        struct decode_abort abort;   /* both kinds of abort */
        struct decode_sysreg sysreg; /* DECODE_SYSREG */
        enum decode_wfx wfx;         /* DECODE_WFX */
        uint16_t immediate;          /* DECODE_HVC, DECODE_SMC: SMCCC has 0 */
    };
};

struct decode_syndrome decode_syndrome(uint64_t esr);

/* ESR_ELx.IL: programs at EL0 may be AArch32, whose instructions have 2 bytes or 4. */
static inline unsigned decode_instruction_bytes(uint64_t syndrome)
{
    return (syndrome >> 25 & 1) != 0 ? 4 : 2;
}

/* The same for one class. False: it is of another one. */
bool decode_data_abort(uint64_t esr, struct decode_abort *abort);

/*
 * The same for what nearly all exits of this kind are: one register to or from where no memory is.
 * Such an exit is paid by the instruction, so this asks all questions at once. False: anything
 * else.
 */
bool decode_device_access(uint64_t esr, struct decode_transfer *transfer);

enum decode_result {
    DECODE_OK,
    DECODE_NOT_A_LOAD_OR_STORE,
    DECODE_SIMD,          /* a load or store of SIMD&FP registers */
    DECODE_UNSUPPORTED,   /* exclusive, atomic, tag ..., or one that has a valid syndrome */
    DECODE_UNPREDICTABLE, /* the architecture lets it do many things; an abort is among them */
};

/*
 * A load or store that is reported without a valid syndrome: a pair, or one register with
 * writeback. The transfers are at consecutive addresses, the first one at base + offset. After all
 * of them, a writeback adds `step` to the base.
 */
struct decode_instruction {
    struct decode_transfer transfer[2];
    uint8_t transfer_count; /* 1 or 2 */
    uint8_t base;           /* Xn, or DECODE_REG_SP */
    bool writeback;
    int16_t offset;
    int16_t step;
};

enum decode_result decode_instruction(uint32_t word, struct decode_instruction *instruction);

/*
 * Which of the transfers begins at the address of the fault: its index, or transfer_count for none.
 * Compares offsets in a page only, as base_value is virtual and the address of the fault is not.
 * A pair's second one, when the first was in memory: that is not a device's business.
 */
unsigned decode_faulting(const struct decode_instruction *instruction, uint64_t base_value,
                         uint64_t fault_address);
