// SPDX-License-Identifier: BSD-2-Clause
/* The interrupt controller as a bench guest uses it: GICv2 or GICv3, whichever the machine has. */
#include "bench/guest/guest.h"

enum {
    GICC_BASE = 0x08010000,
    GICR_BASE = 0x080a0000,
    GICR_STRIDE = 0x20000,
    GICR_SGI = 0x10000,

    GICD_CTLR = 0x000,
    GICD_ISENABLER = 0x100,
    GICD_IPRIORITYR = 0x400,
    GICD_ITARGETSR = 0x800,
    GICD_SGIR = 0xf00,
    GICD_IGROUPR = 0x080,
    GICR_WAKER = 0x14,

    GICC_CTLR = 0x000,
    GICC_PMR = 0x004,
    GICC_IAR = 0x00c,
    GICC_EOIR = 0x010,

    SPURIOUS = 1020,
};

struct mean gic_eoi;
bool gic_eoi_wanted;
static unsigned version;

static volatile uint32_t *reg(uint64_t base, uint64_t offset)
{
    return (volatile uint32_t *)(base + offset);
}

#define SYSREG_READ(name)                                                                          \
    ({                                                                                             \
        uint64_t value_;                                                                           \
        __asm__ volatile("mrs %0, " name : "=r"(value_));                                          \
        value_;                                                                                    \
    })
#define SYSREG_WRITE(name, value) __asm__ volatile("msr " name ", %0" ::"r"((uint64_t)(value)))

static unsigned vcpu(void)
{
    return SYSREG_READ("mpidr_el1") & 0xff;
}

unsigned gic_version(void)
{
    if (version == 0) {
        version = (SYSREG_READ("id_aa64pfr0_el1") >> 24 & 0xf) == 0 ? 2 : 3;
    }
    return version;
}

/* Where the registers of private interrupts are. */
static uint64_t private_base(void)
{
    return version == 2 ? (uint64_t)GICD_BASE
                        : (uint64_t)GICR_BASE + vcpu() * (uint64_t)GICR_STRIDE + GICR_SGI;
}

void gic_open(void)
{
    if (gic_version() == 2) {
        *reg(GICD_BASE, GICD_CTLR) = 1;
        *reg(GICC_BASE, GICC_PMR) = 0xff;
        *reg(GICC_BASE, GICC_CTLR) = 1;
        return;
    }
    *reg(GICD_BASE, GICD_CTLR) = 1 << 4 | 1 << 1;
    *reg(private_base() - GICR_SGI, GICR_WAKER) = 0;
    *reg(private_base(), GICD_IGROUPR) = ~0u;
    SYSREG_WRITE("icc_sre_el1", 7);
    __asm__ volatile("isb");
    SYSREG_WRITE("icc_pmr_el1", 0xff);
    SYSREG_WRITE("icc_igrpen1_el1", 1);
    __asm__ volatile("isb");
}

void gic_enable(unsigned intid)
{
    uint64_t base = intid < 32 ? private_base() : (uint64_t)GICD_BASE;
    if (intid >= 32 && version == 2) {
        *(volatile uint8_t *)(base + GICD_ITARGETSR + intid) = 1;
    }
    if (intid >= 32 && version == 3) {
        *reg(base, GICD_IGROUPR + intid / 32 * 4) |= 1u << intid % 32;
    }
    *(volatile uint8_t *)(base + GICD_IPRIORITYR + intid) = 0x80;
    *reg(base, GICD_ISENABLER + intid / 32 * 4) = 1u << intid % 32;
}

void gic_send_sgi(unsigned sgi, unsigned target)
{
    if (version == 2) {
        *reg(GICD_BASE, GICD_SGIR) = 1u << (16 + target) | sgi;
    } else {
        SYSREG_WRITE("s3_0_c12_c11_5", (uint64_t)sgi << 24 | 1ul << target);
    }
}

static void end(uint32_t iar)
{
    if (version == 2) {
        *reg(GICC_BASE, GICC_EOIR) = iar;
    } else {
        SYSREG_WRITE("s3_0_c12_c12_1", iar);
        __asm__ volatile("isb");
    }
}

void guest_irq(uint64_t entered);
void guest_irq(uint64_t entered)
{
    uint32_t iar =
        version == 2 ? *reg(GICC_BASE, GICC_IAR) : (uint32_t)SYSREG_READ("s3_0_c12_c12_0");
    if ((iar & 0x3ff) >= SPURIOUS) {
        return;
    }
    guest_interrupt(entered, iar & 0x3ff);
    if (gic_eoi_wanted) {
        dither();
        uint64_t started = counter();
        end(iar);
        mean_add(&gic_eoi, counter() - started);
    } else {
        end(iar);
    }
}
