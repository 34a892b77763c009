/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/* The kernel's options, written by standin/config.sh, and those of this library. */

#include <kernel/gen_config.h>

#ifndef CONFIG_LIB_SEL4_USE_THREAD_LOCALS
#define CONFIG_LIB_SEL4_USE_THREAD_LOCALS 1
#endif
