// SPDX-License-Identifier: BSD-2-Clause
#include "vmm/fdt.h"

#include <libfdt.h>

#include "device/access.h"
#include "lib/check.h"
#include "link/map.h"

_Static_assert(MAP_GICD_SIZE_V2 == GIC_V2_DIST_SIZE && MAP_GICD_SIZE_V3 == GIC_V3_DIST_SIZE &&
                   MAP_GICR_VCPU_SIZE == GIC_V3_REDIST_SIZE,
               "the map has room for exactly what the GIC decodes");

static void emit_chosen(struct node_writer *out, const struct fdt_machine *machine)
{
    node_begin(out, "chosen");
    if (machine->bootargs != NULL) {
        node_text(out, "bootargs", machine->bootargs);
    }
    if (machine->console != NULL) {
        node_text(out, "stdout-path", machine->console);
    }
    if (machine->initrd.size_bytes != 0) {
        node_u64(out, "linux,initrd-start", machine->initrd.base);
        node_u64(out, "linux,initrd-end", machine->initrd.base + machine->initrd.size_bytes);
    }
    if (machine->kaslr_seed != 0) {
        node_u64(out, "kaslr-seed", machine->kaslr_seed);
    }
    if (machine->rng_seed != NULL) {
        node_bytes(out, "rng-seed", machine->rng_seed, machine->rng_seed_bytes);
    }
    node_end(out);
}

static void emit_memory(struct node_writer *out, struct range ram)
{
    node_begin_at(out, "memory", ram.base);
    node_text(out, "device_type", "memory");
    node_reg(out, ram.base, ram.size_bytes);
    node_end(out);
}

static void emit_cpus(struct node_writer *out, unsigned vcpu_count)
{
    node_begin(out, "cpus");
    node_u32(out, "#address-cells", 1);
    node_u32(out, "#size-cells", 0);
    for (unsigned vcpu = 0; vcpu < vcpu_count; vcpu++) {
        uint32_t affinity = map_mpidr(vcpu) & 0xffffff;
        node_begin_at(out, "cpu", affinity);
        node_text(out, "device_type", "cpu");
        node_text(out, "compatible", "arm,armv8");
        node_u32(out, "reg", affinity);
        node_text(out, "enable-method", "psci");
        node_end(out);
    }
    node_end(out);
}

static void emit_psci(struct node_writer *out, enum fdt_conduit conduit)
{
    node_begin(out, "psci");
    node_texts(out, "compatible", "arm,psci-1.0\0arm,psci-0.2");
    node_text(out, "method", conduit == FDT_CONDUIT_HVC ? "hvc" : "smc");
    node_end(out);
}

/* A private interrupt's last cell on GICv2 has the mask of the CPUs that it is wired to. */
static uint32_t ppi_flags(const struct fdt_machine *machine)
{
    uint32_t cpus = machine->gic == GIC_V2 ? (1u << machine->vcpu_count) - 1 : 0;
    return cpus << 8 | NODE_IRQ_LEVEL_HIGH;
}

/*
 * The binding wants all four in this order. A guest at EL1 takes the virtual one, the only one that
 * the hardware has for it; the physical one is emulated (vmm/sysreg.h), the others belong to levels
 * that a guest does not have.
 */
static void emit_timer(struct node_writer *out, const struct fdt_machine *machine)
{
    static const uint32_t ppis[] = {MAP_PPI_TIMER_SECURE, MAP_PPI_TIMER_PHYSICAL,
                                    MAP_PPI_TIMER_VIRTUAL, MAP_PPI_TIMER_HYPERVISOR};
    uint32_t cells[3 * 4];
    for (unsigned i = 0; i < 4; i++) {
        cells[3 * i] = 1;
        cells[3 * i + 1] = ppis[i];
        cells[3 * i + 2] = ppi_flags(machine);
    }
    node_begin(out, "timer");
    node_text(out, "compatible", "arm,armv8-timer");
    node_cells(out, "interrupts", cells, 3 * 4);
    node_flag(out, "always-on"); /* it wakes a vCPU that waits or is in CPU_SUSPEND */
    node_end(out);
}

/* Messages are written to a frame of their own. */
static void emit_v2m(struct node_writer *out)
{
    node_begin_at(out, "v2m", MAP_V2M_BASE);
    node_text(out, "compatible", "arm,gic-v2m-frame");
    node_flag(out, "msi-controller");
    node_reg(out, MAP_V2M_BASE, MAP_V2M_SIZE);
    node_u32(out, "phandle", NODE_PHANDLE_V2M);
    node_end(out);
}

/* GICv3: messages are written to the distributor. The range is of INTIDs. */
static void emit_mbi(struct node_writer *out)
{
    static const uint32_t range[] = {GIC_SPI_BASE + MAP_MSI_SPI, MAP_MSI_COUNT};
    node_flag(out, "msi-controller");
    node_cells(out, "mbi-ranges", range, 2);
}

static void emit_gic(struct node_writer *out, const struct fdt_machine *machine)
{
    bool is_v3 = machine->gic == GIC_V3;
    uint32_t gicr_size = (uint32_t)MAP_GICR_VCPU_SIZE * machine->vcpu_count;
    const uint32_t reg_v2[] = {0, MAP_GICD_BASE, 0, MAP_GICD_SIZE_V2,
                               0, MAP_GICC_BASE, 0, MAP_GICC_SIZE};
    const uint32_t reg_v3[] = {0, MAP_GICD_BASE, 0, MAP_GICD_SIZE_V3,
                               0, MAP_GICR_BASE, 0, gicr_size};
    node_begin_at(out, "interrupt-controller", MAP_GICD_BASE);
    node_text(out, "compatible", is_v3 ? "arm,gic-v3" : "arm,cortex-a15-gic");
    node_cells(out, "reg", is_v3 ? reg_v3 : reg_v2, 8);
    node_flag(out, "interrupt-controller");
    node_u32(out, "#interrupt-cells", 3);
    node_u32(out, "#address-cells", 2);
    node_u32(out, "#size-cells", 2);
    node_flag(out, "ranges");
    node_u32(out, "phandle", NODE_PHANDLE_GIC);
    if (machine->has_pci && is_v3) {
        emit_mbi(out);
    } else if (machine->has_pci) {
        emit_v2m(out);
    }
    node_end(out);
}

static void emit_clock(struct node_writer *out)
{
    node_begin(out, "apb-pclk");
    node_text(out, "compatible", "fixed-clock");
    node_u32(out, "#clock-cells", 0);
    node_u32(out, "clock-frequency", 24000000);
    node_text(out, "clock-output-names", "clk24mhz");
    node_u32(out, "phandle", NODE_PHANDLE_CLOCK);
    node_end(out);
}

void fdt_emit_pl011(struct node_writer *out, const void *state)
{
    const struct fdt_window *window = state;
    static const uint32_t clocks[] = {NODE_PHANDLE_CLOCK, NODE_PHANDLE_CLOCK};
    node_begin_at(out, "serial", window->base);
    node_texts(out, "compatible", "arm,pl011\0arm,primecell");
    node_reg(out, window->base, window->size_bytes);
    node_spi(out, window->spi, NODE_IRQ_LEVEL_HIGH);
    node_cells(out, "clocks", clocks, 2);
    node_texts(out, "clock-names", "uartclk\0apb_pclk");
    node_end(out);
}

void fdt_emit_pl031(struct node_writer *out, const void *state)
{
    const struct fdt_window *window = state;
    node_begin_at(out, "rtc", window->base);
    node_texts(out, "compatible", "arm,pl031\0arm,primecell");
    node_reg(out, window->base, window->size_bytes);
    node_spi(out, window->spi, NODE_IRQ_LEVEL_HIGH);
    node_u32(out, "clocks", NODE_PHANDLE_CLOCK);
    node_text(out, "clock-names", "apb_pclk");
    node_end(out);
}

void fdt_emit_virtio_mmio(struct node_writer *out, const void *state)
{
    const struct fdt_window *window = state;
    node_begin_at(out, "virtio", window->base);
    node_text(out, "compatible", "virtio,mmio");
    node_reg(out, window->base, window->size_bytes);
    node_spi(out, window->spi, NODE_IRQ_LEVEL_HIGH);
    node_flag(out, "dma-coherent");
    node_end(out);
}

/*
 * Which shared interrupt the pin of a function goes to (Devicetree Specification, 2.4.3): device
 * d's pin p (INTA is 1) is line (d + p - 1) % 4, so the map repeats after four devices. A row:
 * address and pin of the function; the GIC, an address that it ignores, and its interrupt.
 */
static void emit_interrupt_map(struct node_writer *out)
{
    enum { LINES = 4, ROW = 3 + 1 + 1 + 2 + 3, DEVICE_SHIFT = 11 };
    static const uint32_t mask[] = {(LINES - 1) << DEVICE_SHIFT, 0, 0, 7};
    uint32_t cells[LINES * LINES * ROW] = {0};
    uint32_t *row = cells;
    for (uint32_t device = 0; device < LINES; device++) {
        for (uint32_t pin = 1; pin <= LINES; pin++, row += ROW) {
            row[0] = device << DEVICE_SHIFT;
            row[3] = pin;
            row[4] = NODE_PHANDLE_GIC;
            row[8] = MAP_PCI_SPI + (device + pin - 1) % LINES;
            row[9] = NODE_IRQ_LEVEL_HIGH;
        }
    }
    node_cells(out, "interrupt-map-mask", mask, 4);
    node_cells(out, "interrupt-map", cells, LINES * LINES * ROW);
}

/* A PCI host bridge (PCI Bus Binding to IEEE 1275, 2.2.1; Linux bindings, pci/host-generic-pci). */
static void emit_pcie(struct node_writer *out, enum gic_version gic)
{
    enum { SPACE_IO = 1 << 24, SPACE_MEMORY_32 = 2 << 24 };
    static const uint32_t buses[] = {0, MAP_PCI_BUS_MAX - 1};
    /* Memory has the same addresses on the bus, ports begin at 0 there. */
    /* clang-format off */
    static const uint32_t ranges[] = {
        SPACE_IO,        0, 0,                 0, MAP_PCI_PIO_BASE,  0, MAP_PCI_PIO_SIZE,
        SPACE_MEMORY_32, 0, MAP_PCI_MMIO_BASE, 0, MAP_PCI_MMIO_BASE, 0, MAP_PCI_MMIO_SIZE,
    };
    /* clang-format on */
    node_begin_at(out, "pcie", MAP_PCI_ECAM_BASE);
    node_text(out, "compatible", "pci-host-ecam-generic");
    node_text(out, "device_type", "pci");
    node_u32(out, "#address-cells", 3);
    node_u32(out, "#size-cells", 2);
    node_u32(out, "#interrupt-cells", 1);
    node_reg(out, MAP_PCI_ECAM_BASE, MAP_PCI_ECAM_SIZE);
    node_cells(out, "ranges", ranges, sizeof ranges / sizeof ranges[0]);
    node_cells(out, "bus-range", buses, 2);
    node_u32(out, "linux,pci-domain", 0);
    node_flag(out, "dma-coherent");
    node_u32(out, "msi-parent", gic == GIC_V3 ? NODE_PHANDLE_GIC : NODE_PHANDLE_V2M);
    emit_interrupt_map(out);
    node_end(out);
}

static void emit_root(struct node_writer *out, const struct fdt_machine *machine)
{
    node_begin(out, "");
    node_texts(out, "compatible", "bulkhead,virt\0linux,dummy-virt");
    node_text(out, "model", "Bulkhead virtual machine");
    node_u32(out, "#address-cells", 2);
    node_u32(out, "#size-cells", 2);
    node_u32(out, "interrupt-parent", NODE_PHANDLE_GIC);
    emit_chosen(out, machine);
    emit_memory(out, machine->ram);
    emit_cpus(out, machine->vcpu_count);
    emit_psci(out, machine->conduit);
    emit_timer(out, machine);
    emit_gic(out, machine);
    emit_clock(out);
    if (machine->has_pci) {
        emit_pcie(out, machine->gic);
    }
    for (unsigned i = 0; i < machine->device_count; i++) {
        machine->devices[i].emit(out, machine->devices[i].state);
    }
    node_end(out);
}

size_t fdt_generate(void *to, size_t size_bytes, const struct fdt_machine *machine)
{
    CHECK(machine->vcpu_count >= 1 && machine->vcpu_count <= VCPU_MAX);
    struct node_writer out = {.fdt = to};
    out.error = fdt_create(to, (int)size_bytes);
    if (out.error == 0) {
        out.error = fdt_finish_reservemap(to);
    }
    emit_root(&out, machine);
    if (out.error == 0) {
        out.error = fdt_finish(to);
    }
    /* Room is the one thing that a description can ask too much of: its arguments may be long. */
    CHECK(out.error == 0 || out.error == -FDT_ERR_NOSPACE);
    return out.error == 0 ? fdt_totalsize(to) : 0;
}
