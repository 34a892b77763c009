/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include "standin/object.h"

/* The thread's system call, by its registers. Its context has enough budget. */
void syscall_handle(struct tcb *tcb);
