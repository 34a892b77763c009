// SPDX-License-Identifier: BSD-2-Clause
/* Values with their defaults, and the blob with all of them written out. */
#include "tool/description.h"

#include <libfdt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *description_text(const void *tree, int node, const char *name)
{
    int length;
    const char *value = node >= 0 ? fdt_getprop(tree, node, name, &length) : NULL;
    return value != NULL && length > 0 && value[length - 1] == '\0' ? value : NULL;
}

unsigned description_cells(const void *tree, int node, const char *name, uint32_t *cells,
                           unsigned max)
{
    int length;
    const fdt32_t *value = fdt_getprop(tree, node, name, &length);
    if (value == NULL || length <= 0 || length % (int)sizeof *value != 0 ||
        (unsigned)length / sizeof *value > max) {
        return 0;
    }
    unsigned count = (unsigned)length / (unsigned)sizeof *value;
    for (unsigned i = 0; i < count; i++) {
        cells[i] = fdt32_ld(&value[i]);
    }
    return count;
}

const char *description_board(const void *tree)
{
    return description_text(tree, 0, "board");
}

/* One number for each vCPU: those that are given, the last one again, or `fallback`. */
static void read_list(const struct description_vm *vm, const void *tree, const char *name,
                      uint32_t *values, const uint32_t *fallback)
{
    uint32_t cells[DESCRIPTION_VCPU_MAX];
    unsigned count = description_cells(tree, vm->node, name, cells, DESCRIPTION_VCPU_MAX);
    for (unsigned i = 0; i < DESCRIPTION_VCPU_MAX; i++) {
        values[i] = count == 0 ? fallback[i] : cells[i < count ? i : count - 1];
    }
}

static const struct description_node *vm_schema(void)
{
    return &description_schema.children[1].children[0];
}

static const struct description_property *vm_property(const char *name)
{
    const struct description_property *p = vm_schema()->properties;
    while (strcmp(p->name, name) != 0) {
        p++;
    }
    return p;
}

static uint32_t fallback_of(const char *name)
{
    return (uint32_t)strtoul(vm_property(name)->fallback, NULL, 10);
}

static bool is_valid(const char *name, uint32_t value)
{
    const struct description_property *p = vm_property(name);
    return value >= p->min && value <= p->max && value % p->multiple == 0;
}

static void fill(uint32_t *values, uint32_t value)
{
    for (unsigned i = 0; i < DESCRIPTION_VCPU_MAX; i++) {
        values[i] = value;
    }
}

static unsigned read_vcpu_count(const void *tree, int node)
{
    uint32_t cells[DESCRIPTION_VCPU_MAX], count;
    if (description_cells(tree, node, "vcpus", &count, 1) == 1) {
        return count >= 1 && count <= DESCRIPTION_VCPU_MAX ? count : 1;
    }
    unsigned core_count = description_cells(tree, node, "cores", cells, DESCRIPTION_VCPU_MAX);
    return core_count != 0 ? core_count : 1;
}

bool description_vm_next(const void *tree, int node, struct description_vm *vm)
{
    int vms = fdt_path_offset(tree, "/vms");
    node =
        node >= 0 ? fdt_next_subnode(tree, node) : (vms >= 0 ? fdt_first_subnode(tree, vms) : -1);
    if (node < 0) {
        return false;
    }
    uint32_t fallback[DESCRIPTION_VCPU_MAX];
    *vm = (struct description_vm){
        .node = node,
        .name = fdt_get_name(tree, node, NULL),
        .vcpu_count = read_vcpu_count(tree, node),
        .kernel = description_text(tree, node, "kernel"),
        .initrd = description_text(tree, node, "initrd"),
    };
    fill(fallback, UINT32_MAX);
    read_list(vm, tree, "cores", vm->core, fallback);
    fill(fallback, fallback_of("priority"));
    read_list(vm, tree, "priority", vm->priority, fallback);
    fill(fallback, fallback_of("period-us"));
    read_list(vm, tree, "period-us", vm->period_us, fallback);
    read_list(vm, tree, "budget-us", vm->budget_us, vm->period_us);
    if (description_cells(tree, node, "memory-mib", &vm->memory_mib, 1) == 1 &&
        !is_valid("memory-mib", vm->memory_mib)) {
        vm->memory_mib = 0;
    }
    const char *autostart = description_text(tree, node, "autostart");
    vm->autostart = autostart == NULL || strcmp(autostart, "no") != 0;
    return vm->name != NULL;
}

static int set_list(void *tree, int node, const char *name, const uint32_t *values, unsigned count)
{
    fdt32_t cells[DESCRIPTION_VCPU_MAX];
    for (unsigned i = 0; i < count; i++) {
        cells[i] = cpu_to_fdt32(values[i]);
    }
    return fdt_setprop(tree, node, name, cells, (int)(count * sizeof cells[0]));
}

static int set_text(void *tree, int node, const char *name, const char *text)
{
    return fdt_setprop(tree, node, name, text, (int)strlen(text) + 1);
}

/* Properties that have a fixed default and are absent. */
static int set_fallbacks(void *tree, int node, const struct description_property *properties)
{
    int error = 0;
    for (const struct description_property *p = properties; p->name != NULL && error == 0; p++) {
        if (p->fallback == NULL || fdt_getprop(tree, node, p->name, NULL) != NULL) {
            continue;
        }
        bool is_number = p->type == DESCRIPTION_NUMBER || p->type == DESCRIPTION_NUMBERS;
        error = is_number
                    ? fdt_setprop_u32(tree, node, p->name, (uint32_t)strtoul(p->fallback, NULL, 10))
                    : set_text(tree, node, p->name, p->fallback);
    }
    return error;
}

static int complete_vm(void *tree, struct description_vm *vm, const struct description_facts *facts,
                       unsigned index, unsigned *next_core)
{
    unsigned core_count = facts->core_count != 0 ? facts->core_count : 1;
    if (facts->spread != 0 && facts->spread < core_count) {
        core_count = facts->spread;
    }
    for (unsigned i = 0; i < vm->vcpu_count; i++) {
        if (vm->core[i] == UINT32_MAX) {
            vm->core[i] = (*next_core)++ % core_count;
        }
    }
    int error = fdt_setprop_u32(tree, vm->node, "vcpus", vm->vcpu_count);
    error = error ? error : set_list(tree, vm->node, "cores", vm->core, vm->vcpu_count);
    error = error ? error : set_list(tree, vm->node, "priority", vm->priority, vm->vcpu_count);
    error = error ? error : set_list(tree, vm->node, "period-us", vm->period_us, vm->vcpu_count);
    error = error ? error : set_list(tree, vm->node, "budget-us", vm->budget_us, vm->vcpu_count);
    if (error == 0 && facts->gic_version != 0) {
        error = fdt_setprop_u32(tree, vm->node, "gic-version", facts->gic_version);
    }
    error = error ? error : set_fallbacks(tree, vm->node, vm_schema()->properties);
    return error ? error : description_complete_devices(tree, vm->node, index);
}

static int complete_console(void *tree)
{
    int node = fdt_subnode_offset(tree, 0, "console");
    if (node == -FDT_ERR_NOTFOUND) {
        node = fdt_add_subnode(tree, 0, "console");
    }
    int error =
        node < 0 ? node : set_fallbacks(tree, node, description_schema.children[0].properties);
    struct description_vm first;
    if (error == 0 && fdt_getprop(tree, node, "attach", NULL) == NULL &&
        description_vm_next(tree, -1, &first)) {
        char name[DESCRIPTION_VM_NAME_MAX + 1]; /* setting a property moves the tree's names */
        snprintf(name, sizeof name, "%s", first.name);
        error = set_text(tree, node, "attach", name);
    }
    return error;
}

int description_complete(const void *tree, const struct description_facts *facts, void *out,
                         size_t out_bytes)
{
    int error = fdt_open_into(tree, out, (int)out_bytes);
    error = error ? error : complete_console(out);
    struct description_vm vm;
    unsigned next_core = 0, index = 0;
    for (int node = -1; error == 0 && description_vm_next(out, node, &vm); node = vm.node) {
        error = complete_vm(out, &vm, facts, index++, &next_core);
    }
    return error ? error : fdt_pack(out);
}
