/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include "lib/check.h"
#include "vmm/vmm.h"

/* INTID of the guest's virtual timer (PPI 11). */
enum { IRQ_VTIMER = 27 };

/* Sets the virtual GIC up on the kernel's list registers; before any vCPU runs. */
void irq_init(void);

/* A level line of a device, for devices whose ports want a function of this kind; ctx is the INTID.
 */
void irq_set_level(void *ctx, bool high);

/*
 * What is asked of the kernel about a VCPU object is sent, not called as libsel4 has it: nobody
 * waits for an answer, which costs the kernel more than what it does. It would be no error: our
 * numbers are in range, and a list register that is in use is none that the vGIC fills
 * (docs/kernel.md, vgic.inject.after_end). On debug kernels, where cost is no matter, that is
 * checked.
 */
static inline void irq_ask(unsigned vcpu, seL4_Word label, seL4_Word word)
{
    const seL4_MessageInfo_t info = seL4_MessageInfo_new(label, 0, 0, 1);
    seL4_CPtr object = vcpu_slot(vcpu, VCPU_SLOT_VCPU);
#ifdef CONFIG_DEBUG_BUILD
    seL4_MessageInfo_t answer = seL4_CallWithMRs(object, info, &word, NULL, NULL, NULL);
    CHECK(seL4_MessageInfo_get_label(answer) == seL4_NoError);
#else
    seL4_NBSendWithMRs(object, info, &word, NULL, NULL, NULL);
#endif
}

/* The kernel masks the timer when it rings: seL4_ARM_VCPU_AckVPPI, when the guest has ended that.
 */
static inline void irq_unmask_timer(unsigned vcpu)
{
    irq_ask(vcpu, ARMVCPUAckVPPI, IRQ_VTIMER);
}
