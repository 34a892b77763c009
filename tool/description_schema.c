// SPDX-License-Identifier: BSD-2-Clause
/* The whole binding. docs/description.md has the same tables, printed by `bulkhead check
 * --explain`. */
#include "link/vsock.h"
#include "tool/description.h"

enum {
    PRIORITY_MAX = 200, /* above it are handlers and services */
    BUDGET_MIN_US = 20, /* less than two kernel entries make no sense */
    PERIOD_MAX_US = 10000000,
    MEMORY_MIN_MIB = 16,
    MEMORY_MAX_MIB = 1 << 20,
    BOOTARGS_MAX = 2047, /* arm64 Linux: COMMAND_LINE_SIZE */
};

static const char *const compatibles[] = {"bulkhead,system-v1", NULL};
static const char *const uarts[] = {"board", "none", NULL};
static const char *const log_levels[] = {"error", "warning", "info", "debug", NULL};
static const char *const policies[] = {"never", "on-failure", "always", NULL};
static const char *const yes_no[] = {"yes", "no", NULL};
static const char *const devices[] = {"pl011",          "pl031",        "virtio-blk",
                                      "virtio-net",     "virtio-rng",   "virtio-console",
                                      "virtio-balloon", "virtio-vsock", NULL};
static const char *const transports[] = {"mmio", "pci", NULL};
static const char *const backends[] = {"virtio-blk", "ram", NULL};

static const struct description_property root_properties[] = {
    {.name = "compatible",
     .type = DESCRIPTION_CHOICE,
     .required = true,
     .choices = compatibles,
     .doc = "this binding and its version"},
    {.name = "board",
     .type = DESCRIPTION_TEXT,
     .required = true,
     .min = 1,
     .max = 31,
     .doc = "the board to run on: the folder board/<name>/ with its facts"},
    {.name = NULL},
};

static const struct description_property console_properties[] = {
    {.name = "uart",
     .type = DESCRIPTION_CHOICE,
     .choices = uarts,
     .fallback = "board",
     .doc = "where consoles and log go: the board's own UART, or nowhere"},
    {.name = "attach",
     .type = DESCRIPTION_TEXT,
     .min = 1,
     .max = DESCRIPTION_VM_NAME_MAX,
     .doc = "the VM whose console is in front at the start, or \"log\"; default: the first VM"},
    {.name = "log-level",
     .type = DESCRIPTION_CHOICE,
     .choices = log_levels,
     .fallback = "info",
     .doc = "the most talkative kind of line that the system log shows"},
    {.name = NULL                                                    },
};

static const struct description_property vm_properties[] = {
    {.name = "vcpus",
     .type = DESCRIPTION_NUMBER,
     .min = 1,
     .max = DESCRIPTION_VCPU_MAX,
     .multiple = 1,
     .doc = "virtual CPUs; default: as many as cores has numbers, else 1"},
    {.name = "cores",
     .type = DESCRIPTION_NUMBERS,
     .max = 63,
     .multiple = 1,
     .doc = "the core of each vCPU; default: vCPUs without one get the kernel's cores in turn"},
    {.name = "priority",
     .type = DESCRIPTION_NUMBERS,
     .min = 1,
     .max = PRIORITY_MAX,
     .multiple = 1,
     .fallback = "100",
     .doc = "a higher one runs first on its core; equal ones take turns"},
    {.name = "budget-us",
     .type = DESCRIPTION_NUMBERS,
     .min = BUDGET_MIN_US,
     .max = PERIOD_MAX_US,
     .multiple = 1,
     .doc =
         "microseconds of its core that a vCPU may use in each period; default: the period, which "
         "means no limit but the others' turns"},
    {.name = "period-us",
     .type = DESCRIPTION_NUMBERS,
     .min = BUDGET_MIN_US,
     .max = PERIOD_MAX_US,
     .multiple = 1,
     .fallback = "10000",
     .doc = "microseconds after which a used budget comes back"},
    {.name = "memory-mib",
     .type = DESCRIPTION_NUMBER,
     .required = true,
     .min = MEMORY_MIN_MIB,
     .max = MEMORY_MAX_MIB,
     .multiple = 2,
     .doc = "RAM in MiB, from 0x40000000 in the guest"},
    {.name = "kernel",
     .type = DESCRIPTION_FILE,
     .required = true,
     .doc = "arm64 Linux Image, AArch64 ELF program, or one of them packed with gzip"},
    {.name = "initrd",                .type = DESCRIPTION_FILE, .doc = "initial RAM disk, as it is"},
    {.name = "bootargs",
     .type = DESCRIPTION_TEXT,
     .max = BOOTARGS_MAX,
     .doc = "the kernel's command line; default: empty"},
    {.name = "restart",
     .type = DESCRIPTION_CHOICE,
     .choices = policies,
     .fallback = "on-failure",
     .doc = "when the VM is started again by itself. A guest that asks for a reset gets it in any "
            "case, and only then its memory keeps its contents"},
    {.name = "restart-limit",
     .type = DESCRIPTION_NUMBER,
     .max = 1000000,
     .multiple = 1,
     .fallback = "5",
     .doc = "failures in a row after which it stays down; 0 is no limit"},
    {.name = "restart-backoff-ms",
     .type = DESCRIPTION_NUMBER,
     .max = 60000,
     .multiple = 1,
     .fallback = "1000",
     .doc = "milliseconds before the first restart after a failure, doubled by each further one"},
    {.name = "autostart",
     .type = DESCRIPTION_CHOICE,
     .choices = yes_no,
     .fallback = "yes",
     .doc = "whether the VM starts with the system, or waits for the operator's start"},
    {.name = "gic-version",
     .type = DESCRIPTION_NUMBER,
     .min = 2,
     .max = 3,
     .multiple = 1,
     .doc = "the guest's interrupt controller; can only be the kernel's, which is the default"},
    {.name = NULL                       },
};

static const struct description_property device_properties[] = {
    {.name = "device",
     .type = DESCRIPTION_CHOICE,
     .required = true,
     .choices = devices,
     .doc = "what the guest finds there"},
    {.name = "transport",
     .type = DESCRIPTION_CHOICE,
     .choices = transports,
     .fallback = "mmio",
     .doc = "virtio devices: how the guest finds it"},
    {.name = "disk",
     .type = DESCRIPTION_TEXT,
     .min = 1,
     .max = DESCRIPTION_NAME_MAX,
     .doc = "virtio-blk, required: the node in /disks"},
    {.name = "partition",
     .type = DESCRIPTION_TEXT,
     .min = 1,
     .max = DESCRIPTION_PARTITION_MAX,
     .doc = "virtio-blk: name of the GPT partition that the VM gets of the disk"},
    {.name = "first-sector",
     .type = DESCRIPTION_NUMBER,
     .max = UINT32_MAX,
     .multiple = 1,
     .doc = "virtio-blk: where the VM's part of the disk begins, in sectors of 512 bytes"},
    {.name = "sector-count",
     .type = DESCRIPTION_NUMBER,
     .min = 1,
     .max = UINT32_MAX,
     .multiple = 1,
     .doc = "virtio-blk: how many sectors it has; default: all that follow"},
    {.name = "read-only",
     .type = DESCRIPTION_CHOICE,
     .choices = yes_no,
     .fallback = "no",
     .doc = "virtio-blk: whether the guest may only read"},
    {.name = "serial",
     .type = DESCRIPTION_TEXT,
     .max = DESCRIPTION_SERIAL_MAX,
     .doc = "virtio-blk: serial number that the guest sees; default: the VM's and the node's name"},
    {.name = "zero-copy",
     .type = DESCRIPTION_CHOICE,
     .choices = yes_no,
     .fallback = "no",
     .doc = "virtio-blk: whether data go between the disk and the VM's memory without a copy. The "
            "block service then has all of that memory"},
    {.name = "limit-requests",
     .type = DESCRIPTION_NUMBER,
     .max = 1 << 24,
     .multiple = 1,
     .fallback = "0",
     .doc = "virtio-blk: requests that the VM may make in a second; 0 is no limit"},
    {.name = "network",
     .type = DESCRIPTION_TEXT,
     .min = 1,
     .max = DESCRIPTION_NAME_MAX,
     .doc = "virtio-net, required: the node in /networks"},
    {.name = "mac",
     .type = DESCRIPTION_TEXT,
     .min = DESCRIPTION_MAC_LENGTH,
     .max = DESCRIPTION_MAC_LENGTH,
     .doc = "virtio-net: MAC address, as \"52:54:00:12:34:56\"; default: one that is made of the "
            "places of VM and device in the file"},
    {.name = "limit-kib",
     .type = DESCRIPTION_NUMBER,
     .max = 1 << 22,
     .multiple = 1,
     .fallback = "0",
     .doc = "KiB in a second; 0 is no limit. virtio-net: that the VM may send; virtio-blk: that it "
            "may read, write, discard and zero"},
    {.name = "limit-packets",
     .type = DESCRIPTION_NUMBER,
     .max = 1 << 24,
     .multiple = 1,
     .fallback = "0",
     .doc = "virtio-net: packets that the VM may send in a second; 0 is no limit"},
    {.name = "ports",
     .type = DESCRIPTION_TEXTS,
     .min = 1,
     .max = DESCRIPTION_NAME_MAX,
     .doc = "virtio-console: names of up to 3 ports beyond the guest's console. The guest finds "
            "each below /sys/class/virtio-ports, the operator as the console VM.PORT"},
    {.name = "cid",
     .type = DESCRIPTION_NUMBER,
     .min = VSOCK_CID_MIN,
     .max = UINT32_MAX - 1,
     .multiple = 1,
     .doc = "virtio-vsock, required: the VM's context identifier, which no other VM has"},
    {.name = "connects-to",
     .type = DESCRIPTION_TEXTS,
     .min = 1,
     .max = DESCRIPTION_VM_NAME_MAX,
     .doc = "virtio-vsock: the VMs to which the guest may connect, by their names; default: none"},
    {.name = "passthrough",
     .type = DESCRIPTION_CHOICE,
     .choices = yes_no,
     .fallback = "no",
     .doc = "pl031: whether the guest gets the board's own, registers and interrupt, instead of an "
            "emulated one; only one VM can"},
    {.name = "free-page-reporting",
     .type = DESCRIPTION_CHOICE,
     .choices = yes_no,
     .fallback = "no",
     .doc = "virtio-balloon: whether the guest gives back what it has free without being asked. It "
            "may have to wait when it wants it again"},
    {.name = NULL                                                          },
    {.name = NULL                                                                    },
};

static const struct description_property disk_properties[] = {
    {.name = "backend",
     .type = DESCRIPTION_CHOICE,
     .required = true,
     .choices = backends,
     .doc = "the board's virtio-blk device, or a disk in memory that is new at each power-on"},
    {.name = "file",
     .type = DESCRIPTION_FILE,
     .doc = "ram: what is on it at first; default: zeroes"},
    {.name = "size-mib",
     .type = DESCRIPTION_NUMBER,
     .min = 1,
     .max = 1 << 20,
     .multiple = 1,
     .doc = "ram: MiB of memory that it has; without it the disk is its file, and read-only"},
    {.name = NULL                                                                          },
};

static const struct description_property network_properties[] = {
    {.name = "uplink",
     .type = DESCRIPTION_CHOICE,
     .choices = yes_no,
     .fallback = "no",
     .doc = "whether the board's virtio-net device belongs to it; of one network at the most"},
    {.name = "capture-mib",
     .type = DESCRIPTION_NUMBER,
     .min = 2,
     .max = DESCRIPTION_CAPTURE_MIB_MAX,
     .multiple = 2,
     .doc = "MiB of memory for its frames, which the operator's capture shows; without it they are "
            "not kept"},
    {.name = NULL},
};

static const struct description_node devices_children[] = {
    {.name = "*",
     .path = "/vms/<name>/devices/<device>",
     .properties = device_properties,
     .doc = "One device. A pl011 is named serial@9000000 and a pl031 rtc@9010000, which is where "
            "QEMU's virt machine has them; virtio devices have any name without an address."},
    {.name = NULL},
};

static const struct description_node disks_children[] = {
    {.name = "*",
     .path = "/disks/<name>",
     .properties = disk_properties,
     .doc = "One disk. One of them can be the board's."},
    {.name = NULL},
};

static const struct description_node networks_children[] = {
    {.name = "*",
     .path = "/networks/<name>",
     .properties = network_properties,
     .doc = "One network: a switch between those that name it, and nobody else."},
    {.name = NULL},
};

static const struct description_property no_properties[] = {{.name = NULL}};

static const struct description_node vm_children[] = {
    {.name = "devices",
     .path = "/vms/<name>/devices",
     .properties = no_properties,
     .children = devices_children,
     .doc = "The devices of the VM. Without this node it has a pl011 and a pl031."},
    {.name = NULL},
};

static const struct description_node vms_children[] = {
    {.name = "*",
     .path = "/vms/<name>",
     .properties = vm_properties,
     .children = vm_children,
     .doc =
         "One virtual machine. Its name has 1 to 15 of a-z, 0-9 and '-', and begins with a letter. "
         "Lists of numbers have one for all vCPUs or one for each."},
    {.name = NULL},
};

static const struct description_node root_children[] = {
    {.name = "console",
     .path = "/console",
     .properties = console_properties,
     .doc = "The operator's console. May be left out."},
    {.name = "vms",
     .path = "/vms",
     .required = true,
     .properties = no_properties,
     .children = vms_children,
     .doc = "The virtual machines, 1 to 26."},
    {.name = "disks",
     .path = "/disks",
     .properties = no_properties,
     .children = disks_children,
     .doc = "Disks of which VMs have parts. May be left out."},
    {.name = "networks",
     .path = "/networks",
     .properties = no_properties,
     .children = networks_children,
     .doc = "Networks between VMs. May be left out."},
    {.name = NULL     },
};

const struct description_node description_schema = {
    .name = "",
    .path = "/",
    .required = true,
    .properties = root_properties,
    .children = root_children,
    .doc = "The system.",
};
