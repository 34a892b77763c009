/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The system description (docs/description.md) as a compiled device tree blob: one const table of
 * what may stand where (description_schema.c), from which the checker, the defaults and the help
 * come. Pure: reads a blob that may be hostile, touches no file.
 */

enum {
    DESCRIPTION_VM_NAME_MAX = 15,
    DESCRIPTION_VM_MAX = 26, /* what is left of the serial service's clients */
    DESCRIPTION_VCPU_MAX = 8,
    DESCRIPTION_FILE_MAX = 95, /* characters of a file's name in the image */
    DESCRIPTION_NAME_MAX = 15, /* of a disk or network */
    DESCRIPTION_PARTITION_MAX = 36,
    DESCRIPTION_SERIAL_MAX = 20,
    DESCRIPTION_MAC_LENGTH = 17,
    DESCRIPTION_DEVICE_MAX = 16, /* devices of a VM that have a link, or sit on virtio-mmio */
    DESCRIPTION_NETWORK_MAX = 32,
    DESCRIPTION_CONSOLE_MAX = DESCRIPTION_VM_MAX, /* VMs, and ports of their virtio consoles */
    DESCRIPTION_CONSOLE_PORT_MAX = 3,
    DESCRIPTION_CAPTURE_MIB_MAX = 16,
    DESCRIPTION_PORT_MAX = 32, /* devices of all VMs together that a service of one kind serves */
};

enum description_type {
    DESCRIPTION_TEXT,    /* "...", min to max characters */
    DESCRIPTION_TEXTS,   /* "...", "...", each of min to max characters */
    DESCRIPTION_CHOICE,  /* "...", one of choices */
    DESCRIPTION_FILE,    /* "...", the name of a file that the tool finds */
    DESCRIPTION_NUMBER,  /* <n>, min to max, a multiple of `multiple` */
    DESCRIPTION_NUMBERS, /* <n> for all vCPUs or <n n ...>, one for each */
};

struct description_property {
    const char *name; /* NULL ends a table */
    enum description_type type;
    bool required;
    uint32_t min, max, multiple;
    const char *const *choices; /* NULL-terminated */
    const char *fallback;       /* the default as one writes it; NULL: none, or see doc */
    const char *doc;
};

struct description_node {
    const char *name; /* "*": any VM's; "*@": a device's */
    const char *path; /* for people */
    bool required;
    const struct description_property *properties;
    const struct description_node *children; /* ends with name NULL */
    const char *doc;
};

extern const struct description_node description_schema; /* the root node */

/* What is known beside the description. Zero means unknown: what depends on it is not checked. */
struct description_facts {
    unsigned core_count;
    unsigned gic_version;
    uint64_t memory_mib; /* RAM that the kernel manages */
    unsigned spread;     /* how many of the cores vCPUs get that name none; 0: all */
};

struct description_problem {
    bool is_error;        /* else a warning */
    const char *node;     /* path */
    const char *property; /* NULL: the node itself */
    const char *text;
    bool is_note; /* nothing is wrong, but it should be known */
};
typedef void description_report_fn(void *ctx, const struct description_problem *problem);

enum { DESCRIPTION_TEXT_MAX = 512, DESCRIPTION_PATH_MAX = 256 };

/*
 * Reports every mistake in the blob of size_bytes. Returns how many are errors. All texts are valid
 * during the call of report only.
 */
unsigned description_check(const void *tree, size_t size_bytes,
                           const struct description_facts *facts, description_report_fn *report,
                           void *ctx);

/* ---- values, with defaults; for a blob that passed the check ---- */

struct description_vm {
    int node;
    const char *name;
    unsigned vcpu_count;
    uint32_t core[DESCRIPTION_VCPU_MAX]; /* UINT32_MAX: Bulkhead chooses */
    uint32_t priority[DESCRIPTION_VCPU_MAX];
    uint32_t budget_us[DESCRIPTION_VCPU_MAX];
    uint32_t period_us[DESCRIPTION_VCPU_MAX];
    uint32_t memory_mib; /* 0: none or a wrong one */
    const char *kernel;
    const char *initrd; /* NULL: none */
    bool autostart;
};

/* The first VM after node (-1: the first at all); false when there is none. Wrong values read as
 * defaults. */
bool description_vm_next(const void *tree, int node, struct description_vm *vm);

/*
 * Copies the blob to `out` with every default written out, so that root needs none: vcpus, the four
 * lists with one number for each vCPU, the rest as in the table. vCPUs without a core get the cores
 * in turn, in the order of the file. Returns libfdt's error (0: done; -FDT_ERR_NOSPACE: too small).
 */
int description_complete(const void *tree, const struct description_facts *facts, void *out,
                         size_t out_bytes);

/* The board that the description names; NULL when it does not. */
const char *description_board(const void *tree);

/* ---- pieces of the checker, shared by its files ---- */

struct checker {
    const void *tree;
    const struct description_facts *facts;
    description_report_fn *report;
    void *ctx;
    unsigned error_count;
    char path[DESCRIPTION_PATH_MAX];
};

void checker_report(struct checker *checker, bool is_error, int node, const char *property,
                    const char *fmt, ...) __attribute__((format(printf, 5, 6)));
/* Not wrong, but to be known: what somebody who reads the description should not overlook. */
void checker_note(struct checker *checker, int node, const char *property, const char *text);
/* What belongs together: VMs against each other, the kernel and the board. */
void checker_check_system(struct checker *checker);
/* The same of one VM's devices, and of disks and networks. */
void checker_check_devices(struct checker *checker, int vm);
void checker_check_io(struct checker *checker);
void checker_check_sockets(struct checker *checker);
/* Memory that disks, and the links of all devices, take of the kernel's RAM. */
uint64_t description_io_mib(const void *tree);

/* Has some VM a device of this kind? */
bool description_has_device(const void *tree, const char *device);

/* Does it use the board's own disk, or network? */
bool description_has_board_disk(const void *tree);
bool description_has_uplink(const void *tree);
/* Whether some network keeps its frames for the operator. */
bool description_has_capture(const void *tree);

/* The next disk after node (-1: the first) whose contents are a file, which is *file. Its offset,
 * negative when there is none. */
int description_disk_file_next(const void *tree, int node, const char **file);

/* The address of a virtio-net without one: from the places of VM and device in the file. */
void description_default_mac(unsigned vm_index, unsigned index,
                             char mac[DESCRIPTION_MAC_LENGTH + 1]);

/* Devices with their defaults, for description_complete; libfdt's error. `vm_index` counts VMs. */
int description_complete_devices(void *tree, int vm, unsigned vm_index);

/* A NUL-terminated text property, or NULL. */
const char *description_text(const void *tree, int node, const char *name);
/* Cells of a property of whole 32-bit numbers; 0 when it is absent or something else. */
unsigned description_cells(const void *tree, int node, const char *name, uint32_t *cells,
                           unsigned max);

/* How many changes make one word of the other: letters added, dropped, exchanged, or swapped. */
unsigned description_distance(const char *a, const char *b);
