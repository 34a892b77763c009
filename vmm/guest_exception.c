// SPDX-License-Identifier: BSD-2-Clause
#include "vmm/guest_exception.h"

#include <stddef.h>

#include "lib/log.h"
#include "vmm/exception.h"
#include "vmm/vcpu.h"

enum { CONTEXT_TO_SPSR = 3, SCTLR_M = 1, LOG_BURST = 8 };

static struct exception_before read_state(const struct vcpu *vcpu, seL4_UserContext *context)
{
    vcpu_read(vcpu, context, CONTEXT_TO_SPSR);
    return (struct exception_before){
        .pc = context->pc,
        .pstate = context->spsr,
        .vbar_el1 = vcpu_read_register(vcpu, seL4_VCPUReg_VBAR),
        .sctlr_el1 = vcpu_read_register(vcpu, seL4_VCPUReg_SCTLR),
    };
}

static void write_state(struct vcpu *vcpu, seL4_UserContext *context,
                        const struct exception_after *after)
{
    vcpu_write_register(vcpu, seL4_VCPUReg_ELR_EL1, after->elr_el1);
    vcpu_write_register(vcpu, seL4_VCPUReg_SPSR_EL1, after->spsr_el1);
    vcpu_write_register(vcpu, seL4_VCPUReg_ESR, after->esr_el1);
    if (after->has_far) {
        vcpu_write_register(vcpu, seL4_VCPUReg_FAR, after->far_el1);
    }
    context->pc = after->pc;
    context->spsr = after->pstate;
    vcpu_write(vcpu, context, CONTEXT_TO_SPSR);
    vcpu->count[COUNT_GUEST_FAULTS]++;
}

static void log_abort(const struct vcpu *vcpu, const struct abort *abort, bool is_write,
                      const char *why)
{
    const char *what = is_write ? "write" : "read";
    if (why != NULL) {
        log_warning("%s: vCPU %u, pc 0x%lx: %s at 0x%lx: %s: the guest got an abort",
                    vmm.boot->name, vcpu->index, (unsigned long)abort->pc, what,
                    (unsigned long)abort->address.value, why);
    } else {
        log_warning(
            "%s: vCPU %u, pc 0x%lx: %s at 0x%lx: no device is there: the guest got an abort; "
            "if it should have one, add it to /vms/%s/devices",
            vmm.boot->name, vcpu->index, (unsigned long)abort->pc, what,
            (unsigned long)abort->address.value, vmm.boot->name);
    }
}

void guest_exception_abort(struct vcpu *vcpu, const struct abort *abort, bool is_write,
                           const char *why)
{
    seL4_UserContext context;
    struct exception_before before = read_state(vcpu, &context);
    /* The kernel tells the guest-physical address only. Without translation that is the virtual
     * one. */
    const uint64_t *far = (before.sctlr_el1 & SCTLR_M) == 0 ? &abort->address.value : NULL;
    struct exception_after after = exception_data_abort(&before, is_write, far);
    write_state(vcpu, &context, &after);
    if (log_limit_pass(&vmm.strange, LOG_BURST)) {
        log_abort(vcpu, abort, is_write, why);
    }
}

void guest_exception_fetch(struct vcpu *vcpu, const struct abort *abort)
{
    seL4_UserContext context;
    struct exception_before before = read_state(vcpu, &context);
    struct exception_after after = exception_instruction_abort(&before);
    write_state(vcpu, &context, &after);
    if (log_limit_pass(&vmm.strange, LOG_BURST)) {
        log_warning("%s: vCPU %u, pc 0x%lx: fetch from 0x%lx, where it has no memory: the guest "
                    "got an abort",
                    vmm.boot->name, vcpu->index, (unsigned long)abort->pc,
                    (unsigned long)abort->address.value);
    }
}

void guest_exception_undefined(struct vcpu *vcpu, const char *what)
{
    seL4_UserContext context;
    struct exception_before before = read_state(vcpu, &context);
    struct exception_after after = exception_undefined(&before);
    write_state(vcpu, &context, &after);
    if (log_limit_pass(&vmm.strange, LOG_BURST)) {
        log_warning("%s: vCPU %u, pc 0x%lx: %s: the guest got an undefined instruction exception",
                    vmm.boot->name, vcpu->index, (unsigned long)before.pc, what);
    }
}
