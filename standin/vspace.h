/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/* Address spaces: chapter "Address Spaces and Virtual Memory". All are stage 2 tables of 40-bit
 * addresses. */

#include "standin/call.h"

#define ASID_BITS 16

/* vspace.c: mappings. */

/* Where an address is or would be mapped: the entry and the size of what it maps, 2^bits. */
struct mapping {
    uint64_t *entry;
    unsigned bits;
};

struct mapping vspace_walk(uint64_t root, uint64_t address);
bool mapping_is_frame(struct mapping mapping);
uint64_t mapping_target(struct mapping mapping);

/* Stage 2 entry for a frame. */
uint64_t mapping_make(struct cap frame, uint8_t rights, uint64_t attributes);
uint64_t mapping_make_table(uint64_t table);

/* Undoes what a capability's data says is mapped, if it still is. */
void frame_unmap(struct cap cap);
void page_table_unmap(struct cap cap);

/* asid.c: which address spaces there are. */

/* The entry of an ASID; null if its pool does not exist. */
struct asid_entry *asid_find(uint64_t asid);

/* The root table of a VSpace capability that is assigned and still alive; 0 if not, with a refusal.
 */
uint64_t vspace_root(struct cap cap, unsigned number);

/* The next thread's address space is this core's; one that forbids all for null or a thread
 * without. */
void vspace_switch(const struct tcb *tcb);

/* Cores may hold translations of an address space that changed. */
void vspace_flush(uint64_t asid);

void vspace_finalise(struct cap cap);
void asid_pool_finalise(struct cap cap);

/* For boot: the first pool, and the page that forbids all. */
void asid_init(struct asid_entry *pool, uint64_t empty_root);
