// SPDX-License-Identifier: BSD-2-Clause
#include "vmm/decode.h"

#include "vmm/sysreg.h"

/* The bits [high:low] of a word, as the Arm ARM writes them. */
static uint32_t bits(uint32_t word, unsigned high, unsigned low)
{
    return (word >> low) & ((1u << (high - low + 1)) - 1);
}

static bool bit(uint32_t word, unsigned index)
{
    return (word >> index) & 1;
}

static int64_t sign_extend(uint64_t value, unsigned width_bits)
{
    uint64_t sign = 1ull << (width_bits - 1);
    value &= sign | (sign - 1);
    return (int64_t)((value ^ sign) - sign);
}

static uint64_t low_bytes(uint64_t value, unsigned width_bytes)
{
    return width_bytes == 8 ? value : value & ((1ull << (8 * width_bytes)) - 1);
}

uint64_t decode_store_value(struct decode_transfer transfer, uint64_t reg_value)
{
    return transfer.reg == DECODE_REG_ZERO ? 0 : low_bytes(reg_value, transfer.width_bytes);
}

uint64_t decode_load_value(struct decode_transfer transfer, uint64_t bus_value)
{
    uint64_t value = low_bytes(bus_value, transfer.width_bytes);
    if (transfer.sign_extend) {
        value = (uint64_t)sign_extend(value, 8u * transfer.width_bytes);
    }
    return transfer.is_64 ? value : (uint32_t)value;
}

/* ESR_EL2.EC */
enum {
    EC_WFX = 0x01,
    EC_HVC64 = 0x16,
    EC_SMC64 = 0x17,
    EC_SYSREG = 0x18,
    EC_INSTRUCTION_ABORT_LOWER = 0x20,
    EC_DATA_ABORT_LOWER = 0x24,
};

/* "ISS encoding for an exception from a Data Abort", DFSC; an Instruction Abort's IFSC is the same.
 */
static void decode_fault_status(uint32_t iss, struct decode_abort *abort)
{
    static const uint8_t by_group[] = {DECODE_FAULT_ADDRESS_SIZE, DECODE_FAULT_TRANSLATION,
                                       DECODE_FAULT_ACCESS_FLAG, DECODE_FAULT_PERMISSION};
    uint32_t status = bits(iss, 5, 0);
    if (status < 0x10) {
        abort->fault = by_group[status >> 2];
        abort->level = status & 3;
    } else if (status == 0x10 || (status >= 0x14 && status <= 0x17)) {
        abort->fault = DECODE_FAULT_EXTERNAL;
        abort->level = status & 3; /* of the walk; 0 outside of one */
    } else if (status == 0x21) {
        abort->fault = DECODE_FAULT_ALIGNMENT;
    }
}

static struct decode_abort decode_abort(uint32_t iss)
{
    struct decode_abort abort = {.walk = bit(iss, 7), .far_valid = !bit(iss, 10)};
    decode_fault_status(iss, &abort);
    return abort;
}

/* "ISS encoding for an exception from a Data Abort", with ISV set: SAS, SSE, SRT, SF, WnR. */
static struct decode_transfer data_transfer(uint32_t iss)
{
    return (struct decode_transfer){
        .reg = (uint8_t)bits(iss, 20, 16),
        .width_bytes = (uint8_t)(1u << bits(iss, 23, 22)),
        .is_write = bit(iss, 6),
        .sign_extend = bit(iss, 21),
        .is_64 = bit(iss, 15),
    };
}

/* The same: ISV, CM, WnR. */
static struct decode_abort data_abort(uint32_t iss)
{
    struct decode_abort abort = decode_abort(iss);
    abort.is_write = bit(iss, 6);
    abort.is_maintenance = bit(iss, 8);
    abort.has_transfer = bit(iss, 24) && !abort.walk && !abort.is_maintenance;
    if (abort.has_transfer) {
        abort.transfer = data_transfer(iss);
    }
    return abort;
}

/* "ISS encoding for an exception from MSR, MRS, or System instruction execution" */
static struct decode_sysreg decode_sysreg(uint32_t iss)
{
    return (struct decode_sysreg){
        .id = iss & SYSREG_ID_MASK,
        .is_write = !bit(iss, 0),
        .reg = (uint8_t)bits(iss, 9, 5),
    };
}

bool decode_data_abort(uint64_t esr, struct decode_abort *abort)
{
    if (bits((uint32_t)esr, 31, 26) != EC_DATA_ABORT_LOWER) {
        return false;
    }
    *abort = data_abort(bits((uint32_t)esr, 24, 0));
    return true;
}

bool decode_device_access(uint64_t esr, struct decode_transfer *transfer)
{
    enum { ISV = 1 << 24, CM = 1 << 8, S1PTW = 1 << 7, DFSC_BUT_LEVEL = 0x3c, TRANSLATION = 0x04 };
    const uint32_t asked = 0x3fu << 26 | ISV | CM | S1PTW | DFSC_BUT_LEVEL;
    const uint32_t wanted = (uint32_t)EC_DATA_ABORT_LOWER << 26 | ISV | TRANSLATION;
    if (((uint32_t)esr & asked) != wanted) {
        return false;
    }
    *transfer = data_transfer((uint32_t)esr);
    return true;
}

struct decode_syndrome decode_syndrome(uint64_t esr)
{
    uint32_t iss = bits((uint32_t)esr, 24, 0);
    struct decode_syndrome s = {
        .ec = (uint8_t)bits((uint32_t)esr, 31, 26),
        .instruction_bytes = (uint8_t)decode_instruction_bytes(esr),
    };
    switch (s.ec) {
    case EC_WFX:
        s.class = DECODE_WFX;
        s.wfx = (enum decode_wfx)bits(iss, 1, 0);
        break;
    case EC_HVC64:
    case EC_SMC64:
        s.class = s.ec == EC_HVC64 ? DECODE_HVC : DECODE_SMC;
        s.immediate = (uint16_t)bits(iss, 15, 0);
        break;
    case EC_SYSREG:
        s.class = DECODE_SYSREG;
        s.sysreg = decode_sysreg(iss);
        break;
    case EC_INSTRUCTION_ABORT_LOWER:
        s.class = DECODE_INSTRUCTION_ABORT;
        s.abort = decode_abort(iss);
        break;
    case EC_DATA_ABORT_LOWER:
        s.class = DECODE_DATA_ABORT;
        s.abort = data_abort(iss);
        break;
    default:
        break;
    }
    return s;
}

/*
 * "Load/store register pair": opc 101 V 0 mode L imm7 Rt2 Rn Rt; mode 00 no-allocate, 01
 * post-indexed, 10 offset, 11 pre-indexed.
 */
static enum decode_result decode_pair(uint32_t word, struct decode_instruction *out)
{
    enum { WIDTH_32, SIGNED_WORD, WIDTH_64, UNALLOCATED };
    enum { NO_ALLOCATE, POST_INDEXED, OFFSET, PRE_INDEXED };
    uint32_t opc = bits(word, 31, 30), mode = bits(word, 24, 23);
    bool is_load = bit(word, 22);
    /* opc 01 is LDPSW; as a store it is STGP, which stores a tag too. */
    if (opc == UNALLOCATED || (opc == SIGNED_WORD && (!is_load || mode == NO_ALLOCATE))) {
        return DECODE_UNSUPPORTED;
    }
    uint8_t width = opc == WIDTH_64 ? 8 : 4;
    int16_t distance = (int16_t)(sign_extend(bits(word, 21, 15), 7) * width);
    for (unsigned i = 0; i < 2; i++) {
        out->transfer[i] = (struct decode_transfer){
            .reg = (uint8_t)(i == 0 ? bits(word, 4, 0) : bits(word, 14, 10)),
            .width_bytes = width,
            .is_write = !is_load,
            .sign_extend = opc == SIGNED_WORD,
            .is_64 = opc != WIDTH_32,
        };
    }
    out->transfer_count = 2;
    out->writeback = mode == POST_INDEXED || mode == PRE_INDEXED;
    out->offset = mode == POST_INDEXED ? 0 : distance;
    out->step = out->writeback ? distance : 0;
    return is_load && out->transfer[0].reg == out->transfer[1].reg ? DECODE_UNPREDICTABLE
                                                                   : DECODE_OK;
}

/*
 * "Load/store register (immediate post-indexed)" and "(immediate pre-indexed)":
 * size 111 V 00 opc 0 imm9 index 1 Rn Rt; index 0 is post, 1 is pre.
 */
static enum decode_result decode_single(uint32_t word, struct decode_instruction *out)
{
    enum { STORE, LOAD, LOAD_SIGNED_64, LOAD_SIGNED_32 };
    uint32_t size = bits(word, 31, 30), opc = bits(word, 23, 22);
    if ((opc == LOAD_SIGNED_64 && size > 2) || (opc == LOAD_SIGNED_32 && size > 1)) {
        return DECODE_UNSUPPORTED; /* unallocated */
    }
    out->transfer[0] = (struct decode_transfer){
        .reg = (uint8_t)bits(word, 4, 0),
        .width_bytes = (uint8_t)(1u << size),
        .is_write = opc == STORE,
        .sign_extend = opc >= LOAD_SIGNED_64,
        .is_64 = opc == LOAD_SIGNED_64 || (opc <= LOAD && size == 3),
    };
    out->transfer_count = 1;
    out->writeback = true;
    out->step = (int16_t)sign_extend(bits(word, 20, 12), 9);
    out->offset = bit(word, 11) ? out->step : 0;
    return DECODE_OK;
}

enum decode_result decode_instruction(uint32_t word, struct decode_instruction *out)
{
    *out = (struct decode_instruction){.base = (uint8_t)bits(word, 9, 5)};
    if (!bit(word, 27) || bit(word, 25)) { /* A64 encoding index: loads and stores are x1x0 */
        return DECODE_NOT_A_LOAD_OR_STORE;
    }
    if (bit(word, 26)) {
        return DECODE_SIMD;
    }
    enum decode_result result = DECODE_UNSUPPORTED;
    if ((word & 0x3a000000) == 0x28000000) {
        result = decode_pair(word, out);
    } else if ((word & 0x3b200400) == 0x38000400) {
        result = decode_single(word, out);
    }
    /* With writeback, a base that is also a register of data has no defined value. */
    for (unsigned i = 0; result == DECODE_OK && i < out->transfer_count; i++) {
        if (out->writeback && out->base != DECODE_REG_SP && out->transfer[i].reg == out->base) {
            result = DECODE_UNPREDICTABLE;
        }
    }
    return result;
}

unsigned decode_faulting(const struct decode_instruction *instruction, uint64_t base_value,
                         uint64_t fault_address)
{
    uint64_t at = base_value + (uint64_t)(int64_t)instruction->offset;
    unsigned i = 0;
    while (i < instruction->transfer_count && ((at ^ fault_address) & 0xfff) != 0) {
        at += instruction->transfer[i++].width_bytes;
    }
    return i;
}
