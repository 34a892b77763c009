/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/* Limits that root, VMMs and devices must agree on. */
enum { VCPU_MAX = 8 };
