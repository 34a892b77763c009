/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/* AArch64 at EL2: register access, barriers and the bits that this kernel sets. Arm ARM, DDI 0487.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BIT(n)  (1ull << (n))
#define MASK(n) (BIT(n) - 1)

#define read_reg(name)                                                                             \
    ({                                                                                             \
        uint64_t value_;                                                                           \
        __asm__ volatile("mrs %0, " #name : "=r"(value_)::"memory");                               \
        value_;                                                                                    \
    })
#define write_reg(name, value)                                                                     \
    __asm__ volatile("msr " #name ", %0" ::"r"((uint64_t)(value)) : "memory")

static inline void isb(void)
{
    __asm__ volatile("isb" ::: "memory");
}

/* Full system, all accesses: page tables and device state are rarely changed, so no finer barrier.
 */
static inline void dsb(void)
{
    __asm__ volatile("dsb sy" ::: "memory");
}

static inline void cpu_pause(void)
{
    __asm__ volatile("wfe" ::: "memory");
}

static inline uint32_t mmio_read32(uintptr_t address)
{
    return *(volatile uint32_t *)address;
}

static inline void mmio_write32(uintptr_t address, uint32_t value)
{
    *(volatile uint32_t *)address = value;
}

/* HCR_EL2 */
#define HCR_VM   BIT(0)
#define HCR_SWIO BIT(1)
#define HCR_FMO  BIT(3)
#define HCR_IMO  BIT(4)
#define HCR_AMO  BIT(5)
#define HCR_DC   BIT(12)
#define HCR_TWI  BIT(13)
#define HCR_TWE  BIT(14)
#define HCR_TSC  BIT(19)
#define HCR_TAC  BIT(21)
#define HCR_TTLB BIT(25)
#define HCR_TVM  BIT(26)
#define HCR_TGE  BIT(27)
#define HCR_RW   BIT(31)

/* What both share: stage 2, AArch64 EL1, physical interrupts and SMC to EL2. */
#define HCR_SHARED (HCR_VM | HCR_RW | HCR_AMO | HCR_IMO | HCR_FMO | HCR_TSC)
/* A thread without a VCPU runs at EL0 with stage 1 off; all its exceptions come to EL2. */
#define HCR_NATIVE (HCR_SHARED | HCR_TGE | HCR_TVM | HCR_TTLB | HCR_DC | HCR_TAC | HCR_SWIO)
/* A guest owns its stage 1; waiting for an interrupt is reported. */
#define HCR_GUEST (HCR_SHARED | HCR_TWI | HCR_TWE)

/* SCTLR_EL1: reserved-one bits, CP15BEN, and no trap of WFI, WFE. */
#define SCTLR_BASE   (0x30d00800ull | BIT(5) | BIT(16) | BIT(18))
#define SCTLR_UCT    BIT(15)
#define SCTLR_UCI    BIT(26)
#define SCTLR_GUEST  (SCTLR_BASE | SCTLR_UCT | SCTLR_UCI)
#define SCTLR_NATIVE (SCTLR_GUEST | BIT(2) | BIT(12))

#define CPACR_FPEN (3ull << 20)
#define CPTR_RES1  0x33ffull
#define CPTR_TFP   BIT(10)

/* Exception classes of ESR_EL2. */
#define ESR_CLASS(esr)    ((esr) >> 26)
#define ESR_UNKNOWN       0x02000000ull /* class 0, 32-bit instruction: undefined instruction */
#define CLASS_SVC64       0x15
#define CLASS_HVC64       0x16
#define CLASS_FETCH_LOWER 0x20
#define CLASS_DATA_LOWER  0x24

/* PSTATE of threads: EL0, with FIQ and SError masked as seL4's release build has it. */
#define PSTATE_USER  0x140ull
#define PSTATE_FLAGS 0xf0000000ull
#define PSTATE_MODE  0x1full
#define MODE_EL0T    0
#define MODE_EL1T    4
#define MODE_EL1H    5

#define TIMER_HZ 62500000ull

static inline uint64_t timer_now(void)
{
    isb();
    return read_reg(cntpct_el0);
}
