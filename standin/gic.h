/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/* The interrupt controller and its virtual CPU interface; gic_v2.c or gic_v3.c. Lines below 32 are
 * this core's. */

#include "standin/object.h"

#define GIC_NONE         1023u
#define GIC_PRIVATE      32u
#define GIC_LINES        160u
#define GIC_MAINTENANCE  25u
#define GIC_KERNEL_TIMER 26u
#define GIC_GUEST_TIMER  27u

void gic_init(void);      /* once */
void gic_init_core(void); /* each core */

/* The interrupt to be handled, or GIC_NONE. */
uint32_t gic_acknowledge(void);

/* It is handled; one that goes to user space does not come again until gic_finish. */
void gic_end(uint32_t line, bool to_user);
void gic_finish(uint32_t line);

void gic_mask(uint32_t line, bool masked);
void gic_set_edge(uint32_t line, bool edge);
void gic_set_target(uint32_t line, uint32_t core);
void gic_send_sgi(uint32_t cores);

/* ---- virtual CPU interface ---- */

#define GICH_ENABLE   BIT(0) /* of the control register */
#define GICH_MISR_EOI BIT(0)

unsigned gich_list_count(void);
uint64_t gich_control(void);
void gich_set_control(uint64_t value);
uint64_t gich_machine(void);
void gich_set_machine(uint64_t value);
uint64_t gich_active(void);
void gich_set_active(uint64_t value);
uint64_t gich_status(void);    /* MISR */
uint64_t gich_eoi_lists(void); /* EISR */
uint64_t gich_list(unsigned i);
void gich_set_list(unsigned i, uint64_t value);

/* A pending interrupt with EOI maintenance; what a list register has in it. */
uint64_t gich_make(uint32_t line, uint32_t priority, uint32_t group);
uint64_t gich_without_eoi(uint64_t list);
bool gich_is_active(uint64_t list);

#ifdef CONFIG_ARM_GIC_V3_SUPPORT
#define GIC_NAME        "GICv3"
#define GIC_DEACTIVATES true /* an interrupt for user space stays active until gic_finish */
#else
#define GIC_NAME        "GICv2"
#define GIC_DEACTIVATES false
#endif
