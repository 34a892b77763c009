// SPDX-License-Identifier: BSD-2-Clause
#include "root/description.h"

#include <libfdt.h>
#include <string.h>

#include "lib/format.h"
#include "lib/tree_child.h"
#include "link/process.h"

/* A reader of one node: the first mistake is kept. */
struct reader {
    const void *tree;
    int node;
    const char *name;
    char *why;
    size_t why_size;
    bool failed;
};

static void fail(struct reader *r, const char *property, const char *what)
{
    if (!r->failed) {
        format(r->why, r->why_size, "/vms/%s: %s %s", r->name, property, what);
        r->failed = true;
    }
}

/* Cell `index` of a property, or of its last cell if it has fewer. */
static uint32_t read_cell(struct reader *r, const char *property, unsigned index, uint32_t min,
                          uint32_t max)
{
    int length = 0;
    const fdt32_t *cells = fdt_getprop(r->tree, r->node, property, &length);
    unsigned count = length > 0 ? (unsigned)length / (unsigned)sizeof(fdt32_t) : 0;
    if (cells == NULL || count == 0) {
        fail(r, property, "is missing");
        return min;
    }
    uint32_t value = fdt32_to_cpu(cells[index < count ? index : count - 1]);
    if (value < min || value > max) {
        fail(r, property, "is out of range");
        return min;
    }
    return value;
}

static void read_text(struct reader *r, const char *property, char *to, size_t size, bool optional)
{
    int length = 0;
    const char *text = fdt_getprop(r->tree, r->node, property, &length);
    to[0] = '\0';
    if (text == NULL && !optional) {
        fail(r, property, "is missing");
    } else if (text != NULL && (length < 1 || text[length - 1] != '\0' || (size_t)length > size)) {
        fail(r, property, "is no text, or is too long");
    } else if (text != NULL) {
        memcpy(to, text, (size_t)length);
    }
}

static bool is_text(struct reader *r, const char *property, const char *wanted)
{
    int length = 0;
    const char *text = fdt_getprop(r->tree, r->node, property, &length);
    return text != NULL && (size_t)length == strlen(wanted) + 1 && strcmp(text, wanted) == 0;
}

static void read_restart(struct reader *r, struct restart_rule *rule)
{
    rule->policy = is_text(r, "restart", "always")       ? RESTART_ALWAYS
                   : is_text(r, "restart", "on-failure") ? RESTART_ON_FAILURE
                                                         : RESTART_NEVER;
    rule->limit = read_cell(r, "restart-limit", 0, 0, UINT32_MAX);
    rule->backoff_ms = read_cell(r, "restart-backoff-ms", 0, 0, UINT32_MAX);
}

static void read_vcpu(struct reader *r, struct schedule *schedule, unsigned i, unsigned core_count)
{
    enum { PRIORITY_MAX = 200, PERIOD_MAX_US = 10000000, BUDGET_MIN_US = 20 };
    schedule->core = (uint8_t)read_cell(r, "cores", i, 0, core_count - 1);
    schedule->priority = (uint8_t)read_cell(r, "priority", i, 1, PRIORITY_MAX);
    schedule->period_us = read_cell(r, "period-us", i, BUDGET_MIN_US, PERIOD_MAX_US);
    schedule->budget_us = read_cell(r, "budget-us", i, BUDGET_MIN_US, schedule->period_us);
}

bool description_vm(struct vm_description *vm, const void *tree, uint64_t tree_bytes, int node,
                    unsigned core_count, char *why, size_t why_size)
{
    struct reader r = {.tree = tree, .node = node, .why = why, .why_size = why_size};
    *vm = (struct vm_description){.tree = tree, .tree_bytes = tree_bytes, .node = node};
    int length = 0;
    r.name = fdt_get_name(tree, node, &length);
    if (r.name == NULL || length < 1 || (size_t)length >= sizeof vm->name) {
        r.name = "?";
        fail(&r, "the node's name", "is empty or too long");
        return false;
    }
    memcpy(vm->name, r.name, (size_t)length + 1);
    vm->vcpu_count = read_cell(&r, "vcpus", 0, 1, VCPU_MAX);
    for (unsigned i = 0; i < vm->vcpu_count; i++) {
        read_vcpu(&r, &vm->vcpu[i], i, core_count);
    }
    vm->memory_mib = read_cell(&r, "memory-mib", 0, 16, 1u << 20);
    read_text(&r, "kernel", vm->kernel, sizeof vm->kernel, false);
    read_text(&r, "initrd", vm->initrd, sizeof vm->initrd, true);
    vm->autostart = !is_text(&r, "autostart", "no");
    read_restart(&r, &vm->restart);
    return !r.failed;
}

void description_console(struct console_description *console, const void *tree)
{
    static const char *const levels[] = {[LOG_ERROR] = "error",
                                         [LOG_WARNING] = "warning",
                                         [LOG_INFO] = "info",
                                         [LOG_DEBUG] = "debug"};
    char why[1];
    struct reader r = {.tree = tree, .name = "console", .why = why, .why_size = sizeof why};
    *console = (struct console_description){.log_level = LOG_INFO};
    r.node = fdt_path_offset(tree, "/console");
    if (r.node < 0) {
        return;
    }
    read_text(&r, "attach", console->attach, sizeof console->attach, true);
    for (unsigned i = 0; i < sizeof levels / sizeof levels[0]; i++) {
        if (is_text(&r, "log-level", levels[i])) {
            console->log_level = (enum log_level)i;
        }
    }
}

int description_next_vm(const void *tree, int node)
{
    if (node < 0) {
        int vms = fdt_path_offset(tree, "/vms");
        return tree_first_child(tree, vms);
    }
    return fdt_next_subnode(tree, node);
}

bool description_has_board_clock(const void *tree, int vm)
{
    int devices = fdt_subnode_offset(tree, vm, "devices");
    int node;
    tree_for_each_child(node, tree, devices)
    {
        struct reader r = {.tree = tree, .node = node};
        if (is_text(&r, "device", "pl031") && is_text(&r, "passthrough", "yes")) {
            return true;
        }
    }
    return false;
}

uint32_t description_device_count(const void *tree, int vm, const char *prefix)
{
    uint32_t count = 0;
    int devices = fdt_subnode_offset(tree, vm, "devices");
    int node;
    tree_for_each_child(node, tree, devices)
    {
        int length = 0;
        const char *device = fdt_getprop(tree, node, "device", &length);
        count += device != NULL && (size_t)length > strlen(prefix) &&
                 memcmp(device, prefix, strlen(prefix)) == 0;
    }
    return count;
}

const char *description_console_port(const void *tree, int vm, uint32_t index)
{
    int devices = fdt_subnode_offset(tree, vm, "devices");
    int node;
    tree_for_each_child(node, tree, devices)
    {
        const char *device = fdt_getprop(tree, node, "device", NULL);
        if (device != NULL && strcmp(device, "virtio-console") == 0) {
            return index < PROCESS_CONSOLE_MAX ? tree_list_text(tree, node, "ports", index) : NULL;
        }
    }
    return NULL;
}
