/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/crc.h"

/*
 * What differs between instruction sets; boot/<isa>/ implements it. The loader runs on one core
 * with interrupts masked. Memory is reached where it is (virtual = physical) except for the
 * kernel's own window, which arch_map_kernel adds.
 */

enum arch_memory { ARCH_DEVICE, ARCH_NORMAL };

/* NULL when the core is in the mode that the kernel wants, else why it is not and what to do. */
const char *arch_mode_error(void);

/* NULL when the core can translate addresses as the kernel wants (paddr_bits as in image_machine).
 */
const char *arch_paddr_error(unsigned paddr_bits);

/*
 * Makes [paddr, paddr + size) reachable, in whole 2 MiB blocks; what is mapped already stays as it
 * is. False when there is no room for another table. Works before and after arch_mmu_on.
 */
bool arch_map(uint64_t paddr, uint64_t size_bytes, enum arch_memory kind);
bool arch_map_kernel(uint64_t vaddr, uint64_t paddr, uint64_t size_bytes);

/* Translation and caches on, with the address size that the kernel expects to find. */
void arch_mmu_on(unsigned paddr_bits);

/* Other cores load this core's translation before their caches are on. After the last arch_map. */
void arch_clean_translation(void);

/* The fastest checksum that this core has. */
crc_update_fn *arch_crc(void);

/* Makes what was written visible to cores without caches and to instruction fetch. */
void arch_clean(const void *data, size_t size_bytes);

uint64_t arch_time_us(void);
uint64_t arch_timer_hz(void);

/* This core's identity, as the device tree's cpu nodes say it in `reg`. */
uint64_t arch_core_self(void);

/* A firmware call with the given method; returns the firmware's (signed) answer. */
int64_t arch_call_hvc(uint64_t function, uint64_t a, uint64_t b, uint64_t c);
int64_t arch_call_smc(uint64_t function, uint64_t a, uint64_t b, uint64_t c);

/* Tells cores that wait for a memory word to look at it. */
void arch_wake_cores(void);

/* Where secondary cores enter, with their logical number in the first argument register. */
void arch_core_entry(void);
/*
 * The same for a core that comes from a spin table, which cannot pass a number: by identity. Where
 * cores share a release address, some may come that nobody wants: these stop here.
 */
void arch_core_entry_spin(void);

/* What the kernel gets at its entry: seL4's boot protocol, the same on all cores. */
struct arch_kernel_entry {
    uint64_t image_start; /* root's image, physical */
    uint64_t image_end;
    uint64_t image_offset; /* physical minus virtual */
    uint64_t image_entry;  /* virtual */
    uint64_t dtb;          /* physical */
    uint64_t dtb_bytes;
    uint64_t kernel_entry; /* virtual */
};

enum { ARCH_CORES_MAX = 32 };

/*
 * What the primary core writes for the others. Read by them before they have caches, so it is
 * cleaned to memory when it is complete.
 */
struct arch_cores {
    struct arch_kernel_entry entry;
    uint64_t identity[ARCH_CORES_MAX]; /* by logical number */
    uint64_t count;
};
extern struct arch_cores arch_cores;

/* Not zero once that logical core has its translation on; it then enters the kernel by itself. */
extern volatile uint64_t arch_core_arrived[ARCH_CORES_MAX];

/* Enters arch_cores.entry on this core, as logical core 0. */
_Noreturn void arch_enter_kernel(void);

/* Starts the image again from its (new) first byte, as firmware does. */
_Noreturn void arch_enter_image(const void *image, uint64_t dtb);

_Noreturn void arch_stop(void);
