// SPDX-License-Identifier: BSD-2-Clause
/*
 * Firmware calls of four vCPUs in any order, with the life of the vCPUs between them. Input: a
 * record of 32 bytes for each step. A simple model says which power state each vCPU must have.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "lib/check.h"
#include "vmm/psci.h"

enum { COUNT = 4 };

static const struct range ram = {0x40000000, 0x1000000};

struct record {
    uint8_t vcpu, step, unused[2];
    uint32_t fid;
    uint64_t args[3];
};

static void check_states(const struct psci *psci, const enum psci_power *model)
{
    for (unsigned i = 0; i < COUNT; i++) {
        CHECK(psci->power[i] == model[i]);
    }
    CHECK(psci->vcpu_count == COUNT);
}

/* One call by a vCPU that is on. */
static void call(struct psci *psci, enum psci_power *model, unsigned vcpu, const struct record *r)
{
    struct smccc_call c = {
        r->fid, {r->args[0], r->args[1], r->args[2]}
    };
    struct psci_answer a = psci_call(psci, vcpu, &c);
    switch (a.action) {
    case PSCI_RESUME:
        CHECK((int64_t)a.result >= -9 && (int64_t)a.result <= 0x10001);
        break;
    case PSCI_START_VCPU:
        CHECK(a.target < COUNT && model[a.target] == PSCI_OFF && a.result == 0);
        CHECK(range_contains(ram, psci->start[a.target].entry.value, 4) &&
              psci->start[a.target].entry.value % 4 == 0);
        CHECK((c.fid & 0x40000000) != 0 || psci->start[a.target].context >> 32 == 0);
        model[a.target] = PSCI_ON_PENDING;
        break;
    case PSCI_STOP_VCPU: {
        model[vcpu] = PSCI_OFF;
        bool last = true;
        for (unsigned i = 0; i < COUNT; i++) {
            last = last && model[i] == PSCI_OFF;
        }
        CHECK(psci_vcpu_stopped(psci, vcpu) == last);
        break;
    }
    case PSCI_WAIT:
        CHECK(a.result == 0);
        break;
    case PSCI_VM_OFF:
    case PSCI_VM_RESET:
        psci_reset(psci, ram, COUNT);
        memset(model, 0, COUNT * sizeof *model);
        model[0] = PSCI_ON;
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct psci psci;
    enum psci_power model[COUNT] = {PSCI_ON};
    psci_reset(&psci, ram, COUNT);
    struct record r;
    for (; size >= sizeof r; data += sizeof r, size -= sizeof r) {
        memcpy(&r, data, sizeof r);
        unsigned vcpu = r.vcpu % COUNT;
        if (model[vcpu] == PSCI_ON) {
            call(&psci, model, vcpu, &r);
        } else if (model[vcpu] == PSCI_ON_PENDING && (r.step & 1)) {
            psci_vcpu_started(&psci, vcpu);
            model[vcpu] = PSCI_ON;
        } else if (model[vcpu] == PSCI_ON_PENDING) {
            CHECK((int64_t)psci_start_failed(&psci, vcpu) == -6);
            model[vcpu] = PSCI_OFF;
        }
        check_states(&psci, model);
    }
    return 0;
}
