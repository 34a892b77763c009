/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/* Pieces of code for a helper thread's PC (native.S says what each does). Never called directly. */
void native_store_registers(void);
void native_breakpoint(void);
void native_vector_instruction(void);
void native_undefined(void);
void native_system_register(void);
void native_smc(void);
void native_unknown_syscall(void);
