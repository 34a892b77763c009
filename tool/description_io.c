// SPDX-License-Identifier: BSD-2-Clause
/* Disks and networks: what is behind the devices of all VMs. */
#include <libfdt.h>
#include <string.h>
#include <strings.h>

#include "tool/description_nodes.h"

/* ---- disks and networks ------------------------------------------------------------------------
 */

static void check_io_name(struct checker *checker, int node, const char *what)
{
    const char *name = fdt_get_name(checker->tree, node, NULL);
    size_t length = strlen(name);
    if (length == 0 || length > DESCRIPTION_NAME_MAX ||
        strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") != length) {
        checker_report(checker, true, node, NULL,
                       "a %s's name has 1 to %d characters of a-z, 0-9 and '-'", what,
                       DESCRIPTION_NAME_MAX);
    }
}

static void check_disk(struct checker *checker, int node, int *boards)
{
    check_io_name(checker, node, "disk");
    if (is_text(checker->tree, node, "backend", "ram")) {
        if (!has(checker, node, "file") && !has(checker, node, "size-mib")) {
            checker_report(checker, true, node, "size-mib",
                           "is missing: a disk in memory has a size or a file");
        }
        return;
    }
    if (has(checker, node, "file") || has(checker, node, "size-mib")) {
        checker_report(checker, true, node, has(checker, node, "file") ? "file" : "size-mib",
                       "is for a disk with backend = \"ram\"");
    }
    if (is_text(checker->tree, node, "backend", "virtio-blk")) {
        if (*boards >= 0) {
            checker_report(checker, true, node, "backend",
                           "is \"virtio-blk\", and /disks/%s is that device already",
                           fdt_get_name(checker->tree, *boards, NULL));
        }
        *boards = node;
    }
}

/* Devices of all VMs that one service serves. */
static void check_port_count(struct checker *checker, const char *device)
{
    struct description_vm vm;
    unsigned count = 0;
    for (int at = -1; description_vm_next(checker->tree, at, &vm); at = vm.node) {
        int devices = fdt_subnode_offset(checker->tree, vm.node, "devices"), node;
        tree_for_each_child(node, checker->tree, devices)
        {
            count += is_text(checker->tree, node, "device", device);
            if (count == DESCRIPTION_PORT_MAX + 1) {
                checker_report(checker, true, node, "device",
                               "there are %d %s in all already, which is the most",
                               DESCRIPTION_PORT_MAX, device);
                return;
            }
        }
    }
}

/* The address that a network device has or will be given; false when the property is no text. */
static bool mac_of(const void *tree, int node, unsigned vm_index, unsigned index, char *mac)
{
    const char *text = description_text(tree, node, "mac");
    if (fdt_getprop(tree, node, "mac", NULL) == NULL) {
        description_default_mac(vm_index, index, mac);
        return true;
    }
    if (text == NULL || strlen(text) != DESCRIPTION_MAC_LENGTH) {
        return false;
    }
    memcpy(mac, text, DESCRIPTION_MAC_LENGTH + 1);
    return true;
}

struct address {
    char mac[DESCRIPTION_MAC_LENGTH + 1];
    int node;
};

/* Two cards with one address in a network: each would get some of the other's frames. */
static void check_address(struct checker *checker, const struct address *known, unsigned count,
                          const struct address *address)
{
    const char *network = description_text(checker->tree, address->node, "network");
    char path[DESCRIPTION_PATH_MAX];
    for (unsigned i = 0; i < count; i++) {
        if (network != NULL && strcasecmp(known[i].mac, address->mac) == 0 &&
            is_text(checker->tree, known[i].node, "network", network) &&
            fdt_get_path(checker->tree, known[i].node, path, sizeof path) == 0) {
            checker_report(checker, true, address->node, "mac",
                           "is \"%s\", which %s has already in this network", address->mac, path);
            return;
        }
    }
}

static void check_addresses(struct checker *checker)
{
    struct address known[DESCRIPTION_PORT_MAX];
    struct description_vm vm;
    unsigned count = 0, vm_index = 0;
    for (int at = -1; description_vm_next(checker->tree, at, &vm); at = vm.node, vm_index++) {
        int devices = fdt_subnode_offset(checker->tree, vm.node, "devices"), node;
        unsigned index = 0;
        tree_for_each_child(node, checker->tree, devices)
        {
            index++;
            if (count == DESCRIPTION_PORT_MAX ||
                !is_text(checker->tree, node, "device", "virtio-net") ||
                !mac_of(checker->tree, node, vm_index, index, known[count].mac)) {
                continue;
            }
            known[count].node = node;
            check_address(checker, known, count, &known[count]);
            count++;
        }
    }
}

static bool same_text(const void *tree, int a, int b, const char *property)
{
    const char *one = description_text(tree, a, property);
    const char *other = description_text(tree, b, property);
    return (one == NULL && other == NULL) ||
           (one != NULL && other != NULL && strcmp(one, other) == 0);
}

/* Both have the same part of the same disk. Ranges are compared by the service, which knows the
 * disk. */
static bool same_part(const void *tree, int a, int b)
{
    bool range = fdt_getprop(tree, a, "first-sector", NULL) != NULL ||
                 fdt_getprop(tree, b, "first-sector", NULL) != NULL;
    return !range && description_text(tree, a, "disk") != NULL && same_text(tree, a, b, "disk") &&
           same_text(tree, a, b, "partition");
}

/* A file system that two guests have mounted is lost when one of them writes. */
static void check_sharing(struct checker *checker)
{
    const void *tree = checker->tree;
    int known[DESCRIPTION_PORT_MAX];
    char path[DESCRIPTION_PATH_MAX];
    unsigned count = 0;
    struct description_vm vm;
    for (int at = -1; description_vm_next(tree, at, &vm); at = vm.node) {
        int node;
        tree_for_each_child(node, tree, fdt_subnode_offset(tree, vm.node, "devices"))
        {
            if (count == DESCRIPTION_PORT_MAX || !is_text(tree, node, "device", "virtio-blk")) {
                continue;
            }
            for (unsigned i = 0; i < count; i++) {
                bool harmless = is_text(tree, node, "read-only", "yes") &&
                                is_text(tree, known[i], "read-only", "yes");
                if (same_part(tree, known[i], node) && !harmless &&
                    fdt_get_path(tree, known[i], path, sizeof path) == 0) {
                    checker_report(checker, true, node, "disk",
                                   "%s has this part of it already: only those that are all "
                                   "read-only can share one",
                                   path);
                    break;
                }
            }
            known[count++] = node;
        }
    }
}

void checker_check_io(struct checker *checker)
{
    const void *tree = checker->tree;
    int disks = fdt_subnode_offset(tree, 0, "disks");
    int networks = fdt_subnode_offset(tree, 0, "networks");
    int node, boards = -1, uplink = -1, network_count = 0;
    tree_for_each_child(node, tree, disks)
    {
        check_disk(checker, node, &boards);
    }
    tree_for_each_child(node, tree, networks)
    {
        check_io_name(checker, node, "network");
        if (++network_count == DESCRIPTION_NETWORK_MAX + 1) {
            checker_report(checker, true, node, NULL, "there are %d networks already, the most",
                           DESCRIPTION_NETWORK_MAX);
        }
        if (!is_text(tree, node, "uplink", "yes")) {
            continue;
        }
        if (uplink >= 0) {
            checker_report(checker, true, node, "uplink", "/networks/%s has it already",
                           fdt_get_name(tree, uplink, NULL));
        }
        uplink = node;
    }
    check_port_count(checker, "virtio-blk");
    check_port_count(checker, "virtio-net");
    check_addresses(checker);
    check_sharing(checker);
}

uint64_t description_io_mib(const void *tree)
{
    enum { LINK_MIB = 2, DMA_MIB = 2, SCRATCH_MIB = 2 };
    uint64_t mib = 0, scratch_mib = 0;
    struct description_vm vm;
    int node;
    tree_for_each_child(node, tree, fdt_subnode_offset(tree, 0, "disks"))
    {
        uint32_t size_mib = 0;
        (void)description_cells(tree, node, "size-mib", &size_mib, 1);
        mib += size_mib;
    }
    tree_for_each_child(node, tree, fdt_subnode_offset(tree, 0, "networks"))
    {
        uint32_t capture_mib = 0;
        (void)description_cells(tree, node, "capture-mib", &capture_mib, 1);
        mib += description_has_device(tree, "virtio-net") ? capture_mib : 0;
    }
    for (int at = -1; description_vm_next(tree, at, &vm); at = vm.node) {
        tree_for_each_child(node, tree, fdt_subnode_offset(tree, vm.node, "devices"))
        {
            bool has_link = is_text(tree, node, "device", "virtio-blk") ||
                            is_text(tree, node, "device", "virtio-net") ||
                            is_text(tree, node, "device", "virtio-vsock");
            mib += has_link ? LINK_MIB : 0;
            scratch_mib += is_text(tree, node, "device", "virtio-balloon") ? SCRATCH_MIB : 0;
        }
    }
    return scratch_mib + (mib != 0 ? mib + 2 * DMA_MIB : 0);
}

bool description_has_device(const void *tree, const char *device)
{
    struct description_vm vm;
    int node;
    for (int at = -1; description_vm_next(tree, at, &vm); at = vm.node) {
        tree_for_each_child(node, tree, fdt_subnode_offset(tree, vm.node, "devices"))
        {
            if (is_text(tree, node, "device", device)) {
                return true;
            }
        }
    }
    return false;
}

/* Has a node of /table this text? */
static bool some_node(const void *tree, const char *table, const char *property, const char *text)
{
    int node;
    tree_for_each_child(node, tree, fdt_subnode_offset(tree, 0, table))
    {
        if (is_text(tree, node, property, text)) {
            return true;
        }
    }
    return false;
}

bool description_has_board_disk(const void *tree)
{
    return description_has_device(tree, "virtio-blk") &&
           some_node(tree, "disks", "backend", "virtio-blk");
}

bool description_has_uplink(const void *tree)
{
    return description_has_device(tree, "virtio-net") &&
           some_node(tree, "networks", "uplink", "yes");
}

bool description_has_capture(const void *tree)
{
    int node;
    tree_for_each_child(node, tree, fdt_subnode_offset(tree, 0, "networks"))
    {
        if (fdt_getprop(tree, node, "capture-mib", NULL) != NULL) {
            return true;
        }
    }
    return false;
}

int description_disk_file_next(const void *tree, int node, const char **file)
{
    int disks = fdt_subnode_offset(tree, 0, "disks");
    node = node < 0 ? tree_first_child(tree, disks) : fdt_next_subnode(tree, node);
    for (; node >= 0; node = fdt_next_subnode(tree, node)) {
        *file = description_text(tree, node, "file");
        if (*file != NULL && is_text(tree, node, "backend", "ram")) {
            return node;
        }
    }
    return -1;
}
