// SPDX-License-Identifier: BSD-2-Clause

/* Plays the GICv2 under "Hardware I/O" of the seL4 manual. Arm IHI 0048. */

#include "standin/cpu.h"
#include "standin/gic.h"

#define GICD            0x08000000ul
#define GICD_CTLR       (GICD + 0x000)
#define GICD_TYPER      (GICD + 0x004)
#define GICD_IGROUPR    (GICD + 0x080)
#define GICD_ISENABLER  (GICD + 0x100)
#define GICD_ICENABLER  (GICD + 0x180)
#define GICD_ICPENDR    (GICD + 0x280)
#define GICD_ICACTIVER  (GICD + 0x380)
#define GICD_IPRIORITYR (GICD + 0x400)
#define GICD_ITARGETSR  (GICD + 0x800)
#define GICD_ICFGR      (GICD + 0xc00)
#define GICD_SGIR       (GICD + 0xf00)

#define GICC      0x08010000ul
#define GICC_CTLR (GICC + 0x00)
#define GICC_PMR  (GICC + 0x04)
#define GICC_BPR  (GICC + 0x08)
#define GICC_IAR  (GICC + 0x0c)
#define GICC_EOIR (GICC + 0x10)

#define GICH       0x08030000ul
#define GICH_HCR   (GICH + 0x00)
#define GICH_VTR   (GICH + 0x04)
#define GICH_VMCR  (GICH + 0x08)
#define GICH_MISR  (GICH + 0x10)
#define GICH_EISR0 (GICH + 0x20)
#define GICH_APR   (GICH + 0xf0)
#define GICH_LR    (GICH + 0x100)

#define LR_EOI     BIT(19)
#define LR_STATE   (3ull << 28)
#define LR_PENDING (1ull << 28)
#define LR_ACTIVE  (2ull << 28)

#define PRIORITY 0x80808080u

/* The word that was read from IAR: for an SGI it has the sender, and EOIR wants it back. */
static uint32_t acknowledged[CPUS];

static unsigned line_count(void)
{
    return 32 * ((mmio_read32(GICD_TYPER) & 0x1f) + 1);
}

void gic_init(void)
{
    unsigned lines = line_count();
    mmio_write32(GICD_CTLR, 0);
    /* Private lines' target bytes read as this core's own bit. */
    uint32_t self = mmio_read32(GICD_ITARGETSR) & 0xff;
    for (unsigned i = 32; i < lines; i += 32) {
        mmio_write32(GICD_IGROUPR + i / 8, 0);
        mmio_write32(GICD_ICENABLER + i / 8, UINT32_MAX);
        mmio_write32(GICD_ICPENDR + i / 8, UINT32_MAX);
        mmio_write32(GICD_ICACTIVER + i / 8, UINT32_MAX);
    }
    for (unsigned i = 32; i < lines; i += 4) {
        mmio_write32(GICD_IPRIORITYR + i, PRIORITY);
        mmio_write32(GICD_ITARGETSR + i, (self != 0 ? self : 1) * 0x01010101u);
    }
    for (unsigned i = 32; i < lines; i += 16) {
        mmio_write32(GICD_ICFGR + i / 4, 0);
    }
    mmio_write32(GICD_CTLR, 1);
}

void gic_init_core(void)
{
    mmio_write32(GICD_ICENABLER, 0xffff0000u);
    mmio_write32(GICD_ISENABLER, 0x0000ffffu);
    mmio_write32(GICD_ICPENDR, UINT32_MAX);
    mmio_write32(GICD_ICACTIVER, UINT32_MAX);
    mmio_write32(GICD_IGROUPR, 0);
    for (unsigned i = 0; i < 32; i += 4) {
        mmio_write32(GICD_IPRIORITYR + i, PRIORITY);
    }
    mmio_write32(GICC_PMR, 0xf0);
    mmio_write32(GICC_BPR, 3);
    mmio_write32(GICC_CTLR, 1);
    mmio_write32(GICH_HCR, 0);
}

uint32_t gic_acknowledge(void)
{
    uint32_t word = mmio_read32(GICC_IAR);
    acknowledged[this_cpu()->id] = word;
    uint32_t line = word & 0x3ff;
    return line < GIC_LINES ? line : GIC_NONE;
}

void gic_end(uint32_t line, bool to_user)
{
    if (to_user) {
        gic_mask(line, true);
    }
    mmio_write32(GICC_EOIR, acknowledged[this_cpu()->id]);
}

void gic_finish(uint32_t line)
{
    gic_mask(line, false);
}

void gic_mask(uint32_t line, bool masked)
{
    mmio_write32((masked ? GICD_ICENABLER : GICD_ISENABLER) + line / 32 * 4,
                 (uint32_t)BIT(line % 32));
}

void gic_set_edge(uint32_t line, bool edge)
{
    uintptr_t address = GICD_ICFGR + line / 16 * 4;
    uint32_t bit = 2u << (line % 16 * 2);
    uint32_t word = mmio_read32(address);
    mmio_write32(address, edge ? word | bit : word & ~bit);
}

void gic_set_target(uint32_t line, uint32_t core)
{
    *(volatile uint8_t *)(GICD_ITARGETSR + line) = (uint8_t)BIT(core);
}

void gic_send_sgi(uint32_t cores)
{
    dsb();
    mmio_write32(GICD_SGIR, cores << 16);
}

unsigned gich_list_count(void)
{
    return (mmio_read32(GICH_VTR) & 0x3f) + 1;
}

uint64_t gich_control(void)
{
    return mmio_read32(GICH_HCR);
}

void gich_set_control(uint64_t value)
{
    mmio_write32(GICH_HCR, (uint32_t)value);
}

uint64_t gich_machine(void)
{
    return mmio_read32(GICH_VMCR);
}

void gich_set_machine(uint64_t value)
{
    mmio_write32(GICH_VMCR, (uint32_t)value);
}

uint64_t gich_active(void)
{
    return mmio_read32(GICH_APR);
}

void gich_set_active(uint64_t value)
{
    mmio_write32(GICH_APR, (uint32_t)value);
}

uint64_t gich_status(void)
{
    return mmio_read32(GICH_MISR);
}

uint64_t gich_eoi_lists(void)
{
    return mmio_read32(GICH_EISR0);
}

uint64_t gich_list(unsigned i)
{
    return mmio_read32(GICH_LR + 4 * i);
}

void gich_set_list(unsigned i, uint64_t value)
{
    mmio_write32(GICH_LR + 4 * i, (uint32_t)value);
}

uint64_t gich_make(uint32_t line, uint32_t priority, uint32_t group)
{
    return (uint64_t)group << 30 | LR_PENDING | (uint64_t)priority << 23 | LR_EOI | line;
}

uint64_t gich_without_eoi(uint64_t list)
{
    return list & ~LR_EOI;
}

bool gich_is_active(uint64_t list)
{
    return (list & LR_STATE) == LR_ACTIVE;
}
