// SPDX-License-Identifier: BSD-2-Clause
#include "vmm/fdt.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <libfdt.h>

#include "link/map.h"

enum { ROOM = 0x4000 };

static const uint8_t seed[32] = {1, 2, 3, 4, 5, [31] = 0xff};
static const struct fdt_window pl011 = {MAP_PL011_BASE, MAP_PL011_SIZE, MAP_PL011_SPI};
static const struct fdt_window pl031 = {MAP_PL031_BASE, MAP_PL031_SIZE, MAP_PL031_SPI};
static const struct fdt_window virtio = {MAP_VIRTIO_BASE + 3 * MAP_VIRTIO_SIZE, MAP_VIRTIO_SIZE,
                                         MAP_VIRTIO_SPI + 3};
static const struct fdt_device devices[] = {
    {fdt_emit_pl011,       &pl011 },
    {fdt_emit_pl031,       &pl031 },
    {fdt_emit_virtio_mmio, &virtio}
};

static struct fdt_machine full_machine(void)
{
    return (struct fdt_machine){
        .ram = {MAP_RAM_BASE, 0x180000000},
        .initrd = {0x48000000,   0x123456   },
        .vcpu_count = 2,
        .gic = GIC_V3,
        .conduit = FDT_CONDUIT_HVC,
        .bootargs = "console=ttyAMA0 quiet",
        .console = "/serial@9000000",
        .kaslr_seed = 0x1122334455667788,
        .rng_seed = seed,
        .rng_seed_bytes = sizeof seed,
        .devices = devices,
        .device_count = 3,
    };
}

static void *generate(const struct fdt_machine *machine)
{
    void *fdt = malloc(ROOM);
    size_t size = fdt_generate(fdt, ROOM, machine);
    assert_int_not_equal(size, 0);
    assert_int_equal(fdt_check_full(fdt, size), 0);
    return fdt;
}

static int node_at(const void *fdt, const char *path)
{
    int node = fdt_path_offset(fdt, path);
    if (node < 0) {
        fail_msg("no node %s", path);
    }
    return node;
}

/* The property has exactly these cells. */
static void expect_cells(const void *fdt, const char *path, const char *property,
                         const uint32_t *cells, size_t count)
{
    int length = -1;
    const fdt32_t *found = fdt_getprop(fdt, node_at(fdt, path), property, &length);
    if (found == NULL || (size_t)length != count * sizeof *found) {
        fail_msg("%s %s: %d bytes", path, property, length);
    }
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(fdt32_ld(&found[i]), cells[i]);
    }
}

#define EXPECT_CELLS(fdt, path, property, ...)                                                     \
    expect_cells(fdt, path, property, (const uint32_t[]){__VA_ARGS__},                             \
                 sizeof((const uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t))

static void expect_bytes(const void *fdt, const char *path, const char *property, const void *bytes,
                         size_t size)
{
    int length = -1;
    const void *found = fdt_getprop(fdt, node_at(fdt, path), property, &length);
    if (found == NULL || (size_t)length != size) {
        fail_msg("%s %s: %d bytes", path, property, length);
    }
    assert_memory_equal(found, bytes, size);
}

#define EXPECT_TEXT(fdt, path, property, text) expect_bytes(fdt, path, property, text, sizeof(text))

static void chosen_says_what_the_kernel_gets(void **state)
{
    (void)state;
    struct fdt_machine machine = full_machine();
    void *fdt = generate(&machine);
    EXPECT_TEXT(fdt, "/chosen", "bootargs", "console=ttyAMA0 quiet");
    EXPECT_TEXT(fdt, "/chosen", "stdout-path", "/serial@9000000");
    EXPECT_CELLS(fdt, "/chosen", "linux,initrd-start", 0, 0x48000000);
    EXPECT_CELLS(fdt, "/chosen", "linux,initrd-end", 0, 0x48123456);
    EXPECT_CELLS(fdt, "/chosen", "kaslr-seed", 0x11223344, 0x55667788);
    expect_bytes(fdt, "/chosen", "rng-seed", seed, sizeof seed);
    EXPECT_CELLS(fdt, "/memory@40000000", "reg", 0, 0x40000000, 1, 0x80000000);
    EXPECT_TEXT(fdt, "/memory@40000000", "device_type", "memory");
    free(fdt);
}

static void what_is_not_given_is_not_said(void **state)
{
    (void)state;
    struct fdt_machine machine = {
        .ram = {MAP_RAM_BASE, 0x1000000},
          .vcpu_count = 1, .gic = GIC_V2
    };
    void *fdt = generate(&machine);
    assert_int_equal(fdt_first_property_offset(fdt, node_at(fdt, "/chosen")), -FDT_ERR_NOTFOUND);
    assert_int_equal(fdt_path_offset(fdt, "/serial@9000000"), -FDT_ERR_NOTFOUND);
    assert_int_equal(fdt_path_offset(fdt, "/pmu"), -FDT_ERR_NOTFOUND);
    assert_int_equal(fdt_num_mem_rsv(fdt), 0);
    free(fdt);
}

static void cpus_are_numbered_like_their_mpidr(void **state)
{
    (void)state;
    for (unsigned count = 1; count <= 8; count++) {
        struct fdt_machine machine = full_machine();
        machine.vcpu_count = count;
        void *fdt = generate(&machine);
        for (unsigned i = 0; i < 8; i++) {
            char path[] = "/cpus/cpu@0";
            path[sizeof path - 2] = (char)('0' + i);
            if (i >= count) {
                assert_int_equal(fdt_path_offset(fdt, path), -FDT_ERR_NOTFOUND);
                continue;
            }
            EXPECT_CELLS(fdt, path, "reg", i);
            EXPECT_TEXT(fdt, path, "enable-method", "psci");
            EXPECT_TEXT(fdt, path, "compatible", "arm,armv8");
            EXPECT_TEXT(fdt, path, "device_type", "cpu");
        }
        free(fdt);
    }
}

static void psci_is_called_by_the_conduit_asked_for(void **state)
{
    (void)state;
    struct fdt_machine machine = full_machine();
    void *fdt = generate(&machine);
    EXPECT_TEXT(fdt, "/psci", "method", "hvc");
    EXPECT_TEXT(fdt, "/psci", "compatible", "arm,psci-1.0\0arm,psci-0.2");
    free(fdt);
    machine.conduit = FDT_CONDUIT_SMC;
    fdt = generate(&machine);
    EXPECT_TEXT(fdt, "/psci", "method", "smc");
    free(fdt);
}

static void gic_v2(void **state)
{
    (void)state;
    struct fdt_machine machine = full_machine();
    machine.gic = GIC_V2;
    machine.vcpu_count = 3;
    void *fdt = generate(&machine);
    const char *gic = "/interrupt-controller@8000000";
    EXPECT_TEXT(fdt, gic, "compatible", "arm,cortex-a15-gic");
    EXPECT_CELLS(fdt, gic, "reg", 0, 0x08000000, 0, 0x1000, 0, 0x08010000, 0, 0x2000);
    EXPECT_CELLS(fdt, gic, "#interrupt-cells", 3);
    EXPECT_CELLS(fdt, "/timer", "interrupts", 1, 13, 0x704, 1, 14, 0x704, 1, 11, 0x704, 1, 10,
                 0x704);
    free(fdt);
}

static void gic_v3(void **state)
{
    (void)state;
    struct fdt_machine machine = full_machine();
    machine.vcpu_count = 8;
    void *fdt = generate(&machine);
    const char *gic = "/interrupt-controller@8000000";
    EXPECT_TEXT(fdt, gic, "compatible", "arm,gic-v3");
    EXPECT_CELLS(fdt, gic, "reg", 0, 0x08000000, 0, 0x10000, 0, 0x080a0000, 0, 0x100000);
    EXPECT_CELLS(fdt, gic, "phandle", NODE_PHANDLE_GIC);
    EXPECT_CELLS(fdt, "/", "interrupt-parent", NODE_PHANDLE_GIC);
    EXPECT_CELLS(fdt, "/timer", "interrupts", 1, 13, 4, 1, 14, 4, 1, 11, 4, 1, 10, 4);
    EXPECT_TEXT(fdt, "/timer", "compatible", "arm,armv8-timer");
    free(fdt);
}

static void devices_emit_their_nodes(void **state)
{
    (void)state;
    struct fdt_machine machine = full_machine();
    void *fdt = generate(&machine);
    EXPECT_TEXT(fdt, "/serial@9000000", "compatible", "arm,pl011\0arm,primecell");
    EXPECT_CELLS(fdt, "/serial@9000000", "reg", 0, 0x09000000, 0, 0x1000);
    EXPECT_CELLS(fdt, "/serial@9000000", "interrupts", 0, 1, 4);
    EXPECT_TEXT(fdt, "/serial@9000000", "clock-names", "uartclk\0apb_pclk");
    EXPECT_CELLS(fdt, "/serial@9000000", "clocks", NODE_PHANDLE_CLOCK, NODE_PHANDLE_CLOCK);
    EXPECT_TEXT(fdt, "/rtc@9010000", "compatible", "arm,pl031\0arm,primecell");
    EXPECT_CELLS(fdt, "/rtc@9010000", "interrupts", 0, 2, 4);
    EXPECT_CELLS(fdt, "/rtc@9010000", "clocks", NODE_PHANDLE_CLOCK);
    EXPECT_TEXT(fdt, "/virtio@a000600", "compatible", "virtio,mmio");
    EXPECT_CELLS(fdt, "/virtio@a000600", "reg", 0, 0x0a000600, 0, 0x200);
    EXPECT_CELLS(fdt, "/virtio@a000600", "interrupts", 0, 19, 4);
    expect_bytes(fdt, "/virtio@a000600", "dma-coherent", "", 0);
    EXPECT_CELLS(fdt, "/apb-pclk", "phandle", NODE_PHANDLE_CLOCK);
    free(fdt);
}

/* The row of the map for a device's pin, matched as a guest does: masked address and pin. */
static uint32_t mapped_spi(const void *fdt, uint32_t device, uint32_t pin)
{
    const char *pcie = "/pcie@3f000000";
    int length = -1;
    const fdt32_t *mask = fdt_getprop(fdt, node_at(fdt, pcie), "interrupt-map-mask", &length);
    assert_int_equal(length, 4 * sizeof *mask);
    const fdt32_t *row = fdt_getprop(fdt, node_at(fdt, pcie), "interrupt-map", &length);
    assert_int_equal(length, 16 * 10 * sizeof *row);
    for (unsigned i = 0; i < 16; i++, row += 10) {
        if (fdt32_ld(&row[0]) != (device << 11 & fdt32_ld(&mask[0])) ||
            fdt32_ld(&row[3]) != (pin & fdt32_ld(&mask[3]))) {
            continue;
        }
        assert_int_equal(fdt32_ld(&row[4]), NODE_PHANDLE_GIC);
        assert_int_equal(fdt32_ld(&row[7]), 0);
        assert_int_equal(fdt32_ld(&row[9]), 4);
        return fdt32_ld(&row[8]);
    }
    fail_msg("no row for pin %u of device %u", pin, device);
    return 0;
}

static void the_pci_host_bridge(void **state)
{
    (void)state;
    struct fdt_machine machine = full_machine();
    machine.has_pci = true;
    void *fdt = generate(&machine);
    const char *pcie = "/pcie@3f000000";
    EXPECT_TEXT(fdt, pcie, "compatible", "pci-host-ecam-generic");
    EXPECT_TEXT(fdt, pcie, "device_type", "pci");
    EXPECT_CELLS(fdt, pcie, "reg", 0, 0x3f000000, 0, 0x1000000);
    EXPECT_CELLS(fdt, pcie, "bus-range", 0, 15);
    EXPECT_CELLS(fdt, pcie, "#address-cells", 3);
    EXPECT_CELLS(fdt, pcie, "#size-cells", 2);
    EXPECT_CELLS(fdt, pcie, "#interrupt-cells", 1);
    EXPECT_CELLS(fdt, pcie, "ranges", 0x1000000, 0, 0, 0, 0x3eff0000, 0, 0x10000, 0x2000000, 0,
                 0x10000000, 0, 0x10000000, 0, 0x2eff0000);
    expect_bytes(fdt, pcie, "dma-coherent", "", 0);
    for (uint32_t device = 0; device < 32; device++) {
        for (uint32_t pin = 1; pin <= 4; pin++) {
            assert_int_equal(mapped_spi(fdt, device, pin), 3 + (device + pin - 1) % 4);
        }
    }
    free(fdt);
    machine.has_pci = false;
    fdt = generate(&machine);
    assert_int_equal(fdt_path_offset(fdt, pcie), -FDT_ERR_NOTFOUND);
    free(fdt);
}

/* Linux finds the controller of messages by msi-parent, which names a node with msi-controller. */
static void messages_go_to_the_gic(void **state)
{
    (void)state;
    const char *gic = "/interrupt-controller@8000000", *frame = "v2m@8020000";
    struct fdt_machine machine = full_machine();
    void *fdt = generate(&machine);
    assert_null(fdt_getprop(fdt, node_at(fdt, gic), "msi-controller", NULL));
    free(fdt);
    machine.has_pci = true;
    fdt = generate(&machine);
    EXPECT_CELLS(fdt, "/pcie@3f000000", "msi-parent", NODE_PHANDLE_GIC);
    expect_bytes(fdt, gic, "msi-controller", "", 0);
    EXPECT_CELLS(fdt, gic, "mbi-ranges", 80, 64);
    assert_int_equal(fdt_subnode_offset(fdt, node_at(fdt, gic), frame), -FDT_ERR_NOTFOUND);
    free(fdt);
    machine.gic = GIC_V2;
    fdt = generate(&machine);
    assert_null(fdt_getprop(fdt, node_at(fdt, gic), "msi-controller", NULL));
    int node = fdt_node_offset_by_phandle(fdt, NODE_PHANDLE_V2M);
    EXPECT_CELLS(fdt, "/pcie@3f000000", "msi-parent", NODE_PHANDLE_V2M);
    assert_string_equal(fdt_get_name(fdt, node, NULL), frame);
    const char *path = "/interrupt-controller@8000000/v2m@8020000";
    EXPECT_TEXT(fdt, path, "compatible", "arm,gic-v2m-frame");
    EXPECT_CELLS(fdt, path, "reg", 0, 0x08020000, 0, 0x1000);
    expect_bytes(fdt, path, "msi-controller", "", 0);
    free(fdt);
}

/* Every size: the sanitizer watches the end, and what is returned does fit. */
static void too_little_room_is_said_and_respected(void **state)
{
    (void)state;
    struct fdt_machine machine = full_machine();
    machine.has_pci = true;
    bool fitted = false;
    for (size_t room = 0; room < 0x2000; room += 8) {
        void *fdt = malloc(room);
        size_t size = fdt_generate(fdt, room, &machine);
        assert_true(size <= room);
        assert_true(size != 0 || !fitted);
        fitted = size != 0;
        free(fdt);
    }
    assert_true(fitted);
}

/* dtc checks names, units, references and more; no warning is accepted. */
static void dtc_has_nothing_to_say(void **state)
{
    (void)state;
    for (unsigned variant = 0; variant < 16; variant++) {
        struct fdt_machine machine = full_machine();
        machine.gic = variant & 1 ? GIC_V2 : GIC_V3;
        machine.vcpu_count = variant & 2 ? 8 : 1;
        machine.device_count = variant & 4 ? 3 : 0;
        machine.has_pci = variant & 8;
        machine.console = variant & 4 ? "/serial@9000000" : NULL;
        void *fdt = generate(&machine);
        char path[] = "/tmp/bulkhead-fdt-test-XXXXXX", command[100], said[4096];
        int file = mkstemp(path);
        assert_true(file >= 0);
        assert_int_equal(write(file, fdt, fdt_totalsize(fdt)), fdt_totalsize(fdt));
        close(file);
        snprintf(command, sizeof command, "dtc -I dtb -O dts -o /dev/null %s 2>&1", path);
        FILE *dtc = popen(command, "r");
        said[fread(said, 1, sizeof said - 1, dtc)] = '\0';
        int status = pclose(dtc);
        unlink(path);
        free(fdt);
        assert_string_equal(said, "");
        assert_int_equal(status, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chosen_says_what_the_kernel_gets),
        cmocka_unit_test(what_is_not_given_is_not_said),
        cmocka_unit_test(cpus_are_numbered_like_their_mpidr),
        cmocka_unit_test(psci_is_called_by_the_conduit_asked_for),
        cmocka_unit_test(gic_v2),
        cmocka_unit_test(gic_v3),
        cmocka_unit_test(devices_emit_their_nodes),
        cmocka_unit_test(the_pci_host_bridge),
        cmocka_unit_test(messages_go_to_the_gic),
        cmocka_unit_test(too_little_room_is_said_and_respected),
        cmocka_unit_test(dtc_has_nothing_to_say),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
