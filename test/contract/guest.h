/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/* The pieces of guest code: guest.S says what each does. Only their addresses are used. */
extern const unsigned char guest_code[], guest_code_end[];
extern const unsigned char guest_clock[], guest_report[], guest_ping[], guest_hvc[],
    guest_after_hvc[], guest_smc[];
extern const unsigned char guest_wfi[], guest_wfe[], guest_load[], guest_store[];
extern const unsigned char guest_load_pair[], guest_jump[], guest_spin[];
extern const unsigned char guest_gic_version[], guest_read_midr[], guest_read_sp_elr[];
extern const unsigned char guest_write_tpidr[], guest_read_tpidr[], guest_tpidr_spin[];
extern const unsigned char guest_physical_timer[], guest_debug_register[], guest_sgi1r[];
extern const unsigned char guest_icc_sre[], guest_undefined[], guest_write_ap0r[];
extern const unsigned char guest_gic_open[], guest_gic_ack[], guest_gic_end[], guest_take_irq[];
extern const unsigned char guest_timer_spin[], guest_timer_report[], guest_timer_off[];
extern const unsigned char guest_timer_read[];
