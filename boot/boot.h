/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "boot/arch.h"
#include "lib/image.h"
#include "lib/range.h"

/*
 * The loader's own pieces, in the order in which main.c uses them. A piece that finds something
 * wrong says so with boot_fail and does not return.
 */

/* ---- print.c ---- */

/* Where lines go; before it, nowhere. */
void boot_print_open(enum image_uart uart, uint64_t paddr);
void boot_print(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* One line that says what is wrong and what to do, then stop. */
_Noreturn void boot_fail(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* ---- machine.c: what the device tree says ---- */

enum { MACHINE_MEMORY_MAX = 16, MACHINE_BLOCKED_MAX = 32, MACHINE_DTB_MAX_BYTES = 2 << 20 };

enum machine_start { MACHINE_START_NONE, MACHINE_START_HVC, MACHINE_START_SMC, MACHINE_START_SPIN };

struct machine_core {
    uint64_t identity;
    uint64_t release_addr; /* spin table only */
    bool spins;
};

struct machine {
    struct range memory[MACHINE_MEMORY_MAX];
    unsigned memory_count;
    struct range blocked[MACHINE_BLOCKED_MAX]; /* memory that firmware keeps for itself */
    unsigned blocked_count;
    struct machine_core cores[ARCH_CORES_MAX];
    unsigned core_count;  /* may be more than ARCH_CORES_MAX; the rest is not listed */
    unsigned gic_version; /* 0: none found */
    enum machine_start psci;
    uint32_t psci_cpu_on;
};

/* The tree at dtb, or a failure. Packs it in place. */
void machine_read(struct machine *machine, void *dtb);
/* The UART that /chosen/stdout-path names, if it is one we know. */
enum image_uart machine_stdout(const void *dtb, uint64_t *paddr);
/* Compares with what the kernel was built for, fails on the first difference that matters. */
void machine_compare(const struct machine *machine, const struct image_machine *wanted);

/* ---- move.c ---- */

/*
 * The image must lie in memory that the kernel does not take (root gets it as device memory). When
 * it does not, copies it there and starts the copy; returns when it is in a good place.
 */
void move_image(const struct machine *machine, const struct image *image, uint64_t dtb,
                uint64_t dtb_bytes);

/* ---- place.c ---- */

/* Puts kernel, device tree and root where the kernel expects them and fills *entry. */
void place_all(const struct image *image, const void *dtb, struct arch_kernel_entry *entry);

/* ---- cores.c ---- */

/*
 * Starts cores 1 to count - 1, which go straight into the kernel and wait there for this one;
 * returns when all have arrived. Needs arch_cores.entry.
 */
void cores_start(const struct machine *machine, unsigned count);
