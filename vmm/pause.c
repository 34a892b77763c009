// SPDX-License-Identifier: BSD-2-Clause
#include "vmm/pause.h"

#include "lib/check.h"
#include "vmm/vcpu.h"

static _Atomic uint32_t paused; /* a boolean; a word, which takes one instruction less to ask */
static bool taken[VCPU_MAX];    /* the vCPU was in the guest: we have its context */

void pause_all(void)
{
    if (atomic_exchange(&paused, true)) {
        return;
    }
    for (unsigned i = 0; i < vmm.vcpu_count; i++) {
        /*
         * The kernel refuses when the context is not with the vCPU: then its handler has it, and
         * sees `paused` before it can give it back.
         */
        taken[i] = seL4_SchedContext_UnbindObject(vcpu_slot(i, VCPU_SLOT_CONTEXT),
                                                  vcpu_slot(i, VCPU_SLOT_TCB)) == seL4_NoError;
    }
}

void pause_end(void)
{
    if (!atomic_exchange(&paused, false)) {
        return;
    }
    for (unsigned i = 0; i < vmm.vcpu_count; i++) {
        if (taken[i]) {
            CHECK(seL4_SchedContext_Bind(vcpu_slot(i, VCPU_SLOT_CONTEXT),
                                         vcpu_slot(i, VCPU_SLOT_TCB)) == seL4_NoError);
        } else {
            seL4_Signal(vcpu_slot(i, VCPU_SLOT_WAKE));
        }
    }
}

void pause_here(struct vcpu *vcpu)
{
    while (atomic_load(&paused)) {
        seL4_Wait(vcpu_slot(vcpu->index, VCPU_SLOT_WAKE), NULL);
    }
}
