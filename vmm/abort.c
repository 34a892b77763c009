// SPDX-License-Identifier: BSD-2-Clause
#include "vmm/abort.h"

#include <stddef.h>

#include "vmm/balloon.h"
#include "vmm/decode.h"
#include "vmm/guest_exception.h"
#include "vmm/vcpu.h"
#include "vmm/walk.h"

enum { SPSR_AARCH32 = 1 << 4, REGISTER_BASE_SP = DECODE_REG_SP, INSTRUCTION_BYTES = 4 };

static void refuse(struct vcpu *vcpu, const struct abort *abort, bool is_write)
{
    guest_exception_abort(vcpu, abort, is_write, NULL);
}

/* One device access of a transfer: the register's value goes out, or what comes back goes to
 * *loaded. */
static bool transfer_one(struct vcpu *vcpu, gpa_t address, const struct decode_transfer *transfer,
                         uint64_t stored, uint64_t *loaded)
{
    struct access access = {
        .value = transfer->is_write ? decode_store_value(*transfer, stored) : 0,
        .width_bytes = transfer->width_bytes,
        .is_write = transfer->is_write,
        .vcpu = vcpu->index,
    };
    if (bus_do(&vmm.bus, address, &access, &vcpu->bus_cache) != OUTCOME_DONE) {
        return false;
    }
    *loaded = transfer->is_write ? 0 : decode_load_value(*transfer, access.value);
    return true;
}

/*
 * The usual case: the syndrome says all. Few registers are touched: the kernel copies as many as
 * are asked for, in its own order, so a store reads up to the register and writes the program
 * counter only, and a load does not read before it knows that there is a device.
 */
static void do_transfer(struct vcpu *vcpu, const struct abort *abort,
                        const struct decode_transfer *transfer)
{
    bool has_register = transfer->reg != DECODE_REG_ZERO;
    uint64_t stored = 0, loaded;

    if (transfer->is_write && has_register) {
        stored = vcpu_read_x(vcpu, transfer->reg);
    }
    if (!transfer_one(vcpu, abort->address, transfer, stored, &loaded)) {
        refuse(vcpu, abort, transfer->is_write);
    } else if (transfer->is_write || !has_register) {
        vcpu_write_pc(vcpu, abort->pc + decode_instruction_bytes(abort->syndrome));
    } else if (!vcpu_write_x(vcpu, transfer->reg, loaded,
                             abort->pc + decode_instruction_bytes(abort->syndrome))) {
        /* An abort is better than to go on as another kind of program. */
        guest_exception_abort(vcpu, abort, transfer->is_write,
                              "the kernel cannot set a register of a 32-bit program");
    }
}

/* ---- without a valid syndrome: the instruction itself has to tell
 * ----------------------------------- */

static bool fetch_instruction(const struct vcpu *vcpu, uint64_t pc, uint32_t *word)
{
    const struct walk_regime regime = {
        .sctlr = vcpu_read_register(vcpu, seL4_VCPUReg_SCTLR),
        .tcr = vcpu_read_register(vcpu, seL4_VCPUReg_TCR),
        .ttbr0 = vcpu_read_register(vcpu, seL4_VCPUReg_TTBR0),
        .ttbr1 = vcpu_read_register(vcpu, seL4_VCPUReg_TTBR1),
    };
    gpa_t at;
    return (pc & 3) == 0 && walk_translate(&vmm.ram, &regime, pc, &at) &&
           ram_read(&vmm.ram, at, word, sizeof *word);
}

/* The stack pointer that the guest was using: SP_EL0 is in the thread, SP_EL1 in the VCPU. */
static uint64_t read_sp(const struct vcpu *vcpu, const seL4_UserContext *context)
{
    return (context->spsr & 1) != 0 ? vcpu_read_register(vcpu, seL4_VCPUReg_SP_EL1) : context->sp;
}

static void write_sp(const struct vcpu *vcpu, seL4_UserContext *context, uint64_t value)
{
    if ((context->spsr & 1) != 0) {
        vcpu_write_register(vcpu, seL4_VCPUReg_SP_EL1, value);
    } else {
        context->sp = value;
    }
}

/*
 * All of the instruction's transfers must be the device's: the address of the first one is where
 * the fault is. A pair that begins in memory and ends in a device is refused, as on hardware.
 */
static bool do_instruction(struct vcpu *vcpu, const struct abort *abort,
                           const struct decode_instruction *instruction, seL4_UserContext *context)
{
    bool on_sp = instruction->base == REGISTER_BASE_SP;
    uint64_t base = on_sp ? read_sp(vcpu, context) : *vcpu_register(context, instruction->base);
    uint64_t loaded[2] = {0};
    gpa_t address = abort->address;
    if (decode_faulting(instruction, base, abort->address.value) != 0) {
        return false;
    }
    for (unsigned i = 0; i < instruction->transfer_count; i++) {
        const struct decode_transfer *transfer = &instruction->transfer[i];
        uint64_t stored =
            transfer->reg == DECODE_REG_ZERO ? 0 : *vcpu_register(context, transfer->reg);
        if (!transfer_one(vcpu, address, transfer, stored, &loaded[i])) {
            return false;
        }
        address.value += transfer->width_bytes;
    }
    for (unsigned i = 0; i < instruction->transfer_count; i++) {
        struct decode_transfer transfer = instruction->transfer[i];
        if (!transfer.is_write && transfer.reg != DECODE_REG_ZERO) {
            *vcpu_register(context, transfer.reg) = loaded[i];
        }
    }
    if (instruction->writeback) {
        base += (uint64_t)(int64_t)instruction->step;
        if (on_sp) {
            write_sp(vcpu, context, base);
        } else {
            *vcpu_register(context, instruction->base) = base;
        }
    }
    return true;
}

static void do_decoded(struct vcpu *vcpu, const struct abort *abort,
                       const struct decode_abort *what)
{
    enum { ALL = sizeof(seL4_UserContext) / sizeof(seL4_Word) };
    struct decode_instruction instruction;
    seL4_UserContext context;
    uint32_t word;
    vcpu_read(vcpu, &context, ALL);
    if ((context.spsr & SPSR_AARCH32) != 0 || !fetch_instruction(vcpu, abort->pc, &word) ||
        decode_instruction(word, &instruction) != DECODE_OK ||
        !do_instruction(vcpu, abort, &instruction, &context)) {
        refuse(vcpu, abort, what->is_write);
        return;
    }
    context.pc += INSTRUCTION_BYTES;
    vcpu_write(vcpu, &context, ALL);
}

/* Cache maintenance where there is no memory has nothing to do. */
static void step_over(struct vcpu *vcpu, const struct abort *abort)
{
    vcpu_write_pc(vcpu, abort->pc + decode_instruction_bytes(abort->syndrome));
}

/* The guest's own access found no memory where it has some. Decides early: most are of devices. */
static bool is_missing_ram(const struct abort *abort)
{
    if (!range_contains(ram_range(&vmm.ram), abort->address.value, 1)) {
        return false;
    }
    struct decode_syndrome syndrome = decode_syndrome(abort->syndrome);
    return (syndrome.class == DECODE_DATA_ABORT || syndrome.class == DECODE_INSTRUCTION_ABORT) &&
           syndrome.abort.fault == DECODE_FAULT_TRANSLATION && !syndrome.abort.walk;
}

void abort_handle(struct vcpu *vcpu, const struct abort *abort)
{
    struct decode_transfer transfer;
    struct decode_abort data;
    vcpu->count[COUNT_EXIT_MMIO]++;
    if (is_missing_ram(abort) && balloon_touch(abort->address)) {
        return; /* the instruction is done again */
    }
    if (decode_device_access(abort->syndrome, &transfer)) {
        do_transfer(vcpu, abort, &transfer);
    } else if (abort->is_fetch || !decode_data_abort(abort->syndrome, &data)) {
        guest_exception_fetch(vcpu, abort);
    } else if (data.walk || data.fault != DECODE_FAULT_TRANSLATION) {
        refuse(vcpu, abort, data.is_write);
    } else if (data.is_maintenance) {
        step_over(vcpu, abort);
    } else {
        do_decoded(vcpu, abort, &data);
    }
}
