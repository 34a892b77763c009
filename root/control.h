/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <sel4/sel4.h>

/*
 * The loop: waits for the operator's requests, for what VMMs say of their guests, for faults of
 * processes and for time, and hands them on.
 */
_Noreturn void control_run(seL4_CPtr reply);
