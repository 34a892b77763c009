// SPDX-License-Identifier: BSD-2-Clause
#include "boot/aarch64/registers.h"
#include "boot/arch.h"
#include "boot/boot.h"

enum { EL1 = 1, EL2 = 2, EL3 = 3 };

#define MPIDR_AFFINITY 0xff00fffffful

/* head.S has them as numbers. */
_Static_assert(offsetof(struct arch_cores, identity) == 56, "ENTRY_BYTES");
_Static_assert(offsetof(struct arch_cores, count) == 56 + 8 * 32, "CORES_MAX");

struct arch_cores arch_cores;
volatile uint64_t arch_core_arrived[ARCH_CORES_MAX];

const char *arch_mode_error(void)
{
    switch (register_read(CurrentEL) >> 2 & 3) {
    case EL2:
        return NULL;
    case EL1:
        return "entered at EL1, but seL4 as a hypervisor needs EL2: start QEMU with -M "
               "virt,virtualization=on, or have the firmware enter at EL2";
    default:
        return "entered at EL3, but seL4 as a hypervisor needs EL2: start QEMU with -M "
               "virt,secure=off, or have the firmware drop to EL2";
    }
}

const char *arch_paddr_error(unsigned paddr_bits)
{
    static const unsigned char bits_of_range[] = {32, 36, 40, 42, 44, 48, 52};
    uint64_t range = register_read(id_aa64mmfr0_el1) & 15;
    unsigned has = range < sizeof bits_of_range ? bits_of_range[range] : 52;
    if (has >= paddr_bits) {
        return NULL;
    }
    return paddr_bits == 44
               ? "it needs 44 bits of physical address, this CPU has fewer: start QEMU "
                 "with that -cpu, or build the kernel for this one"
               : "it needs 40 bits of physical address, this CPU has fewer: build the "
                 "kernel for this one";
}

static uint32_t crc_instructions(uint32_t crc, const void *data, size_t size_bytes)
{
    const uint8_t *byte = data;
    crc = ~crc;
    for (; size_bytes != 0 && (uintptr_t)byte % 8 != 0; size_bytes--) {
        __asm__(".arch_extension crc\n crc32b %w0, %w0, %w1" : "+r"(crc) : "r"(*byte++));
    }
    const uint64_t *word = (const void *)byte;
    for (; size_bytes >= 32; size_bytes -= 32, word += 4) {
        __asm__(".arch_extension crc\n"
                "crc32x %w0, %w0, %1\n crc32x %w0, %w0, %2\n"
                "crc32x %w0, %w0, %3\n crc32x %w0, %w0, %4"
                : "+r"(crc)
                : "r"(word[0]), "r"(word[1]), "r"(word[2]), "r"(word[3]));
    }
    for (byte = (const void *)word; size_bytes != 0; size_bytes--) {
        __asm__(".arch_extension crc\n crc32b %w0, %w0, %w1" : "+r"(crc) : "r"(*byte++));
    }
    return ~crc;
}

crc_update_fn *arch_crc(void)
{
    bool has_crc = (register_read(id_aa64isar0_el1) >> 16 & 15) != 0;
    return has_crc ? crc_instructions : crc_update;
}

void arch_clean(const void *data, size_t size_bytes)
{
    uint64_t line = 4ull << (register_read(ctr_el0) >> 16 & 15);
    uintptr_t start = (uintptr_t)data & ~(line - 1), end = (uintptr_t)data + size_bytes;
    for (uintptr_t at = start; at < end; at += line) {
        __asm__ volatile("dc civac, %0" : : "r"(at) : "memory");
    }
    __asm__ volatile("dsb sy; ic ialluis; dsb sy; isb" : : : "memory");
}

uint64_t arch_timer_hz(void)
{
    return register_read(cntfrq_el0);
}

uint64_t arch_time_us(void)
{
    isb();
    uint64_t count = register_read(cntpct_el0), hz = arch_timer_hz();
    return hz != 0 ? count / hz * 1000000 + count % hz * 1000000 / hz : 0;
}

uint64_t arch_core_self(void)
{
    return register_read(mpidr_el1) & MPIDR_AFFINITY;
}

void arch_wake_cores(void)
{
    __asm__ volatile("dsb sy; sev" : : : "memory");
}

_Noreturn void arch_exception(unsigned kind);
_Noreturn void arch_exception(unsigned kind)
{
    boot_fail("the loader itself faulted (vector %u): ESR 0x%lx, at 0x%lx, address 0x%lx", kind,
              register_read(esr_el2), register_read(elr_el2), register_read(far_el2));
}
