// SPDX-License-Identifier: BSD-2-Clause
/* Devices of VMs, and the disks and networks behind them. */
#include <libfdt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "link/block.h"
#include "link/map.h"
#include "tool/description_nodes.h"

/* Where the devices are that have one place on the guest's machine. */
static const struct {
    const char *device, *node;
    uint64_t base;
} places[] = {
    {"pl011", "serial", MAP_PL011_BASE},
    {"pl031", "rtc",    MAP_PL031_BASE},
};

/* Which devices a property is for; the others must not have it. None: all virtio devices. */
static const struct {
    const char *property, *device[2];
    bool required;
} owners[] = {
    {"transport",           {NULL},                       false},
    {"disk",                {"virtio-blk"},               true },
    {"partition",           {"virtio-blk"},               false},
    {"first-sector",        {"virtio-blk"},               false},
    {"sector-count",        {"virtio-blk"},               false},
    {"read-only",           {"virtio-blk"},               false},
    {"serial",              {"virtio-blk"},               false},
    {"zero-copy",           {"virtio-blk"},               false},
    {"network",             {"virtio-net"},               true },
    {"mac",                 {"virtio-net"},               false},
    {"limit-requests",      {"virtio-blk"},               false},
    {"limit-kib",           {"virtio-blk", "virtio-net"}, false},
    {"limit-packets",       {"virtio-net"},               false},
    {"ports",               {"virtio-console"},           false},
    {"passthrough",         {"pl031"},                    false},
    {"free-page-reporting", {"virtio-balloon"},           false},
    {"cid",                 {"virtio-vsock"},             true },
    {"connects-to",         {"virtio-vsock"},             false},
};

enum { OWNER_COUNT = sizeof owners / sizeof owners[0], NAMES_MAX_BYTES = 192 };

static bool is_virtio(const char *device)
{
    return strncmp(device, "virtio-", strlen("virtio-")) == 0;
}

static bool is_owner(unsigned owner, const char *device)
{
    const char *const *one = owners[owner].device;
    if (one[0] == NULL) {
        return is_virtio(device);
    }
    return strcmp(one[0], device) == 0 || (one[1] != NULL && strcmp(one[1], device) == 0);
}

/* ---- one device --------------------------------------------------------------------------------
 */

static void check_place(struct checker *checker, int node, const char *device)
{
    const char *name = fdt_get_name(checker->tree, node, NULL);
    const char *at = strchr(name, '@');
    char *end;
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        if (strcmp(places[i].device, device) != 0) {
            continue;
        }
        if (at == NULL) {
            checker_report(checker, true, node, NULL,
                           "a %s's node is named by kind and address, as %s@%llx", device,
                           places[i].node, (unsigned long long)places[i].base);
        } else if (strtoull(at + 1, &end, 16) != places[i].base || *end != '\0' || end == at + 1) {
            checker_report(checker, true, node, NULL,
                           "a %s is at address %llx (the guest's machine is QEMU's virt): name the "
                           "node %.*s@%llx",
                           device, (unsigned long long)places[i].base, (int)(at - name), name,
                           (unsigned long long)places[i].base);
        }
        return;
    }
    if (at != NULL && is_virtio(device)) {
        checker_report(checker, true, node, NULL,
                       "a %s has no address of its own: name the node %.*s", device,
                       (int)(at - name), name);
    }
}

static void check_owners(struct checker *checker, int node, const char *device)
{
    for (unsigned i = 0; i < OWNER_COUNT; i++) {
        bool given = has(checker, node, owners[i].property);
        if (given && !is_owner(i, device)) {
            const char *const *one = owners[i].device;
            checker_report(checker, true, node, owners[i].property,
                           "a %s has none: it is for a %s%s%s", device,
                           one[0] != NULL ? one[0] : "virtio device", one[1] != NULL ? " or " : "",
                           one[1] != NULL ? one[1] : "");
        } else if (!given && owners[i].required && is_owner(i, device)) {
            checker_report(checker, true, node, owners[i].property, "is missing: a %s has one",
                           device);
        }
    }
}

/* A name that stands for a node of `table`. Reports it if there is none. Its offset or negative. */
static int check_reference(struct checker *checker, int node, const char *property,
                           const char *table)
{
    const char *name = description_text(checker->tree, node, property);
    if (name == NULL) {
        return -1;
    }
    int parent = fdt_subnode_offset(checker->tree, 0, table), child;
    char names[NAMES_MAX_BYTES] = "";
    size_t length = 0;
    tree_for_each_child(child, checker->tree, parent)
    {
        const char *known = fdt_get_name(checker->tree, child, NULL);
        if (strcmp(known, name) == 0) {
            return child;
        }
        if (length < sizeof names) {
            length += (size_t)snprintf(names + length, sizeof names - length, "%s\"%s\"",
                                       length != 0 ? ", " : "", known);
        }
    }
    if (length == 0) {
        checker_report(checker, true, node, property, "is \"%s\", and /%s has no such node", name,
                       table);
    } else {
        checker_report(checker, true, node, property, "is \"%s\", must be one of %s", name, names);
    }
    return -1;
}

static bool has_balloon(const void *tree, int vm)
{
    int devices = fdt_subnode_offset(tree, vm, "devices"), node;
    tree_for_each_child(node, tree, devices)
    {
        if (is_text(tree, node, "device", "virtio-balloon")) {
            return true;
        }
    }
    return false;
}

/* A choice that gives something away: not wrong, but nobody should overlook it. */
static void check_zero_copy(struct checker *checker, int vm, int node)
{
    uint32_t mib;
    if (!is_text(checker->tree, node, "zero-copy", "yes")) {
        return;
    }
    if (has_balloon(checker->tree, vm)) {
        checker_report(checker, true, node, "zero-copy",
                       "and a virtio-balloon in one VM: a disk could write to memory that the "
                       "guest has given back");
    } else if (description_cells(checker->tree, vm, "memory-mib", &mib, 1) == 1 &&
               mib > BLOCK_GUEST_MIB_MAX) {
        checker_report(checker, true, node, "zero-copy",
                       "the VM has %u MiB of memory, %d is the most for it", mib,
                       BLOCK_GUEST_MIB_MAX);
    } else {
        checker_note(checker, node, "zero-copy",
                     "the block service can read and write all memory of this VM");
    }
}

static void check_blk(struct checker *checker, int vm, int node)
{
    check_zero_copy(checker, vm, node);
    bool range = has(checker, node, "first-sector") || has(checker, node, "sector-count");
    int disk = check_reference(checker, node, "disk", "disks");
    if (has(checker, node, "partition") && range) {
        checker_report(checker, true, node, "partition",
                       "names one part of the disk, first-sector and sector-count another: give "
                       "one of them");
    }
    bool is_ram = disk >= 0 && is_text(checker->tree, disk, "backend", "ram");
    if (is_ram && (range || has(checker, node, "partition"))) {
        checker_report(checker, true, node, range ? "first-sector" : "partition",
                       "a disk in memory has no parts: the VM gets all of it");
    }
    if (is_ram && !has(checker, disk, "size-mib") &&
        !is_text(checker->tree, node, "read-only", "yes")) {
        checker_report(checker, true, node, "read-only",
                       "must be \"yes\": the disk has no size-mib, so it is its file");
    }
}

/* 48 bits; false when it is no address. */
static bool parse_mac(const char *text, uint8_t mac[6])
{
    unsigned byte[6];
    int used = 0;
    if (sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x%n", &byte[0], &byte[1], &byte[2], &byte[3], &byte[4],
               &byte[5], &used) != 6 ||
        used != DESCRIPTION_MAC_LENGTH || text[used] != '\0') {
        return false;
    }
    for (unsigned i = 0; i < 6; i++) {
        mac[i] = (uint8_t)byte[i];
    }
    return true;
}

static void check_net(struct checker *checker, int node)
{
    enum { GROUP = 1 };
    uint8_t mac[6];
    const char *text = description_text(checker->tree, node, "mac");
    check_reference(checker, node, "network", "networks");
    if (text == NULL || strlen(text) != DESCRIPTION_MAC_LENGTH) {
        return;
    }
    if (!parse_mac(text, mac)) {
        checker_report(checker, true, node, "mac",
                       "is \"%s\", must be six bytes in hexadecimal, as \"52:54:00:12:34:56\"",
                       text);
    } else if ((mac[0] & GROUP) != 0) {
        checker_report(checker, true, node, "mac",
                       "is \"%s\", the address of a group: its first byte must be even", text);
    }
}

static void check_ports(struct checker *checker, int node)
{
    const void *tree = checker->tree;
    enum { PORTS_LOOKED_AT = 16 };
    const char *name, *other;
    unsigned count = 0;
    for (; count < PORTS_LOOKED_AT && (name = tree_list_text(tree, node, "ports", count)) != NULL;
         count++) {
        if (strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") != strlen(name)) {
            checker_report(checker, true, node, "ports",
                           "\"%.32s\": a port's name has only a-z, 0-9 and '-'", name);
        }
        for (unsigned i = 0; i < count; i++) {
            other = tree_list_text(tree, node, "ports", i);
            if (strcmp(other, name) == 0) {
                checker_report(checker, true, node, "ports", "\"%.32s\" is there twice", name);
                break;
            }
        }
    }
    if (count > DESCRIPTION_CONSOLE_PORT_MAX) {
        checker_report(checker, true, node, "ports", "has %u ports, %d is the most", count,
                       DESCRIPTION_CONSOLE_PORT_MAX);
    }
}

/* Root keeps books of each 2 MiB of the VM, and has one page for them. */
static void check_balloon(struct checker *checker, int vm, int node)
{
    enum { BALLOON_MIB_MAX = 4096 };
    uint32_t mib;
    if (description_cells(checker->tree, vm, "memory-mib", &mib, 1) == 1 && mib > BALLOON_MIB_MAX) {
        checker_report(checker, true, node, "device",
                       "the VM has %u MiB of memory, %d is the most for one with a balloon", mib,
                       BALLOON_MIB_MAX);
    }
}

/* The board has one. */
static void check_clock(struct checker *checker, int vm, int node)
{
    const void *tree = checker->tree;
    int vms = fdt_subnode_offset(tree, 0, "vms"), other;
    if (!is_text(tree, node, "passthrough", "yes")) {
        return;
    }
    tree_for_each_child(other, tree, vms)
    {
        if (other >= vm) {
            break;
        }
        int devices = fdt_subnode_offset(tree, other, "devices"), device;
        tree_for_each_child(device, tree, devices)
        {
            if (is_text(tree, device, "device", "pl031") &&
                is_text(tree, device, "passthrough", "yes")) {
                checker_report(checker, true, node, "passthrough",
                               "the VM %s has the board's pl031 already",
                               fdt_get_name(tree, other, NULL));
                return;
            }
        }
    }
}

static void check_device(struct checker *checker, int vm, int node)
{
    const char *device = description_text(checker->tree, node, "device");
    if (device == NULL) {
        return; /* reported already */
    }
    check_place(checker, node, device);
    check_owners(checker, node, device);
    if (strcmp(device, "virtio-blk") == 0) {
        check_blk(checker, vm, node);
    } else if (strcmp(device, "virtio-net") == 0) {
        check_net(checker, node);
    } else if (strcmp(device, "virtio-balloon") == 0) {
        check_balloon(checker, vm, node);
    } else if (strcmp(device, "virtio-console") == 0) {
        check_ports(checker, node);
    } else if (strcmp(device, "pl031") == 0) {
        check_clock(checker, vm, node);
    }
}

/* A guest has use for one of these only. */
static void check_once(struct checker *checker, int node, int devices)
{
    const void *tree = checker->tree;
    const char *device = description_text(tree, node, "device");
    int other;
    if (device == NULL || strcmp(device, "virtio-blk") == 0 || strcmp(device, "virtio-net") == 0) {
        return;
    }
    tree_for_each_child(other, tree, devices)
    {
        if (other >= node) {
            break;
        }
        if (is_text(tree, other, "device", device)) {
            checker_report(checker, true, node, "device", "the VM has a %s already", device);
            break;
        }
    }
}

void checker_check_devices(struct checker *checker, int vm)
{
    const void *tree = checker->tree;
    int devices = fdt_subnode_offset(tree, vm, "devices"), node;
    unsigned virtio_count = 0;
    tree_for_each_child(node, tree, devices)
    {
        check_device(checker, vm, node);
        check_once(checker, node, devices);
        const char *device = description_text(tree, node, "device");
        virtio_count += device != NULL && is_virtio(device);
    }
    if (virtio_count > DESCRIPTION_DEVICE_MAX) {
        checker_report(checker, true, devices, NULL, "has %u virtio devices, %d is the most",
                       virtio_count, DESCRIPTION_DEVICE_MAX);
    }
}

/* ---- defaults ----------------------------------------------------------------------------------
 */

static int set_text(void *tree, int node, const char *name, const char *text)
{
    return fdt_setprop(tree, node, name, text, (int)strlen(text) + 1);
}

static int add_platform_devices(void *tree, int vm)
{
    int devices = fdt_add_subnode(tree, vm, "devices");
    int error = devices < 0 ? devices : 0;
    /* The last one added comes first. */
    for (size_t i = sizeof places / sizeof places[0]; i-- > 0 && error == 0;) {
        char name[32];
        snprintf(name, sizeof name, "%s@%llx", places[i].node, (unsigned long long)places[i].base);
        int node = fdt_add_subnode(tree, devices, name);
        error = node < 0 ? node : set_text(tree, node, "device", places[i].device);
    }
    return error;
}

static int complete_limit(void *tree, int node, const char *name)
{
    return fdt_getprop(tree, node, name, NULL) == NULL ? fdt_setprop_u32(tree, node, name, 0) : 0;
}

static int complete_blk(void *tree, int vm, int node)
{
    char serial[DESCRIPTION_SERIAL_MAX + 1];
    int error = complete_limit(tree, node, "limit-kib");
    if (error == 0) {
        error = complete_limit(tree, node, "limit-requests");
    }
    if (error == 0 && fdt_getprop(tree, node, "zero-copy", NULL) == NULL) {
        error = set_text(tree, node, "zero-copy", "no");
    }
    if (error != 0) {
        return error;
    }
    if (fdt_getprop(tree, node, "serial", NULL) != NULL) {
        return 0;
    }
    snprintf(serial, sizeof serial, "%.10s-%.9s", fdt_get_name(tree, vm, NULL),
             fdt_get_name(tree, node, NULL));
    return set_text(tree, node, "serial", serial);
}

void description_default_mac(unsigned vm_index, unsigned index,
                             char mac[DESCRIPTION_MAC_LENGTH + 1])
{
    /* Locally administered (IEEE 802): bit 1 of the first byte. */
    snprintf(mac, DESCRIPTION_MAC_LENGTH + 1, "52:42:48:00:%02x:%02x", vm_index & 0xff,
             index & 0xff);
}

static int complete_net(void *tree, int node, unsigned vm_index, unsigned index)
{
    char mac[DESCRIPTION_MAC_LENGTH + 1];
    int error = 0;
    if (fdt_getprop(tree, node, "mac", NULL) == NULL) {
        description_default_mac(vm_index, index, mac);
        error = set_text(tree, node, "mac", mac);
    }
    if (error == 0) {
        error = complete_limit(tree, node, "limit-kib");
    }
    return error != 0 ? error : complete_limit(tree, node, "limit-packets");
}

int description_complete_devices(void *tree, int vm, unsigned vm_index)
{
    int devices = fdt_subnode_offset(tree, vm, "devices"), node, error = 0;
    if (devices < 0) {
        return add_platform_devices(tree, vm);
    }
    unsigned index = 0;
    tree_for_each_child(node, tree, devices)
    {
        const char *device = description_text(tree, node, "device");
        index++;
        if (device == NULL || !is_virtio(device)) {
            continue;
        }
        bool is_blk = strcmp(device, "virtio-blk") == 0, is_net = strcmp(device, "virtio-net") == 0;
        if (fdt_getprop(tree, node, "transport", NULL) == NULL) {
            error = set_text(tree, node, "transport", "mmio");
        }
        if (error == 0 && is_blk) {
            error = complete_blk(tree, vm, node);
        } else if (error == 0 && is_net) {
            error = complete_net(tree, node, vm_index, index);
        } else if (error == 0 && strcmp(device, "virtio-balloon") == 0 &&
                   fdt_getprop(tree, node, "free-page-reporting", NULL) == NULL) {
            error = set_text(tree, node, "free-page-reporting", "no");
        }
        if (error != 0) {
            return error;
        }
    }
    return 0;
}
