// SPDX-License-Identifier: BSD-2-Clause
/* Values, defaults and hints. What is wrong with whole descriptions is tested in
 * test/system/wrong/. */
#include "tool/description.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <libfdt.h>

enum { ROOM = 64 << 10 };

static uint8_t tree[ROOM], completed[ROOM];

static int add_vm(const char *name)
{
    int vms = fdt_path_offset(tree, "/vms");
    int node = fdt_add_subnode(tree, vms >= 0 ? vms : fdt_add_subnode(tree, 0, "vms"), name);
    assert_true(node > 0);
    assert_int_equal(fdt_setprop_u32(tree, node, "memory-mib", 64), 0);
    assert_int_equal(fdt_setprop(tree, node, "kernel", "vmlinuz", 8), 0);
    return node;
}

static int set_up(void **state)
{
    (void)state;
    assert_int_equal(fdt_create_empty_tree(tree, ROOM), 0);
    assert_int_equal(fdt_setprop(tree, 0, "compatible", "bulkhead,system-v1", 19), 0);
    assert_int_equal(fdt_setprop(tree, 0, "board", "qemu-virt", 10), 0);
    return 0;
}

static void set_cells(const char *path, const char *name, const uint32_t *values, unsigned count)
{
    fdt32_t cells[16];
    for (unsigned i = 0; i < count; i++) {
        cells[i] = cpu_to_fdt32(values[i]);
    }
    int node = fdt_path_offset(tree, path);
    assert_true(node >= 0);
    assert_int_equal(fdt_setprop(tree, node, name, cells, (int)(count * sizeof cells[0])), 0);
}

static void complete(const struct description_facts *facts)
{
    assert_int_equal(description_complete(tree, facts, completed, ROOM), 0);
}

static void expect_cells(const char *path, const char *name, const uint32_t *values, unsigned count)
{
    uint32_t cells[DESCRIPTION_VCPU_MAX];
    int node = fdt_path_offset(completed, path);
    assert_true(node >= 0);
    assert_int_equal(description_cells(completed, node, name, cells, DESCRIPTION_VCPU_MAX), count);
    assert_memory_equal(cells, values, count * sizeof cells[0]);
}

static void expect_text(const char *path, const char *name, const char *value)
{
    const char *text = description_text(completed, fdt_path_offset(completed, path), name);
    assert_non_null(text);
    assert_string_equal(text, value);
}

#define cells(...)                                                                                 \
    (const uint32_t[]){__VA_ARGS__}, sizeof((const uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t)

static void every_default_is_written_out(void **state)
{
    (void)state;
    add_vm("a");
    complete(&(struct description_facts){.core_count = 4, .gic_version = 3});
    expect_cells("/vms/a", "vcpus", cells(1));
    expect_cells("/vms/a", "cores", cells(0));
    expect_cells("/vms/a", "priority", cells(100));
    expect_cells("/vms/a", "period-us", cells(10000));
    expect_cells("/vms/a", "budget-us", cells(10000));
    expect_cells("/vms/a", "restart-limit", cells(5));
    expect_cells("/vms/a", "restart-backoff-ms", cells(1000));
    expect_cells("/vms/a", "gic-version", cells(3));
    expect_text("/vms/a", "restart", "on-failure");
    expect_text("/vms/a", "autostart", "yes");
    expect_text("/vms/a/devices/serial@9000000", "device", "pl011");
    expect_text("/vms/a/devices/rtc@9010000", "device", "pl031");
    expect_text("/console", "uart", "board");
    expect_text("/console", "attach", "a");
    expect_text("/console", "log-level", "info");
}

static void what_is_said_stays(void **state)
{
    (void)state;
    add_vm("a");
    set_cells("/vms/a", "cores", cells(3, 1));
    set_cells("/vms/a", "priority", cells(50, 60));
    set_cells("/vms/a", "period-us", cells(5000));
    set_cells("/vms/a", "budget-us", cells(1000, 2000));
    int node = fdt_path_offset(tree, "/vms/a");
    assert_int_equal(fdt_setprop(tree, node, "autostart", "no", 3), 0);
    assert_true(fdt_add_subnode(tree, node, "devices") > 0);
    complete(&(struct description_facts){.core_count = 4});
    expect_cells("/vms/a", "vcpus", cells(2));
    expect_cells("/vms/a", "cores", cells(3, 1));
    expect_cells("/vms/a", "priority", cells(50, 60));
    expect_cells("/vms/a", "period-us", cells(5000, 5000));
    expect_cells("/vms/a", "budget-us", cells(1000, 2000));
    expect_text("/vms/a", "autostart", "no");
    /* An empty list of devices is a choice, too. */
    assert_true(fdt_path_offset(completed, "/vms/a/devices/serial@9000000") < 0);
    assert_null(fdt_getprop(completed, fdt_path_offset(completed, "/vms/a"), "gic-version", NULL));
}

/* A disk and a port have limits, of which each is none until it is said. */
static void limits_of_disks_and_ports(void **state)
{
    (void)state;
    int devices = fdt_add_subnode(tree, add_vm("a"), "devices");
    int disk = fdt_add_subnode(tree, devices, "disk");
    assert_int_equal(fdt_setprop_string(tree, disk, "device", "virtio-blk"), 0);
    assert_int_equal(fdt_setprop_u32(tree, disk, "limit-requests", 1000), 0);
    int net = fdt_add_subnode(tree, fdt_path_offset(tree, "/vms/a/devices"), "net");
    assert_int_equal(fdt_setprop_string(tree, net, "device", "virtio-net"), 0);
    assert_int_equal(fdt_setprop_u32(tree, net, "limit-kib", 70), 0);
    complete(&(struct description_facts){.core_count = 4});
    expect_cells("/vms/a/devices/disk", "limit-requests", cells(1000));
    expect_cells("/vms/a/devices/disk", "limit-kib", cells(0));
    expect_cells("/vms/a/devices/net", "limit-kib", cells(70));
    expect_cells("/vms/a/devices/net", "limit-packets", cells(0));
    assert_null(fdt_getprop(completed, fdt_path_offset(completed, "/vms/a/devices/net"),
                            "limit-requests", NULL));
}

static void cores_in_turn(void **state)
{
    (void)state;
    add_vm("c"); /* libfdt puts the last one first */
    add_vm("b");
    add_vm("a");
    set_cells("/vms/a", "vcpus", cells(2));
    set_cells("/vms/b", "cores", cells(3));
    set_cells("/vms/c", "vcpus", cells(3));
    complete(&(struct description_facts){.core_count = 4});
    expect_cells("/vms/a", "cores", cells(0, 1));
    expect_cells("/vms/b", "cores", cells(3));
    expect_cells("/vms/c", "cores", cells(2, 3, 0));
    complete(&(struct description_facts){.core_count = 4, .spread = 2});
    expect_cells("/vms/a", "cores", cells(0, 1));
    expect_cells("/vms/b", "cores", cells(3)); /* who names one keeps it */
    expect_cells("/vms/c", "cores", cells(0, 1, 0));
    complete(&(struct description_facts){.core_count = 1, .spread = 2});
    expect_cells("/vms/a", "cores", cells(0, 0));
    complete(&(struct description_facts){.core_count = 1});
    expect_cells("/vms/a", "cores", cells(0, 0));
    expect_cells("/vms/c", "cores", cells(0, 0, 0));
}

static void too_little_room_is_said(void **state)
{
    (void)state;
    add_vm("a");
    assert_int_equal(fdt_pack(tree), 0);
    assert_int_equal(description_complete(tree, &(struct description_facts){.core_count = 1},
                                          completed, fdt_totalsize(tree) + 8),
                     -FDT_ERR_NOSPACE);
}

static unsigned count;
static void keep(void *ctx, const struct description_problem *problem)
{
    (void)ctx;
    count += problem->is_error;
}

static unsigned check(const struct description_facts *facts)
{
    count = 0;
    unsigned errors = description_check(tree, ROOM, facts, keep, NULL);
    assert_int_equal(errors, count);
    return errors;
}

/* Without a kernel, what depends on it is not judged. */
static void facts_that_are_not_known(void **state)
{
    (void)state;
    add_vm("a");
    set_cells("/vms/a", "cores", cells(40));
    set_cells("/vms/a", "memory-mib", cells(100000));
    set_cells("/vms/a", "gic-version", cells(3));
    assert_int_equal(check(&(struct description_facts){.core_count = 0}), 0);
    assert_int_equal(check(&(struct description_facts){.core_count = 4}), 1);
    assert_int_equal(check(&(struct description_facts){.gic_version = 2}), 1);
    assert_int_equal(check(&(struct description_facts){.memory_mib = 1000}), 1);
    assert_int_equal(check(&(struct description_facts){4, 2, 1000, 0}), 3);
}

static void the_memory_that_is_offered_fits(void **state)
{
    (void)state;
    add_vm("a");
    set_cells("/vms/a", "memory-mib", cells(1500));
    assert_int_equal(check(&(struct description_facts){.memory_mib = 1536}), 0);
    set_cells("/vms/a", "memory-mib", cells(1502));
    assert_int_equal(check(&(struct description_facts){.memory_mib = 1536}), 1);
    /* VMs that do not start by themselves may take turns; a comes after b in the blob. */
    set_cells("/vms/a", "memory-mib", cells(1000));
    add_vm("b");
    set_cells("/vms/b", "memory-mib", cells(1000));
    assert_int_equal(check(&(struct description_facts){.memory_mib = 1536}), 1);
    assert_int_equal(fdt_setprop(tree, fdt_path_offset(tree, "/vms/a"), "autostart", "no", 3), 0);
    assert_int_equal(check(&(struct description_facts){.memory_mib = 1536}), 0);
}

static void number_of_vms(void **state)
{
    (void)state;
    char name[] = "vm-aa";
    for (unsigned i = 0; i < DESCRIPTION_VM_MAX; i++) {
        name[3] = (char)('a' + i / 26);
        name[4] = (char)('a' + i % 26);
        add_vm(name);
    }
    assert_int_equal(check(&(struct description_facts){.core_count = 0}), 0);
    add_vm("one-more");
    assert_int_equal(check(&(struct description_facts){.core_count = 0}), 1);
}

static void a_blob_that_is_none(void **state)
{
    (void)state;
    memset(tree, 0, sizeof tree);
    assert_int_equal(check(&(struct description_facts){.core_count = 0}), 1);
}

static void distance(void **state)
{
    (void)state;
    assert_int_equal(description_distance("", ""), 0);
    assert_int_equal(description_distance("", "abc"), 3);
    assert_int_equal(description_distance("kernel", "kernel"), 0);
    assert_int_equal(description_distance("kernel", "kernal"), 1);
    assert_int_equal(description_distance("kernel", "kerne"), 1);
    assert_int_equal(description_distance("kernel", "kerenl"), 1); /* swapped */
    assert_int_equal(description_distance("cpus", "vcpus"), 1);
    assert_int_equal(description_distance("kitten", "sitting"), 3);
    assert_true(description_distance("a", "an-odd-property-that-goes-on-and-on") > 2);
}

#define test(name) cmocka_unit_test_setup(name, set_up)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(every_default_is_written_out),
        test(what_is_said_stays),
        test(limits_of_disks_and_ports),
        test(cores_in_turn),
        test(too_little_room_is_said),
        test(facts_that_are_not_known),
        test(the_memory_that_is_offered_fits),
        test(number_of_vms),
        test(a_blob_that_is_none),
        test(distance),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
