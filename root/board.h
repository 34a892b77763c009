/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <sel4/sel4.h>
#include <stdbool.h>
#include <stdint.h>

/* What root needs to know of the machine: read once from the device tree that the loader hands
 * over. */
struct board {
    const void *tree;   /* the device tree, in the boot information */
    uint64_t uart_base; /* of the console (a PL011), physical */
    uint32_t uart_intid;
    uint64_t gicv_base; /* GICv2: the virtual CPU interface for guests; 0 with GICv3 */
    uint64_t gicv_bytes;
    uint32_t gic_version;
    uint64_t rtc_base;  /* of a PL031, physical; 0: none */
    uint32_t rtc_intid; /* 0: it has no interrupt */
    uint64_t epoch_s;   /* seconds since 1970 when the counter was zero, 0 if nobody knows */
    uint64_t seed[4];   /* entropy that the firmware left for its kernel; zero if none */
};

/* Region `index` of a node's reg property. False: it has none. */
bool board_reg(const void *tree, int node, int index, uint64_t *base, uint64_t *bytes);

/* False: the reason says why (root/reason.h). */
bool board_read(struct board *board, const seL4_BootInfo *info);
