/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdint.h>

/* System registers by name (Arm ARM, DDI 0487, chapter D19). */
#define register_read(name)                                                                        \
    ({                                                                                             \
        uint64_t value_;                                                                           \
        __asm__ volatile("mrs %0, " #name : "=r"(value_));                                         \
        value_;                                                                                    \
    })

#define register_write(name, value)                                                                \
    __asm__ volatile("msr " #name ", %0" : : "r"((uint64_t)(value)) : "memory")

static inline void isb(void)
{
    __asm__ volatile("isb" : : : "memory");
}

static inline void dsb(void)
{
    __asm__ volatile("dsb sy" : : : "memory");
}
