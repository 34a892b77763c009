/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/* The kernel's start: chapter "System Bootstrapping". */

#include "standin/object.h"

/* What the loader passes in x0..x5. Addresses are physical; virtual = physical - offset. */
struct boot_args {
    uint64_t image_start;
    uint64_t image_end;
    uint64_t offset;
    uint64_t entry;
    uint64_t fdt_start;
    uint64_t fdt_size;
};

#define BOOT_STACK 0x4000 /* per core; entry.S has the same */
extern uint8_t boot_stacks[];

/* From entry.S. */
_Noreturn void boot_primary(uint64_t image_start, uint64_t image_end, uint64_t offset,
                            uint64_t entry, uint64_t fdt_start, uint64_t fdt_size);
_Noreturn void boot_secondary(uint64_t id, uint64_t stack_top);

/* The next free slot of the initial thread's CNode gets a capability; returns which. */
seL4_SlotPos boot_add_cap(struct cap cap);

/* boot_memory.c: notes what memory is taken. */
void boot_reserve(const struct boot_args *args);

/* Cleared memory for an object of 2^bits bytes, or for whole pages, from the top of RAM. */
uint64_t boot_allocate(unsigned bits);
uint64_t boot_allocate_pages(uint64_t size);

/* Everything else becomes untyped memory, device memory first. */
void boot_create_untyped(seL4_BootInfo *info, seL4_SlotPos first);
