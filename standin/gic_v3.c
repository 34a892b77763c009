// SPDX-License-Identifier: BSD-2-Clause

/* Plays the GICv3 under "Hardware I/O" of the seL4 manual. Arm IHI 0069. */

#include "standin/cpu.h"
#include "standin/gic.h"

#define GICD            0x08000000ul
#define GICD_CTLR       (GICD + 0x0000)
#define GICD_TYPER      (GICD + 0x0004)
#define GICD_ICFGR      (GICD + 0x0c00)
#define GICD_IROUTER    (GICD + 0x6000)
#define CTLR_GROUPS_ARE 0x13u
#define CTLR_RWP        BIT(31)

/* A redistributor has two pages; the second is like the distributor's registers of lines 0 to 31.
 */
#define GICR         0x080a0000ul
#define GICR_STRIDE  0x20000ul
#define GICR_TYPER   0x0008
#define TYPER_LAST   BIT(4)
#define GICR_WAKER   0x0014
#define GICR_PRIVATE 0x10000
#define WAKER_SLEEP  BIT(1)
#define WAKER_ASLEEP BIT(2)

#define IGROUPR    0x080
#define ISENABLER  0x100
#define ICENABLER  0x180
#define ICPENDR    0x280
#define ICACTIVER  0x380
#define IPRIORITYR 0x400

#define PRIORITY 0xa0a0a0a0u

#define icc_sre_el2     S3_4_C12_C9_5
#define icc_sre_el1     S3_0_C12_C12_5
#define icc_pmr_el1     S3_0_C4_C6_0
#define icc_bpr1_el1    S3_0_C12_C12_3
#define icc_ctlr_el1    S3_0_C12_C12_4
#define icc_igrpen1_el1 S3_0_C12_C12_7
#define icc_iar1_el1    S3_0_C12_C12_0
#define icc_eoir1_el1   S3_0_C12_C12_1
#define icc_dir_el1     S3_0_C12_C11_1
#define icc_sgi1r_el1   S3_0_C12_C11_5
#define ich_hcr_el2     S3_4_C12_C11_0
#define ich_vtr_el2     S3_4_C12_C11_1
#define ich_misr_el2    S3_4_C12_C11_2
#define ich_eisr_el2    S3_4_C12_C11_3
#define ich_vmcr_el2    S3_4_C12_C11_7
#define ich_ap1r0_el2   S3_4_C12_C9_0

#define read_named(name)            read_expanded(name)
#define read_expanded(name)         read_reg(name)
#define write_named(name, value)    write_expanded(name, value)
#define write_expanded(name, value) write_reg(name, value)

#define LR_EOI     BIT(41)
#define LR_STATE   (3ull << 62)
#define LR_PENDING (1ull << 62)
#define LR_ACTIVE  (2ull << 62)

static uintptr_t redistributor[CPUS];
static uint64_t affinity[CPUS];

static void wait_written(void)
{
    while (mmio_read32(GICD_CTLR) & CTLR_RWP) {
    }
}

/* The registers that say something about a line: in the distributor or this core's redistributor.
 */
static uintptr_t line_base(uint32_t line)
{
    return line < GIC_PRIVATE ? redistributor[this_cpu()->id] + GICR_PRIVATE : GICD;
}

void gic_init(void)
{
    unsigned lines = 32 * ((mmio_read32(GICD_TYPER) & 0x1f) + 1);
    mmio_write32(GICD_CTLR, 0);
    wait_written();
    for (unsigned i = 32; i < lines; i += 32) {
        mmio_write32(GICD + ICENABLER + i / 8, UINT32_MAX);
        mmio_write32(GICD + ICPENDR + i / 8, UINT32_MAX);
        mmio_write32(GICD + ICACTIVER + i / 8, UINT32_MAX);
        mmio_write32(GICD + IGROUPR + i / 8, UINT32_MAX);
    }
    for (unsigned i = 32; i < lines; i += 4) {
        mmio_write32(GICD + IPRIORITYR + i, PRIORITY);
    }
    for (unsigned i = 32; i < lines; i += 16) {
        mmio_write32(GICD_ICFGR + i / 4, 0);
    }
    mmio_write32(GICD_CTLR, CTLR_GROUPS_ARE);
    wait_written();
    uint64_t self = read_reg(mpidr_el1) & 0xff00fffffful;
    for (unsigned i = 32; i < lines; i++) {
        *(volatile uint64_t *)(GICD_IROUTER + 8ul * i) = self;
    }
}

static void find_redistributor(void)
{
    uint64_t self = read_reg(mpidr_el1);
    uint32_t wanted = (uint32_t)((self >> 32 & 0xff) << 24 | (self & 0xffffff));
    uint32_t id = this_cpu()->id;
    bool last = false;
    for (uintptr_t base = GICR; !last; base += GICR_STRIDE) {
        if (mmio_read32(base + GICR_TYPER + 4) == wanted) {
            redistributor[id] = base;
            affinity[id] = self & 0xff00fffffful;
            return;
        }
        last = mmio_read32(base + GICR_TYPER) & TYPER_LAST;
    }
    cpu_panic("no redistributor for", wanted);
}

void gic_init_core(void)
{
    find_redistributor();
    uintptr_t base = redistributor[this_cpu()->id];
    mmio_write32(base + GICR_WAKER, mmio_read32(base + GICR_WAKER) & ~(uint32_t)WAKER_SLEEP);
    while (mmio_read32(base + GICR_WAKER) & WAKER_ASLEEP) {
    }
    base += GICR_PRIVATE;
    mmio_write32(base + ICACTIVER, UINT32_MAX);
    mmio_write32(base + ICENABLER, 0xffff0000u);
    mmio_write32(base + ISENABLER, 0x0000ffffu);
    mmio_write32(base + IGROUPR, UINT32_MAX);
    for (unsigned i = 0; i < 32; i += 4) {
        mmio_write32(base + IPRIORITYR + i, PRIORITY);
    }
    /* System registers for EL2 and EL1; a guest's access to ICC_SRE_EL1 traps. */
    write_named(icc_sre_el2, 7);
    isb();
    write_named(icc_sre_el1, 7);
    isb();
    write_named(icc_bpr1_el1, 0);
    write_named(icc_pmr_el1, 0xff);
    /* EOIR drops the priority only: user space says when the interrupt may come again. */
    write_named(icc_ctlr_el1, read_named(icc_ctlr_el1) | 2);
    write_named(icc_igrpen1_el1, 1);
    write_named(ich_hcr_el2, 0);
    isb();
}

uint32_t gic_acknowledge(void)
{
    uint32_t line = (uint32_t)read_named(icc_iar1_el1);
    dsb();
    return line < GIC_LINES ? line : GIC_NONE;
}

void gic_end(uint32_t line, bool to_user)
{
    write_named(icc_eoir1_el1, line);
    isb();
    if (!to_user) {
        gic_finish(line);
    }
}

void gic_finish(uint32_t line)
{
    write_named(icc_dir_el1, line);
    isb();
}

void gic_mask(uint32_t line, bool masked)
{
    mmio_write32(line_base(line) + (masked ? ICENABLER : ISENABLER) + line / 32 * 4,
                 (uint32_t)BIT(line % 32));
}

void gic_set_edge(uint32_t line, bool edge)
{
    uintptr_t address = line_base(line) + 0xc00 + line / 16 * 4;
    uint32_t bit = 2u << (line % 16 * 2);
    uint32_t word = mmio_read32(address);
    mmio_write32(address, edge ? word | bit : word & ~bit);
}

void gic_set_target(uint32_t line, uint32_t core)
{
    *(volatile uint64_t *)(GICD_IROUTER + 8ul * line) = affinity[core];
}

void gic_send_sgi(uint32_t cores)
{
    dsb();
    for (uint32_t i = 0; i < CPUS; i++) {
        if (cores & BIT(i)) {
            uint64_t to = affinity[i];
            write_named(icc_sgi1r_el1, (to >> 32 & 0xff) << 48 | (to >> 16 & 0xff) << 32 |
                                           (to >> 8 & 0xff) << 16 | BIT(to & 0xf));
        }
    }
    isb();
}

unsigned gich_list_count(void)
{
    return (unsigned)(read_named(ich_vtr_el2) & 0x1f) + 1;
}

uint64_t gich_control(void)
{
    return read_named(ich_hcr_el2);
}

void gich_set_control(uint64_t value)
{
    write_named(ich_hcr_el2, value);
    isb();
}

uint64_t gich_machine(void)
{
    return read_named(ich_vmcr_el2);
}

void gich_set_machine(uint64_t value)
{
    write_named(ich_vmcr_el2, value);
}

uint64_t gich_active(void)
{
    return read_named(ich_ap1r0_el2);
}

void gich_set_active(uint64_t value)
{
    write_named(ich_ap1r0_el2, value);
}

uint64_t gich_status(void)
{
    return read_named(ich_misr_el2);
}

uint64_t gich_eoi_lists(void)
{
    return read_named(ich_eisr_el2);
}

/* The number of a list register is part of the instruction. */
#define EACH_LIST(do_list)                                                                         \
    do_list(0, 12, 0) do_list(1, 12, 1) do_list(2, 12, 2) do_list(3, 12, 3) do_list(4, 12, 4)      \
        do_list(5, 12, 5) do_list(6, 12, 6) do_list(7, 12, 7) do_list(8, 13, 0) do_list(9, 13, 1)  \
            do_list(10, 13, 2) do_list(11, 13, 3) do_list(12, 13, 4) do_list(13, 13, 5)            \
                do_list(14, 13, 6) do_list(15, 13, 7)

uint64_t gich_list(unsigned i)
{
    switch (i) {
#define READ_LIST(n, crm, op2)                                                                     \
    case n:                                                                                        \
        return read_reg(S3_4_C12_C##crm##_##op2);
        EACH_LIST(READ_LIST)
    default:
        return 0;
    }
}

void gich_set_list(unsigned i, uint64_t value)
{
    switch (i) {
#define WRITE_LIST(n, crm, op2)                                                                    \
    case n:                                                                                        \
        write_reg(S3_4_C12_C##crm##_##op2, value);                                                 \
        break;
        EACH_LIST(WRITE_LIST)
    default:
        break;
    }
}

uint64_t gich_make(uint32_t line, uint32_t priority, uint32_t group)
{
    return LR_PENDING | (uint64_t)group << 60 | (uint64_t)priority << 48 | LR_EOI | line;
}

uint64_t gich_without_eoi(uint64_t list)
{
    return list & ~LR_EOI;
}

bool gich_is_active(uint64_t list)
{
    return (list & LR_STATE) == LR_ACTIVE;
}
