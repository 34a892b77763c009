/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/* The TCB methods that read and write registers. */

#include "standin/call.h"

enum outcome tcb_read_registers(const struct call *call, struct tcb *tcb);
enum outcome tcb_write_registers(const struct call *call, struct tcb *tcb);
enum outcome tcb_copy_registers(const struct call *call, struct tcb *tcb);
enum outcome tcb_set_tls_base(const struct call *call, struct tcb *tcb);
