// SPDX-License-Identifier: BSD-2-Clause
/*
 * Any syndrome, instruction, system register and processor state. Input: a record of 32 bytes at a
 * time. What comes out keeps the promises that the headers make.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "lib/check.h"
#include "vmm/decode.h"
#include "vmm/exception.h"
#include "vmm/sysreg.h"

struct record {
    uint32_t esr, word;
    uint64_t pstate, pc, value;
};

static void check_transfer(struct decode_transfer t, uint64_t value)
{
    CHECK(t.reg < 32);
    CHECK(t.width_bytes == 1 || t.width_bytes == 2 || t.width_bytes == 4 || t.width_bytes == 8);
    uint64_t sent = decode_store_value(t, value), left = decode_load_value(t, value);
    CHECK(t.width_bytes == 8 || sent >> (8 * t.width_bytes) == 0);
    CHECK(t.is_64 || left >> 32 == 0);
    CHECK(t.sign_extend || left <= UINT64_MAX >> (64 - 8 * t.width_bytes));
    /* What a store sends and the same load leaves is what a store sends again. */
    CHECK(t.reg == DECODE_REG_ZERO || decode_store_value(t, left) == sent ||
          (t.width_bytes == 8 && !t.is_64));
}

static void check_instruction(const struct record *r)
{
    struct decode_instruction d;
    if (decode_instruction(r->word, &d) != DECODE_OK) {
        return;
    }
    CHECK(d.transfer_count == 1 || d.transfer_count == 2);
    CHECK(d.base < 32);
    CHECK(d.writeback || d.step == 0);
    CHECK(d.offset == 0 || !d.writeback || d.offset == d.step);
    for (unsigned i = 0; i < d.transfer_count; i++) {
        check_transfer(d.transfer[i], r->value);
        CHECK(d.transfer[i].is_write == d.transfer[0].is_write);
    }
    uint64_t at = r->value + (uint64_t)(int64_t)d.offset;
    CHECK(decode_faulting(&d, r->value, at) == 0);
    CHECK(decode_faulting(&d, r->value, r->pc) <= d.transfer_count);
}

static void send_sgi(void *ctx, unsigned vcpu, enum gic_v3_sgi_register which, uint64_t value)
{
    (void)ctx, (void)value;
    CHECK(vcpu == 5 && which <= GIC_V3_ASGI1R);
}

static void timer(void *ctx, enum sysreg_timer which, struct sysreg_access *access)
{
    (void)ctx;
    CHECK(which <= SYSREG_CNTP_CVAL && (which != SYSREG_CNTPCT || !access->is_write));
    access->value = access->is_write ? access->value : 1;
}

static void check_sysreg(const struct decode_sysreg *sysreg, uint64_t value)
{
    const struct sysreg_port port = {
        .gic = value & 1 ? GIC_V3 : GIC_V2, .send_sgi = send_sgi, .timer = timer};
    struct sysreg_access access = {
        .id = sysreg->id, .value = value, .is_write = sysreg->is_write, .vcpu = 5};
    CHECK((sysreg->id & ~SYSREG_ID_MASK) == 0 && sysreg->reg < 32);
    struct sysreg_name n = sysreg_name(sysreg->id);
    CHECK(SYSREG_ID(n.op0, n.op1, n.crn, n.crm, n.op2) == sysreg->id);
    enum outcome outcome = sysreg_access(&port, &access);
    CHECK(outcome <= OUTCOME_GUEST_FAULT);
    CHECK(access.value == value || (outcome == OUTCOME_DONE && !access.is_write));
    CHECK(outcome != OUTCOME_DONE || access.is_write || access.value <= 8);
}

static void check_exception(const struct record *r)
{
    const struct exception_before before = {.pc = r->pc,
                                            .pstate = r->pstate,
                                            .vbar_el1 = r->value,
                                            .sctlr_el1 = r->value ^ r->pc,
                                            .has_mte = r->word & 1};
    const struct exception_after all[] = {
        exception_undefined(&before), exception_instruction_abort(&before),
        exception_data_abort(&before, r->word & 2, r->word & 4 ? &r->value : NULL)};
    for (unsigned i = 0; i < 3; i++) {
        CHECK((all[i].pstate & 0x3df) == 0x3c5); /* EL1h, AArch64, all masked */
        CHECK(all[i].elr_el1 == r->pc && all[i].spsr_el1 == r->pstate);
        CHECK(all[i].pc - (r->value & ~0x7ffull) <= 0x600 && all[i].pc % 0x200 == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct record r;
    for (; size >= sizeof r; data += sizeof r, size -= sizeof r) {
        memcpy(&r, data, sizeof r);
        struct decode_syndrome s = decode_syndrome(r.esr);
        if (s.class == DECODE_DATA_ABORT && s.abort.has_transfer) {
            CHECK(s.abort.transfer.is_write == s.abort.is_write);
            check_transfer(s.abort.transfer, r.value);
        } else if (s.class == DECODE_SYSREG) {
            check_sysreg(&s.sysreg, r.value);
        }
        check_instruction(&r);
        check_exception(&r);
    }
    return 0;
}
