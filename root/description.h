/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/limits.h"
#include "lib/log.h"
#include "root/restart.h"
#include "root/schedule.h"

/*
 * What root takes from a VM's node in the description (docs/description.md). The host tool has
 * checked it and written every default out; root checks again what it relies on, since a node may
 * also arrive at run time.
 */
struct vm_description {
    char name[16];
    uint32_t vcpu_count;
    struct schedule vcpu[VCPU_MAX];
    uint32_t memory_mib;
    char kernel[96]; /* file names in the boot image */
    char initrd[96]; /* empty: none */
    bool autostart;
    struct restart_rule restart;
    const void *tree; /* the whole description */
    uint64_t tree_bytes;
    int node; /* its offset there */
};

/* Reads the VM node at `node`. False: `why` names the node and the property. */
bool description_vm(struct vm_description *vm, const void *tree, uint64_t tree_bytes, int node,
                    unsigned core_count, char *why, size_t why_size);

/* The operator's console, from /console. */
struct console_description {
    char attach[16]; /* name of the VM whose console is in front at the start; empty: the shell */
    enum log_level log_level;
};
void description_console(struct console_description *console, const void *tree);

/* Offset of the first or, after `node`, the next VM's node; negative when there is none. */
int description_next_vm(const void *tree, int node);

/*
 * The name of the VM's index-th console port beyond its console; NULL when it has no so many. At
 * most PROCESS_CONSOLE_MAX (link/process.h) count.
 */
const char *description_console_port(const void *tree, int vm, uint32_t index);

/* Whether the VM at `vm` has a device of the board instead of an emulated one: the PL031. */
bool description_has_board_clock(const void *tree, int vm);

/* Devices of the VM at `vm` whose kind begins with `prefix`. */
uint32_t description_device_count(const void *tree, int vm, const char *prefix);
