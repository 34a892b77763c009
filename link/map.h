/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdint.h>

/*
 * The machine that a guest sees: where QEMU's `virt` machine has things, so that kernels and
 * firmware built for that machine run unmodified. Interrupt numbers are those of the device tree:
 * SPI n is INTID 32 + n, PPI n is INTID 16 + n.
 */

#define MAP_RAM_BASE 0x40000000ull

#define MAP_GICD_BASE      0x08000000ull
#define MAP_GICD_SIZE_V2   0x1000ull
#define MAP_GICD_SIZE_V3   0x10000ull
#define MAP_GICC_BASE      0x08010000ull /* GICv2 */
#define MAP_GICC_SIZE      0x2000ull     /* GICC_DIR is in the second page */
#define MAP_V2M_BASE       0x08020000ull /* GICv2: messages become SPIs here */
#define MAP_V2M_SIZE       0x1000ull
#define MAP_GICR_BASE      0x080a0000ull /* GICv3: one frame pair for each vCPU, without a gap */
#define MAP_GICR_VCPU_SIZE 0x20000ull

#define MAP_PL011_BASE 0x09000000ull
#define MAP_PL011_SIZE 0x1000ull
#define MAP_PL031_BASE 0x09010000ull
#define MAP_PL031_SIZE 0x1000ull

#define MAP_VIRTIO_BASE 0x0a000000ull
#define MAP_VIRTIO_SIZE 0x200ull /* of each of the windows, which follow one another */

/*
 * PCI. Of the two places where QEMU's machine has configuration space this is the older: the other
 * one (256 MiB at 256 GiB) needs a 40-bit guest-physical address space and gives room for 255 more
 * buses, and there is only one. One memory window and no 64-bit one, for the same reason.
 */
#define MAP_PCI_MMIO_BASE 0x10000000ull
#define MAP_PCI_MMIO_SIZE 0x2eff0000ull
#define MAP_PCI_PIO_BASE  0x3eff0000ull
#define MAP_PCI_PIO_SIZE  0x10000ull
#define MAP_PCI_ECAM_BASE 0x3f000000ull
#define MAP_PCI_ECAM_SIZE 0x1000000ull /* 16 buses */

enum {
    MAP_VIRTIO_MAX = 32,
    MAP_PCI_BUS_MAX = 16,

    MAP_PL011_SPI = 1,
    MAP_PL031_SPI = 2,
    MAP_PCI_SPI = 3,     /* of line 0; the four follow one another */
    MAP_VIRTIO_SPI = 16, /* of the first window */
    MAP_MSI_SPI = 48,    /* of the first message; they follow one another */
    MAP_MSI_COUNT = 64,

    MAP_PPI_TIMER_SECURE = 13,
    MAP_PPI_TIMER_PHYSICAL = 14,
    MAP_PPI_TIMER_VIRTUAL = 11,
    MAP_PPI_TIMER_HYPERVISOR = 10,
};

/*
 * MPIDR_EL1 of a vCPU (Arm ARM, "MPIDR_EL1"): affinity level 0 counts, bit 31 is RES1. One SGI
 * target list covers all of them (Aff0 below 16).
 */
static inline uint64_t map_mpidr(unsigned vcpu)
{
    return 0x80000000ull | vcpu;
}
