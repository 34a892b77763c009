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

static const void *const description = (const void *)PROCESS_NODE_VADDR;

enum { DEVICE_MAX = 2 + PROCESS_LINK_MAX };

/* What write_tree tells the guest of. */
struct parts {
    struct fdt_device device[DEVICE_MAX];
    unsigned count;
    bool has_uart, has_clock;
};

static void emit(struct parts *parts, fdt_emit *function, const struct fdt_window *window)
{
    CHECK(parts->count < DEVICE_MAX);
    parts->device[parts->count++] = (struct fdt_device){function, window};
}

static void add_uart(struct parts *parts)
{
    static const struct fdt_window window = {MAP_PL011_BASE, MAP_PL011_SIZE, MAP_PL011_SPI};
    if (!parts->has_uart) {
        parts->has_uart = true;
        console_add_uart();
        emit(parts, fdt_emit_pl011, &window);
    }
}

static bool is_passed_through(int node)
{
    const char *text = fdt_getprop(description, node, "passthrough", NULL);
    return text != NULL && strcmp(text, "yes") == 0;
}

static void add_clock(struct parts *parts, int node)
{
    static const struct fdt_window window = {MAP_PL031_BASE, MAP_PL031_SIZE, MAP_PL031_SPI};
    if (!parts->has_clock) {
        parts->has_clock = true;
        if (is_passed_through(node)) {
            clock_pass_through();
        } else {
            clock_init();
        }
        emit(parts, fdt_emit_pl031, &window);
    }
}

static bool add_device(struct parts *parts, int node)
{
    const char *device = fdt_getprop(description, node, "device", NULL);
    if (device == NULL) {
        return true;
    }
    if (strcmp(device, "pl011") == 0) {
        add_uart(parts);
    } else if (strcmp(device, "pl031") == 0) {
        add_clock(parts, node);
    } else {
        const struct fdt_window *window = NULL;
        if (!virtio_add(description, node, &window)) {
            return false;
        }
        if (window != NULL) {
            emit(parts, fdt_emit_virtio_mmio, window);
        }
    }
    return true;
}

static bool add_devices(struct parts *parts)
{
    irq_init();
    console_init();
    int devices = fdt_subnode_offset(description, (int)vmm.boot->node_offset, "devices");
    int node;
    tree_for_each_child(node, description, devices)
    {
        if (!add_device(parts, node)) {
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

static bool write_tree(const struct parts *parts, const struct load_plan *plan)
{
    const struct fdt_machine machine = {
        .ram = ram_range(&vmm.ram),
        .initrd = plan->initrd,
        .vcpu_count = vmm.vcpu_count,
        .gic = vmm.boot->gic_version == 3 ? GIC_V3 : GIC_V2,
        .conduit = FDT_CONDUIT_HVC,
        .bootargs = bootargs(),
        .console = parts->has_uart ? "/serial@9000000" : NULL,
        .kaslr_seed = vmm.boot->seed[0],
        .rng_seed = (const uint8_t *)&vmm.boot->seed[1],
        .rng_seed_bytes = (PROCESS_SEED_OWN - 1) * sizeof vmm.boot->seed[0],
        .has_pci = virtio_has_pci(),
        .devices = parts->device,
        .device_count = parts->count,
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

static bool load_files(const struct parts *parts)
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
    if (!write_tree(parts, &plan)) {
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
    struct parts parts = {0};
    bool built = add_devices(&parts) && load_files(&parts);
    seL4_TCB_SetFlags(SLOT_THREAD, 0, seL4_TCBFlag_fpuDisabled);
    return built;
}
