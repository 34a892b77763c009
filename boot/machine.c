// SPDX-License-Identifier: BSD-2-Clause
#include <libfdt.h>
#include <string.h>

#include "boot/boot.h"

enum { PSCI_CPU_ON_64 = 0xc4000003 };

static const char *text(const void *dtb, int node, const char *name)
{
    int length;
    const char *value = fdt_getprop(dtb, node, name, &length);
    return value != NULL && length > 0 && value[length - 1] == '\0' ? value : "";
}

static bool is_status_okay(const void *dtb, int node)
{
    const char *status = text(dtb, node, "status");
    return *status == '\0' || strcmp(status, "okay") == 0 || strcmp(status, "ok") == 0;
}

/* A number of one or two cells; false when there are not as many. */
static bool take_cells(const fdt32_t **cells, int *left, int count, uint64_t *value)
{
    if (count < 1 || count > 2 || *left < count) {
        return false;
    }
    *value = 0;
    for (int i = 0; i < count; i++) {
        *value = *value << 32 | fdt32_to_cpu((*cells)[i]);
    }
    *cells += count;
    *left -= count;
    return true;
}

/* Appends the ranges of a `reg`; returns how many there are now. */
static unsigned read_reg(const void *dtb, int node, int parent, struct range *ranges,
                         unsigned count, unsigned max)
{
    int left;
    const fdt32_t *cells = fdt_getprop(dtb, node, "reg", &left);
    if (cells == NULL) {
        return count;
    }
    left /= (int)sizeof *cells;
    int address_cells = fdt_address_cells(dtb, parent), size_cells = fdt_size_cells(dtb, parent);
    struct range r;
    while (count < max && take_cells(&cells, &left, address_cells, &r.base) &&
           take_cells(&cells, &left, size_cells, &r.size_bytes)) {
        if (r.size_bytes != 0 && range_valid(r)) {
            ranges[count++] = r;
        }
    }
    return count;
}

static void read_memory(struct machine *machine, const void *dtb)
{
    int node;
    fdt_for_each_subnode(node, dtb, 0)
    {
        if (strcmp(text(dtb, node, "device_type"), "memory") == 0 && is_status_okay(dtb, node)) {
            machine->memory_count =
                read_reg(dtb, node, 0, machine->memory, machine->memory_count, MACHINE_MEMORY_MAX);
        }
    }
}

static void read_blocked(struct machine *machine, const void *dtb)
{
    int entries = fdt_num_mem_rsv(dtb);
    for (int i = 0; i < entries && machine->blocked_count < MACHINE_BLOCKED_MAX; i++) {
        struct range *r = &machine->blocked[machine->blocked_count];
        if (fdt_get_mem_rsv(dtb, i, &r->base, &r->size_bytes) == 0 && range_valid(*r)) {
            machine->blocked_count++;
        }
    }
    int parent = fdt_path_offset(dtb, "/reserved-memory"), node;
    fdt_for_each_subnode(node, dtb, parent)
    {
        machine->blocked_count = read_reg(dtb, node, parent, machine->blocked,
                                          machine->blocked_count, MACHINE_BLOCKED_MAX);
    }
}

static void read_core(struct machine_core *core, const void *dtb, int node, int address_cells)
{
    int left;
    const fdt32_t *cells = fdt_getprop(dtb, node, "reg", &left);
    left = cells != NULL ? left / (int)sizeof *cells : 0;
    take_cells(&cells, &left, address_cells, &core->identity);

    core->spins = strcmp(text(dtb, node, "enable-method"), "spin-table") == 0;
    cells = fdt_getprop(dtb, node, "cpu-release-addr", &left);
    left = cells != NULL ? left / (int)sizeof *cells : 0;
    take_cells(&cells, &left, left, &core->release_addr);
}

static void read_cores(struct machine *machine, const void *dtb)
{
    int parent = fdt_path_offset(dtb, "/cpus"), node;
    int address_cells = parent >= 0 ? fdt_address_cells(dtb, parent) : 1;
    fdt_for_each_subnode(node, dtb, parent)
    {
        if (strcmp(text(dtb, node, "device_type"), "cpu") != 0) {
            continue;
        }
        if (machine->core_count < ARCH_CORES_MAX) {
            read_core(&machine->cores[machine->core_count], dtb, node, address_cells);
        }
        machine->core_count++;
    }
}

static void read_gic(struct machine *machine, const void *dtb)
{
    static const struct {
        const char *compatible;
        unsigned version;
    } gics[] = {
        {"arm,gic-v3",         3},
        {"arm,gic-400",        2},
        {"arm,cortex-a15-gic", 2},
        {"arm,cortex-a7-gic",  2},
        {"arm,cortex-a9-gic",  2},
    };
    for (size_t i = 0; i < sizeof gics / sizeof gics[0]; i++) {
        if (fdt_node_offset_by_compatible(dtb, -1, gics[i].compatible) >= 0) {
            machine->gic_version = gics[i].version;
            return;
        }
    }
}

/* PSCI 0.2 and newer have fixed function numbers; 0.1 says them in the tree. */
static void read_psci(struct machine *machine, const void *dtb)
{
    int node = fdt_path_offset(dtb, "/psci");
    if (node < 0) {
        return;
    }
    machine->psci =
        strcmp(text(dtb, node, "method"), "hvc") == 0 ? MACHINE_START_HVC : MACHINE_START_SMC;
    machine->psci_cpu_on = PSCI_CPU_ON_64;
    int length;
    const fdt32_t *id = fdt_getprop(dtb, node, "cpu_on", &length);
    if (id != NULL && length == sizeof *id &&
        fdt_node_check_compatible(dtb, node, "arm,psci-0.2") != 0) {
        machine->psci_cpu_on = fdt32_to_cpu(*id);
    }
}

void machine_read(struct machine *machine, void *dtb)
{
    int error = dtb != NULL ? fdt_check_header(dtb) : -FDT_ERR_BADMAGIC;
    if (error == 0 && fdt_totalsize(dtb) > MACHINE_DTB_MAX_BYTES) {
        error = -FDT_ERR_NOSPACE;
    }
    if (error == 0) {
        error = fdt_pack(dtb); /* QEMU hands over a megabyte, nearly all of it empty */
    }
    if (error != 0) {
        boot_fail("no device tree at %p (%s): firmware must pass its address in x0", dtb,
                  fdt_strerror(error));
    }
    *machine = (struct machine){.gic_version = 0};
    read_memory(machine, dtb);
    read_blocked(machine, dtb);
    read_cores(machine, dtb);
    read_gic(machine, dtb);
    read_psci(machine, dtb);
}

enum image_uart machine_stdout(const void *dtb, uint64_t *paddr)
{
    if (dtb == NULL || fdt_check_header(dtb) != 0) {
        return IMAGE_UART_NONE;
    }
    int chosen = fdt_path_offset(dtb, "/chosen");
    const char *path = chosen >= 0 ? text(dtb, chosen, "stdout-path") : "";
    const char *options = strchr(path, ':');
    size_t length = options != NULL ? (size_t)(options - path) : strlen(path);
    int node = fdt_path_offset_namelen(dtb, path, (int)length);
    struct range window;
    if (node < 0 || fdt_node_check_compatible(dtb, node, "arm,pl011") != 0 ||
        read_reg(dtb, node, fdt_parent_offset(dtb, node), &window, 0, 1) == 0) {
        return IMAGE_UART_NONE;
    }
    *paddr = window.base;
    return IMAGE_UART_PL011;
}

static bool has_memory(const struct machine *machine, const struct image_range *wanted)
{
    for (unsigned i = 0; i < machine->memory_count; i++) {
        if (range_contains(machine->memory[i], wanted->base, wanted->size_bytes)) {
            return true;
        }
    }
    return false;
}

static void compare_memory(const struct machine *machine, const struct image_machine *wanted)
{
    if (machine->memory_count == 0) {
        boot_fail("the device tree has no /memory node");
    }
    uint64_t lowest = UINT64_MAX, total = 0;
    for (unsigned i = 0; i < machine->memory_count; i++) {
        lowest = machine->memory[i].base < lowest ? machine->memory[i].base : lowest;
        total += machine->memory[i].size_bytes;
    }
    for (unsigned i = 0; i < wanted->memory_count; i++) {
        const struct image_range *r = &wanted->memory[i];
        uint64_t end = r->base + r->size_bytes;
        if (!has_memory(machine, r)) {
            boot_fail(
                "too little RAM: the kernel was built for RAM at 0x%lx to 0x%lx, this machine "
                "has %lu MiB from 0x%lx: give it %lu MiB (QEMU: -m %lu) or build the kernel "
                "for less",
                r->base, end - 1, total >> 20, lowest, (end - lowest) >> 20, (end - lowest) >> 20);
        }
    }
}

void machine_compare(const struct machine *machine, const struct image_machine *wanted)
{
    compare_memory(machine, wanted);
    if (machine->gic_version != wanted->gic_version) {
        boot_fail("wrong interrupt controller: the kernel was built for GICv%u, this machine has "
                  "GICv%u: start QEMU with -M virt,gic-version=%u or build the kernel for GICv%u",
                  wanted->gic_version, machine->gic_version, wanted->gic_version,
                  machine->gic_version);
    }
    if (machine->core_count < wanted->core_count) {
        boot_fail("too few cores: the kernel waits for %u, this machine has %u: start QEMU with "
                  "-smp %u or build the kernel with KernelMaxNumNodes=%u",
                  wanted->core_count, machine->core_count, wanted->core_count, machine->core_count);
    }
    if (wanted->core_count > ARCH_CORES_MAX) {
        boot_fail("the kernel was built for %u cores, this loader starts %u at most",
                  wanted->core_count, (unsigned)ARCH_CORES_MAX);
    }
    const char *error = arch_paddr_error(wanted->paddr_bits);
    if (error != NULL) {
        boot_fail("wrong CPU: the kernel was built for %s: %s", wanted->cpu, error);
    }
    if (wanted->timer_hz != 0 && arch_timer_hz() != wanted->timer_hz) {
        boot_print("warning: the kernel was built for a timer of %u Hz, this machine's runs at %lu "
                   "Hz: all times will be wrong by that factor",
                   wanted->timer_hz, arch_timer_hz());
    }
}
