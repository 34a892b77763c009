// SPDX-License-Identifier: BSD-2-Clause
#include "test/guest/neighbour/irq.h"

#include "test/guest/hostile/guest.h"

enum {
    VTIMER = 27,
    FIRST_VIRTIO = 32 + 16,
    VIRTIO_COUNT = 32,
    SPURIOUS = 1020,

    GICD_BASE = 0x08000000,
    GICC_BASE = 0x08010000,
    GICR_BASE = 0x080a0000,
    GICR_SGI = 0x10000,

    GICD_CTLR = 0x000,
    GICD_IGROUPR = 0x080,
    GICD_ISENABLER = 0x100,
    GICD_IPRIORITYR = 0x400,
    GICD_ITARGETSR = 0x800,
    GICR_WAKER = 0x014,
    GICC_CTLR = 0x000,
    GICC_PMR = 0x004,
    GICC_IAR = 0x00c,
    GICC_EOIR = 0x010,
};

#define VIRTIO_BASE 0x0a000000ull
#define VIRTIO_STEP 0x200ull

static bool v3;

static volatile uint32_t *reg(uint64_t base, uint64_t offset)
{
    return (volatile uint32_t *)(base + offset);
}

static void enable(unsigned intid)
{
    uint64_t base = intid < 32 && v3 ? GICR_BASE + GICR_SGI : GICD_BASE;
    if (v3) {
        *reg(base, GICD_IGROUPR + intid / 32 * 4) |= 1u << intid % 32;
    } else if (intid >= 32) {
        *(volatile uint8_t *)(base + GICD_ITARGETSR + intid) = 1;
    }
    *(volatile uint8_t *)(base + GICD_IPRIORITYR + intid) = 0x80;
    *reg(base, GICD_ISENABLER + intid / 32 * 4) = 1u << intid % 32;
}

void irq_open(void)
{
    uint64_t features;
    __asm__ volatile("mrs %0, id_aa64pfr0_el1" : "=r"(features));
    v3 = (features >> 24 & 0xf) != 0;
    if (v3) {
        *reg(GICD_BASE, GICD_CTLR) = 1 << 4 | 1 << 1;
        *reg(GICR_BASE, GICR_WAKER) = 0;
        __asm__ volatile("msr icc_sre_el1, %0; isb; msr icc_pmr_el1, %1; msr icc_igrpen1_el1, %2; "
                         "isb" ::"r"(7ull),
                         "r"(0xffull), "r"(1ull));
    } else {
        *reg(GICD_BASE, GICD_CTLR) = 1;
        *reg(GICC_BASE, GICC_PMR) = 0xff;
        *reg(GICC_BASE, GICC_CTLR) = 1;
    }
    enable(VTIMER);
}

void irq_enable(void)
{
    enable(FIRST_VIRTIO + (unsigned)((device - VIRTIO_BASE) / VIRTIO_STEP));
}

static void timer_off(void)
{
    __asm__ volatile("msr cntv_ctl_el0, xzr; isb");
}

static void acknowledge(unsigned intid)
{
    if (intid >= FIRST_VIRTIO && intid < FIRST_VIRTIO + VIRTIO_COUNT) {
        uint64_t at_hand = device;
        device = VIRTIO_BASE + (intid - FIRST_VIRTIO) * VIRTIO_STEP;
        mmio_write(MMIO_INTERRUPT_ACK, mmio_read(MMIO_INTERRUPT_STATUS));
        device = at_hand;
    } else if (intid == VTIMER) {
        timer_off();
    }
}

void irq_wait(uint64_t until)
{
    uint64_t machine = machine_now(), iar;
    if (machine >= until) {
        return;
    }
    __asm__ volatile(
        "msr cntv_cval_el0, %0; msr cntv_ctl_el0, %1; isb; wfi" ::"r"(now() + until - machine),
        "r"(1ull)
        : "memory");
    if (v3) {
        __asm__ volatile("mrs %0, icc_iar1_el1; dsb sy" : "=r"(iar)::"memory");
    } else {
        iar = *reg(GICC_BASE, GICC_IAR);
    }
    if ((iar & 0x3ff) < SPURIOUS) {
        acknowledge(iar & 0x3ff);
        if (v3) {
            __asm__ volatile("msr icc_eoir1_el1, %0; isb" ::"r"(iar) : "memory");
        } else {
            *reg(GICC_BASE, GICC_EOIR) = (uint32_t)iar;
        }
    }
    timer_off();
}
