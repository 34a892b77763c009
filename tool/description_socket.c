// SPDX-License-Identifier: BSD-2-Clause
/* Sockets: who has which CID, and who may connect to whom. */
#include <libfdt.h>
#include <string.h>

#include "tool/description_nodes.h"

/* The VM's virtio-vsock; negative: it has none. */
static int find_device(const void *tree, int vm)
{
    int node;
    tree_for_each_child(node, tree, fdt_subnode_offset(tree, vm, "devices"))
    {
        if (is_text(tree, node, "device", "virtio-vsock")) {
            return node;
        }
    }
    return -1;
}

/* A VM before this one that has the same CID. */
static void check_cid(struct checker *checker, const struct description_vm *vm, int device)
{
    const void *tree = checker->tree;
    uint32_t cid, other_cid;
    struct description_vm other;
    if (description_cells(tree, device, "cid", &cid, 1) != 1) {
        return;
    }
    for (int at = -1; description_vm_next(tree, at, &other) && other.node != vm->node;
         at = other.node) {
        int known = find_device(tree, other.node);
        if (known >= 0 && description_cells(tree, known, "cid", &other_cid, 1) == 1 &&
            cid == other_cid) {
            checker_report(checker, true, device, "cid", "is %u, which /vms/%s has already", cid,
                           other.name);
            return;
        }
    }
}

static void check_peer(struct checker *checker, const struct description_vm *vm, int device,
                       const char *name)
{
    const void *tree = checker->tree;
    int vms = fdt_subnode_offset(tree, 0, "vms");
    int peer = vms < 0 ? vms : fdt_subnode_offset(tree, vms, name);
    if (strcmp(name, vm->name) == 0) {
        checker_report(checker, true, device, "connects-to",
                       "names the VM itself, which needs no device for that");
    } else if (peer < 0) {
        checker_report(checker, true, device, "connects-to", "there is no VM \"%.64s\"", name);
    } else if (find_device(tree, peer) < 0) {
        checker_report(checker, true, device, "connects-to", "/vms/%s has no virtio-vsock", name);
    }
}

static void check_peers(struct checker *checker, const struct description_vm *vm, int device)
{
    const void *tree = checker->tree;
    int count = fdt_stringlist_count(tree, device, "connects-to");
    for (int i = 0; i < count; i++) {
        const char *name = fdt_stringlist_get(tree, device, "connects-to", i, NULL);
        if (fdt_stringlist_search(tree, device, "connects-to", name) < i) {
            checker_report(checker, true, device, "connects-to", "names \"%.64s\" twice", name);
        } else {
            check_peer(checker, vm, device, name);
        }
    }
}

void checker_check_sockets(struct checker *checker)
{
    struct description_vm vm;
    for (int at = -1; description_vm_next(checker->tree, at, &vm); at = vm.node) {
        int device = find_device(checker->tree, vm.node);
        if (device >= 0) {
            check_cid(checker, &vm, device);
            check_peers(checker, &vm, device);
        }
    }
}
