// SPDX-License-Identifier: BSD-2-Clause
#include "vmm/trap.h"

#include "lib/aarch64/cpu.h"
#include "lib/format.h"
#include "vmm/decode.h"
#include "vmm/guest_exception.h"
#include "vmm/ptimer.h"
#include "vmm/sysreg.h"
#include "vmm/vcpu.h"

enum { INSTRUCTION_BYTES = 4 };

void trap_firmware_call(struct vcpu *vcpu, trap_firmware *firmware)
{
    enum { LAST_ARGUMENT = 6 };
    seL4_UserContext context;
    vcpu_read(vcpu, &context, vcpu_register_count(LAST_ARGUMENT));
    const struct smccc_call call = {
        .fid = (uint32_t)context.x0,
        .args = {context.x1, context.x2, context.x3, context.x4, context.x5, context.x6},
    };
    uint64_t result;
    if (firmware(vcpu, &call, &result)) {
        context.x0 = result;
        context.pc += INSTRUCTION_BYTES;
        vcpu_write(vcpu, &context, vcpu_register_count(0));
    }
}

/* Programs at EL0 may be AArch32, whose instructions have 2 bytes or 4. */
static void step_over(struct vcpu *vcpu, unsigned instruction_bytes)
{
    seL4_UserContext context;
    vcpu_read(vcpu, &context, 1);
    vcpu_write_pc(vcpu, context.pc + instruction_bytes);
}

static void on_wfx(struct vcpu *vcpu, const struct decode_syndrome *trap)
{
    vcpu->count[COUNT_EXIT_WFX]++;
    /*
     * WFE waits for an event that another vCPU may send unseen, WFIT for a time that we are not
     * told: they may only give others their turn.
     */
    if (trap->wfx == DECODE_WFI) {
        vcpu_sleep_for_interrupt(vcpu);
    } else {
        seL4_Yield();
    }
    step_over(vcpu, trap->instruction_bytes);
}

/* ---- system registers
 * ----------------------------------------------------------------------------- */

static void send_sgi(void *ctx, unsigned index, enum gic_v3_sgi_register which, uint64_t value)
{
    (void)ctx;
    if (KERNEL_GIC == GIC_V3) {
        gic_v3_sgi(&vmm.gic, index, which, value);
    }
}

static void on_sysreg(struct vcpu *vcpu, const struct decode_sysreg *sysreg)
{
    const struct sysreg_port port = {
        .gic = KERNEL_GIC,
        .send_sgi = send_sgi,
        .timer = ptimer_access,
    };
    bool has_register = sysreg->reg != DECODE_REG_ZERO;
    unsigned count = has_register ? vcpu_register_count(sysreg->reg) : 1;
    seL4_UserContext context;
    vcpu->count[COUNT_EXIT_SYSREG]++;
    vcpu_read(vcpu, &context, count);
    struct sysreg_access access = {
        .id = sysreg->id,
        .is_write = sysreg->is_write,
        .vcpu = vcpu->index,
        .value = has_register && sysreg->is_write ? *vcpu_register(&context, sysreg->reg) : 0,
    };
    if (sysreg_access(&port, &access) != OUTCOME_DONE) {
        struct sysreg_name name = sysreg_name(sysreg->id);
        char what[64];
        format(what, sizeof what, "%s of system register S%u_%u_C%u_C%u_%u",
               sysreg->is_write ? "write" : "read", name.op0, name.op1, name.crn, name.crm,
               name.op2);
        guest_exception_undefined(vcpu, what);
        return;
    }
    context.pc += INSTRUCTION_BYTES;
    if (has_register && !sysreg->is_write) {
        *vcpu_register(&context, sysreg->reg) = access.value;
        vcpu_write(vcpu, &context, count);
    } else {
        vcpu_write_pc(vcpu, context.pc);
    }
}

void trap_handle(struct vcpu *vcpu, uint64_t syndrome, trap_firmware *firmware)
{
    struct decode_syndrome trap = decode_syndrome(syndrome);
    char what[48];
    switch (trap.class) {
    case DECODE_WFX:
        on_wfx(vcpu, &trap);
        return;
    case DECODE_SMC:
    case DECODE_HVC:
        if (trap.immediate == 0) {
            trap_firmware_call(vcpu, firmware);
            return;
        }
        break;
    case DECODE_SYSREG:
        on_sysreg(vcpu, &trap.sysreg);
        return;
    default:
        break;
    }
    vcpu->count[COUNT_EXIT_OTHER]++;
    format(what, sizeof what, "a trap of class 0x%x", trap.ec);
    guest_exception_undefined(vcpu, what);
}
