// SPDX-License-Identifier: BSD-2-Clause
/* The registers of a device as they are mapped into this process. */
#include "service/virtio/transport.h"

/*
 * Registers are Device memory, which does not order itself with ordinary memory: what we wrote is
 * there before the device is told, and nothing is read before what it told us (Arm ARM B2.3).
 */
static uint32_t read_register(void *ctx, uint32_t offset, unsigned width_bytes)
{
    uintptr_t at = (uintptr_t)ctx + offset;
    uint32_t value = width_bytes == 1   ? *(volatile uint8_t *)at
                     : width_bytes == 2 ? *(volatile uint16_t *)at
                                        : *(volatile uint32_t *)at;
    __asm__ volatile("dmb oshld" ::: "memory");
    return value;
}

static void write_register(void *ctx, uint32_t offset, uint32_t value)
{
    __asm__ volatile("dmb oshst" ::: "memory");
    *(volatile uint32_t *)((uintptr_t)ctx + offset) = value;
}

struct transport_registers transport_mapped(uintptr_t vaddr)
{
    return (struct transport_registers){read_register, write_register, (void *)vaddr};
}
