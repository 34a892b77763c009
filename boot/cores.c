// SPDX-License-Identifier: BSD-2-Clause
#include "boot/boot.h"

enum { ARRIVE_TIMEOUT_US = 1000000, PSCI_SUCCESS = 0 };

static void start_psci(const struct machine *machine, unsigned core, uint64_t identity)
{
    uint64_t entry = (uintptr_t)arch_core_entry;
    int64_t answer = machine->psci == MACHINE_START_HVC
                         ? arch_call_hvc(machine->psci_cpu_on, identity, entry, core)
                         : arch_call_smc(machine->psci_cpu_on, identity, entry, core);
    /* Functions of 32 bits leave the upper half open. */
    if ((int32_t)answer != PSCI_SUCCESS) {
        boot_fail("core %u (reg 0x%lx) does not start: PSCI CPU_ON says %d", core, identity,
                  (int32_t)answer);
    }
}

static void wait_for(unsigned core, uint64_t identity)
{
    uint64_t start_us = arch_time_us();
    while (arch_core_arrived[core] == 0) {
        if (arch_time_us() - start_us > ARRIVE_TIMEOUT_US) {
            boot_fail("core %u (reg 0x%lx) was started and did not arrive within a second", core,
                      identity);
        }
    }
}

static void start_spinning(const struct machine_core *core)
{
    volatile uint64_t *release = (volatile uint64_t *)core->release_addr;
    if (!arch_map(core->release_addr, sizeof *release, ARCH_NORMAL)) {
        boot_fail("out of translation tables for a core's release address");
    }
    *release = (uintptr_t)arch_core_entry_spin;
    arch_clean((const void *)core->release_addr, sizeof *release);
    arch_wake_cores();
}

static void start(const struct machine *machine, const struct machine_core *core, unsigned number)
{
    if (core->spins && core->release_addr != 0) {
        start_spinning(core);
    } else if (machine->psci != MACHINE_START_NONE) {
        start_psci(machine, number, core->identity);
    } else {
        boot_fail("core %u (reg 0x%lx) cannot be started: the device tree has neither /psci nor a "
                  "spin-table for it",
                  number, core->identity);
    }
}

/* Logical number 0 is this core; the others follow in the order of the tree, as seL4 wants it. */
static void number_cores(const struct machine *machine, unsigned count,
                         const struct machine_core *listed[ARCH_CORES_MAX])
{
    uint64_t self = arch_core_self();
    unsigned number = 1;
    bool is_named = false;
    for (unsigned i = 0; i < machine->core_count && i < ARCH_CORES_MAX; i++) {
        if (machine->cores[i].identity == self) {
            is_named = true;
        } else if (number < count) {
            listed[number] = &machine->cores[i];
            arch_cores.identity[number++] = machine->cores[i].identity;
        }
    }
    if (!is_named) {
        boot_fail("the device tree's cpu nodes do not name the core that runs (reg 0x%lx)", self);
    }
    arch_cores.identity[0] = self;
    arch_cores.count = number;
}

void cores_start(const struct machine *machine, unsigned count)
{
    if (count == 1) {
        return;
    }
    const struct machine_core *listed[ARCH_CORES_MAX];
    number_cores(machine, count, listed);
    arch_clean(&arch_cores, sizeof arch_cores);
    arch_clean_translation();
    for (unsigned i = 1; i < count; i++) {
        start(machine, listed[i], i);
    }
    /* In the kernel nobody would say which one is missing. */
    for (unsigned i = 1; i < count; i++) {
        wait_for(i, listed[i]->identity);
    }
}
