// SPDX-License-Identifier: BSD-2-Clause
#include "vmm/machine.h"

#include <libfdt.h>
#include <string.h>

#include "lib/aarch64/cache.h"
#include "lib/check.h"
#include "lib/log.h"
#include "lib/tree_child.h"
#include "link/map.h"
#include "vmm/clock.h"
#include "vmm/console.h"
#include "vmm/fdt.h"
#include "vmm/irq.h"
#include "vmm/load.h"
#include "vmm/virtio.h"
#include "vmm/vmm.h"

enum { DTB_BYTES = 65536 };

static enum outcome access_dist(void *state, struct access *access)
{
    return gic_dist_access(state, access);
}

static enum outcome access_redist(void *state, struct access *access)
{
    return gic_redist_access(state, access);
}

static enum outcome access_uart(void *state, struct access *access)
{
    return uart_pl011_access(state, access);
}

static void add_window(uint64_t base, uint64_t size_bytes, bus_access *access, void *state,
                       const char *name)
{
    const struct bus_window window = {
        {base, size_bytes},
        access, state, name
    };
    CHECK(bus_add(&vmm.bus, &window)); /* our own map: nothing overlaps */
}

static const void *const description = (const void *)PROCESS_NODE_VADDR;

enum { DEVICE_MAX = 2 + PROCESS_LINK_MAX };

/* What write_tree tells the guest of. */
static struct fdt_device emitted[DEVICE_MAX];
static unsigned emitted_count;
static bool has_uart;

static void emit(fdt_emit *function, const struct fdt_window *window)
{
    CHECK(emitted_count < DEVICE_MAX);
    emitted[emitted_count++] = (struct fdt_device){function, window};
}

static void add_uart(void)
{
    static const struct fdt_window window = {MAP_PL011_BASE, MAP_PL011_SIZE, MAP_PL011_SPI};
    if (!has_uart) {
        has_uart = true;
        console_add_uart();
        add_window(MAP_PL011_BASE, MAP_PL011_SIZE, access_uart, &vmm.uart, "pl011");
        emit(fdt_emit_pl011, &window);
    }
}

static bool is_passed_through(int node)
{
    const char *text = fdt_getprop(description, node, "passthrough", NULL);
    return text != NULL && strcmp(text, "yes") == 0;
}

static void add_clock(int node)
{
    static const struct fdt_window window = {MAP_PL031_BASE, MAP_PL031_SIZE, MAP_PL031_SPI};
    static bool has_clock;
    if (!has_clock) {
        has_clock = true;
        if (is_passed_through(node)) {
            clock_pass_through();
        } else {
            clock_init();
        }
        emit(fdt_emit_pl031, &window);
    }
}

static bool add_device(int node)
{
    const char *device = fdt_getprop(description, node, "device", NULL);
    if (device == NULL) {
        return true;
    }
    if (strcmp(device, "pl011") == 0) {
        add_uart();
    } else if (strcmp(device, "pl031") == 0) {
        add_clock(node);
    } else {
        const struct fdt_window *window = NULL;
        if (!virtio_add(description, node, &window)) {
            return false;
        }
        if (window != NULL) {
            emit(fdt_emit_virtio_mmio, window);
        }
    }
    return true;
}

static bool add_devices(void)
{
    irq_init();
    if (vmm.boot->gic_version == 3) {
        add_window(MAP_GICD_BASE, MAP_GICD_SIZE_V3, access_dist, &vmm.gic, "gicd");
        add_window(MAP_GICR_BASE, MAP_GICR_VCPU_SIZE * vmm.vcpu_count, access_redist, &vmm.gic,
                   "gicr");
    } else {
        add_window(MAP_GICD_BASE, MAP_GICD_SIZE_V2, access_dist, &vmm.gic, "gicd");
    }
    console_init();
    int devices = fdt_subnode_offset(description, (int)vmm.boot->node_offset, "devices");
    int node;
    tree_for_each_child(node, description, devices)
    {
        if (!add_device(node)) {
            log_error("%s: devices/%s: cannot be made", vmm.boot->name,
                      fdt_get_name(description, node, NULL));
            return false;
        }
    }
    return true;
}

static const char *bootargs(void)
{
    return fdt_getprop(description, (int)vmm.boot->node_offset, "bootargs", NULL);
}

static bool write_tree(const struct load_plan *plan)
{
    const struct fdt_machine machine = {
        .ram = ram_range(&vmm.ram),
        .initrd = plan->initrd,
        .vcpu_count = vmm.vcpu_count,
        .gic = vmm.boot->gic_version == 3 ? GIC_V3 : GIC_V2,
        .conduit = FDT_CONDUIT_HVC,
        .bootargs = bootargs(),
        .console = has_uart ? "/serial@9000000" : NULL,
        .kaslr_seed = vmm.boot->seed[0],
        .rng_seed = (const uint8_t *)&vmm.boot->seed[1],
        .rng_seed_bytes = (PROCESS_SEED_OWN - 1) * sizeof vmm.boot->seed[0],
        .has_pci = virtio_has_pci(),
        .devices = emitted,
        .device_count = emitted_count,
    };
    void *to = ram_span(&vmm.ram, (gpa_t){plan->dtb.base}, plan->dtb.size_bytes);
    if (to == NULL || fdt_generate(to, plan->dtb.size_bytes, &machine) == 0) {
        log_error("%s: its device tree does not fit into %lu bytes", vmm.boot->name,
                  (unsigned long)plan->dtb.size_bytes);
        return false;
    }
    return true;
}

static struct load_file file_of(const struct process_file *file)
{
    return (struct load_file){file->name, (const uint8_t *)file->vaddr, file->size_bytes};
}

/*
 * The guest starts with caches off: what is in a cache only it does not see, and a line that is
 * written back later destroys what it wrote past it. RAM that is new the kernel has cleaned; we
 * have written the files. RAM that the guest had before is in the caches as the guest left it,
 * anywhere, and a machine that was reset has none of that: so all of it is written back and dropped
 * (KVM does the same for a virtual machine that is reset). Instructions are fetched from the kernel
 * alone, where other ones may have been.
 */
static void clean_ram(const struct load_plan *plan)
{
    const struct range files[] = {plan->kernel, plan->dtb, plan->initrd};
    for (unsigned i = 0; vmm.boot->ram_used == 0 && i < sizeof files / sizeof files[0]; i++) {
        void *start = ram_span(&vmm.ram, (gpa_t){files[i].base}, files[i].size_bytes);
        cache_maintain(CACHE_CLEAN, start, files[i].size_bytes);
    }
    if (vmm.boot->ram_used != 0) {
        cache_maintain(CACHE_CLEAN_INVALIDATE, vmm.ram.host, vmm.ram.size_bytes);
    }
    cache_maintain(CACHE_INVALIDATE_INSTRUCTIONS,
                   ram_span(&vmm.ram, (gpa_t){plan->kernel.base}, plan->kernel.size_bytes),
                   plan->kernel.size_bytes);
}

static bool load_files(void)
{
    const struct load_request request = {
        .ram = ram_range(&vmm.ram),
        .kernel = file_of(&vmm.boot->kernel),
        .initrd = file_of(&vmm.boot->initrd),
        .dtb_size_bytes = DTB_BYTES,
    };
    struct load_plan plan;
    struct load_failure failure;
    if (!load_place(&request, &plan, &failure)) {
        log_error("%s: %s", vmm.boot->name, failure.text);
        return false;
    }
    load_copy(&request, &plan, &vmm.ram);
    if (!write_tree(&plan)) {
        return false;
    }
    clean_ram(&plan);
    /* The boot vCPU's handler starts it, like any other's. */
    psci_reset(&vmm.psci, ram_range(&vmm.ram), vmm.vcpu_count);
    vmm.psci.start[0] = (struct psci_start){plan.entry, plan.dtb.base};
    atomic_store(&vmm.psci.power[0], PSCI_ON_PENDING);
    return true;
}

_Bool machine_build(void)
{
    vmm.ram = (struct ram){{vmm.boot->ram_base}, vmm.boot->ram_bytes, (uint8_t *)PROCESS_RAM_VADDR};
    vmm.vcpu_count = vmm.boot->vcpu_count;
    CHECK(vmm.vcpu_count >= 1 && vmm.vcpu_count <= VCPU_MAX);
    /* libfdt is not compiled by us: it may use the FPU. All else leaves the guest's state in it. */
    seL4_TCB_SetFlags(SLOT_THREAD, seL4_TCBFlag_fpuDisabled, 0);
    bool built = add_devices() && load_files();
    seL4_TCB_SetFlags(SLOT_THREAD, 0, seL4_TCBFlag_fpuDisabled);
    return built;
}
