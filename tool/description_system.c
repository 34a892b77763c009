// SPDX-License-Identifier: BSD-2-Clause
/* What can only be judged together: names, vCPUs, cores, budgets, memory. */
#include <libfdt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/tree_child.h"
#include "tool/description.h"

enum {
    /* What Bulkhead itself keeps: kernel objects, root and services; for each VM its VMM and
       tables. */
    RESERVE_MIB = 32,
    RESERVE_VM_MIB = 4,
    CORES_CHECKED = 64,
    FULL_PER_MILLE = 1000,
};

static const char *const reserved_names[] = {"log", "root",  "serial", "timer", "block",
                                             "net", "vsock", "disk",   "shell", "all"};

static void check_name(struct checker *checker, const struct description_vm *vm)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz";
    size_t length = strlen(vm->name);
    if (length == 0 || length > DESCRIPTION_VM_NAME_MAX || strchr(letters, vm->name[0]) == NULL ||
        strspn(vm->name, "abcdefghijklmnopqrstuvwxyz0123456789-") != length) {
        checker_report(checker, true, vm->node, NULL,
                       "a VM's name has 1 to %d characters of a-z, 0-9 and '-', and begins with a "
                       "letter",
                       DESCRIPTION_VM_NAME_MAX);
    }
    for (size_t i = 0; i < sizeof reserved_names / sizeof reserved_names[0]; i++) {
        if (strcmp(vm->name, reserved_names[i]) == 0) {
            checker_report(checker, true, vm->node, NULL,
                           "\"%s\" is a name that the shell uses for something else", vm->name);
        }
    }
}

static void check_lists(struct checker *checker, const struct description_vm *vm)
{
    static const char *const lists[] = {"cores", "priority", "budget-us", "period-us"};
    uint32_t cells[DESCRIPTION_VCPU_MAX];
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        unsigned count =
            description_cells(checker->tree, vm->node, lists[i], cells, DESCRIPTION_VCPU_MAX);
        if (count > 1 && count != vm->vcpu_count) {
            checker_report(checker, true, vm->node, lists[i],
                           "has %u numbers for %u vCPU%s: give one for each, or one for all", count,
                           vm->vcpu_count, vm->vcpu_count == 1 ? "" : "s");
        }
    }
}

static void check_vcpus(struct checker *checker, const struct description_vm *vm)
{
    unsigned core_count = checker->facts->core_count;
    for (unsigned i = 0; i < vm->vcpu_count; i++) {
        if (core_count != 0 && vm->core[i] != UINT32_MAX && vm->core[i] >= core_count) {
            checker_report(
                checker, true, vm->node, "cores",
                "vCPU %u is to run on core %u, and the kernel has cores 0 to %u: name one "
                "of them, or leave cores out",
                i, vm->core[i], core_count - 1);
        }
        if (vm->budget_us[i] > vm->period_us[i]) {
            checker_report(checker, true, vm->node, "budget-us",
                           "vCPU %u has a budget of %u in a period of %u (period-us): it cannot be "
                           "more than the period",
                           i, vm->budget_us[i], vm->period_us[i]);
        }
    }
}

static void check_gic(struct checker *checker, const struct description_vm *vm)
{
    uint32_t version;
    unsigned kernels = checker->facts->gic_version;
    if (kernels != 0 &&
        description_cells(checker->tree, vm->node, "gic-version", &version, 1) == 1 &&
        (version == 2 || version == 3) && version != kernels) {
        checker_report(checker, true, vm->node, "gic-version",
                       "is %u, and the kernel drives a GICv%u, whose virtual interface guests use: "
                       "leave it out or set <%u>",
                       version, kernels, kernels);
    }
}

static void check_console(struct checker *checker)
{
    int node = fdt_subnode_offset(checker->tree, 0, "console");
    const char *attach = description_text(checker->tree, node, "attach");
    if (attach == NULL || strcmp(attach, "log") == 0) {
        return;
    }
    char names[128] = "";
    size_t length = 0;
    struct description_vm vm;
    for (int at = -1; description_vm_next(checker->tree, at, &vm); at = vm.node) {
        if (strcmp(vm.name, attach) == 0) {
            return;
        }
        if (length < sizeof names) {
            length += (size_t)snprintf(names + length, sizeof names - length, "\"%s\", ", vm.name);
        }
    }
    checker_report(checker, true, node, "attach", "is \"%s\", must be one of %s\"log\"", attach,
                   names);
}

/* Reservations are vCPUs that have less than their whole core; the others share what is left. */
static void check_budgets(struct checker *checker)
{
    uint64_t per_mille[CORES_CHECKED] = {0};
    struct description_vm vm, last[CORES_CHECKED];
    for (int at = -1; description_vm_next(checker->tree, at, &vm); at = vm.node) {
        for (unsigned i = 0; i < vm.vcpu_count; i++) {
            if (vm.core[i] < CORES_CHECKED && vm.period_us[i] != 0 &&
                vm.budget_us[i] < vm.period_us[i]) {
                per_mille[vm.core[i]] +=
                    (uint64_t)vm.budget_us[i] * FULL_PER_MILLE / vm.period_us[i];
                last[vm.core[i]] = vm;
            }
        }
    }
    for (unsigned core = 0; core < CORES_CHECKED; core++) {
        if (per_mille[core] > FULL_PER_MILLE) {
            checker_report(
                checker, false, last[core].node, "budget-us",
                "the budgets on core %u add up to %u.%u %% of it: not all of them can be "
                "kept",
                core, (unsigned)(per_mille[core] / 10), (unsigned)(per_mille[core] % 10));
        }
    }
}

static void check_memory(struct checker *checker)
{
    uint64_t memory_mib = checker->facts->memory_mib;
    uint64_t used_mib = RESERVE_MIB + description_io_mib(checker->tree);
    struct description_vm vm;
    if (memory_mib == 0) {
        return;
    }
    for (int at = -1; description_vm_next(checker->tree, at, &vm); at = vm.node) {
        uint64_t own_mib = (uint64_t)vm.memory_mib + RESERVE_VM_MIB;
        if (RESERVE_MIB + own_mib > memory_mib) {
            checker_report(checker, true, vm.node, "memory-mib",
                           "is %u, and the kernel has %lu MiB for all, of which Bulkhead keeps %u: "
                           "%lu is the most",
                           vm.memory_mib, memory_mib, RESERVE_MIB + RESERVE_VM_MIB,
                           (memory_mib > RESERVE_MIB + RESERVE_VM_MIB
                                ? memory_mib - RESERVE_MIB - RESERVE_VM_MIB
                                : 0) &
                               ~1ul);
        } else if (vm.autostart && used_mib + own_mib > memory_mib) {
            checker_report(
                checker, true, vm.node, "memory-mib",
                "is %u, and of the kernel's %lu MiB the VMs before it and Bulkhead leave "
                "%lu: make VMs smaller, or set autostart = \"no\"",
                vm.memory_mib, memory_mib,
                (memory_mib > used_mib + RESERVE_VM_MIB ? memory_mib - used_mib - RESERVE_VM_MIB
                                                        : 0) &
                    ~1ul);
        }
        used_mib += vm.autostart ? own_mib : 0;
    }
}

/* Each is a client of the serial service, as each VM is. Names of texts are checked elsewhere. */
static unsigned count_ports(const void *tree, int vm)
{
    unsigned count = 0;
    int node;
    tree_for_each_child(node, tree, fdt_subnode_offset(tree, vm, "devices"))
    {
        for (unsigned i = 0;
             i < DESCRIPTION_CONSOLE_MAX && tree_list_text(tree, node, "ports", i) != NULL; i++) {
            count++;
        }
    }
    return count;
}

void checker_check_system(struct checker *checker)
{
    struct description_vm vm;
    unsigned count = 0, ports = 0;
    for (int at = -1; description_vm_next(checker->tree, at, &vm); at = vm.node) {
        count++;
        ports += count_ports(checker->tree, vm.node);
        check_name(checker, &vm);
        check_lists(checker, &vm);
        check_vcpus(checker, &vm);
        check_gic(checker, &vm);
        checker_check_devices(checker, vm.node);
    }
    int vms = fdt_subnode_offset(checker->tree, 0, "vms");
    if (vms >= 0 && count == 0) {
        checker_report(checker, true, vms, NULL, "is empty: there is no VM to run");
    } else if (vms >= 0 && count > DESCRIPTION_VM_MAX) {
        checker_report(checker, true, vms, NULL, "has %u VMs, %d is the most", count,
                       DESCRIPTION_VM_MAX);
    } else if (vms >= 0 && ports != 0 && count + ports > DESCRIPTION_CONSOLE_MAX) {
        checker_report(checker, true, vms, NULL,
                       "has %u VMs and %u ports of consoles, %d together is the most", count, ports,
                       DESCRIPTION_CONSOLE_MAX);
    }
    checker_check_io(checker);
    checker_check_sockets(checker);
    check_console(checker);
    check_budgets(checker);
    check_memory(checker);
}
