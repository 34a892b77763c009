/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * The seL4 API as the stand-in kernel offers it: same names, types and numbers as seL4 16 (AArch64,
 * MCS, hypervisor), as far as Bulkhead uses them. See the seL4 reference manual for what they mean.
 */

#include <sel4/bootinfo.h>
#include <sel4/constants.h>
#include <sel4/faults.h>
#include <sel4/invocations.h>
#include <sel4/invocations_arm.h>
#include <sel4/labels.h>
#include <sel4/syscalls.h>
#include <sel4/types.h>
